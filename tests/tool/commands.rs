//! Laws of the other commands: what they print, for people and for machines.

use crate::bench::{Bench, TINY, calm};
use serde_json::Value;
use std::process::Stdio;

#[test]
fn every_command_explains_itself() {
    let bench = Bench::new();
    for command in [
        "",
        "run",
        "resume",
        "eval",
        "compare",
        "runs",
        "sample",
        "config",
        "config show",
        "config check",
        "data",
        "data list",
        "tensorboard",
    ] {
        let text = bench.ok(&format!("{command} --help"));
        assert!(text.contains("Usage: dbm"), "{command}: {text}");
        assert!(text.lines().all(|line| line.chars().count() <= 120), "{command}: a line is too wide");
    }
    let whole = bench.ok("--help");
    for word in ["run", "resume", "eval", "compare", "runs", "sample", "config", "data", "tensorboard", "Exit codes"] {
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
    assert_eq!(plain, ["digits", "bars_and_stripes", "shifter", "shifting_bar", "samples", "files"]);
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
    bench.ok(&format!("sample {run} --count 2 --sweeps 1 --shape 2x6 --out wide.png"));
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
    // Nothing on the path: how to install it, not a failure to find it.
    let output = calm(bench.command("tensorboard").env("PATH", "").output().unwrap());
    assert!(String::from_utf8_lossy(&output.stdout).contains("python3 -m pip install tensorboard"));
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
