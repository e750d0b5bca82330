//! What is kept of a collection that was computed at full size: a small file, without weights.

use super::outcome::Reproduced;
use crate::experiment::checkpoint::write_whole;
use crate::experiment::{Error, Result};
use std::path::{Path, PathBuf};

/// Where such files lie in the repository.
pub const FOLDER: &str = "experiments/results";

/// Writes a value as readable JSON, whole or not at all.
pub fn write(path: &Path, reproduced: &Reproduced) -> Result<()> {
    let text =
        serde_json::to_string_pretty(reproduced).map_err(|error| Error::Compute { problem: error.to_string() })?;
    write_whole(path, (text + "\n").as_bytes())
}

/// Keeps what came out in `folder/<collection>.json`; refused at the quick size.
pub fn save(folder: &Path, reproduced: &Reproduced) -> Result<PathBuf> {
    if reproduced.quick {
        return Err(Error::Refused {
            problem: "results at the quick size are of other data, and nothing to be kept beside published figures"
                .into(),
            remedy: "leave out --quick, or --save".into(),
        });
    }
    std::fs::create_dir_all(folder).map_err(Error::io("create the folder", folder))?;
    let path = folder.join(format!("{}.json", reproduced.collection));
    // How far others have come is of this machine, and no result.
    let through = reproduced.runs.iter().filter(|run| run.is_finished()).cloned();
    let runs = through.map(|run| super::RunRecord { error: None, ..run }).collect();
    write(&path, &Reproduced { runs, ..reproduced.clone() })?;
    Ok(path)
}

/// All that is kept in a folder, by name of the collection; nothing where there is no folder.
pub fn read_saved(folder: &Path) -> Result<Vec<Reproduced>> {
    let entries = match std::fs::read_dir(folder) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(Error::io("read the folder", folder))?,
    };
    let paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
    let mut paths: Vec<PathBuf> =
        paths.filter(|path| path.extension().is_some_and(|ending| ending == "json")).collect();
    paths.sort();
    paths.iter().map(|path| one(path)).collect()
}

/// What is kept in a folder of one collection; none where there is no such file.
pub fn of(folder: &Path, collection: &str) -> Result<Option<Reproduced>> {
    let path = folder.join(format!("{collection}.json"));
    if path.exists() { one(&path).map(Some) } else { Ok(None) }
}

fn one(path: &Path) -> Result<Reproduced> {
    let text = std::fs::read_to_string(path).map_err(Error::io("read", path))?;
    serde_json::from_str(&text).map_err(|error| Error::Model {
        path: path.to_path_buf(),
        problem: format!("holds no results of a collection: {error}"),
        remedy: "move it away and write it again with: dbm reproduce COLLECTION --save FOLDER".into(),
    })
}
