//! TAP: order one is mean field, the answer is stationary, and the next orders err less where couplings are weak.

use crate::support::{
    ByHand, all_states, assert_all_close, assert_close, log_sum_exp, machines, random_dbm, rows, tensor,
};
use dbm::evaluate::elbo_unnormalized;
use dbm::inference::{Inference, MeanField, Random, Refined, Stop, Tap, TapEstimate, Uninformed};
use dbm::math::{Stream, Tensor};
use dbm::models::Dbm;

const DONE: Stop = Stop { max_sweeps: 3000, tolerance: Some(1e-13), traced: false };

fn tap(order: usize) -> Tap<Uninformed> {
    Tap { start: Uninformed, order, damping: 0.5, stop: DONE }
}

fn means(found: &TapEstimate) -> Vec<Vec<f64>> {
    rows(&Tensor::cat(&found.means, 1).unwrap())
}

#[test]
fn order_one_is_mean_field() {
    for (name, dbm, by_hand) in machines() {
        let images = tensor(&all_states(by_hand.visible()));
        for damping in [0.0, 0.3] {
            for sweeps in [0, 1, 5] {
                let stop = Stop::after(sweeps);
                let found =
                    Tap { start: Random, order: 1, damping, stop }.estimate(&dbm, &images, Stream::new(4)).unwrap();
                let by = MeanField { damping, ..MeanField::default() };
                let twin = Refined { start: Random, by, stop }.infer(&dbm, &images, Stream::new(4)).unwrap().q;
                let twin_means = dbm::posterior::Posterior::means(&twin).unwrap();
                let twin_means = rows(&Tensor::cat(&twin_means, 1).unwrap()).concat();
                assert_all_close(&name, &means(&found).concat(), &twin_means, 1e-12);
                let bounds = elbo_unnormalized(&dbm, &images, &twin).unwrap();
                assert_all_close(&name, &found.free_energies, &bounds, 1e-10);
            }
        }
    }
}

/// G in plain loops over the hidden units of the machine with v given.
fn free_energy_by_hand(by_hand: &ByHand, visible: &[f64], means: &[f64], order: usize) -> f64 {
    let entropy = |m: f64| -m * m.ln() - (1.0 - m) * (1.0 - m).ln();
    let mut total = by_hand.log_joint(&[visible, means].concat()) + means.iter().map(|&m| entropy(m)).sum::<f64>();
    let mut from = 0;
    for l in 1..by_hand.sizes.len() - 1 {
        let (n, next) = (by_hand.sizes[l], by_hand.sizes[l + 1]);
        for i in 0..n {
            for j in 0..next {
                let (w, a, b) = (by_hand.weights[l][i][j], means[from + i], means[from + n + j]);
                let (va, vb) = (a - a * a, b - b * b);
                if order >= 2 {
                    total += 0.5 * w * w * va * vb;
                }
                if order >= 3 {
                    total += 2.0 / 3.0 * w.powi(3) * va * (0.5 - a) * vb * (0.5 - b);
                }
            }
        }
        from += n;
    }
    total
}

#[test]
fn a_settled_answer_is_a_stationary_point_of_the_free_energy() {
    for order in 1..=3 {
        for (seed, sizes) in [&[3, 4][..], &[3, 3, 2], &[2, 3, 2, 3]].into_iter().enumerate() {
            let dbm = random_dbm(sizes, 0.9, 0.8, seed as u64);
            let by_hand = ByHand::of(&dbm);
            let visible = all_states(by_hand.visible());
            let found = tap(order).estimate(&dbm, &tensor(&visible), Stream::new(0)).unwrap();
            assert!(found.trace.converged.as_ref().unwrap().iter().all(|&converged| converged));
            for ((v, means), nats) in visible.iter().zip(means(&found)).zip(&found.free_energies) {
                assert_close("free energy", *nats, free_energy_by_hand(&by_hand, v, &means, order), 1e-10);
                for unit in 0..means.len() {
                    // Along the log-odds of the mean, which has no edge near which G bends sharply.
                    let at = |step: f64| {
                        let mut moved = means.clone();
                        let odds = (moved[unit] / (1.0 - moved[unit])).ln() + step;
                        moved[unit] = 1.0 / (1.0 + (-odds).exp());
                        free_energy_by_hand(&by_hand, v, &moved, order)
                    };
                    let step = 1e-5;
                    assert_close("slope", (at(step) - at(-step)) / (2.0 * step), 0.0, 1e-8);
                }
            }
        }
    }
}

/// Mean absolute errors of the marginals and of ln p̃(v) over all images.
fn errors(dbm: &Dbm, order: usize) -> [f64; 2] {
    let by_hand = ByHand::of(dbm);
    let visible = all_states(by_hand.visible());
    let found = tap(order).estimate(dbm, &tensor(&visible), Stream::new(0)).unwrap();
    let (mut marginals, mut evidence) = (0.0, 0.0);
    for ((v, means), nats) in visible.iter().zip(means(&found)).zip(&found.free_energies) {
        let posterior = by_hand.posterior(v);
        evidence += (nats - log_sum_exp(&by_hand.log_joints(v))).abs();
        for (unit, mean) in means.iter().enumerate() {
            let states = all_states(by_hand.hidden());
            let exact: f64 = states.iter().zip(&posterior).map(|(h, p)| h[unit] * p).sum();
            marginals += (mean - exact).abs() / by_hand.hidden() as f64;
        }
    }
    [marginals, evidence].map(|sum| sum / visible.len() as f64)
}

/// The error of order k is of order k + 1 in the couplings: halving them divides it by 2^(k + 1), or more where that order
/// happens to vanish.
#[test]
fn the_error_of_each_order_vanishes_with_the_next_power_of_the_couplings() {
    let machine = |scale: f64| {
        let dbm = random_dbm(&[2, 4, 3, 2], 1.0, 0.8, 6);
        let weights: Vec<Tensor> =
            dbm.weights().iter().map(|weight| (weight.tensor().unwrap() * scale).unwrap()).collect();
        dbm.with_parameters(weights, dbm.biases().to_vec()).unwrap()
    };
    let mut before = [f64::INFINITY; 2];
    for order in 1..=3 {
        let (large, small) = (errors(&machine(0.1), order), errors(&machine(0.05), order));
        for (large, small) in large.iter().zip(small) {
            let power = (large / small).log2();
            assert!(power > order as f64 + 0.8, "order {order}: the error falls with power {power} of the couplings");
        }
        assert!(large.iter().zip(before).all(|(now, before)| *now < before), "order {order}: {large:?} {before:?}");
        before = large;
    }
}

#[test]
fn without_couplings_between_hidden_units_every_order_is_exact() {
    let dbm = random_dbm(&[4, 5], 1.5, 1.0, 2);
    for order in 1..=3 {
        let [marginals, evidence] = errors(&dbm, order);
        assert!(marginals < 1e-12 && evidence < 1e-10, "order {order}: {marginals:e}, {evidence:e}");
    }
}

#[test]
fn strong_couplings_may_settle_nowhere_and_it_is_said() {
    let mut failed = 0;
    for seed in 0..12 {
        let dbm = random_dbm(&[3, 5, 4], 6.0, 3.0, seed);
        let short = Tap { stop: Stop::when_within(1e-10, 300), ..tap(2) };
        let found = short.estimate(&dbm, &tensor(&all_states(3)), Stream::new(0)).unwrap();
        failed += found.trace.converged.iter().flatten().filter(|&&converged| !converged).count();
        assert!(means(&found).concat().iter().all(|mean| (0.0..=1.0).contains(mean)));
        assert!(found.free_energies.iter().all(|nats| nats.is_finite()));
    }
    assert!(failed > 0);
}

#[test]
fn orders_that_there_are_not_are_refused() {
    let dbm = random_dbm(&[2, 2], 1.0, 1.0, 0);
    for order in [0, 4] {
        let refused = tap(order).estimate(&dbm, &tensor(&all_states(2)), Stream::new(0));
        assert!(refused.map(|_| ()).unwrap_err().to_string().contains("order 1, 2 or 3"));
    }
}
