//! ln Z: exact where one half of alternate layers can be enumerated, estimated by annealed importance sampling elsewhere.

use super::annealing::{Annealing, Path};
use super::quantity::Bounded;
use crate::math::{Nats, Result, Stream, Tensor, bail, log_mean_exp, log_sum_exp, mean_of};
use crate::models::{Dbm, LatentModel, Stack};
use serde::Serialize;

/// Weights worth a smaller share of the chains than this are not trusted: log weights then spread over about 1.5 nats, and a
/// mean over so few dominant ones says little about those that were missed.
const LEAST_SHARE: f64 = 0.1;

/// ln Z, and how it was found.
#[derive(Clone, Debug, Serialize)]
pub struct LogPartition {
    /// ln Z.
    pub value: Bounded,
    /// How it was found.
    pub method: Method,
    /// What annealing did.
    pub ais: Option<AisReport>,
}

/// A way to find ln Z.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// Enumeration.
    Exact,
    /// Annealed importance sampling (Neal 2001).
    Ais,
}

/// What annealing did.
#[derive(Clone, Debug, Serialize)]
pub struct AisReport {
    /// Steps from β = 0 to β = 1.
    pub temperatures: usize,
    /// Independent chains.
    pub chains: usize,
    /// (Σ w)² / Σ w²: how many equal weights would be as good.
    pub effective_sample_size: f64,
    /// ln w of each chain, nats.
    pub log_weights: Nats,
    /// ln Z_0 of the independent units the path starts from, nats.
    pub log_base_partition: f64,
    /// ln Z_0 + mean ln w, nats: below ln Z on average.
    pub stochastic_lower_bound: f64,
    /// ln (Ẑ - 3 standard errors), nats; none where that is not positive.
    pub lower: Option<f64>,
    /// ln (Ẑ + 3 standard errors), nats.
    pub upper: f64,
    /// Why the result is not to be trusted and what to do about it.
    pub unreliable: Option<String>,
}

/// log2 of the number of states an exact ln Z runs through.
pub fn bits(dbm: &Dbm) -> Result<f64> {
    dbm.free()?.enumeration_bits()
}

/// log2 of the number of states that the exact posterior of one example runs through.
pub fn posterior_bits(dbm: &Dbm) -> Result<f64> {
    let any = Tensor::zeros((1, dbm.sizes()[0]), dbm.dtype(), dbm.device())?;
    dbm.clamp(&any)?.enumeration_bits()
}

/// ln Z by summing over one half of alternate layers, the other summed out. Fails above 2^`max_bits` states.
pub fn exact(dbm: &Dbm, max_bits: f64) -> Result<LogPartition> {
    let mut sum = ExactSum::new(dbm, max_bits)?;
    while sum.chunks_done() < sum.chunks() {
        sum.advance()?;
    }
    Ok(sum.finish())
}

/// An exact ln Z under way: the sum of [`exact`], chunk by chunk of the states.
#[derive(Clone, Debug)]
pub struct ExactSum {
    stack: Stack,
    chunks: u64,
    log_sums: Nats,
}

impl ExactSum {
    /// A sum of nothing yet. Fails above 2^`max_bits` states.
    pub fn new(dbm: &Dbm, max_bits: f64) -> Result<Self> {
        let stack = dbm.free()?;
        Ok(Self { chunks: stack.enumeration_chunks(max_bits)?, stack, log_sums: Nats::new() })
    }

    /// Chunks in all.
    pub fn chunks(&self) -> u64 {
        self.chunks
    }

    /// Chunks summed.
    pub fn chunks_done(&self) -> u64 {
        self.log_sums.len() as u64
    }

    /// Sums one chunk more.
    pub fn advance(&mut self) -> Result<()> {
        self.log_sums.extend(self.stack.log_partition_of_chunk(self.chunks_done())?);
        Ok(())
    }

    /// ln Z, once all chunks are summed.
    pub fn finish(self) -> LogPartition {
        LogPartition { value: Bounded::exact(log_sum_exp(&self.log_sums)), method: Method::Exact, ais: None }
    }
}

/// ln Z by annealed importance sampling (Salakhutdinov & Murray 2008).
pub fn ais(dbm: &Dbm, settings: &Annealing, stream: Stream) -> Result<LogPartition> {
    let path = Path::new(dbm, settings)?;
    let chains = path.advance(path.start(settings.chains, stream)?, path.temperatures())?;
    LogPartition::from_log_weights(&path, chains.log_weights)
}

impl LogPartition {
    /// From the log weights (nats) of chains that have arrived at the end of `path`; parts may be concatenated.
    pub fn from_log_weights(path: &Path, log_weights: Nats) -> Result<Self> {
        if log_weights.is_empty() {
            bail!("annealing takes at least one chain");
        }
        let chains = log_weights.len();
        let log_base_partition = path.log_base_partition()?;
        let nats = log_base_partition + log_mean_exp(&log_weights);
        let error = relative_error(&log_weights);
        let doubled: Nats = log_weights.iter().map(|w| 2.0 * w).collect();
        let mut report = AisReport {
            temperatures: path.temperatures(),
            chains,
            effective_sample_size: (2.0 * log_sum_exp(&log_weights) - log_sum_exp(&doubled)).exp(),
            log_base_partition,
            stochastic_lower_bound: log_base_partition + mean_of(&log_weights),
            lower: error.filter(|error| 3.0 * error < 1.0).map(|error| nats + (-3.0 * error).ln_1p()),
            upper: nats + (3.0 * error.unwrap_or(f64::INFINITY)).ln_1p(),
            log_weights,
            unreliable: None,
        };
        report.unreliable = report.doubt();
        Ok(Self { value: Bounded::estimate(nats, error), method: Method::Ais, ais: Some(report) })
    }
}

impl AisReport {
    /// Why the weights are not to be trusted, in the words of the user.
    fn doubt(&self) -> Option<String> {
        let remedy = format!(
            "Use more temperatures (now {}), which narrows the weights, or more chains (now {}).",
            self.temperatures, self.chains
        );
        let found = if self.log_weights.iter().any(|w| !w.is_finite()) {
            return Some(
                "This log Z is meaningless: some annealing weights are not finite numbers. Check the machine's parameters."
                    .to_owned(),
            );
        } else if self.chains < 2 {
            "one chain gives no error bar".to_owned()
        } else if self.effective_sample_size < LEAST_SHARE * self.chains as f64 {
            format!("the weights of {} chains are worth only {:.1}", self.chains, self.effective_sample_size)
        } else if self.lower.is_none() {
            "its error is as large as Z itself, so there is no lower end of the interval".to_owned()
        } else {
            return None;
        };
        Some(format!("This log Z is unreliable, and most likely too low: {found}. {remedy}"))
    }
}

/// Standard error of the mean weight over that mean, which is the standard error of its logarithm; none for one weight.
fn relative_error(log_weights: &[f64]) -> Option<f64> {
    let count = log_weights.len() as f64;
    if count < 2.0 {
        return None;
    }
    let log_mean = log_mean_exp(log_weights);
    let squares: f64 = log_weights.iter().map(|w| ((w - log_mean).exp() - 1.0).powi(2)).sum();
    Some((squares / (count - 1.0) / count).sqrt())
}
