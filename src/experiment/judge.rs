//! Judges inference schemes on one model: log Z once, exact answers where feasible, then each scheme on the same examples.

use super::config::{self, Exact as ExactScheme, ExactPartition, LogPartition as Wanted, Scheme, memory};
use super::results::{LogPartitionResult, PerExample, Results, SchemeResult};
use super::{Chosen, Error, Result, clock, setup};
use crate::evaluate::{
    self, Annealing, Assess, Assessment, Bounded, Guarantee, LogPartition, Method, Reference, Spacing, Yardstick,
};
use crate::inference::{Inference, Network};
use crate::math::{DType, Device, Stream, Tensor, host, mean_of};
use crate::models::{Dbm, LatentModel};

/// Exact sums this small are taken without being asked for.
const AUTO_BITS: f64 = 20.0;
/// log2 of the most table entries, over all examples or over all units, that exact reference answers may take.
const REFERENCE_BITS: f64 = 26.0;

/// Examples inferred once before the clock starts.
const WARM_UP: usize = 100;

/// Said of examples that are no states of binary units.
const GREY: &str = "Some values are neither 0 nor 1: they enter the formulas as they are, so the numbers are no log-probabilities \
                    of a binary model. Binarise the data for those.";
/// Said of numbers that rounding has eaten.
const COARSE: &str = "The numbers are too large for their precision, or no numbers at all: nothing they seem to promise holds. The \
                      model has most likely diverged.";

/// What to judge, and how.
#[derive(Clone, Debug)]
pub struct Request<'a> {
    /// The name of the data in the results.
    pub data: &'a str,
    /// Schemes with the names they are shown under.
    pub schemes: Vec<(String, Scheme)>,
    /// How ln Z is found.
    pub log_partition: Wanted,
    /// Mean of each visible unit in the data, for AIS base rates; without it AIS starts from zero biases.
    pub visible_means: Option<Vec<f64>>,
    /// Keep the values of single examples.
    pub per_example: bool,
}

/// Called between pieces of the work; an error stops it.
pub type Watch<'a> = dyn FnMut(Portion<'_>) -> Result<()> + 'a;

/// How far a piece of the work is.
#[derive(Clone, Copy, Debug)]
pub struct Portion<'a> {
    /// What is being done, in the user's words.
    pub what: &'a str,
    /// Units of it done.
    pub done: usize,
    /// Units of it in all.
    pub of: usize,
}

/// Judges every scheme on `visible` `[examples, visible]`.
pub fn judge(
    dbm: &Dbm,
    network: Option<&Network>,
    visible: &Tensor,
    request: &Request,
    stream: Stream,
    watch: &mut Watch,
) -> Result<Results> {
    watch(Portion { what: "judging", done: 0, of: request.schemes.len() })?;
    let chosen = request
        .schemes
        .iter()
        .map(|(name, scheme)| ready(name, scheme, dbm, network, visible))
        .collect::<Result<Vec<_>>>()?;
    let (dtype, wanted) = (setup::dtype_word(dbm.dtype()), &request.log_partition);
    memory::judging(&dbm.sizes(), dtype, request.schemes.iter().map(|(_, scheme)| scheme), wanted, visible.dim(0)?)?;
    let mut log_partition = log_partition(dbm, &request.log_partition, request.visible_means.as_deref(), stream)?;
    let reference =
        Reference::tabulate(dbm, visible, reference_bits(request, visible.dim(0)?.max(dbm.sizes().iter().sum())))?;
    let assessments = chosen
        .iter()
        .map(|(name, scheme)| assess(scheme, dbm, visible, reference.as_ref(), stream.named("infer").named(name)))
        .collect::<Result<Vec<_>>>()?;
    let mut warnings: Vec<String> = log_partition.ais.iter().filter_map(|report| report.unreliable.clone()).collect();
    if !host(visible)?.iter().all(|&value| value == 0.0 || value == 1.0) {
        warnings.push(GREY.into());
    }
    let nats = assessments.iter().map(|a| a.elbo_unnormalized().mean).chain([log_partition.value.nats]);
    if !nats.into_iter().all(|nats| resolved(nats, dbm.dtype())) {
        warnings.push(COARSE.into());
        log_partition.value.guarantee = Guarantee::Approximation;
    }
    let best = assessments.iter().map(|a| a.elbo_unnormalized().mean).fold(f64::NEG_INFINITY, f64::max);
    let schemes = chosen
        .iter()
        .zip(&assessments)
        .map(|((name, _), assessment)| row(name, assessment, log_partition.value, best, request.per_example))
        .collect();
    let evidence = reference.map(|reference| reference.log_evidence_unnormalized);
    let likelihood = evidence.as_ref().map(|evidence| Bounded::exact(mean_of(evidence)) - log_partition.value);
    let each = |evidence: Vec<f64>| evidence.iter().map(|nats| nats - log_partition.value.nats).collect();
    Ok(Results {
        sizes: dbm.sizes(),
        data: request.data.to_string(),
        examples: visible.dim(0)?,
        log_likelihood_nats_mean: likelihood.map(|likelihood| likelihood.nats),
        log_likelihood_guarantee: likelihood.map(|likelihood| likelihood.guarantee),
        log_likelihood_nats: evidence.filter(|_| request.per_example).map(each),
        warnings,
        log_partition: summary(&log_partition),
        schemes,
    })
}

/// Whether a number of this size is known to a tenth of a nat.
fn resolved(nats: f64, dtype: DType) -> bool {
    let spacing = if dtype == DType::F64 { f64::EPSILON } else { f64::from(f32::EPSILON) };
    nats.is_finite() && nats.abs() * spacing < 0.1
}

/// ln Z of a machine in the way asked for.
pub fn log_partition(
    dbm: &Dbm,
    wanted: &Wanted,
    visible_means: Option<&[f64]>,
    stream: Stream,
) -> Result<LogPartition> {
    let bits = evaluate::bits(dbm)?;
    let annealing = |temperatures, chains| {
        let visible_means = visible_means.map(|means| Tensor::new(means, &Device::Cpu)).transpose()?;
        let visible_means =
            visible_means.map(|means| means.to_dtype(dbm.dtype())?.to_device(dbm.device())).transpose()?;
        let settings = Annealing { temperatures, chains, spacing: Spacing::default(), kept: None, visible_means };
        Ok::<_, Error>(evaluate::ais(dbm, &settings, stream.named("ais"))?)
    };
    match wanted {
        Wanted::Auto {} if bits <= AUTO_BITS => Ok(evaluate::exact(dbm, AUTO_BITS)?),
        Wanted::Auto {} => {
            let default = super::config::Ais::default();
            annealing(default.temperatures, default.chains)
        }
        Wanted::Ais(settings) => annealing(settings.temperatures, settings.chains),
        Wanted::Exact(limit) if bits <= limit.bits() as f64 => Ok(evaluate::exact(dbm, limit.bits() as f64)?),
        Wanted::Exact(limit) => Err(Error::Refused {
            problem: format!(
                "an exact log Z of this machine runs through 2^{bits:.0} states; the limit is 2^{}",
                limit.bits()
            ),
            remedy: config::raised(
                bits as usize,
                ExactPartition::MOST_BITS,
                "use ais",
                &format!("--max-bits {bits:.0}, in an experiment file max_bits = {bits:.0}"),
            ),
        }),
    }
}

/// A scheme made ready, refused where its tables would be too large.
fn ready(
    name: &str,
    scheme: &Scheme,
    dbm: &Dbm,
    network: Option<&Network>,
    visible: &Tensor,
) -> Result<(String, Chosen)> {
    if let Some(max_bits) = scheme.table_bits() {
        let bits = dbm.clamp(&visible.narrow(0, 0, 1)?)?.enumeration_bits()?;
        if bits > max_bits as f64 {
            return Err(Error::Refused {
                problem: format!(
                    "exact inference in this machine enumerates 2^{bits:.0} states per example; the limit is 2^{max_bits}"
                ),
                remedy: config::raised(
                    bits as usize,
                    ExactScheme::MOST_BITS,
                    "leave the scheme `exact` out",
                    &format!("exact:max-bits={bits:.0}"),
                ),
            });
        }
    }
    Ok((name.to_string(), Chosen::new(scheme, network, dbm.dtype())?))
}

/// Reference answers are taken where they are cheap, and as far as an exact scheme was asked for.
fn reference_bits(request: &Request, rows: usize) -> f64 {
    let cheap = (REFERENCE_BITS - (rows.max(1) as f64).log2()).min(16.0);
    let asked = request.schemes.iter().map(|(_, scheme)| scheme.table_bits().unwrap_or(0) as f64);
    asked.fold(cheap, f64::max)
}

fn assess(
    scheme: &Chosen,
    dbm: &Dbm,
    visible: &Tensor,
    reference: Option<&Reference>,
    stream: Stream,
) -> Result<Assessment> {
    let watch = clock::Stopwatch::start();
    let seconds = || watch.seconds();
    let yardstick = Yardstick { reference, ..Yardstick::default() };
    Ok(match scheme {
        Chosen::Factorial(scheme) => {
            // The first call pays for cold caches and sleeping threads, whatever the scheme.
            scheme.infer(dbm, &visible.narrow(0, 0, visible.dim(0)?.min(WARM_UP))?, stream)?;
            scheme.assess(dbm, visible, yardstick, stream, &seconds)?
        }
        Chosen::Exact(exact) => {
            let bits = dbm.clamp(&visible.narrow(0, 0, 1)?)?.enumeration_bits()?;
            let yardstick = Yardstick { block: Yardstick::block_for_tables(bits), ..yardstick };
            exact.assess(dbm, visible, yardstick, stream, &seconds)?
        }
    })
}

fn summary(log_partition: &LogPartition) -> LogPartitionResult {
    LogPartitionResult {
        nats: log_partition.value.nats,
        error: log_partition.value.error,
        guarantee: log_partition.value.guarantee,
        method: match log_partition.method {
            Method::Exact => "exact".into(),
            Method::Ais => "ais".into(),
        },
        effective_chains: log_partition.ais.as_ref().map(|report| report.effective_sample_size),
    }
}

fn row(name: &str, assessment: &Assessment, log_partition: Bounded, best: f64, per_example: bool) -> SchemeResult {
    let unnormalized = assessment.elbo_unnormalized();
    let elbo = assessment.elbo(log_partition);
    let normalized = |nats: &f64| nats - log_partition.nats;
    SchemeResult {
        name: name.to_string(),
        elbo_nats_mean: elbo.nats,
        elbo_nats_error: unnormalized.standard_error,
        elbo_guarantee: elbo.guarantee,
        elbo_unnormalized_nats_mean: unnormalized.mean,
        gap_nats_mean: best - unnormalized.mean,
        kl_nats_mean: assessment.kl().map(|kl| kl.mean),
        marginal_error_mean: assessment.marginal_error().map(|error| error.mean),
        reconstruction_error_mean: assessment.reconstruction_error().mean,
        sweeps_mean: assessment.sweeps().mean,
        converged_fraction: assessment.converged_fraction(),
        time_us_per_example: assessment.time_us_per_example(),
        per_example: per_example.then(|| PerExample {
            elbo_nats: assessment.elbos_unnormalized.iter().map(normalized).collect(),
            elbo_unnormalized_nats: assessment.elbos_unnormalized.clone(),
            kl_nats: assessment.kl.clone(),
            marginal_error: assessment.marginal_errors.clone(),
            reconstruction_error: assessment.reconstruction_errors.clone(),
            sweeps: assessment.sweeps.clone(),
            converged: assessment.converged.clone(),
        }),
    }
}

impl Results {
    /// What the ELBOs of all rows promise.
    pub fn elbo_guarantee(&self) -> Guarantee {
        self.schemes.first().map_or(Guarantee::Approximation, |scheme| scheme.elbo_guarantee)
    }
}
