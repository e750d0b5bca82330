//! Structured mean field: tables over blocks of hidden units, against sums over all states.

use crate::support::{
    ByHand, all_states, assert_all_close, assert_close, machines, random_dbm, random_q, rows, tensor,
};
use dbm::evaluate::elbo_unnormalized;
use dbm::inference::{Inference, MeanField, Random, Refine, Refined, Stop, Structured, Tables, Uninformed};
use dbm::math::{DType, Result, Stream, Tensor, host};
use dbm::models::{Dbm, LatentModel, Schedule};
use dbm::posterior::{Block, Blocks, Factorial, Partition, Posterior};

fn structured<S>(start: S, tables: Tables, stop: Stop) -> Structured<S> {
    Structured { start, tables, max_bits: 16.0, stop }
}

fn images(by_hand: &ByHand) -> Tensor {
    tensor(&all_states(by_hand.visible()))
}

fn side_by_side(layers: &[Tensor]) -> Vec<f64> {
    rows(&Tensor::cat(layers, 1).unwrap()).concat()
}

const DONE: Stop = Stop { max_sweeps: 2000, tolerance: Some(1e-13), traced: false };

#[test]
fn partitions_hold_every_unit_once_and_name_its_layer() {
    let sizes = [4, 1, 3];
    assert_eq!(Partition::columns(&sizes).unwrap().blocks(), [vec![0, 4, 5], vec![1, 6], vec![2, 7], vec![3]]);
    assert_eq!(Partition::of_size(&sizes, 3).unwrap().blocks(), [vec![0, 4, 5], vec![1, 6, 2], vec![7, 3]]);
    let whole = Partition::of_size(&sizes, 99).unwrap();
    assert_eq!((whole.blocks().len(), whole.largest()), (1, 8));
    let places: Vec<_> = (0..8).map(|unit| whole.place(unit)).collect();
    assert_eq!(places, [(0, 0), (0, 1), (0, 2), (0, 3), (1, 0), (2, 0), (2, 1), (2, 2)]);
    for wrong in [vec![vec![0, 1]], vec![vec![0, 1, 1], vec![2]], vec![vec![0, 1, 2, 3]], vec![vec![0, 1, 2], vec![]]] {
        assert!(Partition::new(&[2, 1], wrong.clone()).is_err(), "{wrong:?}");
    }
    assert!(Tables::Of(whole).partition(&[4, 1, 2]).is_err(), "blocks of other layers");
}

/// Random tables over random blocks: entropy, means and ELBO against sums over all states.
#[test]
fn the_bound_of_any_tables_is_the_evidence_less_their_divergence_from_the_posterior() {
    for (name, dbm, by_hand) in machines().filter(|(_, _, by_hand)| by_hand.hidden() <= 8) {
        for size in [1, 2, 3, 99] {
            let (visible, sizes) = (&all_states(by_hand.visible())[1..], &by_hand.sizes[1..]);
            let partition = Partition::of_size(sizes, size).unwrap();
            let stream = Stream::new(size as u64);
            let tables = partition.blocks().iter().enumerate().map(|(place, units)| {
                let states = tensor(&all_states(units.len()));
                let draws =
                    stream.at(place as u64).normal(visible.len(), 1 << units.len(), DType::F64, states.device());
                Block::normalize(states, &(draws? * 2.0)?)
            });
            let tables: Vec<Block> = tables.collect::<Result<_>>().unwrap();
            let q = Blocks::new(partition.clone(), tables.clone(), DType::F64).unwrap();
            let bounds = elbo_unnormalized(&dbm, &tensor(visible), &q).unwrap();
            let (means, entropies) = (q.means().unwrap(), host(&q.entropy().unwrap()).unwrap());
            let log_probs: Vec<Vec<Vec<f64>>> = tables.iter().map(|table| rows(&table.log_probs)).collect();
            for (example, v) in visible.iter().enumerate() {
                let posterior = by_hand.posterior(v);
                let (mut divergence, mut entropy, mut mean) = (0.0, 0.0, vec![0.0; by_hand.hidden()]);
                for (h, p) in all_states(by_hand.hidden()).iter().zip(&posterior) {
                    let of_block = |(block, units): (usize, &Vec<usize>)| {
                        let state: usize = units.iter().enumerate().map(|(bit, &unit)| (h[unit] as usize) << bit).sum();
                        log_probs[block][example][state]
                    };
                    let log_q: f64 = partition.blocks().iter().enumerate().map(of_block).sum();
                    divergence += log_q.exp() * (log_q - p.ln());
                    entropy -= log_q.exp() * log_q;
                    mean.iter_mut().zip(h).for_each(|(mean, h)| *mean += log_q.exp() * h);
                }
                assert_close(&name, entropies[example], entropy, 1e-9);
                assert_close(&name, by_hand.log_evidence(v) - bounds[example], divergence, 1e-8);
                let found: Vec<f64> = means.iter().flat_map(|layer| rows(layer)[example].clone()).collect();
                assert_all_close(&name, &found, &mean, 1e-10);
            }
        }
    }
}

#[test]
fn no_update_of_a_block_lowers_the_elbo() {
    for (name, dbm, by_hand) in machines() {
        for tables in [Tables::Columns, Tables::OfSize(2), Tables::OfSize(3)] {
            let scheme = structured(Random, tables, Stop::after(12).traced());
            let trace = scheme.infer(&dbm, &images(&by_hand), Stream::new(1)).unwrap().trace;
            assert_eq!(trace.elbos_unnormalized.len(), 13);
            for pair in trace.elbos_unnormalized.windows(2) {
                assert!(pair[1] >= pair[0] - 1e-10, "{name}: from {} to {}", pair[0], pair[1]);
            }
        }
    }
}

#[test]
fn blocks_of_one_unit_are_mean_field() {
    for (name, dbm, by_hand) in machines() {
        let (images, sizes) = (images(&by_hand), &by_hand.sizes[1..]);
        // Bottom to top, as mean field goes.
        let singles = Partition::new(sizes, (0..by_hand.hidden()).map(|unit| vec![unit]).collect()).unwrap();
        for sweeps in [0, 1, 4] {
            let found = structured(Random, Tables::Of(singles.clone()), Stop::after(sweeps));
            let found = found.infer(&dbm, &images, Stream::new(5)).unwrap().q.means().unwrap();
            let by = MeanField { schedule: Schedule::Ascending, damping: 0.0 };
            let twin = Refined { start: Random, by, stop: Stop::after(sweeps) };
            let twin = twin.infer(&dbm, &images, Stream::new(5)).unwrap().q.means().unwrap();
            assert_all_close(&name, &side_by_side(&found), &side_by_side(&twin), 1e-12);
        }
    }
}

#[test]
fn one_block_of_all_units_is_exact_after_one_sweep() {
    for (name, dbm, by_hand) in machines() {
        let images = images(&by_hand);
        let scheme = structured(Random, Tables::OfSize(by_hand.hidden()), Stop::after(1));
        let q = scheme.infer(&dbm, &images, Stream::new(2)).unwrap().q;
        let (exact, evidence) = dbm.clamp(&images).unwrap().tabulate(20.0).unwrap();
        assert_all_close(&name, &elbo_unnormalized(&dbm, &images, &q).unwrap(), &evidence, 1e-9);
        assert_all_close(&name, &side_by_side(&q.means().unwrap()), &side_by_side(&exact.means().unwrap()), 1e-10);
    }
}

/// A start that is the answer of mean field.
fn from_mean_field(dbm: &Dbm, images: &Tensor, tables: Tables) -> (Vec<f64>, Vec<f64>) {
    let mean_field = Refined { start: Uninformed, by: MeanField::default(), stop: DONE };
    let start = mean_field.infer(dbm, images, Stream::new(0)).unwrap().q;
    let found = structured(mean_field, tables, DONE).infer(dbm, images, Stream::new(0)).unwrap().q;
    (elbo_unnormalized(dbm, images, &start).unwrap(), elbo_unnormalized(dbm, images, &found).unwrap())
}

#[test]
fn from_a_solution_of_mean_field_every_example_can_only_gain() {
    let mut gains = 0;
    for (name, dbm, by_hand) in machines() {
        let (before, after) = from_mean_field(&dbm, &images(&by_hand), Tables::Columns);
        for (before, after) in before.iter().zip(after) {
            assert!(after >= before - 1e-10, "{name}: from {before} to {after}");
            gains += usize::from(after > before + 1e-3);
        }
    }
    assert!(gains > 0, "tables over connected units gain in machines with more than one hidden layer");
}

#[test]
fn tables_within_a_layer_gain_nothing_because_its_units_do_not_interact() {
    let dbm = random_dbm(&[3, 4, 2], 1.5, 1.0, 4);
    let by_layer = Partition::new(&[4, 2], vec![vec![0, 1, 2, 3], vec![4, 5]]).unwrap();
    let (before, after) = from_mean_field(&dbm, &tensor(&all_states(3)), Tables::Of(by_layer));
    assert_all_close("ELBO", &after, &before, 1e-10);
}

#[test]
fn a_converged_block_is_the_posterior_of_its_units_given_the_means_of_the_others() {
    let dbm = random_dbm(&[3, 3, 2, 2], 1.2, 0.7, 8);
    let by_hand = ByHand::of(&dbm);
    let scheme = structured(Uninformed, Tables::Columns, DONE);
    let found = scheme.infer(&dbm, &images(&by_hand), Stream::new(0)).unwrap();
    assert!(found.trace.converged.unwrap().iter().all(|&converged| converged));
    let means = rows(&Tensor::cat(&found.q.means().unwrap(), 1).unwrap());
    for (block, units) in found.q.blocks().iter().zip(found.q.partition().blocks()) {
        for (example, v) in all_states(3).iter().enumerate() {
            let joint = |state: &Vec<f64>| {
                let mut values = means[example].clone();
                units.iter().zip(state).for_each(|(&unit, &state)| values[unit] = state);
                by_hand.log_joint(&[&v[..], &values].concat())
            };
            let joints: Vec<f64> = all_states(units.len()).iter().map(joint).collect();
            let total = crate::support::log_sum_exp(&joints);
            let expected: Vec<f64> = joints.iter().map(|joint| joint - total).collect();
            assert_all_close("ln q", &rows(&block.log_probs)[example], &expected, 1e-10);
        }
    }
}

#[test]
fn no_answer_depends_on_the_rest_of_the_batch() {
    let dbm = random_dbm(&[4, 4, 3], 2.0, 1.0, 3);
    let images = tensor(&all_states(4));
    let stop = Stop::when_within(1e-6, 200);
    let infer = |images: &Tensor| {
        let found = structured(Uninformed, Tables::Columns, stop).infer(&dbm, images, Stream::new(0)).unwrap();
        (rows(&Tensor::cat(&found.q.means().unwrap(), 1).unwrap()), found.trace.sweeps)
    };
    let (whole, sweeps) = infer(&images);
    assert!(sweeps.iter().min() < sweeps.iter().max(), "examples settle at different times");
    for example in 0..16 {
        let (alone, alone_sweeps) = infer(&images.narrow(0, example, 1).unwrap());
        assert_all_close("means", &whole[example], &alone[0], 1e-14);
        assert_eq!(sweeps[example], alone_sweeps[0]);
    }
}

#[test]
fn zero_sweeps_leave_the_start_and_large_blocks_are_refused() {
    let dbm = random_dbm(&[3, 4, 3], 1.0, 1.0, 1);
    let images = tensor(&all_states(3));
    let q: Factorial = random_q(&dbm, &images, 3.0, Stream::new(1));
    let start = Refined { start: Random, by: Fixed(q.clone()), stop: Stop::after(0) };
    let found = structured(start, Tables::Columns, Stop::after(0)).infer(&dbm, &images, Stream::new(0)).unwrap().q;
    let expected = elbo_unnormalized(&dbm, &images, &q).unwrap();
    assert_all_close("ELBO", &elbo_unnormalized(&dbm, &images, &found).unwrap(), &expected, 1e-10);
    let large = Structured { start: Uninformed, tables: Tables::OfSize(7), max_bits: 6.0, stop: Stop::after(1) };
    let message = large.infer(&dbm, &images, Stream::new(0)).map(|_| ()).unwrap_err().to_string();
    assert!(message.contains("2^7") && message.contains("2^6"), "{message}");
}

/// A refinement that ends at a given q.
struct Fixed(Factorial);

impl<C: dbm::models::Conditionals> Refine<C> for Fixed {
    fn refine(&self, _: &C, _: Factorial, _: Stop, _: Stream) -> Result<dbm::inference::Inferred<Factorial>> {
        Ok(dbm::inference::Inferred { q: self.0.clone(), trace: dbm::inference::Trace::default() })
    }
}
