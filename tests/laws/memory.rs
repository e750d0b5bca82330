//! Long runs stay within the memory they start with: nothing records the sweeps behind them.

use crate::support::{matrices, random_dbm, tensor};
use dbm::inference::{Inference, MeanField, Network, Refine, Stop};
use dbm::math::{Stream, Tensor, host};
use dbm::models::{Conditionals, LatentModel, Reading, Schedule, Swept};
use std::process::Command;

const SWEEPS: usize = 20_000;

/// Megabytes this process holds.
fn megabytes() -> f64 {
    let pages = std::fs::read_to_string("/proc/self/statm").unwrap();
    pages.split_whitespace().nth(1).unwrap().parse::<f64>().unwrap() * 4096.0 / 1e6
}

fn assert_memory_stays(what: &str, run: impl Fn(usize)) {
    run(SWEEPS / 20);
    let before = megabytes();
    run(SWEEPS);
    let after = megabytes();
    // One tensor of a recorded operation takes a few hundred bytes; twenty thousand sweeps would take dozens of megabytes.
    assert!(after - before < 4.0, "{what}: from {before:.1} to {after:.1} MB");
}

#[test]
#[ignore = "alone in a process of its own: long_runs_neither_grow_nor_overflow starts it"]
fn long_runs_in_this_process() {
    let dbm = random_dbm(&[3, 3, 2], 1.0, 0.5, 0);
    let image = tensor(&[vec![1.0, 0.0, 1.0]]);
    let free = dbm.free().unwrap();
    assert_memory_stays("free chains", |sweeps| {
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
    assert_memory_stays("mean field from a network in training", |sweeps| {
        let by = MeanField { schedule: Schedule::Parallel, damping: 0.0 };
        let found = by.refine(&clamped, start(), Stop::after(sweeps), Stream::new(0)).unwrap();
        assert!(host(&found.q.inputs()[0]).unwrap()[0].is_finite());
    });
}

#[test]
#[cfg_attr(not(target_os = "linux"), ignore = "skipped: only Linux tells in /proc/self/statm how much memory is held")]
fn long_runs_neither_grow_nor_overflow() {
    let binary = std::env::current_exe().unwrap();
    let alone = ["--exact", "memory::long_runs_in_this_process", "--ignored", "--test-threads=1"];
    let output = Command::new(binary).args(alone).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said.contains("1 passed"), "{said}{}", String::from_utf8_lossy(&output.stderr));
}
