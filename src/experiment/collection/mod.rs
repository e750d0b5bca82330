//! Published tables, computed again: one run for each experiment of a collection, published figures beside those obtained.
//!
//! Runs lie in `reproduce-<collection>[-quick]/<experiment>/`, which stays the same: the same command goes on where it was stopped,
//! and makes nothing twice.

mod catalogue;
mod judging;
mod outcome;
mod quantity;
mod saved;
mod table_file;
mod work;

pub use catalogue::{Collection, Member, names, unknown};
pub use outcome::{Obtained, OrderResult, Reproduced, RowResult, RunRecord, TableResult};
pub use saved::{FOLDER, read_saved, save};
pub use table_file::{Better, Interval, Order, Row, TableFile, TableOfFigures, Variant};

use super::checkpoint::write_whole;
use super::observe::{Progress, Verbosity};
use super::run::Options;
use super::{Error, Result, quoted, report};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use work::{Standing, record, standing, still_stands, work};

/// What of a collection is computed, and at which size.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    /// Experiments or labels of rows; empty = all.
    pub rows: Vec<String>,
    /// At the quick size.
    pub quick: bool,
    /// Compute nothing: only look what is there.
    pub only_look: bool,
    /// Folder of what is kept: figures of runs that are not there come from it, where the settings are still the same.
    pub kept: Option<PathBuf>,
}

/// A collection at work.
pub struct Reproduction {
    /// What came out so far, of earlier calls too.
    pub reproduced: Reproduced,
    /// Where the runs are.
    pub folder: PathBuf,
    /// Whether Ctrl-C stopped it.
    pub interrupted: bool,
    /// What the first run that failed came to.
    pub failure: Option<Error>,
}

impl Reproduction {
    /// The page about it.
    pub fn report(&self) -> PathBuf {
        self.folder.join("report.html")
    }
}

/// Makes the runs of a collection that are asked for and not there yet, one after the other, and puts what came out beside what was
/// published.
pub fn reproduce_tables(collection: &Collection, wanted: &Wanted, options: &Options) -> Result<Reproduction> {
    let folder =
        options.runs.join(format!("reproduce-{}{}", collection.name, if wanted.quick { "-quick" } else { "" }));
    let names = collection.member_names();
    let asked = collection.wanted(&wanted.rows)?;
    let sized = |member: &Member| member.clone().sized(wanted.quick, &folder, &names);
    let members = collection.members.iter().map(sized).collect::<Result<Vec<_>>>()?;
    // Before hours of work, which a file that cannot be read would leave without a place.
    let kept = wanted.kept.as_ref().map(|kept| saved::of(kept, &collection.name)).transpose()?.flatten();
    let (mut failures, mut interrupted) = (Failures::default(), false);
    if !wanted.only_look {
        std::fs::create_dir_all(&folder).map_err(Error::io("create the folder", &folder))?;
        let asked: Vec<&Member> = members.iter().filter(|member| asked.contains(&member.name)).collect();
        interrupted = one_by_one(&asked, &names, &folder, options, &mut failures)?;
    }
    let (reproduced, outdated) = gathered(collection, wanted.quick, &members, &folder, &failures, kept)?;
    if !outdated.is_empty() {
        let note = format!("what was kept of {} is of other settings, and is left out", outdated.join(", "));
        Progress::new(options.verbosity).note(&note);
    }
    let reproduction = Reproduction { reproduced, folder, interrupted, failure: failures.first };
    if reproduction.folder.is_dir() {
        written(&reproduction)?;
    }
    Ok(reproduction)
}

/// What failed.
#[derive(Default)]
struct Failures {
    /// Of each run, why.
    problems: BTreeMap<String, String>,
    /// The first error.
    first: Option<Error>,
}

/// Makes the runs; what fails in one is in the way only of those that begin at it. Whether Ctrl-C stopped them.
fn one_by_one(
    members: &[&Member],
    names: &[String],
    folder: &Path,
    options: &Options,
    failures: &mut Failures,
) -> Result<bool> {
    let mut progress = Progress::new(options.verbosity);
    let verbosity = if options.verbosity == Verbosity::Quiet { Verbosity::Quiet } else { Verbosity::Calm };
    for (at, member) in members.iter().enumerate() {
        let (name, place) = (&member.name, format!("{} of {}", at + 1, members.len()));
        if let Some(first) = member.begins_at(names).filter(|first| failures.problems.contains_key(*first)) {
            failures.problems.insert(name.clone(), format!("it begins at {first}, which failed"));
            continue;
        }
        match standing(member, folder)? {
            Standing::Done(_) => progress.note(&format!("{name} ({place}): done before")),
            Standing::Stopped(there) => {
                progress.note(&format!("{name} ({place}): going on after step {}", there.steps))
            }
            Standing::Ahead => progress.note(&format!("{name} ({place}): {}", folder.join(name).display())),
        }
        let options =
            Options { runs: options.runs.clone(), verbosity, interrupted: options.interrupted, profile: false };
        match work(member, folder, &options) {
            Ok(()) => {}
            Err(Error::Interrupted { .. } | Error::Broken { .. }) => return Ok(true),
            Err(error) => {
                progress.note(&format!("{name} failed: {error}"));
                failures.problems.insert(name.clone(), error.to_string());
                failures.first.get_or_insert(error);
            }
        }
        if options.interrupted.load(Ordering::Relaxed) {
            return Ok(at + 1 < members.len());
        }
    }
    Ok(false)
}

/// What came out of all runs that there are, asked for now or earlier, or kept of those that are not there; and the runs of which something
/// is kept that is of other settings.
fn gathered(
    collection: &Collection,
    quick: bool,
    members: &[Member],
    folder: &Path,
    failures: &Failures,
    kept: Option<Reproduced>,
) -> Result<(Reproduced, Vec<String>)> {
    let names = collection.member_names();
    let (mut runs, mut outdated): (Vec<RunRecord>, Vec<String>) = Default::default();
    let mut results = BTreeMap::new();
    let mut figures = kept.as_ref().map_or(Vec::new(), |kept| kept.tables.clone());
    for member in members {
        let (mut record, found) = record(member, folder, &names)?;
        let absent = kept.as_ref().filter(|_| record.status.is_none());
        let other = absent.and_then(|kept| Some((kept, kept.run(&member.name).filter(|run| run.is_finished())?)));
        match other.filter(|(kept, _)| still_stands(kept, member, members, &names)) {
            Some((_, other)) => record = other.clone(),
            None => {
                outdated.extend(other.map(|(_, other)| other.name.clone()));
                figures.iter_mut().for_each(|table| table.rows.retain(|row| row.run != record.name));
            }
        }
        record.error = failures.problems.get(&member.name).cloned();
        results.extend(found.map(|found| (member.name.clone(), found)));
        runs.push(record);
    }
    let needed = collection.wanted(&[])?;
    runs.retain(|run| needed.contains(&run.name) || run.status.is_some() || run.error.is_some());
    let command = format!("dbm reproduce {}{}", collection.name, if quick { " --quick" } else { "" });
    let table = &collection.table;
    let known = judging::Known { results, kept: figures };
    let tables = table.tables.iter().map(|table| judging::judged(table, quick, &known));
    let reproduced = Reproduced {
        collection: collection.name.clone(),
        title: table.title.clone(),
        source: table.source.clone(),
        note: table.note.clone(),
        quick,
        command,
        tables: tables.filter(|table| !table.rows.is_empty()).collect(),
        runs,
    };
    Ok((reproduced, outdated))
}

/// Writes `results.json` and the page.
fn written(reproduction: &Reproduction) -> Result<()> {
    let page = report::tables(&reproduction.reproduced);
    write_whole(&reproduction.report(), page.as_bytes())?;
    saved::write(&reproduction.folder.join("results.json"), &reproduction.reproduced)
}

/// The error of a collection that Ctrl-C stopped.
pub fn stopped(reproduction: &Reproduction) -> Error {
    let runs = &reproduction.reproduced.runs;
    let through = runs.iter().filter(|run| run.is_finished()).count();
    Error::Broken {
        problem: format!("interrupted: {through} of {} runs are through, and everything is saved", runs.len()),
        remedy: format!("go on with the same command; what is done is in {}", quoted(&reproduction.report())),
    }
}
