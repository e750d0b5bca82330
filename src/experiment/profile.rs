//! Where the wall time of a run goes, for those who ask: every moment belongs to exactly one phase.

use super::clock::Stopwatch;
use crate::learning::{Listener, Part};
use serde::{Deserialize, Serialize};
use std::cell::Cell;
use std::time::Duration;

/// What a share of the time goes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Share {
    /// Inference on the examples of an update.
    Positive,
    /// Gibbs chains of an update.
    Negative,
    /// Statistics, the network's gradient, the step itself.
    Gradient,
    /// Judging on the way and at the end, annealing included; drawing histograms and pictures.
    Evaluation,
    /// Measurements of updates, event files, the archive, checkpoints, the progress line.
    Logging,
    /// Loading, shuffling, batches and their binarisation.
    Data,
    /// Everything else.
    Other,
}

impl Share {
    /// In the order in which they are shown.
    const ALL: [(Self, &str); 7] = [
        (Self::Positive, "positive phase"),
        (Self::Negative, "negative phase"),
        (Self::Gradient, "gradient"),
        (Self::Evaluation, "evaluation"),
        (Self::Logging, "logging"),
        (Self::Data, "data"),
        (Self::Other, "other"),
    ];
}

impl From<Part> for Share {
    fn from(part: Part) -> Self {
        match part {
            Part::Positive => Self::Positive,
            Part::Negative => Self::Negative,
            Part::Gradient => Self::Gradient,
            Part::Measurements => Self::Logging,
        }
    }
}

/// How long a run took, and for what.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Profile {
    /// Wall time from the beginning of the run, or of its continuation, to the writing of this.
    pub seconds: f64,
    /// Every phase, in a fixed order.
    pub phases: Vec<Spent>,
}

/// The part of one phase.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Spent {
    /// Its name.
    pub phase: String,
    /// Wall time of it.
    pub seconds: f64,
    /// Its part of the whole, from 0 to 1.
    pub share: f64,
}

/// Times the phases of a run, or, where nobody asks, does nothing and reads no clock.
///
/// It sees the thread that leads the run, which waits for the others. A GPU works on while that thread goes on; there the wait is
/// counted where a result is first read.
pub struct Profiler(Option<Laps>);

struct Laps {
    watch: Stopwatch,
    present: Cell<Share>,
    since: Cell<Duration>,
    spent: Cell<[Duration; Share::ALL.len()]>,
}

impl Profiler {
    /// Begins in [`Share::Other`].
    pub fn start(wanted: bool) -> Self {
        let laps = || Laps {
            watch: Stopwatch::start(),
            present: Cell::new(Share::Other),
            since: Cell::new(Duration::ZERO),
            spent: Cell::default(),
        };
        Self(wanted.then(laps))
    }

    /// Counts `work` as `share`, except for what is counted apart within it.
    pub fn during<T>(&self, share: Share, work: impl FnOnce() -> T) -> T {
        let Some(laps) = &self.0 else { return work() };
        let before = laps.enter(share);
        let done = work();
        laps.enter(before);
        done
    }

    /// Who is told of the parts of an update.
    pub fn listener(&self) -> Option<&dyn Listener> {
        self.0.as_ref().map(|laps| laps as &dyn Listener)
    }

    /// The time up to now.
    pub fn profile(&self) -> Option<Profile> {
        let laps = self.0.as_ref()?;
        laps.enter(laps.present.get());
        let (whole, spent) = (laps.since.get().as_secs_f64(), laps.spent.get());
        let phase = |(share, name): &(Share, &str)| {
            let seconds = spent[*share as usize].as_secs_f64();
            Spent { phase: (*name).into(), seconds, share: seconds / whole }
        };
        Some(Profile { seconds: whole, phases: Share::ALL.iter().map(phase).collect() })
    }
}

impl Laps {
    /// Ends the present phase, and says which it was.
    fn enter(&self, share: Share) -> Share {
        let (now, mut spent, present) = (self.watch.elapsed(), self.spent.get(), self.present.replace(share));
        spent[present as usize] += now.saturating_sub(self.since.replace(now));
        self.spent.set(spent);
        present
    }
}

impl Listener for Laps {
    fn begins(&self, part: Part) {
        self.enter(part.into());
    }
}
