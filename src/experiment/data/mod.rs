//! Data sets: bundled, generated, and read from the user's files, prepared as an experiment asks for them.

mod array;
mod bundled;
mod catalogue;
mod digits;
mod elements;
mod examples;
mod files;
mod idx;
mod npy;
mod patterns;
mod prepare;
mod real;
mod samples;
pub mod sets;
mod text;

pub use bundled::bundled;
pub use catalogue::{Entry, catalogue};
pub use examples::Examples;
pub use files::{FileOptions, LoadedFile, load_examples};
pub use npy::npy_bytes;
pub use samples::{sample, shape_of};

use super::config::{Data, Source};
use super::{Error, Result};
use crate::math::{DType, Device, Stream};
use std::path::{Path, PathBuf};

/// Examples to learn from and to be judged on, and the record of what was done to them.
#[derive(Clone, Debug)]
pub struct Dataset {
    /// What messages call it.
    pub name: String,
    /// What tables and results call the examples that are judged: the test file's name, where there is one.
    pub judged: String,
    /// Height and width of an example; their product is the number of visible units.
    pub shape: [usize; 2],
    /// Examples to learn from.
    pub train: Examples,
    /// Held-out examples to judge by while training, where some were set aside.
    pub validation: Option<Examples>,
    /// Held-out examples to judge the trained model by.
    pub test: Examples,
    /// The files read, in the order of reading.
    pub files: Vec<FileSum>,
    /// Sentences that say what was done: counts, scaling, split, shuffle, binarisation.
    pub notes: Vec<String>,
}

impl Dataset {
    /// Refuses data from other files than those that `run` recorded when it was started.
    pub fn expect_files(&self, recorded: &[FileSum], run: &Path) -> Result<()> {
        if self.files == recorded {
            return Ok(());
        }
        Err(Error::Model {
            path: run.to_path_buf(),
            problem: "the data files are not those the run was started with (run.json has their checksums)".into(),
            remedy: "put the old files back, or start a new run".into(),
        })
    }
}

/// Identity of a file that was read.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct FileSum {
    /// Where it was, as the experiment names it.
    pub path: PathBuf,
    /// Size of the file as it lies on disk.
    pub bytes: u64,
    /// SHA-256 of the file as it lies on disk, in hexadecimal.
    pub sha256: String,
}

/// Loads or generates the examples that a checked section `[data]` asks for, and prepares them; every random choice is drawn
/// from `stream`.
pub fn load(data: &Data, dtype: DType, device: &Device, stream: Stream) -> Result<Dataset> {
    let draw = stream.named("draws");
    let parts = match &data.source {
        Source::Digits {} => digits::digits()?,
        Source::BarsAndStripes { height, width, examples } => {
            patterns::bars_and_stripes(*height, *width, *examples, draw)
        }
        Source::Shifter { bits, examples } => patterns::shifter(*bits, *examples, draw),
        Source::ShiftingBar { pixels, bar, examples } => patterns::shifting_bar(*pixels, *bar, *examples, draw),
        Source::NaturalImagePatches { side, examples, kept } => real::patches(*side, *examples, *kept, draw)?,
        Source::GaussianClusters { clusters, dimensions, examples, spread } => {
            real::clusters([*clusters, *dimensions], *examples, *spread, draw)?
        }
        Source::Samples { model, examples, sweeps } => samples::parts(model, *examples, *sweeps, dtype, device, draw)?,
        Source::Files(files) => files::parts(files)?,
        Source::Mnist { held_out } => sets::mnist(*held_out)?,
        Source::MnistStatic {} => sets::mnist_static()?,
        Source::FashionMnist {} => sets::mnist_like("fashion_mnist")?,
        Source::KuzushijiMnist {} => sets::mnist_like("kuzushiji_mnist")?,
        Source::Omniglot {} => sets::omniglot()?,
        Source::OcrLetters {} => sets::ocr_letters()?,
        Source::CaltechSilhouettes { official_split } => sets::caltech(*official_split)?,
        Source::SmallNorb {} => sets::small_norb()?,
    };
    prepare::prepare(parts, data, dtype, device, stream)
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
