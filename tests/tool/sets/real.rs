//! Laws of the loaders over the real data: independent pixels score what they must, classes are as many as they are known to be.

use crate::bench::{Bench, skipped};
use crate::data::files::{plain, stream};
use candle_core::{DType, Device};
use dbm::experiment::config::{Amount, Binarize, Data, Files, HeldOut, Source, Split};
use dbm::experiment::data::sets::named;
use dbm::experiment::data::{Dataset, Examples, load, load_from};
use std::path::{Path, PathBuf};

/// The data folder, where it is named and holds the set; else nothing is tested.
fn folder_with(set: &str) -> Option<PathBuf> {
    let folder = std::env::var_os("DBM_DATA").filter(|folder| !folder.is_empty()).map(PathBuf::from);
    let has = |folder: &PathBuf| dbm::experiment::data::sets::presence(folder, named(set).unwrap()) > 0;
    let found = folder.clone().filter(has);
    if found.is_none() {
        let reason = folder.map_or("DBM_DATA names no data folder".into(), |folder| {
            format!("the data folder {} has none of it", folder.display())
        });
        skipped(&format!("nothing is tested over {set}: {reason}"));
    }
    found
}

fn read(folder: &Path, source: Source, binarize: Binarize) -> Dataset {
    let data = Data { binarize, ..plain(source) };
    load_from(Some(folder), &data, DType::F32, &Device::Cpu, stream()).unwrap()
}

/// Mean log-probability in nats of `test` under independent pixels, their probabilities (count + 1) / (examples + 2) in `train`.
fn independent(train: &Examples, test: &Examples) -> f64 {
    let examples = train.len() as f64;
    let on = train.mean().into_iter().map(|mean| (mean * examples + 1.0) / (examples + 2.0));
    on.zip(test.mean()).map(|(p, mean)| mean * p.ln() + (1.0 - mean) * (1.0 - p).ln()).sum()
}

fn holds(what: &str, score: f64, expected: f64) {
    assert!((score - expected).abs() < 5e-5, "{what}: {score:.6} nats, not {expected}");
}

fn counts(examples: &Examples) -> [usize; 10] {
    let mut counts = [0; 10];
    examples.labels().unwrap().iter().for_each(|&class| counts[usize::from(class)] += 1);
    counts
}

const TEST_DIGITS: [usize; 10] = [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009];

/// A pixel is on where its value is above 127 of 255.
const ABOVE_127: Binarize = Binarize::Threshold(0.5);

#[test]
fn independent_pixels_of_the_bundled_digits_score_what_they_must() {
    let data = Data { binarize: Binarize::Threshold(0.5), ..plain(Source::Digits {}) };
    let set = load(&data, DType::F32, &Device::Cpu, stream()).unwrap();
    holds("optdigits", independent(&set.train, &set.test), -25.1721);
    assert_eq!(counts(&set.train), [376, 389, 380, 389, 387, 376, 377, 387, 380, 382]);
    assert_eq!(counts(&set.test), [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]);
}

#[test]
fn independent_pixels_of_mnist_score_what_they_must() {
    let Some(folder) = folder_with("mnist") else { return };
    let set = read(&folder, Source::Mnist { held_out: HeldOut::Grey }, ABOVE_127);
    holds("MNIST above 127", independent(&set.train, &set.test), -205.8471);
    assert_eq!(counts(&set.train), [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]);
    assert_eq!(counts(&set.test), TEST_DIGITS);
    assert!(set.validation.is_none());
}

#[test]
fn independent_pixels_of_static_mnist_score_what_they_must() {
    let Some(folder) = folder_with("mnist_static") else { return };
    let set = read(&folder, Source::MnistStatic {}, Binarize::None);
    let validation = set.validation.unwrap();
    assert_eq!([set.train.len(), validation.len(), set.test.len()], [50_000, 10_000, 10_000]);
    assert!([&set.train, &validation, &set.test].iter().all(|examples| examples.is_binary()));
    holds("static MNIST, test", independent(&set.train, &set.test), -205.7933);
    holds("static MNIST, validation", independent(&set.train, &validation), -206.3222);
    assert_eq!((counts(&set.test), set.train.labels(), validation.labels()), (TEST_DIGITS, None, None));
}

#[test]
fn independent_pixels_of_fashion_score_what_they_must() {
    let Some(folder) = folder_with("fashion_mnist") else { return };
    let set = read(&folder, Source::FashionMnist {}, ABOVE_127);
    holds("Fashion-MNIST above 127", independent(&set.train, &set.test), -383.1262);
    assert_eq!((counts(&set.train), counts(&set.test)), ([6000; 10], [1000; 10]));
}

#[test]
fn every_static_test_digit_is_a_sample_of_the_grey_digit_whose_class_it_has() {
    let (Some(folder), Some(_)) = (folder_with("mnist"), folder_with("mnist_static")) else { return };
    let fixed = read(&folder, Source::Mnist { held_out: HeldOut::Static }, Binarize::None);
    let grey = read(&folder, Source::Mnist { held_out: HeldOut::Grey }, Binarize::None);
    assert_eq!((fixed.train.len(), fixed.judged.as_str()), (60_000, "mnist_static"));
    // Grey training digits, whatever is held out.
    assert!(!fixed.train.is_binary() && fixed.test.is_binary());
    assert_eq!(fixed.train.labels(), grey.train.labels());
    let classes = grey.test.labels().unwrap();
    let mut rows: Vec<usize> = (0..classes.len()).collect();
    rows.sort_by_key(|&row| classes[row]);
    assert_eq!(rows.iter().map(|&row| classes[row]).collect::<Vec<_>>(), fixed.test.labels().unwrap());
    for (first, rows) in rows.chunks(1000).enumerate() {
        let places: Vec<usize> = (first * 1000..first * 1000 + rows.len()).collect();
        let [grey, fixed] = [(&grey, rows), (&fixed, &places[..])].map(|(set, rows)| {
            set.test.batch(rows, stream()).unwrap().flatten_all().unwrap().to_vec1::<f32>().unwrap()
        });
        let contradicts = |(&grey, &fixed): (&f32, &f32)| grey == 1.0 - fixed;
        assert_eq!(grey.iter().zip(&fixed).filter(|&pair| contradicts(pair)).count(), 0, "digits from {first}000");
    }
}

#[test]
fn a_net_sees_grey_test_digits_where_the_machine_is_judged_on_binary_ones() {
    let (Some(_), Some(_)) = (folder_with("mnist"), folder_with("mnist_static")) else { return };
    let bench = Bench::with(
        "name = \"tuned\"\nseed = 1\ndata = { source = \"mnist\", binarize = \"stochastic_each_time\" }\nmodel = { hidden = [8] }\n\
         finetune = { epochs = 1 }\nevaluate = { schemes = [\"network\"] }\n",
    );
    let [grey, fixed] =
        ["", "data.source={mnist={held_out=\"static\"}}"].map(|change| bench.run(change).json("results.json"));
    assert_ne!(grey["examples_sha256"], fixed["examples_sha256"]);
    assert_eq!(grey["classification"], fixed["classification"]);
}

#[test]
fn silhouettes_are_those_of_the_upright_pictures() {
    let Some(folder) = folder_with("caltech_silhouettes") else { return };
    let upright = folder.join("caltech101-silhouettes/silhouettes-images.idx3-ubyte.gz");
    let whole = named("caltech_silhouettes").unwrap().files[1].name;
    if !upright.is_file() || !folder.join("caltech101-silhouettes").join(whole).is_file() {
        skipped(&format!("the upright silhouettes or {whole} are not there"));
        return;
    }
    let silhouettes = |source: Source| {
        let split = Split { shuffle: false, test: Amount::Count(1), ..Split::default() };
        let data = Data { split, ..plain(source) };
        load_from(Some(&folder), &data, DType::F32, &Device::Cpu, stream()).unwrap()
    };
    let labels = Some(folder.join("caltech101-silhouettes/silhouettes-labels.idx1-ubyte.gz"));
    let files = Files { train: upright, labels, ..Files::default() };
    let (set, known) =
        (silhouettes(Source::CaltechSilhouettes { official_split: false }), silhouettes(Source::Files(files)));
    assert_eq!((set.train.len(), set.train.labels()), (8_670, known.train.labels()));
    let [set, known] = [set, known].map(|set| set.train.all(stream()).unwrap().flatten_all().unwrap().to_vec1::<f32>());
    assert!(set.unwrap() == known.unwrap());
}
