//! Gradients: closed forms against central differences, against automatic differentiation and against samples.

use crate::support::{ByHand, all_states, assert_all_close, assert_close, matrices, random_dbm, tensor};
use candle_core::Var;
use dbm::inference::{Exact, Inference, MeanField, Network, Refine, Stop};
use dbm::learning::{
    Chains, DbmWithNetwork, ExpectedStatistics, MaximumLikelihood, NegativePhase, NetworkRefined, Parameters, Sgd,
    Statistics, Trainer, Update, cross_entropy, recognition_gradient,
};
use dbm::math::{Stream, Tensor, host, mean_of};
use dbm::models::{Dbm, ExpectedLogJoint, LatentModel};
use dbm::posterior::{Factorial, Posterior};

/// Step of the central differences; their error is its square times a third derivative of order one.
const STEP: f64 = 1e-4;
const TOLERANCE: f64 = 1e-7;

/// Depths one to four.
pub fn machines() -> Vec<Dbm> {
    let sizes: [&[usize]; 4] = [&[4, 3], &[4, 3, 2], &[3, 3, 2, 2], &[3, 2, 2, 2, 1]];
    sizes.iter().zip(10..).map(|(sizes, seed)| random_dbm(sizes, 1.0, 0.5, seed)).collect()
}

/// A few examples, some of them twice, so that they are no sample of the machine.
pub fn examples(visible: usize) -> Tensor {
    let all = all_states(visible);
    tensor(&[all[1].clone(), all[5].clone(), all[5].clone(), all[6].clone(), all[all.len() - 1].clone()])
}

/// All values in one list: weights, then biases.
pub fn flat(parameters: &Parameters) -> Vec<f64> {
    matrices(&parameters.weights).iter().chain(&parameters.biases).flat_map(|tensor| host(tensor).unwrap()).collect()
}

/// The inverse of `flat` for the shapes of `like`.
fn unflat(like: &Parameters, values: &[f64]) -> Parameters {
    let mut rest = values;
    let mut take = |like: &Tensor| {
        let (own, after) = rest.split_at(like.elem_count());
        rest = after;
        Tensor::from_slice(own, like.shape(), like.device()).unwrap()
    };
    let weights = matrices(&like.weights).iter().map(|like| take(like).into()).collect();
    Parameters { weights, biases: like.biases.iter().map(&mut take).collect() }
}

/// Central differences of `objective` with respect to every parameter.
pub fn differences(at: &Parameters, objective: impl Fn(&Parameters) -> f64) -> Vec<f64> {
    let values = flat(at);
    let moved = |index: usize, by: f64| {
        let mut values = values.clone();
        values[index] += by;
        objective(&unflat(at, &values))
    };
    (0..values.len()).map(|index| (moved(index, STEP) - moved(index, -STEP)) / (2.0 * STEP)).collect()
}

pub fn with(dbm: &Dbm, parameters: &Parameters) -> Dbm {
    dbm.with_parameters(parameters.weights.clone(), parameters.biases.clone()).unwrap()
}

fn with_network(network: &Network, parameters: &Parameters) -> Network {
    network.with_parameters(parameters.weights.clone(), parameters.biases.clone()).unwrap()
}

/// Statistics of the whole machine by summing over all its states, and the variance of each of them for one sample.
pub fn model_statistics(dbm: &Dbm) -> (Vec<f64>, Vec<f64>) {
    let hand = ByHand::of(dbm);
    let log_z = hand.log_z();
    let mut means = vec![0.0; flat(&Parameters::of_dbm(dbm)).len()];
    for state in all_states(hand.sizes.iter().sum()) {
        let prob = (hand.log_joint(&state) - log_z).exp();
        let one = Statistics::of(&crate::support::layers(&[state], &hand.sizes)).unwrap().dense().unwrap();
        means.iter_mut().zip(flat(&one)).for_each(|(mean, value)| *mean += prob * value);
    }
    let variances = means.iter().map(|mean| mean * (1.0 - mean)).collect();
    (means, variances)
}

/// Statistics under the exact posterior, mean over examples.
fn posterior_statistics(dbm: &Dbm, visible: &Tensor) -> Parameters {
    let q = Exact { max_bits: 20.0 }.infer(dbm, visible, Stream::new(0)).unwrap().q;
    q.statistics(visible, &q.means().unwrap()).unwrap().dense().unwrap()
}

/// A factorial q that is the answer of no scheme.
fn arbitrary_q(dbm: &Dbm, examples: usize) -> Factorial {
    let draw = |(l, &n): (usize, &usize)| {
        let stream = Stream::new(5).at(l as u64);
        (stream.normal(examples, n, dbm.dtype(), dbm.device()).unwrap() * 1.5).unwrap()
    };
    let inputs = dbm.sizes()[1..].iter().enumerate().map(draw).collect();
    Factorial::from_inputs(dbm.units()[1..].to_vec(), inputs)
}

#[test]
fn statistics_times_parameters_are_the_mean_expected_log_joint() {
    for dbm in machines() {
        let visible = examples(dbm.sizes()[0]);
        let clamped = dbm.clamp(&visible).unwrap();
        let q = arbitrary_q(&dbm, 5);
        let statistics = q.statistics(&visible, &q.means().unwrap()).unwrap().dense().unwrap();
        let found = Parameters::of_dbm(&dbm).inner(&statistics).unwrap();
        assert_close("factorial", found, mean_of(&clamped.expected_log_joint(&q).unwrap()), 1e-12);

        let q = Exact { max_bits: 20.0 }.infer(&dbm, &visible, Stream::new(0)).unwrap().q;
        let found = Parameters::of_dbm(&dbm).inner(&posterior_statistics(&dbm, &visible)).unwrap();
        assert_close("table", found, mean_of(&clamped.expected_log_joint(&q).unwrap()), 1e-12);
    }
}

#[test]
fn exact_phases_give_the_gradient_of_the_likelihood() {
    for dbm in machines() {
        let visible = examples(dbm.sizes()[0]);
        let positive = flat(&posterior_statistics(&dbm, &visible));
        let (negative, _) = model_statistics(&dbm);
        let found: Vec<f64> = positive.iter().zip(negative).map(|(positive, negative)| positive - negative).collect();
        let likelihood = |parameters: &Parameters| {
            let hand = ByHand::of(&with(&dbm, parameters));
            let evidence: Vec<f64> = crate::support::rows(&visible).iter().map(|v| hand.log_evidence(v)).collect();
            mean_of(&evidence) - hand.log_z()
        };
        let expected = differences(&Parameters::of_dbm(&dbm), likelihood);
        assert_all_close(&format!("depth {}", dbm.depth()), &found, &expected, TOLERANCE);
    }
}

#[test]
fn at_the_posterior_the_elbo_and_the_evidence_have_the_same_gradient() {
    for dbm in machines() {
        let visible = examples(dbm.sizes()[0]);
        let q = Exact { max_bits: 20.0 }.infer(&dbm, &visible, Stream::new(0)).unwrap().q;
        let at = Parameters::of_dbm(&dbm);
        let clamp = |parameters: &Parameters| with(&dbm, parameters).clamp(&visible).unwrap();
        let elbo = differences(&at, |to| mean_of(&clamp(to).expected_log_joint(&q).unwrap()));
        let evidence = differences(&at, |to| mean_of(&clamp(to).log_partition(20.0).unwrap()));
        assert_all_close("Fisher's identity", &elbo, &evidence, TOLERANCE);
        assert_all_close("statistics", &flat(&posterior_statistics(&dbm, &visible)), &evidence, TOLERANCE);
    }
}

#[test]
fn factorial_statistics_are_the_gradient_of_the_elbo_at_constant_q() {
    for dbm in machines() {
        let visible = examples(dbm.sizes()[0]);
        let q = arbitrary_q(&dbm, 5);
        let found = flat(&q.statistics(&visible, &q.means().unwrap()).unwrap().dense().unwrap());
        let elbo = |to: &Parameters| {
            mean_of(&with(&dbm, to).clamp(&visible).unwrap().expected_log_joint(&q).unwrap())
                + mean_of(&host(&q.entropy().unwrap()).unwrap())
        };
        assert_all_close("ELBO", &found, &differences(&Parameters::of_dbm(&dbm), elbo), TOLERANCE);
    }
}

#[test]
fn long_chains_give_the_negative_phase_within_four_standard_errors() {
    const CHAINS: usize = 10_000;
    for (sizes, seed) in [(vec![5, 4, 3], 3), (vec![4, 3, 2, 2], 4)] {
        let dbm = random_dbm(&sizes, 0.8, 0.5, seed);
        let start = Chains::from_biases(&dbm, CHAINS, Stream::new(seed).named("start")).unwrap();
        let (chains, layers) = start.advance(&dbm, 60, Stream::new(seed).named("sweeps")).unwrap();
        let (expected, variances) = model_statistics(&dbm);
        let states = flat(&Statistics::of(chains.states()).unwrap().dense().unwrap());
        let smoothed = flat(&Statistics::of(&layers).unwrap().dense().unwrap());
        for (index, (&expected, &variance)) in expected.iter().zip(&variances).enumerate() {
            let error = (variance / CHAINS as f64).sqrt();
            assert_close(&format!("states [{index}]"), states[index], expected, 4.0 * error);
            assert_close(&format!("means of odd layers [{index}]"), smoothed[index], expected, 4.0 * error);
        }
    }
}

/// A network that is no copy of the machine.
fn arbitrary_network(dbm: &Dbm) -> Network {
    Network::from_dbm(&random_dbm(&dbm.sizes(), 0.7, 0.5, 77)).unwrap()
}

#[test]
fn the_recognition_gradient_matches_central_differences() {
    for dbm in machines() {
        let (visible, network) = (examples(dbm.sizes()[0]), arbitrary_network(&dbm));
        let targets = arbitrary_q(&dbm, 5).means().unwrap();
        let inputs = network.inputs(&visible).unwrap();
        let found = flat(&recognition_gradient(&network, &visible, &inputs, &targets).unwrap().dense().unwrap());
        let expected = differences(&Parameters::of_network(&network), |to| {
            let network = with_network(&network, to);
            -mean_of(&cross_entropy(&network, &network.inputs(&visible).unwrap(), &targets).unwrap())
        });
        assert_all_close(&format!("depth {}", dbm.depth()), &found, &expected, TOLERANCE);
    }
}

#[test]
fn the_recognition_gradient_matches_automatic_differentiation() {
    for dbm in machines() {
        let (visible, network) = (examples(dbm.sizes()[0]), arbitrary_network(&dbm));
        let targets = arbitrary_q(&dbm, 5).means().unwrap();
        let var = |tensor: &Tensor| Var::from_tensor(tensor).unwrap();
        let weights: Vec<Var> = matrices(network.weights()).iter().map(var).collect();
        let biases: Vec<Var> = network.biases().iter().map(var).collect();
        let (mut below, mut objective) = (visible.clone(), Tensor::new(0.0, visible.device()).unwrap());
        for (l, target) in targets.iter().enumerate() {
            let doubled = if l + 1 < targets.len() { 2.0 } else { 1.0 };
            let sent = (below.matmul(&weights[l]).unwrap() * doubled).unwrap();
            let input = sent.broadcast_add(&biases[l]).unwrap();
            let log_normalizer = (input.exp().unwrap() + 1.0).unwrap().log().unwrap();
            let nats = ((target * &input).unwrap() - log_normalizer).unwrap().sum_all().unwrap();
            objective = (objective + (nats / 5.0).unwrap()).unwrap();
            below = (input.neg().unwrap().exp().unwrap() + 1.0).unwrap().recip().unwrap();
        }
        let gradients = objective.backward().unwrap();
        let of = |vars: &[Var]| vars.iter().map(|var| gradients.get(var).unwrap().clone()).collect::<Vec<_>>();
        let expected: Vec<f64> =
            [of(&weights), of(&biases)].concat().iter().flat_map(|tensor| host(tensor).unwrap()).collect();
        let inputs = network.inputs(&visible).unwrap();
        let found = recognition_gradient(&network, &visible, &inputs, &targets).unwrap();
        assert_all_close(&format!("depth {}", dbm.depth()), &flat(&found.dense().unwrap()), &expected, 1e-12);
    }
}

#[test]
fn no_gradient_flows_through_the_target_of_the_network() {
    let dbm = random_dbm(&[5, 4, 3], 1.0, 0.5, 21);
    let (visible, network) = (examples(5), arbitrary_network(&dbm));
    let plain = Sgd { momentum: 0.0, weight_decay: 0.0 };
    let one_sweep = NetworkRefined { by: MeanField::default(), stop: Stop::after(1) };
    let negative = NegativePhase { chains: 2, sweeps: 1 };
    let trainer = MaximumLikelihood { positive: one_sweep, negative, dbm: plain, network: plain };
    let state = trainer.init(DbmWithNetwork { dbm: dbm.clone(), network: network.clone() }, Stream::new(1)).unwrap();
    let update = Update::new(Stream::new(2), [0.1, 1.0]);
    let (moved, _) = trainer.step(state, &visible, update).unwrap();
    let before = Parameters::of_network(&network);
    let found = flat(&Parameters::of_network(&moved.network).minus(&before).unwrap());

    let refined = |network: &Network| {
        let start = network.posterior(&visible).unwrap();
        let clamped = dbm.clamp(&visible).unwrap();
        MeanField::default().refine(&clamped, start, Stop::after(1), Stream::new(3)).unwrap().q.means().unwrap()
    };
    let objective = |network: &Network, targets: &[Tensor]| {
        -mean_of(&cross_entropy(network, &network.inputs(&visible).unwrap(), targets).unwrap())
    };
    let constant = refined(&network);
    let expected = differences(&before, |to| objective(&with_network(&network, to), &constant));
    assert_all_close("constant target", &found, &expected, TOLERANCE);
    let flowing = differences(&before, |to| {
        let network = with_network(&network, to);
        objective(&network, &refined(&network))
    });
    let apart = flowing.iter().zip(&expected).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
    assert!(apart > 1e-2, "here a gradient through the target would be another one, not within {apart:e}");
}
