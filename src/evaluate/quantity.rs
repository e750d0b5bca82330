//! Numbers in nats that carry what they promise.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::ops::Sub;

/// Numbers from here on are shown in powers of ten.
const LARGE: f64 = 1e7;

/// How a number relates to the quantity it stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Guarantee {
    /// Equal to it up to round-off.
    Exact,
    /// Never above it.
    LowerBound,
    /// Random, and below it on average: a bound that is a mean over samples.
    StochasticLowerBound,
    /// Never below it.
    UpperBound,
    /// Random, and above it on average.
    StochasticUpperBound,
    /// A random number about it, with a standard error.
    Estimate,
    /// Close at best: neither a bound nor an error bar.
    Approximation,
}

impl Guarantee {
    /// What a difference promises: `self` is of the left side, `right` of what is taken away.
    ///
    /// A lower bound minus an estimate is no bound: annealed importance sampling's ln Z tends to fall below ln Z, so the
    /// difference tends to come out too high.
    fn minus(self, right: Self) -> Self {
        use Guarantee::{
            Approximation, Estimate, Exact, LowerBound, StochasticLowerBound, StochasticUpperBound, UpperBound,
        };
        match (self, right) {
            (Exact, Exact) => Exact,
            (Exact | LowerBound, UpperBound) | (LowerBound, Exact) => LowerBound,
            (Exact | UpperBound, LowerBound) | (UpperBound, Exact) => UpperBound,
            // Two bounds on the same side say nothing about their difference.
            (LowerBound, LowerBound) | (UpperBound, UpperBound) => Approximation,
            (Approximation, _) | (_, Approximation) => Approximation,
            (StochasticLowerBound, Exact) => StochasticLowerBound,
            (Exact | LowerBound | StochasticLowerBound, StochasticUpperBound) => StochasticLowerBound,
            (StochasticUpperBound, Exact) => StochasticUpperBound,
            (StochasticLowerBound | StochasticUpperBound, _) | (_, StochasticLowerBound | StochasticUpperBound) => {
                Estimate
            }
            (Estimate, _) | (_, Estimate) => Estimate,
        }
    }
}

impl fmt::Display for Guarantee {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Exact => "exact",
            Self::LowerBound => "lower bound",
            Self::StochasticLowerBound => "lower bound on average",
            Self::UpperBound => "upper bound",
            Self::StochasticUpperBound => "upper bound on average",
            Self::Estimate => "estimate",
            Self::Approximation => "approximation",
        })
    }
}

/// A number in nats, with what it promises.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Bounded {
    /// The number.
    pub nats: f64,
    /// Its standard error, where it is random.
    pub error: Option<f64>,
    /// How it relates to the quantity it stands for.
    pub guarantee: Guarantee,
}

impl Bounded {
    /// Equal up to round-off.
    pub fn exact(nats: f64) -> Self {
        Self { nats, error: None, guarantee: Guarantee::Exact }
    }

    /// Never above the quantity.
    pub fn lower_bound(nats: f64) -> Self {
        Self { nats, error: None, guarantee: Guarantee::LowerBound }
    }

    /// Random, with its standard error where that is known.
    pub fn estimate(nats: f64, error: Option<f64>) -> Self {
        Self { nats, error, guarantee: Guarantee::Estimate }
    }
}

impl Sub for Bounded {
    type Output = Self;

    /// Difference of independent numbers: errors add in quadrature.
    fn sub(self, right: Self) -> Self {
        let error = match (self.error, right.error) {
            (Some(left), Some(right)) => Some(left.hypot(right)),
            (left, right) => left.or(right),
        };
        Self { nats: self.nats - right.nats, error, guarantee: self.guarantee.minus(right.guarantee) }
    }
}

impl fmt::Display for Bounded {
    /// Like `-85.21 ± 0.03 (estimate)`; two decimals, more where the error is smaller, or as many as the precision asks for. In powers
    /// of ten where the number is too large to be read, or to mean anything.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits_of = |error: f64| (-error.log10()).ceil().clamp(2.0, 6.0) as usize;
        let shown = self.error.filter(|error| error.is_finite());
        let decimals = f.precision().unwrap_or_else(|| shown.filter(|&error| error > 0.0).map_or(2, digits_of));
        if self.nats.abs() >= LARGE {
            return write!(f, "{:.3e} ({})", self.nats, self.guarantee);
        }
        write!(f, "{:.decimals$}", self.nats)?;
        match (self.error, shown) {
            (_, Some(error)) => write!(f, " ± {error:.decimals$}")?,
            (Some(_), None) => write!(f, " ± unknown")?,
            (None, None) => {}
        }
        write!(f, " ({})", self.guarantee)
    }
}
