//! Laws of `dbm run`: what a run folder holds, that it repeats itself to the last bit, that every algorithm and shape runs.

use crate::bench::{Bench, RunDir, TINY, assert_same_bits};
use dbm::experiment::observe::{Logged, LoggedValue, read_events, read_metrics};
use std::collections::BTreeSet;

const WAKE_SLEEP: &str = "train.algorithm={wake_sleep={chains=7,gibbs_sweeps=2}}";

fn tags(run: &RunDir) -> BTreeSet<String> {
    read_metrics(&run.path("metrics.jsonl")).unwrap().into_iter().map(|line| line.tag).collect()
}

#[test]
fn a_run_folder_holds_everything_about_the_run() {
    let bench = Bench::with(TINY);
    let output = bench.ok("run tiny.toml train.learning_rate=0.02");
    let run = bench.newest();
    assert!(run.show().ends_with("-tiny-train.learning_rate=0.02-s3"), "{}", run.show());
    for file in ["config.toml", "run.json", "metrics.jsonl", "results.json", "checkpoints/best.safetensors"] {
        assert!(run.path(file).is_file(), "{file}");
    }
    let provenance = run.json("run.json");
    assert_eq!(provenance["status"], "finished");
    assert_eq!(provenance["seed"], 3);
    // Two layers of pre-training for 2 epochs and joint training for 4, three updates each.
    assert_eq!(provenance["steps"], 2 * 2 * 3 + 4 * 3);
    assert_eq!(provenance["error"], serde_json::Value::Null);
    assert_eq!(
        run.checkpoints(),
        ["step-0000000018", "step-0000000021", "step-0000000024"].map(|n| format!("{n}.safetensors"))
    );
    assert!(run.text("config.toml").contains("learning_rate = 0.02"));
    // One TensorBoard run for the training, one for each scheme, with the same tags, and one for each that sweeps.
    let sweeping = std::fs::read_dir(run.path("traces")).unwrap().count();
    assert!(sweeping > 0);
    assert_eq!(run.event_files().len(), 1 + 5 + sweeping);
    assert_eq!(std::fs::read_dir(run.path("schemes")).unwrap().count(), 5);
    for word in ["run folder:", "tensorboard --logdir", "network+1", "log Z", "lower bound"] {
        assert!(output.contains(word), "{word} is not in\n{output}");
    }
    let leftovers = std::fs::read_dir(run.path("checkpoints")).unwrap().count();
    assert_eq!(leftovers, 4, "only the checkpoints kept and the best are there");
}

#[test]
fn the_stored_experiment_repeats_the_run_to_the_bit() {
    let bench = Bench::with(TINY);
    let first = bench.run("train.learning_rate={start=0.1,end=0.01} data.binarize=stochastic_each_time");
    bench.ok(&format!("run {}/config.toml --quiet --runs again", first.show()));
    let again = std::fs::read_dir(bench.path("again")).unwrap().next().unwrap().unwrap().path();
    assert_same_bits(&first, &RunDir(again.clone()));
    assert_eq!(first.text("config.toml"), RunDir(again).text("config.toml"));
}

#[test]
fn the_seed_decides_the_run() {
    let bench = Bench::with(TINY);
    assert!(bench.run("").bits() != bench.run("seed=4").bits());
}

#[test]
fn threads_change_no_bit() {
    let bench = Bench::with(TINY);
    for dtype in ["f32", "f64"] {
        let first = bench.run(&format!("--threads 1 dtype={dtype}"));
        for threads in [2, 4] {
            assert_same_bits(&first, &bench.run(&format!("--threads {threads} dtype={dtype}")));
        }
    }
}

#[test]
fn threads_change_no_bit_where_the_work_is_really_shared_out() {
    let wide = TINY
        .replace("[6, 4]", "[200, 150]")
        .replace("height = 3, width = 3", "height = 12, width = 12, examples = 600")
        .replace("batch_size = 5", "batch_size = 120")
        .replace("chains = 7", "chains = 150")
        .replace("epochs = 4", "epochs = 1")
        .replace(", \"exact\"", "")
        .replace("[log]", "log_partition = { ais = { temperatures = 20, chains = 64 } }\nfinal_log_partition = { ais = { temperatures = 20, chains = 64 } }\n[log]");
    for dtype in ["f32", "f64"] {
        let bench = Bench::with(&wide.replace("seed = 3", &format!("seed = 3\ndtype = \"{dtype}\"")));
        let first = bench.run("--threads 1");
        assert_same_bits(&first, &bench.run("--threads 4"));
        for threads in ["1", "4"] {
            let status = bench.command("run tiny.toml --quiet --threads 3").env("RAYON_NUM_THREADS", threads).output();
            assert!(status.unwrap().status.success());
            assert_same_bits(&first, &bench.newest());
        }
    }
}

#[test]
fn all_algorithms_write_the_same_core_logs() {
    let bench = Bench::with(TINY);
    let joint = tags(&bench.run(""));
    let wake_sleep = tags(&bench.run(WAKE_SLEEP));
    let without_joint =
        TINY.split("[train]").next().unwrap().to_string() + "[evaluate]" + TINY.split("[evaluate]").nth(1).unwrap();
    let greedy = Bench::with(&without_joint);
    let pretraining = tags(&greedy.run(""));
    for core in [
        "train/learning_rate",
        "train/reconstruction_error_mean",
        "train/weight_norm/0",
        "train/gradient_norm/1",
        "train/positive_phase_mean/2",
        "train/negative_phase_mean/0",
        "eval/log_partition_nats",
        "eval/log_likelihood_nats_mean",
        "eval/network+1/elbo_nats_mean",
        "eval/exact/kl_nats_mean",
        "final/log_partition_nats",
        "final/exact/kl_nats_mean",
    ] {
        for tags in [&joint, &wake_sleep, &pretraining] {
            assert!(tags.contains(core), "{core} is not among {tags:?}");
        }
    }
    // What the network is taught differs: an answer to the data here, a dream there.
    assert_eq!(joint.difference(&wake_sleep).collect::<Vec<_>>(), ["train/network_kl_nats_mean"]);
}

#[test]
fn every_shape_of_machine_and_batch_runs() {
    let bench = Bench::with(TINY);
    for changes in [
        "model.hidden=[5]",
        "model.hidden=[4,3,2]",
        "model.hidden=[4,3,2,2]",
        "model.hidden=[1,1]",
        "model.hidden=[5,1,3]",
        "train.batch_size=1 pretrain.batch_size=1 train.epochs=1",
        "train.batch_size=1000",
        "pretrain.chains=persistent pretrain.gibbs_sweeps=3",
        "train.algorithm={maximum_likelihood={positive=\"exact\"}}",
        "train.algorithm={maximum_likelihood={positive=\"mean-field\"}}",
        "train.algorithm={maximum_likelihood={positive=\"gibbs:sweeps=3\"}}",
        "train.algorithm={maximum_likelihood={chains=1}}",
        "train.algorithm={maximum_likelihood={centring=0.01}}",
        WAKE_SLEEP,
        "evaluate.every_epochs=0",
        "checkpoint.every_epochs=0",
        "checkpoint.best=false checkpoint.keep=1",
        "data.split.test=1",
        "data.split.validation=2",
        "log.histograms_every_epochs=0 log.images_every_epochs=0",
        "dtype=f64",
    ] {
        let run = bench.run(changes);
        let results = run.json("results.json");
        let log_likelihood = results["log_likelihood_nats_mean"].as_f64().unwrap();
        for scheme in results["schemes"].as_array().unwrap() {
            let elbo = scheme["elbo_nats_mean"].as_f64().unwrap();
            assert!(elbo <= log_likelihood + 1e-4, "{changes}: {scheme}");
            assert!(scheme["kl_nats_mean"].as_f64().unwrap() >= -1e-4, "{changes}: {scheme}");
        }
    }
}

#[test]
fn a_curve_ends_with_the_examples_it_began_with_and_the_conclusion_stands_apart() {
    let bench = Bench::with(TINY);
    let curve = |run: &RunDir, tag: &str| -> Vec<(u64, u64)> {
        let lines = read_metrics(&run.path("metrics.jsonl")).unwrap().into_iter().filter(|line| line.tag == tag);
        lines.map(|line| (line.step, line.value.to_bits())).collect()
    };
    // Nothing moves, and seven examples of fourteen are judged on the way.
    let still = "pretrain.learning_rate=1e-30 train.learning_rate=1e-30 evaluate.examples=7";
    for (changes, points) in [("", 4), ("checkpoint.best=false", 4), ("evaluate.every_epochs=0", 0)] {
        let run = bench.run(&format!("{still} {changes}"));
        let (on_the_way, last) = (curve(&run, "eval/exact/elbo_nats_mean"), curve(&run, "final/exact/elbo_nats_mean"));
        assert_eq!(on_the_way.len(), points, "{changes}");
        assert!(on_the_way.windows(2).all(|pair| pair[0].1 == pair[1].1), "{changes}: {on_the_way:?}");
        let concluded = run.json("results.json")["schemes"][4]["elbo_nats_mean"].as_f64().unwrap();
        assert_eq!(last, [(24, concluded.to_bits())], "{changes}");
        let log_partition = run.json("results.json")["log_partition"]["nats"].as_f64().unwrap();
        assert_eq!(curve(&run, "final/log_partition_nats"), [(24, log_partition.to_bits())], "{changes}");
        if let Some(end) = on_the_way.last() {
            assert!(end.0 == 24 && end.1 != last[0].1, "the other seven examples are judged alike");
        }
    }
}

#[test]
fn each_value_is_logged_once_per_step() {
    let bench = Bench::with(TINY);
    let run = bench.run("");
    let lines = read_metrics(&run.path("metrics.jsonl")).unwrap();
    let distinct: BTreeSet<_> = lines.iter().map(|line| (line.step, line.tag.clone())).collect();
    assert_eq!(lines.len(), distinct.len());
    for file in run.event_files() {
        let mut seen = BTreeSet::new();
        for event in read_events(&file).unwrap().events {
            let Logged::Values(values) = event.logged else { continue };
            for (tag, value) in values {
                let once = seen.insert((event.step, tag.clone()));
                assert!(once || matches!(value, LoggedValue::Other), "{tag} twice at step {}", event.step);
            }
        }
    }
}

#[test]
fn a_trace_ends_with_the_answer_of_the_final_comparison_in_one_block_or_several() {
    let bench = Bench::with(TINY);
    let quick =
        "train.epochs=1 pretrain.epochs=1 evaluate.every_epochs=0 evaluate.final_log_partition={ais={temperatures=5}}";
    // The last is so much work that not all fourteen examples are traced at once.
    for (word, sizes) in [
        ("network+2", "6,4"),
        ("mean-field", "6,4"),
        ("mean-field:sweeps=5", "6,4"),
        ("mean-field:sweeps=150", "1000,900"),
    ] {
        let run = bench.run(&format!("evaluate.schemes=[\"{word}\"] model.hidden=[{sizes}] {quick}"));
        let events = run.event_files().into_iter().filter(|file| file.starts_with(run.path("traces")));
        let events = events.flat_map(|file| read_events(&file).unwrap().events);
        let values = events.flat_map(|e| if let Logged::Values(values) = e.logged { values } else { Vec::new() });
        let elbos = values.filter_map(|(tag, value)| match value {
            LoggedValue::Scalar(nats) if tag == "inference/elbo_unnormalized_nats_mean" => Some(nats),
            _ => None,
        });
        let elbos: Vec<f64> = elbos.collect();
        let last = run.json("results.json")["schemes"][0]["elbo_unnormalized_nats_mean"].as_f64().unwrap();
        // Single precision, of the numbers and of the log.
        assert!((elbos.last().unwrap() - last).abs() < 1e-5 * (1.0 + last.abs()), "{word}: {elbos:?}, {last}");
        assert!(elbos.len() > 1 && elbos.windows(2).all(|pair| pair[1] > pair[0] - 1e-5), "{word}: {elbos:?}");
    }
}

#[test]
fn pictures_and_histograms_are_never_drawn_where_the_experiment_says_never() {
    let bench = Bench::with(TINY);
    let run = bench.run("log.histograms_every_epochs=0 log.images_every_epochs=0");
    for file in run.event_files() {
        for event in read_events(&file).unwrap().events {
            let Logged::Values(values) = event.logged else { continue };
            for (tag, value) in values {
                let drawn = matches!(value, LoggedValue::Image { .. } | LoggedValue::Histogram(_));
                assert!(!drawn, "{tag} at step {}", event.step);
            }
        }
    }
}

#[test]
fn without_tensorboard_there_are_no_event_files_and_the_same_numbers() {
    let bench = Bench::with(TINY);
    let (with, without) = (bench.run(""), bench.run("log.tensorboard=false"));
    assert_eq!(without.event_files(), Vec::<std::path::PathBuf>::new());
    assert_same_bits(&with, &without);
}

#[test]
fn the_best_checkpoint_is_the_one_with_the_highest_held_out_elbo_the_last_included() {
    let bench = Bench::with(TINY);
    // The data it is judged on are those it learns: the longer, the better.
    let run = bench.run("train.epochs=100 train.learning_rate=0.05 evaluate.every_epochs=50");
    let curve = read_metrics(&run.path("metrics.jsonl")).unwrap();
    let elbos: Vec<_> = curve.iter().filter(|line| line.tag == "eval/exact/elbo_nats_mean").collect();
    assert!(elbos[0].value < elbos[1].value && elbos.len() == 2);
    let path = run.path("checkpoints/best.safetensors");
    let saved = dbm::experiment::checkpoint::read(&path, &candle_core::Device::Cpu).unwrap();
    assert_eq!((saved.position.step, elbos[1].step), (312, 312));
}
