//! What is there of a data set, and whether it is right.

use super::super::super::Result;
use super::sums::{self, Verdict};
use super::{DataFile, DataSet, place, refused};
use std::path::{Path, PathBuf};

/// One file of a data set, as it was found or left.
#[derive(Clone, Debug, serde::Serialize)]
pub struct Presence {
    /// The data set.
    pub set: &'static str,
    /// The file, as the table names it.
    pub file: &'static str,
    /// Where it lies, if it is there.
    pub path: Option<PathBuf>,
    /// In words: "verified", "missing", "wrong: …".
    pub state: String,
    /// Whether nothing is wrong with it.
    pub fine: bool,
}

/// What happened to a file.
pub(super) enum State {
    Missing,
    Here(Verdict),
    Came(Verdict),
}

impl Presence {
    pub(super) fn of(set: &DataSet, file: &DataFile, path: Option<PathBuf>, state: State) -> Self {
        let words = |verdict: Verdict| match verdict {
            Verdict::Genuine => "verified".to_string(),
            Verdict::AsBefore => format!("as it came; {}", file.unverified()),
            Verdict::Unchecked => format!("not verified; {}", file.unverified()),
            Verdict::Wrong(problem) => format!("wrong: {problem}"),
        };
        let fine = !matches!(&state, State::Missing | State::Here(Verdict::Wrong(_)));
        let state = match state {
            State::Missing => "missing".into(),
            State::Here(verdict) => words(verdict),
            State::Came(verdict) => format!("new, {}", words(verdict)),
        };
        Self { set: set.name, file: file.name, path, state, fine }
    }
}

/// How many files of the set are in the folder, without a look at what they hold.
pub fn presence(folder: &Path, set: &DataSet) -> usize {
    set.files.iter().filter(|file| place::find(folder, set, file).is_some()).count()
}

/// Sums every file of the set in the folder anew.
pub fn verify(folder: &Path, set: &DataSet) -> Result<Vec<Presence>> {
    let look = |file: &'static DataFile| match place::find(folder, set, file) {
        None => Ok(Presence::of(set, file, None, State::Missing)),
        Some(path) => {
            let (_, verdict) = sums::examine(&path, file)?;
            Ok(Presence::of(set, file, Some(path), State::Here(verdict)))
        }
    };
    set.files.iter().map(look).collect()
}

/// Refuses a set of which something is wrong or missing, naming the first such file and what helps.
pub fn require(folder: &Path, set: &DataSet, files: &[Presence]) -> Result<()> {
    let Some(bad) = files.iter().find(|file| !file.fine) else { return Ok(()) };
    let name = set.name;
    Err(match &bad.path {
        Some(path) => {
            let again = place::command(&format!("fetch {name}"));
            refused(path, format!("is {}", bad.state), format!("remove it and fetch it again: {again}"))
        }
        None => missing(folder, set, &[bad.file]),
    })
}

/// The refusal where files of a set are not there.
pub fn missing(folder: &Path, set: &DataSet, files: &[&str]) -> super::super::super::Error {
    let name = set.name;
    let [fetch, import] =
        ["fetch NAME", "import NAME FOLDER"].map(|words| place::command(&words.replace("NAME", name)));
    refused(
        place::home(folder, set),
        format!("the data set {name} is not whole: {} not there", are(files)),
        format!("fetch it: {fetch}; or take it from a folder that has its files: {import}"),
    )
}

fn are(files: &[&str]) -> String {
    let verb = if files.len() == 1 { "is" } else { "are" };
    format!("{} {verb}", files.join(", "))
}
