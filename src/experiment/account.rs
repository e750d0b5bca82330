//! The account of a run at work: its `run.json`, kept up to date.

use super::clock::Stopwatch;
use super::profile::Profile;
use super::{Error, Provenance, Result, RunFolder, Status, clock};

/// Keeps `run.json` true while a run is at work.
pub struct Account<'a> {
    folder: &'a RunFolder,
    provenance: Provenance,
    watch: Stopwatch,
    /// Seconds at work before this process.
    before: f64,
}

impl<'a> Account<'a> {
    /// Says that the run is at work.
    pub fn open(folder: &'a RunFolder, provenance: Provenance) -> Result<Self> {
        let provenance = Provenance { status: Status::Running, ended: None, error: None, ..provenance };
        folder.write_provenance(&provenance)?;
        Ok(Self { folder, before: provenance.seconds, provenance, watch: Stopwatch::start() })
    }

    /// Says that everything up to `step` is saved.
    pub fn saved(&mut self, step: u64) -> Result<()> {
        self.provenance.steps = step;
        self.provenance.seconds = self.before + self.watch.seconds();
        self.folder.write_provenance(&self.provenance)
    }

    /// Says how the run ended, after `step` updates, and what its time was spent on, where that was asked for.
    pub fn close<T>(mut self, step: u64, outcome: &Result<T>, profile: Option<Profile>) -> Result<()> {
        // Where nobody asked, an earlier profile stays.
        self.provenance.profile = profile.or(self.provenance.profile);
        self.provenance.status = match outcome {
            Ok(_) => Status::Finished,
            Err(Error::Interrupted { .. } | Error::Broken { .. }) => Status::Interrupted,
            Err(_) => Status::Failed,
        };
        self.provenance.error = outcome.as_ref().err().map(ToString::to_string);
        self.provenance.ended = Some(clock::now().to_string());
        self.saved(step)
    }
}
