//! Laws of Ctrl-C: the program stops soon, wherever it is, with everything saved; pressed again, at once.

use crate::bench::{Bench, TINY, assert_same_bits, calm};
use crate::resume::{LONG, assert_same_curves, started, step_of};
use dbm::experiment::observe::read_metrics;
use std::io::{BufRead, BufReader};
use std::process::Child;

pub(crate) fn press_ctrl_c(child: &Child) {
    let sent = std::process::Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(sent.success());
}

#[test]
fn ctrl_c_saves_and_says_how_to_go_on() {
    let bench = Bench::with(TINY);
    let whole = bench.run(LONG);
    let (child, run) = started(&bench, LONG, 50);
    press_ctrl_c(&child);
    let output = calm(child.wait_with_output().unwrap());
    let message = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(130), "{message}");
    let step = step_of(&run.checkpoints().pop().unwrap());
    let relative = format!("runs/{}", run.path("").file_name().unwrap().to_string_lossy());
    let words = format!(
        "interrupted at step {step}; everything up to it is saved\n help: continue with: dbm resume {relative}\n"
    );
    assert!(message.ends_with(&words), "{message}");
    assert_eq!(run.json("run.json")["status"], "interrupted");
    assert_eq!(run.json("run.json")["steps"], step);
    bench.ok(&format!("resume {relative} --quiet"));
    assert_same_bits(&whole, &run);
    assert_eq!(run.json("run.json")["status"], "finished");
    assert_same_curves(&whole, &run);
}

/// Three updates make an epoch; judging takes seconds, with very many temperatures.
fn slowly_judged(way: &str, end: &str) -> Bench {
    let (before, after) = TINY.split_once("[pretrain]").unwrap();
    let experiment = format!("{before}[train]{}", after.split_once("[train]").unwrap().1);
    let ways = format!("[evaluate]\nlog_partition = {way}\nfinal_log_partition = {end}");
    Bench::with(&experiment.replace("[evaluate]", &ways))
}

const SLOW: &str = "{ ais = { temperatures = 40_000, chains = 5 } }";

/// Stops the run once it has saved this step, which it then judges for seconds; goes on, and ends as if nothing had been.
fn stops_while_judging(bench: &Bench, step: u64) {
    let whole = bench.run("");
    let (child, run) = started(bench, "", step);
    press_ctrl_c(&child);
    let output = calm(child.wait_with_output().unwrap());
    let message = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(130), "{message}");
    assert!(message.contains(&format!("interrupted at step {step}; everything up to it is saved")), "{message}");
    assert_eq!(step_of(&run.checkpoints().pop().unwrap()), step, "it went on past the judging");
    let judged = read_metrics(&run.path("metrics.jsonl")).unwrap();
    let of_judging = |tag: &str| tag.starts_with("eval/") || tag.starts_with("final/");
    assert!(!judged.iter().any(|line| line.step == step && of_judging(&line.tag)), "it judged to the end");
    assert!(!run.path("results.json").exists());
    bench.ok(&format!("resume {} --quiet", run.show()));
    assert_same_bits(&whole, &run);
    assert_same_curves(&whole, &run);
}

#[test]
fn ctrl_c_breaks_off_an_evaluation_which_the_resumed_run_makes() {
    // Four epochs, judged every two: at step 6, and at the end.
    stops_while_judging(&slowly_judged(SLOW, "\"exact\""), 6);
}

#[test]
fn ctrl_c_breaks_off_the_conclusion_which_the_resumed_run_makes() {
    stops_while_judging(&slowly_judged("\"exact\"", SLOW), 12);
}

#[test]
fn a_second_ctrl_c_stops_at_once_and_leaves_the_last_checkpoint() {
    let bench = slowly_judged("\"exact\"", "\"exact\"");
    // An update that takes hours.
    let endless = "train.algorithm={maximum_likelihood={chains=7,gibbs_sweeps=1000000000}}";
    let (mut child, run) = started(&bench, endless, 0);
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines().map(Result::unwrap);
    press_ctrl_c(&child);
    let first = lines.find(|line| line.starts_with("stopping")).unwrap();
    assert_eq!(first, "stopping as soon as everything is saved; Ctrl-C again stops at once, without saving");
    press_ctrl_c(&child);
    assert_eq!(child.wait().unwrap().code(), Some(130));
    let last: Vec<String> = lines.collect();
    assert_eq!(last, ["stopped at once; `dbm runs` says what is saved and how to go on"]);
    assert_eq!(run.json("run.json")["status"], "running");
    dbm::experiment::checkpoint::read(&run.last_checkpoint(), &candle_core::Device::Cpu).unwrap();
}
