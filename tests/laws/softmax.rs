//! Groups of units of which exactly one is on: each law against sums over the one-hot states in plain loops.

use crate::support::{assert_all_close, assert_close, log_sum_exp, rows, tensor};
use dbm::math::{DType, Device, Result, Stream, Tensor, host};
use dbm::units::{Kind, all_kinds};

fn groups() -> Vec<Kind> {
    let groups: Vec<Kind> = all_kinds().into_iter().filter(|kind| kind.is_group()).collect();
    assert!(!groups.is_empty());
    groups
}

/// Ordinary inputs, ties, one unit alone, and a unit that is impossible beside the others.
fn inputs() -> Vec<Vec<f64>> {
    vec![
        vec![0.3, -1.2, 2.0, 0.0],
        vec![5.0, 5.0, -5.0, 5.0],
        vec![0.0, 0.0, 0.0, 0.0],
        vec![12.0, -12.0, 3.0, 0.5],
        vec![-1e30, 0.7, -1e30, 0.1],
    ]
}

/// Where exponentials overflow; one unit is far above the others.
fn extreme() -> Vec<Vec<f64>> {
    vec![vec![800.0, -800.0, 0.0], vec![-1e30, -1e30, 0.0], vec![1e30, 0.0, -1e30], vec![104.0, -104.0, -800.0]]
}

fn one(kind: &Kind, row: &[f64], function: impl Fn(&Kind, &Tensor) -> Result<Tensor>) -> Vec<f64> {
    host(&function(kind, &tensor(&[row.to_vec()])).unwrap()).unwrap()
}

#[test]
fn everything_of_a_group_is_a_sum_over_its_one_hot_states() {
    for kind in groups() {
        for row in inputs() {
            let log_z = log_sum_exp(&row);
            let probs: Vec<f64> = row.iter().map(|x| (x - log_z).exp()).collect();
            assert_all_close("log-normaliser", &one(&kind, &row, |k, x| k.log_normalizer(x)), &[log_z], 1e-13);
            assert_all_close("its total", &one(&kind, &row, |k, x| k.total_log_normalizer(x)), &[log_z], 1e-13);
            assert_all_close("mean", &one(&kind, &row, |k, x| k.mean(x)), &probs, 1e-14);
            let variances: Vec<f64> = probs.iter().map(|p| p - p * p).collect();
            assert_all_close("variance", &one(&kind, &row, |k, x| k.variance(x)), &variances, 1e-14);
            let entropy: f64 = probs.iter().filter(|p| **p > 0.0).map(|p| -p * p.ln()).sum();
            assert_all_close("entropy", &one(&kind, &row, |k, x| k.entropy(x)), &[entropy], 1e-13);
            assert_all_close("its total", &one(&kind, &row, |k, x| k.total_entropy(x)), &[entropy], 1e-13);
            let mode = one(&kind, &row, |k, x| k.mode(x));
            assert_eq!((mode.iter().sum::<f64>(), mode.iter().filter(|x| **x == 1.0).count()), (1.0, 1));
            let best = row.iter().copied().fold(f64::MIN, f64::max);
            assert_close("the mode is the best", row.iter().zip(&mode).map(|(x, m)| x * m).sum(), best, 0.0);
        }
    }
}

#[test]
fn the_mean_of_a_group_is_the_slope_of_its_log_normalizer_and_the_variance_that_of_the_mean() {
    let step = 1e-5;
    for kind in groups() {
        for row in &inputs()[..4] {
            let (means, variances) = (one(&kind, row, |k, x| k.mean(x)), one(&kind, row, |k, x| k.variance(x)));
            for unit in 0..row.len() {
                let moved = |by: f64| {
                    let mut row = row.clone();
                    row[unit] += by;
                    (one(&kind, &row, |k, x| k.log_normalizer(x))[0], one(&kind, &row, |k, x| k.mean(x))[unit])
                };
                let (up, down) = (moved(step), moved(-step));
                assert_close("mean", means[unit], (up.0 - down.0) / (2.0 * step), 1e-9);
                assert_close("variance", variances[unit], (up.1 - down.1) / (2.0 * step), 1e-9);
            }
        }
    }
}

#[test]
fn samples_of_a_group_are_one_hot_with_its_probabilities_and_never_what_is_impossible() {
    let draws = 40_000;
    for kind in groups() {
        for (index, row) in inputs().into_iter().enumerate() {
            let many =
                tensor(std::slice::from_ref(&row)).broadcast_as((draws, row.len())).unwrap().contiguous().unwrap();
            for dtype in [DType::F64, DType::F32] {
                let states = kind.sample(&many.to_dtype(dtype).unwrap(), Stream::new(3).at(index as u64)).unwrap();
                let probs = one(&kind, &row, |k, x| k.mean(x));
                let states = rows(&states);
                assert!(states.iter().all(|state| state.iter().sum::<f64>() == 1.0));
                assert!(states.iter().flatten().all(|value| [0.0, 1.0].contains(value)));
                for (unit, p) in probs.iter().enumerate() {
                    let share = states.iter().map(|state| state[unit]).sum::<f64>() / draws as f64;
                    let error = (p * (1.0 - p) / draws as f64).sqrt();
                    assert_close(&format!("unit {unit} of {row:?}"), share, *p, 4.0 * error);
                }
            }
        }
    }
}

#[test]
fn an_input_with_the_mean_of_a_group_and_a_mixture_of_two_are_found() {
    for kind in groups() {
        let all = inputs();
        for old in &all {
            let means = |row: &[f64]| one(&kind, row, |k, x| k.mean(x));
            let back = one(&kind, old, |k, x| k.mean(&k.input_of_mean(&k.mean(x)?)?));
            // A probability of 0 is stood in for by half the spacing of f32 below 1.
            assert_all_close("back", &back, &means(old), 2e-7);
            for new in &all {
                for share in [0.0, 0.1, 0.5, 0.9] {
                    let (from, to) = (tensor(std::slice::from_ref(old)), tensor(std::slice::from_ref(new)));
                    let mixed = kind.mix(&from, &to, share).unwrap();
                    assert!(host(&mixed).unwrap().iter().all(|x| x.is_finite()));
                    let expected: Vec<f64> =
                        means(old).iter().zip(means(new)).map(|(old, new)| share * old + (1.0 - share) * new).collect();
                    assert_all_close("mixed", &host(&kind.mean(&mixed).unwrap()).unwrap(), &expected, 1e-13);
                }
            }
        }
    }
}

#[test]
fn extreme_inputs_of_a_group_give_its_mode_and_single_precision_agrees() {
    for kind in groups() {
        for row in extreme() {
            for dtype in [DType::F64, DType::F32] {
                let x = tensor(std::slice::from_ref(&row)).to_dtype(dtype).unwrap();
                let mode = host(&kind.mode(&x).unwrap()).unwrap();
                assert_all_close("mean", &host(&kind.mean(&x).unwrap()).unwrap(), &mode, 1e-12);
                assert_all_close("sample", &host(&kind.sample(&x, Stream::new(1)).unwrap()).unwrap(), &mode, 0.0);
                let entropy = host(&kind.entropy(&x).unwrap()).unwrap();
                assert_all_close("entropy", &entropy, &[0.0], 1e-12);
                let best = row.iter().copied().fold(f64::MIN, f64::max);
                let found = host(&kind.log_normalizer(&x).unwrap()).unwrap()[0];
                assert_close("log-normaliser", found, best, 1e-6 * best.abs());
            }
        }
        for row in &inputs()[..4] {
            let narrow = tensor(std::slice::from_ref(row)).to_dtype(DType::F32).unwrap();
            let single = host(&kind.mean(&narrow).unwrap()).unwrap();
            assert_all_close("single precision", &single, &one(&kind, row, |k, x| k.mean(x)), 1e-6);
            // One row and a vector are the same group.
            let vector = Tensor::from_slice(row, row.len(), &Device::Cpu).unwrap();
            assert_all_close(
                "a vector",
                &host(&kind.mean(&vector).unwrap()).unwrap(),
                &one(&kind, row, |k, x| k.mean(x)),
                0.0,
            );
        }
    }
}
