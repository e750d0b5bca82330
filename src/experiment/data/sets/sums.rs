//! Whether a file is the one it should be: checksums as sent and uncompressed, held against the table or the first sight of it.

use super::super::super::checkpoint::write_whole;
use super::super::super::{Error, Result};
use super::DataFile;
use flate2::bufread::MultiGzDecoder;
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::Path;

/// File in a set's folder with the sums of files that none are published of.
const PINS: &str = "pinned.sha256";

/// Bytes that are kept to tell a file by.
const OPENING: usize = 64;

/// What was counted and summed of a file.
#[derive(Debug)]
pub struct Sums {
    /// As it lies on disk.
    pub disk: Sum,
    /// Uncompressed.
    pub raw: Sum,
    /// The first bytes, uncompressed.
    opening: Vec<u8>,
}

/// Count and SHA-256 of bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sum {
    pub bytes: u64,
    pub sha256: String,
}

/// What is to be said of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Its checksum is the published one.
    Genuine,
    /// None is published; it is what it was at first sight.
    AsBefore,
    /// None is published, and none was kept.
    Unchecked,
    /// It is another file, or a damaged one.
    Wrong(String),
}

/// A reader or writer that sums what passes.
struct Counted<T> {
    inner: T,
    bytes: u64,
    sum: Sha256,
    opening: Vec<u8>,
}

impl<T> Counted<T> {
    fn new(inner: T) -> Self {
        Self { inner, bytes: 0, sum: Sha256::new(), opening: Vec::new() }
    }

    fn take(&mut self, passed: &[u8]) {
        self.bytes += passed.len() as u64;
        self.sum.update(passed);
        let missing = OPENING.saturating_sub(self.opening.len()).min(passed.len());
        self.opening.extend_from_slice(&passed[..missing]);
    }

    fn sum(self) -> (Sum, Vec<u8>) {
        let sha256 = self.sum.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
        (Sum { bytes: self.bytes, sha256 }, self.opening)
    }
}

impl<T: Read> Read for Counted<T> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.take(&buffer[..count]);
        Ok(count)
    }
}

impl<T: Write> Write for Counted<T> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.inner.write(bytes)?;
        self.take(&bytes[..count]);
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

/// Writes what `reader` holds, uncompressed, to `out`, and sums both.
pub fn pass(reader: impl Read, out: impl Write) -> io::Result<Sums> {
    let mut reader = BufReader::with_capacity(1 << 16, Counted::new(reader));
    let mut out = Counted::new(out);
    if reader.fill_buf()?.starts_with(&[0x1f, 0x8b]) {
        io::copy(&mut MultiGzDecoder::new(&mut reader), &mut out)?;
        io::copy(&mut reader, &mut io::sink())?;
    } else {
        io::copy(&mut reader, &mut out)?;
    }
    let ((disk, _), (raw, opening)) = (reader.into_inner().sum(), out.sum());
    Ok(Sums { disk, raw, opening })
}

/// Reads the file at `path`: what it holds, uncompressed, goes to `out`.
pub fn read(path: &Path, file: &DataFile, out: impl Write) -> Result<(Option<Sums>, Verdict)> {
    let opened = File::open(path).map_err(Error::io("read", path))?;
    match pass(opened, out) {
        Ok(sums) => {
            let verdict = held_to_before(path, file, &sums, judge(file, &sums));
            Ok((Some(sums), verdict))
        }
        Err(error) if is_of_compression(error.kind()) => {
            Ok((None, Verdict::Wrong(format!("its compressed data are damaged ({error})"))))
        }
        Err(error) => Err(Error::io("read", path)(error)),
    }
}

/// Sums the file at `path`.
pub fn examine(path: &Path, file: &DataFile) -> Result<(Option<Sums>, Verdict)> {
    read(path, file, io::sink())
}

fn is_of_compression(kind: io::ErrorKind) -> bool {
    matches!(kind, io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof)
}

/// Holds sums against the table. Compressed bytes that were compressed anew tell nothing; the uncompressed ones do.
pub fn judge(file: &DataFile, sums: &Sums) -> Verdict {
    let wrong = |what: &str, found: &dyn std::fmt::Display, expected: &dyn std::fmt::Display| {
        Verdict::Wrong(format!("{what} is {found}, not {expected}"))
    };
    if let Some(sha256) = file.raw.sha256 {
        return match sums.raw.sha256 == sha256 {
            true => Verdict::Genuine,
            false => wrong("its SHA-256 (uncompressed)", &sums.raw.sha256, &sha256),
        };
    }
    if file.sent.sha256.is_some_and(|sha256| sums.disk.sha256 == sha256) {
        return Verdict::Genuine;
    }
    if let Some(bytes) = file.raw.bytes.filter(|&bytes| bytes != sums.raw.bytes) {
        return wrong("its size (uncompressed)", &sums.raw.bytes, &bytes);
    }
    if !sums.opening.starts_with(file.opening) {
        let start: String = String::from_utf8_lossy(&sums.opening).chars().take(20).collect();
        return Verdict::Wrong(format!("it is no such file: it opens with \"{}\"", start.escape_debug()));
    }
    Verdict::Unchecked
}

/// What was seen before decides where nothing is published.
fn held_to_before(path: &Path, file: &DataFile, sums: &Sums, verdict: Verdict) -> Verdict {
    if verdict != Verdict::Unchecked {
        return verdict;
    }
    match pinned(path, file) {
        None => Verdict::Unchecked,
        Some(before) if before == sums.raw.sha256 => Verdict::AsBefore,
        Some(before) => {
            let found = &sums.raw.sha256;
            Verdict::Wrong(format!("its SHA-256 (uncompressed) is {found}, and was {before} when it came ({PINS})"))
        }
    }
}

/// The sum that was kept beside the file at `path`.
fn pinned(path: &Path, file: &DataFile) -> Option<String> {
    let text = std::fs::read_to_string(path.with_file_name(PINS)).ok()?;
    text.lines().find_map(|line| {
        let (sha256, name) = line.split_once("  ")?;
        (name == file.raw_name()).then(|| sha256.to_string())
    })
}

/// Keeps the sum of the file at `path` beside it, for the next sight of it.
pub fn pin(path: &Path, file: &DataFile, sums: &Sums) -> Result<()> {
    let pins = path.with_file_name(PINS);
    let before = std::fs::read_to_string(&pins).unwrap_or_default();
    let others = before.lines().filter(|line| !line.ends_with(&format!("  {}", file.raw_name())));
    let mut text: String = others.map(|line| format!("{line}\n")).collect();
    text.push_str(&format!("{}  {}\n", sums.raw.sha256, file.raw_name()));
    write_whole(&pins, text.as_bytes())
}
