//! Early stopping: how long training has gone on without a better held-out bound.

use super::results::{Results, SchemeResult};
use serde::{Deserialize, Serialize};

/// What an evaluation found, as far as it decides.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Mark {
    /// The best score of any scheme, nats.
    pub score: f64,
    /// Standard error of ln Z in it, nats; 0 where it is exact.
    pub error: f64,
    /// Whether it came with a warning.
    pub doubtful: bool,
}

impl Mark {
    /// What results say.
    pub fn of(results: &Results) -> Self {
        Self {
            score: results.schemes.iter().map(SchemeResult::score).fold(f64::NEG_INFINITY, f64::max),
            error: results.log_partition.error.unwrap_or_default(),
            doubtful: !results.warnings.is_empty(),
        }
    }

    /// Whether this score is above the other: one without a warning beats every one with a warning, which may be far too high; among
    /// equals it must be higher by more than `margin`.
    pub fn beats(&self, other: &Self, margin: f64) -> bool {
        match (self.doubtful, other.doubtful) {
            (false, true) => true,
            (true, false) => false,
            _ => self.score > other.score + margin,
        }
    }

    /// Whether it is better by more than the errors of both estimates of ln Z leave open.
    fn is_clearly_above(&self, other: &Self) -> bool {
        self.beats(other, self.error.hypot(other.error))
    }
}

/// How a stage stands: the last mark that was clearly better, and the evaluations since. Slow progress adds up: later marks are held
/// against that one, not against each other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Standing {
    /// The mark; none before the first evaluation.
    pub mark: Option<Mark>,
    /// Evaluations since that were not clearly better.
    pub since: usize,
}

impl Standing {
    /// After one more evaluation.
    pub fn after(self, found: Mark) -> Self {
        let better = found.score.is_finite() && self.mark.is_none_or(|mark| found.is_clearly_above(&mark));
        if better { Self { mark: Some(found), since: 0 } } else { Self { since: self.since + 1, ..self } }
    }
}
