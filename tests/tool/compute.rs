//! Laws of `kernels` and `device`: what computes is chosen once, recorded, and changes no more than rounding.

use crate::bench::{Bench, RunDir, TINY, assert_same_bits};
use crate::resume::{LONG, killed};
use dbm::experiment::Error;
use dbm::experiment::config::Kernels;
use dbm::math::kernels::{Level, choose, chosen};

/// Layers that do not fill the registers, many chains, annealing: every kernel at work.
fn wide() -> Bench {
    let annealing = "{ ais = { temperatures = 20, chains = 64 } }";
    let text = TINY
        .replace("[6, 4]", "[40, 21]")
        .replace("height = 3, width = 3", "height = 6, width = 6, examples = 60")
        .replace("batch_size = 5", "batch_size = 20")
        .replace("chains = 7", "chains = 30")
        .replace(", \"exact\"", "")
        .replace("[log]", &format!("log_partition = {annealing}\nfinal_log_partition = {annealing}\n[log]"));
    Bench::with(&text)
}

/// Words of the levels that this processor has; says which it lacks.
fn levels() -> Vec<&'static str> {
    let (there, lacking): (Vec<_>, Vec<_>) = [Kernels::Avx2, Kernels::Avx512]
        .into_iter()
        .partition(|kernels| kernels.lacking(Level::is_available).is_none());
    lacking.iter().for_each(|kernels| eprintln!("not tested, this processor lacks it: {}", kernels.word()));
    there.into_iter().map(Kernels::word).collect()
}

fn recorded(run: &RunDir) -> String {
    run.json("run.json")["kernels"].as_str().unwrap().to_string()
}

#[test]
fn kernels_of_every_level_give_the_same_bits() {
    let bench = wide();
    let fastest = bench.run("");
    assert_eq!(recorded(&fastest), Kernels::of(Level::fastest()).word());
    for level in levels() {
        let run = bench.run(&format!("kernels={level}"));
        assert_eq!(recorded(&run), level);
        assert_same_bits(&fastest, &run);
    }
}

#[test]
fn results_without_kernels_differ_by_rounding_only() {
    let bench = wide();
    let run = bench.run("");
    let judged = |kernels: &str| {
        let words = "--log-partition ais --temperatures 50 --chains 20 --scheme mean-field --scheme network --json";
        let results = bench.json(&format!("eval {} {words} --kernels {kernels}", run.show()));
        let schemes = results["schemes"].as_array().unwrap();
        schemes.iter().map(|scheme| scheme["elbo_nats_mean"].as_f64().unwrap()).collect::<Vec<_>>()
    };
    let (with, without) = (judged("auto"), judged("off"));
    assert!(Level::fastest().is_none() || with != without, "the kernels served though they were off");
    assert!(with.iter().zip(&without).all(|(a, b)| (a - b).abs() < 1e-3), "{with:?} {without:?}");
    assert_eq!(recorded(&bench.run("kernels=off")), "off");
    assert_eq!(recorded(&bench.run("dtype=f64")), "off");
}

#[test]
fn a_run_goes_on_with_other_kernels_and_keeps_its_bits() {
    let bench = Bench::with(TINY);
    let Some(level) = levels().first().copied() else { return };
    let whole = bench.run(LONG);
    let broken = killed(&bench, LONG, 40);
    bench.ok(&format!("resume {} --quiet --kernels {level} --device cpu", broken.show()));
    assert_same_bits(&whole, &broken);
    assert_eq!(broken.json("run.json")["resumed"][0]["kernels"], level);
}

#[test]
fn the_kernels_of_a_process_are_chosen_once() {
    let there = chosen();
    let other = if there.is_none() { Some(Level::Portable) } else { None };
    assert_eq!((choose(there), choose(other), chosen()), (Ok(()), Err(there), there));
}

#[test]
fn a_level_that_the_processor_lacks_is_refused_and_no_other() {
    let only = |there: Level| move |level: Level| level == there;
    assert!(Kernels::Avx512.lacking(only(Level::Avx2)).unwrap().contains("avx512, which this processor does not have"));
    assert!(Kernels::Avx2.lacking(only(Level::Portable)).unwrap().contains("avx2, which this processor"));
    assert_eq!(Kernels::Avx2.lacking(only(Level::Avx2)), None);
    for kernels in [Kernels::Auto, Kernels::Off] {
        assert_eq!(kernels.lacking(|_| false), None);
    }
    // What the processor at hand says of itself.
    let bench = Bench::with(TINY);
    for kernels in [Kernels::Avx2, Kernels::Avx512] {
        let code = if kernels.lacking(Level::is_available).is_some() { 2 } else { 0 };
        bench.code(&format!("config check tiny.toml kernels={}", kernels.word()), code);
    }
}

#[test]
fn a_word_for_no_kernels_is_refused_with_those_there_are() {
    let bench = Bench::with(TINY);
    let run = bench.run("").show();
    for words in [
        "run tiny.toml kernels=avx1024".to_string(),
        format!("resume {run} --kernels avx1024"),
        format!("eval {run} --kernels avx1024"),
        format!("sample {run} --kernels avx1024"),
        "bench --kernels avx1024".to_string(),
    ] {
        let message = bench.refusal(&words);
        assert!(message.starts_with("exit 2\n"), "{words}: {message}");
        for word in ["avx1024", "auto", "avx512", "avx2", "off"] {
            assert!(message.contains(word), "{words} does not name {word}: {message}");
        }
    }
}

#[test]
fn a_gpu_that_cannot_be_used_is_refused_with_what_to_do() {
    let bench = Bench::with(TINY);
    let run = bench.run("").show();
    if dbm::math::Device::new_cuda(0).is_ok() {
        return eprintln!("not tested: there is a GPU");
    }
    let commands = ["eval", "sample"].map(|command| format!("{command} {run} --device cuda"));
    for words in commands.into_iter().chain(["run tiny.toml device=cuda".into(), "bench --device cuda".into()]) {
        let message = bench.refusal(&words);
        assert!(message.starts_with("exit 2\n"), "{words}: {message}");
        let (problem, remedy) = if cfg!(feature = "cuda") {
            ("no CUDA device can be used", "a machine with an NVIDIA GPU")
        } else {
            (
                "device is cuda, but this program was built without it",
                "build with: cargo build --release --features cuda",
            )
        };
        assert!(message.contains(problem) && message.contains(remedy), "{words}: {message}");
        assert!(message.contains("cpu"), "{words}: {message}");
    }
    assert_eq!(bench.runs().len(), 1);
}

#[cfg(feature = "cuda")]
#[test]
fn a_run_on_a_gpu_is_that_on_the_processor_up_to_rounding_and_goes_on_anywhere() {
    if dbm::math::Device::new_cuda(0).is_err() {
        return eprintln!("not tested: there is no GPU");
    }
    let bench = Bench::with(TINY);
    let elbos = |results: serde_json::Value| -> Vec<f64> {
        let schemes = results["schemes"].as_array().unwrap();
        schemes.iter().map(|scheme| scheme["elbo_nats_mean"].as_f64().unwrap()).collect()
    };
    let agree = |one: Vec<f64>, other: Vec<f64>| {
        assert!(one.iter().zip(&other).all(|(one, other)| (one - other).abs() < 1e-3), "{one:?} {other:?}");
    };
    let [here, there] = ["device=cpu", "device=cuda"].map(|device| bench.run(device));
    assert_eq!(there.json("run.json")["device"], "cuda");
    agree(elbos(here.json("results.json")), elbos(there.json("results.json")));
    let judged = |device: &str| elbos(bench.json(&format!("eval {} --json --device {device}", here.show())));
    agree(judged("cpu"), judged("cuda"));
    bench.ok(&format!("sample {} --device cuda --sweeps 20", there.show()));
    bench.ok("bench --device cuda --sizes 20,12,9 --batch 7 --seconds 0");
    let whole = bench.run(&format!("device=cuda {LONG}"));
    let broken = killed(&bench, &format!("device=cuda {LONG}"), 40);
    bench.ok(&format!("resume {} --quiet", broken.show()));
    assert_same_bits(&whole, &broken);
    let moved = killed(&bench, &format!("device=cuda {LONG}"), 40);
    bench.ok(&format!("resume {} --quiet --device cpu", moved.show()));
    assert_eq!(moved.json("run.json")["resumed"][0]["device"], "cpu");
}

#[test]
fn a_gpu_that_is_full_is_no_fault_to_report() {
    let full = Error::Compute { problem: "DriverError(CUDA_ERROR_OUT_OF_MEMORY, \"out of memory\")".into() };
    assert!(full.remedy().unwrap().starts_with("the GPU has too little memory"));
    let fault = Error::Compute { problem: "shape mismatch".into() };
    assert!(fault.remedy().unwrap().starts_with("please report"));
}

#[test]
fn what_is_timed_says_where_and_by_which_kernels() {
    let bench = Bench::new();
    for kernels in levels().into_iter().chain(["off"]) {
        let words = format!("bench --task G --sizes 20,12,9 --batch 7 --seconds 0 --kernels {kernels}");
        let rates = bench.json(&format!("{words} --json"));
        assert_eq!((&rates[0]["device"], &rates[0]["kernels"]), (&"cpu".into(), &kernels.into()));
        assert!(bench.ok(&words).contains(&format!("device: cpu, kernels: {kernels}\n")), "{kernels}");
    }
    // The product is the tensor library's own, whatever the kernels.
    let words = "bench --task P --sizes 20,12,9 --batch 7 --seconds 0";
    assert_eq!(bench.json(&format!("{words} --json"))[0]["kernels"], "off");
    assert!(bench.ok(words).contains("device: cpu, kernels: off\n"));
}

#[test]
fn kernels_that_serve_nothing_are_not_asked_for_in_silence() {
    let bench = Bench::with(TINY);
    let said = |words: &str| String::from_utf8(bench.code(words, 0).get_output().stderr.clone()).unwrap();
    let note = "changes nothing: kernels compute in f32 on the processor, and dtype is f64";
    for level in levels() {
        for command in ["run", "config check", "config show"] {
            let words = format!("{command} tiny.toml kernels={level}");
            assert!(said(&format!("{words} dtype=f64")).contains(note), "{words}");
            assert!(!said(&words).contains("changes nothing"), "{words}");
        }
    }
    for kernels in ["auto", "off"] {
        assert!(!said(&format!("config check tiny.toml dtype=f64 kernels={kernels}")).contains("changes nothing"));
    }
}

#[test]
fn a_finished_run_is_not_moved_in_silence() {
    let bench = Bench::with(TINY);
    let run = bench.run("").show();
    let said = |words: &str| {
        let words = format!("resume {run} {words}");
        String::from_utf8(bench.code(&words, 0).get_output().stderr.clone()).unwrap()
    };
    let note = "nothing is left to compute, so device=cuda and kernels=off changes nothing";
    assert!(said("--kernels off --device cuda").contains(note));
    assert!(!said("").contains("changes nothing"));
}
