//! The data folder: which it is, and where in it a file lies.

use super::super::super::{Error, Result};
use super::{DataFile, DataSet};
use std::env;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

/// The folder that the command line named.
static CHOSEN: OnceLock<PathBuf> = OnceLock::new();

/// Makes this the data folder of the process; the first choice holds.
pub fn choose(folder: PathBuf) {
    CHOSEN.get_or_init(|| folder);
}

/// The data folder: the one that was chosen, else what the environment variable `DBM_DATA` names, else `dbm` in the user's own folder
/// for data (`XDG_DATA_HOME`, `~/.local/share`; on Windows `LOCALAPPDATA`). It need not exist.
pub fn data_folder() -> Result<PathBuf> {
    let named = |variable: &str| env::var_os(variable).filter(|value| !value.is_empty()).map(PathBuf::from);
    let chosen = CHOSEN.get().cloned().or_else(|| named("DBM_DATA"));
    let own = || {
        let home = named("XDG_DATA_HOME").or_else(|| Some(named("HOME")?.join(".local").join("share")));
        let home = if cfg!(windows) { named("LOCALAPPDATA") } else { home };
        home.map(|home| home.join("dbm"))
    };
    chosen.or_else(own).ok_or_else(|| Error::Refused {
        problem: "there is no telling where data are kept: neither DBM_DATA nor a home folder is set".into(),
        remedy: "name the data folder: --data-folder FOLDER".into(),
    })
}

/// A command about data, in the folder that this process was told to use.
pub fn command(words: &str) -> String {
    let folder = CHOSEN.get().map(|folder| format!(" --data-folder {}", super::super::super::quoted(folder)));
    format!("dbm data {words}{}", folder.unwrap_or_default())
}

/// Where a file of the set lies, compressed or not, if it is there.
pub fn find(folder: &Path, set: &DataSet, file: &DataFile) -> Option<PathBuf> {
    let folders = std::iter::once(&set.name).chain(set.folders).map(|name| folder.join(name));
    folders.flat_map(|folder| file.names().map(|name| folder.join(name))).find(|path| path.is_file())
}

/// Where files of the set are put.
pub fn home(folder: &Path, set: &DataSet) -> PathBuf {
    folder.join(set.name)
}
