//! Fetching a data set: mirrors in order, checked before it takes its place.

use super::super::super::observe::{Transfer, Verbosity};
use super::super::super::{Error, Result};
use super::sums::{self, Verdict};
use super::transfer::{self, Failure};
use super::verify::{Presence, State};
use super::{DataFile, DataSet, place, refused};
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use ureq::Agent;

/// Where to fetch from and to.
pub struct Fetching<'a> {
    /// The data folder.
    pub folder: PathBuf,
    /// Addresses that take the place of those of the table; none = the table's.
    pub mirrors: Vec<String>,
    /// How much is shown.
    pub verbosity: Verbosity,
    /// Set by Ctrl-C: stop, and keep what has come.
    pub interrupted: &'a AtomicBool,
}

/// Fetches what is missing of `set`, and what is there and wrong; the files as they are then.
///
/// A file takes its place whole and checked, or not at all. What has come of a file that did not come whole lies beside its place,
/// under a name that ends with `.part`, for the next attempt to go on with.
pub fn fetch(set: &DataSet, fetching: &Fetching) -> Result<Vec<Presence>> {
    let home = place::home(&fetching.folder, set);
    std::fs::create_dir_all(&home).map_err(Error::io("create the folder", &home))?;
    let agent = transfer::agent();
    let mut line = Transfer::new(fetching.verbosity);
    line.note(&format!("{}: licence: {}", set.name, set.licence));
    line.note(&format!("{}: cite: {}", set.name, set.citation));
    set.files.iter().map(|file| Bringing { agent: &agent, set, file, fetching }.brought(&mut line)).collect()
}

/// One file on its way.
struct Bringing<'a> {
    agent: &'a Agent,
    set: &'a DataSet,
    file: &'a DataFile,
    fetching: &'a Fetching<'a>,
}

impl Bringing<'_> {
    fn brought(&self, line: &mut Transfer) -> Result<Presence> {
        let Self { set, file, fetching, .. } = *self;
        if let Some(path) = place::find(&fetching.folder, set, file) {
            match sums::examine(&path, file)?.1 {
                Verdict::Wrong(problem) => line.note(&format!("{}: {problem}; fetched anew", path.display())),
                verdict => return Ok(Presence::of(set, file, Some(path), State::Here(verdict))),
            }
        }
        let target = place::home(&fetching.folder, set).join(file.name);
        let mut part = target.clone().into_os_string();
        part.push(".part");
        let verdict = self.from_mirrors(Path::new(&part), line)?;
        std::fs::rename(&part, &target).map_err(Error::io("write", &target))?;
        let (sums, _) = sums::examine(&target, file)?;
        if let Some(sums) = sums.filter(|_| verdict == Verdict::Unchecked) {
            sums::pin(&target, file, &sums)?;
            let name = file.name;
            line.note(&format!(
                "warning: {name}: no checksum of it is published; from now on it is held to SHA-256 {}",
                sums.raw.sha256
            ));
        }
        Ok(Presence::of(set, file, Some(target), State::Came(verdict)))
    }

    /// Brings the file from the first address that gives it.
    fn from_mirrors(&self, part: &Path, line: &mut Transfer) -> Result<Verdict> {
        let listed = self.set.mirrors.iter().map(|mirror| mirror.to_string());
        let own = self.fetching.mirrors.iter().map(|mirror| format!("{}/", mirror.trim_end_matches('/')));
        let mirrors: Vec<String> = if self.fetching.mirrors.is_empty() { listed.collect() } else { own.collect() };
        let mut tried = Vec::new();
        for mirror in mirrors {
            let url = format!("{mirror}{}", self.file.name);
            match self.from_mirror(&url, part, line) {
                Ok(verdict) => return Ok(verdict),
                Err(Failure::Anywhere(error)) => return Err(error),
                Err(Failure::Here(reason)) => {
                    line.note(&format!("{url}: {reason}"));
                    tried.push(format!("\n  {url}: {reason}"));
                    if !self.file.is_pinned() {
                        // Nothing could tell a file made of two halves.
                        transfer::remove(part)?;
                    }
                }
            }
        }
        let name = self.set.name;
        let remedy = "fetch the files elsewhere, by a browser or on another machine, and give their folder:";
        Err(refused(
            part.with_extension(""),
            format!("could not be fetched; tried were{}", tried.concat()),
            format!("{remedy} {}", place::command(&format!("import {name} FOLDER"))),
        ))
    }

    fn from_mirror(&self, url: &str, part: &Path, line: &mut Transfer) -> std::result::Result<Verdict, Failure> {
        loop {
            let resumed = transfer::length(part) > 0;
            line.file(self.file.name);
            let brought = transfer::bring(self.agent, url, part, self.file.sent.bytes, line, self.fetching.interrupted);
            line.end();
            brought?;
            match self.checked(part).map_err(Failure::Anywhere)? {
                Verdict::Wrong(problem) => {
                    transfer::remove(part).map_err(Failure::Anywhere)?;
                    if !resumed {
                        return Err(Failure::Here(format!("sends other bytes: {problem}")));
                    }
                    line.note("what was there before did not fit; fetched anew from its beginning");
                }
                verdict => return Ok(verdict),
            }
        }
    }

    /// What was sent must be what is published of it, where the uncompressed bytes cannot vouch for it.
    fn checked(&self, part: &Path) -> Result<Verdict> {
        let (sums, verdict) = sums::examine(part, self.file)?;
        let published = self.file.sent.sha256.filter(|_| verdict == Verdict::Unchecked);
        Ok(match (published, sums) {
            (Some(sha256), Some(sums)) if sums.disk.sha256 != sha256 => {
                Verdict::Wrong(format!("its SHA-256 is {}, not {sha256}", sums.disk.sha256))
            }
            _ => verdict,
        })
    }
}
