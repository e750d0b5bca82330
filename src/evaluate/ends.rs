//! ln Z from above, from both sides, and by way of ln p(v).

use super::annealing::Path;
use super::doubt::{Doubt, Side, Weights, effective_sample_size, relative_error};
use super::partition::{LogPartition, Method};
use super::quantity::{Bounded, Guarantee};
use crate::math::{Nats, Result, bail, log_mean_exp, mean_of};
use serde::Serialize;

/// Where the states at β = 1 that reverse chains begin at come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Samples {
    /// Drawn from the machine itself, by enumeration.
    Exact,
    /// The ends of Gibbs chains of so many sweeps: samples of the machine as far as they have forgotten their start.
    Chains(usize),
}

/// What reverse chains did.
#[derive(Clone, Debug, Serialize)]
pub struct ReverseReport {
    /// Steps from β = 1 to β = 0.
    pub temperatures: usize,
    /// Independent chains.
    pub chains: usize,
    /// Of the inverse weights: how many equal ones would be as good.
    pub effective_sample_size: f64,
    /// ln w of each chain, nats.
    pub log_weights: Nats,
    /// ln Z_0 of the independent units at the end of the path, nats.
    pub log_base_partition: f64,
    /// ln Z_0 + mean ln w, nats, and its standard error: above ln Z on average, as far as the chains began at samples.
    pub stochastic_upper_bound: Bounded,
    /// Where the chains began.
    pub samples: Samples,
    /// Why the result is not to be trusted and what to do about it.
    pub unreliable: Option<String>,
    /// Why it is to be taken with care.
    pub caution: Option<String>,
}

/// What RAISE said of single examples.
#[derive(Clone, Debug, Serialize)]
pub struct RaiseReport {
    /// Steps from β = 1 to β = 0.
    pub temperatures: usize,
    /// Chains of each example.
    pub chains: usize,
    /// Of each example ln of the mean weight, nats: below ln p_raise(v) on average, which tends to ln p(v) as temperatures grow.
    pub log_probs: Nats,
    /// Mean of those, with the error of the chains.
    pub mean: Bounded,
    /// ln p̃(v) less that of each example, nats: what each says of ln Z.
    pub implied: Nats,
    /// Mean over examples of the share of the chains that the weights are worth.
    pub effective_share: f64,
}

/// Mean of log weights as a bound on average, and its standard error.
fn mean_bound(base: f64, log_weights: &[f64], guarantee: Guarantee) -> Bounded {
    let (mean, count) = (mean_of(log_weights), log_weights.len() as f64);
    let variance = log_weights.iter().map(|w| (w - mean).powi(2)).sum::<f64>() / (count - 1.0);
    Bounded { nats: base + mean, error: (count > 1.0).then(|| (variance / count).sqrt()), guarantee }
}

impl Samples {
    /// What an upper end promises that rests on such samples.
    pub fn guarantee(self) -> Guarantee {
        match self {
            Self::Exact => Guarantee::StochasticUpperBound,
            Self::Chains(_) => Guarantee::Approximation,
        }
    }
}

impl LogPartition {
    /// From ln w (nats) of reverse chains along `path`, given in its forward direction.
    pub fn from_reverse(path: &Path, log_weights: Nats, samples: Samples) -> Result<Self> {
        if log_weights.is_empty() {
            bail!("annealing takes at least one chain");
        }
        let base = path.log_base_partition()?;
        // E(1/w) = Z_0 / Z.
        let inverse: Nats = log_weights.iter().map(|w| -w).collect();
        let error = relative_error(&inverse);
        let interval = error.is_some_and(|error| 3.0 * error < 1.0);
        let judged = Weights { log_weights: &inverse, temperatures: path.temperatures(), interval };
        let (unreliable, caution) = judged.doubts(Side::Above);
        let report = ReverseReport {
            temperatures: path.temperatures(),
            chains: log_weights.len(),
            effective_sample_size: effective_sample_size(&inverse),
            log_base_partition: base,
            stochastic_upper_bound: mean_bound(base, &log_weights, samples.guarantee()),
            samples,
            unreliable,
            caution,
            log_weights,
        };
        let value = Bounded::estimate(base - log_mean_exp(&inverse), error);
        let mut found = Self { reverse: Some(report), ..Self::of(value, Method::Reverse) };
        if let Samples::Chains(sweeps) = samples {
            found.doubts.push(Doubt::Caution(format!(
                "The reverse chains begin at the ends of Gibbs chains of {sweeps} sweeps: what the sweeps have not reached is missing from \
                 this log Z, which then bounds nothing. Use more sweeps, and see that it stays."
            )));
        }
        Ok(found)
    }

    /// From forward and reverse chains along one path: the forward estimate, between an end below it and one above it on average.
    /// Warned of where the two are further apart than `widest` nats, or where they contradict each other.
    pub fn sandwich(forward: Self, reverse: Self, widest: f64) -> Self {
        let mut doubts = [forward.doubts, reverse.doubts].concat();
        let mut found =
            Self { ais: forward.ais, reverse: reverse.reverse, ..Self::of(forward.value, Method::Sandwich) };
        if let Some([lower, upper]) = found.ends() {
            let (width, value) = (upper.nats - lower.nats, found.value);
            let slack = |end: Bounded| 3.0 * end.error.unwrap_or(0.0);
            if width.is_nan() || width > widest {
                doubts.push(Doubt::Unreliable(format!(
                    "This log Z is known no better than to {width:.2} nats, the width of its sandwich; {widest} was asked for. Use more temperatures."
                )));
            }
            if value.nats > upper.nats + slack(upper) || lower.nats - slack(lower) > upper.nats + slack(upper) {
                doubts.push(Doubt::Unreliable(format!(
                    "Forward and reverse chains contradict each other: {:.2} nats by the one, at most {:.2} by the other. The samples at β = 1 \
                     miss a part of what the machine holds probable; use more sweeps.",
                    value.nats, upper.nats
                )));
            }
        }
        found.doubts = doubts;
        found
    }

    /// The ends below and above ln Z on average, where there are both; each is a mean of log weights.
    pub fn ends(&self) -> Option<[Bounded; 2]> {
        let (forward, reverse) = (self.ais.as_ref()?, self.reverse.as_ref()?);
        let lower = mean_bound(forward.log_base_partition, &forward.log_weights, Guarantee::StochasticLowerBound);
        Some([lower, reverse.stochastic_upper_bound])
    }

    /// From RAISE chains of examples whose ln p̃(v) is `log_evidence`, nats: ln w of every chain of every example, nats.
    pub fn from_raise(temperatures: usize, log_weights: &[Nats], log_evidence: &[f64]) -> Result<Self> {
        let chains = log_weights.first().map_or(0, Vec::len);
        if chains == 0 || log_weights.len() != log_evidence.len() {
            bail!("RAISE takes at least one chain for each of the examples");
        }
        let log_probs: Nats = log_weights.iter().map(|row| log_mean_exp(row)).collect();
        let errors = log_weights.iter().map(|row| relative_error(row)).collect::<Option<Nats>>();
        let count = log_probs.len() as f64;
        let error = errors.map(|errors| errors.iter().map(|error| error * error).sum::<f64>().sqrt() / count);
        let mean = Bounded { nats: mean_of(&log_probs), error, guarantee: Guarantee::StochasticLowerBound };
        let shares: Nats = log_weights.iter().map(|row| effective_sample_size(row) / chains as f64).collect();
        let implied: Nats = log_evidence.iter().zip(&log_probs).map(|(evidence, prob)| evidence - prob).collect();
        let report = RaiseReport { temperatures, chains, mean, effective_share: mean_of(&shares), implied, log_probs };
        // The error of the chains says nothing of how far the annealing run is from the machine.
        let value = Bounded::estimate(mean_of(&report.implied), None);
        let caution = format!(
            "RAISE bounds log p(v) of the annealing run, which tends to the machine's as temperatures grow (now {temperatures}); the error of \
             the log Z it implies is unknown. See that it stays with more temperatures, and hold it against a sandwich."
        );
        let mut found = Self { raise: Some(report), ..Self::of(value, Method::Raise) };
        found.doubts.push(Doubt::Caution(caution));
        Ok(found)
    }
}
