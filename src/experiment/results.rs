//! The comparison of inference schemes on one model: what `results.json`, `dbm eval` and the table at the end of a run hold.

use crate::evaluate::Guarantee;
use serde::{Deserialize, Deserializer, Serialize};
use std::path::PathBuf;

/// One model judged on one set of examples.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Results {
    /// The kind of model; none of a deep Boltzmann machine. Other kinds are normalised: their ln Z is 0.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub kind: Option<String>,
    /// Units per layer, visible first.
    pub sizes: Vec<usize>,
    /// The file the model was read from; none at the end of a run, which has it at hand.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub model: Option<JudgedFile>,
    /// What was judged on.
    pub data: String,
    /// How many examples.
    pub examples: usize,
    /// Identity of the examples: SHA-256 of their shape and values as presented, whatever the precision of the model.
    pub examples_sha256: String,
    /// ln Z.
    pub log_partition: LogPartitionResult,
    /// Mean of ln p(v) over the examples, nats; only where the sum over hidden states is little work or asked for.
    pub log_likelihood_nats_mean: Option<f64>,
    /// Whether the above is exact or, with an estimated ln Z, an estimate.
    pub log_likelihood_guarantee: Option<Guarantee>,
    /// Share of the examples whose likeliest class by the exact p(label | v) is not their label, percent; only of machines with one
    /// hidden layer below label units, and examples with labels.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub label_error_percent: Option<f64>,
    /// One row per scheme, in the order asked for.
    pub schemes: Vec<SchemeResult>,
    /// How often the fine-tuned net is wrong; none of a run without fine-tuning.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub classification: Option<Classification>,
    /// ln p(v) of each example, nats; only where asked for.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub log_likelihood_nats: Option<Vec<f64>>,
    /// What the reader should know before trusting the numbers.
    #[serde(default)]
    pub warnings: Vec<String>,
    /// What to keep in mind about numbers that may well be right.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub cautions: Vec<String>,
}

/// How often a fine-tuned net names another class than the right one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Classification {
    /// Wrong names of test examples, in percent.
    pub error_percent: f64,
    /// Standard error of that share over test sets, binomial.
    pub error_percent_error: f64,
    /// Test examples with a wrong name.
    pub wrong: usize,
    /// Test examples.
    pub examples: usize,
    /// Mean of -ln p(class | v) over the test examples, nats; none where one has a class that no training example has.
    pub cross_entropy_nats_mean: Option<f64>,
    /// Wrong names of training examples, in percent.
    pub training_error_percent: f64,
    /// Training examples with a wrong name.
    pub training_wrong: usize,
    /// Training examples.
    pub training_examples: usize,
    /// Mean of -ln p(class | v) over the training examples, nats.
    pub training_cross_entropy_nats_mean: f64,
    /// The scheme that found q(h | v), whose means the net reads.
    pub posterior: String,
    /// `grey` or `binarized`: what net and inference saw of an example.
    pub inputs: String,
    /// Test examples of each class (row) that were given each name (column).
    pub confusion: Vec<Vec<usize>>,
}

/// Which model was judged.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct JudgedFile {
    /// The file.
    pub file: PathBuf,
    /// Updates behind it, over all stages; none of a file that is no checkpoint.
    pub step: Option<u64>,
}

/// ln Z and how far to trust it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LogPartitionResult {
    /// The value.
    #[serde(deserialize_with = "number")]
    pub nats: f64,
    /// Standard error; none where exact.
    pub error: Option<f64>,
    /// Lower end of the interval of three standard errors, which is not symmetric; none where the error is as large as Z itself. The
    /// value where exact, the lower end of a sandwich.
    pub lower: Option<f64>,
    /// Upper end of that interval; none where the error is unknown. The upper end of a sandwich.
    pub upper: Option<f64>,
    /// Below ln Z on average: the mean of the logarithms that AIS averages. None where exact.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub stochastic_lower_bound: Option<f64>,
    /// Above ln Z on average, as far as the reverse chains began at samples of the machine: the mean of their log weights.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub stochastic_upper_bound: Option<f64>,
    /// What the above promises.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub upper_guarantee: Option<Guarantee>,
    /// Of a sandwich: how far its ends are apart.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub width: Option<f64>,
    /// What the value promises.
    pub guarantee: Guarantee,
    /// `exact`, `ais`, `reverse`, `raise` or `sandwich`.
    pub method: String,
    /// Chains that the estimate is worth, of those run; none where exact.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub effective_chains: Option<f64>,
    /// The same of reverse chains.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub effective_reverse_chains: Option<f64>,
    /// Where reverse chains began: `exact` samples, or the ends of `chains` of so many sweeps.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub samples: Option<String>,
    /// What RAISE said of single examples.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub raise: Option<RaiseResult>,
}

/// Bounds of ln p(v) by reverse chains that begin at the examples.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RaiseResult {
    /// Examples.
    pub examples: usize,
    /// Mean over them of ln of the mean weight, nats.
    pub log_likelihood_nats_mean: f64,
    /// Its standard error over the chains.
    pub error: Option<f64>,
    /// What it promises of ln p_raise(v), the probability of v under the annealing run as a generative model, which tends to p(v) as
    /// temperatures grow.
    pub guarantee: Guarantee,
    /// Share of the chains that the weights of an example are worth, mean over examples.
    pub effective_share: f64,
    /// Of each example, nats; only where asked for.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub log_likelihood_nats: Option<Vec<f64>>,
}

/// What one scheme does on the model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SchemeResult {
    /// The scheme's word.
    pub name: String,
    /// Mean ELBO over the examples, nats.
    #[serde(deserialize_with = "number")]
    pub elbo_nats_mean: f64,
    /// Standard error of that mean over the examples; the error of ln Z is not in it.
    pub elbo_nats_error: Option<f64>,
    /// What the ELBO promises: a bound minus an estimate of ln Z is an estimate.
    pub elbo_guarantee: Guarantee,
    /// Mean of E_q[ln p̃] + H(q), which needs no ln Z, nats.
    #[serde(deserialize_with = "number")]
    pub elbo_unnormalized_nats_mean: f64,
    /// How far the mean ELBO is below that of the best scheme, nats; ln Z cancels.
    #[serde(deserialize_with = "number")]
    pub gap_nats_mean: f64,
    /// Standard error of that difference over the examples, paired.
    pub gap_nats_error: Option<f64>,
    /// What the gap promises: it needs neither ln Z nor binary examples, but numbers that have kept their digits.
    pub gap_guarantee: Guarantee,
    /// Mean of KL(q ‖ p(h | v)), nats; only where enumeration is little work or asked for.
    pub kl_nats_mean: Option<f64>,
    /// What the KL promises: it needs no ln Z, but binary examples.
    pub kl_guarantee: Option<Guarantee>,
    /// Mean absolute error of the hidden units' means; only where enumeration is little work or asked for.
    pub marginal_error_mean: Option<f64>,
    /// Mean squared difference between pixels and their reconstruction from q.
    #[serde(deserialize_with = "number")]
    pub reconstruction_error_mean: f64,
    /// Mean number of sweeps.
    pub sweeps_mean: f64,
    /// Share of the examples that converged; none of a scheme without a tolerance.
    pub converged_fraction: Option<f64>,
    /// Equally weighted samples that the weighted ones of an example are worth, mean over examples; none of a scheme that weighs none.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub effective_samples_mean: Option<f64>,
    /// Inference time per example, microseconds: of a machine the median over blocks of at most 1000 examples, after a warm-up.
    pub time_us_per_example: f64,
    /// Share of the examples whose likeliest class under q is not their label, percent; only of machines with label units, and examples
    /// with labels.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub label_error_percent: Option<f64>,
    /// Of a scheme that finds most probable codes: what they cost, and how much less any codes might.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub objective: Option<ObjectiveResult>,
    /// The same per example; only where asked for.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub per_example: Option<PerExample>,
}

impl SchemeResult {
    /// What a better model has more of: the ELBO, or less of the objective.
    pub fn score(&self) -> f64 {
        self.objective.as_ref().map_or(self.elbo_nats_mean, |objective| -objective.mean)
    }
}

/// The objective that most probable codes minimise, and the certificate of their solver.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ObjectiveResult {
    /// Mean over examples of λ ‖h‖₁ + (β/2) ‖v - W h‖², which is -ln p(v, h) but for a constant, nats.
    pub mean: f64,
    /// Standard error of that mean over the examples.
    pub error: Option<f64>,
    /// Mean of how far the objective may be above its minimum, nats.
    pub duality_gap_mean: f64,
    /// The largest of them.
    pub duality_gap_largest: f64,
    /// Share of the codes that are not zero.
    pub active_fraction_mean: f64,
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
    /// Equally weighted samples that the weighted ones are worth; none of a scheme that weighs none.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub effective_samples: Option<Vec<f64>>,
    /// Whether the last sweep changed no mean by the tolerance or more; none of a scheme without a tolerance.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub converged: Option<Vec<bool>>,
}

/// JSON has no word for a number that is none: it is written as `null` and read back as such a number.
fn number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
    Ok(Option::<f64>::deserialize(deserializer)?.unwrap_or(f64::NAN))
}
