//! What every kind of unit owes the machines made of it; each law runs on all kinds of single units.

use crate::support::{assert_all_close, assert_close, tensor};
use dbm::math::{DType, Device, Result, Stream, Tensor, host};
use dbm::units::{Kind, all_kinds};

/// Every kind of unit that is independent of the others of its layer; groups have laws of their own.
fn kinds() -> Vec<Kind> {
    all_kinds().into_iter().filter(|kind| !kind.is_group()).collect()
}

/// From -12 to 12, zero and halves among them.
fn ordinary() -> Vec<f64> {
    (-48..=48).map(|step| f64::from(step) / 4.0).collect()
}

/// Where units are saturated, in `f32` (beyond 88) and in `f64` (beyond 710).
const EXTREME: [f64; 10] = [30.0, -30.0, 90.0, -90.0, 104.0, -104.0, 800.0, -800.0, 1e30, -1e30];

/// A function of the input, unit by unit.
fn at(inputs: &[f64], function: impl Fn(&Tensor) -> Result<Tensor>) -> Vec<f64> {
    host(&function(&tensor(&[inputs.to_vec()])).unwrap()).unwrap()
}

/// Slope by central differences.
fn slope(inputs: &[f64], function: impl Fn(&Tensor) -> Result<Tensor>) -> Vec<f64> {
    let step = 1e-5;
    let moved = |by: f64| at(&inputs.iter().map(|x| x + by).collect::<Vec<_>>(), &function);
    moved(step).iter().zip(moved(-step)).map(|(after, before)| (after - before) / (2.0 * step)).collect()
}

/// ln p(state | input) + ln Z for each state, where there are finitely many.
fn log_weights(kind: &Kind, input: f64) -> Option<Vec<(f64, f64)>> {
    let states = kind.states()?;
    let base = at(states, |states| kind.log_base(states));
    Some(states.iter().zip(base).map(|(&state, base)| (state, state * input + base)).collect())
}

#[test]
fn mean_is_the_slope_of_the_log_normalizer() {
    for kind in kinds() {
        let slopes = slope(&ordinary(), |x| kind.log_normalizer(x));
        // Rounding of a value near 12 divided by the step of 1e-5.
        assert_all_close(kind.name(), &at(&ordinary(), |x| kind.mean(x)), &slopes, 1e-9);
    }
}

#[test]
fn variance_is_the_slope_of_the_mean() {
    for kind in kinds() {
        let slopes = slope(&ordinary(), |x| kind.mean(x));
        assert_all_close(kind.name(), &at(&ordinary(), |x| kind.variance(x)), &slopes, 1e-10);
    }
}

#[test]
fn log_normalizer_mean_variance_and_entropy_are_sums_over_states() {
    for kind in kinds() {
        for x in ordinary() {
            let Some(weights) = log_weights(&kind, x) else { continue };
            let what = |quantity: &str| format!("{}: {quantity} at {x}", kind.name());
            let total: f64 = weights.iter().map(|(_, w)| w.exp()).sum();
            let expectation = |f: &dyn Fn(f64, f64) -> f64| -> f64 {
                weights.iter().map(|(state, w)| w.exp() / total * f(*state, *w)).sum()
            };
            let mean = expectation(&|state, _| state);
            let found = |f: &dyn Fn(&Tensor) -> Result<Tensor>| at(&[x], f)[0];
            assert_close(&what("log-normaliser"), found(&|x| kind.log_normalizer(x)), total.ln(), 1e-13);
            assert_close(&what("mean"), found(&|x| kind.mean(x)), mean, 1e-14);
            let variance = expectation(&|state, _| (state - mean).powi(2));
            assert_close(&what("variance"), found(&|x| kind.variance(x)), variance, 1e-14);
            let entropy = expectation(&|_, w| total.ln() - w);
            assert_close(&what("entropy"), found(&|x| kind.entropy(x)), entropy, 1e-13);
            let base = expectation(&|state, w| w - state * x);
            assert_close(&what("expected log base"), found(&|x| kind.expected_log_base(x)), base, 1e-13);
        }
    }
}

#[test]
fn entropy_is_the_log_normalizer_less_the_expected_log_weight() {
    for kind in kinds() {
        let inputs = ordinary();
        let (normalizer, mean) = (at(&inputs, |x| kind.log_normalizer(x)), at(&inputs, |x| kind.mean(x)));
        let (base, entropy) = (at(&inputs, |x| kind.expected_log_base(x)), at(&inputs, |x| kind.entropy(x)));
        for i in 0..inputs.len() {
            let expected = normalizer[i] - inputs[i] * mean[i] - base[i];
            assert_close(&format!("{} at {}", kind.name(), inputs[i]), entropy[i], expected, 1e-13);
        }
    }
}

#[test]
fn mode_is_the_most_probable_state() {
    for kind in kinds() {
        let inputs: Vec<f64> = ordinary().into_iter().chain(EXTREME).chain([1e-12, -1e-12]).collect();
        let modes = at(&inputs, |x| kind.mode(x));
        for (&x, mode) in inputs.iter().zip(modes) {
            let Some(weights) = log_weights(&kind, x) else { continue };
            let best = weights.iter().map(|(_, w)| *w).fold(f64::MIN, f64::max);
            // At zero input two states tie and either will do.
            assert!(
                weights.iter().any(|(state, w)| *state == mode && *w == best),
                "{}: {mode} is not the most probable state at {x}",
                kind.name()
            );
        }
    }
}

#[test]
fn samples_have_the_stated_mean_and_variance_and_are_states() {
    let draws = 100_000;
    for kind in kinds() {
        for (index, &x) in [-6.0, -2.0, -0.5, 0.0, 0.3, 1.0, 4.0].iter().enumerate() {
            let inputs = Tensor::full(x, (draws / 10, 10), &Device::Cpu).unwrap();
            let sample = host(&kind.sample(&inputs, Stream::new(11).at(index as u64)).unwrap()).unwrap();
            if let Some(states) = kind.states() {
                assert!(sample.iter().all(|value| states.contains(value)), "{} at {x}", kind.name());
            }
            let (mean, variance) = (at(&[x], |x| kind.mean(x))[0], at(&[x], |x| kind.variance(x))[0]);
            let n = draws as f64;
            let moment = |f: &dyn Fn(f64) -> f64| sample.iter().map(|&value| f(value)).sum::<f64>() / n;
            let what = format!("{} at {x}", kind.name());
            assert_close(&format!("{what}: mean"), moment(&|s| s), mean, 4.0 * (variance / n).sqrt());
            // Standard error of the second central moment: sqrt((fourth moment - variance²) / n).
            let error = ((moment(&|s| (s - mean).powi(4)) - variance * variance).max(0.0) / n).sqrt();
            let spread = moment(&|s| (s - mean).powi(2));
            assert_close(&format!("{what}: variance"), spread, variance, 4.0 * error + 4.0 / n);
        }
    }
}

#[test]
fn input_of_mean_inverts_the_mean() {
    for kind in kinds() {
        let inputs = ordinary();
        let back = at(&inputs, |x| kind.input_of_mean(&kind.mean(x)?));
        // At input 12 the mean is 6e-6 from its edge, so 1e-16 in it is 2e-11 in the input.
        assert_all_close(kind.name(), &back, &inputs, 1e-10);
    }
}

#[test]
fn means_at_the_edge_of_the_range_have_finite_inputs() {
    for kind in kinds() {
        let Some(states) = kind.states() else { continue };
        for dtype in [DType::F32, DType::F64] {
            let mean = tensor(&[states.to_vec()]).to_dtype(dtype).unwrap();
            let input = kind.input_of_mean(&mean).unwrap();
            let what = format!("{} in {dtype:?}", kind.name());
            assert!(host(&input).unwrap().iter().all(|x| x.is_finite()), "{what}: {input}");
            // The stand-in is half the spacing of f32 below one.
            assert_all_close(&what, &host(&kind.mean(&input).unwrap()).unwrap(), states, 1.2e-7);
        }
    }
}

#[test]
fn mix_has_the_mixed_mean_and_stays_finite_where_units_are_saturated() {
    for kind in kinds() {
        let inputs = [-800.0, -104.0, -30.0, -3.0, -0.5, 0.0, 0.7, 5.0, 30.0, 104.0, 800.0];
        for (old, new) in inputs.iter().flat_map(|&old| inputs.iter().map(move |&new| (old, new))) {
            for share in [0.0, 0.1, 0.5, 0.9] {
                for (dtype, tolerance) in [(DType::F64, 1e-14), (DType::F32, 4e-7)] {
                    let one = |x: f64| tensor(&[vec![x]]).to_dtype(dtype).unwrap();
                    let mixed = kind.mix(&one(old), &one(new), share).unwrap();
                    let mean = |x: &Tensor| host(&kind.mean(x).unwrap()).unwrap()[0];
                    let expected = share * mean(&one(old)) + (1.0 - share) * mean(&one(new));
                    let what = format!("{}: {share} of {old} with {new} in {dtype:?}", kind.name());
                    assert_close(&format!("{what}, mean"), mean(&mixed), expected, tolerance);
                    let mixed = host(&mixed).unwrap()[0];
                    assert!(mixed.is_finite(), "{what}: {mixed}");
                    if old == new || share == 0.0 {
                        assert_close(&what, mixed, new, 10.0 * tolerance * (1.0 + new.abs()));
                    }
                }
            }
        }
    }
}

#[test]
fn extreme_inputs_give_numbers_everywhere() {
    for kind in kinds() {
        for dtype in [DType::F32, DType::F64] {
            let x = tensor(&[EXTREME.to_vec()]).to_dtype(dtype).unwrap();
            for (what, values) in [
                ("log-normaliser", kind.log_normalizer(&x)),
                ("mean", kind.mean(&x)),
                ("variance", kind.variance(&x)),
                ("mode", kind.mode(&x)),
                ("sample", kind.sample(&x, Stream::new(0))),
                ("expected log base", kind.expected_log_base(&x)),
                ("entropy", kind.entropy(&x)),
                ("input of mean", kind.mean(&x).and_then(|mean| kind.input_of_mean(&mean))),
            ] {
                let values = values.unwrap();
                assert_eq!(values.dtype(), dtype, "{}: {what}", kind.name());
                assert!(host(&values).unwrap().iter().all(|v| v.is_finite()), "{}: {what} {values}", kind.name());
            }
            if let Some(states) = kind.states() {
                // So far out the unit is all but certain: it is in its mode, and its entropy does not fall below zero.
                let far = |values: Tensor| host(&values).unwrap();
                assert_all_close("mean", &far(kind.mean(&x).unwrap()), &far(kind.mode(&x).unwrap()), 1e-12);
                assert!(far(kind.entropy(&x).unwrap()).iter().all(|h| (0.0..1e-11).contains(h)), "{}", kind.name());
                assert!(far(kind.sample(&x, Stream::new(1)).unwrap()).iter().all(|s| states.contains(s)));
            }
        }
    }
}

#[test]
fn single_precision_agrees_with_double() {
    for kind in kinds() {
        let wide = tensor(&[ordinary()]);
        let narrow = wide.to_dtype(DType::F32).unwrap();
        type Function<'a> = &'a dyn Fn(&Tensor) -> Result<Tensor>;
        let functions: [(&str, Function); 6] = [
            ("log-normaliser", &|x| kind.log_normalizer(x)),
            ("mean", &|x| kind.mean(x)),
            ("variance", &|x| kind.variance(x)),
            ("mode", &|x| kind.mode(x)),
            ("entropy", &|x| kind.entropy(x)),
            ("sample", &|x| kind.sample(x, Stream::new(4))),
        ];
        for (what, function) in functions {
            let (wide, narrow) = (host(&function(&wide).unwrap()).unwrap(), host(&function(&narrow).unwrap()).unwrap());
            for (w, n) in wide.iter().zip(narrow) {
                // A few roundings of 6e-8 each.
                assert_close(&format!("{}: {what}", kind.name()), n, *w, 1e-6 * (w.abs() + 1e-3));
            }
        }
    }
}
