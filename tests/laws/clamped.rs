//! ln p̃(v) of single examples by weighted samples, against sums over all hidden states.

use crate::support::{ByHand, all_states, assert_all_close, assert_close, converted, log_sum_exp, random_dbm, tensor};
use dbm::evaluate::{Assess, Guarantee, Sampled, Weighing, Yardstick, elbo_unnormalized};
use dbm::inference::{Inference, MeanField, Refined, Stop, Uninformed};
use dbm::math::{DType, Nats, Stream, Tensor, log_mean_exp, mean_of};
use dbm::models::Dbm;
use dbm::posterior::Factorial;

const MACHINES: [&[usize]; 4] = [&[5, 6], &[5, 4, 4], &[4, 4, 3, 3], &[4, 3, 3, 2, 2]];
const WAYS: [Weighing; 2] = [Weighing::Importance, Weighing::Annealing { temperatures: 20 }];

type Start = Refined<Uninformed, MeanField>;

fn start() -> Start {
    Refined { start: Uninformed, by: MeanField::default(), stop: Stop::when_within(1e-10, 500) }
}

fn sampled(by: Weighing, samples: usize) -> Sampled<Start> {
    Sampled { start: start(), samples, by }
}

fn q(dbm: &Dbm, visible: &Tensor) -> Factorial {
    start().infer(dbm, visible, Stream::new(0)).unwrap().q
}

/// Standard error of the mean weight over that mean.
fn relative_error(row: &[f64]) -> f64 {
    let weights: Nats = row.iter().map(|w| (w - log_mean_exp(row)).exp()).collect();
    let squares: f64 = weights.iter().map(|w| (w - 1.0).powi(2)).sum();
    (squares / (row.len() as f64 - 1.0) / row.len() as f64).sqrt()
}

#[test]
fn weights_of_samples_average_to_the_evidence() {
    const SAMPLES: usize = 3000;
    for (sizes, seed) in MACHINES.iter().zip(10..) {
        let dbm = random_dbm(sizes, 1.5, 1.0, seed);
        let states = &all_states(sizes[0])[3..7];
        let (visible, hand) = (tensor(states), ByHand::of(&dbm));
        let exact: Nats = states.iter().map(|v| hand.log_evidence(v)).collect();
        for by in WAYS {
            let found =
                sampled(by, SAMPLES).log_weights(&dbm, &visible, &q(&dbm, &visible), Stream::new(seed)).unwrap();
            for (row, exact) in found.iter().zip(&exact) {
                assert_eq!(row.len(), SAMPLES);
                assert_close("ln p̃(v)", log_mean_exp(row), *exact, 4.5 * relative_error(row) + 1e-9);
                assert!(mean_of(row) <= exact + 1e-9, "{by:?}: the mean of logarithms is a lower bound");
            }
        }
    }
}

#[test]
fn a_machine_with_one_hidden_layer_needs_no_samples() {
    let dbm = random_dbm(&[6, 5], 2.0, 1.0, 3);
    let states = all_states(6);
    let (visible, hand) = (tensor(&states), ByHand::of(&dbm));
    let exact: Nats = states.iter().map(|v| hand.log_evidence(v)).collect();
    for by in WAYS {
        let found = sampled(by, 1).log_weights(&dbm, &visible, &q(&dbm, &visible), Stream::new(1)).unwrap();
        assert_all_close("ln p̃(v)", &found.concat(), &exact, 1e-9);
    }
}

#[test]
fn samples_take_the_bound_closer_to_the_evidence() {
    for (sizes, seed) in MACHINES[1..].iter().zip(30..) {
        let dbm = random_dbm(sizes, 2.0, 1.0, seed);
        let states = all_states(sizes[0]);
        let (visible, hand) = (tensor(&states), ByHand::of(&dbm));
        let exact = mean_of(&states.iter().map(|v| hand.log_evidence(v)).collect::<Nats>());
        let bound = mean_of(&elbo_unnormalized(&dbm, &visible, &q(&dbm, &visible)).unwrap());
        for by in [Weighing::Importance, Weighing::Annealing { temperatures: 200 }] {
            let judge = |samples| {
                let scheme = sampled(by, samples);
                scheme.assess(&dbm, &visible, Yardstick::default(), Stream::new(5), &|| 0.0).unwrap()
            };
            let (few, many) = (judge(2), judge(200));
            assert_eq!(many.guarantee, Guarantee::StochasticLowerBound);
            let gaps = [&few, &many].map(|found| exact - found.elbo_unnormalized().mean);
            assert!(gaps[1].abs() < 0.02 && gaps[1] < gaps[0] + 0.01 && gaps[0] < exact - bound, "{by:?}: {gaps:?}");
            let effective = many.effective_samples.unwrap();
            assert!(effective.iter().all(|samples| (1.0..=200.0 + 1e-6).contains(samples)), "{effective:?}");
            assert!(many.kl.is_none(), "what is left of the gap is no divergence of q");
        }
    }
}

#[test]
fn sampled_evidence_follows_the_example_and_not_the_block() {
    let dbm = random_dbm(&[5, 4, 3], 1.0, 1.0, 2);
    let visible = tensor(&all_states(5)[..8]);
    for by in WAYS {
        let judge = |first: usize, rows: usize| {
            let (by_first, rows) = (Yardstick { reference: None, first }, visible.narrow(0, first, rows).unwrap());
            sampled(by, 7).assess(&dbm, &rows, by_first, Stream::new(3), &|| 0.0).unwrap().elbos_unnormalized
        };
        assert_all_close("in two blocks", &[judge(0, 3), judge(3, 5)].concat(), &judge(0, 8), 1e-10);
    }
}

#[test]
fn chains_with_conditionals_of_their_own_agree_in_both_precisions() {
    let dbm = random_dbm(&[12, 9, 7], 0.7, 0.7, 6);
    let visible = tensor(&all_states(12)[100..110]);
    let single = converted(&dbm, DType::F32);
    let narrow = visible.to_dtype(DType::F32).unwrap();
    for by in WAYS {
        let double = sampled(by, 50).log_weights(&dbm, &visible, &q(&dbm, &visible), Stream::new(2)).unwrap();
        // The same q, so that the same samples are drawn.
        let inputs = q(&dbm, &visible).inputs().iter().map(|input| input.to_dtype(DType::F32).unwrap()).collect();
        let own = Factorial::from_inputs(q(&dbm, &visible).units().to_vec(), inputs);
        let single = sampled(by, 50).log_weights(&single, &narrow, &own, Stream::new(2)).unwrap();
        for (single, double) in single.iter().zip(&double) {
            assert_close("ln p̃(v) in f32", log_mean_exp(single), log_mean_exp(double), 5e-3);
        }
    }
    // Not one example's conditionals for all: the examples differ.
    let values: Nats = all_states(12)[100..110].iter().map(|v| ByHand::of(&dbm).log_evidence(v)).collect();
    assert!(log_sum_exp(&values) > values[0] + 0.1);
}
