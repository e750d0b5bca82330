//! Laws of the data sets: what was written is read, damage is named, splits cover, draws repeat.

mod damage;
pub mod files;

use candle_core::{DType, Device, Tensor};
use dbm::experiment::config::{Amount, Binarize, Data, Files, Source, Split, parse};
use dbm::experiment::data::{Dataset, Examples, FileOptions, catalogue, load, load_examples};
use dbm::math::{Stream, host};
use files::*;
use std::collections::{HashMap, HashSet};
use std::fs;
use std::path::PathBuf;

fn prepared(data: &Data, dtype: DType) -> Dataset {
    load(data, dtype, &Device::Cpu, stream()).unwrap()
}

fn single(source: Source) -> Dataset {
    prepared(&plain(source), DType::F32)
}

fn digits(binarize: Binarize, dtype: DType) -> Dataset {
    prepared(&Data { binarize, ..plain(Source::Digits {}) }, dtype)
}

fn rows_of(examples: &Examples) -> Vec<Vec<u8>> {
    let values: Vec<u8> = values(examples).iter().map(|&v| (v * 255.0).round() as u8).collect();
    values.chunks(examples.units()).map(<[u8]>::to_vec).collect()
}

#[test]
fn every_format_reads_back_what_was_written() {
    let folder = Folder::new();
    let bytes = images();
    let expected: Vec<f64> = bytes.iter().map(|&v| f64::from(v) / 255.0).collect();
    let wide = |write: &dyn Fn(u8) -> Vec<u8>| bytes.iter().flat_map(|&v| write(v)).collect::<Vec<u8>>();
    let dims = [7, 3, 5];
    let shape = "(7, 3, 5)";
    let integers = [
        idx(0x08, &dims, &bytes),
        idx(0x09, &dims, &bytes),
        idx(0x0b, &dims, &wide(&|v| i16::from(v).to_be_bytes().into())),
        idx(0x0c, &dims, &wide(&|v| i32::from(v).to_be_bytes().into())),
        npy("|u1", "False", shape, &bytes),
        npy("|i1", "False", shape, &bytes),
        npy("<u2", "False", shape, &wide(&|v| u16::from(v).to_le_bytes().into())),
        npy("<i2", "False", shape, &wide(&|v| i16::from(v).to_le_bytes().into())),
        npy(">i4", "False", shape, &wide(&|v| i32::from(v).to_be_bytes().into())),
        npy("<u4", "False", shape, &wide(&|v| u32::from(v).to_le_bytes().into())),
        npy("<i8", "False", shape, &wide(&|v| i64::from(v).to_le_bytes().into())),
        npy("<u8", "False", shape, &wide(&|v| u64::from(v).to_le_bytes().into())),
        npz(&[("digits", npy("|u1", "False", shape, &bytes))]),
    ];
    for bytes in &integers {
        let loaded = folder.read(bytes, &double()).unwrap();
        assert_eq!((loaded.shape, loaded.examples.len()), ([3, 5], 7));
        assert_eq!(values(&loaded.examples), expected);
    }
    let singles: Vec<f64> = expected.iter().map(|&v| f64::from(v as f32)).collect();
    let unit = |v: u8| f64::from(v) / 255.0;
    let floats = [
        idx(0x0d, &dims, &wide(&|v| (unit(v) as f32).to_be_bytes().into())),
        idx(0x0e, &dims, &wide(&|v| unit(v).to_be_bytes().into())),
        npy("<f4", "False", shape, &wide(&|v| (unit(v) as f32).to_le_bytes().into())),
        npy("<f8", "False", shape, &wide(&|v| unit(v).to_le_bytes().into())),
        bytes
            .chunks(15)
            .map(|row| row.iter().map(|&v| unit(v).to_string() + " ").collect::<String>() + "\r\n")
            .collect::<String>()
            .into(),
    ];
    for bytes in &floats {
        assert_eq!(folder.values(bytes), singles);
    }
}

#[test]
fn candles_own_arrays_are_read() {
    let folder = Folder::new();
    let tensor = Tensor::from_vec(vec![0f32, 0.25, 0.5, 1.0, 0.75, 0.125], (2, 3), &Device::Cpu).unwrap();
    let (npy, npz) = (folder.path("a.npy"), folder.path("a.npz"));
    tensor.write_npy(&npy).unwrap();
    Tensor::write_npz(&[("first", tensor.clone()), ("second", tensor.clone())], &npz).unwrap();
    let second = FileOptions { array: Some("second".into()), ..double() };
    for (path, options) in [(&npy, &double()), (&npz, &second)] {
        let loaded = load_examples(path, options, stream()).unwrap();
        assert_eq!(values(&loaded.examples), host(&tensor).unwrap());
        assert_eq!(loaded.shape, [1, 3], "3 is no square");
    }
}

#[test]
fn fortran_order_is_put_in_order_of_examples() {
    // Element (n, y, x) of 2 x 2 x 3 holds 100 n + 10 y + x; the first index varies fastest in the file.
    let element = |n: usize, y: usize, x: usize| (100 * n + 10 * y + x) as u8;
    let mut body = Vec::new();
    (0..3).for_each(|x| (0..2).for_each(|y| (0..2).for_each(|n| body.push(element(n, y, x)))));
    let found = Folder::new().values(&npy("|u1", "True", "(2, 2, 3)", &body));
    let expected: Vec<f64> = [0, 1, 2, 10, 11, 12, 100, 101, 102, 110, 111, 112].map(|v| f64::from(v) / 255.0).into();
    assert_eq!(found, expected);
}

#[test]
fn compressed_and_raw_files_agree() {
    let folder = Folder::new();
    let files = [
        idx(8, &[7, 3, 5], &images()),
        npy("|u1", "False", "(7, 15)", &images()),
        amat(&[&[0, 1, 1, 0], &[1, 1, 0, 0]]),
    ];
    for bytes in &files {
        assert_eq!(folder.values(bytes), folder.values(&gz(bytes)));
    }
}

#[test]
fn scaling_follows_the_values_and_is_noted() {
    let folder = Folder::new();
    let read = |bytes: &[u8], maximum| folder.read(bytes, &FileOptions { maximum, ..double() }).unwrap();
    let grey = idx(8, &[1, 4], &[0, 4, 8, 16]);
    assert_eq!(values(&read(&grey, None).examples)[3], 16.0 / 255.0);
    assert_eq!(values(&read(&grey, Some(16.0)).examples), [0.0, 0.25, 0.5, 1.0]);
    assert!(read(&grey, Some(16.0)).notes[0].ends_with("values were divided by 16 (the largest found is 16)"));
    let states = read(&idx(8, &[1, 4], &[0, 1, 1, 0]), None);
    assert_eq!(values(&states.examples), [0.0, 1.0, 1.0, 0.0]);
    assert!(states.notes[0].ends_with("integers 0 and 1 were taken as they are"));
}

#[test]
fn bundled_digits_have_the_published_class_counts() {
    let digits = single(Source::Digits {});
    let counts = |examples: &Examples| {
        let labels = examples.labels().unwrap();
        (0..10).map(|class| labels.iter().filter(|&&label| label == class).count()).collect::<Vec<_>>()
    };
    assert_eq!(counts(&digits.train), [376, 389, 380, 389, 387, 376, 377, 387, 380, 382]);
    assert_eq!(counts(&digits.test), [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]);
    assert_eq!((digits.shape, digits.train.units(), digits.files.len()), ([8, 8], 64, 2));
    let values = values(&digits.train);
    assert!(values.iter().all(|value| (value * 16.0).fract() == 0.0) && values.contains(&1.0), "ink in sixteenths");
}

#[test]
fn independent_pixels_score_the_published_baseline() {
    let digits = digits(Binarize::Threshold(0.5), DType::F64);
    let train = digits.train.len() as f64;
    let on: Vec<f64> = digits.train.mean().iter().map(|mean| (mean * train + 1.0) / (train + 2.0)).collect();
    let score = |(&v, p): (&f64, &f64)| if v == 1.0 { p.ln() } else { (1.0 - p).ln() };
    let total: f64 = values(&digits.test).chunks(64).map(|image| image.iter().zip(&on).map(score).sum::<f64>()).sum();
    assert!((total / 1797.0 + 25.17).abs() < 0.005, "{}", total / 1797.0);
}

#[test]
fn mean_is_the_mean_of_what_is_presented() {
    for binarize in [Binarize::None, Binarize::Threshold(0.3), Binarize::StochasticOnce] {
        let digits = digits(binarize, DType::F64);
        let mut sums = vec![0.0; 64];
        values(&digits.test).chunks(64).for_each(|row| sums.iter_mut().zip(row).for_each(|(sum, v)| *sum += v));
        for (sum, mean) in sums.iter().zip(digits.test.mean()) {
            assert!((sum / 1797.0 - mean).abs() < 1e-12);
        }
    }
}

#[test]
fn bars_and_stripes_are_every_full_row_or_column_once() {
    for (height, width) in [(1, 1), (1, 4), (4, 1), (3, 3), (2, 5), (4, 4)] {
        let set = single(Source::BarsAndStripes { height, width, examples: None });
        let rows = rows_of(&set.train);
        let distinct: HashSet<_> = rows.iter().collect();
        assert_eq!((rows.len(), distinct.len()), ((1 << height) + (1 << width) - 2, rows.len()));
        let drawn = rows_of(&single(Source::BarsAndStripes { height, width, examples: Some(600) }).train);
        assert_eq!(drawn.len(), 480, "a fifth is the test set");
        assert!(drawn.iter().all(|row| distinct.contains(row)), "draws are patterns");
        assert_eq!(drawn.iter().collect::<HashSet<_>>().len(), distinct.len(), "and miss none of so few");
    }
}

#[test]
fn shifter_and_shifting_bar_have_the_rows_of_their_definition() {
    // Of 16 patterns x 3 shifts, the two constant ones give one row for three shifts, the two alternating ones two.
    let shifter = rows_of(&single(Source::Shifter { bits: 4, examples: None }).train);
    assert_eq!((shifter.len(), shifter.iter().collect::<HashSet<_>>().len()), (48, 42));
    for (bits, patterns) in [(1, 2), (2, 6), (3, 20), (4, 42), (5, 92), (6, 186)] {
        let set = single(Source::Shifter { bits, examples: None });
        let rows = rows_of(&set.train);
        assert_eq!(rows.iter().collect::<HashSet<_>>().len(), patterns, "{bits} bits");
        let note =
            format!("the same {} examples, every pattern under every shift; {patterns} are distinct", rows.len());
        assert!(set.notes[0].ends_with(&note), "{}", set.notes[0]);
    }
    let moved = |row: &[u8], by: usize| (0..4).all(|place| row[4 + place] == row[(place + by) % 4]);
    assert!(shifter.iter().all(|row| [0, 1, 3].iter().any(|&by| moved(row, by))));
    let bar = rows_of(&single(Source::ShiftingBar { pixels: 9, bar: 2, examples: None }).train);
    assert_eq!((bar.len(), bar.iter().collect::<HashSet<_>>().len()), (9, 9));
    assert!(bar.iter().all(|row| row.iter().filter(|&&v| v == 255).count() == 2));
    let large = Source::Shifter { bits: 100, examples: Some(50) };
    assert_eq!(single(large).train.units(), 200, "draws need no enumeration");
}

#[test]
fn splits_are_disjoint_and_cover_the_source() {
    // Row n holds n in its first pixel: the splits name their rows.
    let bytes: Vec<u8> = (0..100).flat_map(|n| [n, 255]).collect();
    let folder = Folder::new();
    let path = folder.write("rows", &idx(8, &[100, 1, 2], &bytes));
    for shuffle in [false, true] {
        let split = |train| Split { train, validation: Amount::Count(15), test: Amount::Fraction(0.25), shuffle };
        let set = |train| {
            let data = Data { split: split(train), ..plain(Source::Files(training_file(&path))) };
            prepared(&data, DType::F32)
        };
        let all_used = set(None);
        let numbers = |examples: &Examples| rows_of(examples).iter().map(|row| row[0]).collect::<Vec<_>>();
        let [train, validation, test] =
            [&all_used.train, all_used.validation.as_ref().unwrap(), &all_used.test].map(numbers);
        assert_eq!([train.len(), validation.len(), test.len()], [60, 15, 25]);
        let mut all = [train.clone(), validation, test].concat();
        assert_eq!(all.is_sorted(), !shuffle, "validation and test rows are the last");
        all.sort_unstable();
        assert_eq!(all, (0..100).collect::<Vec<u8>>());
        assert_eq!(numbers(&set(Some(10)).train), train[..10]);
    }
}

#[test]
fn drawn_pixels_depend_on_the_example_and_not_on_its_batch() {
    let [single, double] = [DType::F32, DType::F64].map(|dtype| digits(Binarize::StochasticEachTime, dtype));
    let step = stream().at(3);
    let all = host(&single.train.all(step).unwrap()).unwrap();
    assert!(single.train.is_stochastic() && all.iter().all(|&v| v == 0.0 || v == 1.0));
    for rows in [vec![5, 6, 7], vec![3822], vec![7, 5, 7, 1000]] {
        let expected: Vec<f64> = rows.iter().flat_map(|&row| all[row * 64..(row + 1) * 64].to_vec()).collect();
        assert_eq!(host(&single.train.batch(&rows, step).unwrap()).unwrap(), expected);
        assert_eq!(host(&double.train.batch(&rows, step).unwrap()).unwrap(), expected);
    }
    assert_ne!(host(&single.train.all(stream().at(4)).unwrap()).unwrap(), all, "another step draws anew");
    let fixed = |at: u64| host(&single.test.all(stream().at(at)).unwrap()).unwrap();
    assert!(!single.test.is_stochastic());
    assert_eq!(fixed(1), fixed(2), "test pixels were drawn once");
}

#[test]
fn drawn_pixels_have_the_intensity_as_probability() {
    let [grey, drawn] = [Binarize::None, Binarize::StochasticOnce].map(|how| digits(how, DType::F32).train.mean());
    // Five standard deviations of a mean of 3,823 draws, for any of 64 pixels.
    let tolerance = 5.0 * (0.25f64 / 3823.0).sqrt();
    assert!(grey.iter().zip(&drawn).all(|(p, mean)| (p - mean).abs() < tolerance));
}

#[test]
fn same_seed_gives_the_same_bits_and_another_seed_does_not() {
    let data = Data {
        source: Source::Digits {},
        binarize: Binarize::StochasticOnce,
        flip: false,
        split: Split { shuffle: true, ..Split::default() },
    };
    let bits = |seed| values(&load(&data, DType::F32, &Device::Cpu, Stream::new(seed)).unwrap().train);
    assert_eq!(bits(1), bits(1));
    assert_ne!(bits(1), bits(2));
}

#[test]
fn the_record_says_what_was_done() {
    let folder = Folder::new();
    let train = folder.write("train.gz", &gz(&idx(8, &[7, 3, 5], &images())));
    let set = prepared(
        &Data {
            source: Source::Files(training_file(&train)),
            binarize: Binarize::StochasticEachTime,
            flip: false,
            split: Split { validation: Amount::Count(2), ..Split::default() },
        },
        DType::F32,
    );
    let notes = set.notes.join("\n").replace(&*train.to_string_lossy(), "FILE");
    insta::assert_snapshot!(notes, @r#"
    FILE: values were divided by 255 (the largest found is 104)
    the training examples were put in random order before anything was split off
    1 of 7 training examples were split off the end for testing
    2 of 7 training examples were split off the end for validation
    training pixels are drawn anew at every presentation, 1 with the intensity as probability; validation and test pixels were drawn once, each split from its own stream
    4 training, 2 validation and 1 test examples of 3 x 5 = 15 pixels
    "#);
    assert_eq!(set.files[0].bytes, fs::metadata(&train).unwrap().len());
    assert_eq!(set.files[0].sha256.len(), 64);
}

#[test]
fn the_catalogue_has_every_source_under_the_word_of_the_experiment_and_the_line_to_write() {
    let parse = |line: &str| {
        let machine = ("model.hidden = [2]", "{}");
        let factors = ("model.factor_analysis.factors = 1", "{ algorithm = \"expectation_maximization\" }");
        let real = line.contains("patches") || line.contains("clusters");
        let (model, train) = if real { factors } else { machine };
        parse("x", &format!("name = \"x\"\ntrain = {train}\n{model}\n[data]\n{line}\n"), &[])
    };
    let message = parse("source = \"\"").unwrap_err().to_string();
    let words: Vec<&str> = message.split("allowed: ").nth(1).unwrap().lines().next().unwrap().split(", ").collect();
    let entries = catalogue(None);
    assert_eq!(entries.iter().map(|entry| entry.name).collect::<Vec<_>>(), words);
    for entry in entries {
        let source = toml::Value::try_from(parse(&entry.toml).unwrap().data).unwrap()["source"].clone();
        let word = source.as_str().or_else(|| source.as_table()?.keys().next().map(String::as_str));
        assert_eq!(word, Some(entry.name), "{}", entry.toml);
    }
}

/// A machine without connections, so that its samples are its biases' coin flips.
fn model_file(folder: &Folder) -> PathBuf {
    let bias = Tensor::new(&[9f64, -9.0, 9.0, -9.0, 9.0, -9.0], &Device::Cpu).unwrap();
    let tensors = [
        ("layers.0.weight", Tensor::zeros((6, 2), DType::F64, &Device::Cpu).unwrap()),
        ("bias.0", bias),
        ("bias.1", Tensor::zeros(2, DType::F64, &Device::Cpu).unwrap()),
    ];
    let path = folder.path("model.safetensors");
    candle_core::safetensors::save(&HashMap::from(tensors), &path).unwrap();
    path
}

#[test]
fn samples_of_a_model_become_a_data_set() {
    let folder = Folder::new();
    let model = model_file(&folder);
    let set = prepared(&plain(Source::Samples { model: model.clone(), examples: 10, sweeps: 2 }), DType::F64);
    assert_eq!((set.train.len(), set.test.len(), set.shape), (8, 2, [2, 3]));
    // A unit goes against its bias of 9 with probability exp(-9): less than 1 % over all samples.
    assert_eq!(values(&set.test), [1.0, 0.0, 1.0, 0.0, 1.0, 0.0].repeat(2));
    assert_eq!(set.files.iter().map(|file| &file.path).collect::<Vec<_>>(), [&model], "its checksum is on record");
}

#[test]
fn results_name_the_file_that_is_judged() {
    let folder = Folder::new();
    let train = folder.write("train-images.idx3-ubyte", &idx(8, &[7, 3, 5], &images()));
    let test = Some(folder.write("t10k-images.idx3-ubyte.gz", &gz(&idx(8, &[2, 3, 5], &images()[..30]))));
    let names = |files: Files| {
        let set = single(Source::Files(files));
        (set.name, set.judged)
    };
    assert_eq!(names(training_file(&train)), ("train-images".into(), "train-images".into()));
    let files = Files { test, ..training_file(&train) };
    assert_eq!(names(files), ("train-images".into(), "t10k-images".into()));
}

#[test]
fn a_validation_file_takes_the_place_of_split_off_examples() {
    let folder = Folder::new();
    let train = folder.write("train", &idx(8, &[7, 3, 5], &images()));
    let validation = Some(folder.write("validation", &idx(8, &[2, 3, 5], &images()[..30])));
    let split = Split { validation: Amount::Fraction(0.5), shuffle: false, ..Split::default() };
    let source = Source::Files(Files { validation, ..training_file(&train) });
    let set = prepared(&Data { split, ..plain(source) }, DType::F32);
    let sizes = [set.train.len(), set.validation.unwrap().len(), set.test.len()];
    assert_eq!((sizes, set.files.len()), ([6, 2, 1], 2));
}
