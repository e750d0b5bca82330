//! What ln Z from two sides promises, and what is said of it where it is wrong.

use crate::support::{ByHand, all_states, assert_all_close, assert_close, log_sum_exp, random_dbm, tensor};
use dbm::evaluate::{
    Annealing, Doubt, Guarantee, LogPartition, Method, Path, Raising, Samples, Spacing, ais, base_distance,
    contradicted, effective_sample_size, exact, far_base, raise, reverse, sandwich,
};
use dbm::inference::{BottomUp, Inference};
use dbm::math::{Device, Layers, Stream, Tensor, mean_of};
use dbm::models::Dbm;

const MACHINES: [&[usize]; 4] = [&[12, 8], &[8, 7, 5], &[6, 5, 5, 4], &[5, 4, 4, 4, 3]];

fn annealing(temperatures: usize, chains: usize) -> Annealing {
    Annealing { temperatures, spacing: Spacing::Uniform, chains, kept: None, base_means: Vec::new() }
}

fn samples(dbm: &Dbm, count: usize, stream: Stream) -> Layers {
    dbm.free().unwrap().draw(count, 20.0, stream).unwrap()
}

fn vector(values: &[f64]) -> Tensor {
    Tensor::from_slice(values, values.len(), &Device::Cpu).unwrap()
}

/// Two kinds of states: hidden unit off with free visible units, or on with all of them pinned, which holds e^22 times as much. At small β
/// the first kind holds most by far, at large β no chain changes kind: chains that start from free units never see the second.
struct TwoKinds {
    dbm: Dbm,
    visible: usize,
    pull: f64,
}

impl TwoKinds {
    fn new() -> Self {
        let (visible, pull) = (120, 3.0);
        let hidden = -80.0 - 0.5 * pull * visible as f64;
        let weight = tensor(&vec![vec![pull]; visible]);
        let biases = vec![vector(&vec![0.0; visible]), vector(&[hidden])];
        Self { dbm: Dbm::binary(vec![weight], biases).unwrap(), visible, pull }
    }

    /// Means of the visible units of the machine, which is nearly always in states of the second kind.
    fn rates(&self) -> Vec<f64> {
        vec![1.0 / (1.0 + (-self.pull).exp()); self.visible]
    }

    fn annealed(&self, temperatures: usize) -> LogPartition {
        let settings = Annealing { base_means: vec![vector(&self.rates())], ..annealing(temperatures, 100) };
        ais(&self.dbm, &settings, Stream::new(2)).unwrap()
    }
}

#[test]
fn forward_chains_lie_below_and_reverse_chains_from_exact_samples_above() {
    let mut outside = 0;
    for (sizes, seed) in MACHINES.iter().zip(60..) {
        for seed in [seed, seed + 100, seed + 200] {
            let dbm = random_dbm(sizes, 1.5, 1.0, seed);
            let log_z = exact(&dbm, 20.0).unwrap().value.nats;
            let states = samples(&dbm, 400, Stream::new(seed));
            let found = sandwich(&dbm, &annealing(30, 400), states, Samples::Exact, 1e3, Stream::new(1)).unwrap();
            let [lower, upper] = found.ends().unwrap();
            assert_eq!(
                [lower.guarantee, upper.guarantee, found.value.guarantee],
                [Guarantee::StochasticLowerBound, Guarantee::StochasticUpperBound, Guarantee::Estimate]
            );
            assert!(lower.nats < log_z + 2.0 * lower.error.unwrap(), "{lower} above {log_z}");
            assert!(upper.nats > log_z - 2.0 * upper.error.unwrap(), "{upper} below {log_z}");
            assert!(lower.nats <= found.value.nats, "a mean of logarithms is below the logarithm of the mean");
            outside += usize::from(found.value.nats > upper.nats || lower.nats > log_z || upper.nats < log_z);
            assert_eq!(found.method, Method::Sandwich);
        }
    }
    assert!(outside <= 2, "the sandwich leaves out ln Z or its own value in {outside} of 12");
}

#[test]
fn reverse_chains_alone_are_within_their_error_of_ln_z() {
    let mut scores = Vec::new();
    for (sizes, seed) in MACHINES.iter().zip(80..) {
        for seed in [seed, seed + 100, seed + 200] {
            let dbm = random_dbm(sizes, 1.0, 1.0, seed);
            let settings = annealing(100, 1);
            let weights =
                reverse(&dbm, &settings, samples(&dbm, 300, Stream::new(seed)), Stream::new(seed + 1)).unwrap();
            let path = Path::new(&dbm, &settings).unwrap();
            let found = LogPartition::from_reverse(&path, weights, Samples::Exact).unwrap();
            assert!(found.all_doubts().is_empty(), "{:?}", found.all_doubts());
            scores.push((found.value.nats - exact(&dbm, 20.0).unwrap().value.nats) / found.value.error.unwrap());
        }
    }
    let rms = mean_of(&scores.iter().map(|score| score * score).collect::<Vec<_>>()).sqrt();
    assert!((0.4..=1.8).contains(&rms), "errors are {rms} times the stated ones: {scores:?}");
}

#[test]
fn a_base_far_from_the_machine_is_wrong_in_agreement_and_gets_told_so() {
    let machine = TwoKinds::new();
    let log_z = exact(&machine.dbm, 20.0).unwrap().value.nats;
    let uniform = ais(&machine.dbm, &annealing(1000, 100), Stream::new(1)).unwrap();
    // The failure: many nats too low, and nothing in the weights says so.
    assert!(uniform.value.nats < log_z - 8.0, "{} of {log_z}", uniform.value);
    assert!(uniform.all_doubts().is_empty() && uniform.value.error.unwrap() < 0.1, "{}", uniform.value);
    // From the rates of the data a short run finds it, and contradicts.
    let check = machine.annealed(100);
    assert_close("ln Z from the rates of the data", check.value.nats, log_z, 0.3);
    let doubt = contradicted(uniform.value, check.value, "the rates of the data").unwrap();
    assert!(matches!(&doubt, Doubt::Unreliable(text) if text.contains("too low by about 2")), "{doubt:?}");
    let distance = base_distance(&machine.rates(), &vec![0.5; machine.visible]);
    assert!(matches!(far_base("uniform", distance), Some(Doubt::Unreliable(_))), "{distance} nats");
    // So does a sandwich, whose reverse chains begin where the others never came.
    let states = samples(&machine.dbm, 100, Stream::new(3));
    let found = sandwich(&machine.dbm, &annealing(1000, 100), states, Samples::Exact, 1.0, Stream::new(4)).unwrap();
    let [lower, upper] = found.ends().unwrap();
    assert!(lower.nats < log_z && upper.nats > log_z && upper.nats - lower.nats > 8.0, "{lower} to {upper}");
    assert!(found.all_doubts().iter().any(|doubt| matches!(doubt, Doubt::Unreliable(text) if text.contains("width"))));
}

#[test]
fn samples_of_the_rare_kind_alone_do_not_pass_in_silence() {
    let machine = TwoKinds::new();
    let settings = Annealing { base_means: vec![vector(&machine.rates())], ..annealing(300, 100) };
    // As chains that never left it would give.
    let visible = Stream::new(5).uniform(100, machine.visible, dbm::math::DType::F64, &Device::Cpu).unwrap().round();
    let states = vec![visible.unwrap(), tensor(&vec![vec![0.0]; 100])];
    let found = sandwich(&machine.dbm, &settings, states, Samples::Chains(1), 1.0, Stream::new(6)).unwrap();
    let doubts = found.all_doubts();
    let says = |what: &str| doubts.iter().any(|doubt| format!("{doubt:?}").contains(what));
    assert!(says("the width of its sandwich") || says("contradict each other"), "{doubts:?}");
    assert!(says("Gibbs chains of 1 sweeps"), "{doubts:?}");
    assert_eq!(found.ends().unwrap()[1].guarantee, Guarantee::Approximation);
}

#[test]
fn an_upper_end_below_the_forward_estimate_is_a_contradiction() {
    let dbm = random_dbm(&[4, 3], 1.0, 1.0, 1);
    let path = Path::new(&dbm, &annealing(10, 100)).unwrap();
    let around = |centre: f64| (0..100).map(|chain| centre + 0.1 * f64::from(chain % 5 - 2)).collect::<Vec<_>>();
    let says = |upper: f64, widest: f64| {
        let forward = LogPartition::from_log_weights(&path, around(3.0)).unwrap();
        let reverse = LogPartition::from_reverse(&path, around(upper), Samples::Exact).unwrap();
        let found = LogPartition::sandwich(forward, reverse, widest);
        found.all_doubts().iter().map(|doubt| format!("{doubt:?}")).collect::<String>()
    };
    assert!(says(2.5, 1.0).contains("contradict each other"));
    assert_eq!(says(3.5, 1.0), "");
    assert!(says(3.5, 0.4).contains("0.50 nats, the width of its sandwich; 0.4 was asked for"), "{}", says(3.5, 0.4));
}

#[test]
fn runs_that_agree_do_not_contradict_each_other() {
    for (sizes, seed) in MACHINES.iter().zip(70..) {
        for seed in [seed, seed + 50] {
            let dbm = random_dbm(sizes, 1.0, 1.0, seed);
            let run = |temperatures, base_means, stream| {
                let settings = Annealing { base_means, ..annealing(temperatures, 100) };
                ais(&dbm, &settings, Stream::new(stream)).unwrap().value
            };
            let (long, short) = (run(300, vec![], 1), run(100, vec![vector(&vec![0.3; sizes[0]])], 2));
            assert_eq!(contradicted(long, short, "elsewhere"), None, "{long} against {short}");
        }
    }
}

#[test]
fn weights_are_worth_as_many_chains_as_are_equal() {
    assert_close("equal weights", effective_sample_size(&[3.0; 7]), 7.0, 1e-12);
    assert_close("one weight", effective_sample_size(&[-900.0, 800.0, -700.0]), 1.0, 1e-12);
    let weights = [0.0, 0.5_f64.ln(), 0.25_f64.ln()];
    assert_close("by hand", effective_sample_size(&weights), 1.75 * 1.75 / (1.0 + 0.25 + 0.0625), 1e-12);
    let shifted = weights.map(|w| w + 500.0);
    assert_close("of any scale", effective_sample_size(&shifted), effective_sample_size(&weights), 1e-10);
}

#[test]
fn doubts_come_in_two_degrees_and_those_of_reverse_chains_in_the_higher_alone() {
    let dbm = random_dbm(&[4, 3], 1.0, 1.0, 1);
    let path = Path::new(&dbm, &annealing(10, 100)).unwrap();
    // So many equal weights, and none to speak of beside them.
    let worth = |count: usize| {
        let weights: Vec<f64> = (0..100).map(|chain| if chain < count { 0.0 } else { -60.0 }).collect();
        let inverse = weights.iter().map(|w| -w).collect();
        let forward = LogPartition::from_log_weights(&path, weights).unwrap();
        let reverse = LogPartition::from_reverse(&path, inverse, Samples::Exact).unwrap();
        [forward.all_doubts(), reverse.all_doubts()]
    };
    assert_eq!(worth(60), [vec![], vec![]]);
    for (count, degrees) in [(40, ["with care", "unreliable"]), (9, ["unreliable", "unreliable"])] {
        for ((doubts, way), degree) in worth(count).into_iter().zip(["too low", "too high"]).zip(degrees) {
            let [Doubt::Unreliable(text) | Doubt::Caution(text)] = &doubts[..] else { panic!("{doubts:?}") };
            assert!(text.contains(degree) && text.contains(way) && text.contains("more temperatures"), "{text}");
            assert_eq!(matches!(doubts[0], Doubt::Unreliable(_)), degree == "unreliable");
        }
    }
}

#[test]
fn the_distance_of_a_base_is_that_of_independent_units() {
    let (rates, base): ([f64; 3], [f64; 3]) = ([0.2, 0.7, 0.5], [0.5, 0.6, 0.5]);
    let prob = |means: &[f64], state: &[f64]| -> f64 {
        means.iter().zip(state).map(|(mean, bit)| if *bit > 0.5 { *mean } else { 1.0 - mean }).product()
    };
    let terms =
        all_states(3).into_iter().map(|state| prob(&rates, &state) * (prob(&rates, &state) / prob(&base, &state)).ln());
    assert_close("KL over all states", base_distance(&rates, &base), terms.sum(), 1e-12);
    assert_eq!(base_distance(&rates, &rates), 0.0);
    assert_eq!(far_base("data", base_distance(&[0.0, 1.0], &[0.001, 0.999])), None);
}

#[test]
fn raise_in_pieces_and_at_once_are_the_same_bits() {
    let dbm = random_dbm(&[5, 4, 3], 1.0, 1.0, 3);
    let visible = tensor(&all_states(5)[..6]);
    let q = BottomUp.infer(&dbm, &visible, Stream::new(0)).unwrap().q;
    let settings = annealing(20, 8);
    let whole = raise(&dbm, &visible, &q, &settings, Stream::new(4)).unwrap();
    let parts = [0, 3].into_iter().flat_map(|first| {
        let rows = Tensor::new(&[first as u32, first as u32 + 1, first as u32 + 2], &Device::Cpu).unwrap();
        let (own, stream) = (q.select(&rows).unwrap(), Stream::new(4).from_row(8 * first as u64));
        let mut raising = Raising::new(&dbm, &visible.narrow(0, first, 3).unwrap(), &own, &settings, stream).unwrap();
        while raising.done() < raising.steps() {
            raising.advance(7).unwrap();
        }
        raising.finish()
    });
    parts.zip(&whole).for_each(|(part, whole)| assert_all_close("ln w", &part, whole, 1e-12));
}

#[test]
fn raise_finds_ln_z_by_way_of_ln_p() {
    for (sizes, seed) in [&[6, 5][..], &[5, 4, 3], &[4, 3, 3, 2]].into_iter().zip(90..) {
        let dbm = random_dbm(sizes, 1.0, 1.0, seed);
        let (hand, states) = (ByHand::of(&dbm), all_states(sizes[0]));
        let visible = tensor(&states);
        let q = BottomUp.infer(&dbm, &visible, Stream::new(0)).unwrap().q;
        let weights = raise(&dbm, &visible, &q, &annealing(300, 100), Stream::new(seed)).unwrap();
        let evidence: Vec<f64> = states.iter().map(|v| hand.log_evidence(v)).collect();
        let found = LogPartition::from_raise(300, &weights, &evidence).unwrap();
        let log_z = log_sum_exp(&evidence);
        assert_eq!(found.value.error, None, "how far the annealing run is from the machine is unknown");
        assert!(matches!(&found.all_doubts()[..], [Doubt::Caution(text)] if text.contains("tends to")));
        let report = found.raise.unwrap();
        assert_close("ln Z by RAISE", found.value.nats, log_z, 4.0 * report.mean.error.unwrap() + 0.02);
        assert_close(
            "mean ln p(v)",
            report.mean.nats,
            mean_of(&evidence) - log_z,
            4.0 * report.mean.error.unwrap() + 0.02,
        );
        assert_eq!(report.mean.guarantee, Guarantee::StochasticLowerBound);
        assert!(LogPartition::from_raise(300, &weights, &evidence[1..]).is_err());
    }
}
