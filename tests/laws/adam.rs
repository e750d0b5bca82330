//! Adam against a plain loop, and that it repeats and resumes to the bit.

use crate::support::{assert_all_close, assert_close, tensor};
use dbm::learning::{Adam, AdamState, SavedTensors};
use dbm::math::{DType, Device, Stream, Tensor, host};

/// The uphill direction at step `t` of two tensors: rises and falls, and one entry that never moves.
fn uphill(t: usize) -> Vec<Tensor> {
    let t = t as f64;
    vec![tensor(&[vec![(0.7 * t).sin(), 0.0], vec![-2.0, 1e-3 * t]]), tensor(&[vec![(1.3 * t).cos()]])]
}

fn start() -> Vec<Tensor> {
    vec![tensor(&[vec![0.5, -1.0], vec![2.0, 0.0]]), tensor(&[vec![3.0]])]
}

fn run(
    adam: Adam,
    mut at: Vec<Tensor>,
    mut state: AdamState,
    steps: std::ops::Range<usize>,
) -> (Vec<Tensor>, AdamState) {
    for t in steps {
        (at, state) = adam.ascend(at, state, &uphill(t), 0.1).unwrap();
    }
    (at, state)
}

fn bits(tensors: &[Tensor]) -> Vec<u64> {
    tensors.iter().flat_map(|tensor| host(tensor).unwrap()).map(f64::to_bits).collect()
}

#[test]
fn adam_is_the_published_algorithm_in_a_plain_loop() {
    let adam = Adam { beta1: 0.8, beta2: 0.95, epsilon: 1e-3 };
    let (at, state) = run(adam, start(), AdamState::new(&start()).unwrap(), 0..7);
    for (i, (found, from)) in at.iter().zip(start()).enumerate() {
        for (entry, (found, from)) in host(found).unwrap().into_iter().zip(host(&from).unwrap()).enumerate() {
            let (mut theta, mut m, mut v) = (from, 0.0, 0.0);
            for t in 1..=7_i32 {
                let g = host(&uphill(t as usize - 1)[i]).unwrap()[entry];
                m = 0.8 * m + 0.2 * g;
                v = 0.95 * v + 0.05 * g * g;
                let (m_hat, v_hat) = (m / (1.0 - 0.8_f64.powi(t)), v / (1.0 - 0.95_f64.powi(t)));
                theta += 0.1 * m_hat / (v_hat.sqrt() + 1e-3);
            }
            assert_close(&format!("tensor {i}, entry {entry}"), found, theta, 1e-14);
        }
    }
    assert_eq!(state.step, 7);
}

#[test]
fn the_first_step_of_adam_is_the_rate_whatever_the_size_of_the_gradient() {
    for size in [1e-3, 1.0, 1e6] {
        let at = vec![tensor(&[vec![1.0, 1.0]])];
        let state = AdamState::new(&at).unwrap();
        let (to, _) = Adam::default().ascend(at, state, &[tensor(&[vec![size, -size]])], 0.01).unwrap();
        let to = host(&to[0]).unwrap();
        assert_close("up", to[0], 1.01, 1e-6);
        assert_close("down", to[1], 0.99, 1e-6);
    }
}

#[test]
fn saving_and_restoring_adam_equals_going_on() {
    let (adam, new) = (Adam::default(), AdamState::new(&start()).unwrap());
    let (through, _) = run(adam, start(), new.clone(), 0..9);
    let (at, state) = run(adam, start(), new, 0..4);
    let saved: SavedTensors = state.named("adam").unwrap().into_iter().collect();
    let restored = AdamState::restore(&at, "adam", &saved).unwrap();
    let (resumed, _) = run(adam, at, restored, 4..9);
    assert_eq!(bits(&through), bits(&resumed));
    assert!(AdamState::restore(&start()[..1], "other", &saved).is_err(), "a name that is not there");
}

#[test]
fn adam_keeps_the_precision_of_the_parameters_and_refuses_lists_that_differ() {
    let single = |tensors: Vec<Tensor>| -> Vec<Tensor> {
        tensors.iter().map(|tensor| tensor.to_dtype(DType::F32).unwrap()).collect()
    };
    let at = single(start());
    let (to, state) =
        Adam::default().ascend(at.clone(), AdamState::new(&at).unwrap(), &single(uphill(1)), 0.1).unwrap();
    assert!(to.iter().chain(&state.first).chain(&state.second).all(|tensor| tensor.dtype() == DType::F32));
    let (to64, _) = Adam::default().ascend(start(), AdamState::new(&start()).unwrap(), &uphill(1), 0.1).unwrap();
    for (single, double) in to.iter().zip(&to64) {
        host(single).unwrap().iter().zip(host(double).unwrap()).for_each(|(s, d)| assert_close("f32", *s, d, 1e-5));
    }
    assert!(Adam::default().ascend(at, state, &single(uphill(1))[..1], 0.1).is_err());
}

#[test]
fn many_parameters_in_single_precision_move_as_in_double() {
    let of = |name: &str, dtype| {
        Stream::new(5).named(name).normal(90, 101, DType::F64, &Device::Cpu).unwrap().to_dtype(dtype)
    };
    let steps = |dtype| {
        let at = vec![of("start", dtype).unwrap()];
        let state = AdamState::new(&at).unwrap();
        let step =
            |(at, state), name: &str| Adam::default().ascend(at, state, &[of(name, dtype).unwrap()], 0.1).unwrap();
        let (at, state) = ["one", "two", "three"].into_iter().fold((at, state), step);
        [&at[0], &state.first[0], &state.second[0]].map(|tensor| host(tensor).unwrap())
    };
    for (single, double) in steps(DType::F32).iter().zip(steps(DType::F64)) {
        // Values of some units; a gradient that three steps nearly cancel has a step of rounding.
        assert_all_close("three steps", single, &double, 1e-5);
    }
}
