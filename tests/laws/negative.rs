//! Negative phases beside persistent chains: contrastive divergence against its exact expectation, fast weights, sweeps that grow.

use crate::gradients::flat;
use crate::learning::{PLAIN, assert_reproducible, begin, momentum, some_examples, train, update, values};
use crate::support::{ByHand, all_states, assert_all_close, assert_close, converted, matrices, random_dbm, tensor};
use dbm::inference::{BottomUp, Exact, MeanField, Refined, Stop};
use dbm::learning::{
    AnyNegative, Carried, Centred, Contrastive, FastPersistent, Growing, Joint, MaximumLikelihood, NegativePhase,
    NegativeStart, Parameters, Pretraining, RbmStack, Rungs, SchemeAlone, Statistics, Sweeps, Temperatures, Tempered,
    TemperedBase, Trainer, Update, WakeSleep, exact_gradient,
};
use dbm::math::{DType, Stream, Tensor};
use dbm::models::Dbm;

const CHAINS: NegativePhase = NegativePhase { chains: 7, sweeps: 2 };

fn tempered() -> AnyNegative {
    let temperatures = Temperatures { count: 3, lowest: 0.1, spacing: Rungs::Geometric };
    AnyNegative::Tempered(Tempered { by: CHAINS, temperatures, base: TemperedBase::Data })
}

fn fast(learning_rate: f64, decay: f64) -> AnyNegative {
    AnyNegative::Fast(FastPersistent { by: CHAINS, learning_rate, decay })
}

fn likelihood<N>(negative: N) -> MaximumLikelihood<SchemeAlone<Refined<BottomUp, MeanField>>, N> {
    let positive = SchemeAlone(Refined { start: BottomUp, by: MeanField::default(), stop: Stop::after(5) });
    MaximumLikelihood { positive, negative, dbm: PLAIN, network: PLAIN }
}

#[test]
fn stopping_and_resuming_equals_running_through_for_every_negative_phase() {
    let dbm = random_dbm(&[5, 4, 3], 0.4, 0.2, 61);
    let contrastive = AnyNegative::Contrastive(Contrastive { sweeps: 2 });
    for negative in [AnyNegative::Persistent(CHAINS), contrastive, fast(0.05, 0.9), tempered()] {
        let by = MaximumLikelihood { dbm: momentum(), network: momentum(), ..likelihood(negative) };
        assert_reproducible(&by, || begin(&by, &dbm));
        let by = Centred { by, rate: 0.05 };
        assert_reproducible(&by, || begin(&by, &dbm));
    }
    for negative in [fast(0.05, 0.9), tempered()] {
        let by = WakeSleep { negative, dbm: momentum(), network: momentum() };
        assert_reproducible(&by, || begin(&by, &dbm));
    }
}

/// Distribution over the joint states (v, h) of a restricted machine `sweeps` sweeps after h was drawn given `visible`, by the
/// transition matrix of v given h and h given v.
fn after_sweeps(hand: &ByHand, visible: &[f64], sweeps: usize) -> Vec<(Vec<f64>, f64)> {
    let (seen, hidden) = (all_states(hand.visible()), all_states(hand.hidden()));
    let joint: Vec<Vec<f64>> =
        seen.iter().map(|v| hidden.iter().map(|h| hand.log_joint(&[&v[..], h].concat()).exp()).collect()).collect();
    let upwards = |v: usize, h: usize| joint[v][h] / joint[v].iter().sum::<f64>();
    let downwards = |h: usize, v: usize| joint[v][h] / joint.iter().map(|row| row[h]).sum::<f64>();
    let start = seen.iter().position(|state| state == visible).unwrap();
    let mut at: Vec<f64> = (0..seen.len()).map(|v| f64::from(u8::from(v == start))).collect();
    for _ in 0..sweeps {
        let above: Vec<f64> = (0..hidden.len()).map(|h| (0..seen.len()).map(|v| at[v] * upwards(v, h)).sum()).collect();
        at = (0..seen.len()).map(|v| (0..hidden.len()).map(|h| above[h] * downwards(h, v)).sum()).collect();
    }
    let each = |v: usize| (0..hidden.len()).map(move |h| (v, h));
    (0..seen.len()).flat_map(each).map(|(v, h)| ([&seen[v][..], &hidden[h]].concat(), at[v] * upwards(v, h))).collect()
}

/// E[statistics] after so many sweeps, mean over `examples`, weights first.
fn expected_statistics(dbm: &Dbm, examples: &[Vec<f64>], sweeps: usize) -> Vec<f64> {
    let hand = ByHand::of(dbm);
    let visible = hand.visible();
    let mut total = vec![0.0; flat(&Parameters::of_dbm(dbm)).len()];
    for example in examples {
        for (state, probability) in after_sweeps(&hand, example, sweeps) {
            let layers = [&state[..visible], &state[visible..]].map(|layer| tensor(&[layer.to_vec()]));
            let one = flat(&Statistics::of(&layers).unwrap().dense().unwrap());
            total.iter_mut().zip(one).for_each(|(total, one)| *total += probability * one / examples.len() as f64);
        }
    }
    total
}

/// The gradient of one update without momentum, by a step of length one.
fn gradient<T: Trainer<State = Joint>>(trainer: &T, dbm: &Dbm, batch: &Tensor) -> Vec<f64> {
    let after = train(trainer, begin(trainer, dbm), batch, 0..1, 1.0);
    flat(&Parameters::of_dbm(&after.dbm).minus(&Parameters::of_dbm(dbm)).unwrap())
}

#[test]
fn contrastive_divergence_has_the_expectation_of_its_chain_and_tends_to_the_exact_gradient() {
    const COPIES: usize = 5000;
    let dbm = random_dbm(&[3, 2], 1.5, 0.5, 62);
    let examples = all_states(3)[2..6].to_vec();
    let batch = tensor(&vec![examples.clone(); COPIES].concat());
    let exact = exact_gradient(&Exact { max_bits: 12.0 }, &dbm, &tensor(&examples), 12.0, Stream::new(0)).unwrap();
    let exact = flat(&exact.dense().unwrap());
    let positive = expected_statistics(&dbm, &examples, 0);
    let mut farthest = Vec::new();
    for sweeps in [1, 3, 12] {
        let negative = expected_statistics(&dbm, &examples, sweeps);
        let expected: Vec<f64> =
            positive.iter().zip(&negative).map(|(positive, negative)| positive - negative).collect();
        // Exact positive phase, as in a restricted machine.
        let positive = SchemeAlone(Exact { max_bits: 12.0 });
        let by = MaximumLikelihood { positive, negative: Contrastive { sweeps }, dbm: PLAIN, network: PLAIN };
        let found = gradient(&by, &dbm, &batch);
        for (index, (found, expected)) in found.iter().zip(&expected).enumerate() {
            // Statistics are in [0, 1].
            let floor = 4.0 * 0.5 / ((examples.len() * COPIES) as f64).sqrt();
            assert_close(&format!("CD-{sweeps} [{index}]"), *found, *expected, floor);
        }
        let distance = expected.iter().zip(&exact).map(|(found, exact)| (found - exact).abs()).fold(0.0, f64::max);
        farthest.push(distance);
    }
    // Beyond twice the floor above: what was sampled is not the exact gradient.
    assert!(farthest[0] > 0.03, "CD-1 is biased: {farthest:?}");
    assert!(farthest[0] > 2.0 * farthest[1] && farthest[1] > 10.0 * farthest[2], "{farthest:?}");
}

#[test]
fn fast_weights_that_do_not_learn_are_plain_persistent_chains_to_the_bit() {
    let numbers = |state: &Joint| [values(&matrices(state.dbm.weights())), values(state.chains.states())];
    for dtype in [DType::F32, DType::F64] {
        let dbm = converted(&random_dbm(&[5, 4, 3], 0.8, 0.4, 63), dtype);
        let batch = some_examples().to_dtype(dtype).unwrap();
        let after = |negative: AnyNegative| {
            let by = likelihood(negative);
            numbers(&train(&by, begin(&by, &dbm), &batch, 0..5, 0.1))
        };
        let plain = after(AnyNegative::Persistent(CHAINS));
        for decay in [0.0, 0.95] {
            assert_eq!(after(fast(0.0, decay)), plain, "decay {decay}");
        }
        assert_ne!(after(fast(1.0, 0.95)), plain);
    }
}

#[test]
fn fast_weights_follow_the_gradient_decay_and_are_seen_by_the_chains_alone() {
    let dbm = random_dbm(&[5, 4, 3], 0.8, 0.4, 64);
    let by = likelihood(fast(0.3, 0.9));
    let mut state: Joint = begin(&by, &dbm);
    let mut expected = vec![0.0; flat(&Parameters::of_dbm(&dbm)).len()];
    for step in 0..4 {
        let Carried::Fast(fast) = state.carried.clone() else { panic!("no fast weights") };
        let seen = fast.added_to(&state.dbm).unwrap();
        let before = flat(&Parameters::of_dbm(&state.dbm));
        let sums: Vec<f64> = before.iter().zip(flat(&fast.parameters)).map(|(slow, fast)| slow + fast).collect();
        assert_all_close("what the chains see", &flat(&Parameters::of_dbm(&seen)), &sums, 0.0);
        let (chains, _) = state.chains.advance(&seen, 2, update(step, 0.5).stream.named("chains")).unwrap();
        state = train(&by, state, &some_examples(), step..step + 1, 0.5);
        assert_eq!(values(state.chains.states()), values(chains.states()), "chains of update {step}");
        let after = flat(&Parameters::of_dbm(&state.dbm));
        for (fast, (after, before)) in expected.iter_mut().zip(after.iter().zip(&before)) {
            *fast = 0.9 * *fast + 0.3 * (after - before) / 0.5;
        }
        let Carried::Fast(fast) = &state.carried else { panic!("no fast weights") };
        assert_all_close("fast weights", &flat(&fast.parameters), &expected, 1e-14);
    }
}

#[test]
fn sweeps_from_one_to_ten_in_200_epochs_are_a_twentieth_of_the_epoch_rounded_up() {
    let per_epoch = 7_usize;
    for step in 0..200 * per_epoch {
        let progress = step as f64 / (200 * per_epoch) as f64;
        let epoch = step / per_epoch + 1;
        assert_eq!(Sweeps { first: 1, last: 10 }.at(progress), epoch.div_ceil(20), "epoch {epoch}");
        assert_eq!(Sweeps { first: 10, last: 1 }.at(progress), 11 - epoch.div_ceil(20), "epoch {epoch}");
        assert_eq!(Sweeps { first: 3, last: 3 }.at(progress), 3);
    }
}

#[test]
fn a_trainer_whose_sweeps_grow_makes_the_updates_of_the_trainer_with_so_many() {
    let dbm = random_dbm(&[5, 4, 3], 0.8, 0.4, 65);
    let sweeps = Sweeps { first: 1, last: 3 };
    let at = |progress: f64| Update { progress, ..update(1, 0.1) };
    let likelihood = |sweeps: usize| likelihood(NegativePhase { chains: 7, sweeps });
    let pretraining = |sweeps: usize| Pretraining { negative: NegativeStart::Chains(7), sweeps, sgd: PLAIN };
    for (progress, count) in [(0.0, 1), (0.4, 2), (0.9, 3)] {
        let chains = |by: &dyn Fn(Joint) -> Joint| values(by(begin(&likelihood(1), &dbm)).chains.states());
        let (grown, plain) = (Growing { by: likelihood(9), sweeps }, likelihood(count));
        assert_eq!(
            chains(&|state| grown.step(state, &some_examples(), at(progress)).unwrap().0),
            chains(&|state| plain.step(state, &some_examples(), at(progress)).unwrap().0)
        );
        let learnt = |by: &dyn Fn(RbmStack) -> RbmStack| flat(&by(begin(&pretraining(1), &dbm)).rbms()[0]);
        let (grown, plain) = (Growing { by: pretraining(9), sweeps }, pretraining(count));
        assert_eq!(
            learnt(&|state| grown.step(state, &some_examples(), at(progress)).unwrap().0),
            learnt(&|state| plain.step(state, &some_examples(), at(progress)).unwrap().0)
        );
    }
}
