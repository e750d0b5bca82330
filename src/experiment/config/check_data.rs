//! Checks of the section `[data]`.

use super::check::Problems;
use super::{Amount, Binarize, Data, Source, Split};
use std::path::Path;

/// Largest number of bits whose patterns are all made.
const PATTERN_BITS: usize = 20;

pub fn data(data: &Data, problems: &mut Problems) {
    source(&data.source, problems);
    if let Binarize::Threshold(threshold) = data.binarize {
        let remedy = "set it between 0 and 1: values are scaled to that range first";
        let holds = (0.0..=1.0).contains(&threshold);
        problems.require(holds, "data.binarize.threshold", format!("is {threshold:?}"), remedy);
    }
    split(&data.split, problems);
}

fn source(source: &Source, problems: &mut Problems) {
    match source {
        Source::Digits {} => {}
        Source::BarsAndStripes { height, width, examples } => {
            let path = "data.source.bars_and_stripes";
            size(&format!("{path}.height"), *height, problems);
            size(&format!("{path}.width"), *width, problems);
            patterns(path, *height.max(width), *examples, problems);
        }
        Source::Shifter { bits, examples } => {
            size("data.source.shifter.bits", *bits, problems);
            patterns("data.source.shifter", *bits, *examples, problems);
        }
        Source::ShiftingBar { pixels, bar, examples } => {
            let path = "data.source.shifting_bar";
            size(&format!("{path}.pixels"), *pixels, problems);
            problems.count(format!("{path}.bar"), *bar);
            let remedy = "make it shorter than the row of pixels";
            let message = format!("is {bar} pixels, and the row has {pixels}");
            problems.require(bar < pixels, format!("{path}.bar"), message, remedy);
            patterns(path, 0, *examples, problems);
        }
        Source::Samples { model, examples, sweeps } => {
            file("data.source.samples.model", Some(model), problems);
            problems.count("data.source.samples.examples", *examples);
            problems.count("data.source.samples.sweeps", *sweeps);
        }
        Source::Files { train, test, labels, test_labels, array: _, shape } => {
            let path = "data.source.files";
            file(&format!("{path}.train"), Some(train), problems);
            file(&format!("{path}.test"), test.as_deref(), problems);
            file(&format!("{path}.labels"), labels.as_deref(), problems);
            file(&format!("{path}.test_labels"), test_labels.as_deref(), problems);
            for (axis, size) in shape.iter().flatten().enumerate() {
                self::size(&format!("{path}.shape.{axis}"), *size, problems);
            }
            let missing = test_labels.is_some() && test.is_none();
            let remedy = "add test = \"…\", or leave test_labels out";
            problems.require(!missing, format!("{path}.test_labels"), "is given without a test file", remedy);
        }
    }
}

fn file(path: &str, file: Option<&Path>, problems: &mut Problems) {
    let odd = file.is_some_and(|file| file.as_os_str().is_empty() || file.to_string_lossy().contains(char::is_control));
    problems.require(!odd, path, "is not the name of a file", "name a file, relative to the current directory");
}

/// A side of a picture.
fn size(path: &str, pixels: usize, problems: &mut Problems) {
    problems.count(path, pixels);
    let remedy = "use 10000 at most";
    problems.require(pixels <= 10_000, path, format!("is {pixels} pixels"), remedy);
}

/// Random examples, or every pattern once.
fn patterns(path: &str, bits: usize, examples: Option<usize>, problems: &mut Problems) {
    match examples {
        Some(examples) => problems.count(format!("{path}.examples"), examples),
        None => problems.require(
            bits <= PATTERN_BITS,
            path,
            format!("has 2^{bits} patterns or more, too many to make every one"),
            "set examples to how many random ones you want",
        ),
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
        let message = format!("is {validation:?}, and split.test is {test:?}: together everything");
        problems.require(alone || validation + test < 1.0, "data.split.validation", message, remedy);
    }
}

/// Visible units, where the file alone tells.
pub fn visible_units(source: &Source) -> Option<usize> {
    match source {
        Source::Digits {} => Some(64),
        Source::BarsAndStripes { height, width, .. } => Some(height.saturating_mul(*width)),
        Source::ShiftingBar { pixels, .. } => Some(*pixels),
        Source::Files { shape: Some([height, width]), .. } => Some(height.saturating_mul(*width)),
        Source::Shifter { .. } | Source::Samples { .. } | Source::Files { shape: None, .. } => None,
    }
}
