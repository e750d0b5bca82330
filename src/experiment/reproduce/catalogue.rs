//! Which claims there are: experiment files in a folder, or those that the program carries.

use crate::experiment::config::{Loaded, StudyExperiment, load_study, suggestion, text_of};
use crate::experiment::study::statement;
use crate::experiment::{Error, Result};
use std::path::{Path, PathBuf};

/// The collection of claims; the others are of published tables.
pub const CHAPTER: &str = "chapter19";

/// Files that the program carries, name and text.
const CARRIED: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/chapter19.rs"));

/// Sections of the chapter, by the letter that the names of their claims begin with.
const SECTIONS: [(char, &str); 8] = [
    ('M', "MAP inference and sparse coding"),
    ('V', "Variational inference"),
    ('F', "Mean field"),
    ('A', "Amortised inference"),
    ('E', "Expectation maximisation"),
    ('W', "Wake-sleep"),
    ('L', "Learning and inference together"),
    ('D', "The machinery of deep Boltzmann machines"),
];

/// What comes after the sections.
const LAST: &str = "One model, all inference schemes";

/// A statement and the experiment that tests it.
#[derive(Clone, Debug, PartialEq)]
pub struct Claim {
    /// The name of its file without the ending.
    pub id: String,
    /// The experiment.
    pub loaded: Loaded<StudyExperiment>,
}

impl Claim {
    /// The statement.
    pub fn statement(&self) -> String {
        statement(&self.loaded.text)
    }

    /// The part of the chapter that it belongs to.
    pub fn section(&self) -> &'static str {
        SECTIONS.get(place(&self.id).0).map_or(LAST, |(_, title)| title)
    }
}

/// Where experiment files are taken from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Files {
    /// From a folder.
    Folder(PathBuf),
    /// From the program itself.
    Carried,
}

impl Files {
    /// The folder asked for; else `experiments/chapter19` here, if there is one; else what the program carries.
    pub fn choose(folder: Option<PathBuf>) -> Self {
        let here = Path::new("experiments").join(CHAPTER);
        match folder {
            Some(folder) => Self::Folder(folder),
            None if here.is_dir() => Self::Folder(here),
            None => Self::Carried,
        }
    }

    /// In words.
    pub fn describe(&self) -> String {
        match self {
            Self::Folder(folder) => folder.display().to_string(),
            Self::Carried => "the files that the program carries".into(),
        }
    }

    /// Path and text of every experiment file, in the order of the chapter.
    fn all(&self) -> Result<Vec<(PathBuf, String)>> {
        let mut files = match self {
            Self::Carried => CARRIED.iter().map(|(name, text)| (PathBuf::from(name), text.to_string())).collect(),
            Self::Folder(folder) => {
                let entries = std::fs::read_dir(folder).map_err(Error::io("read the folder", folder))?;
                let paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
                let files = paths.filter(|path| path.extension().is_some_and(|ending| ending == "toml"));
                files.map(|path| text_of(&path).map(|text| (path, text))).collect::<Result<Vec<_>>>()?
            }
        };
        files.sort_by_key(|(path, _)| place(&id(path)));
        Ok(files)
    }

    /// The claims of these names, or all, in the order of the chapter; a file that cannot be used is an error.
    pub fn claims(&self, names: &[String]) -> Result<Vec<Claim>> {
        let files = self.all()?;
        let ids: Vec<String> = files.iter().map(|(path, _)| id(path)).collect();
        let wanted = names.iter().map(|name| known(name, &ids)).collect::<Result<Vec<_>>>()?;
        let chosen = files.into_iter().filter(|(path, _)| wanted.is_empty() || wanted.contains(&id(path)));
        let claim = |(path, text): (PathBuf, String)| Ok(Claim { id: id(&path), loaded: load_study(&path, &text)? });
        chosen.map(claim).collect()
    }
}

fn id(path: &Path) -> String {
    path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default()
}

/// The id that a name means; letters of either case.
fn known(name: &str, ids: &[String]) -> Result<String> {
    if let Some(id) = ids.iter().find(|id| id.eq_ignore_ascii_case(name)) {
        return Ok(id.clone());
    }
    let words: Vec<&str> = ids.iter().map(String::as_str).collect();
    let near = suggestion(&name.to_uppercase(), &words).or(suggestion(name, &words));
    let near = near.map_or(String::new(), |near| format!("did you mean {near}? "));
    Err(Error::Refused {
        problem: format!("{CHAPTER} has no claim {name}"),
        remedy: format!("{near}all of them are listed by: dbm reproduce {CHAPTER} --list"),
    })
}

/// Where a claim stands: the number of its section, its own number, what follows that.
pub fn place(id: &str) -> (usize, u32, String) {
    let rest = |letter: char| id.strip_prefix(letter).filter(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
    let section = SECTIONS.iter().position(|(letter, _)| rest(*letter).is_some());
    let Some(section) = section else { return (SECTIONS.len(), 0, id.into()) };
    let digits: String = id.chars().skip(1).take_while(char::is_ascii_digit).collect();
    (section, digits.parse().unwrap_or(u32::MAX), id.chars().skip(1 + digits.len()).collect())
}
