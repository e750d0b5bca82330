//! Laws of fine-tuning runs: results, stopping and going on, requests that cannot be met.

use crate::bench::{Bench, assert_same_bits};
use crate::resume::{assert_same_curves, killed, step_of};

/// Forty examples of six pixels in three classes, told apart by where the lit pixels are.
const TUNED: &str = r#"
name = "tuned"
seed = 5

[data]
binarize = "stochastic_each_time"
split = { test = 0.25 }

[data.source.files]
train = "data.amat"
labels = "labels.idx1-ubyte"

[model]
hidden = [6, 4, 3]
weight_std = 0.1

[pretrain]
epochs = 2
batch_size = 5

[train]
epochs = 2
batch_size = 5
algorithm = { maximum_likelihood = { chains = 7, gibbs_sweeps = 2 } }

[finetune]
epochs = 40
warm_up_epochs = 2
batch_size = 5
learning_rate = 0.05
dropout = 0.1

[evaluate]
schemes = ["mean-field"]

[log]
every_steps = 2
"#;

fn bench() -> Bench {
    let bench = Bench::with(TUNED);
    let pixels = |class: usize, at: usize| {
        let value = |pixel: usize| match pixel / 2 == class {
            true => {
                if (pixel + at).is_multiple_of(2) {
                    "0.9"
                } else {
                    "1"
                }
            }
            false => {
                if (pixel + at).is_multiple_of(3) {
                    "0.1"
                } else {
                    "0"
                }
            }
        };
        (0..6).map(value).collect::<Vec<_>>().join(" ")
    };
    let rows: Vec<(usize, usize)> = (0..40).map(|row| (row % 3, row / 3)).collect();
    bench.write("data.amat", rows.iter().map(|&(class, at)| pixels(class, at) + "\n").collect::<String>());
    let mut labels = vec![0, 0, 8, 1, 0, 0, 0, 40];
    labels.extend(rows.iter().map(|&(class, _)| class as u8));
    bench.write("labels.idx1-ubyte", labels);
    bench
}

#[test]
fn a_run_ends_with_the_share_of_wrong_classes_and_its_checkpoint_holds_the_net() {
    let bench = bench();
    let run = bench.run("finetune.dropout=0.0 finetune.epochs=200");
    let named = &run.json("results.json")["classification"];
    assert_eq!((&named["examples"], &named["training_examples"]), (&10.into(), &30.into()), "{named}");
    assert_eq!((&named["error_percent"], &named["wrong"]), (&0.0.into(), &0.into()), "{named}");
    assert_eq!((&named["posterior"], &named["inputs"]), (&"mean-field".into(), &"grey".into()));
    let all: u64 = named["confusion"]
        .as_array()
        .unwrap()
        .iter()
        .enumerate()
        .map(|(class, row)| row[class].as_u64().unwrap())
        .sum();
    assert_eq!(all, 10);
    let table = bench.ok(&format!("resume {}", run.show()));
    let line = "fine-tuned net: 0.00 ± 0.00 % of the test examples get a wrong class (0 of 10)";
    assert!(table.contains(line), "{table}");
    // The machine in it is judged, sampled and compared like any other.
    bench.ok(&format!("eval {} --scheme mean-field", run.show()));
    bench.ok(&format!("sample {} --count 4 --sweeps 5 --out s.npy", run.show()));
    let archive = run.text("metrics.jsonl");
    for tag in
        ["eval/classification/error_percent", "final/classification/error_percent", "train/cross_entropy_nats_mean"]
    {
        assert!(archive.contains(tag), "{tag}");
    }
}

#[test]
fn a_net_starts_from_random_weights_where_nothing_was_trained_before() {
    let bench = bench();
    let (head, tail) = (TUNED.find("[pretrain]").unwrap(), TUNED.find("[finetune]").unwrap());
    bench.write("tiny.toml", TUNED[..head].to_string() + &TUNED[tail..]);
    let run = bench.run("finetune.posterior=network finetune.inputs=binarized");
    assert_eq!(run.json("results.json")["classification"]["training_examples"], 30);
}

#[test]
fn fine_tuning_survives_a_kill_while_the_softmax_learns_alone_and_afterwards() {
    let bench = bench();
    for (changes, step) in [
        // 3 layers of 2 epochs and 2 more, 6 updates each, go before.
        ("finetune.warm_up_epochs=200 checkpoint.every_steps=7 finetune.optimizer=sgd", 90),
        (
            "finetune.warm_up_epochs=1 finetune.epochs=200 checkpoint.every_steps=7 finetune.posterior=gibbs:sweeps=5",
            90,
        ),
        ("finetune.warm_up_epochs=0 finetune.epochs=200 finetune.inputs=binarized dtype=f64", 90),
    ] {
        let whole = bench.run(changes);
        let broken = killed(&bench, changes, step);
        assert!(step_of(&broken.checkpoints().pop().unwrap()) < step_of(&whole.checkpoints().pop().unwrap()));
        bench.ok(&format!("resume {} --quiet", broken.show()));
        assert_same_bits(&whole, &broken);
        assert_same_curves(&whole, &broken);
    }
}

#[test]
fn data_without_classes_and_settings_out_of_range_are_refused_with_the_remedy() {
    let bench = bench();
    let text = TUNED.replace("labels = \"labels.idx1-ubyte\"\n", "");
    bench.write("tiny.toml", &text);
    let message = bench.refusal("run tiny.toml");
    assert!(message.starts_with("exit 2") && message.contains("data.source.files.labels"), "{message}");
    assert!(bench.runs().is_empty());
    for (change, what) in [
        ("finetune.dropout=1.0", "finetune.dropout"),
        ("finetune.epochs=0", "finetune.epochs"),
        ("finetune.posterior=tap", "judged but not learned from"),
        ("finetune.learning_rate=-1.0", "finetune.learning_rate"),
        ("finetune.optimizer=newton", "adam"),
        ("model.labels=softmax", "model.labels = \"none\""),
        ("model.visible=gaussian data.binarize=none", "model.visible = \"binary\""),
    ] {
        let message = bench.refusal(&format!("run tiny.toml {change}"));
        assert!(message.starts_with("exit 2") && message.contains(what), "{change}: {message}");
    }
}
