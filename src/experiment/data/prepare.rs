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
    StochasticEachTime,
}

/// A number of examples, or a share of the source's training examples.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Amount {
    Count(usize),
    Fraction(f64),
}

impl Amount {
    fn of(self, total: usize) -> usize {
        match self {
            Self::Count(count) => count,
            Self::Fraction(fraction) => (total as f64 * fraction).round() as usize,
        }
    }
}

/// What to do with a source's examples before they are used.
#[derive(Clone, Debug)]
pub struct Preparation {
    /// Put the training examples in random order before anything is split off.
    pub shuffle: bool,
    /// At most this many training examples, after the splits.
    pub train_at_most: Option<usize>,
    /// Split off for validation, where the source has no validation set.
    pub validation: Amount,
    /// Split off for testing, where the source has no test set.
    pub test: Amount,
    pub binarization: Binarization,
    pub dtype: DType,
    pub device: Device,
}

impl Default for Preparation {
    fn default() -> Self {
        Self {
            shuffle: false,
            train_at_most: None,
            validation: Amount::Count(0),
            test: Amount::Fraction(0.2),
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
    let taken = [
        if test.is_some() { 0 } else { preparation.test.of(train.len()) },
        if validation.is_some() { 0 } else { preparation.validation.of(train.len()) },
    ];
    if test.is_none() && taken[0] == 0 {
        return Err(Error::Refused {
            problem: format!("{name}: there is no test set, and none is split off"),
            remedy: "name a test file, or split off a part of the training examples, such as 0.2".into(),
        });
    }
    let rows = split(&name, train.len(), taken, preparation, stream, &mut notes)?;
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

/// Takes `[test, validation]` examples from the end of the rows, shuffled or not, and limits the rest.
fn split(
    name: &str,
    count: usize,
    [testing, validating]: [usize; 2],
    preparation: &Preparation,
    stream: Stream,
    notes: &mut Vec<String>,
) -> Result<Rows> {
    let Some(training) = count
        .checked_sub(testing)
        .and_then(|left| left.checked_sub(validating))
        .filter(|n| *n.min(&preparation.train_at_most.unwrap_or(*n)) > 0)
    else {
        return Err(Error::Refused {
            problem: format!(
                "{name}: of {count} examples, {testing} for testing and {validating} for validation leave none"
            ),
            remedy: "split off fewer".into(),
        });
    };
    let mut train: Vec<usize> = (0..count).collect();
    if preparation.shuffle {
        train.shuffle(&mut stream.named("shuffle").generator());
        notes.push("the training examples were put in random order before anything was split off".into());
    }
    let test = train.split_off(count - testing);
    let validation = train.split_off(training);
    for (rows, purpose) in [(&test, "testing"), (&validation, "validation")] {
        if !rows.is_empty() {
            let share = format!("{} of {} training examples", grouped(rows.len()), grouped(count));
            notes.push(format!("{share} were split off the end for {purpose}"));
        }
    }
    if let Some(limit) = preparation.train_at_most.filter(|limit| *limit < training) {
        notes.push(format!("only the first {} of {} training examples are used", grouped(limit), grouped(training)));
        train.truncate(limit);
    }
    Ok(Rows { train, validation, test })
}

/// Turns intensities into states; `fixed` examples are drawn once even where training examples are drawn anew.
pub(super) fn binarize(examples: Examples, how: Binarization, fixed: bool, stream: Stream) -> Result<Examples> {
    let pixels: Pixels = match how {
        Binarization::None => return Ok(examples),
        Binarization::Threshold(threshold) => examples.pixels().threshold(threshold),
        Binarization::StochasticEachTime if !fixed => return Ok(examples.drawn_at_every_presentation()),
        Binarization::StochasticOnce | Binarization::StochasticEachTime => examples.drawn_once(stream)?,
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
        Binarization::StochasticEachTime => Some(
            "training pixels are drawn anew at every presentation, 1 with the intensity as probability; \
             validation and test pixels were drawn once, each split from its own stream"
                .into(),
        ),
    }
}
