//! From a path and overrides to a checked experiment, or to a report of everything that is wrong.

use super::check::check_anywhere;
use super::overrides::{Override, merge};
use super::report::{NOTE, plain, point};
use super::study::{StudyExperiment, check_study};
use super::{Experiment, Problem, check};
use crate::experiment::{Error, Result};
use serde::de::DeserializeOwned;
use std::ops::Range;
use std::path::{Path, PathBuf};
use toml::de::{DeTable, DeValue};

/// An experiment file that was read, changed by overrides, and checked.
#[derive(Clone, Debug, PartialEq)]
pub struct Loaded<E = Experiment> {
    /// What to run.
    pub experiment: E,
    /// The file as it was written.
    pub text: String,
    /// The overrides as they were typed.
    pub overrides: Vec<String>,
    /// Where the file is.
    pub path: PathBuf,
}

/// What an experiment file holds.
#[derive(Clone, Debug, PartialEq)]
pub enum AnyLoaded {
    /// A model to train and judge.
    Training(Box<Loaded>),
    /// A statement to test.
    Study(Box<Loaded<StudyExperiment>>),
}

/// Reads an experiment file of either kind; one with a section `study` is a study.
pub fn load_any(path: &Path, overrides: &[String]) -> Result<AnyLoaded> {
    let any = load_text(path, text_of(path)?, overrides)?;
    Ok(match any {
        AnyLoaded::Training(loaded) => AnyLoaded::Training(Box::new(at_full_size(*loaded))),
        study => study,
    })
}

/// Reads the text of an experiment file of either kind with the settings of its quick size; `path` is how messages call it.
pub fn load_text(path: &Path, text: String, overrides: &[String]) -> Result<AnyLoaded> {
    if holds_study(&text) {
        return Ok(AnyLoaded::Study(Box::new(loaded(path, text, overrides, check_study)?)));
    }
    Ok(AnyLoaded::Training(Box::new(loaded(path, text, overrides, check)?)))
}

/// Only collections have a quick size.
fn at_full_size(loaded: Loaded) -> Loaded {
    Loaded { experiment: loaded.experiment.full(), ..loaded }
}

/// Whether the text of an experiment file has a study in it.
pub fn holds_study(text: &str) -> bool {
    DeTable::parse_recoverable(text).0.get_ref().contains_key("study")
}

/// Reads an experiment file that trains a model; relative paths inside it are taken from the current directory.
pub fn load(path: &Path, overrides: &[String]) -> Result<Loaded> {
    loaded(path, text_of(path)?, overrides, check).map(at_full_size)
}

/// Reads the text of an experiment file that holds a study; `path` is how messages call it.
pub fn load_study(path: &Path, text: &str) -> Result<Loaded<StudyExperiment>> {
    loaded(path, text.to_string(), &[], check_study)
}

fn loaded<E: DeserializeOwned>(
    path: &Path,
    text: String,
    overrides: &[String],
    check: fn(&E) -> Vec<Problem>,
) -> Result<Loaded<E>> {
    let experiment = checked(&path.display().to_string(), &text, overrides, check)?;
    Ok(Loaded { experiment, text, overrides: overrides.to_vec(), path: path.to_path_buf() })
}

/// Reads the experiment of a run that was made, perhaps on another machine: whether this one could make it is not asked.
pub fn stored(path: &Path) -> Result<Experiment> {
    stored_text(&path.display().to_string(), &text_of(path)?)
}

/// The same from a text; `file` is how messages call it.
pub fn stored_text(file: &str, text: &str) -> Result<Experiment> {
    checked(file, text, &[], check_anywhere)
}

/// The text of an experiment file.
pub fn text_of(path: &Path) -> Result<String> {
    let bytes = std::fs::read(path).map_err(Error::io("read", path))?;
    String::from_utf8(bytes).map_err(|error| {
        let offset = error.utf8_error().valid_up_to();
        let file = path.display();
        Error::Experiment { report: format!("{file}: byte {offset} is not UTF-8 text; is this an experiment file?") }
    })
}

/// Reads and checks the text of an experiment file; `file` is how messages call it.
pub fn parse(file: &str, text: &str, overrides: &[String]) -> Result<Experiment> {
    checked(file, text, overrides, check)
}

/// Reads a file of any shape with these overrides and checks it; `file` is how messages call it.
pub fn checked<E: DeserializeOwned>(
    file: &str,
    text: &str,
    overrides: &[String],
    check: fn(&E) -> Vec<Problem>,
) -> Result<E> {
    let refuse = |report: String| Error::Experiment { report };
    let located = |error: toml::de::Error| refuse(point(file, text, place(text, &error), &plain(error.message())));
    let alone: E = toml::from_str(text).map_err(located)?;
    let (changes, faults): (Vec<_>, Vec<_>) =
        overrides.iter().map(|typed| Override::parse(typed)).partition(|o| o.is_ok());
    let mut faults: Vec<Vec<String>> = faults.into_iter().filter_map(|fault| fault.err()).collect();
    let changes: Vec<Override> = changes.into_iter().flatten().collect();
    let merged = match changes.as_slice() {
        [] => Ok(alone),
        changes => merge(&toml::from_str(text).map_err(located)?, changes),
    };
    let experiment = match merged {
        Ok(experiment) if faults.is_empty() => experiment,
        merged => {
            faults.extend(merged.err().unwrap_or_default());
            return Err(refuse(list(&faults)));
        }
    };
    let mut problems = check(&experiment);
    if problems.is_empty() {
        return Ok(experiment);
    }
    problems.sort_by_key(|problem| find(text, &problem.path).map(|span| span.start));
    let reports: Vec<String> = problems.iter().map(|problem| report(file, text, &changes, problem)).collect();
    let count = if reports.len() > 1 { format!("{} problems\n\n", reports.len()) } else { String::new() };
    Err(refuse(count + &reports.join("\n\n")))
}

/// Messages without a place in the file.
fn list(problems: &[Vec<String>]) -> String {
    problems.iter().map(|messages| messages.join(NOTE)).collect::<Vec<_>>().join("\n\n")
}

/// One problem of meaning, at the override or the line it comes from.
fn report(file: &str, text: &str, changes: &[Override], problem: &Problem) -> String {
    let Problem { path, message, remedy } = problem;
    let place: String =
        path.split('.').map(|key| if is_index(key) { format!("[{key}]") } else { format!(".{key}") }).collect();
    let headline = format!("{} {message}", place.trim_start_matches('.')).trim_start().to_string();
    match changes.iter().rev().find(|change| change.touches(path)) {
        Some(change) => list(&[vec![format!("override `{}`: {headline}", change.typed), remedy.clone()]]),
        None => point(file, text, find(text, path), &[headline, remedy.clone()]),
    }
}

fn is_index(key: &str) -> bool {
    key.starts_with(|c: char| c.is_ascii_digit())
}

/// The span of an error, unless it is the whole file.
fn place(text: &str, error: &toml::de::Error) -> Option<Range<usize>> {
    let (root, _) = DeTable::parse_recoverable(text);
    error.span().filter(|span| *span != root.span())
}

/// The span of the setting at a dotted path, or of the nearest section around it that the file names.
fn find(text: &str, path: &str) -> Option<Range<usize>> {
    let (root, _) = DeTable::parse_recoverable(text);
    let mut keys = path.split('.');
    let first = keys.next()?;
    let (key, mut value) = root.get_ref().get_key_value(first)?;
    let mut span = if value.get_ref().is_table() { key.span() } else { value.span() };
    for name in keys {
        let inner = match value.get_ref() {
            DeValue::Table(table) => table.get_key_value(name).map(|(key, inner)| (key.span(), inner)),
            DeValue::Array(array) => {
                name.parse().ok().and_then(|i: usize| array.get(i)).map(|inner| (inner.span(), inner))
            }
            _ => None,
        };
        let Some((key, inner)) = inner else { break };
        value = inner;
        span = if value.get_ref().is_table() { key } else { value.span() };
    }
    Some(span)
}
