//! Laws of the models beside the machine: each is trained, logged, saved, resumed and judged like it, and `dbm eval` reads the files
//! of others by the documented names.

use crate::bench::{Bench, RunDir, assert_same_bits};
use crate::eval::npy;
use candle_core::{Device, Tensor};
use dbm::experiment::model_file::to_bytes;
use serde_json::Value;
use std::path::Path;

const BINARY: &str = "{ bars_and_stripes = { height = 3, width = 3, examples = 60 } }";
const REAL: &str = "{ gaussian_clusters = { clusters = 3, dimensions = 4, examples = 60 } }";

/// Source, model, algorithm, schemes.
const MODELS: [[&str; 4]; 11] = [
    [
        BINARY,
        "belief_net = { hidden = [4, 3] }",
        "reweighted_wake_sleep = { particles = 3, recognition = 'both' }",
        "'network', 'importance:particles=5', 'exact'",
    ],
    [BINARY, "belief_net = { hidden = [4] }", "wake_sleep = {}", "'network'"],
    [BINARY, "vae = { latents = 2, hidden = [5] }", "reparameterized = {}", "'network', 'importance:particles=5'"],
    [REAL, "gaussian_mixture = { components = 2 }", "expectation_maximization = {}", "'exact'"],
    [BINARY, "bernoulli_mixture = { components = 3 }", "expectation_maximization = { gradient_steps = 3 }", "'exact'"],
    [REAL, "factor_analysis = { factors = 2 }", "expectation_maximization = {}", "'exact'"],
    [REAL, "probabilistic_pca = { factors = 2 }", "expectation_maximization = {}", "'exact'"],
    [
        REAL,
        "binary_sparse_coding = { hidden = 3 }",
        "expectation_maximization = { expectation = 'mean_field' }",
        "'exact', 'mean-field', 'map', 'icm'",
    ],
    [REAL, "sparse_coding = { atoms = 6 }", "dictionary_learning = {}", "'ista:iterations=5', 'fista'"],
    [REAL, "sparse_coding = { atoms = 6 }", "predictive_sparse_decomposition = {}", "'network', 'fista'"],
    [
        BINARY,
        "belief_net = { hidden = [4] }",
        "reweighted_wake_sleep = { particles = 1, recognition = 'sleep', optimizer = 'adam' }",
        "'network'",
    ],
];

fn experiment([source, model, algorithm, schemes]: [&str; 4]) -> String {
    format!(
        "name = 'tiny'\nseed = 3\ndata = {{ source = {source} }}\nmodel = {{ {model} }}\n\
         train = {{ epochs = 6, batch_size = 24, learning_rate = 0.01, algorithm = {{ {algorithm} }} }}\n\
         evaluate = {{ every_epochs = 2, schemes = [{schemes}] }}\nlog = {{ every_steps = 1, images_every_epochs = 3 }}\n\
         checkpoint = {{ every_steps = 1, keep = 1000 }}\n"
    )
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() { copy(&path, &target) } else { std::fs::copy(&path, &target).map(|_| ()).unwrap() }
    }
}

/// The run as it would be had it been killed in the middle.
fn cut_off(run: &RunDir) -> RunDir {
    let cut = RunDir(run.0.with_extension("cut"));
    copy(&run.0, &cut.0);
    let checkpoints = cut.checkpoints();
    for late in &checkpoints[checkpoints.len() / 2..] {
        std::fs::remove_file(cut.path("checkpoints").join(late)).unwrap();
    }
    std::fs::remove_file(cut.path("results.json")).unwrap();
    let mut provenance = cut.json("run.json");
    provenance["status"] = Value::from("running");
    std::fs::write(cut.path("run.json"), provenance.to_string()).unwrap();
    cut
}

#[test]
fn every_model_is_trained_judged_and_resumed_to_the_bit() {
    for model in MODELS {
        let bench = Bench::with(&experiment(model));
        let run = bench.run("");
        let schemes = run.json("results.json")["schemes"].as_array().unwrap().len();
        assert_eq!(schemes, model[3].split(", ").count(), "{model:?}");
        assert_eq!(std::fs::read_dir(run.path("schemes")).unwrap().count(), schemes, "{model:?}");
        let cut = cut_off(&run);
        bench.ok(&format!("resume {} --quiet", cut.show()));
        assert_same_bits(&run, &cut);
        // The table of a normalised model does not talk about log Z, and the file of the run can be judged again.
        let table = bench.ok(&format!("eval {}", run.show()));
        assert!(!table.contains("log Z"), "{table}");
    }
}

#[test]
fn em_ends_by_its_own_rule() {
    let stop = ["stop_elbo = 1e-6", "stop_parameters = 1e-3"];
    for stop in stop {
        let algorithm = format!("expectation_maximization = {{ {stop} }}");
        let bench = Bench::with(&experiment([REAL, "factor_analysis = { factors = 1 }", &algorithm, "'exact'"]));
        let run = bench.run("train.epochs=5000");
        let steps = run.json("run.json")["steps"].as_u64().unwrap();
        assert!((2..5000).contains(&steps), "{steps} iterations under {stop}");
        let cut = cut_off(&run);
        bench.ok(&format!("resume {} --quiet", cut.show()));
        assert_same_bits(&run, &cut);
    }
}

fn vector(values: &[f64]) -> Tensor {
    Tensor::new(values, &Device::Cpu).unwrap()
}

fn matrix(rows: &[Vec<f64>]) -> Tensor {
    Tensor::new(rows.to_vec(), &Device::Cpu).unwrap()
}

fn judged(tensors: &[(&str, Tensor)], rows: &[Vec<f64>], words: &str) -> Value {
    let bench = Bench::new();
    let tensors: Vec<_> = tensors.iter().map(|(name, tensor)| (name.to_string(), tensor.clone())).collect();
    bench.write("model.safetensors", to_bytes(&tensors, None).unwrap());
    bench.write("data.npy", npy(rows));
    bench.json(&format!("eval model.safetensors --data data.npy --json {words}"))
}

#[track_caller]
fn close(found: &Value, expected: f64, tolerance: f64) {
    let found = found.as_f64().unwrap();
    assert!((found - expected).abs() <= tolerance, "{found} is not {expected}");
}

fn logistic(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

fn log_normal(x: f64, mean: f64, variance: f64) -> f64 {
    -0.5 * ((std::f64::consts::TAU * variance).ln() + (x - mean).powi(2) / variance)
}

#[test]
fn a_belief_net_of_others_is_judged_by_its_sums() {
    let (weight, up) = ([[1.0, -0.5], [0.3, 0.8]], [[0.5, 0.2], [-0.4, 0.9]]);
    let (below, above, recognition) = ([0.2, -0.3], [0.4, -0.6], [0.1, -0.2]);
    let rows = [vec![1.0, 0.0], vec![1.0, 1.0], vec![0.0, 0.0]];
    let bernoulli = |state: f64, input: f64| state * input - (1.0 + input.exp()).ln();
    let states = [[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [1.0, 1.0]];
    let joint = |v: &[f64], h: &[f64; 2]| {
        let prior: f64 = (0..2).map(|j| bernoulli(h[j], above[j])).sum();
        prior + (0..2).map(|i| bernoulli(v[i], below[i] + weight[i][0] * h[0] + weight[i][1] * h[1])).sum::<f64>()
    };
    let log_q = |v: &[f64], h: &[f64; 2]| -> f64 {
        (0..2).map(|j| bernoulli(h[j], recognition[j] + v[0] * up[0][j] + v[1] * up[1][j])).sum()
    };
    let mean = |of: &dyn Fn(&[f64]) -> f64| rows.iter().map(|row| of(row)).sum::<f64>() / rows.len() as f64;
    let evidence = mean(&|v| states.iter().map(|h| joint(v, h).exp()).sum::<f64>().ln());
    let elbo = mean(&|v| states.iter().map(|h| log_q(v, h).exp() * (joint(v, h) - log_q(v, h))).sum());
    let square = |of: [[f64; 2]; 2]| matrix(&of.map(|row| row.to_vec()));
    let tensors = [
        ("generative.0.weight", square(weight)),
        ("generative.0.bias", vector(&below)),
        ("generative.1.bias", vector(&above)),
        ("recognition.0.weight", square(up)),
        ("recognition.0.bias", vector(&recognition)),
    ];
    let many: Vec<Vec<f64>> = (0..6000).map(|i| rows[i % 3].clone()).collect();
    let words = "--scheme exact --scheme network --scheme importance:particles=200";
    let results = judged(&tensors, &many, words);
    close(&results["log_likelihood_nats_mean"], evidence, 1e-9);
    close(&results["schemes"][0]["elbo_nats_mean"], evidence, 1e-9);
    // Ten samples of each of 6000 examples; a log weight has a spread of about one nat.
    close(&results["schemes"][1]["elbo_nats_mean"], elbo, 0.02);
    close(&results["schemes"][2]["elbo_nats_mean"], evidence, 0.02);
    assert!(
        results["schemes"][2]["elbo_nats_mean"].as_f64().unwrap()
            > results["schemes"][1]["elbo_nats_mean"].as_f64().unwrap()
    );
}

#[test]
fn binary_sparse_coding_of_others_is_judged_by_its_sums() {
    let (weight, bias, beta) = ([[1.0, -2.0], [0.5, 1.5]], [0.3, -0.7], [2.0, 0.5]);
    let rows = [vec![0.5, -1.25], vec![-1.0, 2.0]];
    let states = [[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [1.0, 1.0]];
    let joint = |v: &[f64], h: &[f64; 2]| {
        let prior: f64 = (0..2).map(|j| h[j] * bias[j] - (1.0 + f64::exp(bias[j])).ln()).sum();
        let mean = |i: usize| weight[i][0] * h[0] + weight[i][1] * h[1];
        prior + (0..2).map(|i| log_normal(v[i], mean(i), 1.0 / beta[i])).sum::<f64>()
    };
    let evidence = rows.iter().map(|v| states.iter().map(|h| joint(v, h).exp()).sum::<f64>().ln()).sum::<f64>() / 2.0;
    let best = rows.iter().map(|v| states.iter().map(|h| joint(v, h)).fold(f64::MIN, f64::max)).sum::<f64>() / 2.0;
    let tensors =
        [("weight", matrix(&weight.map(|row| row.to_vec()))), ("bias", vector(&bias)), ("beta", vector(&beta))];
    let results = judged(&tensors, &rows, "--scheme exact --scheme mean-field --scheme map --scheme icm");
    close(&results["log_likelihood_nats_mean"], evidence, 1e-9);
    close(&results["schemes"][2]["elbo_nats_mean"], best, 1e-9);
    close(&results["schemes"][3]["elbo_nats_mean"], best, 1e-9);
    let mean_field = results["schemes"][1]["elbo_nats_mean"].as_f64().unwrap();
    assert!(mean_field < evidence, "{mean_field} {evidence}");
}

#[test]
fn sparse_codes_of_others_come_with_their_certificate() {
    // Orthonormal atoms: the codes are soft thresholds.
    let (rows, lambda) = ([vec![2.0, -0.25], vec![-0.5, 1.0]], 0.5);
    let soft = |x: f64| x.signum() * (x.abs() - lambda).max(0.0);
    let cost = |x: f64| lambda * soft(x).abs() + 0.5 * (x - soft(x)).powi(2);
    let objective = rows.iter().flatten().map(|&x| cost(x)).sum::<f64>() / 2.0;
    let weight = [("weight", matrix(&[vec![1.0, 0.0], vec![0.0, 1.0]]))];
    let results = judged(&weight, &rows, "--lambda 0.5 --scheme ista --scheme fista --scheme ista:iterations=0");
    for scheme in 0..2 {
        let found = &results["schemes"][scheme];
        close(&found["objective"]["mean"], objective, 1e-9);
        close(&found["objective"]["duality_gap_largest"], 0.0, 1e-9);
        assert!(found["elbo_nats_mean"].is_null(), "the bound of a point is minus infinity");
    }
    let at_zero = rows.iter().flatten().map(|x| 0.5 * x * x).sum::<f64>() / 2.0;
    let start = &results["schemes"][2]["objective"];
    close(&start["mean"], at_zero, 1e-9);
    assert!(start["duality_gap_mean"].as_f64().unwrap() >= at_zero - objective - 1e-9);
}

#[test]
fn mixtures_factors_and_auto_encoders_of_others_are_judged_by_their_formulas() {
    let rows = [vec![0.5], vec![-1.5], vec![3.0]];
    let mean = |of: &dyn Fn(f64) -> f64| rows.iter().map(|row| of(row[0])).sum::<f64>() / 3.0;
    let covariances = Tensor::new(vec![vec![vec![0.5]], vec![vec![2.0]]], &Device::Cpu).unwrap();
    let mixture = [
        ("log_weights", vector(&[0.0, f64::ln(3.0)])),
        ("means", matrix(&[vec![1.0], vec![-1.0]])),
        ("covariances", covariances),
    ];
    let density = |x: f64| (0.25 * log_normal(x, 1.0, 0.5).exp() + 0.75 * log_normal(x, -1.0, 2.0).exp()).ln();
    close(&judged(&mixture, &rows, "")["log_likelihood_nats_mean"], mean(&density), 1e-9);

    let factors = [("mean", vector(&[0.5])), ("weight", matrix(&[vec![2.0]])), ("variances", vector(&[0.25]))];
    let density = |x: f64| log_normal(x, 0.5, 4.25);
    close(&judged(&factors, &rows, "")["log_likelihood_nats_mean"], mean(&density), 1e-9);

    let binary = [vec![1.0, 0.0], vec![1.0, 1.0]];
    let inputs = [("log_weights", vector(&[0.0])), ("inputs", matrix(&[vec![0.5, -1.0]]))];
    let on = [logistic(0.5), logistic(-1.0)];
    let expected = ((on[0] * (1.0 - on[1])).ln() + (on[0] * on[1]).ln()) / 2.0;
    close(&judged(&inputs, &binary, "")["log_likelihood_nats_mean"], expected, 1e-9);

    // A decoder that does not look at its latents, and an encoder that answers with the prior: the ELBO is ln p(v).
    let zero = |out: usize, from: usize| matrix(&vec![vec![0.0; from]; out]);
    let encoder = [
        ("encoder.mean.weight", zero(1, 2)),
        ("encoder.mean.bias", vector(&[0.0])),
        ("encoder.log_variance.weight", zero(1, 2)),
        ("encoder.log_variance.bias", vector(&[0.0])),
        ("decoder.0.weight", zero(2, 1)),
        ("decoder.0.bias", vector(&[0.5, -1.0])),
    ];
    let results = judged(&encoder, &binary, "--scheme network --scheme importance:particles=3");
    close(&results["schemes"][0]["elbo_nats_mean"], expected, 1e-9);
    close(&results["schemes"][1]["elbo_nats_mean"], expected, 1e-9);
}

#[test]
fn a_file_or_a_request_that_does_not_fit_is_named() {
    let bench = Bench::new();
    let write = |name: &str, tensors: &[(&str, Tensor)]| {
        let tensors: Vec<_> = tensors.iter().map(|(name, tensor)| (name.to_string(), tensor.clone())).collect();
        bench.write(name, to_bytes(&tensors, None).unwrap());
    };
    let square = || matrix(&[vec![1.0, 0.0], vec![0.0, 1.0]]);
    write("causes.safetensors", &[("weight", square()), ("bias", vector(&[0.0; 3])), ("beta", vector(&[1.0; 2]))]);
    write("precise.safetensors", &[("weight", square()), ("bias", vector(&[0.0; 2])), ("beta", vector(&[1.0, -1.0]))]);
    write("net.safetensors", &[("generative.0.weight", square()), ("generative.0.bias", vector(&[0.0; 2]))]);
    write("atoms.safetensors", &[("weight", square())]);
    bench.write("data.npy", npy(&[vec![1.0, 0.0]]));
    let cases = [
        ("causes", "", 4, "bias is [3]; weight is [2, 2] and asks for [2]"),
        ("precise", "", 4, "beta above zero"),
        ("net", "", 4, "has no tensor generative.1.bias"),
        ("atoms", "", 2, "--lambda 0.1"),
        ("atoms", "--lambda 0.1 --scheme mean-field", 2, "use ista, fista or network"),
        ("atoms", "--lambda 0", 2, "expected a number above 0"),
    ];
    for (file, words, code, message) in cases {
        let found = bench.refusal(&format!("eval {file}.safetensors --data data.npy {words}"));
        assert!(found.starts_with(&format!("exit {code}\n")) && found.contains(message), "{file} {words}: {found}");
    }
}

#[test]
fn combinations_that_do_not_fit_are_refused_with_place_and_remedy() {
    let cases = [
        (
            [BINARY, "belief_net = { hidden = [4] }", "maximum_likelihood = {}", "'network'"],
            "wake_sleep or reweighted_wake_sleep",
        ),
        (
            [BINARY, "belief_net = { hidden = [4] }", "wake_sleep = { chains = 7 }", "'network'"],
            "leave negative, chains",
        ),
        (
            [BINARY, "belief_net = { hidden = [4] }", "wake_sleep = {}", "'network+1'"],
            "does not infer in a sigmoid belief net",
        ),
        ([REAL, "belief_net = { hidden = [4] }", "wake_sleep = {}", "'network'"], "gives real numbers"),
        ([REAL, "vae = { latents = 2 }", "reparameterized = {}", "'network'"], "output = \"gaussian\""),
        (
            [
                REAL,
                "factor_analysis = { factors = 1 }",
                "expectation_maximization = { expectation = 'mean_field' }",
                "'exact'",
            ],
            "set it to exact",
        ),
        ([REAL, "sparse_coding = { lambda = 0.0 }", "dictionary_learning = {}", "'fista'"], "above 0"),
        ([REAL, "hidden = [4], sparse_coding = {}", "dictionary_learning = {}", "'fista'"], "expected one model"),
        ([BINARY, "hidden = [4]", "maximum_likelihood = {}", "'fista'"], "does not infer in a deep Boltzmann machine"),
    ];
    for (model, message) in cases {
        let bench = Bench::with(&experiment(model));
        let found = bench.refusal("config check tiny.toml");
        assert!(found.starts_with("exit 2\n") && found.contains(message), "{model:?}: {found}");
        assert!(found.contains("tiny.toml:"), "no place: {found}");
    }
}

#[test]
fn settings_that_an_algorithm_does_not_read_are_not_set_in_silence() {
    let setting = "train.momentum=0.9";
    for model in MODELS {
        let bench = Bench::with(&experiment(model));
        let said = |words: &str| String::from_utf8(bench.code(words, 0).get_output().stderr.clone()).unwrap();
        let noted = said(&format!("config check tiny.toml {setting}")).contains("train.momentum");
        let by_momentum = model[2].contains("wake_sleep") && !model[2].contains("adam");
        assert_eq!(noted, !by_momentum, "{}", model[2]);
        assert!(!said("config check tiny.toml").contains("train.momentum"), "{}", model[2]);
    }
    let bench = Bench::with(&experiment(MODELS[3]));
    let settings = "train.weight_decay=0.1 train.network.learning_rate=0.1";
    let said =
        String::from_utf8(bench.code(&format!("config check tiny.toml {settings}"), 0).get_output().stderr.clone());
    let note =
        "train.weight_decay, train.network.learning_rate change nothing: expectation_maximization does not read them";
    assert!(said.unwrap().contains(note));
}
