//! Which collections there are: folders with a table in them, or those that the program carries.

use super::table_file::{TableFile, Variant, check};
use crate::experiment::config::{AnyLoaded, Experiment, Loaded, Model, checked, load_text, suggestion, text_of};
use crate::experiment::{Error, Result};
use std::path::{Path, PathBuf};

/// Collections that the program carries: name, and name and text of every file.
const CARRIED: &[(&str, &[(&str, &str)])] = include!(concat!(env!("OUT_DIR"), "/collections.rs"));

/// The file that tells a collection.
const TABLE: &str = "table.toml";

/// Published tables and the experiments that compute them again.
#[derive(Clone, Debug, PartialEq)]
pub struct Collection {
    /// The name of its folder.
    pub name: String,
    /// Where its files are from, in words.
    pub files: String,
    /// What was published, and what must come out.
    pub table: TableFile,
    /// Its experiments, each after those whose runs it begins at.
    pub members: Vec<Member>,
}

/// One experiment of a collection.
#[derive(Clone, Debug, PartialEq)]
pub struct Member {
    /// The name of its file without the ending.
    pub name: String,
    /// The experiment.
    pub loaded: AnyLoaded,
}

impl Member {
    /// The name of the member whose run this one begins at, if `names` has it.
    pub fn begins_at<'a>(&self, names: &'a [String]) -> Option<&'a String> {
        let AnyLoaded::Training(loaded) = &self.loaded else { return None };
        let from = loaded.experiment.model.machine()?.from.as_ref()?;
        names.iter().find(|name| from.file_name().is_some_and(|last| last == name.as_str()))
    }

    /// The same experiment at one of the sizes, begun at the run of another member in `folder` where it begins at one.
    pub fn sized(self, quick: bool, folder: &Path, names: &[String]) -> Result<Self> {
        let there = self.begins_at(names).map(|name| folder.join(name));
        let refuse = |report: String| Error::Experiment { report };
        let loaded = match self.loaded {
            AnyLoaded::Training(loaded) => {
                let experiment =
                    if quick { loaded.experiment.quickened().map_err(refuse)? } else { loaded.experiment.full() };
                AnyLoaded::Training(Box::new(Loaded { experiment: begun_at(experiment, there), ..*loaded }))
            }
            AnyLoaded::Study(loaded) if quick => {
                let experiment = loaded.experiment.quickened().map_err(refuse)?;
                AnyLoaded::Study(Box::new(Loaded { experiment, ..*loaded }))
            }
            study => study,
        };
        Ok(Self { loaded, ..self })
    }
}

fn begun_at(mut experiment: Experiment, there: Option<PathBuf>) -> Experiment {
    if let (Model::Machine(machine), Some(there)) = (&mut experiment.model, there) {
        machine.from = Some(there);
    }
    experiment
}

/// Names of the collections in `experiments` here, or else of those that the program carries.
pub fn names() -> Vec<String> {
    let here = Path::new("experiments");
    let entries = std::fs::read_dir(here).into_iter().flatten().filter_map(|entry| Some(entry.ok()?.path()));
    let folders = entries.filter(|path| path.join(TABLE).is_file());
    let mut names: Vec<String> = folders.map(|path| stem(&path)).collect();
    names.sort();
    if names.is_empty() { CARRIED.iter().map(|(name, _)| name.to_string()).collect() } else { names }
}

impl Collection {
    /// The collection of this name: from the folder asked for; else from `experiments/<name>` here, if there is a table; else what
    /// the program carries.
    pub fn open(name: &str, folder: Option<&Path>) -> Result<Self> {
        let here = Path::new("experiments").join(name);
        let folder = folder.map(Path::to_path_buf).or(here.join(TABLE).is_file().then_some(here));
        let (place, texts) = match folder {
            Some(folder) => (folder.display().to_string(), read(&folder)?),
            None => ("the files that the program carries".into(), carried(name)?),
        };
        let (tables, others): (Vec<_>, Vec<_>) = texts.into_iter().partition(|(path, _)| path.ends_with(TABLE));
        let Some((path, text)) = tables.first() else {
            return Err(Error::Refused {
                problem: format!("{place} has no {TABLE}, which says what was published"),
                remedy: "list the collections with: dbm reproduce --list".into(),
            });
        };
        let table: TableFile = checked(&path.display().to_string(), text, &[], check)?;
        let mut members = members(path, &table.variants, others)?;
        let rows: Vec<&str> =
            table.tables.iter().flat_map(|table| &table.rows).map(|row| row.experiment.as_str()).collect();
        members.sort_by_key(|member| rows.iter().position(|file| *file == member.name).unwrap_or(rows.len()));
        let members = in_order(members);
        let collection = Self { name: name.into(), files: place, table, members };
        collection.complete(path)?;
        Ok(collection)
    }

    /// Refuses rows of files that are not there.
    fn complete(&self, path: &Path) -> Result<()> {
        let names: Vec<&str> = self.members.iter().map(|member| member.name.as_str()).collect();
        let rows = self.table.tables.iter().flat_map(|table| &table.rows);
        match rows.into_iter().find(|row| !names.contains(&row.experiment.as_str())) {
            None => Ok(()),
            Some(row) => Err(missing(path, &format!("the row {:?}", row.label), &row.experiment, &names)),
        }
    }

    /// Names of the experiments.
    pub fn member_names(&self) -> Vec<String> {
        self.members.iter().map(|member| member.name.clone()).collect()
    }

    /// The experiments that `words` mean, names or labels of rows, and those that they begin at; all that rows need without any.
    pub fn wanted(&self, words: &[String]) -> Result<Vec<String>> {
        let rows = || self.table.tables.iter().flat_map(|table| &table.rows);
        let mut wanted: Vec<String> = Vec::new();
        for word in words {
            let row = rows().find(|row| row.label.eq_ignore_ascii_case(word)).map(|row| &row.experiment);
            let member = self.members.iter().map(|member| &member.name).find(|name| name.eq_ignore_ascii_case(word));
            let found = member.or(row).ok_or_else(|| self.unknown(word))?;
            wanted.push(found.clone());
        }
        if words.is_empty() {
            wanted.extend(rows().map(|row| row.experiment.clone()));
        }
        let names = self.member_names();
        // Members stand after those they begin at, so that one pass from the end finds all of these.
        for member in self.members.iter().rev().filter(|member| member.begins_at(&names).is_some()) {
            if wanted.contains(&member.name) {
                wanted.extend(member.begins_at(&names).cloned());
            }
        }
        Ok(names.into_iter().filter(|name| wanted.contains(name)).collect())
    }

    fn unknown(&self, word: &str) -> Error {
        let names = self.member_names();
        let words: Vec<&str> = names.iter().map(String::as_str).collect();
        let near = suggestion(word, &words).map_or(String::new(), |near| format!("did you mean {near}? "));
        Error::Refused {
            problem: format!("{} has no row {word}", self.name),
            remedy: format!("{near}all of them are listed by: dbm reproduce {} --list", self.name),
        }
    }
}

/// The experiments of the files, those with variants in place of which these stand; `path` is that of the table.
fn members(path: &Path, variants: &[Variant], files: Vec<(PathBuf, String)>) -> Result<Vec<Member>> {
    let load = |name: String, (path, text): &(PathBuf, String), set: &[String]| {
        Ok(Member { name, loaded: load_text(path, text.clone(), set)? })
    };
    let stems: Vec<String> = files.iter().map(|(path, _)| stem(path)).collect();
    let stems: Vec<&str> = stems.iter().map(String::as_str).collect();
    let of = |variant: &Variant| {
        let found = files.iter().find(|(path, _)| stem(path) == variant.of);
        let file =
            found.ok_or_else(|| missing(path, &format!("the experiment {:?}", variant.name), &variant.of, &stems))?;
        let name = [format!("name={}", variant.name)];
        load(variant.name.clone(), file, &[&name, variant.set.as_slice()].concat())
    };
    let varied = |(path, _): &&(PathBuf, String)| variants.iter().any(|variant| variant.of == stem(path));
    let taken =
        |variant: &&Variant| files.iter().filter(|file| !varied(file)).any(|(path, _)| stem(path) == variant.name);
    if let Some(Variant { name, .. }) = variants.iter().find(taken) {
        let table = path.display();
        return Err(Error::Experiment {
            report: format!("{table}: the experiment {name:?} has the name of {name}.toml\n  = give it another name"),
        });
    }
    let own = files.iter().filter(|file| !varied(file)).map(|file| load(stem(&file.0), file, &[]));
    variants.iter().map(of).chain(own).collect()
}

/// The error of a table that speaks of an experiment which is not there.
fn missing(table: &Path, whose: &str, file: &str, names: &[&str]) -> Error {
    let near = suggestion(file, names).map_or(String::new(), |near| format!("\n  = did you mean {near}?"));
    Error::Experiment { report: format!("{}: {whose} is of {file}, which is not there{near}", table.display()) }
}

/// Each after the one it begins at; else in the order given.
fn in_order(mut left: Vec<Member>) -> Vec<Member> {
    let names: Vec<String> = left.iter().map(|member| member.name.clone()).collect();
    let mut ordered: Vec<Member> = Vec::new();
    while !left.is_empty() {
        let waits = |member: &Member| {
            let first = member.begins_at(&names).filter(|name| **name != member.name);
            first.is_some_and(|name| !ordered.iter().any(|done| done.name == *name))
        };
        // In a ring each would wait for another; then the first begins, and its file is missed where it is read.
        let at = left.iter().position(|member| !waits(member)).unwrap_or(0);
        ordered.push(left.remove(at));
    }
    ordered
}

/// Path and text of every file of a carried collection.
fn carried(name: &str) -> Result<Vec<(PathBuf, String)>> {
    let found = CARRIED.iter().find(|(carried, _)| *carried == name);
    let (_, files) = found.ok_or_else(|| unknown(name))?;
    Ok(files.iter().map(|(name, text)| (PathBuf::from(name), text.to_string())).collect())
}

/// The error of a collection that is not there.
pub fn unknown(name: &str) -> Error {
    let names = [names(), vec![crate::experiment::reproduce::CHAPTER.to_string()]].concat();
    let words: Vec<&str> = names.iter().map(String::as_str).collect();
    let remedy = match suggestion(name, &words) {
        Some(near) => format!("did you mean {near}?"),
        None => format!(
            "the collection comes first, then its claims or rows, as in dbm reproduce chapter19 {name}; list them with: dbm reproduce --list"
        ),
    };
    Error::Refused { problem: format!("there is no collection {name}"), remedy }
}

/// Path and text of every experiment file in a folder.
fn read(folder: &Path) -> Result<Vec<(PathBuf, String)>> {
    let entries = std::fs::read_dir(folder).map_err(Error::io("read the folder", folder))?;
    let paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
    let mut paths: Vec<PathBuf> =
        paths.filter(|path| path.extension().is_some_and(|ending| ending == "toml")).collect();
    paths.sort();
    paths.into_iter().map(|path| text_of(&path).map(|text| (path, text))).collect()
}

fn stem(path: &Path) -> String {
    path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default()
}
