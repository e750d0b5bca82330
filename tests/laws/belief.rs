//! Sigmoid belief nets and their recognition nets against sums in plain loops.

use crate::support::{all_states, assert_all_close, assert_close, layers, log_sum_exp, matrices, rows, tensor};
use dbm::evaluate::{Guarantee, ImportanceBound, log_weights};
use dbm::inference::Recognition;
use dbm::math::{DType, Device, Stream, Tensor, host, mean_of};
use dbm::models::BeliefNet;
use dbm::posterior::Posterior;

/// Depths one to three, with layers of size one at the bottom, in the middle and at the top.
pub const NETS: [&[usize]; 7] = [&[3, 4], &[1, 1], &[4, 1], &[3, 2, 3], &[2, 1, 3], &[3, 3, 2, 1], &[1, 1, 1, 1]];

/// A belief net and a recognition net with normal parameters of this standard deviation, `f64`.
pub fn random_nets(sizes: &[usize], std: f64, seed: u64) -> (BeliefNet, Recognition) {
    let normal = |name: &str, l: usize, rows: usize, columns: usize| {
        let stream = Stream::new(seed).named(name).at(l as u64);
        (stream.normal(rows, columns, DType::F64, &Device::Cpu).unwrap() * std).unwrap()
    };
    let weights = |name: &str| -> Vec<Tensor> {
        sizes.windows(2).enumerate().map(|(l, n)| normal(name, l, n[0], n[1])).collect()
    };
    let biases = |name: &str, sizes: &[usize]| -> Vec<Tensor> {
        sizes.iter().enumerate().map(|(l, &n)| normal(name, l, 1, n).squeeze(0).unwrap()).collect()
    };
    (
        BeliefNet::new(weights("p weights"), biases("p biases", sizes)).unwrap(),
        Recognition::new(weights("q weights"), biases("q biases", &sizes[1..])).unwrap(),
    )
}

/// Σ ln of Bernoulli probabilities of `states` at logits in a plain loop.
fn bernoulli(states: &[f64], logits: impl Fn(usize) -> f64) -> f64 {
    let of = |(i, &x): (usize, &f64)| if x == 1.0 { -(-logits(i)).exp().ln_1p() } else { -logits(i).exp().ln_1p() };
    states.iter().enumerate().map(of).sum()
}

fn cut(units: &[f64], sizes: &[usize]) -> Vec<Vec<f64>> {
    let starts = sizes.iter().scan(0, |next, n| Some(std::mem::replace(next, *next + n)));
    starts.zip(sizes).map(|(from, n)| units[from..from + n].to_vec()).collect()
}

/// ln p(v, h) of the states of all units.
pub fn log_p(net: &BeliefNet, units: &[f64]) -> f64 {
    let states = cut(units, &net.sizes());
    let weights: Vec<Vec<Vec<f64>>> = matrices(net.weights()).iter().map(rows).collect();
    let biases: Vec<Vec<f64>> = net.biases().iter().map(|bias| host(bias).unwrap()).collect();
    let of_layer = |l: usize| {
        bernoulli(&states[l], |i| {
            let above =
                states.get(l + 1).map_or(0.0, |above| (0..above.len()).map(|j| weights[l][i][j] * above[j]).sum());
            biases[l][i] + above
        })
    };
    (0..states.len()).map(of_layer).sum()
}

/// ln q(h | v) of the states of all units.
pub fn log_q(net: &Recognition, units: &[f64]) -> f64 {
    let states = cut(units, &net.sizes());
    let weights: Vec<Vec<Vec<f64>>> = matrices(net.weights()).iter().map(rows).collect();
    let biases: Vec<Vec<f64>> = net.biases().iter().map(|bias| host(bias).unwrap()).collect();
    let of_layer = |l: usize| {
        let below = &states[l];
        bernoulli(&states[l + 1], |j| biases[l][j] + (0..below.len()).map(|i| below[i] * weights[l][i][j]).sum::<f64>())
    };
    (0..weights.len()).map(of_layer).sum()
}

/// ln p(v, h) and ln q(h | v) for every h in the order of [`all_states`].
pub fn by_hand(nets: &(BeliefNet, Recognition), visible: &[f64]) -> (Vec<f64>, Vec<f64>) {
    let hidden: usize = nets.0.sizes()[1..].iter().sum();
    all_states(hidden)
        .iter()
        .map(|h| [visible, h].concat())
        .map(|units| (log_p(&nets.0, &units), log_q(&nets.1, &units)))
        .unzip()
}

/// Σ q (ln p - ln q).
pub fn elbo(nets: &(BeliefNet, Recognition), visible: &[f64]) -> f64 {
    let (joints, qs) = by_hand(nets, visible);
    joints.iter().zip(&qs).map(|(p, q)| q.exp() * (p - q)).sum()
}

fn each(mut law: impl FnMut(&str, &(BeliefNet, Recognition))) {
    for (index, sizes) in NETS.iter().enumerate() {
        for std in [0.1, 1.0, 3.0] {
            law(&format!("{sizes:?}, std {std}"), &random_nets(sizes, std, index as u64));
        }
    }
}

#[test]
fn joint_and_recognition_probabilities_of_a_belief_net_are_those_of_a_plain_loop() {
    each(|name, nets| {
        let sizes = nets.0.sizes();
        let all = all_states(sizes.iter().sum());
        let states = layers(&all, &sizes);
        let joints = host(&nets.0.log_joint(&states).unwrap()).unwrap();
        let expected: Vec<f64> = all.iter().map(|units| log_p(&nets.0, units)).collect();
        assert_all_close(name, &joints, &expected, 1e-11);
        let found = host(&nets.1.log_prob(&states).unwrap()).unwrap();
        let expected: Vec<f64> = all.iter().map(|units| log_q(&nets.1, units)).collect();
        assert_all_close(name, &found, &expected, 1e-11);
        assert_close("the joint sums to one", log_sum_exp(&joints), 0.0, 1e-11);
    });
}

#[test]
fn exact_evidence_and_posterior_of_a_belief_net_are_sums_over_all_hidden_states() {
    each(|name, nets| {
        let visible = all_states(nets.0.sizes()[0]);
        let rows_of_v = tensor(&visible);
        let evidence = nets.0.log_evidence(&rows_of_v, 20.0).unwrap();
        let (table, of_table) = nets.0.posterior(&rows_of_v, 20.0).unwrap();
        assert_all_close(name, &evidence, &of_table, 1e-11);
        assert_close(name, log_sum_exp(&evidence), 0.0, 1e-11);
        let hidden = nets.0.hidden_states(20.0).unwrap();
        let log_qs = rows(&nets.1.log_prob_table(&rows_of_v, &hidden).unwrap());
        let posterior = rows(table.log_probs());
        for (example, v) in visible.iter().enumerate() {
            let (joints, qs) = by_hand(nets, v);
            assert_close(name, evidence[example], log_sum_exp(&joints), 1e-11);
            let expected: Vec<f64> = joints.iter().map(|joint| joint - evidence[example]).collect();
            assert_all_close(name, &posterior[example], &expected, 1e-11);
            assert_all_close(name, &log_qs[example], &qs, 1e-11);
            let entropy = -posterior[example].iter().map(|l| l * l.exp()).sum::<f64>();
            assert_close(name, host(&table.entropy().unwrap()).unwrap()[example], entropy, 1e-11);
        }
    });
}

#[test]
fn exact_sums_over_a_belief_net_are_refused_above_the_limit_and_say_how_large_they_are() {
    let (net, recognition) = random_nets(&[3, 4, 5, 2], 1.0, 1);
    assert_close("the largest sum is over two layers", net.evidence_bits(), 9.0, 0.0);
    assert_close("the table is over all hidden units", net.posterior_bits(), 11.0, 0.0);
    let visible = tensor(&[vec![1.0, 0.0, 1.0]]);
    let message = net.log_evidence(&visible, 8.0).unwrap_err().to_string();
    assert!(message.contains("2^9") && message.contains("2^8"), "{message}");
    assert!(net.log_evidence(&visible, 9.0).is_ok() && net.posterior(&visible, 10.0).is_err());
    assert_eq!(net.sizes(), recognition.sizes());
    let parameters = |net: &BeliefNet| (matrices(net.weights()), net.biases().to_vec());
    let (weights, mut biases) = parameters(&net);
    biases.pop();
    assert!(BeliefNet::new(weights, biases).is_err(), "a bias too few");
    let (mut weights, biases) = parameters(&net);
    weights.swap(0, 1);
    assert!(BeliefNet::new(weights, biases).is_err(), "shapes that do not chain");
}

#[test]
fn samples_of_a_belief_net_and_of_its_recognition_net_have_the_exact_means() {
    let nets = random_nets(&[3, 3, 2], 1.5, 5);
    let count = 40_000;
    let (states, _) = nets.0.sample(count, Stream::new(3)).unwrap();
    let all = all_states(8);
    let exact = |unit: usize| all.iter().map(|s| s[unit] * log_p(&nets.0, s).exp()).sum::<f64>();
    let found: Vec<f64> = states.iter().flat_map(|layer| host(&layer.mean(0).unwrap()).unwrap()).collect();
    for (unit, &found) in found.iter().enumerate() {
        let mean = exact(unit);
        assert_close(&format!("unit {unit}"), found, mean, 4.0 * (mean * (1.0 - mean) / count as f64).sqrt());
    }
    let visible = [vec![1.0, 0.0, 1.0], vec![0.0, 1.0, 1.0]];
    let samples = nets.1.sample(&tensor(&visible), count, Stream::new(4)).unwrap();
    for (example, v) in visible.iter().enumerate() {
        let (_, qs) = by_hand(&nets, v);
        let mut unit = 0;
        for layer in &samples.states {
            let own = layer.narrow(0, example * count, count).unwrap();
            for found in host(&own.mean(0).unwrap()).unwrap() {
                let mean: f64 = all_states(5).iter().zip(&qs).map(|(h, q)| h[unit] * q.exp()).sum();
                let error = (mean * (1.0 - mean) / count as f64).sqrt();
                assert_close(&format!("example {example}, unit {unit}"), found, mean, 4.0 * error);
                unit += 1;
            }
        }
    }
    let states =
        [vec![dbm::inference::repeat_rows(&tensor(&visible), count).unwrap()], samples.states.clone()].concat();
    let again = host(&nets.1.log_prob(&states).unwrap()).unwrap();
    assert_all_close("ln q of samples", &host(&samples.log_prob().unwrap()).unwrap(), &again, 1e-12);
}

#[test]
fn the_importance_bound_is_the_elbo_at_one_sample_and_climbs_to_the_evidence() {
    for (index, sizes) in [[3, 3, 2].as_slice(), &[4, 3]].iter().enumerate() {
        let nets = random_nets(sizes, 1.2, 10 + index as u64);
        let v = vec![1.0, 0.0, 1.0, 1.0][..sizes[0]].to_vec();
        let (joints, qs) = by_hand(&nets, &v);
        let weights = log_weights(&nets.0, &nets.1, &tensor(std::slice::from_ref(&v)), 60_000, Stream::new(8)).unwrap();
        let bound = |particles| ImportanceBound::of(&weights, particles).unwrap();
        let (one, two) = (bound(1), bound(2));
        assert_close("K = 1", one.nats[0], elbo(&nets, &v), 4.0 * one.errors[0]);
        let mut exact = 0.0;
        for (p, q) in joints.iter().zip(&qs) {
            for (p2, q2) in joints.iter().zip(&qs) {
                exact += (q + q2).exp() * (log_sum_exp(&[p - q, p2 - q2]) - 2.0_f64.ln());
            }
        }
        assert_close("K = 2", two.nats[0], exact, 4.0 * two.errors[0]);
        let ladder: Vec<f64> = [1, 2, 5, 50].iter().map(|&k| bound(k).nats[0]).collect();
        assert!(ladder.windows(2).all(|pair| pair[0] < pair[1]), "{ladder:?}");
        // To first order the gap at K samples is the relative variance of the weights over 2 K.
        let evidence = log_sum_exp(&joints);
        let second: f64 = joints.iter().zip(&qs).map(|(p, q)| (2.0 * (p - evidence) - q).exp()).sum();
        let last = bound(500);
        assert!(last.nats[0] <= evidence + 4.0 * last.errors[0]);
        assert!(last.nats[0] >= evidence - (second - 1.0) / 500.0 - 4.0 * last.errors[0]);
        let average = bound(5).average();
        assert_eq!(average.guarantee, Guarantee::StochasticLowerBound);
        assert_close("one example", average.nats, mean_of(&bound(5).nats), 0.0);
    }
    let weights = tensor(&[vec![0.0, 1.0, 2.0]]);
    assert!(ImportanceBound::of(&weights, 4).is_err() && ImportanceBound::of(&weights, 0).is_err());
}

#[test]
fn degenerate_belief_nets_have_their_closed_forms() {
    let zero = |rows: usize, columns: usize| Tensor::zeros((rows, columns), DType::F64, &Device::Cpu).unwrap();
    let bias = |values: &[f64]| Tensor::new(values, &Device::Cpu).unwrap();
    let net = BeliefNet::new(vec![zero(2, 3)], vec![bias(&[0.5, -30.0]), bias(&[30.0, -2.0, 0.0])]).unwrap();
    let recognition = Recognition::new(vec![zero(2, 3)], vec![bias(&[30.0, -2.0, 0.0])]).unwrap();
    let v = tensor(&[vec![1.0, 0.0], vec![0.0, 1.0]]);
    let expected =
        [-(-0.5_f64).exp().ln_1p() - (-30.0_f64).exp().ln_1p(), -0.5_f64.exp().ln_1p() - 30.0_f64.exp().ln_1p()];
    assert_all_close("ln p(v) without weights", &net.log_evidence(&v, 9.0).unwrap(), &expected, 1e-12);
    // q is the posterior, so every weight is p(v) itself.
    let weights = rows(&log_weights(&net, &recognition, &v, 50, Stream::new(1)).unwrap());
    weights.iter().zip(expected).for_each(|(row, nats)| assert_all_close("weights", row, &[nats; 50], 1e-12));
}

#[test]
fn a_belief_net_in_single_precision_sums_like_one_in_double() {
    let nets = random_nets(&[5, 4, 3], 1.0, 20);
    let single =
        |tensors: Vec<Tensor>| -> Vec<Tensor> { tensors.iter().map(|t| t.to_dtype(DType::F32).unwrap()).collect() };
    let net = BeliefNet::new(single(matrices(nets.0.weights())), single(nets.0.biases().to_vec())).unwrap();
    let v = tensor(&all_states(5));
    let evidence = net.log_evidence(&v.to_dtype(DType::F32).unwrap(), 20.0).unwrap();
    assert_all_close("ln p(v)", &evidence, &nets.0.log_evidence(&v, 20.0).unwrap(), 1e-5);
}
