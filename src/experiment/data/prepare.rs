//! From a source's examples to a data set: shuffle, split, binarisation, each recorded in a sentence.

use super::super::{Error, Result};
use super::array::Pixels;
use super::{Dataset, Examples, FileSum, grouped};
use crate::math::{DType, Device, Stream};
use rand::seq::SliceRandom;

/// How intensities become states of binary units.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Binarization {
    /// Intensities stay as they are.
    #[default]
    None,
    /// 1 where the intensity is at least this.
    Threshold(f64),
    /// 1 with the intensity as probability, drawn once (Salakhutdinov and Murray 2008).
    StochasticOnce,
    /// Training examples are drawn anew at every presentation; the other splits once.
    StochasticEachPresentation,
}

/// What to do with a source's examples before they are used.
#[derive(Clone, Debug)]
pub struct Preparation {
    /// Put the training examples in random order before anything is split off.
    pub shuffle: bool,
    /// At most this many training examples, after the splits.
    pub train_at_most: Option<usize>,
    /// This many examples are split off for validation, where the source has no validation set.
    pub validation: usize,
    /// This fraction is split off for testing, where the source has no test set.
    pub test_fraction: Option<f64>,
    pub binarization: Binarization,
    pub dtype: DType,
    pub device: Device,
}

impl Default for Preparation {
    fn default() -> Self {
        Self {
            shuffle: false,
            train_at_most: None,
            validation: 0,
            test_fraction: None,
            binarization: Binarization::None,
            dtype: DType::F32,
            device: Device::Cpu,
        }
    }
}

/// A source's examples before preparation.
pub(super) struct Parts {
    pub name: String,
    pub shape: [usize; 2],
    pub train: Examples,
    pub validation: Option<Examples>,
    pub test: Option<Examples>,
    pub files: Vec<FileSum>,
    pub notes: Vec<String>,
}

/// Shuffles, splits and binarises, in this order.
pub(super) fn prepare(parts: Parts, preparation: &Preparation, stream: Stream) -> Result<Dataset> {
    let Parts { name, shape, train, validation, test, files, mut notes } = parts;
    let rows = split(&name, train.len(), validation.is_some(), test.is_some(), preparation, stream, &mut notes)?;
    let validation = validation.or_else(|| (!rows.validation.is_empty()).then(|| train.select(&rows.validation)));
    let test = test.unwrap_or_else(|| train.select(&rows.test));
    let train = if rows.train.len() == train.len() && rows.train.is_sorted() {
        train
    } else {
        let chosen = train.select(&rows.train);
        drop(train);
        chosen
    };

    let set = |examples: Examples, which: &str| -> Result<Examples> {
        let fixed = which != "train";
        let examples = binarize(examples, preparation.binarization, fixed, stream.named("binarize").named(which))?;
        Ok(examples.presented_in(preparation.dtype, preparation.device.clone()))
    };
    let dataset = Dataset {
        train: set(train, "train")?,
        validation: validation.map(|examples| set(examples, "validation")).transpose()?,
        test: set(test, "test")?,
        name,
        shape,
        files,
        notes: Vec::new(),
    };
    let [height, width] = shape;
    notes.extend(binarization_note(preparation.binarization));
    notes.push(format!(
        "{} training, {} validation and {} test examples of {height} x {width} = {} pixels",
        grouped(dataset.train.len()),
        grouped(dataset.validation.as_ref().map_or(0, Examples::len)),
        grouped(dataset.test.len()),
        height * width
    ));
    Ok(Dataset { notes, ..dataset })
}

struct Rows {
    train: Vec<usize>,
    validation: Vec<usize>,
    test: Vec<usize>,
}

fn split(
    name: &str,
    count: usize,
    has_validation: bool,
    has_test: bool,
    preparation: &Preparation,
    stream: Stream,
    notes: &mut Vec<String>,
) -> Result<Rows> {
    let refused = |problem: String, remedy: &str| Err(Error::Refused { problem, remedy: remedy.into() });
    let mut train: Vec<usize> = (0..count).collect();
    if preparation.shuffle {
        train.shuffle(&mut stream.named("shuffle").generator());
        notes.push("the training examples were put in random order".into());
    }
    let from = if preparation.shuffle { "at random" } else { "from the end" };
    let mut test = Vec::new();
    if !has_test {
        let Some(fraction) = preparation.test_fraction.filter(|fraction| *fraction > 0.0 && *fraction < 1.0) else {
            return refused(
                format!("{name}: there is no test set, and no fraction between 0 and 1 to split off"),
                "name a test file, or set the test fraction to, say, 0.2",
            );
        };
        let testing = (fraction * count as f64).round() as usize;
        if testing == 0 {
            return refused(
                format!("{name}: {fraction} of {count} examples is no test set"),
                "raise the test fraction",
            );
        }
        test = train.split_off(count - testing);
        notes.push(format!("{} of {} examples were split off {from} for testing", grouped(testing), grouped(count)));
    }
    let mut validation = Vec::new();
    if !has_validation && preparation.validation > 0 {
        if preparation.validation >= train.len() {
            return refused(
                format!(
                    "{name}: {} examples cannot be split off {} for validation",
                    preparation.validation,
                    train.len()
                ),
                "lower the number of validation examples",
            );
        }
        validation = train.split_off(train.len() - preparation.validation);
        notes.push(format!("{} training examples were split off {from} for validation", grouped(validation.len())));
    }
    if let Some(limit) = preparation.train_at_most.filter(|limit| *limit < train.len()) {
        notes.push(format!("only the first {} of {} training examples are used", grouped(limit), grouped(train.len())));
        train.truncate(limit);
    }
    if train.is_empty() {
        return refused(format!("{name}: no training examples are left"), "split off fewer, and ask for at least one");
    }
    Ok(Rows { train, validation, test })
}

/// Turns intensities into states; `fixed` examples are drawn once even where training examples are drawn anew.
pub(super) fn binarize(examples: Examples, how: Binarization, fixed: bool, stream: Stream) -> Result<Examples> {
    let pixels: Pixels = match how {
        Binarization::None => return Ok(examples),
        Binarization::Threshold(threshold) => examples.pixels().threshold(threshold),
        Binarization::StochasticEachPresentation if !fixed => return Ok(examples.drawn_at_every_presentation()),
        Binarization::StochasticOnce | Binarization::StochasticEachPresentation => examples.drawn_once(stream)?,
    };
    Ok(examples.with_pixels(pixels))
}

pub(super) fn binarization_note(how: Binarization) -> Option<String> {
    match how {
        Binarization::None => None,
        Binarization::Threshold(threshold) => {
            Some(format!("pixels are 1 where the intensity is at least {threshold}, else 0"))
        }
        Binarization::StochasticOnce => {
            Some("pixels were drawn once, 1 with the intensity as probability, each split from its own stream".into())
        }
        Binarization::StochasticEachPresentation => Some(
            "training pixels are drawn anew at every presentation, 1 with the intensity as probability; \
             validation and test pixels were drawn once, each split from its own stream"
                .into(),
        ),
    }
}
