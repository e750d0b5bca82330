//! Laws of runs that begin at another run's parameters, and of data whose ink and paper change places.

use crate::bench::{Bench, TINY};
use candle_core::{DType, Device, Tensor};
use dbm::experiment::config::{Binarize, Data, parse};
use dbm::experiment::data::load;
use dbm::math::{Stream, host};
use std::collections::HashMap;
use std::path::Path;

/// Joint training alone, which begins at the file `from`.
fn further(from: &str, lines: &str) -> String {
    let (before, after) = TINY.split_once("[pretrain]").unwrap();
    let (_, training) = after.split_once("[train]").unwrap();
    format!(
        "{}\nfrom = \"{from}\"\n[train]\n{lines}{training}",
        before.replace("name = \"tiny\"", "name = \"further\"")
    )
}

fn tensors(path: &Path) -> HashMap<String, Tensor> {
    candle_core::safetensors::load(path, &Device::Cpu).unwrap()
}

#[test]
fn a_run_begins_at_the_machine_and_the_network_of_another_and_records_the_file() {
    let bench = Bench::with(TINY);
    let first = bench.run("");
    bench.write("further.toml", further(&first.show(), "learning_rate = 0.0\nnetwork = { learning_rate = 0.0 }\n"));
    bench.ok("run further.toml --quiet");
    let further = bench.newest();
    let (there, here) = (tensors(&first.last_checkpoint()), tensors(&further.last_checkpoint()));
    let own = |name: &&String| ["layers.", "bias.", "recognition."].iter().any(|start| name.starts_with(start));
    let names: Vec<&String> = there.keys().filter(own).collect();
    assert_eq!(names.len(), 2 + 3 + 4);
    for name in names {
        assert_eq!(host(&there[name]).unwrap(), host(&here[name]).unwrap(), "{name}");
    }
    let began_at = &further.json("run.json")["began_at"];
    assert!(began_at["path"].as_str().unwrap().ends_with(first.checkpoints().last().unwrap()));
    assert_eq!(began_at["sha256"].as_str().unwrap().len(), 64);
    assert!(first.json("run.json").get("began_at").is_none());
    // A file of another precision, without a network: the network is the machine's own.
    let rest = here.into_iter().filter(|(name, _)| name.starts_with("layers.") || name.starts_with("bias."));
    let alone: HashMap<String, Tensor> =
        rest.map(|(name, tensor)| (name, tensor.to_dtype(DType::F64).unwrap())).collect();
    candle_core::safetensors::save(&alone, bench.path("alone.safetensors")).unwrap();
    bench.ok("run further.toml --quiet model.from=alone.safetensors");
    let found = tensors(&bench.newest().last_checkpoint());
    for (network, machine) in [("recognition.0.weight", "layers.0.weight"), ("recognition.1.bias", "bias.2")] {
        assert_eq!(host(&found[network]).unwrap(), host(&found[machine]).unwrap());
    }
}

#[test]
fn files_that_a_machine_cannot_begin_at_are_refused_with_both_shapes() {
    let bench = Bench::with(TINY);
    let first = bench.run("train.epochs=1");
    let runs = bench.runs().len();
    for (from, change, code, said) in [
        (first.show(), "model.hidden=[5,4]", 4, "holds a machine 9-6-4, and model.from is to begin a machine 9-5-4"),
        (first.show(), "model.hidden=[5,4]", 4, "set model.hidden = [6, 4]"),
        (
            first.show(),
            "data.source.shifting_bar={pixels=8,bar=2}",
            4,
            "a machine 9-6-4, and model.from is to begin a machine 8-6-4",
        ),
        (first.show(), "pretrain.epochs=1", 2, "model.from stands beside [pretrain]"),
        ("nowhere".into(), "seed=4", 4, "nowhere: does not exist"),
    ] {
        bench.write("further.toml", further(&from, ""));
        let output = bench.code(&format!("run further.toml {change}"), code).get_output().clone();
        let message = String::from_utf8(output.stderr).unwrap();
        assert!(message.contains(said), "{message}");
    }
    assert_eq!(bench.runs().len(), runs, "nothing is made for nothing");
}

#[test]
fn flipped_examples_are_one_less_the_examples_however_they_become_binary() {
    let device = Device::Cpu;
    for binarize in [Binarize::None, Binarize::Threshold(0.5), Binarize::StochasticOnce, Binarize::StochasticEachTime] {
        let experiment =
            parse("tiny.toml", &TINY.replace("bars_and_stripes = { height = 3, width = 3 }", "digits = {}"), &[])
                .unwrap();
        let set = |flip: bool| {
            let data = Data { binarize, flip, ..experiment.data.clone() };
            load(&data, DType::F32, &device, Stream::new(1)).unwrap()
        };
        let (plain, flipped) = (set(false), set(true));
        let values = |examples: &dbm::experiment::data::Examples| host(&examples.all(Stream::new(2)).unwrap()).unwrap();
        let sums = values(&plain.test).into_iter().zip(values(&flipped.test)).map(|(one, other)| one + other);
        assert!(sums.into_iter().all(|sum| sum == 1.0));
        for (one, other) in plain.train.mean().into_iter().zip(flipped.train.mean()) {
            assert!((one + other - 1.0).abs() < 1e-12, "{one} and {other}");
        }
        assert!(flipped.notes.iter().any(|note| note.contains("changed places")), "{:?}", flipped.notes);
    }
    let real = TINY.replace(
        "bars_and_stripes = { height = 3, width = 3 } }",
        "natural_image_patches = { side = 3, examples = 9 } }\nflip = true",
    );
    let message = parse("tiny.toml", &real, &[]).unwrap_err().to_string();
    assert!(message.contains("data.flip turns intensities round"), "{message}");
}
