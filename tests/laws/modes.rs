//! MAP inference: the best state by enumeration, the search for it, and the point mass there.

use crate::support::{ByHand, all_states, assert_all_close, assert_close, machines, random_dbm, rows, tensor};
use dbm::evaluate::elbo_unnormalized;
use dbm::inference::{Inference, IteratedModes, Map};
use dbm::math::{DType, Device, Result, Stream, Tensor, host};
use dbm::models::{Conditionals, Dbm, LatentModel, Mode, Reading, Schedule, Swept, best_of_all};
use dbm::posterior::{PointMass, Posterior};
use dbm::units::{Kind, Units};
use std::sync::Arc;

const MAP: Map = Map { max_bits: 20.0 };

/// States of all hidden units of each example, side by side.
fn states(q: &PointMass) -> Vec<Vec<f64>> {
    rows(&Tensor::cat(q.states(), 1).unwrap())
}

fn best_by_hand(by_hand: &ByHand, visible: &[f64]) -> (Vec<f64>, f64) {
    let joints = by_hand.log_joints(visible);
    let best = (0..joints.len()).max_by(|&a, &b| joints[a].total_cmp(&joints[b])).unwrap();
    (all_states(by_hand.hidden())[best].clone(), joints[best])
}

#[test]
fn the_best_state_is_the_argmax_over_all_states() {
    for (name, dbm, by_hand) in machines() {
        let images = tensor(&all_states(by_hand.visible()));
        let clamped = dbm.clamp(&images).unwrap();
        let (_, nats) = clamped.mode(20.0, &images).unwrap();
        let found = states(&MAP.infer(&dbm, &images, Stream::new(0)).unwrap().q);
        let (twin, twin_nats) = best_of_all(&clamped, 20.0, &images).unwrap();
        assert_eq!(rows(&Tensor::cat(&twin, 1).unwrap()), found, "{name}");
        assert_all_close(&name, &twin_nats, &nats, 1e-9);
        for ((visible, found), nats) in rows(&images).iter().zip(found).zip(nats) {
            let (state, expected) = best_by_hand(&by_hand, visible);
            assert_eq!(found, state, "{name}");
            assert_close(&name, nats, expected, 1e-9);
        }
    }
}

#[test]
fn the_best_state_is_found_over_many_chunks_and_beyond_a_limit_refused() {
    let dbm = random_dbm(&[3, 13, 14], 0.7, 0.5, 5);
    let images = tensor(&all_states(3)[2..4]);
    let clamped = dbm.clamp(&images).unwrap();
    let (found, nats) = clamped.mode(13.0, &images).unwrap();
    assert_all_close("joint", &host(&clamped.log_joint(&found).unwrap()).unwrap(), &nats, 1e-9);
    // No single layer and no single unit can do better, and no search finds more.
    let swept = clamped.sweep(Swept::from_states(found.clone()), Schedule::OddEven, Reading::Mode).unwrap();
    assert_eq!(rows(&Tensor::cat(&swept.states, 1).unwrap()), rows(&Tensor::cat(&found, 1).unwrap()));
    let search = IteratedModes { starts: 200, max_sweeps: 50 }.infer(&dbm, &images, Stream::new(1)).unwrap();
    let searched = elbo_unnormalized(&dbm, &images, &search.q).unwrap();
    assert_all_close("200 starts", &searched, &nats, 1e-9);
    let message = clamped.mode(12.0, &images).map(|_| ()).unwrap_err().to_string();
    assert!(message.contains("2^13") && message.contains("2^12"), "{message}");
}

#[test]
fn iterated_modes_never_exceed_the_best_state_and_end_where_no_unit_would_flip() {
    let mut found_best = 0;
    for (name, dbm, by_hand) in machines() {
        let images = tensor(&all_states(by_hand.visible()));
        let best = dbm.clamp(&images).unwrap().mode(20.0, &images).unwrap().1;
        let search = IteratedModes { starts: 1, max_sweeps: 100 };
        let found = search.infer(&dbm, &images, Stream::new(3)).unwrap();
        assert!(found.trace.converged.unwrap().iter().all(|&converged| converged), "{name}");
        let nats = elbo_unnormalized(&dbm, &images, &found.q).unwrap();
        for ((visible, state), (nats, best)) in rows(&images).iter().zip(states(&found.q)).zip(nats.iter().zip(&best)) {
            assert!(*nats <= best + 1e-9, "{name}: {nats} above {best}");
            found_best += usize::from(*nats > best - 1e-9);
            for unit in 0..state.len() {
                let mut flipped = state.clone();
                flipped[unit] = 1.0 - flipped[unit];
                let nats_flipped = by_hand.log_joint(&[&visible[..], &flipped].concat());
                assert!(nats_flipped <= nats + 1e-9, "{name}: unit {unit} would rather flip");
            }
        }
    }
    assert!(found_best > 0, "one start is enough somewhere");
}

#[test]
fn sweeps_of_iterated_modes_never_lower_the_joint() {
    for (name, dbm, by_hand) in machines() {
        let images = tensor(&all_states(by_hand.visible()));
        let clamped = dbm.clamp(&images).unwrap();
        let mut before = vec![f64::NEG_INFINITY; images.dim(0).unwrap()];
        for sweeps in 1..6 {
            let search = IteratedModes { starts: 1, max_sweeps: sweeps };
            let found = search.infer(&dbm, &images, Stream::new(7)).unwrap();
            let nats = host(&clamped.log_joint(found.q.states()).unwrap()).unwrap();
            assert!(nats.iter().zip(&before).all(|(after, before)| *after >= before - 1e-10), "{name}");
            before = nats;
        }
    }
}

#[test]
fn more_starts_are_never_worse_and_batches_change_nothing() {
    let dbm = random_dbm(&[4, 6, 5, 4], 2.0, 1.0, 9);
    let images = tensor(&all_states(4));
    let nats = |starts: usize| {
        let found = IteratedModes { starts, max_sweeps: 100 }.infer(&dbm, &images, Stream::new(2)).unwrap();
        elbo_unnormalized(&dbm, &images, &found.q).unwrap()
    };
    let (one, twenty) = (nats(1), nats(20));
    assert!(one.iter().zip(&twenty).all(|(one, twenty)| twenty >= one), "the first start is among the twenty");
    assert!(one.iter().zip(&twenty).any(|(one, twenty)| *twenty > one + 1e-3), "somewhere twenty find more");
    let search = IteratedModes { starts: 3, max_sweeps: 100 };
    let infer = |images: &Tensor, from| states(&search.infer(&dbm, images, Stream::new(4).from_row(from)).unwrap().q);
    let cut = [infer(&images.narrow(0, 0, 5).unwrap(), 0), infer(&images.narrow(0, 5, 11).unwrap(), 5)].concat();
    assert_eq!(cut, infer(&images, 0));
}

/// Differences of ELBOs of point masses against differences of ln p(h | v).
#[test]
fn the_elbo_of_a_point_mass_is_loose_by_exactly_the_log_posterior() {
    for (name, dbm, by_hand) in machines().filter(|(_, _, by_hand)| by_hand.hidden() <= 7) {
        for visible in all_states(by_hand.visible()) {
            let all = all_states(by_hand.hidden());
            let images = tensor(&vec![visible.clone(); all.len()]);
            let q = PointMass::at(dbm.units()[1..].to_vec(), crate::support::layers(&all, &by_hand.sizes[1..]));
            assert!(host(&q.entropy().unwrap()).unwrap().iter().all(|&entropy| entropy == 0.0));
            let looseness: Vec<f64> = elbo_unnormalized(&dbm, &images, &q)
                .unwrap()
                .iter()
                .map(|nats| by_hand.log_evidence(&visible) - nats)
                .collect();
            let expected: Vec<f64> = by_hand.posterior(&visible).iter().map(|p| -p.ln()).collect();
            assert_all_close(&name, &looseness, &expected, 1e-9);
        }
    }
}

#[test]
fn on_a_continuum_the_bound_of_a_point_is_minus_infinity() {
    let states = vec![Tensor::zeros((2, 3), DType::F64, &Device::Cpu).unwrap()];
    let q = PointMass::at(vec![Arc::new(Continuous) as Kind], states);
    assert_eq!(host(&q.entropy().unwrap()).unwrap(), [f64::NEG_INFINITY; 2]);
}

#[test]
fn a_search_without_starts_is_refused() {
    let dbm: Dbm = random_dbm(&[2, 2], 1.0, 1.0, 0);
    let search = IteratedModes { starts: 0, max_sweeps: 5 };
    let refused = search.infer(&dbm, &tensor(&all_states(2)), Stream::new(0));
    assert!(refused.map(|_| ()).unwrap_err().to_string().contains("at least one start"));
}

/// A unit with a continuum of states, of which nothing else is asked.
#[derive(Debug)]
struct Continuous;

impl Units for Continuous {
    fn name(&self) -> &'static str {
        "continuous"
    }
    fn log_normalizer(&self, input: &Tensor) -> Result<Tensor> {
        Ok(input.clone())
    }
    fn mean(&self, input: &Tensor) -> Result<Tensor> {
        Ok(input.clone())
    }
    fn variance(&self, input: &Tensor) -> Result<Tensor> {
        input.ones_like()
    }
    fn mode(&self, input: &Tensor) -> Result<Tensor> {
        Ok(input.clone())
    }
    fn sample(&self, input: &Tensor, _: Stream) -> Result<Tensor> {
        Ok(input.clone())
    }
    fn log_base(&self, state: &Tensor) -> Result<Tensor> {
        state.zeros_like()
    }
    fn expected_log_base(&self, input: &Tensor) -> Result<Tensor> {
        input.zeros_like()
    }
    fn entropy(&self, input: &Tensor) -> Result<Tensor> {
        input.zeros_like()
    }
    fn mix(&self, old: &Tensor, _: &Tensor, _: f64) -> Result<Tensor> {
        Ok(old.clone())
    }
    fn input_of_mean(&self, mean: &Tensor) -> Result<Tensor> {
        Ok(mean.clone())
    }
    fn states(&self) -> Option<&'static [f64]> {
        None
    }
}
