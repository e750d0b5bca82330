//! Everything a run writes about itself while it goes on: metrics archive, TensorBoard, the progress line.

use super::config::{Experiment, resolved, summary};
use super::observe::{
    Chart, Ended, Hyperparameter, Metrics, Observe, Observers, Occasion, PictureFiles, Progress, Record, Section,
    TensorBoard, tell_all,
};
use super::results::{LogPartitionResult, Results, SchemeResult};
use super::{Result, RunFolder};
use crate::inference::Trace;
use std::collections::BTreeMap;

/// The observers of one run.
pub struct Journal {
    archive: Metrics,
    observers: Observers,
    /// One TensorBoard run per inference scheme; the same tags in each, so that their curves overlay.
    schemes: BTreeMap<String, TensorBoard>,
    /// The line on the terminal.
    pub progress: Progress,
    folder: RunFolder,
    tensorboard: bool,
    start_step: u64,
}

impl Journal {
    /// Opens the logs of a run: new ones, or those of a run that goes on after `resumed` steps.
    pub fn open(folder: &RunFolder, experiment: &Experiment, resumed: Option<u64>, progress: Progress) -> Result<Self> {
        // What is seen and judged at the step of a checkpoint is made again; the rest of that step is copied from the archive.
        let start_step = resumed.unwrap_or(0);
        let (archive, present) = match resumed {
            None => (Metrics::create(&folder.metrics())?, Record::default()),
            Some(step) => Metrics::resume(&folder.metrics(), step)?,
        };
        let mut observers = Observers(vec![Box::new(PictureFiles::new(folder.pictures()))]);
        if experiment.log.tensorboard {
            let mut board = TensorBoard::create(folder.path(), start_step)?;
            board.describe(&hyperparameters(experiment), &format!("```toml\n{}```\n", resolved(experiment)))?;
            board.lay_out(&layout())?;
            board.record(&present)?;
            observers.0.push(Box::new(board));
        }
        Ok(Self {
            archive,
            observers,
            schemes: BTreeMap::new(),
            progress,
            folder: folder.clone(),
            tensorboard: experiment.log.tensorboard,
            start_step,
        })
    }

    /// Writes one step's measurements.
    pub fn record(&mut self, record: &Record) -> Result<()> {
        self.archive.record(record)?;
        self.observers.record(record)
    }

    /// Writes a comparison of schemes: each scheme into its own TensorBoard run, all of them into the archive.
    pub fn compare(&mut self, occasion: Occasion, step: u64, results: &Results) -> Result<()> {
        let mut shared = Record::new(step);
        let of = occasion.prefix();
        if results.kind.is_none() {
            log_partition(&mut shared, of, &results.log_partition);
        }
        if let Some(nats) = results.log_likelihood_nats_mean {
            shared.scalar(format!("{of}log_likelihood_nats_mean"), nats);
        }
        self.record(&shared)?;
        for scheme in &results.schemes {
            self.scheme_record(of, step, &scheme.name, measurements(scheme))?;
        }
        Ok(())
    }

    /// Writes how a scheme came to its answer, where a step is a sweep: a TensorBoard run of its own.
    pub fn trace(&mut self, name: &str, trace: &Trace) -> Result<()> {
        if !self.tensorboard || trace.elbos_unnormalized.is_empty() {
            return Ok(());
        }
        let mut board = TensorBoard::create(&self.folder.trace_events(&file_name(name)), 0)?;
        for (sweep, elbo) in trace.elbos_unnormalized.iter().enumerate() {
            let mut record = Record::new(sweep as u64);
            record.scalar("inference/elbo_unnormalized_nats_mean", *elbo);
            if let Some(change) = sweep.checked_sub(1).and_then(|before| trace.changes.get(before)) {
                record.scalar("inference/largest_change", *change);
            }
            board.record(&record)?;
        }
        board.finish(Ended::Finished)
    }

    /// The archive gets names with the scheme in them; TensorBoard has a run for each scheme.
    fn scheme_record(&mut self, of: &str, step: u64, name: &str, measured: Vec<(&str, f64)>) -> Result<()> {
        let (mut archive, mut board) = (Record::new(step), Record::new(step));
        for (quantity, value) in measured {
            archive.scalar(format!("{of}{name}/{quantity}"), value);
            board.scalar(format!("{of}{quantity}"), value);
        }
        self.archive.record(&archive)?;
        if self.tensorboard { self.scheme(name)?.record(&board) } else { Ok(()) }
    }

    fn scheme(&mut self, name: &str) -> Result<&mut TensorBoard> {
        if !self.schemes.contains_key(name) {
            let board = TensorBoard::create(&self.folder.scheme_events(&file_name(name)), self.start_step)?;
            self.schemes.insert(name.to_string(), board);
        }
        self.schemes.get_mut(name).ok_or_else(|| super::Error::Compute { problem: "a log vanished".into() })
    }

    /// Hands everything to the operating system.
    pub fn flush(&mut self) -> Result<()> {
        self.archive.flush()?;
        self.observers.flush()?;
        self.schemes.values_mut().try_for_each(TensorBoard::flush)
    }

    /// Last words, to every log even when one fails; the first failure is reported.
    pub fn finish(&mut self, ended: Ended) -> Result<()> {
        self.progress.finish();
        let schemes = self.schemes.values_mut().map(|board| board as &mut dyn Observe);
        let all: [&mut dyn Observe; 2] = [&mut self.archive, &mut self.observers];
        tell_all(all.into_iter().chain(schemes), |observer| observer.finish(ended))
    }
}

/// ln Z and how well it is known.
fn log_partition(record: &mut Record, of: &str, log_partition: &LogPartitionResult) {
    record.scalar(format!("{of}log_partition_nats"), log_partition.nats);
    let error = log_partition.error.or((log_partition.method == "exact").then_some(0.0));
    // An interval without a lower end still has the mean of the log weights below it, and a band needs both sides.
    let lower = log_partition.lower.or(log_partition.stochastic_lower_bound);
    let (upper, width) = (log_partition.upper, log_partition.width);
    for (end, nats) in [("error", error), ("lower", lower), ("upper", upper), ("width", width)] {
        if let Some(nats) = nats {
            record.scalar(format!("{of}log_partition_{end}_nats"), nats);
        }
    }
}

/// What is logged of a scheme, by the same names everywhere.
fn measurements(scheme: &SchemeResult) -> Vec<(&'static str, f64)> {
    let mut measured = vec![
        ("elbo_nats_mean", scheme.elbo_nats_mean),
        ("elbo_unnormalized_nats_mean", scheme.elbo_unnormalized_nats_mean),
        ("gap_nats_mean", scheme.gap_nats_mean),
        ("reconstruction_error_mean", scheme.reconstruction_error_mean),
        ("sweeps_mean", scheme.sweeps_mean),
        ("time_us_per_example", scheme.time_us_per_example),
    ];
    if let Some(objective) = &scheme.objective {
        // An ELBO of minus infinity is no curve.
        measured.retain(|(name, _)| *name != "elbo_nats_mean");
        measured.push(("objective_mean", objective.mean));
        measured.push(("duality_gap_nats_mean", objective.duality_gap_mean));
        measured.push(("active_fraction_mean", objective.active_fraction_mean));
    }
    measured.extend(scheme.converged_fraction.map(|share| ("converged_fraction", share)));
    measured.extend(scheme.kl_nats_mean.map(|kl| ("kl_nats_mean", kl)));
    measured.extend(scheme.marginal_error_mean.map(|error| ("marginal_error_mean", error)));
    measured.extend(scheme.label_error_percent.map(|error| ("label_error_percent", error)));
    measured
}

/// A scheme's word as the name of a folder.
pub(super) fn file_name(word: &str) -> String {
    word.chars().map(|c| if c.is_alphanumeric() || "+-_.=,".contains(c) { c } else { '_' }).collect()
}

/// Every setting of the experiment, for the HParams page.
fn hyperparameters(experiment: &Experiment) -> BTreeMap<String, Hyperparameter> {
    let kind = |value: toml::Value| match value {
        toml::Value::Integer(number) => Hyperparameter::Number(number as f64),
        toml::Value::Float(number) => Hyperparameter::Number(number),
        toml::Value::Boolean(on) => Hyperparameter::Switch(on),
        toml::Value::String(text) => Hyperparameter::Word(text),
        other => Hyperparameter::Word(other.to_string()),
    };
    summary(experiment).into_iter().map(|(path, value)| (path, kind(value))).collect()
}

/// The combined charts every run offers.
fn layout() -> Vec<Section> {
    let section = |title: &str, occasion: Occasion| {
        let tag = |quantity: &str| format!("{}{quantity}", occasion.prefix());
        Section {
            title: title.into(),
            charts: vec![
                Chart::lines("ELBO of all schemes (nats)", &[&tag("elbo_nats_mean")]),
                Chart::lines("gap to the best scheme (nats)", &[&tag("gap_nats_mean")]),
                Chart::band(
                    "log Z with 3 standard errors (nats)",
                    &tag("log_partition_nats"),
                    &tag("log_partition_lower_nats"),
                    &tag("log_partition_upper_nats"),
                ),
            ],
        }
    };
    vec![section("comparison", Occasion::OnTheWay), section("final comparison", Occasion::Final)]
}
