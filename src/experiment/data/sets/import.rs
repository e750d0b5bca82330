//! Taking a data set from a folder that the user has: files by their names, or by what they hold under any name.

use super::super::super::checkpoint::write_whole;
use super::super::super::{Error, Result};
use super::sums::{self, Sums, Verdict};
use super::verify::{Presence, State};
use super::{DataFile, DataSet, place};
use std::path::{Path, PathBuf};

/// Folders within folders that are looked into.
const DEPTH: usize = 3;

/// Copies the files of `set` that lie somewhere in `source` into the data folder, compressed or not as they are; each takes its place
/// whole and checked, or not at all. The files as they are then, those that were not found too.
pub fn import(folder: &Path, set: &DataSet, source: &Path) -> Result<Vec<Presence>> {
    let mut found = Vec::new();
    files(source, DEPTH, &mut found)?;
    found.sort();
    set.files.iter().map(|file| taken(folder, set, file, &found)).collect()
}

/// The regular files in a folder.
fn files(folder: &Path, depth: usize, found: &mut Vec<PathBuf>) -> Result<()> {
    let entries = std::fs::read_dir(folder).map_err(Error::io("read the folder", folder))?;
    for path in entries.filter_map(|entry| Some(entry.ok()?.path())) {
        if path.is_file() {
            found.push(path);
        } else if depth > 1 && path.is_dir() && !path.is_symlink() {
            files(&path, depth - 1, found)?;
        }
    }
    Ok(())
}

fn taken(folder: &Path, set: &DataSet, file: &DataFile, found: &[PathBuf]) -> Result<Presence> {
    if let Some(path) = place::find(folder, set, file) {
        let (_, verdict) = sums::examine(&path, file)?;
        if !matches!(verdict, Verdict::Wrong(_)) {
            return Ok(Presence::of(set, file, Some(path), State::Here(verdict)));
        }
    }
    let is_called = |path: &&PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        file.names().iter().any(|known| *known == name)
    };
    let mut wrong = None;
    // A file without a checksum can be known by its name alone.
    let others = found.iter().filter(|path| !is_called(path) && file.is_pinned() && has_such_a_size(path, file));
    for path in found.iter().filter(is_called).chain(others) {
        match sums::examine(path, file)? {
            (Some(sums), verdict @ Verdict::Genuine) => return copied(folder, set, file, path, &sums, verdict),
            (Some(sums), verdict @ (Verdict::Unchecked | Verdict::AsBefore)) if is_called(&path) => {
                return copied(folder, set, file, path, &sums, verdict);
            }
            (_, verdict @ Verdict::Wrong(_)) if is_called(&path) => wrong = wrong.or(Some((path.clone(), verdict))),
            _ => {}
        }
    }
    Ok(match wrong {
        Some((path, verdict)) => Presence::of(set, file, Some(path), State::Here(verdict)),
        None => Presence::of(set, file, None, State::Missing),
    })
}

/// Whether a file is as large as the raw one, or smaller, as it would be compressed.
fn has_such_a_size(path: &Path, file: &DataFile) -> bool {
    let most = file.raw.bytes.unwrap_or(u64::MAX);
    std::fs::metadata(path).is_ok_and(|metadata| metadata.len() > 0 && metadata.len() <= most)
}

fn copied(
    folder: &Path,
    set: &DataSet,
    file: &DataFile,
    path: &Path,
    sums: &Sums,
    verdict: Verdict,
) -> Result<Presence> {
    let home = place::home(folder, set);
    std::fs::create_dir_all(&home).map_err(Error::io("create the folder", &home))?;
    let packed = if sums.disk == sums.raw { "" } else { ".gz" };
    let target = home.join(format!("{}{packed}", file.raw_name()));
    let bytes = std::fs::read(path).map_err(Error::io("read", path))?;
    write_whole(&target, &bytes)?;
    if verdict != Verdict::Genuine {
        sums::pin(&target, file, sums)?;
    }
    Ok(Presence::of(set, file, Some(target), State::Came(verdict)))
}
