//! Laws of what numbers promise: labels, intervals and marks in tables, in JSON and in the logs.

use crate::bench::{Bench, RunDir, TINY};
use crate::by_hand::Machine;
use dbm::experiment::observe::read_metrics;
use serde_json::Value;

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or_else(|| panic!("{value} is no number"))
}

fn bench(machine: &Machine, rows: &str) -> Bench {
    let bench = Bench::new();
    bench.write("model.safetensors", machine.file());
    bench.write("data.amat", rows);
    bench
}

const BINARY: &str = "0 1 0 1\n1 1 0 0\n0 0 0 1\n";

#[test]
fn grey_examples_promise_nothing() {
    let machine = Machine::random(&[4, 3, 2], 1.0, 1);
    let words = "eval model.safetensors --data data.amat --scheme exact --scheme mean-field --scheme network";
    let plain = bench(&machine, BINARY);
    let text = plain.ok(words);
    assert!(!text.contains('≈') && !text.contains("warning"), "{text}");
    let grey = bench(&machine, &BINARY.replacen('1', "0.4", 1));
    let results = grey.json(&format!("{words} --json"));
    assert_eq!(results["log_likelihood_guarantee"], "approximation");
    // ln Z knows nothing of the examples.
    assert_eq!(results["log_partition"]["guarantee"], "exact");
    for scheme in results["schemes"].as_array().unwrap() {
        assert_eq!(
            (&scheme["elbo_guarantee"], &scheme["kl_guarantee"]),
            (&"approximation".into(), &"approximation".into())
        );
    }
    let warnings = results["warnings"].as_array().unwrap();
    assert!(warnings.len() == 1 && warnings[0].as_str().unwrap().starts_with("Some values are neither 0 nor 1"));
    let text = grey.ok(words);
    assert!(text.contains("warning: Some values are neither 0 nor 1"), "{text}");
    assert!(text.contains("(approximation)") && text.contains("ELBO: approximation of log p(v)"), "{text}");
    assert!(text.contains("≈ marks numbers that promise nothing about log p(v): see the warning."), "{text}");
    assert!(results["schemes"].as_array().unwrap().iter().all(|scheme| scheme["gap_guarantee"] == "exact"));
    assert_eq!(text.matches('≈').count(), 3 + 3 + 1, "the ELBO and KL of each scheme, and what the mark means: {text}");
}

#[test]
fn numbers_past_their_precision_are_marked_and_fit_their_columns() {
    for (scale, dtype) in [(1e9, "f32"), (1e30, "f32"), (1e18, "f64")] {
        let machine = Machine::random(&[4, 3, 2], scale, 1);
        let bench = bench(&machine, BINARY);
        let words =
            format!("eval model.safetensors --data data.amat --dtype {dtype} --scheme mean-field --scheme network");
        let results = bench.json(&format!("{words} --json"));
        assert_eq!(results["log_partition"]["guarantee"], "approximation");
        assert_eq!(results["log_likelihood_guarantee"], "approximation");
        for scheme in results["schemes"].as_array().unwrap() {
            assert_eq!(scheme["elbo_guarantee"], "approximation");
            assert_eq!(scheme["gap_guarantee"], "approximation");
        }
        let warnings = results["warnings"].as_array().unwrap();
        assert!(warnings[0].as_str().unwrap().contains("too large for their precision"), "{warnings:?}");
        let text = bench.ok(&words);
        assert!(text.contains("warning: The numbers are too large for their precision"), "{text}");
        let rows: Vec<&str> = text.lines().filter(|line| line.starts_with('|')).collect();
        // The ELBO, the gap and the KL of each scheme.
        assert!(rows.len() >= 4 && rows[2..].iter().all(|row| row.matches('≈').count() == 3), "{text}");
        assert!(text.lines().take(9).all(|line| line.chars().count() <= 150), "{text}");
    }
    // The same machine at an ordinary scale is not marked.
    let text = bench(&Machine::random(&[4, 3, 2], 1.0, 1), BINARY).ok("eval model.safetensors --data data.amat");
    assert!(!text.contains('≈'), "{text}");
}

#[test]
fn an_estimated_log_z_carries_its_asymmetric_interval() {
    let bench = bench(&Machine::random(&[4, 3, 2], 1.5, 3), BINARY);
    let words = "eval model.safetensors --data data.amat --json --chains 50 --temperatures";
    let found = bench.json(&format!("{words} 5"))["log_partition"].clone();
    let of = |field: &str| number(&found[field]);
    let (nats, error) = (of("nats"), of("error"));
    // Three standard errors of Z to either side, as logarithms.
    assert!((of("lower") - (nats + (-3.0 * error).ln_1p())).abs() < 1e-12, "{found}");
    assert!((of("upper") - (nats + (3.0 * error).ln_1p())).abs() < 1e-12, "{found}");
    assert!(of("stochastic_lower_bound") < nats, "{found}");
    // One chain has no error, and nothing stands in for it.
    let single = bench.json("eval model.safetensors --data data.amat --json --chains 1")["log_partition"].clone();
    for unknown in ["error", "lower", "upper"] {
        assert_eq!(single[unknown], Value::Null, "{single}");
    }
    let exact = bench.json("eval model.safetensors --data data.amat --json")["log_partition"].clone();
    assert_eq!((&exact["lower"], &exact["upper"]), (&exact["nats"], &exact["nats"]));
    assert_eq!((&exact["error"], exact.get("stochastic_lower_bound")), (&Value::Null, None));
}

/// What a run logged of log Z at its end: value, error, lower, upper.
fn logged(run: &RunDir) -> [Option<f64>; 4] {
    let lines = read_metrics(&run.path("metrics.jsonl")).unwrap();
    let last = lines.iter().map(|line| line.step).max();
    ["", "_error", "_lower", "_upper"].map(|part| {
        let tag = format!("final/log_partition{part}_nats");
        lines.iter().find(|line| line.tag == tag && Some(line.step) == last).map(|line| line.value)
    })
}

#[test]
fn the_logged_band_is_the_interval() {
    let bench = Bench::with(TINY);
    let exact = bench.run("");
    let nats = exact.json("results.json")["log_partition"]["nats"].as_f64();
    assert_eq!(logged(&exact), [nats, Some(0.0), nats, nats], "only an exact number has no error");
    let ais =
        |temperatures: usize| format!("evaluate.final_log_partition={{ais={{temperatures={temperatures},chains=20}}}}");
    let fine = bench.run(&ais(500));
    let found = fine.json("results.json")["log_partition"].clone();
    assert_eq!(logged(&fine), ["nats", "error", "lower", "upper"].map(|field| found[field].as_f64()));
    assert!(found["lower"].is_number());
    // Hardly annealed to wild weights, one chain outweighs all others: no lower end, so the bound on average stands in.
    let wild = "model.weight_std=6 train.learning_rate=0 pretrain.learning_rate=0 train.epochs=1";
    let hasty = bench.run(&format!("{wild} {}", ais(2)));
    let found = hasty.json("results.json")["log_partition"].clone();
    assert_eq!(found["lower"], Value::Null, "{found}");
    let expected = ["nats", "error", "stochastic_lower_bound", "upper"].map(|field| found[field].as_f64());
    assert_eq!(logged(&hasty), expected);
}

#[test]
fn a_gap_carries_its_paired_error() {
    let bench = bench(&Machine::random(&[4, 3, 2], 1.5, 4), BINARY);
    let words = "eval model.safetensors --data data.amat --scheme mean-field --scheme mean-field:sweeps=1";
    let results = bench.json(&format!("{words} --json --per-example"));
    let each = |scheme: usize| -> Vec<f64> {
        let values = &results["schemes"][scheme]["per_example"]["elbo_nats"];
        values.as_array().unwrap().iter().map(number).collect()
    };
    let gaps: Vec<f64> = each(0).iter().zip(each(1)).map(|(best, own)| best - own).collect();
    let mean = gaps.iter().sum::<f64>() / 3.0;
    let error = (gaps.iter().map(|gap| (gap - mean).powi(2)).sum::<f64>() / 2.0 / 3.0).sqrt();
    let row = &results["schemes"][1];
    assert!((number(&row["gap_nats_mean"]) - mean).abs() < 1e-12 && mean > 1e-3, "{row}");
    assert!((number(&row["gap_nats_error"]) - error).abs() < 1e-12 && error > 1e-3, "{row}");
    assert_eq!(
        (&results["schemes"][0]["gap_nats_mean"], &results["schemes"][0]["gap_nats_error"]),
        (&0.0.into(), &0.0.into())
    );
    assert!(bench.ok(words).contains(&format!("{mean:.4} ± {error:.4}")));
}

#[test]
fn only_schemes_with_a_tolerance_say_whether_they_converged() {
    let bench = bench(&Machine::random(&[4, 3, 2], 1.0, 5), BINARY);
    let words = "eval model.safetensors --data data.amat --scheme network --scheme network+2 --scheme mean-field";
    let text = bench.ok(words);
    let cell = |scheme: &str| {
        let row = text.lines().find(|line| line.starts_with(&format!("| {scheme} "))).unwrap();
        row.split('|').nth(6).unwrap().trim().to_string()
    };
    assert_eq!(["network", "network+2", "mean-field"].map(cell), ["–", "–", "100 %"], "{text}");
}

#[test]
fn no_divergence_is_shown_as_less_than_none() {
    for seed in 0..20 {
        let bench = bench(&Machine::random(&[4, 3, 2], 1.5, seed), BINARY);
        let text = bench.ok("eval model.safetensors --data data.amat --dtype f32 --scheme exact --scheme mean-field");
        assert!(!text.contains("-0.0000"), "{text}");
    }
}

#[test]
fn one_example_is_not_several() {
    let bench = bench(&Machine::random(&[4, 3, 2], 1.0, 5), BINARY);
    let words = "eval model.safetensors --data data.amat --examples";
    assert!(bench.ok(&format!("{words} 1")).starts_with("4-3-2 on 1 example of data.amat\n"));
    assert!(bench.ok(&format!("{words} 2")).starts_with("4-3-2 on 2 examples of data.amat\n"));
}

#[test]
fn fewer_examples_than_were_asked_for_are_a_warning() {
    let bench = bench(&Machine::random(&[4, 3, 2], 1.0, 5), BINARY);
    let words = "eval model.safetensors --data data.amat --examples";
    let warning = "--examples 4 is more than there are: 3 were judged.";
    assert_eq!(bench.json(&format!("{words} 4 --json"))["warnings"], serde_json::json!([warning]));
    assert!(bench.ok(&format!("{words} 4")).contains(&format!("warning: {warning}\n")));
    assert_eq!(bench.json(&format!("{words} 3 --json"))["warnings"], serde_json::json!([]));
}
