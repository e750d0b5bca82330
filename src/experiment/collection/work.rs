//! The run of one experiment of a collection: in a folder that stays the same, so that the same command goes on where it stopped.

use super::catalogue::Member;
use super::outcome::{Reproduced, RunRecord};
use crate::experiment::config::{
    AnyLoaded, Experiment, Loaded, Model, StudyExperiment, load_study, resolved, stored, stored_text, text_of,
};
use crate::experiment::data::FileSum;
use crate::experiment::observe::{Progress, Verbosity};
use crate::experiment::run::{Options, Stopped, resume, run_in};
use crate::experiment::study::{Opened, compute};
use crate::experiment::{Error, Provenance, Result, RunFolder, Status, inherited};
use serde_json::Value;
use std::path::{Path, PathBuf};

/// How the run of an experiment stands.
#[derive(Debug)]
pub enum Standing {
    /// It has not begun, or what is there is of other settings, or was stopped before anything was saved.
    Ahead,
    /// It has stopped and can go on.
    Stopped(Box<Provenance>),
    /// It is through.
    Done(Box<Provenance>),
}

/// How the run of `member` in `parent` stands.
pub fn standing(member: &Member, parent: &Path) -> Result<Standing> {
    let Ok(folder) = RunFolder::open(&parent.join(&member.name)) else { return Ok(Standing::Ahead) };
    let Ok(provenance) = folder.provenance() else { return Ok(Standing::Ahead) };
    if !same(member, &folder, &provenance)? {
        return Ok(Standing::Ahead);
    }
    let provenance = Box::new(provenance);
    if provenance.status == Status::Finished && folder.results().is_file() {
        return Ok(Standing::Done(provenance));
    }
    let resumable = matches!(member.loaded, AnyLoaded::Training(_)) && folder.can_go_on();
    Ok(if resumable { Standing::Stopped(provenance) } else { Standing::Ahead })
}

/// Whether a run is of this experiment, begun at the file that it would begin at now; by which commit of the program is not asked.
fn same(member: &Member, folder: &RunFolder, provenance: &Provenance) -> Result<bool> {
    match &member.loaded {
        AnyLoaded::Training(loaded) => {
            let there: Option<Experiment> = stored(&folder.config()).ok();
            Ok(there.is_some_and(|there| there == loaded.experiment)
                && provenance.began_at == began_at(&loaded.experiment)?)
        }
        AnyLoaded::Study(loaded) => {
            let path = folder.config();
            let there: Option<StudyExperiment> = load_study(&path, &text_of(&path)?).ok().map(|there| there.experiment);
            Ok(there.is_some_and(|there| there == loaded.experiment))
        }
    }
}

/// The file that an experiment begins at; none too where that file is not there yet.
fn began_at(experiment: &Experiment) -> Result<Option<FileSum>> {
    match inherited::file(experiment.model.machine()) {
        Err(Error::Model { .. }) => Ok(None),
        outcome => outcome,
    }
}

/// Makes the run of `member` in `parent`, or goes on with it.
pub fn work(member: &Member, parent: &Path, options: &Options) -> Result<()> {
    let failed = |stopped: Stopped| stopped.error;
    let path = parent.join(&member.name);
    match (standing(member, parent)?, &member.loaded) {
        (Standing::Done(_), _) => Ok(()),
        (Standing::Stopped(_), _) => resume(&path, &[], options).map(|_| ()).map_err(failed),
        (Standing::Ahead, AnyLoaded::Training(loaded)) => {
            let create = || set_aside(&path).and_then(|()| RunFolder::create_within(parent, &member.name));
            run_in(loaded, options, create).map(|_| ()).map_err(failed)
        }
        (Standing::Ahead, AnyLoaded::Study(loaded)) => {
            set_aside(&path)?;
            study(loaded, &RunFolder::create_within(parent, &member.name)?, options)
        }
    }
}

fn study(loaded: &Loaded<StudyExperiment>, folder: &RunFolder, options: &Options) -> Result<()> {
    let mut progress = Progress::new(match options.verbosity {
        Verbosity::Quiet => Verbosity::Quiet,
        _ => Verbosity::Calm,
    });
    let opened = Opened::begin(folder, loaded)?;
    let found = compute(&loaded.experiment, &mut progress, options.interrupted);
    progress.finish();
    opened.end(found).map(|_| ())
}

/// Gives what is in the place of a run another name: nothing is ever overwritten.
fn set_aside(path: &Path) -> Result<()> {
    if !path.exists() {
        return Ok(());
    }
    if let Ok(folder) = RunFolder::open(path) {
        folder.claim()?;
    }
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let mut names = (1..).map(|count: u32| path.with_file_name(format!("{name}-before-{count}")));
    let aside: PathBuf = names.find(|other| !other.exists()).unwrap_or_default();
    std::fs::rename(path, &aside).map_err(Error::io("rename", path))
}

/// The record of a member's run as it stands, and the results of one that is through; `names` are those of all members.
pub fn record(member: &Member, parent: &Path, names: &[String]) -> Result<(RunRecord, Option<Value>)> {
    let (standing, folder) = (standing(member, parent)?, RunFolder::open(&parent.join(&member.name)));
    let (through, provenance) = match standing {
        Standing::Ahead => (false, None),
        Standing::Stopped(provenance) => (false, Some(provenance)),
        Standing::Done(provenance) => (true, Some(provenance)),
    };
    let results: Option<Value> = match folder {
        Ok(folder) if through => Some(folder.read_json(&folder.results())?),
        _ => None,
    };
    let warnings = results.as_ref().and_then(|results| results.get("warnings")?.as_array().cloned());
    let (seed, settings) = match &member.loaded {
        AnyLoaded::Study(loaded) => (loaded.experiment.seed, resolved(&loaded.experiment)),
        AnyLoaded::Training(loaded) => (loaded.experiment.seed, resolved(&unplaced(member, loaded, names))),
    };
    let (started, ended, origin) = provenance.as_ref().map_or((None, None, None), |there| {
        (Some(there.started.clone()), there.ended.clone(), Some(there.origin.clone()))
    });
    let record = RunRecord {
        name: member.name.clone(),
        seed,
        settings_sha256: FileSum::of(Path::new(""), settings.as_bytes()).sha256,
        settings,
        status: provenance.as_ref().map(|there| there.status),
        hours: provenance.as_ref().map_or(0.0, |there| there.seconds / 3600.0),
        started,
        ended,
        origin,
        warnings: warnings.iter().flatten().filter_map(|warning| Some(warning.as_str()?.to_string())).collect(),
        error: None,
    };
    Ok((record, results))
}

/// Whether what is kept of a run is of this member as it is now, and what is kept of the one that it begins at of that one: settings
/// that the program has come to know since are at their defaults in both.
pub fn still_stands(kept: &Reproduced, member: &Member, members: &[Member], names: &[String]) -> bool {
    let Some(record) = kept.run(&member.name) else { return false };
    let same = match &member.loaded {
        AnyLoaded::Training(loaded) => {
            stored_text(&record.name, &record.settings).is_ok_and(|there| there == unplaced(member, loaded, names))
        }
        AnyLoaded::Study(loaded) => load_study(Path::new(&record.name), &record.settings)
            .is_ok_and(|there| there.experiment == loaded.experiment),
    };
    let first = member.begins_at(names).and_then(|first| members.iter().find(|other| other.name == *first));
    same && first.is_none_or(|first| still_stands(kept, first, members, names))
}

/// The experiment without the place of another member's run, which is not the same on every machine.
fn unplaced(member: &Member, loaded: &Loaded<Experiment>, names: &[String]) -> Experiment {
    let mut experiment = loaded.experiment.clone();
    if let (Model::Machine(machine), Some(_)) = (&mut experiment.model, member.begins_at(names)) {
        machine.from = None;
    }
    experiment
}
