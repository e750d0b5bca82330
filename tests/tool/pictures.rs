//! Samples with some units held, looks along chains, and the files of pictures.

use crate::bench::{Bench, RunDir, TINY};
use crate::by_hand::Machine;
use candle_core::Tensor;

/// Width and height of a PNG file in tiles of so many pixels.
fn tiles(bench: &Bench, name: &str, [height, width]: [u32; 2]) -> (u32, u32) {
    let file = std::io::BufReader::new(std::fs::File::open(bench.path(name)).unwrap());
    let decoder = png::Decoder::new(file).read_info().unwrap();
    let info = decoder.info();
    let scale = 32_u32.div_ceil(height.max(width));
    ((info.width - 1) / (width * scale + 1), (info.height - 1) / (height * scale + 1))
}

fn values(bench: &Bench, words: &str) -> Vec<Vec<f32>> {
    bench.ok(&format!("sample {words} --out values.npy"));
    Tensor::read_npy(bench.path("values.npy")).unwrap().to_vec2::<f32>().unwrap()
}

#[test]
fn what_is_held_stays_as_it_is_and_the_rest_is_filled_in() {
    let bench = Bench::new();
    bench.write("model.safetensors", Machine::random(&[12, 5, 3], 0.5, 1).file());
    bench.write("data.amat", "0 1 0 1 1 1 0 0 1 0 1 0\n1 0 0 0 1 0 1 1 0 1 1 1\n");
    bench.write("mask.amat", "1 0 0 0 0 0 0 0 0 0 0 1\n");
    let data = [[0, 1, 0, 1, 1, 1, 0, 0, 1, 0, 1, 0], [1, 0, 0, 0, 1, 0, 1, 1, 0, 1, 1, 1]];
    let pixels = |of: fn(usize) -> bool| (0..12).filter(|&pixel| of(pixel)).collect::<Vec<usize>>();
    let cases = [
        ("left", pixels(|pixel| pixel % 4 < 2)),
        ("right", pixels(|pixel| pixel % 4 >= 2)),
        ("top", pixels(|pixel| pixel < 4)),
        ("bottom", pixels(|pixel| pixel >= 4)),
        ("rows=1..2", pixels(|pixel| pixel >= 4)),
        ("columns=3", pixels(|pixel| pixel % 4 == 3)),
        ("pixels=mask.amat", vec![0, 11]),
    ];
    for (clamp, held) in cases {
        for how in ["--states --sweeps 3", "--sweeps 3", "--mean-field", "--states --start data --sweeps 3"] {
            let words = format!("model.safetensors --data data.amat --shape 3x4 --clamp {clamp} {how}");
            let found = values(&bench, &words);
            assert_eq!(found.len(), 2, "{words}");
            for (found, data) in found.iter().zip(&data) {
                assert!(held.iter().all(|&pixel| found[pixel] == data[pixel] as f32), "{words}: {found:?}");
            }
            if !how.contains("--states") {
                let free = (0..12).filter(|pixel| !held.contains(pixel));
                assert!(free.clone().all(|pixel| found[0][pixel] > 0.0 && found[0][pixel] < 1.0), "{words}: {found:?}");
            }
        }
        let words = format!("sample model.safetensors --data data.amat --shape 3x4 --clamp {clamp} --sweeps 3 --json");
        let written = bench.json(&words);
        assert_eq!(written["held"], held.len());
        assert!(written["missing_error_mean"].as_f64().is_some_and(|error| error > 0.0 && error < 1.0), "{written}");
        // The examples, what is told of them, and the samples.
        assert_eq!(tiles(&bench, "samples.png", [3, 4]), (2, 3));
    }
}

#[test]
fn a_unit_that_is_held_decides_what_is_sampled() {
    let bench = Bench::new();
    // The second unit of the second hidden layer alone switches the only other units on or off.
    let strong = |rows: usize, columns: usize| vec![vec![8.0; columns]; rows];
    let machine = Machine {
        weights: vec![strong(2, 1), vec![vec![0.0, 16.0]]],
        biases: vec![vec![-4.0; 2], vec![-16.0], vec![0.0; 2]],
        ..Machine::random(&[2, 1, 2], 0.1, 1)
    };
    bench.write("model.safetensors", machine.file());
    for (value, expected) in [(0, 0.0), (1, 1.0)] {
        let words = format!("model.safetensors --count 50 --sweeps 20 --clamp hidden.2:1={value}");
        let mean = values(&bench, &words).concat().iter().sum::<f32>() / 100.0;
        assert!((mean - expected).abs() < 0.1, "held at {value}: {mean}");
    }
    assert!(values(&bench, "model.safetensors --count 3 --clamp visible:1=1").iter().all(|row| row[1] == 1.0));
}

#[test]
fn looks_along_chains_are_rows_that_begin_with_the_data() {
    let bench = Bench::new();
    bench.write("model.safetensors", Machine::random(&[12, 5], 0.5, 1).file());
    bench.write("data.amat", "0 1 0 1 1 1 0 0 1 0 1 0\n1 0 0 0 1 0 1 1 0 1 1 1\n1 1 1 1 1 1 1 1 1 1 1 1\n");
    let sample = "model.safetensors --shape 3x4 --grid 4x3 --sweeps 2 --states";
    let free = values(&bench, sample);
    let from_data = values(&bench, &format!("{sample} --start data --data data.amat"));
    assert_eq!((free.len(), from_data.len()), (12, 12));
    assert_eq!(from_data[2], [1.0; 12]);
    assert!(free[..3] != free[3..6] && free[3..6] != free[6..9], "chains move from look to look");
    // The first look is where as many samples are that nobody follows.
    assert_eq!(free[..3], values(&bench, "model.safetensors --count 3 --sweeps 2 --states"));
    bench.ok(&format!("sample {sample} --start data --data data.amat --out looks.png"));
    assert_eq!(tiles(&bench, "looks.png", [3, 4]), (3, 4));
}

#[test]
fn requests_that_hold_nothing_sensible_are_refused() {
    let bench = Bench::new();
    bench.write("model.safetensors", Machine::random(&[12, 5], 0.5, 1).file());
    bench.write("data.amat", "0 1 0 1 1 1 0 0 1 0 1 0\n");
    bench.write("mask.amat", "1 0 1\n");
    for (words, code, message) in [
        ("--clamp middle", 2, "expected left, right, top, bottom, rows=FIRST..LAST"),
        ("--clamp hidden.0:1=1", 2, "expected left"),
        ("--clamp hidden.1:1=2", 2, "give a value from 0 to 1"),
        ("--clamp rows=4..2", 2, "expected left"),
        ("--clamp hidden.2:1=1", 2, "--clamp names hidden layer 2 of 1"),
        ("--clamp label=3", 2, "the machine has no label units"),
        ("--clamp hidden.1:5=1", 2, "numbered from 0 to 4"),
        ("--clamp hidden.1:1=1 --clamp hidden.1:1=0", 2, "holds unit 1 of hidden layer 1 at two values"),
        ("--clamp left", 2, "name the examples: --data FILE"),
        (
            "--clamp left --clamp visible:0=1 --data data.amat --shape 3x4",
            2,
            "unit 0 of the visible layer at two values",
        ),
        ("--clamp rows=0..3 --data data.amat --shape 3x4", 2, "goes beyond the picture, which has 3"),
        ("--clamp top --clamp bottom --data data.amat --shape 3x4", 2, "leaves no pixel to fill in"),
        ("--clamp pixels=mask.amat --data data.amat --shape 3x4", 3, "a mask of 3 x 4 pixels has 12"),
        ("--clamp left --data data.amat --count 2", 2, "2 samples are asked for, and there are 1 examples"),
        ("--data data.amat", 2, "is not looked at"),
        ("--mean-field", 2, "--clamp"),
        ("--grid 3x2 --count 5", 2, "cannot be used with"),
        ("--grid 3", 2, "expected rows x chains"),
    ] {
        let refusal = bench.refusal(&format!("sample model.safetensors {words}"));
        assert!(refusal.starts_with(&format!("exit {code}\n")) && refusal.contains(message), "{words}: {refusal}");
        assert!(!bench.path("samples.png").exists(), "{words}");
    }
}

/// The names of the pictures in a folder.
fn names(folder: &std::path::Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap();
    let mut names: Vec<String> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

const MULTI: &str = "train.algorithm={multi_prediction={sweeps=3,optimizer=\"adam\"}} train.learning_rate=0.01";

#[test]
fn a_run_leaves_its_pictures_as_files_and_the_command_draws_the_same() {
    let bench = Bench::with(TINY);
    let run: RunDir = bench.run("");
    let expected = [
        "chains-probabilities.png",
        "chains-states.png",
        "filters-layer_1.png",
        "filters-layer_2.png",
        "posterior_means-hidden_1.png",
        "posterior_means-hidden_2.png",
        "reconstructions-data_above_reconstruction.png",
        "samples-from_data_probabilities.png",
        "samples-from_random_starts_probabilities.png",
        "samples-from_random_starts_states.png",
        "samples-given_the_left_half.png",
        "samples-given_the_top_half.png",
    ];
    assert_eq!(names(&run.path("pictures")), expected);
    let written = bench.json(&format!("pictures {} --out drawn --json", run.show()));
    assert_eq!(written["files"].as_array().unwrap().len(), expected.len());
    assert_eq!(names(&bench.path("drawn")), expected);
    for name in expected.iter().filter(|name| name.starts_with("filters") || name.starts_with("chains")) {
        let read = |path| std::fs::read(path).unwrap();
        assert!(read(run.path("pictures").join(name)) == read(bench.path("drawn").join(name)), "{name} differs");
    }
    let off = bench.run("log.images_every_epochs=0");
    assert!(!off.path("pictures").exists(), "pictures that nobody asked for");
}

#[test]
fn multi_prediction_trains_without_pretraining_and_reads_no_setting_of_the_network() {
    let bench = Bench::with(&TINY.replace("[pretrain]\nepochs = 2\nbatch_size = 5\n", ""));
    let run = bench.run(MULTI);
    let text = String::from_utf8(run.read("metrics.jsonl")).unwrap();
    assert!(text.contains("train/prediction_loss_of_unit_nats_mean"), "{text}");
    let shown = bench.ok(&format!("config show tiny.toml {MULTI}"));
    for line in ["sweeps = 3", "drop = 0.5", "optimizer = \"adam\""] {
        assert!(shown.contains(line), "{line}: {shown}");
    }
    let noted = bench.output(&format!("run tiny.toml {MULTI} train.network.learning_rate=0.1 train.momentum=0.9"));
    let noted = String::from_utf8(noted.stderr).unwrap();
    assert!(noted.contains("train.momentum, train.network.learning_rate change nothing"), "{noted}");
    for (change, message) in [("drop=0", "something must be missing"), ("drop=1.0", "seen"), ("sweeps=0", "is 0")] {
        let refusal =
            bench.refusal(&format!("config check tiny.toml train.algorithm={{multi_prediction={{{change}}}}}"));
        assert!(refusal.starts_with("exit 2\n") && refusal.contains(message), "{change}: {refusal}");
    }
}

/// Whether the middle of each tile of a line is light, left to right.
fn light(bench: &Bench, name: &str, line: u32, [height, width]: [u32; 2]) -> Vec<bool> {
    let file = std::io::BufReader::new(std::fs::File::open(bench.path(name)).unwrap());
    let mut reader = png::Decoder::new(file).read_info().unwrap();
    let mut bytes = vec![0; reader.output_buffer_size().unwrap()];
    let info = reader.next_frame(&mut bytes).unwrap();
    let scale = 32_u32.div_ceil(height.max(width));
    let [down, across] = [height, width].map(|pixels| pixels * scale + 1);
    let row = (line * down + down / 2) as usize * info.line_size;
    let value = |tile: u32| bytes[row + (tile * across + across / 4) as usize * info.color_type.samples()];
    (0..(info.width - 1) / across).map(|tile| value(tile) > 127).collect()
}

#[test]
fn pictures_show_examples_from_all_over() {
    let bench = Bench::new();
    bench.write("model.safetensors", Machine::random(&[4, 3, 2], 0.5, 1).file());
    // Files may be in order of their classes.
    bench.write("data.amat", "0 0 0 0\n".repeat(60) + &"1 1 1 1\n".repeat(60));
    bench.ok("pictures model.safetensors --data data.amat --out drawn");
    let half = [vec![false; 5], vec![true; 5]].concat();
    assert_eq!(light(&bench, "drawn/samples-from_data_probabilities.png", 0, [2, 2]), half);
    // Two lines of examples, each with what is told of them and what is filled in below.
    for (line, expected) in [(0, false), (3, true)] {
        assert_eq!(light(&bench, "drawn/samples-given_the_left_half.png", line, [2, 2]), [expected; 10]);
    }
    let name = "drawn/reconstructions-data_above_reconstruction.png";
    assert_eq!([0, 2, 4, 6].map(|line| light(&bench, name, line, [2, 2])[9]), [false, false, true, true]);
}
