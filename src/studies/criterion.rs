//! Criteria: what a number must be for a statement to hold.

use super::{Findings, Quantity};
use crate::math::{larger, smaller};
use serde::{Deserialize, Serialize};
use std::fmt;

/// Standard errors that an estimate must be away from an end of its interval to say on which side it is.
const DECISIVE: f64 = 2.0;

/// What one number must be; every condition given must hold.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Criterion {
    /// The name of a number that the study finds.
    pub quantity: String,
    /// No less than this.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at_least: Option<f64>,
    /// No more than this.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at_most: Option<f64>,
    /// This, give or take `within`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub equals: Option<f64>,
    /// How far from `equals` it may be.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub within: Option<f64>,
    /// A measure of time, which tells of the machine and of what else it did as well: missed, it is shown as refuted, and contradicts
    /// no file.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub timed: bool,
}

/// What the numbers say of a statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Every criterion is met.
    Holds,
    /// Some estimate is too close to the end of its interval to say, and no criterion is missed.
    Undecided,
    /// Some criterion is missed.
    Refuted,
}

/// A criterion held against a number.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Judgement {
    /// What was expected.
    pub criterion: Criterion,
    /// What was obtained; none where the study found no number of that name.
    pub obtained: Option<Quantity>,
    /// Whether it is met.
    pub verdict: Verdict,
}

impl Judgement {
    /// Whether a criterion is missed that comes out the same on every machine.
    pub fn contradicts(&self) -> bool {
        self.verdict == Verdict::Refuted && !self.criterion.timed
    }
}

impl Criterion {
    /// A number that must lie between two ends.
    pub fn between(quantity: String, at_least: Option<f64>, at_most: Option<f64>) -> Self {
        Self { quantity, at_least, at_most, equals: None, within: None, timed: false }
    }

    /// The ends of the interval that the number must lie in.
    pub fn interval(&self) -> (f64, f64) {
        let within = self.within.unwrap_or(0.0);
        let low = self.at_least.into_iter().chain(self.equals.map(|value| value - within));
        let high = self.at_most.into_iter().chain(self.equals.map(|value| value + within));
        (low.fold(f64::NEG_INFINITY, larger), high.fold(f64::INFINITY, smaller))
    }

    /// Holds the criterion against what was found. A number that is none meets nothing.
    pub fn judge(&self, findings: &Findings) -> Judgement {
        let obtained = findings.get(&self.quantity).cloned();
        let verdict = obtained.as_ref().map_or(Verdict::Refuted, |obtained| self.of(obtained));
        Judgement { criterion: self.clone(), obtained, verdict }
    }

    fn of(&self, Quantity { value, error, .. }: &Quantity) -> Verdict {
        let (low, high) = self.interval();
        let doubt = DECISIVE * error.unwrap_or(0.0);
        let near = |end: f64| end.is_finite() && (value - end).abs() < doubt;
        if near(low) || near(high) || error.is_some_and(f64::is_nan) {
            Verdict::Undecided
        } else if (low..=high).contains(value) {
            Verdict::Holds
        } else {
            Verdict::Refuted
        }
    }
}

/// The verdict over all judgements: the worst of them.
pub fn verdict(judgements: &[Judgement]) -> Verdict {
    judgements.iter().map(|judgement| judgement.verdict).max().unwrap_or(Verdict::Undecided)
}

impl fmt::Display for Criterion {
    /// Like `0.2518 ± 0.001`, `≥ 15`, `0.15 to 0.45`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Powers of ten where zeros would have to be counted.
        let shown = |value: f64| match value.abs() {
            size if size != 0.0 && !(1e-3..1e6).contains(&size) => format!("{value:e}"),
            _ => value.to_string(),
        };
        match (self.equals.map(shown), self.within.map(shown), self.at_least.map(shown), self.at_most.map(shown)) {
            (Some(value), None, ..) => write!(f, "{value}"),
            (Some(value), Some(within), ..) => write!(f, "{value} ± {within}"),
            (None, _, Some(low), Some(high)) => write!(f, "{low} to {high}"),
            (None, _, Some(low), None) => write!(f, "≥ {low}"),
            (None, _, None, Some(high)) => write!(f, "≤ {high}"),
            (None, _, None, None) => write!(f, "anything"),
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Holds => "holds",
            Self::Undecided => "undecided",
            Self::Refuted => "refuted",
        })
    }
}
