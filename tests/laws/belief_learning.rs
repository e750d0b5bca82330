//! Learning of belief nets: sampled updates against exact expectations, gradients by finite differences, resuming to the bit.

use crate::belief::{NETS, by_hand, elbo, log_p, log_q, random_nets};
use crate::support::{all_states, assert_all_close, assert_close, log_sum_exp, matrices, tensor};
use dbm::inference::Recognition;
use dbm::learning::{
    Adam, Ascent, Gradient, Helmholtz, Measurements, Parameters, ReweightedWakeSleep, SavedTensors, Sgd, Update,
    evidence_gradient, expected_sleep_gradient, expected_wake_gradient,
};
use dbm::math::{DType, Stream, Tensor, host, mean_of};
use dbm::models::BeliefNet;

const PLAIN: Ascent = Ascent::Sgd(Sgd { momentum: 0.0, weight_decay: 0.0 });

fn adam() -> Ascent {
    Ascent::Adam(Adam::default())
}

fn update(step: u64, rates: [f64; 2]) -> Update<'static> {
    let stream = Stream::new(9).named("steps").at(step);
    Update::new(stream, rates)
}

/// Weights, then biases, as plain numbers.
fn flat(parameters: &Parameters) -> Vec<f64> {
    parameters.tensors().unwrap().iter().flat_map(|tensor| host(tensor).unwrap()).collect()
}

fn of_gradient(gradient: &Gradient) -> Vec<f64> {
    flat(&gradient.dense().unwrap())
}

/// `parameters` with `change` added to number `index`.
fn nudged(parameters: &Parameters, index: usize, change: f64) -> (Vec<Tensor>, Vec<Tensor>) {
    let mut before = 0;
    let mut tensors = Vec::new();
    for tensor in parameters.tensors().unwrap() {
        let mut values = host(&tensor).unwrap();
        if (before..before + values.len()).contains(&index) {
            values[index - before] += change;
        }
        before += values.len();
        tensors.push(Tensor::from_vec(values, tensor.dims(), tensor.device()).unwrap());
    }
    let biases = tensors.split_off(parameters.weights.len());
    (tensors, biases)
}

/// Central differences of a function of a net's parameters.
fn differences(parameters: &Parameters, of: impl Fn(Vec<Tensor>, Vec<Tensor>) -> f64) -> Vec<f64> {
    let step = 1e-5;
    let at = |index: usize, change: f64| {
        let (weights, biases) = nudged(parameters, index, change);
        of(weights, biases)
    };
    (0..flat(parameters).len()).map(|index| (at(index, step) - at(index, -step)) / (2.0 * step)).collect()
}

fn some_visible(units: usize) -> Vec<Vec<f64>> {
    all_states(units).into_iter().step_by(3).collect()
}

#[test]
fn exact_gradients_of_belief_nets_are_finite_differences() {
    for (index, sizes) in NETS.iter().enumerate() {
        let nets = random_nets(sizes, 0.8, 50 + index as u64);
        let visible = some_visible(sizes[0]);
        let of_net = Parameters::of_belief_net(&nets.0);
        let (gradient, elbos) = expected_wake_gradient(&nets.0, &nets.1, &tensor(&visible), 20.0).unwrap();
        let expected: Vec<f64> = visible.iter().map(|v| elbo(&nets, v)).collect();
        assert_all_close("elbo", &elbos, &expected, 1e-10);
        let mean_elbo = |weights, biases| {
            let nets = (BeliefNet::new(weights, biases).unwrap(), nets.1.clone());
            mean_of(&visible.iter().map(|v| elbo(&nets, v)).collect::<Vec<_>>())
        };
        assert_all_close(
            &format!("wake of {sizes:?}"),
            &of_gradient(&gradient),
            &differences(&of_net, mean_elbo),
            1e-8,
        );
        let (gradient, evidence) = evidence_gradient(&nets.0, &tensor(&visible), 20.0).unwrap();
        let log_evidence = |nets: &(BeliefNet, Recognition), v: &[f64]| log_sum_exp(&by_hand(nets, v).0);
        let expected: Vec<f64> = visible.iter().map(|v| log_evidence(&nets, v)).collect();
        assert_all_close("evidence", &evidence, &expected, 1e-10);
        let mean_evidence = |weights, biases| {
            let nets = (BeliefNet::new(weights, biases).unwrap(), nets.1.clone());
            mean_of(&visible.iter().map(|v| log_evidence(&nets, v)).collect::<Vec<_>>())
        };
        let expected = differences(&of_net, mean_evidence);
        assert_all_close(&format!("evidence of {sizes:?}"), &of_gradient(&gradient), &expected, 1e-8);
        let (gradient, value) = expected_sleep_gradient(&nets.0, &nets.1, 20.0).unwrap();
        let all = all_states(sizes.iter().sum());
        let dreamt = |q: &Recognition| all.iter().map(|s| log_p(&nets.0, s).exp() * log_q(q, s)).sum::<f64>();
        assert_close("sleep objective", value, dreamt(&nets.1), 1e-10);
        let expected = differences(&Parameters::of_recognition(&nets.1), |weights, biases| {
            dreamt(&Recognition::new(weights, biases).unwrap())
        });
        assert_all_close(&format!("sleep of {sizes:?}"), &of_gradient(&gradient), &expected, 1e-8);
    }
}

/// Moves of all parameters in each of `count` single updates from the same start with plain steps of size one.
fn moves(
    trainer: ReweightedWakeSleep,
    nets: &(BeliefNet, Recognition),
    batch: &Tensor,
    count: u64,
) -> [Vec<Vec<f64>>; 2] {
    let start = trainer.begin(nets.0.clone(), nets.1.clone()).unwrap();
    let at = [flat(&Parameters::of_belief_net(&nets.0)), flat(&Parameters::of_recognition(&nets.1))];
    let mut moves = [Vec::new(), Vec::new()];
    for step in 0..count {
        let (to, _) = trainer.step(start.clone(), batch, update(step, [1.0, 1.0])).unwrap();
        let to = [flat(&Parameters::of_belief_net(&to.generative)), flat(&Parameters::of_recognition(&to.recognition))];
        for net in 0..2 {
            moves[net].push(to[net].iter().zip(&at[net]).map(|(to, at)| to - at).collect());
        }
    }
    moves
}

/// Every column's mean is within 4 standard errors of what is expected.
#[track_caller]
fn assert_mean(what: &str, moves: &[Vec<f64>], expected: &[f64]) {
    let count = moves.len() as f64;
    for (column, &expected) in expected.iter().enumerate() {
        let mean = moves.iter().map(|row| row[column]).sum::<f64>() / count;
        let variance = moves.iter().map(|row| (row[column] - mean).powi(2)).sum::<f64>() / (count - 1.0);
        assert_close(&format!("{what} [{column}]"), mean, expected, 4.0 * (variance / count).sqrt() + 1e-12);
    }
}

#[test]
fn sampled_wake_and_sleep_updates_have_the_exact_expectations() {
    for sizes in [[3, 2].as_slice(), &[3, 2, 2]] {
        let nets = random_nets(sizes, 1.0, 71);
        let batch = tensor(&some_visible(3));
        let [wake, sleep] = moves(ReweightedWakeSleep::wake_sleep(PLAIN), &nets, &batch, 1500);
        let (expected, _) = expected_wake_gradient(&nets.0, &nets.1, &batch, 20.0).unwrap();
        assert_mean("wake", &wake, &of_gradient(&expected));
        let (expected, _) = expected_sleep_gradient(&nets.0, &nets.1, 20.0).unwrap();
        assert_mean("sleep", &sleep, &of_gradient(&expected));
    }
}

/// E over K = 2 particles of Σ ŵ ∂ ln p and Σ ŵ ∂ ln q of one example, by a sum over all pairs of hidden states.
fn expected_of_two(nets: &(BeliefNet, Recognition), v: &[f64]) -> [Vec<f64>; 2] {
    let hidden = all_states(nets.0.sizes()[1..].iter().sum());
    let (joints, qs) = by_hand(nets, v);
    let of_net = Parameters::of_belief_net(&nets.0);
    let of_recognition = Parameters::of_recognition(&nets.1);
    let slopes = |h: &Vec<f64>| {
        let units = [v, h].concat();
        [
            differences(&of_net, |weights, biases| log_p(&BeliefNet::new(weights, biases).unwrap(), &units)),
            differences(&of_recognition, |weights, biases| log_q(&Recognition::new(weights, biases).unwrap(), &units)),
        ]
    };
    let slopes: Vec<[Vec<f64>; 2]> = hidden.iter().map(slopes).collect();
    let mut expected = [vec![0.0; slopes[0][0].len()], vec![0.0; slopes[0][1].len()]];
    for a in 0..hidden.len() {
        for b in 0..hidden.len() {
            let (log_a, log_b) = (joints[a] - qs[a], joints[b] - qs[b]);
            let share = 1.0 / (1.0 + (log_b - log_a).exp());
            for net in 0..2 {
                for (column, value) in expected[net].iter_mut().enumerate() {
                    let mixed = share * slopes[a][net][column] + (1.0 - share) * slopes[b][net][column];
                    *value += (qs[a] + qs[b]).exp() * mixed;
                }
            }
        }
    }
    expected
}

#[test]
fn a_reweighted_update_with_two_particles_is_the_sum_over_all_pairs() {
    let nets = random_nets(&[2, 2, 1], 1.0, 81);
    let v = [1.0, 0.0];
    let expected = expected_of_two(&nets, &v);
    let batch = tensor(&[v.to_vec()]);
    let trainer = ReweightedWakeSleep { particles: 2, wake_share: 1.0, generative: PLAIN, recognition: PLAIN };
    let [generative, recognition] = moves(trainer, &nets, &batch, 2000);
    assert_mean("theta", &generative, &expected[0]);
    assert_mean("wake-phi", &recognition, &expected[1]);
    let (asleep, _) = expected_sleep_gradient(&nets.0, &nets.1, 20.0).unwrap();
    let mixed: Vec<f64> =
        expected[1].iter().zip(of_gradient(&asleep)).map(|(awake, asleep)| 0.25 * awake + 0.75 * asleep).collect();
    let [_, recognition] = moves(ReweightedWakeSleep { wake_share: 0.25, ..trainer }, &nets, &batch, 2000);
    assert_mean("mixture", &recognition, &mixed);
}

#[test]
fn many_particles_follow_the_gradient_of_the_evidence() {
    let nets = random_nets(&[3, 2, 2], 0.7, 91);
    let batch = tensor(&some_visible(3));
    let trainer = ReweightedWakeSleep { particles: 1500, wake_share: 1.0, generative: PLAIN, recognition: PLAIN };
    let [found, _] = moves(trainer, &nets, &batch, 20);
    let (expected, _) = evidence_gradient(&nets.0, &batch, 20.0).unwrap();
    assert_mean("theta", &found, &of_gradient(&expected));
}

/// Everything a checkpoint holds.
fn saved(state: &Helmholtz) -> Vec<(String, Tensor)> {
    let nets = [state.generative.named().unwrap(), state.recognition.named().unwrap()];
    [nets.concat(), state.ascents().unwrap()].concat()
}

fn restored(state: &Helmholtz) -> Helmholtz {
    let tensors: SavedTensors = saved(state).into_iter().collect();
    let (net, recognition) = (BeliefNet::from_named(&tensors).unwrap(), Recognition::from_named(&tensors).unwrap());
    Helmholtz::resume(net, recognition, &tensors).unwrap()
}

fn bits(state: &Helmholtz) -> Vec<(String, Vec<u64>)> {
    let bits = |tensor: &Tensor| host(tensor).unwrap().iter().map(|value| value.to_bits()).collect();
    saved(state).iter().map(|(name, tensor)| (name.clone(), bits(tensor))).collect()
}

fn train(trainer: ReweightedWakeSleep, mut state: Helmholtz, batch: &Tensor, steps: std::ops::Range<u64>) -> Helmholtz {
    for step in steps {
        (state, _) = trainer.step(state, batch, update(step, [0.05, 0.05])).unwrap();
    }
    state
}

#[test]
fn stopping_and_resuming_belief_net_training_equals_running_through() {
    let momentum = Ascent::Sgd(Sgd { momentum: 0.7, weight_decay: 0.01 });
    let single =
        |tensors: Vec<Tensor>| -> Vec<Tensor> { tensors.iter().map(|t| t.to_dtype(DType::F32).unwrap()).collect() };
    for dtype in [DType::F64, DType::F32] {
        let mut nets = random_nets(&[4, 3, 2], 0.5, 95);
        if dtype == DType::F32 {
            nets.0 = BeliefNet::new(single(matrices(nets.0.weights())), single(nets.0.biases().to_vec())).unwrap();
            nets.1 = Recognition::new(single(matrices(nets.1.weights())), single(nets.1.biases().to_vec())).unwrap();
        }
        let batch = tensor(&some_visible(4)).to_dtype(dtype).unwrap();
        for by in [momentum, adam()] {
            for (particles, wake_share) in [(1, 0.0), (3, 0.5), (3, 1.0)] {
                let trainer = ReweightedWakeSleep { particles, wake_share, generative: by, recognition: by };
                let begin = || trainer.begin(nets.0.clone(), nets.1.clone()).unwrap();
                let through = bits(&train(trainer, begin(), &batch, 0..6));
                assert_eq!(through, bits(&train(trainer, begin(), &batch, 0..6)), "the same seed");
                assert_ne!(through, bits(&train(trainer, begin(), &batch, 1..7)), "other steps");
                let stopped = train(trainer, begin(), &batch, 0..3);
                let resumed = train(trainer, restored(&stopped), &batch, 3..6);
                assert_eq!(through, bits(&resumed), "resumed");
                let mut measured = begin();
                for step in 0..6 {
                    let Measurements(taken);
                    let asked = Update { measured: true, ..update(step, [0.05, 0.05]) };
                    (measured, Measurements(taken)) = trainer.step(measured, &batch, asked).unwrap();
                    assert!(taken.iter().all(|(_, value)| value.is_finite()), "{taken:?}");
                }
                assert_eq!(through, bits(&measured), "measuring changes nothing");
            }
        }
    }
}

#[test]
fn a_net_whose_rate_is_zero_rests_and_nets_that_do_not_fit_are_refused() {
    let nets = random_nets(&[3, 2], 1.0, 97);
    let batch = tensor(&some_visible(3));
    let trainer = ReweightedWakeSleep::wake_sleep(adam());
    let start = trainer.begin(nets.0.clone(), nets.1.clone()).unwrap();
    let (to, _) = trainer.step(start.clone(), &batch, update(0, [0.1, 0.0])).unwrap();
    let values = |net: &Recognition| flat(&Parameters::of_recognition(net));
    assert_eq!(values(&to.recognition), values(&nets.1));
    let (to, _) = trainer.step(start, &batch, update(0, [0.0, 0.1])).unwrap();
    let values = |net: &BeliefNet| flat(&Parameters::of_belief_net(net));
    assert_eq!(values(&to.generative), values(&nets.0));
    assert!(trainer.begin(nets.0.clone(), random_nets(&[3, 3], 1.0, 1).1).is_err());
    assert!(ReweightedWakeSleep { particles: 0, ..trainer }.begin(nets.0, nets.1).is_err());
}

#[test]
fn wake_sleep_learns_a_small_distribution() {
    let nets = random_nets(&[3, 2], 0.1, 99);
    let patterns = [vec![1.0, 1.0, 0.0], vec![0.0, 0.0, 1.0]];
    let batch = tensor(&patterns);
    let mean = |net: &BeliefNet| mean_of(&net.log_evidence(&batch, 9.0).unwrap());
    for (particles, wake_share) in [(1, 0.0), (5, 0.5)] {
        let trainer = ReweightedWakeSleep { particles, wake_share, generative: adam(), recognition: adam() };
        let state = trainer.begin(nets.0.clone(), nets.1.clone()).unwrap();
        let learnt = mean(&train(trainer, state, &batch, 0..600).generative);
        assert!(mean(&nets.0) < -2.0 && learnt > -1.0, "{learnt}; the best is -0.693");
    }
}
