//! From a source's examples to a data set: shuffle, split, binarisation, each recorded in a sentence.

use super::super::config::{Binarize, Data, Split};
use super::super::{Error, Result};
use super::array::Pixels;
use super::{Dataset, Examples, FileSum, grouped};
use crate::math::{DType, Device, Stream};
use rand::seq::SliceRandom;

/// A source's examples before preparation.
pub(super) struct Parts {
    pub name: String,
    pub judged: String,
    pub shape: [usize; 2],
    pub train: Examples,
    pub validation: Option<Examples>,
    pub test: Option<Examples>,
    pub files: Vec<FileSum>,
    pub notes: Vec<String>,
}

/// Shuffles, splits and binarises, in this order.
pub(super) fn prepare(parts: Parts, data: &Data, dtype: DType, device: &Device, stream: Stream) -> Result<Dataset> {
    let Parts { name, judged, shape, train, validation, test, files, mut notes } = parts;
    let taken = [
        if test.is_some() { 0 } else { data.split.test.of(train.len()) },
        if validation.is_some() { 0 } else { data.split.validation.of(train.len()) },
    ];
    if test.is_none() && taken[0] == 0 {
        return Err(Error::Refused {
            problem: format!("{name}: there is no test set, and of {} examples none is split off", train.len()),
            remedy: more_to_test(train.len()),
        });
    }
    let rows = split(&name, train.len(), taken, &data.split, stream, &mut notes)?;
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
        let examples = binarize(examples, data.binarize, fixed, stream.named("binarize").named(which))?;
        let examples = if data.flip { examples.flipped() } else { examples };
        Ok(examples.presented_in(dtype, device.clone()))
    };
    let dataset = Dataset {
        train: set(train, "train")?,
        validation: validation.map(|examples| set(examples, "validation")).transpose()?,
        test: set(test, "test")?,
        name,
        judged,
        shape,
        files,
        notes: Vec::new(),
    };
    let [height, width] = shape;
    notes.extend(binarization_note(data.binarize));
    if data.flip {
        notes.push("ink and paper have changed places: every value v is 1 - v".into());
    }
    notes.push(format!(
        "{} training, {} validation and {} test examples of {height} x {width} = {} pixels",
        grouped(dataset.train.len()),
        grouped(dataset.validation.as_ref().map_or(0, Examples::len)),
        grouped(dataset.test.len()),
        height * width
    ));
    Ok(Dataset { notes, ..dataset })
}

/// How to come to test examples where none can be split off `count` examples as asked.
fn more_to_test(count: usize) -> String {
    match count {
        0 | 1 => "give more examples, or the test examples in a file of their own: data.source.files.test".into(),
        _ => format!("set data.split.test to how many test examples you want, such as {}", (count / 5).max(1)),
    }
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
    split: &Split,
    stream: Stream,
    notes: &mut Vec<String>,
) -> Result<Rows> {
    let Some(training) = count
        .checked_sub(testing)
        .and_then(|left| left.checked_sub(validating))
        .filter(|n| *n.min(&split.train.unwrap_or(*n)) > 0)
    else {
        return Err(Error::Refused {
            problem: format!(
                "{name}: of {count} examples, {testing} for testing and {validating} for validation leave none to train on"
            ),
            remedy: match count {
                0 | 1 => more_to_test(count),
                _ => "set data.split.test or data.split.validation lower".into(),
            },
        });
    };
    let mut train: Vec<usize> = (0..count).collect();
    if split.shuffle {
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
    if let Some(limit) = split.train.filter(|limit| *limit < training) {
        notes.push(format!("only the first {} of {} training examples are used", grouped(limit), grouped(training)));
        train.truncate(limit);
    }
    Ok(Rows { train, validation, test })
}

/// Turns intensities into states; `fixed` examples are drawn once even where training examples are drawn anew.
pub(super) fn binarize(examples: Examples, how: Binarize, fixed: bool, stream: Stream) -> Result<Examples> {
    let pixels: Pixels = match how {
        Binarize::None => return Ok(examples),
        Binarize::Threshold(threshold) => examples.pixels().threshold(threshold),
        Binarize::StochasticEachTime if !fixed => return Ok(examples.drawn_at_every_presentation()),
        Binarize::StochasticOnce | Binarize::StochasticEachTime => examples.drawn_once(stream)?,
    };
    Ok(examples.with_pixels(pixels))
}

pub(super) fn binarization_note(how: Binarize) -> Option<String> {
    match how {
        Binarize::None => None,
        Binarize::Threshold(threshold) => {
            Some(format!("pixels are 1 where the intensity is at least {threshold}, else 0"))
        }
        Binarize::StochasticOnce => {
            Some("pixels were drawn once, 1 with the intensity as probability, each split from its own stream".into())
        }
        Binarize::StochasticEachTime => Some(
            "training pixels are drawn anew at every presentation, 1 with the intensity as probability; \
             validation and test pixels were drawn once, each split from its own stream"
                .into(),
        ),
    }
}
