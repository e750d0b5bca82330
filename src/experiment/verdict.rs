//! From what was found of a model and its schemes to results that say how far to trust them.

use super::judge::Request;
use super::presented::Presented;
use super::results::{LogPartitionResult, PerExample, RaiseResult, Results, SchemeResult};
use crate::evaluate::{Assessment, Bounded, Doubt, Guarantee, LogPartition, Method, Samples, error_percent};
use crate::math::{DType, Nats, mean_of};

/// Said of examples that are no states of binary units.
const GREY: &str = "Some values are neither 0 nor 1: they enter the formulas as they are, so the numbers are no log-probabilities \
                    of a binary model. Binarise the data for those.";
/// Said of numbers that rounding has eaten.
const COARSE: &str = "The numbers are too large for their precision, or no numbers at all: nothing they seem to promise holds. The \
                      model has most likely diverged.";

/// Said of a number that stands in the place of a bound and is none.
const NO_BOUND: &str = "The free energy of `tap` approximates log p(v) from either side and belongs to no q: it is no bound, has no KL, \
                        and is not the best of the gaps.";

/// Everything found, before it is put into words.
pub struct Verdict<'a> {
    /// The kind of model in the user's words; none of a deep Boltzmann machine.
    pub kind: Option<&'static str>,
    /// Units per layer, visible first.
    pub sizes: Vec<usize>,
    /// Precision of the model.
    pub dtype: DType,
    /// What was asked for.
    pub request: &'a Request<'a>,
    /// The examples.
    pub presented: Presented,
    /// ln Z.
    pub log_partition: LogPartition,
    /// ln p̃(v) of each example, nats, where it is known exactly.
    pub evidence: Option<Nats>,
    /// Whether the model is one of binary examples.
    pub binary: bool,
    /// Of each scheme asked for.
    pub assessments: Vec<Assessment>,
    /// The classes of the examples, where they are known and the model has label units.
    pub labels: Option<Labels>,
}

/// The classes of the examples.
pub struct Labels {
    /// As the data have them.
    pub given: Vec<u32>,
    /// The likeliest by the exact p(label | v), where that has a closed form.
    pub exact: Option<Vec<u32>>,
}

impl Verdict<'_> {
    /// The comparison, with what each of its numbers promises.
    pub fn results(mut self) -> Results {
        let (mut warnings, mut cautions) = doubts(&self.log_partition);
        let named = self.request.schemes.iter().zip(&self.assessments);
        cautions
            .extend(named.filter_map(|((name, scheme), assessment)| few_samples(name, scheme.samples(), assessment)));
        let resolved = |nats| resolved(nats, self.dtype);
        let coarse = !self.assessments.iter().all(|a| resolved(a.elbo_unnormalized().mean));
        if !resolved(self.log_partition.value.nats) {
            self.log_partition.value.guarantee = Guarantee::Approximation;
        }
        let coarse = coarse || self.log_partition.value.guarantee == Guarantee::Approximation;
        warnings.extend(self.grey().then(|| GREY.into()));
        warnings.extend(coarse.then(|| COARSE.into()));
        warnings.extend(self.assessments.iter().any(is_no_bound).then(|| NO_BOUND.into()));
        let loose = coarse || self.grey();
        let log_partition = self.log_partition.value;
        let likelihood = self.evidence.as_ref().map(|evidence| Bounded::exact(mean_of(evidence)) - log_partition);
        let each = |evidence: &Vec<f64>| evidence.iter().map(|nats| nats - log_partition.nats).collect();
        Results {
            kind: self.kind.map(String::from),
            sizes: self.sizes.clone(),
            model: None,
            data: self.request.data.to_string(),
            examples: self.presented.examples,
            examples_sha256: self.presented.sha256.clone(),
            log_partition: summary(&self.log_partition, self.request.per_example),
            log_likelihood_nats_mean: likelihood.map(|likelihood| likelihood.nats),
            log_likelihood_guarantee: likelihood.map(|likelihood| weakened(likelihood.guarantee, loose)),
            classification: None,
            label_error_percent: self.labels.as_ref().and_then(|labels| labels.error_percent(labels.exact.as_ref())),
            log_likelihood_nats: self.evidence.as_ref().filter(|_| self.request.per_example).map(each),
            schemes: self.rows(coarse),
            warnings,
            cautions,
        }
    }

    /// Whether the examples are no states of a model that has only states.
    fn grey(&self) -> bool {
        self.binary && !self.presented.binary
    }

    fn rows(&self, coarse: bool) -> Vec<SchemeResult> {
        // A number that is none must not pass for the largest.
        let mean = |assessment: &Assessment| assessment.elbo_unnormalized().mean;
        let numbers = self.assessments.iter().filter(|one| !mean(one).is_nan() && !is_no_bound(one));
        let best = numbers.max_by(|a, b| mean(a).total_cmp(&mean(b)));
        let named = self.request.schemes.iter().zip(&self.assessments);
        named.map(|((name, _), assessment)| self.row(name, assessment, best.unwrap_or(assessment), coarse)).collect()
    }

    fn row(&self, name: &str, assessment: &Assessment, best: &Assessment, coarse: bool) -> SchemeResult {
        let loose = coarse || self.grey();
        let log_partition = self.log_partition.value;
        let unnormalized = assessment.elbo_unnormalized();
        let elbo = assessment.elbo(log_partition);
        let gap = assessment.gap_to(best);
        let kl = assessment.kl();
        let normalized = |nats: &f64| nats - log_partition.nats;
        SchemeResult {
            name: name.to_string(),
            elbo_nats_mean: elbo.nats,
            elbo_nats_error: unnormalized.standard_error,
            elbo_guarantee: weakened(elbo.guarantee, loose),
            elbo_unnormalized_nats_mean: unnormalized.mean,
            gap_nats_mean: gap.mean,
            gap_nats_error: gap.standard_error,
            gap_guarantee: weakened(difference([assessment, best]), coarse || is_no_bound(assessment)),
            kl_nats_mean: kl.map(|kl| kl.mean),
            kl_guarantee: kl.map(|_| weakened(difference([assessment]), loose)),
            marginal_error_mean: assessment.marginal_error().map(|error| error.mean),
            reconstruction_error_mean: assessment.reconstruction_error().mean,
            sweeps_mean: assessment.sweeps().mean,
            converged_fraction: assessment.converged_fraction(),
            effective_samples_mean: assessment.effective_samples.as_deref().map(mean_of),
            time_us_per_example: assessment.time_us_per_example(),
            objective: None,
            label_error_percent: self
                .labels
                .as_ref()
                .and_then(|labels| labels.error_percent(assessment.labels.as_ref())),
            per_example: self.request.per_example.then(|| PerExample {
                elbo_nats: assessment.elbos_unnormalized.iter().map(normalized).collect(),
                elbo_unnormalized_nats: assessment.elbos_unnormalized.clone(),
                kl_nats: assessment.kl.clone(),
                marginal_error: assessment.marginal_errors.clone(),
                reconstruction_error: assessment.reconstruction_errors.clone(),
                sweeps: assessment.sweeps.clone(),
                converged: assessment.converged.clone(),
                effective_samples: assessment.effective_samples.clone(),
            }),
        }
    }
}

impl Labels {
    fn error_percent(&self, found: Option<&Vec<u32>>) -> Option<f64> {
        error_percent(found?, &self.given)
    }
}

/// What the difference of bounds, or of a bound and the evidence, promises.
fn difference<const N: usize>(of: [&Assessment; N]) -> Guarantee {
    let sampled = of.iter().any(|assessment| assessment.guarantee == Guarantee::StochasticLowerBound);
    if sampled { Guarantee::Estimate } else { Guarantee::Exact }
}

/// Whether what stands in the place of the bound approximates the evidence from either side.
fn is_no_bound(assessment: &Assessment) -> bool {
    assessment.guarantee == Guarantee::Approximation
}

/// Nothing is promised of numbers that are no log-probabilities or have lost their digits.
fn weakened(guarantee: Guarantee, loose: bool) -> Guarantee {
    if loose { Guarantee::Approximation } else { guarantee }
}

/// Whether a number of this size is known to a tenth of a nat.
fn resolved(nats: f64, dtype: DType) -> bool {
    let spacing = if dtype == DType::F64 { f64::EPSILON } else { f64::from(f32::EPSILON) };
    nats.is_finite() && nats.abs() * spacing < 0.1
}

/// What speaks against ln Z: that it is not to be trusted, and what is to be kept in mind.
fn doubts(log_partition: &LogPartition) -> (Vec<String>, Vec<String>) {
    let (mut warnings, mut cautions) = (Vec::new(), Vec::new());
    for doubt in log_partition.all_doubts() {
        match doubt {
            Doubt::Unreliable(text) => warnings.push(text),
            Doubt::Caution(text) => cautions.push(text),
        }
    }
    (warnings, cautions)
}

/// Said where weighted samples are worth fewer than this.
const FEW_SAMPLES: f64 = 10.0;

/// A caution where the weights of a few samples decide over many examples.
fn few_samples(name: &str, samples: usize, assessment: &Assessment) -> Option<String> {
    let effective = assessment.effective_samples.as_ref()?;
    let least = FEW_SAMPLES.min(samples as f64 / 2.0);
    let few = effective.iter().filter(|&&effective| effective < least).count();
    (2 * few > effective.len()).then(|| {
        format!(
            "The samples of `{name}` are worth fewer than {least} on {few} of {} examples: its numbers are below log p(v) on \
             average all the same, and perhaps by much.",
            effective.len()
        )
    })
}

fn summary(log_partition: &LogPartition, per_example: bool) -> LogPartitionResult {
    let LogPartition { value, method, ais, reverse, raise, .. } = log_partition;
    let known = |nats: f64| Some(nats).filter(|nats| nats.is_finite());
    let ends = log_partition.ends();
    let [lower, upper] = match (ends, ais, value.error) {
        (Some([lower, upper]), ..) => [known(lower.nats), known(upper.nats)],
        (None, Some(report), _) => [report.lower, known(report.upper)],
        (None, None, Some(error)) => [known(value.nats - 3.0 * error), known(value.nats + 3.0 * error)],
        // The interval of an exact number is the number; that of one without an error is unknown.
        (None, None, None) => [known(value.nats).filter(|_| *method == Method::Exact); 2],
    };
    LogPartitionResult {
        nats: value.nats,
        error: value.error,
        lower,
        upper,
        stochastic_lower_bound: ais.as_ref().and_then(|report| known(report.stochastic_lower_bound)),
        stochastic_upper_bound: reverse.as_ref().and_then(|report| known(report.stochastic_upper_bound.nats)),
        upper_guarantee: reverse.as_ref().map(|report| report.stochastic_upper_bound.guarantee),
        width: ends.map(|[lower, upper]| upper.nats - lower.nats),
        guarantee: value.guarantee,
        method: method.word().into(),
        effective_chains: ais.as_ref().map(|report| report.effective_sample_size),
        effective_reverse_chains: reverse.as_ref().map(|report| report.effective_sample_size),
        samples: reverse.as_ref().map(|report| match report.samples {
            Samples::Exact => "exact".into(),
            Samples::Chains(sweeps) => format!("chains of {sweeps} sweeps"),
        }),
        raise: raise.as_ref().map(|report| RaiseResult {
            examples: report.log_probs.len(),
            log_likelihood_nats_mean: report.mean.nats,
            error: report.mean.error,
            guarantee: report.mean.guarantee,
            effective_share: report.effective_share,
            log_likelihood_nats: per_example.then(|| report.log_probs.clone()),
        }),
    }
}
