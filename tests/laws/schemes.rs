//! Inference schemes: starts, the network, refinement, and the bound that no scheme exceeds.

use crate::support::{ByHand, all_states, assert_all_close, assert_close, layers, random_dbm, random_q, rows, tensor};
use dbm::inference::{
    AnyInference, BottomUp, Exact, Gibbs, Inference, MeanField, Network, Random, Refine, Refined, Stop, Uninformed,
};
use dbm::math::{DType, Device, Stream, Tensor, host};
use dbm::models::{Dbm, ExpectedLogJoint, LatentModel, Schedule};
use dbm::posterior::{Factorial, Posterior};

const SIZES: [&[usize]; 5] = [&[4, 5], &[4, 3, 3], &[3, 1, 2], &[3, 3, 2, 3], &[3, 2, 3, 1, 2]];

fn machine(sizes: &[usize], seed: u64) -> (Dbm, Tensor) {
    (random_dbm(sizes, 1.5, 1.0, seed), tensor(&all_states(sizes[0])))
}

fn machines() -> impl Iterator<Item = (String, Dbm, Tensor)> {
    SIZES.iter().enumerate().map(|(seed, sizes)| {
        let (dbm, images) = machine(sizes, seed as u64);
        (format!("sizes {sizes:?}"), dbm, images)
    })
}

/// Inputs of all hidden units of each example.
fn inputs_of(q: &Factorial) -> Vec<Vec<f64>> {
    rows(&Tensor::cat(q.inputs(), 1).unwrap())
}

fn assert_same_q(what: &str, found: &Factorial, expected: &Factorial, tolerance: f64) {
    assert_all_close(what, &inputs_of(found).concat(), &inputs_of(expected).concat(), tolerance);
}

fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

/// Input that values of one layer send to unit `j` of the next.
fn sent(weight: &[Vec<f64>], below: &[f64], j: usize) -> f64 {
    weight.iter().zip(below).map(|(row, value)| row[j] * value).sum()
}

/// The network's inputs in plain loops: twice the weights below the top, once at the top.
fn network_by_hand(weights: &[Vec<Vec<f64>>], biases: &[Vec<f64>], visible: &[f64]) -> Vec<Vec<f64>> {
    let (mut below, mut inputs) = (visible.to_vec(), Vec::new());
    for (l, (weight, bias)) in weights.iter().zip(biases).enumerate() {
        let gain = if l + 1 == weights.len() { 1.0 } else { 2.0 };
        let input: Vec<f64> = (0..bias.len()).map(|j| bias[j] + gain * sent(weight, &below, j)).collect();
        below = input.iter().map(|&x| sigmoid(x)).collect();
        inputs.push(input);
    }
    inputs
}

/// One ascending mean-field sweep in plain loops from these inputs.
fn sweep_by_hand(machine: &ByHand, visible: &[f64], mut inputs: Vec<Vec<f64>>) -> Vec<Vec<f64>> {
    for l in 0..inputs.len() {
        let means = |layer: &Vec<f64>| layer.iter().map(|&x| sigmoid(x)).collect::<Vec<_>>();
        let below = if l == 0 { visible.to_vec() } else { means(&inputs[l - 1]) };
        let above = inputs.get(l + 1).map(means);
        inputs[l] = (0..inputs[l].len())
            .map(|j| {
                let down = above.as_ref().map_or(0.0, |above| {
                    machine.weights[l + 1][j].iter().zip(above).map(|(weight, value)| weight * value).sum()
                });
                machine.biases[l + 1][j] + sent(&machine.weights[l], &below, j) + down
            })
            .collect();
    }
    inputs
}

#[test]
fn untrained_network_doubles_the_weights_below_the_top() {
    for (name, dbm, images) in machines() {
        let by_hand = ByHand::of(&dbm);
        let network = Network::from_dbm(&dbm).unwrap();
        let found = network.infer(&dbm, &images, Stream::new(0)).unwrap();
        for (v, inputs) in rows(&images).iter().zip(inputs_of(&found.q)) {
            let expected = network_by_hand(&by_hand.weights, &by_hand.biases[1..], v).concat();
            assert_all_close(&name, &inputs, &expected, 1e-12);
        }
        let bottom_up = BottomUp.infer(&dbm, &images, Stream::new(0)).unwrap();
        assert_same_q(&name, &bottom_up.q, &found.q, 0.0);
        let gains: Vec<f64> = (0..dbm.depth()).map(|l| network.gain(l)).collect();
        assert!(gains.split_last() == Some((&1.0, &vec![2.0; dbm.depth() - 1][..])), "{name}: {gains:?}");
        assert!(found.trace.sweeps.iter().all(|&sweeps| sweeps == 0) && found.trace.converged.is_none());
    }
}

#[test]
fn a_network_uses_its_own_weights_and_not_the_machine_s() {
    let (dbm, images) = machine(&[4, 3, 2], 1);
    let other = ByHand::of(&random_dbm(&[4, 3, 2], 1.0, 1.0, 2));
    let parameters = random_dbm(&[4, 3, 2], 1.0, 1.0, 2);
    let network = Network::from_dbm(&dbm)
        .unwrap()
        .with_parameters(parameters.weights().to_vec(), parameters.biases()[1..].to_vec())
        .unwrap();
    let found = network.infer(&dbm, &images, Stream::new(0)).unwrap().q;
    for (v, inputs) in rows(&images).iter().zip(inputs_of(&found)) {
        assert_all_close("inputs", &inputs, &network_by_hand(&other.weights, &other.biases[1..], v).concat(), 1e-12);
    }
}

#[test]
fn network_and_one_sweep_is_one_ascending_sweep_from_the_network_s_answer() {
    for (name, dbm, images) in machines() {
        let by_hand = ByHand::of(&dbm);
        let start = Network::from_dbm(&dbm).unwrap();
        let scheme = Refined { start, by: MeanField::default(), stop: Stop::after(1) };
        let found = scheme.infer(&dbm, &images, Stream::new(0)).unwrap();
        for (v, inputs) in rows(&images).iter().zip(inputs_of(&found.q)) {
            let network = network_by_hand(&by_hand.weights, &by_hand.biases[1..], v);
            assert_all_close(&name, &inputs, &sweep_by_hand(&by_hand, v, network).concat(), 1e-12);
        }
        assert!(found.trace.sweeps.iter().all(|&sweeps| sweeps == 1), "{name}");
    }
}

#[test]
fn network_and_many_sweeps_is_mean_field_from_the_network_s_answer() {
    for (name, dbm, images) in machines() {
        let network = Network::from_dbm(&dbm).unwrap();
        let (by, stop) = (MeanField::default(), Stop::when_within(1e-10, 500));
        let scheme = Refined { start: network.clone(), by, stop };
        let found = scheme.infer(&dbm, &images, Stream::new(0)).unwrap();
        let start = network.posterior(&images).unwrap();
        let refined = by.refine(&dbm.clamp(&images).unwrap(), start.clone(), stop, Stream::new(0)).unwrap();
        assert_same_q(&name, &found.q, &refined.q, 0.0);
        assert!(found.trace.converged.unwrap().iter().all(|&converged| converged), "{name}");
        let (before, after) = (bounds(&dbm, &images, &start), bounds(&dbm, &images, &found.q));
        assert!(before.iter().zip(&after).all(|(before, after)| *after >= before - 1e-10), "{name}");
    }
}

#[test]
fn zero_sweeps_change_nothing() {
    for (name, dbm, images) in machines() {
        let start = random_q(&dbm, &images, 1.0, Stream::new(1));
        let clamped = dbm.clamp(&images).unwrap();
        for stop in [Stop::after(0), Stop::after(0).traced(), Stop::when_within(1e-3, 0)] {
            for schedule in [Schedule::Ascending, Schedule::OddEven, Schedule::Parallel] {
                for damping in [0.0, 0.5] {
                    let by = MeanField { schedule, damping };
                    let found = by.refine(&clamped, start.clone(), stop, Stream::new(0)).unwrap();
                    assert_same_q(&name, &found.q, &start, 0.0);
                    assert!(found.trace.sweeps.iter().all(|&sweeps| sweeps == 0), "{name}");
                    let converged = found.trace.converged;
                    assert_eq!(
                        converged.is_some(),
                        stop.tolerance.is_some(),
                        "{name}: without a tolerance nobody looks"
                    );
                    assert!(!converged.is_some_and(|c| c.contains(&true)), "{name}: no sweep shows that nothing moves");
                }
            }
            let by = Gibbs { schedule: Schedule::OddEven, burn_in: 0 };
            assert_same_q(&name, &by.refine(&clamped, start.clone(), stop, Stream::new(0)).unwrap().q, &start, 0.0);
        }
    }
}

/// E_q[ln p̃] + H(q) of each example.
fn bounds(dbm: &Dbm, images: &Tensor, q: &Factorial) -> Vec<f64> {
    let entropy = host(&q.entropy().unwrap()).unwrap();
    let joint = dbm.clamp(images).unwrap().expected_log_joint(q).unwrap();
    joint.iter().zip(entropy).map(|(joint, entropy)| joint + entropy).collect()
}

#[test]
fn no_q_exceeds_the_evidence_and_the_gap_is_the_divergence_from_the_posterior() {
    for (name, dbm, images) in machines() {
        let by_hand = ByHand::of(&dbm);
        let evidence = dbm.clamp(&images).unwrap().log_partition(20.0).unwrap();
        let posteriors: Vec<Vec<f64>> = rows(&images).iter().map(|v| by_hand.posterior(v)).collect();
        let states = all_states(by_hand.hidden());
        // Widely spread, ordinary and nearly uniform q.
        for (seed, input_scale) in [0.3, 1.0, 3.0, 8.0].into_iter().cycle().take(40).enumerate() {
            let q = random_q(&dbm, &images, input_scale, Stream::new(seed as u64));
            let (bounds, inputs) = (bounds(&dbm, &images, &q), inputs_of(&q));
            for example in 0..evidence.len() {
                let log_q = |h: &Vec<f64>| -> f64 {
                    // ln σ(x) for a unit that is on, ln σ(-x) for one that is off.
                    h.iter().zip(&inputs[example]).map(|(h, x)| -((1.0 - 2.0 * h) * x).exp().ln_1p()).sum()
                };
                let divergence: f64 =
                    states.iter().zip(&posteriors[example]).map(|(h, p)| log_q(h).exp() * (log_q(h) - p.ln())).sum();
                let gap = evidence[example] - bounds[example];
                assert!(gap >= -1e-10, "{name}, example {example}: the bound exceeds the evidence by {}", -gap);
                assert_close(&format!("{name}, example {example}"), gap, divergence, 1e-9);
            }
        }
    }
}

#[test]
fn every_scheme_stays_below_the_evidence_and_exact_inference_reaches_it() {
    for (name, dbm, images) in machines() {
        let clamped = dbm.clamp(&images).unwrap();
        let evidence = clamped.log_partition(20.0).unwrap();
        let gibbs =
            Refined { start: Uninformed, by: Gibbs { schedule: Schedule::OddEven, burn_in: 5 }, stop: Stop::after(50) };
        let mean_field = Refined { start: Uninformed, by: MeanField::default(), stop: Stop::when_within(1e-10, 500) };
        let schemes: [AnyInference<Dbm>; 5] =
            [Box::new(Uninformed), Box::new(BottomUp), Box::new(mean_field), Box::new(gibbs), {
                Box::new(Network::from_dbm(&dbm).unwrap())
            }];
        for scheme in schemes {
            let found = scheme.infer(&dbm, &images, Stream::new(3)).unwrap();
            for (bound, evidence) in bounds(&dbm, &images, &found.q).iter().zip(&evidence) {
                assert!(*bound <= evidence + 1e-10, "{name}: {bound} above {evidence}");
            }
        }
        let exact = Exact { max_bits: 20.0 }.infer(&dbm, &images, Stream::new(0)).unwrap();
        let entropy = host(&exact.q.entropy().unwrap()).unwrap();
        let tight: Vec<f64> =
            clamped.expected_log_joint(&exact.q).unwrap().iter().zip(entropy).map(|(j, h)| j + h).collect();
        assert_all_close(&name, &tight, &evidence, 1e-10);
        assert_eq!(exact.trace.converged, None, "there is nothing to converge");
    }
}

#[test]
fn exact_inference_beyond_its_limit_is_refused_and_names_the_bits() {
    let (dbm, _) = machine(&[3, 20, 30, 10], 0);
    let refused = Exact { max_bits: 25.0 }.infer(&dbm, &tensor(&[vec![1.0; 3]]), Stream::new(0));
    let message = refused.map(|_| ()).unwrap_err().to_string();
    // Alternate hidden layers: 30 units against 20 + 10.
    assert!(message.contains("2^30") && message.contains("2^25"), "{message}");
}

#[test]
fn an_uninformed_start_is_one_half_everywhere() {
    for (name, dbm, images) in machines() {
        let q = Uninformed.infer(&dbm, &images, Stream::new(0)).unwrap().q;
        let sizes: Vec<usize> = q.means().unwrap().iter().map(|mean| mean.dim(1).unwrap()).collect();
        assert_eq!(sizes, dbm.sizes()[1..], "{name}");
        assert!(q.means().unwrap().iter().all(|mean| host(mean).unwrap().iter().all(|&m| m == 0.5)), "{name}");
    }
}

#[test]
fn random_starts_have_the_stated_spread_and_do_not_depend_on_batches() {
    let dbm = random_dbm(&[3, 40, 30], 1.0, 1.0, 0);
    let images = Tensor::zeros((300, 3), DType::F64, &Device::Cpu).unwrap();
    let start = |images: &Tensor, stream| inputs_of(&Random.infer(&dbm, images, stream).unwrap().q);
    let whole = start(&images, Stream::new(4));
    let n = (300 * 70) as f64;
    let square = whole.concat().iter().map(|x| x * x).sum::<f64>() / n;
    assert_close("variance of the inputs", square, 1.8 * 1.8, 4.0 * 1.8 * 1.8 * (2.0 / n).sqrt());
    let (first, second) = (images.narrow(0, 0, 100).unwrap(), images.narrow(0, 100, 200).unwrap());
    let cut = [start(&first, Stream::new(4)), start(&second, Stream::new(4).from_row(100))].concat();
    assert_eq!(cut, whole);
    assert_ne!(whole[0][..30], whole[0][40..], "layers are drawn apart");
}

#[test]
fn a_q_from_means_has_those_means() {
    let (dbm, _) = machine(&[4, 3, 3], 1);
    let means = layers(&[vec![0.0, 1e-6, 0.2, 0.5, 0.999_999, 1.0]], &[3, 3]);
    let q = Factorial::from_means(dbm.units()[1..].to_vec(), &means).unwrap();
    for (found, expected) in q.means().unwrap().iter().zip(&means) {
        // Means of 0 and 1 are replaced by the nearest that `f32` tells from them.
        assert_all_close("means", &host(found).unwrap(), &host(expected).unwrap(), 1.2e-7);
    }
    assert!(host(&q.entropy().unwrap()).unwrap()[0].is_finite());
}

#[test]
fn network_parameters_that_do_not_chain_are_refused_by_name() {
    let (dbm, _) = machine(&[4, 3, 2], 0);
    let (weights, biases) = (dbm.weights().to_vec(), dbm.biases()[1..].to_vec());
    let units = dbm.units()[1..].to_vec();
    let message = Network::new(units.clone(), weights.clone(), dbm.biases()[..2].to_vec()).unwrap_err().to_string();
    assert!(message.contains("recognition.0.weight") && message.contains("[4, 4]"), "{message}");
    let message = Network::new(units, weights, biases[..1].to_vec()).unwrap_err().to_string();
    assert!(message.contains("2 weight") && message.contains("1 bias"), "{message}");
}

#[test]
fn an_empty_batch_has_an_empty_answer() {
    let (dbm, images) = machine(&[4, 3, 3], 0);
    let none = images.narrow(0, 0, 0).unwrap();
    for stop in [Stop::after(2), Stop::when_within(1e-6, 5)] {
        let scheme = Refined { start: BottomUp, by: MeanField::default(), stop };
        let found = scheme.infer(&dbm, &none, Stream::new(0)).unwrap();
        assert!(found.trace.sweeps.is_empty() && found.q.inputs()[0].dims() == [0, 3]);
    }
}
