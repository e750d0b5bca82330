//! Machines with label units: known or free, against sums over all one-hot states in plain loops.

use crate::gradients::{differences, flat, with};
use crate::support::{
    ByHand, all_states, assert_all_close, assert_close, log_sum_exp, matrices, random_dbm, rows, tensor,
};
use dbm::evaluate::{Annealing, Path, Spacing, ais, bits, error_percent, exact, exact_labels};
use dbm::inference::{
    BottomUp, Exact, Inference, MeanField, Network, Refined, Stop, Structured, Tables, Tap, Uninformed,
};
use dbm::learning::{Chains, ExpectedStatistics, Parameters, Statistics, cross_entropy, recognition_gradient};
use dbm::math::{DType, Stream, Tensor, Weight, host, mean_of};
use dbm::models::{Conditionals, Dbm, LatentModel, Mode, Reading, Schedule, Swept, composed_sweep, one_hot};
use dbm::posterior::Posterior;

pub const CLASSES: usize = 3;

/// A binary machine of these layers and three label units on top.
pub fn labelled(sizes: &[usize], std: f64, seed: u64) -> Dbm {
    let all = random_dbm(&[sizes, &[CLASSES]].concat(), std, std, seed);
    let (weights, biases) = (matrices(all.weights()), all.biases().to_vec());
    let (last, below) = (weights.len() - 1, weights[..weights.len() - 1].to_vec());
    let dbm = Dbm::binary(below, biases[..=last].to_vec()).unwrap();
    dbm.labelled(weights[last].clone(), biases[last + 1].clone()).unwrap()
}

const SIZES: [&[usize]; 4] = [&[3, 2], &[2, 3, 2], &[2, 2, 3, 2], &[4, 1]];

fn machines() -> impl Iterator<Item = Dbm> {
    SIZES.iter().enumerate().map(|(seed, sizes)| labelled(sizes, 1.2, 40 + seed as u64))
}

pub fn labels() -> Vec<Vec<f64>> {
    (0..CLASSES).map(|class| (0..CLASSES).map(|unit| f64::from(u8::from(unit == class))).collect()).collect()
}

/// Every state of all layers of a machine.
fn states(dbm: &Dbm) -> Vec<Vec<f64>> {
    let binary: usize = dbm.sizes().iter().sum::<usize>() - CLASSES;
    let with = |state: &Vec<f64>| labels().into_iter().map(|label| [&state[..], &label].concat()).collect::<Vec<_>>();
    all_states(binary).iter().flat_map(with).collect()
}

/// ln Σ p̃ over the states that begin with `visible` and end with `label`, if there is one.
fn log_sum(dbm: &Dbm, visible: &[f64], label: Option<&[f64]>) -> f64 {
    let hand = ByHand::of(dbm);
    let fits = |state: &&Vec<f64>| state.starts_with(visible) && label.is_none_or(|label| state.ends_with(label));
    log_sum_exp(&states(dbm).iter().filter(fits).map(|state| hand.log_joint(state)).collect::<Vec<_>>())
}

/// Every visible state with every label.
pub fn pairs(dbm: &Dbm) -> Vec<(Vec<f64>, Vec<f64>)> {
    let visible = all_states(dbm.sizes()[0]).into_iter();
    visible.flat_map(|v| labels().into_iter().map(move |label| (v.clone(), label))).collect()
}

pub fn side_by_side(pairs: &[(Vec<f64>, Vec<f64>)]) -> Tensor {
    tensor(&pairs.iter().map(|(v, label)| [&v[..], label].concat()).collect::<Vec<_>>())
}

#[test]
fn sums_over_a_machine_with_labels_run_through_one_state_a_class() {
    for dbm in machines() {
        assert_close("ln Z", exact(&dbm, 20.0).unwrap().value.nats, log_sum(&dbm, &[], None), 1e-12);
        let examples = pairs(&dbm);
        let free = dbm.clamp(&tensor(&all_states(dbm.sizes()[0]))).unwrap().log_partition(20.0).unwrap();
        for (v, found) in all_states(dbm.sizes()[0]).iter().zip(free) {
            assert_close("ln p̃(v)", found, log_sum(&dbm, v, None), 1e-12);
        }
        let known = dbm.clamp(&side_by_side(&examples)).unwrap().log_partition(20.0).unwrap();
        for ((v, label), found) in examples.iter().zip(known) {
            assert_close("ln p̃(v, label)", found, log_sum(&dbm, v, Some(label)), 1e-12);
        }
    }
    // Three states of the labels are fewer than sixteen of a layer of four.
    assert_close("bits", bits(&labelled(&[4, 4], 1.0, 1)).unwrap(), 4.0, 1e-12);
    let clamped = labelled(&[4, 4], 1.0, 1).clamp(&tensor(&[vec![0.0; 4]])).unwrap();
    assert_close("bits", clamped.enumeration_bits().unwrap(), 3_f64.log2(), 1e-12);
}

#[test]
fn the_exact_posterior_of_free_and_of_known_labels_is_that_of_all_states() {
    for dbm in machines() {
        let (hand, examples) = (ByHand::of(&dbm), pairs(&dbm));
        let visible = dbm.sizes()[0];
        let infer = |examples: &Tensor| Exact { max_bits: 20.0 }.infer(&dbm, examples, Stream::new(0)).unwrap().q;
        let known = infer(&side_by_side(&examples));
        let free = infer(&tensor(&examples.iter().map(|(v, _)| v.clone()).collect::<Vec<_>>()));
        for (q, known) in [(known, true), (free, false)] {
            let means = rows(&Tensor::cat(&q.means().unwrap(), 1).unwrap());
            let entropies = host(&q.entropy().unwrap()).unwrap();
            for (example, (v, label)) in examples.iter().enumerate() {
                let fits = |state: &Vec<f64>| state.starts_with(v) && (!known || state.ends_with(label));
                let states: Vec<Vec<f64>> = states(&dbm).into_iter().filter(fits).collect();
                let joints: Vec<f64> = states.iter().map(|state| hand.log_joint(state)).collect();
                let probs: Vec<f64> = joints.iter().map(|joint| (joint - log_sum_exp(&joints)).exp()).collect();
                for (unit, mean) in means[example].iter().enumerate() {
                    let expected = states.iter().zip(&probs).map(|(state, p)| p * state[visible + unit]).sum();
                    assert_close("mean", *mean, expected, 1e-12);
                }
                let entropy: f64 = probs.iter().map(|p| -p * p.ln()).sum();
                assert_close("entropy", entropies[example], entropy, 1e-11);
            }
        }
    }
}

#[test]
fn the_label_of_one_hidden_layer_has_a_closed_form() {
    for dbm in [labelled(&[3, 2], 1.5, 1), labelled(&[4, 1], 2.0, 2), labelled(&[2, 5], 1.0, 3)] {
        let visible = all_states(dbm.sizes()[0]);
        let found = rows(&dbm.label_log_probs(&tensor(&visible)).unwrap());
        let mut best = Vec::new();
        for (v, found) in visible.iter().zip(found) {
            let joints: Vec<f64> = labels().iter().map(|label| log_sum(&dbm, v, Some(label))).collect();
            let expected: Vec<f64> = joints.iter().map(|joint| joint - log_sum_exp(&joints)).collect();
            assert_all_close("ln p(label | v)", &found, &expected, 1e-12);
            best.push((0..CLASSES).max_by(|&a, &b| joints[a].total_cmp(&joints[b])).unwrap() as u32);
        }
        assert_eq!(exact_labels(&dbm, &tensor(&visible)).unwrap().unwrap(), best);
        assert_close("all wrong but one", error_percent(&[0, 1, 2, 0], &[0, 2, 0, 1]).unwrap(), 75.0, 0.0);
    }
    let deep = labelled(&[3, 2, 2], 1.0, 1);
    assert!(deep.label_log_probs(&tensor(&all_states(3))).is_err());
    assert!(exact_labels(&deep, &tensor(&all_states(3))).unwrap().is_none());
}

#[test]
fn mean_field_climbs_its_bound_with_labels_free_or_known_and_leaves_known_ones_alone() {
    for dbm in machines() {
        let examples = pairs(&dbm);
        for known in [false, true] {
            let rows_of = |(v, label): &(Vec<f64>, Vec<f64>)| if known { [&v[..], label].concat() } else { v.clone() };
            let batch = tensor(&examples.iter().map(rows_of).collect::<Vec<_>>());
            for sweeps in [1, 2, 5, 20] {
                let stop = Stop::after(sweeps).traced();
                let by = MeanField::default();
                let found = Refined { start: Uninformed, by, stop }.infer(&dbm, &batch, Stream::new(0)).unwrap();
                let bounds = &found.trace.elbos_unnormalized;
                assert!(bounds.windows(2).all(|pair| pair[1] >= pair[0] - 1e-12), "{bounds:?}");
                let evidence: Vec<f64> =
                    examples.iter().map(|(v, label)| log_sum(&dbm, v, known.then_some(label.as_slice()))).collect();
                assert!(bounds[sweeps] <= mean_of(&evidence) + 1e-12);
                if known {
                    let labels = rows(found.q.means().unwrap().last().unwrap());
                    let given: Vec<Vec<f64>> = examples.iter().map(|(_, label)| label.clone()).collect();
                    assert_eq!(labels, given);
                }
            }
        }
    }
}

#[test]
fn every_start_knows_what_labels_are_known() {
    let dbm = labelled(&[2, 3, 2], 1.0, 5);
    let (examples, network) = (side_by_side(&pairs(&dbm)), Network::from_dbm(&dbm).unwrap());
    let given: Vec<Vec<f64>> = pairs(&dbm).into_iter().map(|(_, label)| label).collect();
    let starts = [
        Uninformed.infer(&dbm, &examples, Stream::new(0)).unwrap().q,
        BottomUp.infer(&dbm, &examples, Stream::new(0)).unwrap().q,
        network.infer(&dbm, &examples, Stream::new(0)).unwrap().q,
    ];
    for q in starts {
        assert_eq!(rows(q.means().unwrap().last().unwrap()), given);
    }
    // The layer below the labels is a top layer: label units send next to nothing.
    assert_eq!([0, 1, 2].map(|l| network.gain(l)), [2.0, 1.0, 1.0]);
}

#[test]
fn the_gradient_with_known_labels_is_that_of_the_joint_likelihood() {
    for dbm in machines() {
        let some: Vec<_> = pairs(&dbm).into_iter().step_by(2).collect();
        let (examples, visible) =
            (side_by_side(&some), tensor(&some.iter().map(|(v, _)| v.clone()).collect::<Vec<_>>()));
        let q = Exact { max_bits: 20.0 }.infer(&dbm, &examples, Stream::new(0)).unwrap().q;
        let positive = q.statistics(&visible, &q.means().unwrap()).unwrap();
        let found = positive.minus(&Statistics::of_model(&dbm, 20.0).unwrap()).unwrap().dense().unwrap();
        let likelihood = |at: &Parameters| {
            let moved = with(&dbm, at);
            let joints: Vec<f64> = some.iter().map(|(v, label)| log_sum(&moved, v, Some(label))).collect();
            mean_of(&joints) - log_sum(&moved, &[], None)
        };
        let expected = differences(&Parameters::of_dbm(&dbm), likelihood);
        assert_all_close("∂ ln p(v, label)", &flat(&found), &expected, 1e-7);
    }
}

#[test]
fn the_network_of_a_machine_with_labels_learns_a_classifier() {
    let dbm = labelled(&[3, 4, 3], 1.0, 7);
    let network = Network::from_dbm(&dbm).unwrap();
    let (examples, visible) = (pairs(&dbm), tensor(&pairs(&dbm).iter().map(|(v, _)| v.clone()).collect::<Vec<_>>()));
    let q = Exact { max_bits: 20.0 }.infer(&dbm, &side_by_side(&examples), Stream::new(0)).unwrap().q;
    let targets = q.means().unwrap();
    let inputs = network.inputs(&visible).unwrap();
    let found = recognition_gradient(&network, &visible, &inputs, &targets).unwrap().dense().unwrap();
    let objective = |at: &Parameters| {
        let moved = network.with_parameters(at.weights.clone(), at.biases.clone()).unwrap();
        -mean_of(&cross_entropy(&moved, &moved.inputs(&visible).unwrap(), &targets).unwrap())
    };
    let expected = differences(&Parameters::of_network(&network), objective);
    assert_all_close("∂ E ln q", &flat(&found), &expected, 1e-7);
    let last = Network::posterior(&network, &visible).unwrap().means().unwrap();
    assert!(rows(last.last().unwrap()).iter().all(|row| (row.iter().sum::<f64>() - 1.0).abs() < 1e-14));
}

#[test]
fn chains_of_a_machine_with_labels_have_its_marginals() {
    const CHAINS: usize = 20_000;
    for dbm in machines() {
        let expected = flat(&Statistics::of_model(&dbm, 20.0).unwrap().dense().unwrap());
        let chains = Chains::from_biases(&dbm, CHAINS, Stream::new(1)).unwrap();
        let (chains, _) = chains.advance(&dbm, 60, Stream::new(2)).unwrap();
        let last = chains.states().last().unwrap();
        assert!(rows(last).iter().all(|state| state.iter().sum::<f64>() == 1.0));
        let found = flat(&Statistics::of(chains.states()).unwrap().dense().unwrap());
        for (index, (found, expected)) in found.into_iter().zip(expected).enumerate() {
            let error = (expected * (1.0 - expected) / CHAINS as f64).sqrt();
            assert_close(&format!("statistic {index}"), found, expected, 4.0 * error);
        }
    }
}

#[test]
fn annealing_finds_ln_z_of_a_machine_with_labels_in_either_precision() {
    for (seed, sizes) in [&[5, 3][..], &[5, 4, 3]].into_iter().enumerate() {
        let dbm = labelled(sizes, 1.0, 60 + seed as u64);
        let exact = log_sum(&dbm, &[], None);
        let settings = |kept| Annealing {
            temperatures: 100,
            chains: 2000,
            spacing: Spacing::Uniform,
            kept,
            base_means: Vec::new(),
        };
        for kept in [None, Some(dbm::evaluate::Half::Even), Some(dbm::evaluate::Half::Odd)] {
            let moments = Path::new(&dbm, &settings(kept)).unwrap();
            let base = moments.log_base_partition().unwrap();
            assert_close("E w", base + moments.moments(20.0).unwrap().log_mean, exact, 1e-9);
            for dtype in [DType::F64, DType::F32] {
                let found = ais(&converted(&dbm, dtype), &settings(kept), Stream::new(5)).unwrap().value;
                assert_close(&format!("ln Z in {dtype:?}"), found.nats, exact, 4.0 * found.error.unwrap());
            }
        }
    }
}

/// The same machine in another precision.
fn converted(dbm: &Dbm, dtype: DType) -> Dbm {
    let convert = |tensors: &[Tensor]| tensors.iter().map(|t| t.to_dtype(dtype).unwrap()).collect::<Vec<_>>();
    let weights: Vec<Weight> = convert(&matrices(dbm.weights())).into_iter().map(Into::into).collect();
    dbm.with_parameters(weights, convert(dbm.biases())).unwrap()
}

#[test]
fn sweeps_by_the_kernels_are_composed_sweeps_with_labels_too() {
    let dbm = converted(&labelled(&[20, 40, 30], 0.3, 8), DType::F32);
    let visible = Stream::new(1).uniform(50, 20, DType::F32, dbm.device()).unwrap();
    let known = one_hot(&[0, 1, 2, 2, 1].repeat(10), CLASSES, &visible).unwrap();
    let examples = Tensor::cat(&[&visible, &known], 1).unwrap();
    for (stack, layers) in [
        (dbm.clamp(&visible).unwrap(), &dbm.sizes()[1..]),
        (dbm.clamp(&examples).unwrap(), &dbm.sizes()[1..]),
        (dbm.free().unwrap(), &dbm.sizes()[..]),
    ] {
        let start = Swept::from_states(
            layers.iter().map(|&n| Stream::new(n as u64).uniform(50, n, DType::F32, dbm.device()).unwrap()).collect(),
        );
        for reading in [Reading::Mean, Reading::Sample(Stream::new(9)), Reading::Mode] {
            let fused = stack.sweep(start.clone(), Schedule::OddEven, reading).unwrap();
            let composed = composed_sweep(&stack, start.clone(), Schedule::OddEven, reading).unwrap();
            for (fused, composed) in fused.states.iter().zip(&composed.states) {
                let differing = host(fused)
                    .unwrap()
                    .iter()
                    .zip(host(composed).unwrap())
                    .filter(|(a, b)| (*a - b).abs() > 1e-4)
                    .count();
                // A draw on the very edge may fall on either side.
                assert!(differing <= 4, "{reading:?}: {differing} states differ");
            }
        }
    }
}

#[test]
fn the_best_state_is_the_best_of_all_one_hot_states() {
    for dbm in machines() {
        let (hand, visible) = (ByHand::of(&dbm), all_states(dbm.sizes()[0]));
        let batch = tensor(&visible);
        let (found, nats) = dbm.clamp(&batch).unwrap().mode(20.0, &batch).unwrap();
        assert!(rows(found.last().unwrap()).iter().all(|state| state.iter().sum::<f64>() == 1.0));
        for (v, found) in visible.iter().zip(nats) {
            let all = states(&dbm);
            let best = all.iter().filter(|state| state.starts_with(v)).map(|state| hand.log_joint(state));
            assert_close("ln p̃(v, h*)", found, best.fold(f64::MIN, f64::max), 1e-12);
        }
    }
}

#[test]
fn what_takes_units_one_by_one_and_groups_out_of_place_are_refused() {
    let dbm = labelled(&[3, 2], 1.0, 1);
    let visible = tensor(&all_states(3));
    let tables = Structured { start: Uninformed, tables: Tables::Columns, max_bits: 20.0, stop: Stop::after(1) };
    let error = tables.infer(&dbm, &visible, Stream::new(0)).unwrap_err().to_string();
    assert!(error.contains("one by one"), "{error}");
    let tap = Tap { start: Uninformed, order: 2, damping: 0.0, stop: Stop::after(1) };
    let error = tap.estimate(&dbm, &visible, Stream::new(0)).unwrap_err().to_string();
    assert!(error.contains("binary units"), "{error}");
    let (mut units, weights, biases) = dbm.clone().into_parts();
    units.swap(1, 2);
    let error = Dbm::new(units, weights, biases).unwrap_err().to_string();
    assert!(error.contains("on top of all others"), "{error}");
    let error = dbm.clamp(&tensor(&[vec![0.0; 5]])).unwrap_err().to_string();
    assert!(error.contains("5 values") && error.contains("3 classes"), "{error}");
    assert!(one_hot(&[3], CLASSES, &visible).unwrap_err().to_string().contains("label 3 of 3"));
}
