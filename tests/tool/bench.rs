//! The built program at work in a folder of its own.

use assert_cmd::assert::Assert;
use dbm::experiment::observe::read_metrics;
use serde_json::Value;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use tempfile::TempDir;

/// Bars and stripes of 3 x 3 pixels, 14 examples: batches of 5 do not divide them.
pub const TINY: &str = r#"
name = "tiny"
seed = 3

[data]
source = { bars_and_stripes = { height = 3, width = 3 } }

[model]
hidden = [6, 4]
weight_std = 0.1

[pretrain]
epochs = 2
batch_size = 5

[train]
epochs = 4
batch_size = 5
algorithm = { maximum_likelihood = { chains = 7, gibbs_sweeps = 2 } }

[evaluate]
every_epochs = 2
schemes = ["network", "network+1", "mean-field", "gibbs:sweeps=5,burn-in=2", "exact"]

[log]
every_steps = 2
histograms_every_epochs = 2
images_every_epochs = 2
"#;

/// A folder that goes when the test ends.
pub struct Bench(TempDir);

impl Bench {
    pub fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub fn with(experiment: &str) -> Self {
        let bench = Self::new();
        std::fs::write(bench.path("tiny.toml"), experiment).unwrap();
        bench
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub fn write(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        std::fs::write(self.path(name), bytes).unwrap();
        self.path(name)
    }

    /// The program with these words, in the folder, with backtraces on: no user may ever see one.
    pub fn command(&self, words: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_dbm"));
        command.current_dir(self.0.path()).env("RUST_BACKTRACE", "1").args(words.split_whitespace());
        command
    }

    pub fn output(&self, words: &str) -> Output {
        calm(self.command(words).output().unwrap())
    }

    pub fn code(&self, words: &str, code: i32) -> Assert {
        let output = self.output(words);
        Assert::new(output).append_context("words", words.to_string()).code(code)
    }

    /// Standard output of a success.
    pub fn ok(&self, words: &str) -> String {
        String::from_utf8(self.code(words, 0).get_output().stdout.clone()).unwrap()
    }

    pub fn json(&self, words: &str) -> Value {
        let text = self.ok(words);
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{words}: {error}: {text}"))
    }

    /// Code and message of a refusal; the folder's own path is left out of the message.
    pub fn refusal(&self, words: &str) -> String {
        let output = self.output(words);
        let text = String::from_utf8(output.stderr).unwrap();
        format!("exit {}\n{}", output.status.code().unwrap(), text.replace(&self.0.path().display().to_string(), "…"))
    }

    /// Runs `tiny.toml` with these changes; the folder of the run.
    pub fn run(&self, changes: &str) -> RunDir {
        self.ok(&format!("run tiny.toml --quiet {changes}"));
        self.newest()
    }

    /// The runs so far, oldest first.
    pub fn runs(&self) -> Vec<RunDir> {
        let Ok(entries) = std::fs::read_dir(self.path("runs")) else { return Vec::new() };
        let mut runs: Vec<_> = entries.map(|entry| RunDir(entry.unwrap().path())).collect();
        runs.retain(|run| run.path("config.toml").exists());
        let made = |run: &RunDir| std::fs::metadata(run.0.join("config.toml")).and_then(|m| m.modified()).unwrap();
        runs.sort_by_key(made);
        runs
    }

    pub fn newest(&self) -> RunDir {
        self.runs().pop().expect("a run")
    }
}

/// What no output may hold.
pub fn calm(output: Output) -> Output {
    for text in [&output.stdout, &output.stderr] {
        let text = String::from_utf8_lossy(text);
        assert!(!text.contains("panicked") && !text.contains("backtrace"), "{text}");
    }
    output
}

/// The folder of one run.
#[derive(Clone, Debug)]
pub struct RunDir(pub PathBuf);

impl RunDir {
    pub fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    pub fn show(&self) -> String {
        self.0.display().to_string()
    }

    pub fn read(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    pub fn json(&self, name: &str) -> Value {
        serde_json::from_slice(&self.read(name)).unwrap()
    }

    pub fn text(&self, name: &str) -> String {
        String::from_utf8(self.read(name)).unwrap()
    }

    /// Names of the numbered checkpoints, oldest first.
    pub fn checkpoints(&self) -> Vec<String> {
        let Ok(entries) = std::fs::read_dir(self.path("checkpoints")) else { return Vec::new() };
        let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.retain(|name| name.starts_with("step-") && name.ends_with(".safetensors"));
        names.sort();
        names
    }

    pub fn last_checkpoint(&self) -> PathBuf {
        self.path("checkpoints").join(self.checkpoints().pop().expect("a checkpoint"))
    }

    /// Everything a run computes and nothing that depends on the clock.
    pub fn bits(&self) -> Bits {
        let last = self.last_checkpoint();
        let metrics = read_metrics(&self.path("metrics.jsonl")).unwrap().into_iter();
        let mut metrics: Vec<_> = metrics
            .filter(|line| !line.tag.ends_with("time_us_per_example"))
            .map(|line| (line.step, line.tag, line.value.to_bits()))
            .collect();
        metrics.sort();
        Bits {
            checkpoint_name: last.file_name().unwrap().to_owned().into_string().unwrap(),
            checkpoint: std::fs::read(&last).unwrap(),
            best: std::fs::read(self.path("checkpoints/best.safetensors")).ok(),
            results: without_times(self.json("results.json")),
            metrics,
        }
    }

    /// Every event file below the folder.
    pub fn event_files(&self) -> Vec<PathBuf> {
        let mut found = Vec::new();
        walk(&self.0, &mut |path| {
            if path.file_name().unwrap().to_string_lossy().contains("tfevents") {
                found.push(path.to_path_buf());
            }
        });
        found.sort();
        found
    }
}

/// What two equal runs have in common.
#[derive(PartialEq)]
pub struct Bits {
    checkpoint_name: String,
    checkpoint: Vec<u8>,
    best: Option<Vec<u8>>,
    results: Value,
    pub metrics: Vec<(u64, String, u64)>,
}

/// Says which part differs: the parts themselves are long.
pub fn assert_same_bits(one: &RunDir, other: &RunDir) {
    let (a, b) = (one.bits(), other.bits());
    assert_eq!(a.checkpoint_name, b.checkpoint_name);
    assert!(a.checkpoint == b.checkpoint, "the last checkpoints differ");
    assert!(a.best == b.best, "the best checkpoints differ");
    assert_eq!(a.results, b.results);
    let difference = a.metrics.iter().zip(&b.metrics).find(|(a, b)| a != b);
    assert_eq!(difference, None, "the metrics differ");
    assert_eq!(a.metrics.len(), b.metrics.len());
}

pub fn without_times(mut value: Value) -> Value {
    match &mut value {
        Value::Object(fields) => {
            fields.remove("time_us_per_example");
            fields.values_mut().for_each(|field| *field = without_times(field.take()));
        }
        Value::Array(items) => items.iter_mut().for_each(|item| *item = without_times(item.take())),
        _ => {}
    }
    value
}

pub fn walk(folder: &Path, visit: &mut impl FnMut(&Path)) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { walk(&path, visit) } else { visit(&path) }
    }
}

/// Says that a law was not tried, past the capture of what tests print.
pub fn skipped(reason: &str) {
    std::io::stderr().write_all(format!("\nSKIPPED: {reason}\n\n").as_bytes()).unwrap();
}
