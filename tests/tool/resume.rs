//! Laws of `dbm resume`: a run that was killed or interrupted ends with the bits of one that was not.

use crate::bench::{Bench, RunDir, TINY, assert_same_bits};
use candle_core::Device;
use dbm::experiment::checkpoint;
use dbm::experiment::observe::{Logged, LoggedValue, read_events};
use std::collections::BTreeMap;
use std::process::{Child, Stdio};
use std::time::Duration;

/// Long enough to be stopped anywhere; three updates make an epoch.
pub(crate) const LONG: &str = "train.epochs=150 evaluate.every_epochs=10";
const WAKE_SLEEP: &str = "train.algorithm={wake_sleep={chains=7,gibbs_sweeps=2}}";

pub(crate) fn start(bench: &Bench, changes: &str) -> Child {
    let words = format!("run tiny.toml {changes}");
    bench.command(&words).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

/// Waits until something is so.
pub(crate) fn wait_until(mut holds: impl FnMut() -> bool) {
    for _ in 0..30_000 {
        if holds() {
            return;
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    panic!("this took more than a minute");
}

/// Starts a run and waits until it has a checkpoint of at least this step.
pub(crate) fn started(bench: &Bench, changes: &str, step: u64) -> (Child, RunDir) {
    let before = bench.runs().len();
    let child = start(bench, changes);
    wait_until(|| bench.runs().len() > before);
    let run = bench.newest();
    wait_until(|| run.has_reached(step));
    (child, run)
}

impl RunDir {
    fn has_reached(&self, step: u64) -> bool {
        self.checkpoints().iter().any(|name| step_of(name) >= step)
    }
}

pub(crate) fn step_of(checkpoint: &str) -> u64 {
    checkpoint.trim_start_matches("step-").trim_end_matches(".safetensors").parse().unwrap()
}

/// A run killed without warning after `step` updates.
pub(crate) fn killed(bench: &Bench, changes: &str, step: u64) -> RunDir {
    let (mut child, run) = started(bench, changes, step);
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(run.json("run.json")["status"], "running", "the run was over before it could be killed");
    run
}

/// Runs to the end, runs again, kills it, resumes: the same bits.
pub(crate) fn survives_a_kill(changes: &str, step: u64) {
    let bench = Bench::with(TINY);
    let whole = bench.run(changes);
    let broken = killed(&bench, changes, step);
    assert!(step_of(&broken.checkpoints().pop().unwrap()) < step_of(&whole.checkpoints().pop().unwrap()));
    bench.ok(&format!("resume {} --quiet", broken.show()));
    assert_same_bits(&whole, &broken);
    assert_eq!(broken.json("run.json")["resumed"].as_array().unwrap().len(), 1);
    assert_same_curves(&whole, &broken);
}

/// A point of a curve, or a picture: run, step, tag.
type Place = (String, i64, String);

/// What TensorBoard draws: files in order, a session's start voids what older files hold from its step on.
fn curves(run: &RunDir) -> BTreeMap<Place, LoggedValue> {
    let mut curves: BTreeMap<Place, LoggedValue> = BTreeMap::new();
    let mut latest: BTreeMap<String, i64> = BTreeMap::new();
    for file in run.event_files() {
        let folder = file.parent().unwrap().strip_prefix(run.path("")).unwrap().display().to_string();
        for event in read_events(&file).unwrap().events {
            let last = latest.entry(folder.clone()).or_default();
            match event.logged {
                Logged::Start => {
                    curves.retain(|(here, step, _), _| *here != folder || *step < event.step);
                    *last = event.step;
                }
                Logged::Values(values) => {
                    assert!(*last <= event.step, "{} goes back in time", file.display());
                    *last = event.step;
                    for (tag, value) in values {
                        use LoggedValue::{Histogram, Image, Scalar};
                        if matches!(value, Scalar(_) | Image { .. } | Histogram(_)) {
                            let twice = curves.insert((folder.clone(), event.step, tag.clone()), value);
                            assert_eq!(twice, None, "{} has {tag} twice at step {}", file.display(), event.step);
                        }
                    }
                }
                _ => {}
            }
        }
    }
    curves.retain(|(_, _, tag), _| !tag.ends_with("time_us_per_example"));
    curves
}

/// The same points and pictures, each once.
pub(crate) fn assert_same_curves(one: &RunDir, other: &RunDir) {
    let (one, other) = (curves(one), curves(other));
    let difference = one.iter().zip(&other).find(|(one, other)| one != other);
    assert!(difference.is_none(), "{:?}", difference.map(|(one, other)| (one.0, other.0)));
    assert_eq!(one.len(), other.len());
}

/// As if the run had been killed right after this checkpoint was saved, or at any moment before the next one was.
fn rewind(run: &RunDir, step: u64) {
    let remove = |name: &str| std::fs::remove_file(run.path(name)).unwrap();
    for name in run.checkpoints().iter().filter(|name| step_of(name) > step) {
        remove(&format!("checkpoints/{name}"));
    }
    let best = run.path("checkpoints/best.safetensors");
    if checkpoint::read(&best, &Device::Cpu).unwrap().position.step >= step {
        remove("checkpoints/best.safetensors");
    }
    remove("results.json");
    let mut provenance = run.json("run.json");
    provenance["status"] = "running".into();
    std::fs::write(run.path("run.json"), provenance.to_string()).unwrap();
}

#[test]
fn a_run_goes_on_alike_from_each_of_its_checkpoints_whatever_was_logged_after_it() {
    let bench = Bench::with(TINY);
    let changes = "checkpoint.keep=100 checkpoint.every_steps=2 train.learning_rate=0.05 log.every_steps=1";
    let (whole, broken) = (bench.run(changes), bench.run(changes));
    let steps: Vec<u64> = broken.checkpoints().iter().map(|name| step_of(name)).collect();
    assert!(steps.len() > 12 && steps.contains(&6) && steps.contains(&24), "{steps:?}");
    for step in steps {
        rewind(&broken, step);
        bench.ok(&format!("resume {} --quiet", broken.show()));
        assert_same_bits(&whole, &broken);
        assert_same_curves(&whole, &broken);
    }
}

#[test]
fn maximum_likelihood_survives_a_kill_at_the_end_of_an_epoch() {
    survives_a_kill(LONG, 60);
}

#[test]
fn maximum_likelihood_survives_a_kill_inside_an_epoch() {
    let inside = "checkpoint.every_epochs=0 checkpoint.every_steps=4 data.binarize=stochastic_each_time dtype=f64";
    survives_a_kill(&format!("{LONG} {inside}"), 61);
}

#[test]
fn centred_training_survives_a_kill() {
    let centred = "train.algorithm={maximum_likelihood={chains=7,gibbs_sweeps=2,centring=0.05}}";
    survives_a_kill(&format!("{LONG} {centred} checkpoint.every_epochs=0 checkpoint.every_steps=7"), 61);
}

#[test]
fn every_negative_phase_survives_a_kill() {
    let negatives = [
        "negative={tempering={temperatures=3,lowest=0.1,spacing=geometric}},centring=0.05",
        "negative={fast={learning_rate=0.05}}",
        "negative=contrastive,gibbs_sweeps={start=1,end=3}",
    ];
    for negative in negatives {
        let negative = negative.replace("geometric", "\"geometric\"").replace("=contrastive", "=\"contrastive\"");
        let changes = format!("train.algorithm={{maximum_likelihood={{{negative}}}}}");
        survives_a_kill(&format!("{LONG} {changes} checkpoint.every_epochs=0 checkpoint.every_steps=7"), 61);
    }
}

#[test]
fn wake_sleep_survives_a_kill() {
    survives_a_kill(&format!("{LONG} {WAKE_SLEEP} checkpoint.every_epochs=0 checkpoint.every_steps=7"), 61);
}

#[test]
fn multi_prediction_survives_a_kill() {
    let multi = "train.algorithm={multi_prediction={sweeps=3,optimizer=\"adam\"}} train.learning_rate=0.01";
    survives_a_kill(&format!("{LONG} {multi} checkpoint.every_epochs=0 checkpoint.every_steps=7"), 61);
}

#[test]
fn pretraining_survives_a_kill_in_its_first_and_in_its_second_layer() {
    let pretraining = "pretrain.epochs=80 pretrain.chains=persistent evaluate.every_epochs=20";
    survives_a_kill(&format!("{pretraining} checkpoint.every_epochs=0 checkpoint.every_steps=5"), 32);
    survives_a_kill(pretraining, 80 * 3 + 30);
}

#[test]
fn a_run_can_be_killed_twice() {
    let bench = Bench::with(TINY);
    let whole = bench.run(LONG);
    let broken = killed(&bench, LONG, 40);
    let words = format!("resume {} --quiet", broken.show());
    let mut child = bench.command(&words).stdout(Stdio::null()).spawn().unwrap();
    let later = step_of(&broken.checkpoints().pop().unwrap()) + 30;
    wait_until(|| broken.has_reached(later));
    child.kill().unwrap();
    child.wait().unwrap();
    bench.ok(&words);
    assert_same_bits(&whole, &broken);
    assert_same_curves(&whole, &broken);
}

#[test]
fn a_torn_checkpoint_falls_back_to_the_one_before() {
    let bench = Bench::with(TINY);
    for keep in [1, 3] {
        let changes = format!("{LONG} checkpoint.keep={}", keep + 1);
        let whole = bench.run(&changes);
        let broken = killed(&bench, &changes, 60);
        let last = broken.last_checkpoint();
        let bytes = std::fs::read(&last).unwrap();
        std::fs::write(&last, &bytes[..bytes.len() / 2]).unwrap();
        let output = bench.output(&format!("resume {}", broken.show()));
        let message = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.success(), "{message}");
        assert!(
            message.contains("warning: ") && message.contains("falling back to the checkpoint before it"),
            "{message}"
        );
        assert_same_bits(&whole, &broken);
        assert_same_curves(&whole, &broken);
    }
}

#[test]
fn a_torn_checkpoint_does_not_push_out_the_whole_ones_behind_it() {
    let bench = Bench::with(TINY);
    // The torn file lies 40 epochs ahead of the checkpoint that the run goes on from.
    let changes = format!("{LONG} checkpoint.keep=1");
    let broken = killed(&bench, &changes, 30);
    let at = step_of(&broken.checkpoints().pop().unwrap());
    std::fs::write(broken.path(&format!("checkpoints/step-{:010}.safetensors", at + 120)), b"torn").unwrap();
    let mut child = bench.command(&format!("resume {} --quiet", broken.show())).stdout(Stdio::null()).spawn().unwrap();
    wait_until(|| broken.checkpoints().iter().any(|name| (at + 10..at + 120).contains(&step_of(name))));
    child.kill().unwrap();
    child.wait().unwrap();
    bench.ok(&format!("resume {} --quiet", broken.show()));
    assert_eq!(broken.checkpoints().len(), 1);
}

#[test]
fn without_a_whole_checkpoint_the_run_is_to_be_started_again() {
    let bench = Bench::with(TINY);
    let broken = killed(&bench, LONG, 60);
    // One more than are kept, where the kill came before the oldest was removed.
    let names = broken.checkpoints();
    for name in &names {
        std::fs::write(broken.path("checkpoints").join(name), b"torn").unwrap();
    }
    let message = bench.refusal(&format!("resume {}", broken.show()));
    let problem = format!("none of the {} checkpoints can be read", names.len());
    assert!(message.starts_with("exit 4") && message.contains(&problem), "{message}");
    let again = format!("help: start again with: dbm run {}", broken.path("config.toml").display());
    assert!(message.contains(&again.replace(&bench.path("").display().to_string(), "…/")), "{message}");
}

#[test]
fn a_finished_run_reports_its_results_again() {
    let bench = Bench::with(TINY);
    let first = bench.json("run tiny.toml --json --quiet");
    let run = bench.newest();
    let (before, logs) = (run.read("run.json"), run.event_files());
    assert_eq!(bench.json(&format!("resume {} --json", run.show())), first);
    assert_eq!(run.read("run.json"), before);
    assert_eq!(run.event_files(), logs, "nothing was logged anew");
}

#[test]
fn a_run_at_work_is_not_resumed_by_a_second_process() {
    let bench = Bench::with(TINY);
    let (mut child, run) = started(&bench, "train.epochs=100000", 20);
    let message = bench.refusal(&format!("resume {}", run.show()));
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(message.starts_with("exit 4") && message.contains("another process is at work on this run"), "{message}");
}

#[test]
fn changed_data_are_refused() {
    let bench = Bench::with(
        &TINY.replace("{ bars_and_stripes = { height = 3, width = 3 } }", "{ files = { train = \"data.amat\" } }"),
    );
    let rows: String = (0..20).map(|row| format!("{} 1 0 {} 1 0\n", row % 2, row / 3 % 2)).collect();
    bench.write("data.amat", &rows);
    let broken = killed(&bench, LONG, 60);
    bench.write("data.amat", rows.replacen("1 1 0", "0 1 0", 1));
    let message = bench.refusal(&format!("resume {}", broken.show()));
    assert!(
        message.starts_with("exit 4") && message.contains("the data files are not those the run was started with"),
        "{message}"
    );
    bench.write("data.amat", &rows);
    bench.ok(&format!("resume {} --quiet", broken.show()));
}

#[test]
fn a_folder_that_is_no_run_is_refused() {
    let bench = Bench::with(TINY);
    for words in ["resume nowhere", "resume .", "resume tiny.toml"] {
        let message = bench.refusal(words);
        assert!(message.starts_with("exit 4") && message.contains("help: list the runs with: dbm runs"), "{message}");
    }
}
