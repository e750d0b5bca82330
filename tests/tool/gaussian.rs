//! Laws of Gaussian visible units in experiments: trained on real numbers, kept in files with their variances, and refused where the
//! data or the settings are of binary ones.

use crate::bench::{Bench, assert_same_bits};
use crate::resume::killed;
use candle_core::Tensor;
use serde_json::Value;

/// Three clusters 3 apart in each direction: the diagonal normal distribution of the same moments is far from them.
const CLUSTERS: &str = r#"
name = "tiny"
seed = 3
dtype = "f64"

[data]
source = { gaussian_clusters = { clusters = 3, dimensions = 4, examples = 800, spread = 3.0 } }
split = { test = 200 }

[model]
hidden = [5]
visible = "gaussian"
weight_std = 0.5

[pretrain]
epochs = 60
batch_size = 20
learning_rate = 0.05
weight_decay = 0.0

[train]
epochs = 60
batch_size = 20
learning_rate = 0.05
weight_decay = 0.0
algorithm = { maximum_likelihood = { chains = 50 } }

[evaluate]
every_epochs = 10
schemes = ["network", "mean-field", "exact"]
"#;

fn log_likelihood(results: &Value) -> f64 {
    results["log_likelihood_nats_mean"].as_f64().unwrap()
}

#[test]
fn a_machine_of_real_numbers_beats_the_diagonal_normal_distribution_and_its_file_holds_it_whole() {
    let bench = Bench::with(CLUSTERS);
    // Hardly moved, the machine is the diagonal normal distribution of the data.
    let still = log_likelihood(
        &bench.run("model.weight_std=1e-9 pretrain.learning_rate=1e-12 train.learning_rate=1e-12").json("results.json"),
    );
    let fixed = log_likelihood(&bench.run("model.variances=fixed").json("results.json"));
    let run = bench.run("");
    let results = run.json("results.json");
    let learned = log_likelihood(&results);
    assert!(fixed > still && learned > fixed + 0.3 && learned > still + 1.0, "{still} {fixed} {learned}");
    assert_eq!(results["log_partition"]["method"], "exact");
    assert!(results["warnings"].as_array().unwrap().is_empty(), "{results:#}");
    let again = bench.json(&format!("eval {} --scheme exact --json", run.show()));
    assert_eq!(log_likelihood(&again), learned);
    let annealed = bench.json(&format!("eval {} --log-partition ais --temperatures 1000 --json", run.show()));
    let (exact, found) = (&results["log_partition"]["nats"], &annealed["log_partition"]);
    let difference = (exact.as_f64().unwrap() - found["nats"].as_f64().unwrap()).abs();
    assert!(difference < 4.0 * found["error"].as_f64().unwrap(), "{exact} {found}");
    bench.ok(&format!("sample {} --count 4 --out samples.png", run.show()));
    bench.ok(&format!("sample {} --count 4 --clamp hidden.1:0=1 --out samples.png", run.show()));
    bench.ok(&format!("sample {} --count 4 --clamp left --shape 2x2 --out samples.png", run.show()));
    bench.ok(&format!("sample {} --clamp visible:1=2.5 --count 4 --out samples.npy", run.show()));
    let samples = Tensor::read_npy(bench.path("samples.npy")).unwrap().to_vec2::<f32>().unwrap();
    assert!(samples.iter().all(|row| row[1] == 2.5 && row[0] != 2.5), "{samples:?}");
}

#[test]
fn a_run_on_real_numbers_that_was_killed_ends_with_the_bits_of_one_that_was_not() {
    let bench = Bench::with(&CLUSTERS.replace("hidden = [5]", "hidden = [5, 4]"));
    for variances in ["learned", "fixed"] {
        let changes = format!("train.epochs=60 model.variances={variances}");
        let whole = bench.run(&changes);
        for step in [300, 1500] {
            let broken = killed(&bench, &changes, step);
            bench.ok(&format!("resume {} --quiet", broken.show()));
            assert_same_bits(&whole, &broken);
        }
    }
}

#[test]
fn what_does_not_go_with_real_numbers_is_refused_with_the_remedy() {
    let bench = Bench::with(CLUSTERS);
    for (changes, words) in [
        ("model.visible=binary", "model.visible = \"gaussian\""),
        ("model.visible=binary model.variances=fixed", "the visible units are binary"),
        ("data.source=digits data.split.test=0 data.binarize={threshold=0.5}", "data.binarize = \"none\""),
        ("train.algorithm.maximum_likelihood.centring=0.01", "centre the data beforehand"),
        ("train.algorithm={multi_prediction={sweeps=3}}", "train by maximum_likelihood"),
    ] {
        let text = bench.refusal(&format!("run tiny.toml {changes}"));
        assert!(text.starts_with("exit 2") && text.contains(words), "{changes}: {text}");
    }
    assert!(bench.runs().is_empty());
}

#[test]
fn a_run_begins_at_a_machine_of_real_numbers_and_at_no_other_kind_of_machine() {
    let bench = Bench::with(CLUSTERS);
    let run = bench.run("pretrain.epochs=1 train.epochs=1");
    let (head, tail) = (CLUSTERS.find("[pretrain]").unwrap(), CLUSTERS.find("[train]").unwrap());
    bench.write("further.toml", format!("{}{}", &CLUSTERS[..head], &CLUSTERS[tail..]));
    let further = format!("run further.toml --quiet train.epochs=1 model.from={}", run.show());
    bench.ok(&format!("{further} model.variances=fixed"));
    bench.write("four.amat", "0 1 0 1\n".repeat(40));
    let four = "data.source={files={train=\"four.amat\"}} data.split.test=10";
    let text = bench.refusal(&format!("{further} {four} model.visible=binary"));
    assert!(text.starts_with("exit 4") && text.contains("set model.visible = \"gaussian\""), "{text}");
}
