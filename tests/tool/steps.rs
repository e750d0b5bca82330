//! How parameters move, as an experiment file says it: courses, rules, means, settings of single layers, early stopping.

use crate::bench::{Bench, RunDir, TINY};
use crate::config::{GOOD, read};
use crate::resume::{LONG, survives_a_kill};
use candle_core::Device;
use dbm::experiment::config::{Course, Decay, marked, resolved};
use dbm::experiment::observe::read_metrics;
use dbm::experiment::{Mark, Standing, checkpoint};
use dbm::math::host;

#[test]
fn a_course_goes_its_way_and_stays_at_its_end() {
    let course = |decay, epochs| Course { start: 0.5, end: 0.1, decay, epochs };
    let near = |found: f64, expected: f64| assert!((found - expected).abs() < 1e-12, "{found} is not {expected}");
    // Of the whole stage: half of it is behind.
    near(course(Decay::Linear, None).after(0.5, 7.0), 0.3);
    near(course(Decay::Exponential, None).after(0.5, 7.0), 0.05_f64.sqrt());
    // 1 / 0.5 = 2 and 1 / 0.1 = 10; half way is 6.
    near(course(Decay::Inverse, None).after(0.5, 7.0), 1.0 / 6.0);
    // Of so many epochs, however many the stage has.
    near(course(Decay::Linear, Some(8)).after(0.01, 2.0), 0.4);
    near(course(Decay::Linear, Some(8)).after(0.1, 9.0), 0.1);
    for (epochs, expected) in [(0.0, 0.5), (4.99, 0.5), (5.0, 0.1), (80.0, 0.1)] {
        near(course(Decay::Step, Some(5)).after(0.0, epochs), expected);
    }
    // The published rule, a factor of 1.000015 per update of 600 an epoch, from 0.001 to 0.0001.
    let published = Course { start: 1e-3, end: 1e-4, decay: Decay::Exponential, epochs: Some(256) };
    let factor = published.after(0.0, 0.0) / published.after(0.0, 1.0 / 600.0);
    assert!((factor - 1.000015).abs() < 1e-8, "{factor}");
}

#[test]
fn momentum_changes_at_once_and_a_learning_rate_bit_by_bit_unless_told_otherwise() {
    let changes = [
        "train.momentum={start=0.5,end=0.9,epochs=5}",
        "train.learning_rate={start=0.1,end=0.01,epochs=5}",
        "train.network.momentum={start=0.5,end=0.9,decay=\"linear\"}",
        "pretrain.momentum={start=0.5,end=0.9,epochs=1}",
    ];
    let experiment = read(GOOD, &changes).unwrap();
    let train = experiment.train.unwrap();
    assert_eq!(train.momentum, Course { start: 0.5, end: 0.9, decay: Decay::Step, epochs: Some(5) });
    assert_eq!(train.learning_rate.decay, Decay::Linear);
    assert_eq!(train.network.momentum.decay, Decay::Linear);
    assert_eq!(experiment.pretrain.unwrap().momentum.decay, Decay::Step);
    assert_eq!(read(GOOD, &["train.momentum=0"]).unwrap().train.unwrap().momentum, Course::constant(0.0));
}

/// Every setting of how parameters move, in one file.
const EVERYTHING: [&str; 13] = [
    "train.momentum={start=0.5,end=0.9,epochs=5}",
    "train.learning_rate={start=0.1,end=0.01,decay=\"inverse\"}",
    "train.layer_rates=[1,0.5]",
    "train.l1_decay=1e-5",
    "train.max_norm=6",
    "train.sparsity={targets=[0.2,0.1]}",
    "train.average={decay=0.999}",
    "train.stop.patience=5",
    "train.conclude=best",
    "pretrain.max_norm=[6,5.5]",
    "pretrain.l1_decay=1e-4",
    "pretrain.sparsity={targets=0.1,cost=0.01,damping=0.95}",
    "pretrain.layers=[{epochs=3},{learning_rate={start=0.1,end=0.01},momentum=0.9,sparsity={targets=0.3}}]",
];

#[test]
fn every_setting_of_steps_is_shown_and_read_back() {
    let experiment = read(GOOD, &EVERYTHING).unwrap();
    for text in [resolved(&experiment), marked(&experiment)] {
        let again = read(&text, &[]).unwrap_or_else(|error| panic!("{error}\n{text}"));
        assert_eq!(again, experiment, "{text}");
        for shown in ["layer_rates = [", "[train.stop]", "conclude = \"best\"", "[[pretrain.layers]]", "damping = 0.9"]
        {
            assert!(text.contains(shown), "{shown} is not in\n{text}");
        }
    }
}

#[test]
fn settings_of_one_layer_replace_those_of_all() {
    let pretrain = read(GOOD, &EVERYTHING).unwrap().pretrain.unwrap();
    let [first, second, beyond] = [0, 1, 2].map(|layer| pretrain.of_layer(layer));
    assert_eq!((first.epochs, second.epochs, beyond.epochs), (3, 10, 10));
    assert_eq!(first.learning_rate, pretrain.learning_rate);
    assert_eq!((second.learning_rate.end, second.momentum), (0.01, Course::constant(0.9)));
    // A table is replaced as a whole.
    assert_eq!(second.sparsity.map(|sparsity| (sparsity.cost, sparsity.targets.of(1))), Some((0.001, Some(0.3))));
    assert_eq!((second.l1_decay, beyond.layers.len()), (Some(1e-4), 0));
    let bench = Bench::with(TINY);
    let run = bench.run("pretrain.layers=[{epochs=1,batch_size=14},{epochs=3}]");
    // One update, then 3 epochs of 3, then 4 epochs of 3.
    assert_eq!(run.checkpoints().pop().unwrap(), format!("step-{:010}.safetensors", 1 + 9 + 12));
}

#[test]
fn impossible_settings_of_steps_say_what_to_do() {
    for (change, told) in [
        ("train.momentum=1", "train.momentum is 1.0"),
        ("train.momentum={start=0.5,end=0.9}", "changes at once, but does not say when"),
        ("train.momentum={start=0.5,end=1.5,epochs=2}", "train.momentum.end is 1.5"),
        ("train.momentum=fast", "a number such as 0.9, or { start = 0.5, end = 0.9, epochs = 5 }"),
        ("train.learning_rate={start=0.1,end=0,decay=\"inverse\"}", "decays inversely from or to 0"),
        ("train.learning_rate={start=0.1,end=0.01,epochs=0}", "train.learning_rate.epochs is 0"),
        ("train.layer_rates=[1,2,3]", "has 3 numbers for 2 hidden layers"),
        ("train.layer_rates=[1,-2]", "train.layer_rates[1] is -2.0"),
        ("train.max_norm=0", "train.max_norm is 0.0"),
        ("train.max_norm=wide", "expected a number for all hidden layers, or a list"),
        ("train.l1_decay=-1", "train.l1_decay is -1.0"),
        ("train.sparsity={targets=1}", "train.sparsity.targets is 1.0"),
        ("train.sparsity={cost=1}", "`targets` is missing"),
        ("train.sparsity={targets=0.1,damping=1}", "train.sparsity.damping is 1.0"),
        ("train.average={from=1}", "train.average.from is 1.0"),
        ("train.average={decay=1.5}", "train.average.decay is 1.5"),
        ("train.stop={patience=0}", "train.stop.patience is 0"),
        ("train.conclude=worst", "best"),
        ("pretrain.layers=[{epoch=1}]", "unknown key `epoch`"),
        ("pretrain.layers=[{layers=[]}]", "a layer has no layers of its own"),
        ("pretrain.layers=[{},{},{}]", "has settings of 3 layers, and the model has 2 hidden ones"),
        ("pretrain.layers=[{},{momentum=2}]", "pretrain.layers[1].momentum is 2.0"),
    ] {
        let message = read(GOOD, &[change]).unwrap_err();
        assert!(message.contains(told), "{change}: {message}");
    }
    for change in ["train.stop.patience=3", "train.conclude=best"] {
        let message = read(GOOD, &[change, "evaluate.every_epochs=0"]).unwrap_err();
        assert!(message.contains("evaluate.every_epochs to 1 or more"), "{message}");
    }
    assert!(read(GOOD, &["train.conclude=best", "checkpoint.best=false"]).is_err());
}

#[test]
fn rules_for_a_model_that_has_none_are_not_set_in_silence() {
    let text = GOOD.replace("hidden = [8, 4]", "belief_net = { hidden = [8, 4] }");
    let text = text.split("[train.algorithm").next().unwrap().to_string();
    let schemes = "evaluate.schemes=[\"network\"]";
    let algorithm = "train.algorithm=reweighted-wake-sleep";
    let notes = |changes: &[&str]| read(&text, &[&[schemes, algorithm], changes].concat()).unwrap().notes().join("\n");
    let found = notes(&["train.average={}", "train.max_norm=5"]);
    let told = "train.max_norm, train.average change nothing: reweighted_wake_sleep does not read them";
    assert!(found.contains(told), "{found}");
    assert_eq!(notes(&["train.momentum={start=0.5,end=0.9,epochs=5}"]), "");
    let adam = "train.algorithm.reweighted_wake_sleep.optimizer=adam";
    let found = notes(&[adam, "train.momentum=0.9", "train.network.momentum=0.9", "train.learning_rate=0.05"]);
    let told = "train.momentum, train.network.momentum change nothing: reweighted_wake_sleep does not read them";
    assert!(
        found.contains(told) && found.contains("train.learning_rate = 0.05 and") && found.contains("large for Adam"),
        "{found}"
    );
    assert_eq!(read(GOOD, &EVERYTHING).unwrap().notes().join("\n"), "");
}

#[test]
fn patience_counts_the_evaluations_that_are_not_clearly_better() {
    let mark = |score: f64, error: f64, doubtful: bool| Mark { score, error, doubtful };
    let counts = |marks: &[Mark]| {
        let stand = |standing: &mut Standing, found: &Mark| {
            *standing = standing.after(*found);
            Some(standing.since)
        };
        marks.iter().scan(Standing::default(), stand).collect::<Vec<_>>()
    };
    let exact = |scores: &[f64]| counts(&scores.iter().map(|score| mark(*score, 0.0, false)).collect::<Vec<_>>());
    assert_eq!(exact(&[-9.0, -8.0, -8.0, -8.5, -7.9, -7.95, -8.0, -7.9]), [0, 0, 1, 2, 0, 1, 2, 3]);
    // Errors of 0.3 and 0.4: better by more than 0.5. What is gained slowly counts in the end.
    let noisy = [(-9.0, 0.3), (-8.6, 0.4), (-8.51, 0.4), (-8.4, 0.4), (-8.0, 0.3), (-7.8, 0.4)];
    assert_eq!(counts(&noisy.map(|(score, error)| mark(score, error, false))), [0, 1, 2, 0, 1, 0]);
    // One without a warning beats every one with a warning, and not the other way round.
    let warned = [(-5.0, true), (-4.0, true), (-9.0, false), (-3.0, true), (-8.0, false)];
    assert_eq!(counts(&warned.map(|(score, doubtful)| mark(score, 0.0, doubtful))), [0, 0, 0, 1, 0]);
    assert_eq!(exact(&[f64::NAN, f64::NEG_INFINITY, -9.0, f64::NAN]), [1, 2, 0, 1]);
}

/// Steps that were judged on the way, in order.
fn judged(run: &RunDir) -> Vec<u64> {
    let lines = read_metrics(&run.path("metrics.jsonl")).unwrap();
    lines.iter().filter(|line| line.tag == "eval/log_partition_nats").map(|line| line.step).collect()
}

#[test]
fn a_run_whose_bound_does_not_rise_stops_when_its_patience_ends() {
    let bench = Bench::with(TINY);
    let output = bench.output("run tiny.toml train.epochs=40 train.learning_rate=0 train.stop.patience=2");
    let (run, text) = (bench.newest(), String::from_utf8(output.stderr).unwrap());
    assert!(output.status.success(), "{text}");
    // Pre-training is 12 updates, an epoch 3; judged every 2 epochs, and the first time sets the mark.
    assert_eq!(judged(&run), [6, 12, 18, 24, 30]);
    assert_eq!(run.checkpoints().pop().unwrap(), "step-0000000030.safetensors");
    assert!(text.contains("joint training: no better bound in 2 evaluations, so it stops here"), "{text}");
    let position = checkpoint::read(&run.last_checkpoint(), &Device::Cpu).unwrap().position;
    assert_eq!(position.standing.since, 1, "the checkpoint is older than what is judged at its step");
    // A rising bound is waited for.
    let run = bench.run("train.epochs=10 train.stop.patience=5");
    assert_eq!(run.checkpoints().pop().unwrap(), format!("step-{:010}.safetensors", 12 + 30));
    assert_eq!(judged(&run), [6, 12, 18, 24, 30, 36, 42]);
}

#[test]
fn a_run_may_conclude_on_its_best_model() {
    let bench = Bench::with(TINY);
    // A learning rate that grows until it does harm.
    let rate = "train.learning_rate={start=0.02,end=8,decay=\"exponential\"} train.epochs=40";
    let run = bench.run(&format!("{rate} train.conclude=best"));
    let best = checkpoint::read(&run.path("checkpoints/best.safetensors"), &Device::Cpu).unwrap().position;
    let last = checkpoint::read(&run.last_checkpoint(), &Device::Cpu).unwrap().position;
    let (score, step) = best.best.unwrap();
    assert!(step < last.step, "the last model was the best");
    assert_eq!(judged(&run).pop(), Some(last.step), "the curve ends at the last update");
    let results = run.json("results.json");
    assert_eq!(results["model"]["step"], step);
    assert_eq!(results["model"]["file"], "checkpoints/best.safetensors");
    // What else is asked of the run is asked of that model.
    let again = bench.json(&format!("eval {} --json", run.show()));
    assert_eq!(again["model"]["step"], step);
    let bounds = |results: &serde_json::Value| -> Vec<f64> {
        let schemes = results["schemes"].as_array().unwrap();
        schemes.iter().map(|scheme| scheme["elbo_nats_mean"].as_f64().unwrap()).collect()
    };
    // There are no validation examples: the last comparison and those on the way judge the same ones.
    assert_eq!(bounds(&results).into_iter().fold(f64::NEG_INFINITY, f64::max), score);
    let plain = bench.run(rate);
    assert!(bounds(&plain.json("results.json")).into_iter().all(|bound| bound < score));
    assert!(plain.json("results.json").get("model").is_none());
    // Where it is gone the last model stands in, and that is said.
    std::fs::remove_file(run.path("checkpoints/best.safetensors")).unwrap();
    let another = bench.json(&format!("eval {} --json", run.show()));
    assert_eq!(another["model"]["step"], last.step);
    let warnings = another["warnings"].as_array().unwrap();
    assert!(warnings.iter().any(|warning| warning.as_str().unwrap().contains("best.safetensors is gone")), "{another}");
}

#[test]
fn the_model_of_a_file_is_the_mean_and_training_goes_on_with_the_moving_parameters() {
    let bench = Bench::with(TINY);
    let plain = bench.run("");
    let run = bench.run("train.average={from=0.5}");
    let read = |run: &RunDir| checkpoint::read(&run.last_checkpoint(), &Device::Cpu).unwrap().model;
    let (plain, mean) = (read(&plain), read(&run));
    let values = |tensor: &candle_core::Tensor| host(tensor).unwrap();
    let of = |model: &dbm::experiment::model_file::ModelFile, name: &str| {
        let tensors = model.model.kind().tensors().unwrap();
        values(&tensors.into_iter().find(|(other, _)| other == name).unwrap().1)
    };
    for (public, own) in [
        ("layers.0.weight", "trainer.moving.dbm.weight.0"),
        ("bias.2", "trainer.moving.dbm.bias.2"),
        ("recognition.1.weight", "trainer.moving.network.weight.1"),
    ] {
        assert_eq!(values(&mean.other[own]), of(&plain, public), "{own} moves as without a mean");
        assert_ne!(of(&mean, public), of(&plain, public), "{public} is a mean");
    }
    // 12 updates, from the seventh on: progress 6 / 11 is the first beyond a half.
    assert_eq!(values(&mean.other["trainer.average.updates"]), [6.0]);
    let judged = bench.json(&format!("eval {} --json", run.show()));
    let bound = |results: &serde_json::Value| results["schemes"][0]["elbo_unnormalized_nats_mean"].clone();
    assert_eq!(bound(&judged), bound(&run.json("results.json")));
}

#[test]
fn runs_with_rules_means_and_patience_survive_a_kill() {
    let rules = "train.sparsity={targets=[0.2,0.1],cost=0.1} train.max_norm=[2,3] train.layer_rates=[1,0.5] \
                 train.l1_decay=0.001 train.momentum={start=0.5,end=0.9,epochs=15}";
    let inside = "checkpoint.every_epochs=0 checkpoint.every_steps=7";
    survives_a_kill(&format!("{LONG} {rules} train.average={{decay=0.99}} {inside}"), 61);
    survives_a_kill(&format!("{LONG} train.average={{from=0.1}} train.conclude=best {inside}"), 80);
    // It waits longer than the stage lasts; what was counted before the kill counts.
    survives_a_kill(&format!("{LONG} train.stop.patience=12 train.learning_rate=0 {inside}"), 80);
    let layers = "pretrain.layers=[{epochs=40,max_norm=1},{epochs=60,sparsity={targets=0.1}}]";
    survives_a_kill(&format!("{layers} evaluate.every_epochs=20 {inside}"), 150);
}
