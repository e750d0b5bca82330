//! Laws of `dbm eval`: its numbers are those of plain sums over all states, its fields are the documented ones.

use crate::bench::{Bench, TINY};
use crate::by_hand::{Machine, Means, scatter};
use serde_json::Value;
use std::collections::BTreeSet;

const SCHEMES: &str = "--scheme exact --scheme mean-field --scheme network --scheme network+1 \
                       --scheme mean-field:sweeps=2 --scheme gibbs:sweeps=20";

fn binary_rows(count: usize, units: usize) -> Vec<Vec<f64>> {
    let mut draw = scatter(99);
    (0..count).map(|_| (0..units).map(|_| if draw() > 0.0 { 1.0 } else { 0.0 }).collect()).collect()
}

/// Probabilities, no finer than `f32`, which is what the program keeps of grey values.
fn grey_rows(count: usize, units: usize) -> Vec<Vec<f64>> {
    let mut draw = scatter(98);
    (0..count).map(|_| (0..units).map(|_| f64::from(((draw() + 1.0) / 2.0) as f32)).collect()).collect()
}

/// An .npy file of 64-bit numbers.
pub fn npy(rows: &[Vec<f64>]) -> Vec<u8> {
    let shape = format!("({}, {})", rows.len(), rows[0].len());
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    let header = format!("{{'descr': '<f8', 'fortran_order': False, 'shape': {shape}, }}\n");
    bytes.extend((header.len() as u16).to_le_bytes());
    bytes.extend(header.bytes());
    rows.iter().flatten().for_each(|value| bytes.extend(value.to_le_bytes()));
    bytes
}

fn npz(name: &str, rows: &[Vec<f64>]) -> Vec<u8> {
    use std::io::Write;
    let mut archive = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    archive.start_file(format!("{name}.npy"), zip::write::SimpleFileOptions::default()).unwrap();
    archive.write_all(&npy(rows)).unwrap();
    archive.finish().unwrap().into_inner()
}

/// An IDX file of bytes: 255 is full intensity.
fn idx(rows: &[Vec<f64>]) -> Vec<u8> {
    let mut bytes = vec![0, 0, 8, 2];
    [rows.len(), rows[0].len()].iter().for_each(|&side| bytes.extend((side as u32).to_be_bytes()));
    bytes.extend(rows.iter().flatten().map(|value| (value * 255.0) as u8));
    bytes
}

fn amat(rows: &[Vec<f64>]) -> String {
    rows.iter().map(|row| row.iter().map(f64::to_string).collect::<Vec<_>>().join(" ") + "\n").collect()
}

fn bench(machine: &Machine, rows: &[Vec<f64>]) -> Bench {
    let bench = Bench::new();
    bench.write("model.safetensors", machine.file());
    bench.write("data.npy", npy(rows));
    bench
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or_else(|| panic!("{value} is no number"))
}

fn scheme<'a>(results: &'a Value, name: &str) -> &'a Value {
    let mut schemes = results["schemes"].as_array().unwrap().iter();
    schemes.find(|scheme| scheme["name"] == name).unwrap_or_else(|| panic!("no scheme {name} in {results}"))
}

fn mean(rows: &[Vec<f64>], of: impl Fn(&[f64]) -> f64) -> f64 {
    rows.iter().map(|row| of(row)).sum::<f64>() / rows.len() as f64
}

#[track_caller]
fn close(value: &Value, expected: f64, tolerance: f64) {
    assert!((number(value) - expected).abs() <= tolerance, "{value} is not {expected}");
}

/// Every number of a factorial scheme, against the sums by hand.
fn is_judged_right(
    results: &Value,
    machine: &Machine,
    rows: &[Vec<f64>],
    name: &str,
    q: &dyn Fn(&[f64]) -> Means,
    tolerance: f64,
) {
    let row = scheme(results, name);
    let unnormalized = mean(rows, |v| machine.elbo_unnormalized(v, &q(v)));
    close(&row["elbo_unnormalized_nats_mean"], unnormalized, tolerance);
    close(&row["elbo_nats_mean"], unnormalized - machine.log_partition(), tolerance);
    close(&row["kl_nats_mean"], mean(rows, |v| machine.log_evidence(v)) - unnormalized, tolerance);
    close(&row["marginal_error_mean"], mean(rows, |v| machine.marginal_error(v, &q(v))), tolerance);
}

fn all_numbers_are_right(results: &Value, machine: &Machine, rows: &[Vec<f64>], tolerance: f64) {
    let log_partition = machine.log_partition();
    close(&results["log_partition"]["nats"], log_partition, tolerance);
    close(&results["log_likelihood_nats_mean"], mean(rows, |v| machine.log_evidence(v)) - log_partition, tolerance);
    let network = |v: &[f64]| machine.network(v);
    let refined = |v: &[f64]| machine.mean_field(v, machine.network(v), 1);
    let two = |v: &[f64]| machine.mean_field(v, machine.half(), 2);
    let converged = |v: &[f64]| machine.mean_field(v, machine.half(), 1000);
    is_judged_right(results, machine, rows, "network", &network, tolerance);
    is_judged_right(results, machine, rows, "network+1", &refined, tolerance);
    is_judged_right(results, machine, rows, "mean-field:sweeps=2", &two, tolerance);
    is_judged_right(results, machine, rows, "mean-field", &converged, tolerance);
    let exact = scheme(results, "exact");
    close(&exact["kl_nats_mean"], 0.0, tolerance);
    close(&exact["marginal_error_mean"], 0.0, tolerance);
    close(&exact["elbo_nats_mean"], number(&results["log_likelihood_nats_mean"]), tolerance);
    assert_eq!(scheme(results, "mean-field")["converged_fraction"], 1.0);
    for unwatched in ["exact", "network", "network+1", "mean-field:sweeps=2", "gibbs:sweeps=20"] {
        assert_eq!(scheme(results, unwatched)["converged_fraction"], Value::Null, "{unwatched} has no tolerance");
    }
    assert_eq!(scheme(results, "network+1")["sweeps_mean"], 1.0);
    assert_eq!(scheme(results, "network")["sweeps_mean"], 0.0);
    assert_eq!(scheme(results, "gibbs:sweeps=20")["sweeps_mean"], 70.0);
}

#[test]
fn every_number_is_that_of_plain_sums_over_all_states() {
    for (sizes, seed) in [(vec![6, 4, 3], 1), (vec![5, 6], 2), (vec![5, 3, 2, 3], 3), (vec![4, 2, 3, 2, 1], 4)] {
        let machine = Machine::random(&sizes, 0.9, seed);
        for rows in [binary_rows(7, sizes[0]), grey_rows(7, sizes[0])] {
            let bench = bench(&machine, &rows);
            let results =
                bench.json(&format!("eval model.safetensors --data data.npy --json --log-partition exact {SCHEMES}"));
            all_numbers_are_right(&results, &machine, &rows, 1e-9);
        }
    }
}

#[test]
fn single_precision_is_close_and_can_be_widened() {
    let machine = Machine::random(&[6, 4, 3], 0.9, 5);
    let rows = binary_rows(9, 6);
    let bench = bench(&machine, &rows);
    let narrow =
        machine.tensors().into_iter().map(|(name, tensor)| (name, tensor.to_dtype(candle_core::DType::F32).unwrap()));
    let bytes = dbm::experiment::model_file::to_bytes(&narrow.collect::<Vec<_>>(), None).unwrap();
    bench.write("model.safetensors", bytes);
    let single = bench.json(&format!("eval model.safetensors --data data.npy --json {SCHEMES}"));
    all_numbers_are_right(&single, &machine, &rows, 1e-4);
    let double = bench.json(&format!("eval model.safetensors --data data.npy --json --dtype f64 {SCHEMES}"));
    all_numbers_are_right(&double, &machine, &rows, 1e-6);
    // Wider arithmetic goes on to a finer tolerance.
    let sweeps = |results: &Value| number(&scheme(results, "mean-field")["sweeps_mean"]);
    assert!(sweeps(&double) > sweeps(&single));
}

#[test]
fn the_json_has_the_documented_fields_and_no_others() {
    let machine = Machine::random(&[6, 4, 3], 0.9, 6);
    let bench = bench(&machine, &binary_rows(4, 6));
    let keys = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<BTreeSet<_>>();
    let set = |words: &str| words.split_whitespace().map(str::to_string).collect::<BTreeSet<_>>();
    let plain = bench.json(&format!("eval model.safetensors --data data.npy --json {SCHEMES}"));
    let fields = "sizes model data examples examples_sha256 log_partition log_likelihood_nats_mean log_likelihood_guarantee schemes warnings";
    assert_eq!(keys(&plain), set(fields));
    assert_eq!(keys(&plain["log_partition"]), set("nats error lower upper guarantee method"));
    assert_eq!(plain["log_partition"]["method"], "exact");
    assert_eq!(plain["log_partition"]["guarantee"], "exact");
    assert_eq!(plain["log_partition"]["error"], Value::Null);
    let row = "name elbo_nats_mean elbo_nats_error elbo_guarantee elbo_unnormalized_nats_mean gap_nats_mean gap_nats_error gap_guarantee \
               kl_nats_mean kl_guarantee marginal_error_mean reconstruction_error_mean sweeps_mean converged_fraction time_us_per_example";
    let named: Vec<_> = plain["schemes"].as_array().unwrap().iter().map(|row| row["name"].clone()).collect();
    assert_eq!(named, ["exact", "mean-field", "network", "network+1", "mean-field:sweeps=2", "gibbs:sweeps=20"]);
    for scheme in plain["schemes"].as_array().unwrap() {
        assert_eq!(keys(scheme), set(row));
        // The bound of the true posterior is tight.
        let promise = if scheme["name"] == "exact" { "exact" } else { "lower_bound" };
        assert_eq!(scheme["elbo_guarantee"], promise);
        assert_eq!(scheme["kl_guarantee"], "exact");
    }
    let each = bench.json(&format!("eval model.safetensors --data data.npy --json --per-example {SCHEMES}"));
    assert_eq!(each["log_likelihood_nats"].as_array().unwrap().len(), 4);
    for scheme in each["schemes"].as_array().unwrap() {
        let arrays = &scheme["per_example"];
        let mut names = set("elbo_nats elbo_unnormalized_nats kl_nats marginal_error reconstruction_error sweeps");
        names.extend((scheme["name"] == "mean-field").then(|| "converged".to_string()));
        assert_eq!(keys(arrays), names);
        for (name, array) in arrays.as_object().unwrap() {
            let array = array.as_array().unwrap();
            assert_eq!(array.len(), 4);
            if let Some(mean) = scheme.get(format!("{name}_mean")) {
                close(mean, array.iter().map(number).sum::<f64>() / 4.0, 1e-12);
            }
        }
    }
}

#[test]
fn every_format_of_data_gives_the_same_numbers() {
    let machine = Machine::random(&[6, 4, 3], 0.9, 7);
    let rows = binary_rows(6, 6);
    let bench = bench(&machine, &rows);
    bench.write("data.npz", npz("pixels", &rows));
    bench.write("data-idx2-ubyte", idx(&rows));
    bench.write("data.amat", amat(&rows));
    for file in ["data.npy", "data.npz", "data.npz --array pixels", "data-idx2-ubyte", "data.amat"] {
        let results = bench.json(&format!("eval model.safetensors --data {file} --json {SCHEMES}"));
        all_numbers_are_right(&results, &machine, &rows, 1e-9);
    }
}

#[test]
fn annealing_is_within_four_of_its_errors() {
    for seed in 10..14 {
        let machine = Machine::random(&[8, 5, 3], 1.0, seed);
        let bench = bench(&machine, &binary_rows(6, 8));
        let results =
            bench.json(&format!("eval model.safetensors --data data.npy --json --log-partition ais --seed {seed}"));
        let (nats, error) = (number(&results["log_partition"]["nats"]), number(&results["log_partition"]["error"]));
        assert!(
            (nats - machine.log_partition()).abs() < 4.0 * error,
            "{nats} ± {error}, not {}",
            machine.log_partition()
        );
        assert_eq!(results["log_partition"]["method"], "ais");
        assert_eq!(results["log_partition"]["guarantee"], "estimate");
        // A bound minus an estimate is no bound.
        assert_eq!(scheme(&results, "mean-field")["elbo_guarantee"], "estimate");
    }
}

#[test]
fn too_few_temperatures_get_a_loud_warning() {
    let bench = bench(&Machine::random(&[10, 12, 8], 4.0, 20), &binary_rows(6, 10));
    let words = "eval model.safetensors --data data.npy --log-partition ais --temperatures 2 --chains 20";
    let text = bench.ok(words);
    assert!(text.contains("warning: This log Z is unreliable"), "{text}");
    assert_eq!(bench.json(&format!("{words} --json"))["warnings"].as_array().unwrap().len(), 1);
}

#[test]
fn parallel_updates_that_swing_for_ever_are_not_called_converged() {
    // Two hidden units that want to be equal, started on either side: all at once, each copies what the other was.
    let swing = Machine {
        weights: vec![vec![vec![0.0]], vec![vec![20.0]]],
        biases: vec![vec![0.0], vec![-9.0], vec![-11.0]],
        recognition_weights: vec![vec![vec![0.0]], vec![vec![0.0]]],
        recognition_biases: vec![vec![0.0], vec![0.0]],
    };
    let bench = bench(&swing, &[vec![1.0], vec![0.0], vec![1.0]]);
    let results = bench.json(
        "eval model.safetensors --data data.npy --json --scheme mean-field --scheme mean-field:schedule=parallel",
    );
    let parallel = scheme(&results, "mean-field:schedule=parallel");
    assert_eq!((&parallel["converged_fraction"], &parallel["sweeps_mean"]), (&0.0.into(), &500.0.into()));
    let ascending = scheme(&results, "mean-field");
    assert_eq!(ascending["converged_fraction"], 1.0);
    assert!(number(&ascending["sweeps_mean"]) < 500.0);
}

#[test]
fn a_run_its_checkpoints_and_its_best_are_judged_as_the_run_judged_itself() {
    let bench = Bench::with(TINY);
    let run = bench.run("data.binarize=stochastic_each_time");
    let own = run.json("results.json");
    let last = run.last_checkpoint().display().to_string();
    for model in [run.show(), last, "step-0000000024.safetensors".into()] {
        // A bare name from within the folder works too.
        let mut command =
            bench.command(&format!("eval {model} --json --scheme network --scheme mean-field --scheme exact"));
        if !model.contains('/') {
            command.current_dir(run.path("checkpoints"));
        }
        let output = crate::bench::calm(command.output().unwrap());
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let results: Value = serde_json::from_slice(&output.stdout).unwrap();
        for field in ["sizes", "data", "examples", "log_partition", "log_likelihood_nats_mean"] {
            assert_eq!(results[field], own[field], "{field}");
        }
        for name in ["network", "mean-field", "exact"] {
            assert_eq!(scheme(&results, name)["elbo_nats_mean"], scheme(&own, name)["elbo_nats_mean"]);
        }
    }
    bench.json(&format!("eval {}/checkpoints/best.safetensors --json", run.show()));
}

#[test]
fn a_run_is_judged_and_sampled_by_its_newest_whole_checkpoint_and_says_which_and_why() {
    let bench = Bench::with(TINY);
    let run = bench.run("");
    let name = |step: &str| format!("{}/checkpoints/step-00000000{step}.safetensors", run.show());
    let (eval, sample) = (format!("eval {}", run.show()), format!("sample {} --count 1 --sweeps 1", run.show()));
    let says = |step: &str, warnings: usize| {
        for words in [&eval, &sample] {
            let found = bench.json(&format!("{words} --json"));
            assert_eq!(found["model"], serde_json::json!({ "file": name(step), "step": step.parse::<u64>().unwrap() }));
            assert_eq!(found["warnings"].as_array().unwrap().len(), warnings, "{found}");
            let text = bench.ok(words);
            assert!(text.contains(&format!("\nmodel: {} (step {step})\n", name(step))), "{text}");
            let damaged = text.lines().filter(|line| line.starts_with("warning: ") && line.contains(&name("24")));
            assert_eq!(damaged.count(), warnings, "{text}");
        }
    };
    says("24", 0);
    std::fs::write(name("24"), b"torn").unwrap();
    says("21", 1);
    // What is no checkpoint has no step.
    bench.write("model.safetensors", Machine::random(&[9, 3, 2], 1.0, 5).file());
    let found = bench.json("sample model.safetensors --count 1 --sweeps 1 --json");
    assert_eq!(found["model"], serde_json::json!({ "file": "model.safetensors", "step": null }));
}

#[test]
fn a_run_is_not_judged_on_other_data_than_its_own() {
    let bench = Bench::with(
        &TINY.replace("{ bars_and_stripes = { height = 3, width = 3 } }", "{ files = { train = \"x.amat\" } }"),
    );
    let rows = binary_rows(20, 9);
    bench.write("x.amat", amat(&rows));
    let run = bench.run("");
    bench.json(&format!("eval {} --json", run.show()));
    bench.write("x.amat", amat(&binary_rows(21, 9)));
    let message = bench.refusal(&format!("eval {}", run.show()));
    assert!(message.starts_with("exit 4\n"), "{message}");
    assert!(message.contains("the data files are not those the run was started with"), "{message}");
    // Data that are named are taken as they are.
    bench.json(&format!("eval {} --data x.amat --json", run.show()));
}

#[test]
fn a_part_of_the_examples_lies_evenly_over_all_of_them() {
    let machine = Machine::random(&[6, 4, 3], 0.9, 30);
    let rows = binary_rows(7, 6);
    let results =
        bench(&machine, &rows).json(&format!("eval model.safetensors --data data.npy --examples 3 --json {SCHEMES}"));
    assert_eq!(results["examples"], 3);
    // Seven rows, of which some order may have made the first alike.
    let part = [0, 2, 4].map(|row| rows[row].clone());
    all_numbers_are_right(&results, &machine, &part, 1e-9);
}

#[test]
fn options_of_a_way_to_log_z_imply_it() {
    let bench = bench(&Machine::random(&[6, 4, 3], 0.9, 31), &binary_rows(4, 6));
    let method = |options: &str| {
        let results = bench.json(&format!("eval model.safetensors --data data.npy --json {options}"));
        let found = &results["log_partition"];
        (found["method"].as_str().unwrap().to_string(), found["error"].is_number())
    };
    for options in
        ["--temperatures 20", "--chains 30", "--temperatures 20 --chains 30", "--log-partition ais --chains 30"]
    {
        assert_eq!(method(options), ("ais".into(), true), "{options}");
    }
    for options in ["", "--max-bits 30", "--log-partition exact --max-bits 6"] {
        assert_eq!(method(options), ("exact".into(), false), "{options}");
    }
    // The number given is the number used.
    let few = bench.json("eval model.safetensors --data data.npy --json --chains 7 --temperatures 1000");
    assert!((number(&few["log_partition"]["effective_chains"]) - 7.0).abs() < 0.1, "{few}");
}

#[test]
fn blanks_around_a_scheme_s_word_are_no_part_of_it() {
    let bench = bench(&Machine::random(&[6, 4, 3], 0.9, 32), &binary_rows(4, 6));
    let mut command = bench.command("eval model.safetensors --data data.npy --json --scheme gibbs:sweeps=3 --scheme");
    let output = crate::bench::calm(command.arg(" mean-field ").output().unwrap());
    let results: Value = serde_json::from_slice(&output.stdout).unwrap();
    let plain = "eval model.safetensors --data data.npy --json --scheme gibbs:sweeps=3 --scheme mean-field";
    let plain = crate::bench::without_times(bench.json(plain));
    assert_eq!(crate::bench::without_times(results), plain);
    let twice = bench
        .command("eval model.safetensors --data data.npy --scheme mean-field --scheme")
        .arg(" mean-field")
        .output();
    assert_eq!(crate::bench::calm(twice.unwrap()).status.code(), Some(2));
}

#[test]
fn progress_is_shown_to_nobody_but_a_terminal() {
    let bench = bench(&Machine::random(&[6, 4, 3], 0.9, 33), &binary_rows(4, 6));
    let output = bench.output("eval model.safetensors --data data.npy --scheme gibbs:sweeps=20000 --temperatures 2000");
    assert_eq!((output.status.code(), String::from_utf8_lossy(&output.stderr).as_ref()), (Some(0), ""));
}
