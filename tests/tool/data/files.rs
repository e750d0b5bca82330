//! Small data files of every format, written by hand.

use candle_core::DType;
use dbm::experiment::Error;
use dbm::experiment::config::{Binarize, Data, Files, Source, Split};
use dbm::experiment::data::{Examples, FileOptions, LoadedFile, load_examples};
use dbm::math::{Stream, host};
use flate2::{Compression, write::GzEncoder};
use std::fs;
use std::io::{Cursor, Write};
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// Seven images of 3 x 5 pixels with values 0..=104.
pub fn images() -> Vec<u8> {
    (0..7 * 15).collect()
}

pub fn stream() -> Stream {
    Stream::new(7)
}

pub fn idx(code: u8, dims: &[u32], body: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0, 0, code, dims.len() as u8];
    bytes.extend(dims.iter().flat_map(|dim| dim.to_be_bytes()));
    bytes.extend_from_slice(body);
    bytes
}

pub fn npy(descr: &str, fortran_order: &str, shape: &str, body: &[u8]) -> Vec<u8> {
    let header = format!("{{'descr': '{descr}', 'fortran_order': {fortran_order}, 'shape': {shape}, }}\n");
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend((header.len() as u16).to_le_bytes());
    bytes.extend(header.bytes());
    bytes.extend_from_slice(body);
    bytes
}

pub fn npz(arrays: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let mut archive = zip::ZipWriter::new(Cursor::new(Vec::new()));
    let options = zip::write::SimpleFileOptions::default().compression_method(zip::CompressionMethod::Deflated);
    for (name, bytes) in arrays {
        archive.start_file(format!("{name}.npy"), options).unwrap();
        archive.write_all(bytes).unwrap();
    }
    archive.finish().unwrap().into_inner()
}

pub fn gz(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

pub fn amat(rows: &[&[u8]]) -> Vec<u8> {
    let line = |row: &&[u8]| row.iter().map(u8::to_string).collect::<Vec<_>>().join(" ") + "\n";
    rows.iter().map(line).collect::<String>().into_bytes()
}

/// A folder that goes when the test ends.
pub struct Folder(pub TempDir);

impl Folder {
    pub fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub fn write(&self, name: &str, bytes: &[u8]) -> PathBuf {
        fs::write(self.path(name), bytes).unwrap();
        self.path(name)
    }

    pub fn read(&self, bytes: &[u8], options: &FileOptions) -> Result<LoadedFile, Error> {
        load_examples(&self.write("file", bytes), options, stream())
    }

    pub fn values(&self, bytes: &[u8]) -> Vec<f64> {
        values(&self.read(bytes, &double()).unwrap().examples)
    }
}

pub fn double() -> FileOptions {
    FileOptions { dtype: DType::F64, ..FileOptions::default() }
}

pub fn values(examples: &Examples) -> Vec<f64> {
    host(&examples.all(stream()).unwrap()).unwrap()
}

pub fn training_file(path: &Path) -> Files {
    Files { train: path.to_path_buf(), ..Files::default() }
}

/// Examples as they are: grey, in order, the last fifth of them the test set where the source has none.
pub fn plain(source: Source) -> Data {
    Data { source, binarize: Binarize::None, flip: false, split: Split { shuffle: false, ..Split::default() } }
}
