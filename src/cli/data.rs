//! `dbm data`.

use super::run::{INTERRUPTED, listen_for_ctrl_c};
use super::{aside, print, print_json, table};
use crate::experiment::data::catalogue;
use crate::experiment::data::sets::{DataSet, Fetching, Presence, SETS, data_folder, fetch, import, named};
use crate::experiment::data::sets::{presence, require, verify};
use crate::experiment::observe::Verbosity;
use crate::experiment::{Error, Result};
use std::path::PathBuf;

/// Data sets: list them, fetch them, take them from a folder, check them.
///
/// They lie in the data folder: --data-folder, else the environment variable DBM_DATA, else dbm in the user's own folder for data. Each
/// set has a folder of its name there; files may be compressed with gzip or not.
#[derive(Debug, clap::Subcommand)]
pub enum Data {
    /// List every source of examples, what of it is there, and the formats of files.
    List {
        /// Print as JSON.
        #[arg(long)]
        json: bool,
    },
    /// Fetch data sets into the data folder, checked against published checksums; given again, it goes on where it stopped.
    Fetch {
        /// Data sets, such as mnist mnist_static.
        #[arg(required = true, value_name = "NAME")]
        names: Vec<String>,
        /// An address that takes the place of the listed mirrors; a file's name is appended to it. Repeat for more.
        #[arg(long = "mirror", value_name = "URL")]
        mirrors: Vec<String>,
        /// Show nothing but the outcome.
        #[arg(long, short)]
        quiet: bool,
    },
    /// Take a data set from a folder: files by their names or by what they hold, compressed or not, checked and copied.
    Import {
        /// The data set, such as mnist.
        name: String,
        /// Where its files are; folders within it are looked into.
        folder: PathBuf,
    },
    /// Sum the files in the data folder anew and hold them against the published checksums.
    Verify {
        /// Data sets; left out = all that are there.
        #[arg(value_name = "NAME")]
        names: Vec<String>,
        /// Print as JSON.
        #[arg(long)]
        json: bool,
    },
}

impl Data {
    pub fn execute(self) -> Result<()> {
        match self {
            Self::List { json } => list(json),
            Self::Fetch { names, mirrors, quiet } => fetched(&names, mirrors, quiet),
            Self::Import { name, folder } => imported(&name, &folder),
            Self::Verify { names, json } => verified(&names, json),
        }
    }
}

fn list(json: bool) -> Result<()> {
    let folder = data_folder().ok();
    let entries = catalogue(folder.as_deref());
    if json {
        return print_json(&entries);
    }
    let rows = entries
        .into_iter()
        .map(|e| vec![e.description.into(), e.toml, e.examples.into(), e.shape, e.licence.into(), e.present]);
    let heads = ["what", "in the section [data]", "examples", "shape", "licence", "there"];
    print(&table::table(&heads, rows.collect()))?;
    let folder = folder.map_or("not known; name one with --data-folder".into(), |folder| folder.display().to_string());
    print(&format!("data folder: {folder}"))
}

fn sets(names: &[String]) -> Result<Vec<&'static DataSet>> {
    names.iter().map(|name| named(name)).collect()
}

fn fetched(names: &[String], mirrors: Vec<String>, quiet: bool) -> Result<()> {
    let sets = sets(names)?;
    listen_for_ctrl_c()?;
    let verbosity = if quiet { Verbosity::Quiet } else { Verbosity::Normal };
    let fetching = Fetching { folder: data_folder()?, mirrors, verbosity, interrupted: &INTERRUPTED };
    for set in sets {
        print(&told(&fetch(set, &fetching)?))?;
    }
    Ok(())
}

fn imported(name: &str, source: &std::path::Path) -> Result<()> {
    let (set, folder) = (named(name)?, data_folder()?);
    aside(&format!("{}: licence: {}", set.name, set.licence));
    aside(&format!("{}: cite: {}", set.name, set.citation));
    let files = import(&folder, set, source)?;
    print(&told(&files))?;
    match files.iter().find(|file| !file.fine) {
        None => Ok(()),
        Some(file) => Err(Error::Data {
            file: file.path.clone().unwrap_or_else(|| source.to_path_buf()),
            problem: match file.path {
                Some(_) => format!("is not the file {} of {name}: {}", file.file, file.state),
                None => format!("holds no file {} of {name}, under any name", file.file),
            },
            remedy: "give a folder that has it; those that were right have been taken".into(),
        }),
    }
}

fn verified(names: &[String], json: bool) -> Result<()> {
    let folder = data_folder()?;
    let all = || SETS.iter().filter(|set| presence(&folder, set) > 0).collect();
    let sets = if names.is_empty() { all() } else { sets(names)? };
    let found: Vec<Vec<Presence>> = sets.iter().map(|set| verify(&folder, set)).collect::<Result<_>>()?;
    let files = found.concat();
    if json {
        print_json(&files)?;
    } else if files.is_empty() {
        print(&format!("no data sets in {}; fetch one with: dbm data fetch NAME", folder.display()))?;
    } else {
        print(&told(&files))?;
    }
    // A set that was not asked for by its name may be there in part.
    let required = |files: &Vec<Presence>| -> Vec<Presence> {
        files.iter().filter(|file| !names.is_empty() || file.path.is_some()).cloned().collect()
    };
    sets.iter().zip(&found).try_for_each(|(set, files)| require(&folder, set, &required(files)))
}

/// A line a file.
fn told(files: &[Presence]) -> String {
    let line = |file: &Presence| {
        let place = file.path.as_ref().map_or(file.file.to_string(), |path| path.display().to_string());
        format!("{}: {place}: {}", file.set, file.state)
    };
    files.iter().map(line).collect::<Vec<_>>().join("\n")
}
