//! Sparse activity: its pull against the slope of its penalty, and where it leads.

use crate::gradients::{differences, flat, with};
use crate::learning::{PLAIN, begin, some_examples, train};
use crate::steps::ruled;
use crate::support::{assert_all_close, random_dbm, tensor};
use dbm::inference::Exact;
use dbm::learning::{
    Gradient, MaximumLikelihood, NegativePhase, NegativeStart, Parameters, Pretraining, Rules, SchemeAlone, Sparsity,
    Statistics,
};
use dbm::math::{DType, Device, Stream, Tensor, Term, host, sigmoid};
use dbm::models::Dbm;

/// Means of three layers at five examples, and what counts as the running means of the hidden ones.
fn phase() -> (Vec<Tensor>, Vec<Tensor>) {
    let means = |seed, units| sigmoid(&Stream::new(seed).normal(5, units, DType::F64, &Device::Cpu).unwrap()).unwrap();
    let activity = [4, 3].map(|units| means(9, units).mean(0).unwrap());
    (vec![means(1, 6), means(2, 4), means(3, 3)], activity.to_vec())
}

#[test]
fn the_pull_of_sparsity_is_the_slope_of_its_penalty() {
    let (layers, activity) = phase();
    let sparsity = Sparsity { targets: vec![0.2, 0.6], cost: 0.3, damping: 0.9 };
    let positive = Statistics::of(&layers).unwrap();
    let dbm = random_dbm(&[6, 4, 3], 0.5, 0.5, 1);
    let below: Vec<Vec<f64>> = positive.biases.iter().map(|mean| host(mean).unwrap()).collect();
    // cost Σ (q - t) (b + v̄ W), q and the means below held.
    let penalty = |at: &Parameters| {
        let mut total = 0.0;
        for (l, (activity, target)) in activity.iter().zip(&sparsity.targets).enumerate() {
            let (weights, bias) = (at.weights[l].tensor().unwrap(), host(&at.biases[l + 1]).unwrap());
            for (unit, q) in host(activity).unwrap().into_iter().enumerate() {
                let column = host(&weights.narrow(1, unit, 1).unwrap()).unwrap();
                let sent: f64 = column.iter().zip(&below[l]).map(|(weight, mean)| weight * mean).sum();
                total += sparsity.cost * (q - target) * (bias[unit] + sent);
            }
        }
        total
    };
    let slope = differences(&Parameters::of_dbm(&dbm), penalty);
    // However the statistics are told: as products over examples, or multiplied out.
    let dense = positive.dense().unwrap();
    let told = Gradient {
        weights: dense.weights.iter().map(|weight| vec![Term::Dense(weight.tensor().unwrap())]).collect(),
        biases: dense.biases,
    };
    for statistics in [positive, told] {
        let pressed = sparsity.press(&activity, &statistics).unwrap();
        let pull = statistics.minus(&pressed).unwrap().dense().unwrap();
        assert_all_close("pull", &flat(&pull), &slope, 1e-9);
    }
}

#[test]
fn for_units_that_are_on_alike_at_every_example_it_is_the_slope_of_the_cross_entropy() {
    let dbm = random_dbm(&[5, 3], 0.8, 0.5, 2);
    let visible = tensor(&vec![vec![1.0, 0.0, 1.0, 1.0, 0.0]; 4]);
    let sparsity = Sparsity { targets: vec![0.2], cost: 0.3, damping: 0.0 };
    let means = |dbm: &Dbm| sigmoid(&dbm.weights()[0].inputs_above(&visible, 1.0, &dbm.biases()[1]).unwrap()).unwrap();
    let cross_entropy = |at: &Parameters| {
        let q = host(&means(&with(&dbm, at)).mean(0).unwrap()).unwrap();
        let nats = |q: f64| -0.2 * q.ln() - 0.8 * (1.0 - q).ln();
        sparsity.cost * q.into_iter().map(nats).sum::<f64>()
    };
    let slope = differences(&Parameters::of_dbm(&dbm), cross_entropy);
    let positive = Statistics::of(&[visible.clone(), means(&dbm)]).unwrap();
    let activity = sparsity.follow(None, &positive.biases[1..]).unwrap();
    let pressed = sparsity.press(&activity, &positive).unwrap();
    assert_all_close("pull", &flat(&positive.minus(&pressed).unwrap().dense().unwrap()), &slope, 1e-8);
}

#[test]
fn the_running_mean_begins_at_the_target_and_keeps_its_share() {
    let sparsity = Sparsity { targets: vec![0.2], cost: 0.3, damping: 0.75 };
    let mean = tensor(&[vec![0.6, 1.0]]).squeeze(0).unwrap();
    let once = sparsity.follow(None, std::slice::from_ref(&mean)).unwrap();
    assert_all_close("once", &host(&once[0]).unwrap(), &[0.3, 0.4], 1e-15);
    let twice = sparsity.follow(Some(once), &[mean]).unwrap();
    assert_all_close("twice", &host(&twice[0]).unwrap(), &[0.375, 0.55], 1e-15);
}

/// Mean activity of the hidden units of a trained machine on its data, by exact inference.
fn activity(rules: Rules) -> Vec<f64> {
    let dbm = random_dbm(&[5, 4], 0.1, 0.1, 5);
    let positive = SchemeAlone(Exact { max_bits: 10.0 });
    let by =
        MaximumLikelihood { positive, negative: NegativePhase { chains: 16, sweeps: 1 }, dbm: PLAIN, network: PLAIN };
    let trainer = ruled(by, rules);
    let end = train(&trainer, begin(&trainer, &dbm), &some_examples(), 0..1500, 0.05);
    let clamped = end.dbm.weights()[0].inputs_above(&some_examples(), 1.0, &end.dbm.biases()[1]).unwrap();
    host(&sigmoid(&clamped).unwrap().mean(0).unwrap()).unwrap()
}

#[test]
fn sparsity_brings_the_mean_activity_to_its_target() {
    let sparsity = Sparsity { targets: vec![0.15], cost: 3.0, damping: 0.9 };
    let (free, sparse) = (activity(Rules::default()), activity(Rules { sparsity: Some(sparsity), ..Rules::default() }));
    assert!(free.iter().all(|mean| mean - 0.15 > 0.15), "{free:?} would be there by itself");
    assert!(sparse.iter().all(|mean| (mean - 0.15).abs() < 0.03), "{sparse:?}");
}

#[test]
fn pretraining_is_sparse_too() {
    let dbm = random_dbm(&[5, 4, 3], 0.1, 0.1, 5);
    let by = Pretraining { negative: NegativeStart::Data, sweeps: 1, sgd: PLAIN };
    let on = |targets: Vec<f64>| {
        let sparsity = Some(Sparsity { targets, cost: 3.0, damping: 0.9 });
        let trainer = ruled(by, Rules { sparsity, ..Rules::default() });
        let end = train(&trainer, begin(&trainer, &dbm), &some_examples(), 0..1000, 0.05);
        let second = by.next_layer(end, Stream::new(1)).unwrap();
        // What the second RBM sees are the means of the first one's hidden units.
        host(&second.inputs(&some_examples()).unwrap().mean(0).unwrap()).unwrap()
    };
    let (sparse, free) = (on(vec![0.15]), on(Vec::new()));
    assert!(sparse.iter().all(|mean| (mean - 0.15).abs() < 0.03), "{sparse:?}");
    assert!(free.iter().all(|mean| (mean - 0.15).abs() > 0.1), "{free:?} would be there by itself");
}
