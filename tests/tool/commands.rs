//! Laws of the other commands: what they print, for people and for machines.

use crate::bench::{Bench, RunDir, TINY, calm};
use serde_json::Value;
use std::process::Stdio;

#[test]
fn every_command_explains_itself() {
    let bench = Bench::new();
    for command in [
        "",
        "run",
        "resume",
        "reproduce",
        "eval",
        "compare",
        "runs",
        "sample",
        "pictures",
        "config",
        "config show",
        "config check",
        "data",
        "data list",
        "data fetch",
        "data import",
        "data verify",
        "tensorboard",
    ] {
        let text = bench.ok(&format!("{command} --help"));
        assert!(text.contains("Usage: dbm"), "{command}: {text}");
        assert!(text.lines().all(|line| line.chars().count() <= 120), "{command}: a line is too wide");
    }
    let whole = bench.ok("--help");
    for word in [
        "run",
        "resume",
        "eval",
        "compare",
        "runs",
        "sample",
        "pictures",
        "config",
        "data",
        "tensorboard",
        "Exit codes",
    ] {
        assert!(whole.contains(word), "{word}");
    }
    assert!(bench.ok("--version").starts_with("dbm "));
}

#[test]
fn the_resolved_experiment_is_shown_and_nothing_is_written() {
    let bench = Bench::with(TINY);
    let shown = bench.ok("config show tiny.toml train.learning_rate=0.02");
    assert_eq!(bench.ok("run tiny.toml train.learning_rate=0.02 --print-config"), shown);
    assert!(shown.contains("learning_rate = 0.02"), "{shown}");
    assert!(bench.ok("config check tiny.toml").contains("tiny.toml: a valid experiment"));
    assert_eq!(bench.json("config show tiny.toml seed=9 --json")["seed"], 9);
    assert_eq!(bench.json("config check tiny.toml --json")["seed"], 3);
    assert!(!bench.path("runs").exists());
    bench.write("shown.toml", &shown);
    assert_eq!(bench.ok("config show shown.toml"), shown);
}

#[test]
fn the_data_sets_are_listed() {
    let bench = Bench::new();
    let text = bench.ok("data list");
    let entries = bench.json("data list --json");
    let names: Vec<_> = entries.as_array().unwrap().iter().map(|entry| entry["name"].as_str().unwrap()).collect();
    // Hyphens and underscores mean the same.
    let plain: Vec<_> = names.iter().map(|name| name.replace('-', "_")).collect();
    let generated = ["bars_and_stripes", "shifter", "shifting_bar", "natural_image_patches", "gaussian_clusters"];
    let fetched: Vec<_> = dbm::experiment::data::sets::SETS.iter().map(|set| set.name).collect();
    assert_eq!(plain, [&["digits"], generated.as_slice(), &["samples", "files"], fetched.as_slice()].concat());
    names.iter().for_each(|name| assert!(text.contains(name), "{name} is not in\n{text}"));
}

#[test]
fn runs_are_listed_with_how_they_ended() {
    let bench = Bench::with(TINY);
    assert!(bench.ok("runs").contains("no runs in runs; make one with: dbm run"));
    assert_eq!(bench.json("runs --json"), Value::Array(vec![]));
    let run = bench.run("");
    let text = bench.ok("runs");
    assert!(text.contains("tiny-s3") && text.contains("finished"), "{text}");
    let rows = bench.json("runs --json");
    assert_eq!((&rows[0]["status"], &rows[0]["steps"], &rows[0]["seed"]), (&"finished".into(), &24.into(), &3.into()));
    assert_eq!(rows[0]["path"], format!("runs/{}", run.show().rsplit('/').next().unwrap()));
    assert_eq!(bench.json("runs --json --runs elsewhere"), Value::Array(vec![]));
}

#[test]
fn a_damaged_run_is_a_row_of_its_own_and_hides_no_other() {
    let bench = Bench::with(TINY);
    let [broken, torn, whole] = ["", "seed=4", "seed=5"].map(|changes| bench.run(changes));
    std::fs::write(broken.path("run.json"), "{").unwrap();
    std::fs::write(torn.path("results.json"), "[").unwrap();
    let rows = bench.json("runs --json");
    let row = |run: &RunDir| {
        let name = run.0.file_name().unwrap().to_str().unwrap();
        rows.as_array().unwrap().iter().find(|row| row["name"] == name).unwrap().clone()
    };
    assert_eq!((&row(&broken)["status"], &row(&broken)["steps"]), (&"unreadable".into(), &Value::Null));
    assert!(row(&broken)["note"].as_str().unwrap().contains("run.json: cannot be read: EOF"), "{rows}");
    assert_eq!((&row(&torn)["status"], &row(&torn)["elbo_nats_mean"]), (&"finished".into(), &Value::Null));
    assert!(row(&torn)["note"].as_str().unwrap().contains("results.json: cannot be read"), "{rows}");
    assert_eq!((&row(&whole)["status"], &row(&whole)["note"]), (&"finished".into(), &Value::Null));
    let text = bench.ok("runs");
    assert!(text.contains("unreadable") && text.contains("-s5") && text.contains("cannot be read"), "{text}");
}

#[test]
fn the_best_of_a_run_is_a_number_with_its_promise_and_its_doubts() {
    let bench = Bench::with(TINY);
    let run = bench.run("");
    let row = bench.json("runs --json")[0].clone();
    assert_eq!((&row["elbo_guarantee"], &row["warnings"]), (&"exact".into(), &Value::Array(vec![])));
    assert!(bench.ok("runs").contains(" (exact) |") && !bench.ok("runs").contains("doubtful"));
    let mut results = run.json("results.json");
    for (scheme, elbo) in [Value::Null, (-9.5).into(), (-9.25).into(), (-9.75).into(), Value::Null].iter().enumerate() {
        results["schemes"][scheme]["elbo_nats_mean"] = elbo.clone();
        results["schemes"][scheme]["elbo_guarantee"] = "estimate".into();
    }
    results["warnings"] = Value::Array(vec!["do not trust it".into()]);
    std::fs::write(run.path("results.json"), results.to_string()).unwrap();
    let row = bench.json("runs --json")[0].clone();
    assert_eq!((&row["elbo_nats_mean"], &row["best_scheme"]), (&(-9.25).into(), &"mean-field".into()));
    assert_eq!((&row["elbo_guarantee"], &row["warnings"][0]), (&"estimate".into(), &"do not trust it".into()));
    let text = bench.ok("runs");
    assert!(text.contains("-9.250 (estimate, doubtful)") && text.contains("shown by: dbm compare RUN"), "{text}");
    // None of them a number: none is the best.
    for scheme in 1..4 {
        results["schemes"][scheme]["elbo_nats_mean"] = Value::Null;
    }
    std::fs::write(run.path("results.json"), results.to_string()).unwrap();
    let row = bench.json("runs --json")[0].clone();
    assert_eq!((&row["elbo_nats_mean"], &row["best_scheme"]), (&Value::Null, &Value::Null));
}

#[test]
fn a_killed_run_is_told_from_one_at_work() {
    let bench = Bench::with(TINY);
    let run = bench.run("");
    let record = run.text("run.json").replace("\"finished\"", "\"running\"");
    std::fs::write(run.path("run.json"), record).unwrap();
    let resume = format!("continue it with: dbm resume runs/{}", run.0.file_name().unwrap().to_str().unwrap());
    assert_eq!(bench.json("runs --json")[0]["status"], "killed");
    let text = bench.ok("runs");
    assert!(text.contains("killed") && text.contains(&resume), "{text}");
    // What a process at work holds.
    let claim = std::fs::File::open(run.path("config.toml")).unwrap();
    claim.lock().unwrap();
    assert_eq!(bench.json("runs --json")[0]["status"], "running");
    assert!(!bench.ok("runs").contains("resume"));
    drop(claim);
    assert_eq!(bench.json("runs --json")[0]["status"], "killed");
}

#[test]
fn a_file_in_the_place_of_the_runs_is_refused_before_any_data_are_read() {
    let bench = Bench::with(
        &TINY.replace("{ bars_and_stripes = { height = 3, width = 3 } }", "{ files = { train = \"nowhere.npy\" } }"),
    );
    for words in ["run tiny.toml", "runs", "tensorboard"] {
        let message = bench.refusal(&format!("{words} --runs tiny.toml"));
        assert!(message.starts_with("exit 2\nerror: invalid value 'tiny.toml' for '--runs <FOLDER>'"), "{message}");
        assert!(message.contains("this is a file, not a folder"), "{message}");
    }
    assert!(bench.refusal("run tiny.toml").starts_with("exit 3\n"), "without it the data are the problem");
}

#[test]
fn the_name_of_a_run_tells_its_changes_apart() {
    let bench = Bench::with(&TINY.replace("epochs = 4", "epochs = 1"));
    let name = |changes: &str| {
        let name = bench.run(changes).0.file_name().unwrap().to_str().unwrap().to_string();
        name.split_once("-tiny").unwrap().1.to_string()
    };
    assert_eq!(name("train.epochs=1 pretrain.epochs=1"), "-train.epochs=1-pretrain.epochs=1-s3");
    assert_eq!(name("model.hidden=[5,4,3] seed=7 name=tiny"), "-model.hidden=5-4-3-s7");
    assert_eq!(name("model.hidden=[54,3]"), "-model.hidden=54-3-s3");
    let positive = "train.algorithm.maximum_likelihood.positive";
    assert_eq!(name(&format!("{positive}=\"mean-field:sweeps=2\"")), format!("-{positive}=mean-field-sweeps=2-s3"));
    // However many changes: the name stays one that a file system takes.
    let many = format!(
        "{positive}=network+2 train.algorithm.maximum_likelihood.gibbs_sweeps=3 train.momentum=0.25 train.batch_size=7"
    );
    assert!(name(&many).ends_with("-s3") && name(&many).len() <= 105, "{}", name(&many));
}

#[test]
fn the_recorded_commit_is_that_of_the_program_wherever_it_is_run() {
    let git = |folder: &std::path::Path, words: &[&str]| {
        let identity = ["-c", "user.name=x", "-c", "user.email=x"];
        let output = std::process::Command::new("git").current_dir(folder).args(identity).args(words).output().ok()?;
        output.status.success().then(|| String::from_utf8(output.stdout).unwrap().trim().to_string())
    };
    let bench = Bench::with(TINY);
    git(&bench.path(""), &["init", "--quiet"]);
    git(&bench.path(""), &["commit", "--quiet", "--allow-empty", "--message", "another project"]);
    let record = bench.run("").json("run.json");
    let source = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let tracked = git(source, &["ls-files", "--error-unmatch", "Cargo.toml"]);
    match tracked.and_then(|_| git(source, &["rev-parse", "HEAD"])) {
        Some(commit) => assert_eq!(record["program_commit"]["hash"], commit),
        None => assert_eq!(record["program_commit"], Value::Null),
    }
}

#[test]
fn a_full_disk_is_no_reason_to_resume_what_was_no_run() {
    let full = dbm::experiment::Error::io("write", "numbers.npy".as_ref())(std::io::ErrorKind::StorageFull.into());
    assert_eq!(full.remedy().unwrap(), "free some disk space and try again");
    let of_run = full.of_run("runs/one".as_ref()).remedy().unwrap();
    assert_eq!(of_run, "free some disk space and try again; then continue with: dbm resume runs/one");
}

#[test]
fn a_closed_pipe_ends_every_listing_quietly() {
    let bench = Bench::with(TINY);
    bench.run("");
    for words in ["runs", "data list", "config show tiny.toml", "run tiny.toml", "--help"] {
        let mut child = bench.command(words).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        drop(child.stdout.take());
        let output = calm(child.wait_with_output().unwrap());
        assert!(output.status.code().is_some(), "{words}: killed");
        assert!(!String::from_utf8_lossy(&output.stderr).contains("error"), "{words}");
    }
}

#[test]
fn samples_are_written_as_a_picture_or_as_numbers() {
    let bench = Bench::with(TINY);
    let run = bench.run("data.source.bars_and_stripes.width=4").show();
    let written = bench.json(&format!("sample {run} --count 7 --sweeps 20 --json"));
    assert_eq!((&written["out"], &written["count"]), (&"samples.png".into(), &7.into()));
    // Three columns and three rows of 3 x 4 pixels; the scale and the lines between are the grid's own affair.
    let file = std::fs::File::open(bench.path("samples.png")).unwrap();
    let decoder = png::Decoder::new(std::io::BufReader::new(file)).read_info().unwrap();
    let (width, height) = (decoder.info().width, decoder.info().height);
    let scale = (width - 4) / 12;
    assert_eq!((width, height), (3 * (4 * scale + 1) + 1, 3 * (3 * scale + 1) + 1));
    bench.ok(&format!("sample {run} --count 7 --sweeps 20 --states --out states.npy"));
    let states = candle_core::Tensor::read_npy(bench.path("states.npy")).unwrap();
    assert_eq!(states.dims(), [7, 12]);
    let values = states.flatten_all().unwrap().to_vec1::<f32>().unwrap();
    assert!(values.iter().all(|value| [0.0, 1.0].contains(value)));
    bench.ok(&format!("sample {run} --count 7 --sweeps 20 --out again.npy --seed 1 --states"));
    bench.ok(&format!("sample {run} --count 7 --sweeps 20 --out same.npy --states"));
    let read = |name: &str| std::fs::read(bench.path(name)).unwrap();
    assert!(read("states.npy") != read("again.npy") && read("states.npy") == read("same.npy"));
    bench.ok(&format!("sample {run} --count 2 --sweeps 1 --shape 2x6 --out wide.PNG"));
}

#[test]
fn samples_of_a_model_are_data_for_another() {
    let bench = Bench::with(TINY);
    let teacher = bench.run("").show();
    let student = bench.run(&format!("data.source={{samples={{model=\"{teacher}\",examples=40,sweeps=20}}}}"));
    assert_eq!(student.json("results.json")["examples"], 8);
}

#[test]
fn the_tensorboard_command_is_printed_for_all_runs_and_for_one() {
    let bench = Bench::with(TINY);
    let message = bench.refusal("tensorboard --print");
    assert!(message.starts_with("exit 4") && message.contains("make a run first"), "{message}");
    let run = bench.run("").show();
    assert!(bench.ok("tensorboard --print").starts_with("tensorboard --logdir runs --samples_per_plugin "));
    assert!(bench.ok(&format!("tensorboard --print {run}")).starts_with(&format!("tensorboard --logdir {run} ")));
}

#[cfg(unix)]
#[test]
fn a_tensorboard_that_is_missing_or_fails_is_an_error_that_names_the_command() {
    use std::os::unix::fs::PermissionsExt;
    let bench = Bench::with(TINY);
    bench.run("");
    let outcome = |path: &std::path::Path| {
        let output = calm(bench.command("tensorboard").env("PATH", path).output().unwrap());
        format!("exit {}\n{}", output.status.code().unwrap(), String::from_utf8(output.stderr).unwrap())
    };
    let command = "tensorboard --logdir runs --samples_per_plugin scalars=100000,images=1000,histograms=1000";
    let missing = outcome(&bench.path("nowhere"));
    assert!(missing.starts_with("exit 2\nerror: TensorBoard is not installed here"), "{missing}");
    assert!(missing.contains("python3 -m pip install tensorboard") && missing.contains(command), "{missing}");
    std::fs::create_dir(bench.path("bin")).unwrap();
    for (code, start) in [(3, "exit 2\nerror: TensorBoard failed (exit status: 3)"), (0, "exit 0\n")] {
        let program = bench.write("bin/tensorboard", format!("#!/bin/sh\nexit {code}\n"));
        std::fs::set_permissions(program, std::fs::Permissions::from_mode(0o755)).unwrap();
        let outcome = outcome(&bench.path("bin"));
        assert!(outcome.starts_with(start), "{outcome}");
        assert_eq!(outcome.contains(command), code != 0, "{outcome}");
    }
}

#[test]
fn quiet_runs_say_nothing_but_the_results() {
    let bench = Bench::with(TINY);
    let quiet = bench.output("run tiny.toml --quiet");
    assert_eq!(String::from_utf8_lossy(&quiet.stderr), "");
    assert!(String::from_utf8_lossy(&quiet.stdout).starts_with("9-6-4 on 14 examples"));
    let loud = bench.output("run tiny.toml");
    let text = String::from_utf8_lossy(&loud.stderr).into_owned();
    for word in
        ["data: bars and stripes", "run folder: runs/", "pretraining layer 2  6 steps", "joint training  12 steps"]
    {
        assert!(text.contains(word), "{word} is not in\n{text}");
    }
    assert!(!text.contains('\u{1b}') && !text.contains('\r'), "control characters in a file: {text:?}");
    let json = bench.json("run tiny.toml --json");
    assert_eq!(json, bench.newest().json("results.json"));
}

#[test]
fn no_color_is_obeyed() {
    let bench = Bench::with(TINY);
    for words in ["run tiny.toml", "runs", "eval nowhere", "--help"] {
        let output = bench.command(words).env("NO_COLOR", "1").env("TERM", "xterm-256color").output().unwrap();
        assert!(!output.stdout.contains(&0x1b) && !output.stderr.contains(&0x1b), "{words}");
    }
}
