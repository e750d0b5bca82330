//! Laws of the best checkpoint: scores that can be compared, and none that is not to be trusted where there is one that is.

use crate::bench::{Bench, RunDir, TINY};
use candle_core::Device;
use dbm::experiment::checkpoint::{self, Position};
use dbm::experiment::observe::read_metrics;
use std::collections::BTreeMap;

fn best(run: &RunDir) -> Position {
    checkpoint::read(&run.path("checkpoints/best.safetensors"), &Device::Cpu).unwrap().position
}

/// Judged on the way and at the end by annealed importance sampling.
fn annealed(temperatures: usize, chains: usize) -> String {
    let way = format!("{{ais={{temperatures={temperatures},chains={chains}}}}}");
    format!("evaluate.log_partition={way} evaluate.final_log_partition={way}")
}

/// The highest ELBO of any scheme at every step that was judged.
fn scores(run: &RunDir) -> BTreeMap<u64, f64> {
    let mut scores = BTreeMap::new();
    for line in read_metrics(&run.path("metrics.jsonl")).unwrap() {
        if line.tag.starts_with("eval/") && line.tag.ends_with("/elbo_nats_mean") {
            let score: &mut f64 = scores.entry(line.step).or_insert(line.value);
            *score = score.max(line.value);
        }
    }
    scores
}

#[test]
fn every_evaluation_of_a_run_makes_the_same_draws() {
    let bench = Bench::with(TINY);
    // Moves far below the spacing of the numbers leave every parameter as it was, but for zeros, which round sums anew.
    let changes = format!("{} pretrain.learning_rate=1e-30 train.learning_rate=1e-30", annealed(20, 10));
    let run = bench.run(&changes);
    let lines = read_metrics(&run.path("metrics.jsonl")).unwrap();
    let log_partitions: Vec<_> = lines.iter().filter(|line| line.tag == "eval/log_partition_nats").collect();
    assert_eq!(log_partitions.len(), 4);
    // Other draws would move the estimate by about its error, which is near 0.01.
    let near = |value: f64| (value - log_partitions[0].value).abs() < 1e-6;
    assert!(log_partitions.iter().all(|line| near(line.value)), "{log_partitions:?}");
}

#[test]
fn a_score_without_a_warning_beats_every_score_with_one() {
    let bench = Bench::with(TINY);
    let mut decided = 0;
    // Far too few temperatures and chains: log Z is often much too low, and says so.
    for (seed, chains, rate) in [(2, 20, 0.3), (2, 5, 1.0), (1, 20, 0.3), (1, 5, 0.3)] {
        let training = format!("seed={seed} train.learning_rate={rate} train.epochs=60 evaluate.every_epochs=10");
        let output = bench.output(&format!("run tiny.toml {training} {}", annealed(2, chains)));
        let (run, text) = (bench.newest(), String::from_utf8(output.stderr).unwrap());
        let scores = scores(&run);
        let last = *scores.keys().last().unwrap();
        let warned = run.json("results.json")["warnings"].as_array().is_some_and(|warnings| !warnings.is_empty());
        let doubtful = |step: u64| {
            // A caution is no warning.
            let said = text.lines().any(|line| line.starts_with(&format!("step {step}: This log Z is")));
            if step == last { warned } else { said }
        };
        let highest = |a: (u64, f64), b: (u64, f64)| if b.1 > a.1 { b } else { a };
        let all = scores.clone().into_iter().reduce(highest).unwrap();
        let expected = scores.clone().into_iter().filter(|(step, _)| !doubtful(*step)).reduce(highest).unwrap_or(all);
        let best = best(&run);
        assert_eq!(best.best, Some((expected.1, expected.0)), "{scores:?}\n{text}");
        assert_eq!((best.step, best.doubtful), (expected.0, doubtful(expected.0)));
        decided += usize::from(expected != all);
    }
    assert!(decided > 0, "the highest score was one to trust every time");
}

#[test]
fn a_run_that_chooses_on_the_test_examples_says_so_once() {
    let bench = Bench::with(TINY);
    let words = "no validation examples: the best checkpoint, and when to stop, are chosen on the test examples";
    for (changes, expected) in
        [("", 1), ("data.split.validation=2", 0), ("checkpoint.best=false", 0), ("evaluate.every_epochs=0", 0)]
    {
        let output = bench.output(&format!("run tiny.toml {changes}"));
        assert!(output.status.success());
        assert_eq!(String::from_utf8(output.stderr).unwrap().matches(words).count(), expected, "{changes}");
        assert_eq!(bench.newest().text("run.json").matches(words).count(), expected, "{changes}");
    }
}
