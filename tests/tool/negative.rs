//! Settings of the negative phase: what is refused, what is shown, what is logged.

use crate::bench::{Bench, TINY};
use dbm::experiment::config::{parse, resolved};

const LIKELIHOOD: &str = "train.algorithm.maximum_likelihood";

#[test]
fn settings_of_the_negative_phase_that_cannot_be_are_refused_with_a_remedy() {
    let bench = Bench::with(TINY);
    let cases = [
        ("negative.fast.decay=1", "negative.fast.decay is 1.0", "up to, but not including, 1"),
        ("negative.fast.learning_rate=-1", "negative.fast.learning_rate is -1.0", "0 or a positive number"),
        ("negative.tempering.temperatures=1", "negative.tempering.temperatures is 1", "2 or more"),
        ("negative.tempering.lowest=1", "negative.tempering.lowest is 1.0", "up to, but not including, 1"),
        ("negative.tempering.spacing=geometric", "negative.tempering.lowest is 0, which no factor leads to", "0.1"),
        ("gibbs_sweeps={start=0,end=2}", "gibbs_sweeps.start is 0", "1 or more"),
        ("gibbs_sweeps=-1", "a count such as 5, or { start = 1, end = 10 }", ""),
        ("negative=persistant", "persistent", ""),
    ];
    for (change, problem, remedy) in cases {
        let message = bench.refusal(&format!("config check tiny.toml {LIKELIHOOD}.{change}"));
        assert!(message.starts_with("exit 2"), "{change}: {message}");
        assert!(message.contains(problem) && message.contains(remedy), "{change}: {message}");
    }
    let message = bench.refusal("config check tiny.toml train.algorithm.wake_sleep.negative=contrastive");
    assert!(message.contains("a dream does not start at the data"), "{message}");
    let message = bench.refusal("config check tiny.toml pretrain.persistent_chains=5");
    assert!(message.contains("no chain of this pre-training is persistent"), "{message}");
}

#[test]
fn settings_of_the_negative_phase_are_shown_and_read_back() {
    for change in [
        "negative=persistent",
        "negative=contrastive",
        "negative=fast",
        "negative.tempering={temperatures=4,lowest=0.5}",
        "gibbs_sweeps={start=1,end=10}",
    ] {
        let changes = [format!("{LIKELIHOOD}.{change}")];
        let experiment = parse("tiny.toml", TINY, &changes).unwrap();
        assert_eq!(parse("tiny.toml", &resolved(&experiment), &[]).unwrap(), experiment, "{change}");
    }
}

#[test]
fn exchange_rates_are_logged_for_each_pair_of_temperatures() {
    let bench = Bench::with(TINY);
    let run = bench.run(&format!("{LIKELIHOOD}.negative.tempering.temperatures=3 log.every_steps=1"));
    let log = run.text("metrics.jsonl");
    for pair in 0..2 {
        assert!(log.contains(&format!("train/swap_acceptance_mean/{pair}")), "{log}");
    }
    assert!(!log.contains("train/swap_acceptance_mean/2"));
}

#[test]
fn a_number_of_chains_beside_contrastive_divergence_is_noted() {
    let bench = Bench::with(TINY);
    let change = "train.algorithm={maximum_likelihood={negative=\"contrastive\",chains=7}}";
    let output = bench.output(&format!("config check tiny.toml {change}"));
    let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("maximum_likelihood.chains changes nothing"), "{said}");
}
