//! Laws of label units in experiments: trained with the labels of the data, judged without them, kept in files, and refused where
//! there are none.

use crate::bench::{Bench, assert_same_bits};
use crate::resume::killed;
use candle_core::{Device, Tensor};
use dbm::experiment::model_file;
use serde_json::Value;

const DIGITS: &str = r#"
name = "tiny"
seed = 3
data = { source = "digits", split = { train = 1000 } }
model = { hidden = [9], labels = "softmax", weight_std = 0.05 }
pretrain = { epochs = 20, batch_size = 50, learning_rate = 0.1 }

[train]
epochs = 10
batch_size = 50
algorithm = { maximum_likelihood = { chains = 20 } }

[evaluate]
every_epochs = 5
examples = 200
schemes = ["network", "mean-field", "exact"]
"#;

fn errors(results: &Value) -> Vec<f64> {
    let schemes = results["schemes"].as_array().unwrap().iter();
    schemes.map(|scheme| scheme["label_error_percent"].as_f64().unwrap()).collect()
}

#[test]
fn a_run_with_label_units_tells_classes_and_its_file_does_so_again() {
    let bench = Bench::with(DIGITS);
    let run = bench.run("");
    let results = run.json("results.json");
    assert_eq!(results["sizes"].as_array().unwrap().len(), 3);
    // Guessing is wrong nine times in ten.
    let exact = results["label_error_percent"].as_f64().unwrap();
    assert!(exact < 30.0, "{results:#}");
    let found = errors(&results);
    // The means of the exact posterior are p(label | v).
    assert_eq!(found[2], exact);
    assert!(found.iter().all(|error| *error < 45.0), "{found:?}");
    let again = bench.json(&format!("eval {} --scheme network --scheme mean-field --scheme exact --json", run.show()));
    assert_eq!(errors(&again), found);
    assert_eq!(again["label_error_percent"], results["label_error_percent"]);
    assert_eq!(again["examples_sha256"], results["examples_sha256"]);
    // A q that is sampled names the classes of its start.
    let sampled = bench.json(&format!("eval {} --scheme mean-field --scheme importance --json", run.show()));
    let sampled = errors(&sampled);
    assert_eq!(sampled[0], sampled[1]);
    assert!(bench.ok(&format!("eval {}", run.show())).contains("label error"));

    let file = model_file::read(&run.last_checkpoint(), None, &Device::Cpu).unwrap();
    let names: Vec<String> = file.model.kind().tensors().unwrap().into_iter().map(|(name, _)| name).collect();
    let expected = [
        "layers.0.weight",
        "labels.weight",
        "bias.0",
        "bias.1",
        "labels.bias",
        "recognition.0.weight",
        "recognition.0.bias",
        "recognition.labels.weight",
        "recognition.labels.bias",
    ];
    assert_eq!(names, expected);
}

#[test]
fn a_class_that_is_held_decides_what_is_sampled() {
    let bench = Bench::with(DIGITS);
    let run = bench.run("");
    // The middle of a nought is empty, and that of a one is not.
    let middle = |class: usize| {
        let words =
            format!("sample {} --clamp label={class} --count 200 --sweeps 200 --out samples.npy --json", run.show());
        assert_eq!(bench.json(&words)["held"], 10);
        let values = Tensor::read_npy(bench.path("samples.npy")).unwrap().to_vec2::<f32>().unwrap();
        values.iter().map(|row| (row[27] + row[28] + row[35] + row[36]) / 4.0).sum::<f32>() / 200.0
    };
    let found = [middle(0), middle(1)];
    assert!(found[1] - found[0] > 0.3, "{found:?}");
    for (clamp, message) in [
        ("label=10", "of a machine that knows 10"),
        ("hidden.2:4=1", "--clamp label=CLASS"),
        ("label=4 --clamp hidden.2:4=0.5", "at two values"),
        ("label=4 --clamp label=5", "at two values"),
    ] {
        let text = bench.refusal(&format!("sample {} --clamp {clamp}", run.show()));
        assert!(text.starts_with("exit 2") && text.contains(message), "{clamp}: {text}");
    }
}

#[test]
fn a_run_with_label_units_that_was_killed_ends_with_the_bits_of_one_that_was_not() {
    let bench = Bench::with(&DIGITS.replace("hidden = [9]", "hidden = [9, 6]"));
    let changes = "pretrain.epochs=5 train.epochs=60";
    let whole = bench.run(changes);
    for step in [150, 600] {
        let broken = killed(&bench, changes, step);
        bench.ok(&format!("resume {} --quiet", broken.show()));
        assert_same_bits(&whole, &broken);
    }
}

#[test]
fn label_units_are_refused_where_they_have_no_labels_or_a_scheme_takes_units_one_by_one() {
    let bench = Bench::with(DIGITS);
    let text = bench.refusal("run tiny.toml data.source={bars_and_stripes={height=3,width=3}}");
    assert!(text.contains("have no labels") && text.contains("model.labels = \"none\""), "{text}");
    assert!(bench.runs().is_empty(), "a run folder was made");
    let text = bench.refusal("run tiny.toml evaluate.schemes=[\"tap\"]");
    assert!(text.contains("label units are one group"), "{text}");
    let text = bench.refusal("run tiny.toml model.labels=soft");
    assert!(text.contains("softmax"), "{text}");
    let run = bench.run("pretrain.epochs=1 train.epochs=1");
    let text = bench.refusal(&format!("eval {} --scheme structured", run.show()));
    assert!(text.contains("label units") && text.contains("one group"), "{text}");
}
