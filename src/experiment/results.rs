//! The comparison of inference schemes on one model: what `results.json`, `dbm eval` and the table at the end of a run hold.

use crate::evaluate::Guarantee;
use serde::{Deserialize, Serialize};

/// One model judged on one set of examples.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Results {
    /// Units per layer, visible first.
    pub sizes: Vec<usize>,
    /// What was judged on.
    pub data: String,
    /// How many examples.
    pub examples: usize,
    /// ln Z.
    pub log_partition: LogPartitionResult,
    /// Mean of ln p(v) over the examples, nats; only where the sum over hidden states is feasible.
    pub log_likelihood_nats_mean: Option<f64>,
    /// Whether the above is exact or, with an estimated ln Z, an estimate.
    pub log_likelihood_guarantee: Option<Guarantee>,
    /// One row per scheme, in the order asked for.
    pub schemes: Vec<SchemeResult>,
    /// ln p(v) of each example, nats; only where asked for.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub log_likelihood_nats: Option<Vec<f64>>,
    /// What the reader should know before trusting the numbers.
    #[serde(default)]
    pub warnings: Vec<String>,
}

/// ln Z and how far to trust it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LogPartitionResult {
    /// The value.
    pub nats: f64,
    /// Standard error; none where exact.
    pub error: Option<f64>,
    /// What the value promises.
    pub guarantee: Guarantee,
    /// `exact` or `ais`.
    pub method: String,
    /// Chains that the estimate is worth, of those run; none where exact.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub effective_chains: Option<f64>,
}

/// What one scheme does on the model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SchemeResult {
    /// The scheme's word.
    pub name: String,
    /// Mean ELBO over the examples, nats.
    pub elbo_nats_mean: f64,
    /// Standard error of that mean over the examples; the error of ln Z is not in it.
    pub elbo_nats_error: Option<f64>,
    /// What the ELBO promises: a bound minus an estimate of ln Z is an estimate.
    pub elbo_guarantee: Guarantee,
    /// Mean of E_q[ln p̃] + H(q), which needs no ln Z, nats.
    pub elbo_unnormalized_nats_mean: f64,
    /// How far the mean ELBO is below that of the best scheme, nats; ln Z cancels.
    pub gap_nats_mean: f64,
    /// Mean of KL(q ‖ p(h | v)), nats; only where enumeration is feasible.
    pub kl_nats_mean: Option<f64>,
    /// Mean absolute error of the hidden units' means; only where enumeration is feasible.
    pub marginal_error_mean: Option<f64>,
    /// Mean squared difference between pixels and their reconstruction from q.
    pub reconstruction_error_mean: f64,
    /// Mean number of sweeps.
    pub sweeps_mean: f64,
    /// Share of the examples that converged.
    pub converged_fraction: f64,
    /// Inference time per example, microseconds.
    pub time_us_per_example: f64,
    /// The same per example; only where asked for.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub per_example: Option<PerExample>,
}

/// Values of single examples, in the order of the data.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PerExample {
    /// ELBO, nats.
    pub elbo_nats: Vec<f64>,
    /// E_q[ln p̃] + H(q), nats.
    pub elbo_unnormalized_nats: Vec<f64>,
    /// KL(q ‖ p(h | v)), nats.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub kl_nats: Option<Vec<f64>>,
    /// Mean absolute error of the hidden units' means.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub marginal_error: Option<Vec<f64>>,
    /// Mean squared difference between pixels and their reconstruction.
    pub reconstruction_error: Vec<f64>,
    /// Sweeps made.
    pub sweeps: Vec<u32>,
    /// Whether the last sweep changed no mean by the tolerance or more.
    pub converged: Vec<bool>,
}
