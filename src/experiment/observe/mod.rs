//! Observers of a run: TensorBoard events, the metrics archive, the terminal.
//!
//! A run measures, an observer writes down; no observer can change what is trained.

mod event_file;
mod events;
mod image;
mod layout;
mod messages;
mod metrics;
mod progress;
mod tensorboard;
mod transfer;

pub use event_file::EventFile;
pub use events::{Bucket, Event, Events, Logged, LoggedValue, read_events};
pub use image::{Image, Range};
pub use layout::{Chart, Section};
pub use metrics::{Measured, Metrics, Occasion, read_metrics};
pub use progress::{Progress, Verbosity};
pub use tensorboard::{Hyperparameter, TensorBoard};
pub use transfer::{Transfer, pace};

use super::Result;

/// Something measured at one step.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// One number; the tag says its unit.
    Scalar(f64),
    /// The values themselves; whoever draws them chooses the buckets.
    Histogram(Vec<f64>),
    /// A picture.
    Image(Image),
    /// Markdown.
    Text(String),
}

/// A value and its name.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// Names what was measured, and the unit: `train/elbo_nats_mean`.
    pub tag: String,
    /// What was measured.
    pub value: Value,
}

/// Everything measured at one step.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Record {
    /// Updates made so far, over all stages of the run.
    pub step: u64,
    /// In the order of measuring.
    pub entries: Vec<Entry>,
}

impl Record {
    /// Nothing measured yet at `step`.
    pub fn new(step: u64) -> Self {
        Self { step, entries: Vec::new() }
    }

    /// Adds a value under a name.
    pub fn push(&mut self, tag: impl Into<String>, value: Value) {
        self.entries.push(Entry { tag: tag.into(), value });
    }

    /// Adds a number under a name.
    pub fn scalar(&mut self, tag: impl Into<String>, value: f64) {
        self.push(tag, Value::Scalar(value));
    }
}

/// How a run ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Ended {
    /// All its steps are done.
    Finished,
    /// Stopped on request, or by a file that could not be written; it can be resumed.
    Interrupted,
    /// Stopped by an error.
    Failed,
}

/// Writes down what a run measures.
pub trait Observe {
    /// Takes note of one step's measurements.
    fn record(&mut self, record: &Record) -> Result<()>;

    /// Hands everything recorded so far to the operating system, so that a crash of the program cannot lose it.
    fn flush(&mut self) -> Result<()>;

    /// Writes the last words and flushes.
    fn finish(&mut self, ended: Ended) -> Result<()>;
}

/// Tells every observer, even when one fails; the first failure is reported.
pub fn tell_all<'a>(
    observers: impl Iterator<Item = &'a mut dyn Observe>,
    what: impl FnMut(&'a mut dyn Observe) -> Result<()>,
) -> Result<()> {
    let told: Vec<Result<()>> = observers.map(what).collect();
    told.into_iter().collect()
}

/// A list of observers is an observer: all are told even when one fails, and the first failure is reported.
#[derive(Default)]
pub struct Observers(pub Vec<Box<dyn Observe>>);

impl Observers {
    fn tell(&mut self, what: impl FnMut(&mut dyn Observe) -> Result<()>) -> Result<()> {
        tell_all(self.0.iter_mut().map(|observer| observer.as_mut() as &mut dyn Observe), what)
    }
}

impl Observe for Observers {
    fn record(&mut self, record: &Record) -> Result<()> {
        self.tell(|observer| observer.record(record))
    }

    fn flush(&mut self) -> Result<()> {
        self.tell(|observer| observer.flush())
    }

    fn finish(&mut self, ended: Ended) -> Result<()> {
        self.tell(|observer| observer.finish(ended))
    }
}
