//! Data sets of the literature: what they are, where they come from, and the folder of the user's that keeps them.

mod fetch;
mod import;
mod letters;
mod load;
mod matlab;
pub mod norb;
mod place;
mod sums;
mod table;
mod transfer;
mod verify;

pub use fetch::{Fetching, fetch};
pub use import::import;
pub use place::{choose, data_folder};
pub use table::SETS;
pub use verify::{Presence, presence, require, verify};

pub(super) use load::{caltech, mnist, mnist_like, mnist_static, ocr_letters, omniglot, small_norb};

use super::super::config::suggestion;
use super::super::{Error, Result};
use std::path::PathBuf;

/// A data set that is not part of the program.
#[derive(Debug)]
pub struct DataSet {
    /// The word of an experiment file and of the commands; the name of its folder.
    pub name: &'static str,
    /// Other names its folder may have.
    pub folders: &'static [&'static str],
    /// What the examples show.
    pub description: &'static str,
    /// How many there are.
    pub examples: &'static str,
    /// Height and width of one in pixels.
    pub shape: [usize; 2],
    /// Terms of use, as far as its authors state any.
    pub licence: &'static str,
    /// Whom to cite.
    pub citation: &'static str,
    /// Addresses that a file's name is appended to, in the order they are tried.
    pub mirrors: &'static [&'static str],
    /// Its files.
    pub files: &'static [DataFile],
}

/// One file of a data set.
#[derive(Debug)]
pub struct DataFile {
    /// Its name at the mirrors; in the folder it may also lie uncompressed, or compressed anew.
    pub name: &'static str,
    /// The bytes that are sent.
    pub sent: Known,
    /// The same uncompressed: the file's identity, whatever compressed it.
    pub raw: Known,
    /// What it opens with once uncompressed; tells a page of apologies from a file that has no published checksum.
    pub opening: &'static [u8],
}

/// What is known of bytes before they are seen; nothing is filled in that nobody has published.
#[derive(Debug)]
pub struct Known {
    /// How many.
    pub bytes: Option<u64>,
    /// Their SHA-256 in hexadecimal.
    pub sha256: Option<&'static str>,
}

impl DataFile {
    /// Its name uncompressed.
    pub fn raw_name(&self) -> &'static str {
        self.name.strip_suffix(".gz").unwrap_or(self.name)
    }

    /// The names it may have in a folder.
    fn names(&self) -> [String; 3] {
        [self.name.to_string(), self.raw_name().to_string(), format!("{}.gz", self.raw_name())]
    }

    /// Why a file that is none of those known may still be the right one.
    fn unverified(&self) -> &'static str {
        match self.sent.sha256 {
            Some(_) => "a checksum is published of the compressed file alone",
            None => "no checksum of it is published",
        }
    }

    /// Whether some checksum tells it from any other file.
    pub fn is_pinned(&self) -> bool {
        self.raw.sha256.is_some() || self.sent.sha256.is_some()
    }
}

/// The data set of this name; hyphens and underscores mean the same.
pub fn named(name: &str) -> Result<&'static DataSet> {
    let word = name.trim().replace('-', "_");
    SETS.iter().find(|set| set.name == word).ok_or_else(|| {
        let names: Vec<&str> = SETS.iter().map(|set| set.name).collect();
        let meant = suggestion(&word, &names).map(|meant| format!("did you mean {meant}? ")).unwrap_or_default();
        Error::Refused {
            problem: format!("there is no data set {name} to be fetched"),
            remedy: format!("{meant}there are {}", names.join(", ")),
        }
    })
}

/// A data set's refusal, at its folder or one of its files.
fn refused(file: impl Into<PathBuf>, problem: impl Into<String>, remedy: impl Into<String>) -> Error {
    Error::Data { file: file.into(), problem: problem.into(), remedy: remedy.into() }
}
