//! From the files of a data set in the data folder to examples.

use super::super::super::config::HeldOut;
use super::super::super::{Error, Result};
use super::super::array::{Array, Fault, Pixels, Read};
use super::super::elements::{self, Layout};
use super::super::prepare::Parts;
use super::super::{Examples, FileSum, idx, text};
use super::sums::{self, Verdict};
use super::verify::missing;
use super::{DataFile, DataSet, letters, matlab, named, norb, place, refused};
use std::path::{Path, PathBuf};

/// Test digits of each class, in the order of the static-binarised file.
const SORTED: [usize; 10] = [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009];

/// A file that was found, checked and read.
struct Opened {
    path: PathBuf,
    sum: FileSum,
    raw: Vec<u8>,
    note: Option<String>,
}

impl Opened {
    /// What a reader found wrong, with the file's name.
    fn at<T>(&self, read: Read<T>) -> Result<T> {
        read.map_err(|Fault { problem, remedy }| refused(&self.path, problem, remedy))
    }
}

/// Finds in the data folder, checks and reads these files of the set.
fn opened<const N: usize>(folder: &Path, set: &'static DataSet, which: [usize; N]) -> Result<[Opened; N]> {
    let files: Vec<&DataFile> = which.iter().filter_map(|&number| set.files.get(number)).collect();
    let absent = files.iter().filter(|file| place::find(folder, set, file).is_none());
    let absent: Vec<&str> = absent.map(|file| file.name).collect();
    if !absent.is_empty() {
        return Err(missing(folder, set, &absent));
    }
    let open = |file: &&DataFile| {
        let path = place::find(folder, set, file).ok_or_else(|| missing(folder, set, &[file.name]))?;
        let mut raw = Vec::new();
        let (sums, verdict) = sums::read(&path, file, &mut raw)?;
        let (sums, note) = match (sums, verdict) {
            (_, Verdict::Wrong(problem)) => {
                let fetch = place::command(&format!("fetch {}", set.name));
                return Err(refused(path, problem, format!("fetch it again: {fetch}")));
            }
            (Some(sums), Verdict::Genuine) => (sums, None),
            (Some(sums), _) => (sums, Some(format!("{}: not verified, {}", file.name, file.unverified()))),
            (None, _) => return Err(refused(path, "could not be summed", "fetch it again")),
        };
        // Named without the data folder, which may be another one where a run goes on.
        let name = PathBuf::from(set.name).join(path.file_name().unwrap_or_default());
        let sum = FileSum { path: name, bytes: sums.disk.bytes, sha256: sums.disk.sha256 };
        Ok(Opened { path, sum, raw, note })
    };
    let opened: Vec<Opened> = files.iter().map(open).collect::<Result<_>>()?;
    opened.try_into().map_err(|_| Error::Compute { problem: format!("{} has fewer files than are read", set.name) })
}

/// Examples that train, validate, test.
struct Split {
    train: Examples,
    validation: Option<Examples>,
    test: Option<Examples>,
}

/// What becomes of opened files and the examples in them.
fn parts<const N: usize>(set: &DataSet, files: [Opened; N], note: &str, examples: Split) -> Parts {
    let Split { train, validation, test } = examples;
    let notes = files.iter().filter_map(|file| file.note.clone());
    Parts {
        name: set.name.into(),
        judged: set.name.into(),
        shape: set.shape,
        train,
        validation,
        test,
        notes: std::iter::once(format!("{}: {note}", set.name)).chain(notes).collect(),
        files: files.map(|file| file.sum).into(),
    }
}

/// Pixels and classes of as many examples, of the set's shape.
fn examples(set: &DataSet, file: &Opened, pixels: Pixels, classes: Option<Vec<u8>>) -> Result<Examples> {
    let examples = Examples::new(pixels, set.shape[0] * set.shape[1]);
    let count = classes.as_ref().map_or(examples.len(), Vec::len);
    if examples.is_empty() || examples.len() * examples.units() != examples.pixels().len() || count != examples.len() {
        let problem = format!("its {} pictures and {count} classes do not fit together", examples.len());
        return Err(refused(&file.path, problem, "the file is damaged or another one: fetch it again"));
    }
    Ok(examples.with_labels(classes))
}

/// Grey pictures and their classes, in a pair of IDX files.
fn pair(set: &DataSet, pictures: &Opened, labels: &Opened) -> Result<Examples> {
    let read = |file: &Opened| file.at(idx::read(&mut file.raw.as_slice(), Some(255.0)));
    let Array { pixels, .. } = read(pictures)?;
    let classes = match read(labels)?.pixels {
        Pixels::Bytes { values, .. } => values,
        Pixels::Floats(_) => Vec::new(),
    };
    examples(set, pictures, pixels, Some(classes))
}

const GREY: &str = "pixels 0..255 were divided by 255";

/// A set of four IDX files like MNIST's.
pub fn mnist_like(folder: &Path, name: &str) -> Result<Parts> {
    let set = named(name)?;
    let files = opened(folder, set, [0, 1, 2, 3])?;
    let [pictures, labels, test, test_labels] = &files;
    let (train, test) = (pair(set, pictures, labels)?, pair(set, test, test_labels)?);
    Ok(parts(set, files, GREY, Split { train, validation: None, test: Some(test) }))
}

/// MNIST, grey, tested on its own grey test digits or on those of the static-binarised set.
pub fn mnist(folder: &Path, held_out: HeldOut) -> Result<Parts> {
    if held_out == HeldOut::Grey {
        return mnist_like(folder, "mnist");
    }
    let (grey, fixed) = (named("mnist")?, named("mnist_static")?);
    let [pictures, labels] = opened(folder, grey, [0, 1])?;
    let [test] = opened(folder, fixed, [2])?;
    let (train, held_out) = (pair(grey, &pictures, &labels)?, sample(fixed, &test, Some(sorted()))?);
    let split = Split { train, validation: None, test: Some(held_out) };
    let note = format!("{GREY}; the test digits are those of mnist_static, in order of their classes");
    Ok(Parts { judged: fixed.name.into(), ..parts(grey, [pictures, labels, test], &note, split) })
}

/// The static-binarised digits.
pub fn mnist_static(folder: &Path) -> Result<Parts> {
    let set = named("mnist_static")?;
    let files = opened(folder, set, [0, 1, 2])?;
    let [train, validation, test] = &files;
    let (train, validation) = (sample(set, train, None)?, sample(set, validation, None)?);
    let test = sample(set, test, Some(sorted()))?;
    let split = Split { train, validation: Some(validation), test: Some(test) };
    Ok(parts(set, files, "the fixed binary sample; the test digits in order of their classes", split))
}

/// States in text, a line an example.
fn sample(set: &DataSet, file: &Opened, classes: Option<Vec<u8>>) -> Result<Examples> {
    let array = file.at(text::read(&mut file.raw.as_slice(), None))?;
    examples(set, file, array.pixels, classes)
}

fn sorted() -> Vec<u8> {
    SORTED.iter().zip(0..).flat_map(|(&count, class)| std::iter::repeat_n(class, count)).collect()
}

/// Letters that train; that validate, and as many that test.
const TRAINING_LETTERS: usize = 32_152;
const HELD_OUT_LETTERS: usize = 10_000;

/// OCR letters, split as their figures are published.
pub fn ocr_letters(folder: &Path) -> Result<Parts> {
    let set = named("ocr_letters")?;
    let files = opened(folder, set, [0])?;
    let [file] = &files;
    let (pixels, classes) = file.at(letters::read(&file.raw))?;
    let all = examples(set, file, Pixels::binary(pixels), Some(classes))?;
    let order = letters::order();
    let (train, held_out) = order.split_at(TRAINING_LETTERS);
    let (validation, test) = held_out.split_at(HELD_OUT_LETTERS);
    let [train, validation, test] = [train, validation, test].map(|rows| all.select(rows));
    let split = Split { train, validation: Some(validation), test: Some(test) };
    Ok(parts(set, files, "letters a to z, split as in Larochelle, Bengio and Turian (2010)", split))
}

/// Silhouettes: the official split, or all of them without one.
pub fn caltech(folder: &Path, official: bool) -> Result<Parts> {
    let set = named("caltech_silhouettes")?;
    let files = opened(folder, set, [usize::from(!official)])?;
    let [file] = &files;
    let silhouettes = |pictures: &str, labels: &str| {
        let matrix = file.at(matlab::matrix(&file.raw, pictures))?;
        let classes = file.at(matlab::matrix(&file.raw, labels))?.values();
        let [height, width] = set.shape;
        let dims = vec![matrix.dims.first().copied().unwrap_or(0), height, width];
        let layout = Layout { dims, kind: matrix.kind, little_endian: true, column_major: true, start: 0 };
        let array = file.at(elements::read(&mut matrix.body.as_slice(), layout, Some(1.0)))?;
        examples(set, file, array.pixels, Some(classes.into_iter().map(|class| class as u8).collect()))
    };
    let split = match official {
        true => Split {
            train: silhouettes("train_data", "train_labels")?,
            validation: Some(silhouettes("val_data", "val_labels")?),
            test: Some(silhouettes("test_data", "test_labels")?),
        },
        false => Split { train: silhouettes("X", "Y")?, validation: None, test: None },
    };
    Ok(parts(set, files, "0 is the object and 1 the ground; classes 1 to 101", split))
}

/// Characters of Omniglot, with their alphabets as classes.
pub fn omniglot(folder: &Path) -> Result<Parts> {
    let set = named("omniglot")?;
    let files = opened(folder, set, [0])?;
    let [file] = &files;
    let characters = |pictures: &str, alphabets: &str| {
        let matrix = file.at(matlab::matrix(&file.raw, pictures))?;
        let layout = Layout {
            dims: matrix.dims.into_iter().rev().collect(),
            kind: matrix.kind,
            little_endian: true,
            column_major: false,
            start: 0,
        };
        let array = file.at(elements::read(&mut matrix.body.as_slice(), layout, Some(1.0)))?;
        let alphabets = file.at(matlab::matrix(&file.raw, alphabets))?;
        let count = alphabets.dims.first().copied().unwrap_or(0).max(1);
        let class = |flags: &[f64]| flags.iter().position(|&flag| flag == 1.0).map(|class| class as u8);
        let classes = alphabets.values().chunks_exact(count).filter_map(class).collect();
        examples(set, file, array.pixels.turned_upright(set.shape), Some(classes))
    };
    let (train, test) = (characters("data", "target")?, characters("testdata", "testtarget")?);
    let split = Split { train, validation: None, test: Some(test) };
    Ok(parts(set, files, "grey characters; the classes are their alphabets, 0 to 49", split))
}

/// Pairs of pictures of toys.
pub fn small_norb(folder: &Path) -> Result<Parts> {
    let set = named("small_norb")?;
    let [mut pictures, mut classes, mut test, mut test_classes] = opened(folder, set, [0, 1, 2, 3])?;
    let train = toys(set, &mut pictures, &mut classes)?;
    let held_out = toys(set, &mut test, &mut test_classes)?;
    let split = Split { train, validation: None, test: Some(held_out) };
    let note = format!("{GREY}; the first camera's picture lies above the second's");
    Ok(parts(set, [pictures, classes, test, test_classes], &note, split))
}

fn toys(set: &DataSet, pictures: &mut Opened, classes: &mut Opened) -> Result<Examples> {
    let (bytes, words) = (std::mem::take(&mut pictures.raw), std::mem::take(&mut classes.raw));
    let values = pictures.at(norb::pictures(bytes))?;
    let classes = classes.at(norb::classes(words))?;
    examples(set, pictures, Pixels::Bytes { values, full: 255.0 }, Some(classes))
}
