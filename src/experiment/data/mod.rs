//! Data sets: bundled, generated, and read from the user's files, prepared as an experiment asks for them.

mod array;
mod catalogue;
mod digits;
mod elements;
mod examples;
mod files;
mod idx;
mod npy;
mod patterns;
mod prepare;
mod text;

pub use catalogue::{Entry, catalogue};
pub use examples::Examples;
pub use files::{FileOptions, LoadedFile, load_examples};
pub use prepare::{Amount, Binarization, Preparation};

use super::{Error, Result};
use crate::math::{Stream, Tensor, host};
use array::Pixels;
use prepare::Parts;
use std::path::PathBuf;

/// Examples to learn from and to be judged on, and the record of what was done to them.
#[derive(Clone, Debug)]
pub struct Dataset {
    pub name: String,
    /// Height and width of an example; their product is the number of visible units.
    pub shape: [usize; 2],
    pub train: Examples,
    pub validation: Option<Examples>,
    pub test: Examples,
    /// The files read, in the order of reading.
    pub files: Vec<FileSum>,
    /// Sentences that say what was done: counts, scaling, split, shuffle, binarisation.
    pub notes: Vec<String>,
}

/// Identity of a file that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileSum {
    pub path: PathBuf,
    pub bytes: u64,
    /// SHA-256 of the file as it lies on disk, in hexadecimal.
    pub sha256: String,
}

/// Where examples come from. Generated sets hold every pattern once, or so many random `draws`.
#[derive(Clone, Debug, PartialEq)]
pub enum Source {
    /// The bundled 8x8 handwritten digits (UCI optdigits): 3,823 for training and 1,797 for testing, values 0..16.
    Digits,
    /// Images whose columns, or whose rows, are on or off together: 2^height + 2^width - 2 patterns.
    BarsAndStripes { height: usize, width: usize, draws: Option<usize> },
    /// Two rows of `bits`: any pattern, and the same shifted cyclically by one left, not at all, or right.
    Shifter { bits: usize, draws: Option<usize> },
    /// A bar of `bar` pixels at every position of a ring of `pixels`.
    ShiftingBar { pixels: usize, bar: usize, draws: Option<usize> },
    /// The user's own files.
    Files(Box<Files>),
}

/// The user's own files, one per split, and how to read them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Files {
    pub train: Images,
    pub validation: Option<Images>,
    pub test: Option<Images>,
    /// Height and width, where the file does not say; else a square if the number of values is one, else a row.
    pub shape: Option<[usize; 2]>,
    /// The value that stands for full intensity, where it is not 1 (floats) or 255 (integers).
    pub maximum: Option<f64>,
}

/// One file of examples and, if there is one, its file of labels.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Images {
    pub images: FileSpec,
    pub labels: Option<FileSpec>,
}

/// A file, and the array in it if it is an `.npz`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FileSpec {
    pub path: PathBuf,
    pub array: Option<String>,
}

/// Loads or generates `source` and prepares it; every random choice is drawn from `stream`.
pub fn load(source: &Source, preparation: &Preparation, stream: Stream) -> Result<Dataset> {
    let draw = stream.named("draws");
    let parts = match source {
        Source::Digits => digits::digits()?,
        Source::BarsAndStripes { height, width, draws } => patterns::bars_and_stripes(*height, *width, *draws, draw)?,
        Source::Shifter { bits, draws } => patterns::shifter(*bits, *draws, draw)?,
        Source::ShiftingBar { pixels, bar, draws } => patterns::shifting_bar(*pixels, *bar, *draws, draw)?,
        Source::Files(files) => files::parts(files)?,
    };
    prepare::prepare(parts, preparation, stream)
}

impl Dataset {
    /// A data set of ready values in [0, 1], `[examples, height · width]`; without `test` one is split off.
    pub fn from_values(
        name: &str,
        shape: [usize; 2],
        train: &Tensor,
        test: Option<&Tensor>,
        preparation: &Preparation,
        stream: Stream,
    ) -> Result<Self> {
        let rows = |values: &Tensor| -> Result<Examples> {
            let (examples, units) = values.dims2()?;
            if shape[0].checked_mul(shape[1]) != Some(units) || examples == 0 || units == 0 {
                return Err(Error::Refused {
                    problem: format!(
                        "{name}: {examples} x {units} values are no images of {} x {}",
                        shape[0], shape[1]
                    ),
                    remedy: "give at least one example, of height x width values".into(),
                });
            }
            let pixels = Pixels::from_unit_values(&host(values)?).ok_or_else(|| Error::Refused {
                problem: format!("{name}: a value lies outside 0..1 or is no number"),
                remedy: "scale the values to 0..1".into(),
            })?;
            Ok(Examples::new(pixels, units))
        };
        let parts = Parts {
            name: name.into(),
            shape,
            train: rows(train)?,
            validation: None,
            test: test.map(rows).transpose()?,
            files: Vec::new(),
            notes: Vec::new(),
        };
        prepare::prepare(parts, preparation, stream)
    }
}

/// A count with thousands separators.
fn grouped(count: usize) -> String {
    let digits = count.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
