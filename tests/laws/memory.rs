//! Long runs stay within the memory they start with: nothing records the sweeps behind them.

use crate::support::{converted, matrices, random_dbm, tensor};
use dbm::inference::{Inference, MeanField, Network, Refine, Refined, Stop, Uninformed};
use dbm::learning::Chains;
use dbm::math::{DType, Stream, Tensor, host};
use dbm::models::{Conditionals, LatentModel, Reading, Schedule, Swept};
use std::process::Command;

/// Sweeps that are composed of tensor operations.
const COMPOSED: usize = 20_000;

/// Sweeps by kernels, where there are any.
const SWEEPS: usize = 300_000;

/// Megabytes this process holds.
fn megabytes() -> f64 {
    let pages = std::fs::read_to_string("/proc/self/statm").unwrap();
    pages.split_whitespace().nth(1).unwrap().parse::<f64>().unwrap() * 4096.0 / 1e6
}

/// Memory after 1,000 sweeps and after many more.
fn assert_memory_stays(what: &str, sweeps: usize, run: impl Fn(usize)) {
    run(1_000);
    let before = megabytes();
    run(sweeps);
    let after = megabytes();
    // One tensor of a recorded operation takes a few hundred bytes; twenty thousand sweeps would take dozens of megabytes.
    // Of three hundred thousand, four bytes each would be seen.
    assert!(after - before < 1.0, "{what}: from {before:.2} to {after:.2} MB");
}

#[test]
#[ignore = "alone in a process of its own: three_hundred_thousand_sweeps_leave_memory_as_it_was starts it"]
fn long_runs_in_this_process() {
    let dbm = converted(&random_dbm(&[3, 3, 2], 1.0, 0.5, 0), DType::F32);
    let image = tensor(&[vec![1.0, 0.0, 1.0]]).to_dtype(DType::F32).unwrap();
    // In one call, and ten a call as training asks for them.
    for most in [SWEEPS, 10] {
        assert_memory_stays(&format!("chains, {most} sweeps a call"), SWEEPS, |sweeps| {
            let mut chains = Chains::from_biases(&dbm, 1, Stream::new(0)).unwrap();
            for call in 0..sweeps.div_ceil(most) {
                chains = chains.advance(&dbm, sweeps.min(most), Stream::new(1).at(call as u64)).unwrap().0;
            }
        });
        assert_memory_stays(&format!("mean field, {most} sweeps a call"), SWEEPS, |sweeps| {
            let stop = Stop::after(sweeps.min(most));
            let scheme = Refined { start: Uninformed, by: MeanField::default(), stop };
            for _ in 0..sweeps.div_ceil(most) {
                let q = scheme.infer(&dbm, &image, Stream::new(0)).unwrap().q;
                assert!(host(&q.inputs()[0]).unwrap()[0].is_finite());
            }
        });
    }
}

#[test]
#[ignore = "alone in a process of its own: long_composed_runs_neither_grow_nor_overflow starts it"]
fn long_composed_runs_in_this_process() {
    let dbm = random_dbm(&[3, 3, 2], 1.0, 0.5, 0);
    let image = tensor(&[vec![1.0, 0.0, 1.0]]);
    let free = dbm.free().unwrap();
    assert_memory_stays("free chains", COMPOSED, |sweeps| {
        let start = [3, 3, 2].map(|n| tensor(&[vec![0.0; n]])).to_vec();
        let reading = Reading::Sample(Stream::new(0));
        drop(free.sweeps(Swept::from_states(start), Schedule::OddEven, reading, sweeps).unwrap());
    });
    // A network that is being trained holds variables, whose operations candle records.
    let variables = |tensors: &[Tensor]| -> Vec<Tensor> {
        tensors.iter().map(|t| candle_core::Var::from_tensor(t).unwrap().as_tensor().clone()).collect()
    };
    let network = Network::from_dbm(&dbm).unwrap();
    let network =
        network.with_parameters(variables(&matrices(network.weights())), variables(network.biases())).unwrap();
    let clamped = dbm.clamp(&image).unwrap();
    let start = || network.infer(&dbm, &image, Stream::new(0)).unwrap().q;
    assert_memory_stays("mean field from a network in training", COMPOSED, |sweeps| {
        let by = MeanField { schedule: Schedule::Parallel, damping: 0.0 };
        let found = by.refine(&clamped, start(), Stop::after(sweeps), Stream::new(0)).unwrap();
        assert!(host(&found.q.inputs()[0]).unwrap()[0].is_finite());
    });
}

/// Runs a test of this file in a process of its own.
fn alone(test: &str) {
    let binary = std::env::current_exe().unwrap();
    let words = ["--exact", &format!("memory::{test}"), "--ignored", "--test-threads=1"];
    let output = Command::new(binary).args(words).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said.contains("1 passed"), "{said}{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
#[cfg_attr(not(target_os = "linux"), ignore = "skipped: only Linux tells in /proc/self/statm how much memory is held")]
fn three_hundred_thousand_sweeps_leave_memory_as_it_was() {
    alone("long_runs_in_this_process");
}

#[test]
#[cfg_attr(not(target_os = "linux"), ignore = "skipped: only Linux tells in /proc/self/statm how much memory is held")]
fn long_composed_runs_neither_grow_nor_overflow() {
    alone("long_composed_runs_in_this_process");
}
