//! Laws of `--profile`: nothing is left out, nothing is changed.

use crate::bench::{Bench, RunDir, TINY, assert_same_bits, calm};
use crate::resume::{LONG, started};
use crate::stopping::press_ctrl_c;
use serde_json::Value;

const PHASES: [&str; 7] = ["positive phase", "negative phase", "gradient", "evaluation", "logging", "data", "other"];

/// Seconds of each phase, in order.
fn seconds(profile: &Value) -> Vec<f64> {
    let phases = profile["phases"].as_array().unwrap_or_else(|| panic!("no profile: {profile}"));
    let names: Vec<_> = phases.iter().map(|spent| spent["phase"].as_str().unwrap()).collect();
    assert_eq!(names, PHASES);
    phases.iter().map(|spent| spent["seconds"].as_f64().unwrap()).collect()
}

#[test]
fn the_shares_add_up_to_the_whole() {
    let bench = Bench::with(TINY);
    let profile = bench.run("--profile").json("run.json")["profile"].clone();
    let (whole, seconds) = (profile["seconds"].as_f64().unwrap(), seconds(&profile));
    assert!((seconds.iter().sum::<f64>() - whole).abs() <= 1e-12 * whole, "{profile}");
    assert!(seconds.iter().all(|&seconds| seconds > 0.0), "{profile}");
    for (spent, seconds) in profile["phases"].as_array().unwrap().iter().zip(seconds) {
        assert_eq!(spent["share"].as_f64().unwrap(), seconds / whole);
    }
}

#[test]
fn a_profiled_run_has_the_bits_of_one_that_is_not() {
    let bench = Bench::with(TINY);
    for changes in ["", "train.algorithm={wake_sleep={chains=7,gibbs_sweeps=2}}"] {
        let [plain, profiled] = ["", "--profile"].map(|flag| bench.run(&format!("{changes} {flag}")));
        assert_same_bits(&plain, &profiled);
        assert!(plain.json("run.json").get("profile").is_none(), "nobody asked");
    }
}

#[test]
fn every_trainer_is_profiled() {
    let (without_training, rest) = TINY.split_once("[train]").unwrap();
    let pretraining = format!("{without_training}[evaluate]{}", rest.split_once("[evaluate]").unwrap().1);
    let joint = TINY.replace("[pretrain]\nepochs = 2\nbatch_size = 5\n", "");
    let wake_sleep = joint.replace("maximum_likelihood", "wake_sleep");
    for experiment in [pretraining, joint, wake_sleep] {
        let bench = Bench::with(&experiment);
        let profile = bench.run("--profile").json("run.json")["profile"].clone();
        assert!(seconds(&profile)[..3].iter().all(|&seconds| seconds > 0.0), "{profile} of\n{experiment}");
    }
}

#[test]
fn the_profile_is_printed_last_and_only_where_it_is_asked_for() {
    let bench = Bench::with(TINY);
    let text = bench.ok("run tiny.toml --profile");
    let (_, table) = text.split_once("look at it:").unwrap();
    let lines = table.lines().filter(|line| line.starts_with("| "));
    let found: Vec<_> = lines.map(|line| line.trim_start_matches("| ").split("  ").next().unwrap().trim()).collect();
    let found: Vec<_> = found.iter().map(|line| line.split(" |").next().unwrap()).collect();
    assert_eq!(found, [&["phase"], &PHASES[..], &["whole run"]].concat(), "{text}");
    assert!(!bench.ok("run tiny.toml").contains("% of wall time"));
    assert!(bench.ok("run tiny.toml --quiet --profile").contains("% of wall time"));
    let told = bench.json("run tiny.toml --quiet --json --profile");
    assert_eq!(told["profile"], bench.newest().json("run.json")["profile"]);
    assert!(bench.json("run tiny.toml --quiet --json").get("profile").is_none());
}

/// A profiled run with everything trained and its end still to be made, and its record.
fn interrupted(bench: &Bench) -> (RunDir, Value) {
    let run = bench.run("--profile");
    let mut record = run.json("run.json");
    record["status"] = "interrupted".into();
    std::fs::write(run.path("run.json"), record.to_string()).unwrap();
    (run, record)
}

#[test]
fn a_continuation_is_profiled_by_itself() {
    let bench = Bench::with(TINY);
    let (run, _) = interrupted(&bench);
    // Nothing is left to train, all is left to judge.
    let resume = format!("resume {} --quiet --json", run.show());
    let told = bench.json(&format!("{resume} --profile"));
    let spent = seconds(&told["profile"]);
    assert!(spent[..3].iter().all(|&seconds| seconds == 0.0) && spent[3] > 0.0, "{told}");
    // Of a run that is over the profile is what it was.
    assert_eq!(bench.json(&format!("{resume} --profile"))["profile"], told["profile"]);
    assert!(bench.json(&resume).get("profile").is_none());
}

#[test]
fn a_run_that_is_stopped_or_fails_shows_its_profile_before_the_error() {
    let bench = Bench::with(TINY);
    let (child, run) = started(&bench, &format!("{LONG} --profile --quiet --json"), 50);
    press_ctrl_c(&child);
    let output = calm(child.wait_with_output().unwrap());
    let message = String::from_utf8(output.stderr).unwrap();
    assert_eq!((output.status.code(), output.stdout.len()), (Some(130), 0), "{message}");
    let (table, error) = message.split_once("interrupted at step").unwrap();
    assert!(table.contains("% of wall time") && error.contains("dbm resume"), "{message}");
    seconds(&run.json("run.json")["profile"]);
    let message = bench.refusal("run tiny.toml train.learning_rate=1e30 train.epochs=40 --quiet --profile");
    assert!(message.starts_with("exit 5\n"), "{message}");
    assert!(message.split_once("error: training diverged").unwrap().0.contains("% of wall time"), "{message}");
    let message = bench.refusal("run tiny.toml train.learning_rate=1e30 train.epochs=40 --quiet");
    assert!(!message.contains("% of wall time"), "{message}");
}

#[test]
fn a_continuation_that_is_not_profiled_keeps_the_profile_there_is() {
    let bench = Bench::with(TINY);
    let (run, record) = interrupted(&bench);
    bench.ok(&format!("resume {} --quiet", run.show()));
    let after = run.json("run.json");
    assert_eq!((&after["status"], &after["profile"]), (&"finished".into(), &record["profile"]));
}

#[test]
fn a_finished_run_without_a_profile_says_so() {
    let bench = Bench::with(TINY);
    let run = bench.run("").show();
    let said = |words: &str| String::from_utf8(bench.code(words, 0).get_output().stderr.clone()).unwrap();
    assert!(said(&format!("resume {run} --quiet --profile")).contains("no profile was recorded"));
    assert!(!said(&format!("resume {run} --quiet")).contains("profile"));
}
