//! Checks of the section `[data]`.

use super::check::Problems;
use super::{Amount, Binarize, Data, Files, Source, Split};
use std::path::Path;

/// The most values a generated set may have.
const MOST_VALUES: usize = 1 << 28;

pub fn data(data: &Data, problems: &mut Problems) {
    source(&data.source, problems);
    if let Binarize::Threshold(threshold) = data.binarize {
        let remedy = "set it between 0 and 1: values are scaled to that range first";
        let holds = (0.0..=1.0).contains(&threshold);
        problems.require(holds, "data.binarize.threshold", format!("is {threshold:?}"), remedy);
    }
    let kept = !data.source.is_real() || data.binarize == Binarize::None;
    let remedy = "set data.binarize = \"none\", or leave it out";
    problems.require(kept, "data.binarize", "cuts real numbers that no intensity limits", remedy);
    let message = "turns intensities round, and these are real numbers that no intensity limits";
    problems.require(!data.flip || !data.source.is_real(), "data.flip", message, "leave it out");
    split(&data.split, problems);
}

fn source(source: &Source, problems: &mut Problems) {
    match source {
        Source::Digits {}
        | Source::Mnist { .. }
        | Source::MnistStatic {}
        | Source::FashionMnist {}
        | Source::KuzushijiMnist {}
        | Source::Omniglot {}
        | Source::OcrLetters {}
        | Source::CaltechSilhouettes { .. }
        | Source::SmallNorb {} => {}
        Source::BarsAndStripes { height, width, examples } => {
            let path = "data.source.bars_and_stripes";
            size(&format!("{path}.height"), *height, problems);
            size(&format!("{path}.width"), *width, problems);
            generated(path, height.saturating_mul(*width), power(*height) + power(*width) - 2, *examples, problems);
        }
        Source::Shifter { bits, examples } => {
            let path = "data.source.shifter";
            size(&format!("{path}.bits"), *bits, problems);
            generated(path, bits.saturating_mul(2), 3 * power(*bits), *examples, problems);
        }
        Source::ShiftingBar { pixels, bar, examples } => {
            let path = "data.source.shifting_bar";
            size(&format!("{path}.pixels"), *pixels, problems);
            problems.count(format!("{path}.bar"), *bar);
            let remedy = "make it shorter than the ring of pixels";
            let message = format!("is {bar} pixels, and the ring has {pixels}");
            problems.require(bar < pixels, format!("{path}.bar"), message, remedy);
            generated(path, *pixels, *pixels, *examples, problems);
        }
        Source::NaturalImagePatches { side, examples, kept } => {
            let path = "data.source.natural_image_patches";
            problems.count(format!("{path}.side"), *side);
            let message = format!("is {side}; the pictures are 300 x 400 pixels");
            problems.require(*side <= 64, format!("{path}.side"), message, "set it to 64 at most");
            generated(path, side * side, 0, Some(*examples), problems);
            let most = (side * side).saturating_sub(1);
            let message = format!("is more than the {most} directions that patches without their means vary in");
            let remedy = "set it lower, or leave it out";
            problems.require(kept.unwrap_or(0) <= most, format!("{path}.kept"), message, remedy);
        }
        Source::GaussianClusters { clusters, dimensions, examples, spread } => {
            let path = "data.source.gaussian_clusters";
            problems.count(format!("{path}.clusters"), *clusters);
            size(&format!("{path}.dimensions"), *dimensions, problems);
            generated(path, *dimensions, 0, Some(*examples), problems);
            problems.not_negative(format!("{path}.spread"), *spread);
        }
        Source::Samples { model, examples, sweeps } => {
            file("data.source.samples.model", Some(model), problems);
            problems.count("data.source.samples.examples", *examples);
            problems.count("data.source.samples.sweeps", *sweeps);
        }
        Source::Files(files) => self::files(files, problems),
    }
}

fn files(files: &Files, problems: &mut Problems) {
    let Files { train, validation, test, labels, test_labels, array: _, shape, maximum, real } = files;
    let path = |key: &str| format!("data.source.files.{key}");
    file(&path("train"), Some(train), problems);
    file(&path("validation"), validation.as_deref(), problems);
    file(&path("test"), test.as_deref(), problems);
    file(&path("labels"), labels.as_deref(), problems);
    file(&path("test_labels"), test_labels.as_deref(), problems);
    for (axis, pixels) in shape.iter().flatten().enumerate() {
        size(&path(&format!("shape.{axis}")), *pixels, problems);
    }
    if let Some(maximum) = *maximum {
        let holds = maximum.is_finite() && maximum > 0.0;
        let remedy = "set it to the value that stands for full intensity, such as 255";
        problems.require(holds, path("maximum"), format!("is {maximum:?}"), remedy);
    }
    let message = "is given, and real numbers are kept as they are";
    problems.require(!real || maximum.is_none(), path("maximum"), message, "leave one of real and maximum out");
    let missing = test_labels.is_some() && test.is_none();
    let remedy = "add test = \"…\", or leave test_labels out";
    problems.require(!missing, path("test_labels"), "is given without a test file", remedy);
}

fn file(path: &str, file: Option<&Path>, problems: &mut Problems) {
    let Some(file) = file else { return };
    let odd = file.as_os_str().is_empty() || file.to_string_lossy().contains(char::is_control);
    let remedy = "name a file, relative to the current directory or from the root";
    problems.require(!odd, path, format!("is {file:?}, which names no file"), remedy);
}

/// A side of a picture.
fn size(path: &str, pixels: usize, problems: &mut Problems) {
    problems.count(path, pixels);
    let remedy = "use 10000 at most";
    problems.require(pixels <= 10_000, path, format!("is {pixels} pixels"), remedy);
}

/// 2^bits, or 2^60 where that is more (on a machine of 64 bits).
fn power(bits: usize) -> usize {
    1 << bits.min(usize::BITS as usize - 4)
}

/// A set of random examples, or of every pattern once, must fit into memory.
fn generated(path: &str, pixels: usize, patterns: usize, examples: Option<usize>, problems: &mut Problems) {
    let fits = examples.unwrap_or(patterns).saturating_mul(pixels) <= MOST_VALUES;
    match examples {
        Some(examples) => {
            let path = format!("{path}.examples");
            problems.count(path.clone(), examples);
            let message = format!("is {examples}, of {pixels} pixels each: too many to hold");
            problems.require(fits, path, message, "ask for fewer, or for smaller ones");
        }
        None => {
            let message = format!("has {patterns} patterns of {pixels} pixels or more, too many to make every one");
            problems.require(fits, path, message, "set examples to how many random ones you want");
        }
    }
}

fn split(split: &Split, problems: &mut Problems) {
    if let Some(train) = split.train {
        problems.count("data.split.train", train);
    }
    let amounts = [("data.split.validation", split.validation), ("data.split.test", split.test)];
    for (path, amount) in amounts {
        match amount {
            Amount::Count(count) => problems.limit(path, count),
            Amount::Fraction(fraction) => problems.share(path, fraction),
        }
    }
    if let (Amount::Fraction(validation), Amount::Fraction(test)) = (split.validation, split.test) {
        let alone = validation >= 1.0 || test >= 1.0;
        let remedy = "make both smaller, so that examples are left to train on";
        let message = format!("is {validation:?} and data.split.test is {test:?}, which together take every example");
        problems.require(alone || validation + test < 1.0, "data.split.validation", message, remedy);
    }
}
