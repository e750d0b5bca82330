//! The user's files: opened, recognised by their content, decompressed, and matched with their labels.

use super::super::config::{Binarize, Files};
use super::super::{Error, Result};
use super::array::{Array, Fault, Pixels, Read, UNBOUNDED, fault};
use super::elements::{OUT_OF_RANGE, damaged};
use super::prepare::{self, Parts};
use super::{Examples, FileSum, idx, npy, text};
use crate::math::{DType, Device, Stream};
use flate2::bufread::MultiGzDecoder;
use sha2::{Digest, Sha256};
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};

/// How to read one file as one set of examples.
#[derive(Clone, Debug)]
pub struct FileOptions {
    /// The array, if the file is an `.npz` of several.
    pub array: Option<String>,
    /// Height and width, where the file does not say.
    pub shape: Option<[usize; 2]>,
    /// The value that stands for full intensity, where it is not 1 (floats) or 255 (integers).
    pub maximum: Option<f64>,
    /// Whether the values are any real numbers instead of intensities.
    pub real: bool,
    /// How grey values become binary; stochastic binarisation of either kind draws once.
    pub binarize: Binarize,
    /// Precision of the tensors the examples are presented in.
    pub dtype: DType,
}

impl Default for FileOptions {
    fn default() -> Self {
        Self { array: None, shape: None, maximum: None, real: false, binarize: Binarize::None, dtype: DType::F32 }
    }
}

/// One file's examples and the record of what was done to them.
#[derive(Clone, Debug)]
pub struct LoadedFile {
    /// The examples, in the order of the file.
    pub examples: Examples,
    /// Height and width of an example.
    pub shape: [usize; 2],
    /// The files read: the examples, and their labels where there are some.
    pub files: Vec<FileSum>,
    /// Sentences that say what was done: scaling, a guessed shape, binarisation.
    pub notes: Vec<String>,
}

/// Reads the file at `path` (IDX, `.npy`, `.npz` or text; compressed or not) as one set of examples, their pixels drawn, if they
/// are, from `stream`.
pub fn load_examples(path: &Path, options: &FileOptions, stream: Stream) -> Result<LoadedFile> {
    let FileOptions { array, shape, maximum, real, binarize, dtype } = options;
    if let Some(maximum) = maximum.filter(|maximum| !(maximum.is_finite() && *maximum > 0.0)) {
        return Err(Error::Refused {
            problem: format!("`maximum` is {maximum}, which cannot be full intensity"),
            remedy: "set it to a number above 0, such as 255".into(),
        });
    }
    let format = Format { array: array.as_deref(), shape: *shape, maximum: real.then_some(UNBOUNDED).or(*maximum) };
    let LoadedFile { examples, shape, files, mut notes } = labelled(path, None, format)?;
    let how = match *binarize {
        Binarize::StochasticEachTime => Binarize::StochasticOnce,
        other => other,
    };
    let examples = prepare::binarize(examples, how, true, stream.named("binarize"))?;
    notes.extend(prepare::binarization_note(how));
    Ok(LoadedFile { examples: examples.presented_in(*dtype, Device::Cpu), shape, files, notes })
}

/// What files do not say about themselves.
#[derive(Clone, Copy)]
struct Format<'a> {
    array: Option<&'a str>,
    shape: Option<[usize; 2]>,
    maximum: Option<f64>,
}

/// Reads all files of a data set and checks that they fit together.
pub(super) fn parts(spec: &Files) -> Result<Parts> {
    let format = Format {
        array: spec.array.as_deref(),
        shape: spec.shape,
        maximum: spec.real.then_some(UNBOUNDED).or(spec.maximum),
    };
    let train = labelled(&spec.train, spec.labels.as_deref(), format)?;
    let units = train.examples.units();
    let (mut files, mut notes) = (train.files, train.notes);
    let mut other = |path: &Option<PathBuf>, labels: &Option<PathBuf>| -> Result<Option<Examples>> {
        let Some(path) = path else { return Ok(None) };
        let set = labelled(path, labels.as_deref(), format)?;
        if set.shape != train.shape {
            let [[height, width], [train_height, train_width]] = [set.shape, train.shape];
            let problem = format!(
                "its examples have {height} x {width} = {} values, those of {} have {train_height} x {train_width} = {units}",
                set.examples.units(),
                spec.train.display()
            );
            return Err(at(path)(Fault { problem, remedy: "give files of the same shape".into() }));
        }
        files.extend(set.files);
        notes.extend(set.notes);
        Ok(Some(set.examples))
    };
    let validation = other(&spec.validation, &None)?;
    let test = other(&spec.test, &spec.test_labels)?;
    let (name, judged) = (called(&spec.train), called(spec.test.as_ref().unwrap_or(&spec.train)));
    Ok(Parts { name, judged, shape: train.shape, train: train.examples, validation, test, files, notes })
}

/// What a file is called: its name up to the first point.
fn called(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    name.split('.').find(|part| !part.is_empty()).unwrap_or_default().to_string()
}

/// Reads a file of examples and, where there is one, their file of labels.
fn labelled(path: &Path, labels: Option<&Path>, format: Format) -> Result<LoadedFile> {
    let (array, sum) = open(path, format.array, format.maximum)?;
    let file = path.display();
    let mut files = vec![sum];
    let mut notes: Vec<String> = array.note.iter().map(|note| format!("{file}: {note}")).collect();
    let (count, shape, note) = geometry(&array.dims, format.shape).map_err(at(path))?;
    notes.extend(note.map(|note| format!("{file}: {note}")));
    let mut classes = None;
    if let Some(path) = labels {
        let (found, sum) = open_labels(path)?;
        if found.len() != count {
            let problem = format!("holds {} labels, but {file} holds {count} examples", found.len());
            return Err(at(path)(Fault { problem, remedy: "give the labels that belong to the examples".into() }));
        }
        files.push(sum);
        classes = Some(found);
    }
    let examples = Examples::new(array.pixels, shape[0] * shape[1]).with_labels(classes);
    Ok(LoadedFile { examples, shape, files, notes })
}

/// Number of examples, height and width, and a sentence if these were guessed.
fn geometry(dims: &[usize], shape: Option<[usize; 2]>) -> Read<(usize, [usize; 2], Option<String>)> {
    let (count, found) = match *dims {
        [count, height, width] | [count, 1, height, width] | [count, height, width, 1] => {
            (count, Some([height, width]))
        }
        [count, units] => (count, square(units)),
        _ => {
            return fault(
                format!("has {} dimension(s), which is no set of images", dims.len()),
                "give examples x values, or examples x height x width; one dimension alone is a file of labels",
            );
        }
    };
    let units: usize = dims.iter().skip(1).product();
    if count == 0 || units == 0 {
        return fault("holds no examples", "give a file with at least one example of at least one value");
    }
    match (shape, found) {
        (Some([height, width]), _) if height.checked_mul(width) != Some(units) => fault(
            format!("its examples have {units} values, which is not {height} x {width}"),
            "set `shape` to the height and width of a picture in the file, or leave it out",
        ),
        (Some(shape), _) => Ok((count, shape, None)),
        (None, Some(shape)) => Ok((count, shape, None)),
        (None, None) => {
            let note =
                format!("{units} values are no square, so examples are shown as one row; set `shape` to change this");
            Ok((count, [1, units], Some(note)))
        }
    }
}

fn square(units: usize) -> Option<[usize; 2]> {
    let side = units.isqrt();
    (side * side == units).then_some([side, side])
}

fn open_labels(path: &Path) -> Result<(Vec<u8>, FileSum)> {
    const REMEDY: &str = "labels are whole numbers 0..255, one per example";
    // As integers with a full scale of 255, labels stay the bytes they are.
    let (Array { dims, pixels, .. }, sum) = open(path, None, Some(255.0)).map_err(|error| match error {
        Error::Data { file, problem, remedy } if remedy == OUT_OF_RANGE => {
            Error::Data { file, problem, remedy: REMEDY.into() }
        }
        other => other,
    })?;
    match (dims.as_slice(), pixels) {
        ([_] | [_, 1], Pixels::Bytes { values, .. }) => Ok((values, sum)),
        _ => Err(at(path)(Fault { problem: "holds no labels".into(), remedy: REMEDY.into() })),
    }
}

fn at(path: &Path) -> impl Fn(Fault) -> Error {
    let file = path.to_path_buf();
    move |Fault { problem, remedy }| Error::Data { file: file.clone(), problem, remedy }
}

/// Reads a file of any format.
fn open(path: &Path, array: Option<&str>, maximum: Option<f64>) -> Result<(Array, FileSum)> {
    let refused = |problem: &str, remedy: &str| at(path)(Fault { problem: problem.into(), remedy: remedy.into() });
    let metadata = match fs::metadata(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return Err(refused("there is no such file", "check the path; relative paths start at the working folder"));
        }
        other => other.map_err(Error::io("read", path))?,
    };
    if metadata.is_dir() {
        return Err(refused("is a folder, not a file", "name the file in it"));
    }
    if !metadata.is_file() {
        return Err(refused("is not a regular file", "save the data to a file first"));
    }
    let bytes = fs::read(path).map_err(Error::io("read", path))?;
    if bytes.is_empty() {
        return Err(refused("is empty", "make or fetch the file again"));
    }
    let array = recognised(&bytes, array, maximum).map_err(at(path))?;
    Ok((array, FileSum::of(path, &bytes)))
}

fn recognised(bytes: &[u8], array: Option<&str>, maximum: Option<f64>) -> Read<Array> {
    if bytes.starts_with(npy::ARCHIVE_MAGIC) {
        return npy::read_archive(bytes, array, maximum);
    }
    if let Some(array) = array {
        return fault(format!("is no .npz archive, so it holds no array \"{array}\""), "leave `array` out");
    }
    if bytes.starts_with(&[0x1f, 0x8b]) {
        let mut reader = BufReader::with_capacity(1 << 16, MultiGzDecoder::new(bytes));
        return decoded(&mut reader, maximum, "after decompression, it");
    }
    let mut reader = bytes;
    decoded(&mut reader, maximum, "it")
}

fn decoded(reader: &mut dyn BufRead, maximum: Option<f64>, subject: &str) -> Read<Array> {
    let start = reader.fill_buf().map_err(|error| damaged(error, "at its first byte"))?;
    if start.starts_with(npy::MAGIC) {
        npy::read(reader, maximum)
    } else if idx::opens(start) {
        idx::read(reader, maximum)
    } else if text::opens(start) {
        text::read(reader, maximum)
    } else {
        let found: Vec<String> = start.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
        fault(
            format!("is of no known format: {subject} begins with the bytes {}", found.join(" ")),
            "known are IDX (00 00 08 03 …), .npy (93 4e 55 4d 50 59), .npz (50 4b) and text with one example a line, \
             values separated by blanks; each may be compressed with gzip (1f 8b)",
        )
    }
}

impl FileSum {
    /// Of a file with this content.
    pub fn of(path: &Path, bytes: &[u8]) -> Self {
        let sha256 = Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect();
        Self { path: path.to_path_buf(), bytes: bytes.len() as u64, sha256 }
    }
}
