//! Laws of `dbm compare`: settings that differ and results side by side, on equal examples or not at all.

use crate::bench::{Bench, TINY};
use serde_json::json;

/// Grey pixels, drawn once: every seed has test examples of its own.
const GREY: &str = "data.split.test=5 data.binarize=stochastic_once";

fn grey() -> Bench {
    let bench = Bench::with(
        &TINY.replace("{ bars_and_stripes = { height = 3, width = 3 } }", "{ files = { train = \"x.amat\" } }"),
    );
    let row = |row: usize| (0..9).map(|unit| format!("0.{} ", (row * 7 + unit * 3) % 10)).collect::<String>() + "\n";
    bench.write("x.amat", (0..30).map(row).collect::<String>());
    bench
}

#[test]
fn a_comparison_shows_only_the_settings_that_differ() {
    let bench = Bench::with(TINY);
    let (one, other) = (bench.run(""), bench.run("train.learning_rate=0.02 seed=8"));
    let words = format!("compare {} {}", one.show(), other.show());
    let settings = bench.json(&format!("{words} --json"))[0]["settings"].clone();
    assert_eq!(settings, serde_json::json!({ "seed": 3, "train.learning_rate": 0.05 }));
    let text = bench.ok(&words);
    assert!(text.contains("train.learning_rate") && !text.contains("momentum"), "{text}");
    assert!(bench.ok(&format!("compare {}", one.show())).contains("\nsettings that differ\nnone\n"));
}

#[test]
fn results_stand_side_by_side_with_what_they_promise() {
    let bench = Bench::with(TINY);
    let ais = "evaluate.final_log_partition={ais={temperatures=50,chains=20}}";
    let only = "evaluate.schemes=[\"mean-field\",\"exact\"]";
    let runs = [bench.run(""), bench.run(ais), bench.run(only)];
    let text = bench.ok(&format!("compare {}", runs.each_ref().map(|run| run.show()).join(" ")));
    for (number, run) in (1..).zip(&runs) {
        let name = run.path("").file_name().unwrap().to_string_lossy().into_owned();
        assert!(text.contains(&format!("[{number}] {name}\n")), "{text}");
    }
    let table = text.split("a higher ELBO is better").nth(1).unwrap();
    assert!(table.lines().all(|line| line.chars().count() <= 125), "{text}");
    let rows: Vec<Vec<String>> =
        table.lines().map(|line| line.split('|').map(|cell| cell.trim().to_string()).collect()).collect();
    // The rows below a head, up to the quantity asked for.
    let cells = |head: &str, quantity: &str| {
        let mut below = rows.iter().skip_while(|row| row.get(1).is_none_or(|cell| cell != head));
        below.find(|row| row[1] == quantity).unwrap_or_else(|| panic!("{head}, {quantity}: {text}"))[2..5].to_vec()
    };
    let results = runs.each_ref().map(|run| run.json("results.json"));
    let promise = |cells: &[String], expected: [&str; 3]| {
        cells.iter().zip(expected).for_each(|(cell, expected)| assert!(cell.contains(expected), "{cell}: {text}"));
    };
    let log_z = cells("log Z", "log Z");
    promise(&log_z, ["(exact)", "(estimate)", "(exact)"]);
    assert!(log_z[1].contains(" ± ") && !log_z[0].contains('±'), "{text}");
    promise(&cells("log p(v)", "log p(v)"), ["(exact)", "(estimate)", "(exact)"]);
    promise(&cells("mean-field", "ELBO"), ["(lower bound)", "(estimate)", "(lower bound)"]);
    promise(&cells("exact", "ELBO"), ["(exact)", "(estimate)", "(exact)"]);
    assert_eq!(cells("network", "ELBO")[2], "–", "the third run was not judged by it");
    for (quantity, field, decimals) in [
        ("ELBO", "elbo_nats_mean", 3),
        ("gap to best", "gap_nats_mean", 4),
        ("KL to exact", "kl_nats_mean", 5),
        ("reconstruction error", "reconstruction_error_mean", 4),
        ("sweeps", "sweeps_mean", 1),
        ("µs/example", "time_us_per_example", 1),
    ] {
        for (cell, results) in cells("mean-field", quantity).iter().zip(&results) {
            let schemes = results["schemes"].as_array().unwrap();
            let value = schemes.iter().find(|scheme| scheme["name"] == "mean-field").unwrap()[field].as_f64().unwrap();
            assert!(cell.starts_with(&format!("{value:.decimals$}")), "{quantity}: {cell} is not {value}");
        }
    }
    promise(&cells("mean-field", "ELBO"), [" ± "; 3]);
    promise(&cells("mean-field", "gap to best"), [" ± "; 3]);
}

#[test]
fn every_warning_and_every_mark_of_a_side_is_shown() {
    let bench = Bench::with(TINY);
    let (plain, warned) = (bench.run(""), bench.run("seed=4"));
    let words = format!("compare {} {}", plain.show(), warned.show());
    let text = bench.ok(&words);
    assert!(!text.contains("warning") && !text.contains('≈'), "{text}");
    let mut results = warned.json("results.json");
    results["warnings"] = json!(["the first", "the second"]);
    results["schemes"][0]["kl_guarantee"] = json!("approximation");
    results["schemes"][1]["gap_guarantee"] = json!("approximation");
    std::fs::write(warned.path("results.json"), results.to_string()).unwrap();
    let text = bench.ok(&words);
    assert!(text.ends_with("\n[2] warning: the first\n[2] warning: the second\n"), "{text}");
    let marked: Vec<&str> = text.lines().filter(|line| line.contains('≈')).collect();
    assert!(marked.len() == 2 && marked[0].contains("KL to exact") && marked[1].contains("gap to best"), "{text}");
    assert!(marked.iter().all(|line| line.split('|').nth(3).unwrap().contains('≈')), "{text}");
}

#[test]
fn runs_on_different_examples_are_not_compared() {
    let refused = |bench: &Bench, one: &str, other: &str| {
        let (one, other) = (bench.run(one), bench.run(other));
        let message = bench.refusal(&format!("compare {} {}", one.show(), other.show()));
        assert!(message.starts_with("exit 2") && message.contains("were judged on different examples"), "{message}");
    };
    refused(&Bench::with(TINY), "", "data.split.test=0.5 data.source.bars_and_stripes.width=2");
    // The same settings and the same file: only the draws of the pixels differ, or only which examples were split off.
    let bench = grey();
    refused(&bench, GREY, &format!("{GREY} seed=8"));
    refused(&bench, "data.split.test=5 data.split.shuffle=true", "data.split.test=5 data.split.shuffle=true seed=8");
    refused(&bench, GREY, "data.split.test=5");
    // The same name, other numbers in the file.
    let one = bench.run("data.split.test=5 data.split.shuffle=false");
    let text = std::fs::read_to_string(bench.path("x.amat")).unwrap();
    let last = text.trim_end().rfind('\n').unwrap() + 1;
    bench.write("x.amat", text[..last].to_string() + &text[last..].replacen("0.9", "0.1", 1));
    let other = bench.run("data.split.test=5 data.split.shuffle=false");
    let message = bench.refusal(&format!("compare {} {}", one.show(), other.show()));
    assert!(message.contains("were judged on different examples"), "{message}");
}

#[test]
fn runs_on_equal_examples_are_compared_however_they_came_by_them() {
    let bench = grey();
    let fixed = "data.split.test=5 data.split.shuffle=false";
    let (one, other) = (bench.run(fixed), bench.run(&format!("{fixed} seed=8 dtype=f64")));
    // Fewer to train on, the same to judge by.
    let third = bench.run(&format!("{fixed} data.split.train=20"));
    let text = bench.ok(&format!("compare {} {} {}", one.show(), other.show(), third.show()));
    assert!(text.contains("means over 5 examples of x"), "{text}");
}

#[test]
fn a_run_without_results_is_not_compared() {
    let bench = Bench::with(TINY);
    let run = bench.run("");
    std::fs::remove_file(run.path("results.json")).unwrap();
    let message = bench.refusal(&format!("compare {}", run.show()));
    assert!(message.starts_with("exit 4") && message.contains("has no results yet"), "{message}");
    assert!(message.contains("help: finish it with: dbm resume"), "{message}");
    // At work, it can be neither compared nor resumed.
    let record = run.text("run.json").replace("\"finished\"", "\"running\"");
    std::fs::write(run.path("run.json"), record).unwrap();
    let claim = std::fs::File::open(run.path("config.toml")).unwrap();
    claim.lock().unwrap();
    let message = bench.refusal(&format!("compare {}", run.show()));
    assert!(message.contains("help: wait for it to finish") && !message.contains("resume"), "{message}");
    drop(claim);
    // Killed, it can be resumed.
    assert!(bench.refusal(&format!("compare {}", run.show())).contains("help: finish it with: dbm resume"));
}

#[test]
fn nobody_is_told_to_resume_a_run_that_diverged() {
    let bench = Bench::with(TINY);
    assert!(bench.refusal("run tiny.toml --quiet train.learning_rate=1e38").starts_with("exit 5"));
    let run = bench.newest();
    let message = bench.refusal(&format!("compare {}", run.show()));
    assert!(
        message.starts_with("exit 4") && message.contains("has no results: training diverged at step"),
        "{message}"
    );
    assert!(
        message.contains("help: start a new run with a lower learning rate") && !message.contains("resume"),
        "{message}"
    );
}

#[test]
fn results_that_are_no_numbers_can_be_read_back() {
    let bench = Bench::with(TINY);
    let run = bench.run("");
    let mut results = run.json("results.json");
    results["schemes"][0]["elbo_nats_mean"] = serde_json::Value::Null;
    std::fs::write(run.path("results.json"), results.to_string()).unwrap();
    assert!(bench.ok(&format!("compare {}", run.show())).contains("NaN ± "));
}
