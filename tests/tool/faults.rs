//! Laws of what goes wrong: every fault has a message, a remedy and an exit code, and never a panic.

use crate::bench::{Bench, RunDir, TINY, assert_same_bits, calm};
use crate::by_hand::Machine;
use candle_core::{DType, Device, Tensor};
use dbm::experiment::model_file::to_bytes;
use dbm::experiment::observe::{Ended, Logged, LoggedValue, read_events};
use std::fmt::Write;

type Tensors = Vec<(String, Tensor)>;

/// A bench with a model and data that fit.
fn bench() -> Bench {
    let bench = Bench::with(TINY);
    bench.write("model.safetensors", Machine::random(&[4, 3, 2], 1.0, 1).file());
    bench.write("data.amat", "0 1 0 1\n1 1 0 0\n");
    bench
}

/// A model file with something wrong.
fn damaged(change: impl Fn(&mut Tensors)) -> Vec<u8> {
    let mut tensors = Machine::random(&[4, 3, 2], 1.0, 1).tensors();
    change(&mut tensors);
    to_bytes(&tensors, None).unwrap()
}

fn replace(name: &'static str, tensor: Tensor) -> impl Fn(&mut Tensors) {
    move |tensors| {
        tensors.retain(|(other, _)| other != name);
        tensors.push((name.into(), tensor.clone()));
    }
}

fn zeros(shape: &[usize], dtype: DType) -> Tensor {
    Tensor::zeros(shape, dtype, &Device::Cpu).unwrap()
}

fn table(bench: &Bench, words: impl IntoIterator<Item = &'static str>) -> String {
    words.into_iter().fold(String::new(), |mut all, words| {
        write!(all, "$ dbm {words}\n{}\n", bench.refusal(words)).unwrap();
        all
    })
}

#[test]
fn a_bad_model_gets_a_message() {
    let bench = bench();
    let whole = Machine::random(&[4, 3, 2], 1.0, 1).file();
    bench.write("empty.safetensors", []);
    bench.write("text.safetensors", "once upon a time, there was no model in here");
    bench.write("header.safetensors", &whole[..40]);
    bench.write("truncated.safetensors", &whole[..whole.len() - 9]);
    let nan = Tensor::new(vec![0.0, f64::NAN, 0.0], &Device::Cpu).unwrap();
    let cases: [(&str, Vec<u8>); 12] = [
        ("missing-bias", damaged(|tensors| tensors.retain(|(name, _)| name != "bias.1"))),
        ("missing-weight", damaged(|tensors| tensors.retain(|(name, _)| name != "layers.0.weight"))),
        ("missing-top", damaged(|tensors| tensors.retain(|(name, _)| name != "layers.1.weight"))),
        ("missing-recognition", damaged(|tensors| tensors.retain(|(name, _)| name != "recognition.1.bias"))),
        ("wrong-shape", damaged(replace("layers.1.weight", zeros(&[2, 3], DType::F64)))),
        ("wrong-bias", damaged(replace("bias.2", zeros(&[3], DType::F64)))),
        ("wrong-rank", damaged(replace("bias.0", zeros(&[1, 4], DType::F64)))),
        ("no-units", damaged(replace("bias.2", zeros(&[0], DType::F64)))),
        ("not-a-number", damaged(replace("bias.1", nan))),
        ("integers", damaged(replace("layers.0.weight", zeros(&[4, 3], DType::U32)))),
        ("extra-recognition", damaged(replace("recognition.2.weight", zeros(&[2, 2], DType::F64)))),
        ("wrong-recognition", damaged(replace("recognition.1.weight", zeros(&[3, 3], DType::F64)))),
    ];
    let mut all = table(
        &bench,
        [
            "eval nowhere.safetensors --data data.amat",
            "eval . --data data.amat",
            "eval empty.safetensors --data data.amat",
            "eval text.safetensors --data data.amat",
            "eval header.safetensors --data data.amat",
            "eval truncated.safetensors --data data.amat",
        ],
    );
    for (name, bytes) in cases {
        bench.write(&format!("{name}.safetensors"), bytes);
        let words = format!("eval {name}.safetensors --data data.amat");
        write!(all, "$ dbm {words}\n{}\n", bench.refusal(&words)).unwrap();
    }
    insta::assert_snapshot!(all);
}

#[test]
fn a_bad_request_gets_a_message() {
    let bench = bench();
    let large = Machine::random(&[40, 30, 30], 0.1, 2);
    bench.write("large.safetensors", large.file());
    bench.write("large.amat", (0..40).map(|unit| format!("{} ", unit % 2)).collect::<String>());
    let plain = damaged(|tensors| tensors.retain(|(name, _)| !name.starts_with("recognition")));
    bench.write("plain.safetensors", plain);
    bench.write("wide.amat", "0 1 0 1 1\n");
    bench.write("none.amat", "");
    let all = table(
        &bench,
        [
            "eval model.safetensors",
            "eval model.safetensors --data nowhere.npy",
            "eval model.safetensors --data .",
            "eval model.safetensors --data wide.amat",
            "eval model.safetensors --data none.amat",
            "eval model.safetensors --data data.amat --array pixels",
            "eval model.safetensors --binarize threshold",
            "eval model.safetensors --data data.amat --per-example",
            "eval large.safetensors --data large.amat --scheme exact",
            "eval large.safetensors --data large.amat --log-partition exact",
            "eval plain.safetensors --data data.amat --scheme network",
            "eval plain.safetensors --data data.amat --scheme mean-field:start=network",
            "eval model.safetensors --data data.amat --scheme nonsense",
            "eval model.safetensors --data data.amat --scheme network+x",
            "eval model.safetensors --data data.amat --scheme mean-field:sweps=3",
            "eval model.safetensors --data data.amat --scheme mean-field:damping=2",
            "eval model.safetensors --data data.amat --scheme mean-field:max-sweeps=0",
            "eval model.safetensors --data data.amat --scheme mean-field:tolerance=-1",
            "eval model.safetensors --data data.amat --scheme gibbs:sweeps=0",
            "eval model.safetensors --data data.amat --scheme network --scheme gibbs --scheme network+0",
            "eval model.safetensors --data data.amat --temperatures 10 --max-bits 20",
            "eval model.safetensors --data data.amat --log-partition exact --chains 10",
            "eval model.safetensors --data data.amat --log-partition ais --max-bits 20",
            "eval model.safetensors --data data.amat --max-bits 31",
            "eval large.safetensors --data large.amat --max-bits 29",
            "eval model.safetensors --data data.amat --log-partition ais --temperatures 0",
            "eval model.safetensors --data data.amat --log-partition guess",
            "eval model.safetensors --data data.amat --examples 0",
            "eval model.safetensors --data data.amat --threads 0",
            "sample model.safetensors --count 0",
            "sample model.safetensors --out picture.gif",
            "sample model.safetensors --out nowhere/picture.png",
            "sample model.safetensors --out nowhere/numbers.npy",
            "sample model.safetensors --shape 3x3",
            "sample model.safetensors --shape three",
            "sample nowhere",
            "compare nowhere",
            "config check nowhere.toml",
            "run tiny.toml train.learnign_rate=1",
            "run data.amat",
            "run .",
            "config check .",
            "runs --runs tiny.toml",
            "tensorboard tiny.toml",
            "frobnicate",
        ],
    );
    insta::assert_snapshot!(all);
    assert!(!bench.path("runs").exists(), "a refused run leaves nothing behind");
}

#[test]
fn a_place_that_cannot_be_written_gets_a_message() {
    let bench = bench();
    // Not even root writes here.
    let message = bench.refusal("run tiny.toml --runs /proc/runs");
    assert!(
        message.starts_with("exit 6\n") && message.contains("error: cannot create the folder /proc/runs"),
        "{message}"
    );
}

#[test]
fn a_refused_machine_leaves_no_run_folder_behind() {
    let bench = bench();
    let message = bench.refusal("run tiny.toml model.weight_std=1e308 --quiet");
    assert!(message.starts_with("exit 2\nerror: the run would begin with layers.0.weight holding "), "{message}");
    assert!(message.contains("help: set model.weight_std lower"), "{message}");
    assert!(!bench.path("runs").exists());
}

#[test]
fn divergence_names_the_step_and_the_measure_and_spares_the_last_good_checkpoint() {
    let bench = bench();
    for changes in ["", "checkpoint.every_epochs=0 checkpoint.every_steps=1 checkpoint.keep=1 log.every_steps=1000"] {
        let words = format!("run tiny.toml train.learning_rate=1e30 train.epochs=40 --quiet {changes}");
        let message = bench.refusal(&words);
        assert!(message.starts_with("exit 5\nerror: training diverged at step "), "{message}");
        assert!(message.contains("help: start a new run with a lower learning rate"), "{message}");
        let run = bench.newest();
        let provenance = run.json("run.json");
        assert_eq!(provenance["status"], "failed");
        assert!(provenance["error"].as_str().unwrap().starts_with("training diverged at step "));
        assert_eq!(ends(&run), [Ended::Failed]);
        let saved = dbm::experiment::checkpoint::read(&run.last_checkpoint(), &Device::Cpu).unwrap();
        assert!(saved.position.step < provenance["steps"].as_u64().unwrap());
        let listed = bench.json("runs --json");
        assert!(listed.as_array().unwrap().iter().any(|row| row["status"] == "failed"));
    }
}

/// Runs with no file larger than so many kibibytes: what lies beyond cannot be written, as on a full disk.
fn with_little_space(bench: &Bench, kibibytes: u32, words: &str) -> String {
    let program = env!("CARGO_BIN_EXE_dbm");
    let script = format!("ulimit -f {kibibytes}; trap '' XFSZ; exec {program} {words}");
    let mut shell = std::process::Command::new("bash");
    shell.current_dir(bench.path("")).env("RUST_BACKTRACE", "1").args(["-c", &script]);
    let output = calm(shell.output().unwrap());
    format!("exit {}\n{}", output.status.code().unwrap(), String::from_utf8_lossy(&output.stderr))
}

#[test]
fn a_full_disk_is_a_message_and_the_run_goes_on_once_there_is_space() {
    let bench = Bench::with(TINY);
    let changes = "train.epochs=60 log.every_steps=1";
    let whole = bench.run(changes);
    // Checkpoints fit, the growing logs do not.
    let largest = std::fs::metadata(whole.last_checkpoint()).unwrap().len();
    let logs = std::fs::metadata(whole.path("metrics.jsonl")).unwrap().len();
    assert!(logs > 2 * largest, "{logs} bytes of metrics, {largest} of a checkpoint");
    let space = u32::try_from(largest.div_ceil(1024)).unwrap() + 20;
    let message = with_little_space(&bench, space, &format!("run tiny.toml --quiet {changes}"));
    assert!(message.starts_with("exit 6\nerror: cannot "), "{message}");
    let broken = bench.newest();
    let name = broken.0.file_name().unwrap().to_string_lossy().into_owned();
    assert!(message.contains(&format!("; then continue with: dbm resume runs/{name}\n")), "{message}");
    assert_eq!(broken.json("run.json")["status"], "failed");
    let listed = bench.ok("runs");
    let words = format!("; once that is mended, continue it with: dbm resume runs/{name}");
    assert!(listed.contains("is failed: cannot ") && listed.contains(&words), "{listed}");
    for name in broken.checkpoints() {
        dbm::experiment::checkpoint::read(&broken.path("checkpoints").join(name), &Device::Cpu).unwrap();
    }
    bench.ok(&format!("resume {} --quiet", broken.show()));
    assert_same_bits(&whole, &broken);
}

/// How the run ended, as its event files tell.
fn ends(run: &RunDir) -> Vec<Ended> {
    let events = run.event_files().into_iter().flat_map(|file| read_events(&file).unwrap().events);
    let values = events.flat_map(|event| if let Logged::Values(values) = event.logged { values } else { Vec::new() });
    values.filter_map(|(_, value)| if let LoggedValue::End(ended) = value { Some(ended) } else { None }).collect()
}

#[test]
fn a_checkpoint_that_does_not_fit_leaves_the_ones_before() {
    let bench = Bench::with(&TINY.replace("[6, 4]", "[60, 40]").replace(", \"exact\"", ""));
    let changes = "log.images_every_epochs=0 log.histograms_every_epochs=0 checkpoint.keep=100 checkpoint.best=false";
    let whole = bench.run(changes);
    let size = |name: &String| std::fs::metadata(whole.path("checkpoints").join(name)).unwrap().len();
    let names = whole.checkpoints();
    // Joint training has more to save than pre-training.
    let (first, last) = (size(&names[0]), size(&names[names.len() - 1]));
    let space = u32::try_from((first + last) / 2 / 1024).unwrap();
    let message = with_little_space(&bench, space, &format!("run tiny.toml --quiet {changes}"));
    assert!(message.starts_with("exit 6\nerror: cannot write ") && message.contains("/checkpoints/step-"), "{message}");
    let broken = bench.newest();
    assert!(!broken.checkpoints().is_empty() && broken.checkpoints().len() < names.len());
    for entry in std::fs::read_dir(broken.path("checkpoints")).unwrap() {
        dbm::experiment::checkpoint::read(&entry.unwrap().path(), &Device::Cpu).unwrap();
    }
    assert_eq!(ends(&broken), [], "TensorBoard believes the first end it reads");
    bench.ok(&format!("resume {} --quiet", broken.show()));
    assert_same_bits(&whole, &broken);
    assert_eq!(ends(&broken), [Ended::Finished]);
}

#[test]
fn samples_that_do_not_fit_leave_the_file_that_was_there() {
    let bench = bench();
    for out in ["old.npy", "old.png"] {
        bench.write(out, "what was there");
        let message =
            with_little_space(&bench, 4, &format!("sample model.safetensors --count 2000 --sweeps 1 --out {out}"));
        assert!(message.starts_with(&format!("exit 6\nerror: cannot write {out}")), "{message}");
        assert_eq!(std::fs::read(bench.path(out)).unwrap(), b"what was there");
    }
    let left = std::fs::read_dir(bench.path("")).unwrap().count();
    assert_eq!(left, 5, "the experiment, the model, the data and the two old files");
}

#[test]
fn a_damaged_run_folder_gets_a_message() {
    let bench = bench();
    let run = bench.run("");
    let again = |name: &str, bytes: &[u8]| {
        let original = run.read(name);
        std::fs::write(run.path(name), bytes).unwrap();
        let messages =
            [format!("resume {}", run.show()), format!("compare {}", run.show())].map(|words| bench.refusal(&words));
        std::fs::write(run.path(name), original).unwrap();
        messages
    };
    for message in again("run.json", b"{") {
        assert!(message.starts_with("exit 4\n") && message.contains("run.json: cannot be read"), "{message}");
    }
    for message in again("results.json", b"{}") {
        assert!(message.starts_with("exit 4\n") && message.contains("results.json: cannot be read"), "{message}");
    }
    let eval = |run: &RunDir| bench.refusal(&format!("eval {}", run.show()));
    for name in run.checkpoints() {
        std::fs::write(run.path("checkpoints").join(name), b"torn").unwrap();
    }
    let message = eval(&run);
    assert!(message.starts_with("exit 4\n") && message.contains("none of the 3 checkpoints can be read"), "{message}");
}
