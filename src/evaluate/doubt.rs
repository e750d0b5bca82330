//! What speaks against an estimate of ln Z: weights that few chains carry, base rates far from the data, estimates that contradict it.
//!
//! The weights of chains tell of what the chains have seen, and nothing of what all of them missed: from a base far from the machine
//! they can agree on a number that is many nats too small. So a base is held against the data's rates, whatever the weights say.

use super::quantity::Bounded;
use crate::math::{Nats, log_mean_exp, log_sum_exp};
use serde::Serialize;

/// Weights worth a smaller share of the chains than this are not trusted: log weights then spread over about 1.5 nats, and a
/// mean over so few dominant ones says little about those that were missed.
const LEAST_SHARE: f64 = 0.1;

/// Weights worth a smaller share than this are taken with care: log weights then spread over 0.8 nats.
const GOOD_SHARE: f64 = 0.5;

/// A base further from the rates of the data than this, in nats of visible states, is taken with care.
const FAR_BASE: f64 = 5.0;

/// A rate is kept this far from 0 and 1 when distances are measured, as it is in base rates.
const LEAST_RATE: f64 = 0.01;

/// Something that speaks against a number, in the words of the user.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Doubt {
    /// The number is not to be trusted.
    Unreliable(String),
    /// The number may be right and is to be taken with care.
    Caution(String),
}

/// On which side of ln Z chains that have missed something fall.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    /// Forward chains.
    Below,
    /// Reverse chains.
    Above,
}

/// Log weights whose mean is an estimate, `nats`, and what is said of it.
pub(super) struct Weights<'a> {
    pub log_weights: &'a [f64],
    pub temperatures: usize,
    /// Whether an interval of three standard errors has both its ends.
    pub interval: bool,
}

impl Weights<'_> {
    /// Why the weights are not to be trusted, or are to be taken with care.
    pub fn doubts(&self, side: Side) -> (Option<String>, Option<String>) {
        let chains = self.log_weights.len();
        let remedy = format!(
            "Use more temperatures (now {}), which narrows the weights, or more chains (now {chains}).",
            self.temperatures
        );
        if self.log_weights.iter().any(|w| !w.is_finite()) {
            let found = "This log Z is meaningless: some annealing weights are not finite numbers. Check the machine's parameters.";
            return (Some(found.to_owned()), None);
        }
        // The mean of inverse weights has the heavier tail: what the reverse chains are worth at 18 % was seen a nat from ln Z.
        let (way, which, least) = match side {
            Side::Below => ("low", "", LEAST_SHARE),
            Side::Above => ("high", "reverse ", GOOD_SHARE),
        };
        let effective = effective_sample_size(self.log_weights);
        let worth = format!("the weights of {chains} {which}chains are worth only {effective:.1}");
        let found = if chains < 2 {
            "one chain gives no error bar".to_owned()
        } else if effective < least * chains as f64 {
            worth
        } else if !self.interval {
            "its error is as large as Z itself, so there is no lower end of the interval".to_owned()
        } else {
            let wide = effective < GOOD_SHARE * chains as f64;
            let caution = format!("Take this log Z with care, it may be too {way}: {worth}. {remedy}");
            return (None, wide.then_some(caution));
        };
        (Some(format!("This log Z is unreliable, and most likely too {way}: {found}. {remedy}")), None)
    }
}

/// (Σ w)² / Σ w²: how many equal weights would be as good; between 1 and their number.
pub fn effective_sample_size(log_weights: &[f64]) -> f64 {
    let doubled: Nats = log_weights.iter().map(|w| 2.0 * w).collect();
    (2.0 * log_sum_exp(log_weights) - log_sum_exp(&doubled)).exp()
}

/// Standard error of the mean weight over that mean, which is the standard error of its logarithm; none for one weight.
pub(super) fn relative_error(log_weights: &[f64]) -> Option<f64> {
    let count = log_weights.len() as f64;
    if count < 2.0 {
        return None;
    }
    let log_mean = log_mean_exp(log_weights);
    let squares: f64 = log_weights.iter().map(|w| ((w - log_mean).exp() - 1.0).powi(2)).sum();
    Some((squares / (count - 1.0) / count).sqrt())
}

/// How far independent binary units with the means `base` are from units with the means `rates` of the data: Σ_i KL(rate ‖ base), nats.
pub fn base_distance(rates: &[f64], base: &[f64]) -> f64 {
    let kept = |mean: f64| mean.clamp(LEAST_RATE, 1.0 - LEAST_RATE);
    let one = |(&rate, &base): (&f64, &f64)| {
        let (rate, base) = (kept(rate), kept(base));
        rate * (rate / base).ln() + (1.0 - rate) * ((1.0 - rate) / (1.0 - base)).ln()
    };
    rates.iter().zip(base).map(one).sum()
}

/// The same of independent normal units with the `precisions` of the machine: Σ_i (rate - base)² / 2σ², nats.
pub fn normal_distance(rates: &[f64], base: &[f64], precisions: &[f64]) -> f64 {
    let one = |((rate, base), precision): ((&f64, &f64), &f64)| (rate - base).powi(2) * precision / 2.0;
    rates.iter().zip(base).zip(precisions).map(one).sum()
}

/// A doubt where a base other than the data's rates is this many nats from them.
pub fn far_base(word: &str, distance: f64) -> Option<Doubt> {
    (distance > FAR_BASE).then(|| {
        Doubt::Unreliable(format!(
            "The base rates `{word}` are {distance:.0} nats from the rates of the data: chains that start there can all miss what \
             matters, and their weights agree all the same. Trust base rates of the data more, and a sandwich most."
        ))
    })
}

/// A doubt where another annealing run finds a larger ln Z than `value`, by more than three errors of both. A forward estimate is too
/// large by a nats with probability e^-a at most, so of two that contradict each other the larger is right.
pub fn contradicted(value: Bounded, by: Bounded, whose: &str) -> Option<Doubt> {
    let errors = value.error.unwrap_or(f64::INFINITY).hypot(by.error.unwrap_or(f64::INFINITY));
    let above = by.nats - value.nats;
    (above > 3.0 * errors).then(|| {
        Doubt::Unreliable(format!(
            "This log Z is wrong, and too low by about {above:.1} nats or more: annealing from {whose} finds {:.2}, above \
             its interval. All that is normalised by it comes out too high.",
            by.nats
        ))
    })
}
