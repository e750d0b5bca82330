//! Settings of the schemes that weigh samples of a q.

use super::choice;
use serde::{Deserialize, Serialize};

/// The bound ln 1/K Σ_k p(v, h_k) / q(h_k | v) of K samples (Burda, Grosse and Salakhutdinov 2016). Of a deep Boltzmann machine p is
/// unnormalised, and the odd hidden layers are summed out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Importance {
    /// Samples K under the logarithm.
    pub particles: usize,
    /// The q of a deep Boltzmann machine that is sampled.
    #[serde(deserialize_with = "choice::word")]
    pub proposal: Proposal,
}

impl Default for Importance {
    fn default() -> Self {
        Self { particles: 100, proposal: Proposal::default() }
    }
}

/// A q of a deep Boltzmann machine that can be sampled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Proposal {
    /// That of converged mean field.
    #[default]
    MeanField,
    /// That of the inference network.
    Network,
}

/// Chains from a q to the true posterior of each example.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AnnealedPosterior {
    /// Intermediate distributions between q and the posterior.
    pub temperatures: usize,
    /// Chains of each example.
    pub chains: usize,
    /// The q they start from.
    #[serde(deserialize_with = "choice::word")]
    pub proposal: Proposal,
}

impl Default for AnnealedPosterior {
    fn default() -> Self {
        Self { temperatures: 1000, chains: 10, proposal: Proposal::default() }
    }
}
