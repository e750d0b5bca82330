//! The TensorBoard view of a run: curves, histograms, pictures, text, hyper-parameters.

use super::event_file::{EventFile, seconds};
use super::{Ended, Observe, Record, Section, messages};
use crate::experiment::{Result, clock};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;
use tensorboard_proto::api::Status;

/// A setting as the HParams table shows it, sorts it and filters by it.
#[derive(Clone, Debug, PartialEq)]
pub enum Hyperparameter {
    /// Filtered by a range.
    Number(f64),
    /// Filtered by a pattern.
    Word(String),
    /// Filtered by a tick.
    Switch(bool),
}

/// Writes one TensorBoard run. Runs in sub-folders with the same tags are drawn over each other.
pub struct TensorBoard<W: Write = BufWriter<File>> {
    events: EventFile<W>,
    /// The latest step seen.
    step: u64,
    described: bool,
}

impl TensorBoard {
    /// Opens a new event file in `folder`. `start_step` is the first step it may hold: 0 for a new run; for a resumed one the
    /// checkpoint's, because whatever older files hold from `start_step` on disappears from the curves.
    pub fn create(folder: &Path, start_step: u64) -> Result<Self> {
        Ok(Self::on(EventFile::create(folder, start_step)?, start_step))
    }
}

impl<W: Write> TensorBoard<W> {
    /// Writes to an event file that is open already.
    pub fn on(events: EventFile<W>, start_step: u64) -> Self {
        Self { events, step: start_step, described: false }
    }

    /// Where the events go.
    pub fn path(&self) -> &Path {
        self.events.path()
    }

    /// Makes the run a row of the HParams table and shows its configuration (Markdown) on the text page under `config`.
    pub fn describe(
        &mut self,
        hyperparameters: &BTreeMap<String, Hyperparameter>,
        config_markdown: &str,
    ) -> Result<()> {
        let start = messages::session_start(hyperparameters, seconds(clock::now()))?;
        let config = messages::text("config", config_markdown)?;
        self.events.append(self.step, vec![start, config])?;
        self.described = true;
        self.events.flush()
    }

    /// Lays out the page of combined charts. TensorBoard merges the layouts of all runs and drops repeated charts, so each run
    /// can carry its own.
    pub fn lay_out(&mut self, sections: &[Section]) -> Result<()> {
        self.events.append(self.step, vec![messages::layout(sections)?])
    }
}

impl<W: Write> Observe for TensorBoard<W> {
    fn record(&mut self, record: &Record) -> Result<()> {
        self.step = record.step;
        let mut values = Vec::with_capacity(record.entries.len());
        for entry in &record.entries {
            values.extend(messages::value(&entry.tag, &entry.value)?);
        }
        if values.is_empty() { Ok(()) } else { self.events.append(record.step, values) }
    }

    fn flush(&mut self) -> Result<()> {
        self.events.flush()
    }

    fn finish(&mut self, ended: Ended) -> Result<()> {
        // TensorBoard believes the first end it reads, so a run that can be resumed has none yet.
        let status = match ended {
            Ended::Finished => Some(Status::STATUS_SUCCESS),
            Ended::Failed => Some(Status::STATUS_FAILURE),
            Ended::Interrupted => None,
        };
        if let Some(status) = status.filter(|_| self.described) {
            self.events.append(self.step, vec![messages::session_end(status, seconds(clock::now()))?])?;
        }
        self.events.flush()
    }
}
