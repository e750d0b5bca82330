//! Laws of log Z as users ask for it: on machines trained hard by CD-1 it is found from the data's rates, and warned of from others.

use crate::bench::{Bench, RunDir, TINY, skipped};
use crate::by_hand::{Machine, scatter};
use crate::eval::npy;
use dbm::experiment::observe::read_metrics;
use serde_json::Value;
use std::path::PathBuf;

const HARD: &str = r#"
name = "hard"
seed = 1

[data]
source = "digits"
binarize = { threshold = 0.5 }

[model]
hidden = [12]

[pretrain]
epochs = 30
learning_rate = 0.1
momentum = 0.9

[evaluate]
every_epochs = 0
schemes = ["exact"]
"#;

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or_else(|| panic!("{value} is no number"))
}

fn all(results: &Value, what: &str) -> String {
    results[what].as_array().map_or(String::new(), |texts| texts.iter().map(|text| format!("{text}\n")).collect())
}

/// log Z of a run by every method, with so many temperatures, against the sum over all states.
fn every_method_is_right_or_says_so(bench: &Bench, run: &RunDir, temperatures: usize, examples: usize) {
    let ask = |options: &str| {
        let words = format!("eval {} --scheme mean-field --examples {examples} --json", run.show());
        bench.json(&format!("{words} {options}"))
    };
    let exact = number(&ask("--log-partition exact")["log_partition"]["nats"]);
    let away = |results: &Value| number(&results["log_partition"]["nats"]) - exact;

    let data = ask(&format!("--log-partition ais --temperatures {temperatures}"));
    assert!(away(&data).abs() < 0.3, "from the data's rates {} of {exact}", data["log_partition"]);
    assert_eq!(data["warnings"], Value::Array(vec![]), "{data}");

    let active = ask(&format!("--base activity --temperatures {temperatures}"));
    assert!(away(&active).abs() < 0.3 && !all(&active, "warnings").contains("activity"), "{active}");
    let uniform = ask(&format!("--base uniform --temperatures {temperatures}"));
    assert!(all(&uniform, "warnings").contains("`uniform` are"), "{uniform}");
    eprintln!("exact {exact:.3}; data {:+.3}, uniform {:+.3} nats away", away(&data), away(&uniform));

    let sandwich = ask(&format!("--log-partition sandwich --temperatures {temperatures}"));
    let of = |field: &str| number(&sandwich["log_partition"][field]);
    let ends = [of("stochastic_lower_bound"), of("stochastic_upper_bound")];
    let held = ends[0] < exact + 0.1 && ends[1] > exact - 0.1;
    let wide = all(&sandwich, "warnings").contains("the width of its sandwich");
    assert!(held && wide == (of("width") > 1.0), "{exact} and {sandwich}");
    assert_eq!([of("lower"), of("upper"), of("width")], [ends[0], ends[1], ends[1] - ends[0]]);
    assert_eq!(sandwich["log_partition"]["samples"], "exact");
    assert_eq!(sandwich["log_partition"]["upper_guarantee"], "stochastic_upper_bound");

    let reverse = ask(&format!("--log-partition reverse --temperatures {temperatures}"));
    let warned = all(&reverse, "warnings").contains("reverse chains");
    assert!(away(&reverse).abs() < 0.5 || warned, "{exact} and {reverse}");
    assert!(number(&reverse["log_partition"]["stochastic_upper_bound"]) > exact - 0.1, "{exact} and {reverse}");

    // RAISE measures the annealing run: where that is not the machine yet, it says so.
    let raise = ask("--log-partition raise --temperatures 500 --chains 20 --raise-examples 5");
    let warned = all(&raise, "warnings").contains("This log Z is wrong");
    assert!(warned || (-1.0..5.0).contains(&away(&raise)), "{exact} and {}", raise["log_partition"]);
    assert_eq!(raise["log_partition"]["error"], Value::Null);
    assert_eq!(raise["log_partition"]["raise"]["examples"], 5);
    assert_eq!(raise["log_partition"]["raise"]["guarantee"], "stochastic_lower_bound");
}

#[test]
fn a_machine_trained_hard_on_digits_is_measured_right_or_warned_of() {
    let bench = Bench::with(HARD);
    let run = bench.run("");
    every_method_is_right_or_says_so(&bench, &run, 3000, 50);
    // For people: both ends, and what they promise.
    let text = bench.ok(&format!("eval {} --scheme exact --log-partition sandwich --temperatures 50", run.show()));
    assert!(text.contains("lower bound on average") && text.contains("upper bound on average"), "{text}");
    assert!(text.contains("exact samples of the machine"), "{text}");
}

/// The same on MNIST with 784-15, where the data are at hand.
#[test]
fn a_machine_trained_on_mnist_is_measured_right_or_warned_of() {
    let file = |name: &str| {
        let folder = PathBuf::from(std::env::var_os("DBM_DATA")?).join("mnist");
        [format!("{name}.gz"), name.to_string()].iter().map(|name| folder.join(name)).find(|file| file.exists())
    };
    let (Some(train), Some(test)) = (file("train-images-idx3-ubyte"), file("t10k-images-idx3-ubyte")) else {
        skipped("no 784-15 machine is measured: no MNIST in the folder that DBM_DATA names");
        return;
    };
    let files = format!("source = {{ files = {{ train = {train:?}, test = {test:?} }} }}");
    let hard = HARD.replace("source = \"digits\"", &files).replace("hidden = [12]", "hidden = [15]");
    let bench = Bench::with(&hard.replace("epochs = 30", "epochs = 2"));
    every_method_is_right_or_says_so(&bench, &bench.run("pretrain.learning_rate=0.05"), 10_000, 50);
}

#[test]
fn options_of_one_way_are_refused_beside_another() {
    let bench = Bench::new();
    bench.write("model.safetensors", Machine::random(&[5, 3], 1.0, 1).file());
    bench.write("data.npy", npy(&[vec![0.0; 5], vec![1.0; 5]]));
    let refusal = |options: &str| bench.refusal(&format!("eval model.safetensors --data data.npy {options}"));
    for (options, message) in [
        ("--sweeps 5", "--sweeps is read by --log-partition reverse or sandwich alone"),
        ("--log-partition ais --raise-examples 5", "--raise-examples is read by --log-partition raise alone"),
        ("--log-partition reverse --widest 1", "--widest is read by --log-partition sandwich alone"),
        ("--base uniform --max-bits 5", "--base does not go with --max-bits"),
        ("--log-partition sandwich --max-bits 5", "--max-bits does not go with --log-partition sandwich"),
        ("--log-partition exact --base data", "--base does not go with --log-partition exact"),
    ] {
        let text = refusal(options);
        assert!(text.starts_with("exit 2") && text.contains(message), "{options}: {text}");
    }
    let said = bench.json("eval model.safetensors --data data.npy --log-partition ais --json");
    assert!(all(&said, "cautions").contains("no training examples are at hand"), "{said}");
}

/// Chains too many to enumerate begin at the examples, and the table says what that is worth.
#[test]
fn a_large_machine_is_sandwiched_from_chains_and_says_so() {
    let bench = Bench::new();
    let machine = Machine::random(&[24, 20, 6], 0.2, 5);
    let mut draw = scatter(7);
    let rows: Vec<Vec<f64>> = (0..30).map(|_| (0..24).map(|_| f64::from(draw() > 0.0)).collect()).collect();
    bench.write("model.safetensors", machine.file());
    bench.write("data.npy", npy(&rows));
    let words = "eval model.safetensors --data data.npy --scheme mean-field --log-partition sandwich --temperatures 300 --sweeps 55";
    let found = bench.json(&format!("{words} --json"));
    assert_eq!(found["log_partition"]["samples"], "chains of 55 sweeps");
    assert_eq!(found["log_partition"]["upper_guarantee"], "approximation");
    assert!(all(&found, "cautions").contains("Gibbs chains of 55 sweeps"), "{found}");
    let exact = bench.json("eval model.safetensors --data data.npy --scheme mean-field --log-partition exact --json");
    let exact = number(&exact["log_partition"]["nats"]);
    let of = |field: &str| number(&found["log_partition"][field]);
    assert!(of("lower") < exact + 0.05 && of("upper") > exact - 0.05 && of("width") < 0.5, "{exact}: {found}");
    assert!(bench.ok(words).contains("only as good as these samples"));
    // Told as loudly as the width asks for.
    let narrow = bench.json(&format!("{words} --widest 0 --json"));
    assert!(all(&narrow, "warnings").contains("0 was asked for"), "{narrow}");
}

#[test]
fn samples_of_q_estimate_what_the_bound_misses() {
    for sizes in [&[6, 5][..], &[6, 4, 4], &[5, 4, 3, 3]] {
        let machine = Machine::random(sizes, 1.5, 8);
        let mut draw = scatter(9);
        let rows: Vec<Vec<f64>> = (0..6).map(|_| (0..sizes[0]).map(|_| f64::from(draw() > 0.0)).collect()).collect();
        let bench = Bench::new();
        bench.write("model.safetensors", machine.file());
        bench.write("data.npy", npy(&rows));
        let schemes = [
            "importance:particles=2000",
            "importance:particles=2000,proposal=network",
            "ais:temperatures=100,chains=50",
        ];
        let asked: String = schemes.iter().map(|scheme| format!(" --scheme {scheme}")).collect();
        let found = bench.json(&format!("eval model.safetensors --data data.npy --json --per-example {asked}"));
        for (scheme, row) in schemes.iter().zip(found["schemes"].as_array().unwrap()) {
            assert_eq!(row["name"], *scheme);
            assert_eq!(row["elbo_guarantee"], "stochastic_lower_bound");
            for (v, nats) in rows.iter().zip(row["per_example"]["elbo_nats"].as_array().unwrap()) {
                let exact = machine.log_evidence(v) - machine.log_partition();
                assert!((number(nats) - exact).abs() < 0.25, "{sizes:?} {scheme}: {nats} of {exact}");
            }
            let effective = row["per_example"]["effective_samples"].as_array().unwrap();
            let mean = effective.iter().map(number).sum::<f64>() / effective.len() as f64;
            assert!((mean - number(&row["effective_samples_mean"])).abs() < 1e-9 && mean >= 1.0);
        }
    }
}

#[test]
fn a_run_keeps_both_ends() {
    let bench = Bench::with(TINY);
    let way = "{sandwich={temperatures=50,chains=20,widest=9.0}}";
    let run = bench.run(&format!("evaluate.final_log_partition={way} evaluate.log_partition={{raise={{examples=3}}}}"));
    let found = run.json("results.json")["log_partition"].clone();
    assert_eq!(found["method"], "sandwich");
    let lines = read_metrics(&run.path("metrics.jsonl")).unwrap();
    for end in ["lower", "upper", "width"] {
        let tag = format!("final/log_partition_{end}_nats");
        let logged = lines.iter().find(|line| line.tag == tag).map(|line| line.value);
        assert_eq!(logged, found[end].as_f64(), "{tag}");
    }
    // Equal requests, equal bits.
    let again =
        bench.json(&format!("eval {} --json --log-partition sandwich --temperatures 50 --chains 20", run.show()));
    let once_more = bench.json(&format!(
        "eval {} --json --log-partition sandwich --temperatures 50 --chains 20 --threads 1",
        run.show()
    ));
    assert_eq!(again["log_partition"], once_more["log_partition"]);
    for (change, message) in [
        ("evaluate.log_partition={sandwich={sweeps=0}}", "evaluate.log_partition.sandwich.sweeps"),
        ("evaluate.log_partition={raise={examples=0}}", "evaluate.log_partition.raise.examples"),
        ("evaluate.log_partition={reverse={chains=1}}", "gives no error bar"),
        ("evaluate.log_partition={ais={base=\"guess\"}}", "allowed: data, activity, uniform, biases"),
    ] {
        let text = bench.refusal(&format!("run tiny.toml {change}"));
        assert!(text.starts_with("exit 2") && text.contains(message), "{change}: {text}");
    }
}
