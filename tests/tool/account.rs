//! Laws of `run.json` and of what it is read for: what a run that stopped has saved, and how it goes on.

use crate::bench::{Bench, RunDir, TINY};
use crate::resume::{LONG, killed, start, step_of, wait_until};
use dbm::experiment::RunFolder;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::process::Stdio;
use std::time::Duration;

/// Changes fields of `run.json`.
fn rewrite(run: &RunDir, fields: &[(&str, Value)]) {
    let mut record = run.json("run.json");
    fields.iter().for_each(|(name, value)| record[name] = value.clone());
    std::fs::write(run.path("run.json"), record.to_string()).unwrap();
}

fn relative(run: &RunDir) -> String {
    format!("runs/{}", run.0.file_name().unwrap().to_string_lossy())
}

#[test]
fn a_killed_run_is_listed_with_what_it_has_saved() {
    let bench = Bench::with(TINY);
    let run = killed(&bench, LONG, 60);
    let row = &bench.json("runs --json")[0];
    let steps = row["steps"].as_u64().unwrap();
    // An epoch has three updates; the record is written after the checkpoint.
    assert!((57..=step_of(&run.checkpoints().pop().unwrap())).contains(&steps), "{row}");
    assert!(row["seconds"].as_f64().unwrap() > 0.0, "{row}");
}

#[test]
fn a_resumed_run_is_at_work_again_and_says_what_has_changed_since_its_start() {
    let bench = Bench::with(TINY);
    let run = killed(&bench, LONG, 40);
    let commit = json!({ "hash": "abc", "changed": false });
    rewrite(
        &run,
        &[
            ("ended", "then".into()),
            ("version", "0.0.9".into()),
            ("program_commit", commit),
            ("cpu_features", json!(["mmx"])),
        ],
    );
    let words = format!("resume {} --threads 3", run.show());
    let mut child = bench.command(&words).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    wait_until(|| !run.json("run.json")["resumed"].as_array().unwrap().is_empty());
    child.kill().unwrap();
    let said = String::from_utf8(child.wait_with_output().unwrap().stderr).unwrap();
    let record = run.json("run.json");
    assert_eq!((&record["status"], &record["ended"]), (&"running".into(), &Value::Null));
    let resumed = &record["resumed"][0];
    assert_eq!((&resumed["version"], &resumed["threads"]), (&env!("CARGO_PKG_VERSION").into(), &3.into()));
    for field in ["time", "program_commit", "platform", "cpu_features"] {
        assert!(resumed.get(field).is_some(), "{field}: {resumed}");
    }
    for line in
        ["version: 0.1.0, at the start 0.0.9; warning", "commit: ", "instruction sets: ", "threads: 3, at the start "]
    {
        assert!(said.contains(line), "{line}: {said}");
    }
    assert!(!said.contains("platform: ") && said.contains(", at the start abc; warning"), "{said}");
    bench.ok(&format!("resume {} --quiet", run.show()));
    let record = run.json("run.json");
    assert_eq!(record["resumed"].as_array().unwrap().len(), 2);
    assert!(record["ended"].is_string());
}

#[test]
fn what_writers_that_were_killed_have_left_is_removed_when_the_run_goes_on() {
    let bench = Bench::with(TINY);
    let run = killed(&bench, LONG, 40);
    let left = ["run.json.0.partial", "checkpoints/step-0000000099.safetensors.2.partial"].map(|name| run.path(name));
    left.iter().for_each(|path| std::fs::write(path, "half").unwrap());
    bench.ok(&format!("resume {} --quiet", run.show()));
    assert!(left.iter().all(|path| !path.exists()));
}

#[test]
fn a_run_that_was_killed_before_it_saved_anything_is_to_be_made_anew() {
    let bench = Bench::with(TINY);
    let run = bench.run("");
    std::fs::remove_dir_all(run.path("checkpoints")).unwrap();
    rewrite(&run, &[("status", "running".into())]);
    let again = format!("dbm run {}/config.toml", relative(&run));
    let note = bench.json("runs --json")[0]["note"].as_str().unwrap().to_string();
    assert_eq!(note, format!("it has no checkpoint; make it anew with: {again}"));
    let message = bench.refusal(&format!("resume {}", relative(&run)));
    assert!(
        message.starts_with("exit 4") && message.contains(&format!("help: start again with: {again}")),
        "{message}"
    );
}

#[test]
fn a_run_that_was_killed_at_its_very_start_is_listed() {
    let bench = Bench::with(TINY);
    let mut child = start(&bench, "train.epochs=100000");
    wait_until(|| !bench.runs().is_empty());
    let run = bench.newest();
    assert!(run.path("run.json").is_file(), "config.toml was there first");
    child.kill().unwrap();
    child.wait().unwrap();
    for name in ["run.json", "config.toml"] {
        let content = run.read(name);
        std::fs::remove_file(run.path(name)).unwrap();
        let row = &bench.json("runs --json")[0];
        assert_eq!(row["status"], "unreadable", "{row}");
        assert!(row["note"].as_str().unwrap().contains(name), "{row}");
        std::fs::write(run.path(name), content).unwrap();
    }
}

#[test]
fn a_run_that_diverged_is_not_resumed() {
    let bench = Bench::with(TINY);
    assert!(bench.refusal("run tiny.toml --quiet train.learning_rate=1e38").starts_with("exit 5"));
    let run = bench.newest();
    let before = run.read("run.json");
    let message = bench.refusal(&format!("resume {}", run.show()));
    assert!(message.starts_with("exit 4") && message.contains("cannot go on: training diverged at step"), "{message}");
    assert!(message.contains("help: start a new run with a lower learning rate"), "{message}");
    assert_eq!(run.read("run.json"), before);
    let listed = bench.ok("runs");
    assert!(listed.contains("; start a new run with a lower learning rate") && !listed.contains("resume"), "{listed}");
}

#[test]
fn a_claim_waits_for_a_listing_and_refuses_a_process_at_work() {
    let bench = Bench::with(TINY);
    let run = RunFolder::open(&bench.run("").0).unwrap();
    let listing = std::fs::File::open(run.config()).unwrap();
    listing.lock_shared().unwrap();
    let claimed = std::thread::scope(|scope| {
        let claim = scope.spawn(|| run.claim());
        std::thread::sleep(Duration::from_millis(100));
        listing.unlock().unwrap();
        claim.join().unwrap()
    });
    assert!(
        run.claim().unwrap_err().to_string().contains("another process is at work"),
        "{:?}",
        claimed.as_ref().err()
    );
    drop(claimed.unwrap());
    run.claim().unwrap();
}

#[test]
fn a_run_of_a_larger_machine_is_compared_and_judged_and_not_resumed() {
    let bench = Bench::with(TINY);
    let run = bench.run("");
    let config = run.text("config.toml");
    let larger = config.replace("\"cpu\"", "\"cuda\"").replace("chains = 7", "chains = 1_000_000_000");
    assert_eq!(larger.matches("1_000_000_000").count() + larger.matches("cuda").count(), 2, "{config}");
    std::fs::write(run.path("config.toml"), larger).unwrap();
    for words in ["compare", "eval", "sample --count 1 --sweeps 1"] {
        bench.ok(&format!("{words} {}", run.show()));
    }
    std::fs::write(run.path("config.toml"), config.replace("chains = 7", "chains = 1_000_000_000")).unwrap();
    rewrite(&run, &[("status", "interrupted".into())]);
    let message = bench.refusal(&format!("resume {}", run.show()));
    assert!(message.starts_with("exit 2") && message.contains("chains asks for about "), "{message}");
    std::fs::write(run.path("config.toml"), config.replace("epochs = 4", "epochs = 0")).unwrap();
    assert!(bench.refusal(&format!("compare {}", run.show())).contains("train.epochs is 0"));
}

#[test]
fn the_bundled_digits_have_their_checksums_in_the_record() {
    let bench = Bench::with(&TINY.replace("{ bars_and_stripes = { height = 3, width = 3 } }", "\"digits\""));
    let run = bench.run("data.split.train=20 evaluate.every_epochs=0 evaluate.schemes=[\"network\"]");
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("experiments/data/digits-8x8");
    let sum = |name: &str| {
        let bytes = std::fs::read(folder.join(name)).unwrap();
        Value::from(Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect::<String>())
    };
    let recorded: Vec<Value> =
        run.json("run.json")["data"].as_array().unwrap().iter().map(|file| file["sha256"].clone()).collect();
    assert_eq!(recorded, [sum("optdigits.tra.gz"), sum("optdigits.tes.gz")]);
}
