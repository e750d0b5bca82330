//! ln Z: exact where one half of alternate layers can be enumerated, estimated by annealed importance sampling elsewhere.

use super::annealing::{Annealing, Path};
use super::doubt::{Doubt, Side, Weights, effective_sample_size, relative_error};
use super::ends::{RaiseReport, ReverseReport};
use super::quantity::Bounded;
use crate::math::{Nats, Result, Stream, Tensor, bail, log_mean_exp, log_sum_exp, mean_of};
use crate::models::{Dbm, LatentModel, Stack};
use serde::Serialize;

/// ln Z, and how it was found.
#[derive(Clone, Debug, Serialize)]
pub struct LogPartition {
    /// ln Z.
    pub value: Bounded,
    /// How it was found.
    pub method: Method,
    /// What forward chains did.
    pub ais: Option<AisReport>,
    /// What reverse chains did.
    pub reverse: Option<ReverseReport>,
    /// What RAISE said of single examples.
    pub raise: Option<RaiseReport>,
    /// What speaks against the value, beside the weights of its chains.
    pub doubts: Vec<Doubt>,
}

/// A way to find ln Z.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// Enumeration.
    Exact,
    /// Annealed importance sampling (Neal 2001).
    Ais,
    /// Chains from samples of the machine back to the base.
    Reverse,
    /// ln p̃(v) less a bound of ln p(v) by reverse chains from v (Burda, Grosse & Salakhutdinov 2015).
    Raise,
    /// Forward and reverse chains.
    Sandwich,
}

impl Method {
    /// The word for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Exact => "exact",
            Self::Ais => "ais",
            Self::Reverse => "reverse",
            Self::Raise => "raise",
            Self::Sandwich => "sandwich",
        }
    }
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
    /// Why it is to be taken with care.
    pub caution: Option<String>,
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
        LogPartition::exact(log_sum_exp(&self.log_sums))
    }
}

/// ln Z by annealed importance sampling (Salakhutdinov & Murray 2008).
pub fn ais(dbm: &Dbm, settings: &Annealing, stream: Stream) -> Result<LogPartition> {
    let path = Path::new(dbm, settings)?;
    let chains = path.advance(path.start(settings.chains, stream)?, path.temperatures())?;
    LogPartition::from_log_weights(&path, chains.log_weights)
}

impl LogPartition {
    /// Known up to round-off, nats.
    pub fn exact(nats: f64) -> Self {
        Self::of(Bounded::exact(nats), Method::Exact)
    }

    pub(super) fn of(value: Bounded, method: Method) -> Self {
        Self { value, method, ais: None, reverse: None, raise: None, doubts: Vec::new() }
    }

    /// From the log weights (nats) of chains that have arrived at the end of `path`; parts may be concatenated.
    pub fn from_log_weights(path: &Path, log_weights: Nats) -> Result<Self> {
        if log_weights.is_empty() {
            bail!("annealing takes at least one chain");
        }
        let chains = log_weights.len();
        let log_base_partition = path.log_base_partition()?;
        let nats = log_base_partition + log_mean_exp(&log_weights);
        let error = relative_error(&log_weights);
        let lower = error.filter(|error| 3.0 * error < 1.0).map(|error| nats + (-3.0 * error).ln_1p());
        let effective_sample_size = effective_sample_size(&log_weights);
        let judged =
            Weights { log_weights: &log_weights, temperatures: path.temperatures(), interval: lower.is_some() };
        let (unreliable, caution) = judged.doubts(Side::Below);
        let report = AisReport {
            temperatures: path.temperatures(),
            chains,
            effective_sample_size,
            log_base_partition,
            stochastic_lower_bound: log_base_partition + mean_of(&log_weights),
            lower,
            upper: nats + (3.0 * error.unwrap_or(f64::INFINITY)).ln_1p(),
            log_weights,
            unreliable,
            caution,
        };
        Ok(Self { ais: Some(report), ..Self::of(Bounded::estimate(nats, error), Method::Ais) })
    }

    /// Every doubt there is: of the weights of its chains, and of what they were held against.
    pub fn all_doubts(&self) -> Vec<Doubt> {
        let of = |unreliable: &Option<String>, caution: &Option<String>| {
            let unreliable = unreliable.iter().cloned().map(Doubt::Unreliable);
            unreliable.chain(caution.iter().cloned().map(Doubt::Caution)).collect::<Vec<_>>()
        };
        let forward = self.ais.iter().flat_map(|report| of(&report.unreliable, &report.caution));
        let reverse = self.reverse.iter().flat_map(|report| of(&report.unreliable, &report.caution));
        forward.chain(reverse).chain(self.doubts.iter().cloned()).collect()
    }
}
