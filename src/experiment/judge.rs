//! Judges inference schemes on one model: log Z once, exact answers where feasible, then each scheme on the same examples.

use super::blocks::{exact_block, in_blocks, scheme_block};
use super::config::{LogPartition as Wanted, Scheme, memory};
use super::presented::Presented;
use super::results::{LogPartitionResult, PerExample, Results, SchemeResult};
use super::{Chosen, Error, Known, Result, clock, setup};
use crate::evaluate::{self, Assess, Assessment, Bounded, Guarantee, LogPartition, Method, Reference, Yardstick};
use crate::inference::{Inference, Network};
use crate::math::{DType, Stream, Tensor, mean_of};
use crate::models::Dbm;

/// Most work of exact answers that nobody asked for, in states times hidden units times examples: about a second on two cores. It
/// is counted and never timed, so that equal requests are judged alike everywhere.
const REFERENCE_WORK: f64 = (1_u64 << 25) as f64;

/// Most examples inferred once before the clock starts.
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

/// Called between pieces of the work; an error stops it. A piece is one temperature of annealing, one chunk of an exact sum or one
/// block of examples: a fraction of a second, but as long as it takes where a single temperature or example is more than that.
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
    judge_knowing(dbm, network, visible, request, &mut Known::default(), stream, watch)
}

/// The same, where ln Z may be known from judging the same machine by the same `stream`; if not, it is afterwards.
pub fn judge_knowing(
    dbm: &Dbm,
    network: Option<&Network>,
    visible: &Tensor,
    request: &Request,
    known: &mut Known,
    stream: Stream,
    watch: &mut Watch,
) -> Result<Results> {
    let presented = Presented::of(visible)?;
    let (dtype, wanted) = (setup::dtype_word(dbm.dtype()), &request.log_partition);
    memory::judging(&dbm.sizes(), dtype, request.schemes.iter().map(|(_, scheme)| scheme), wanted, visible.dim(0)?)?;
    let schemes = request.schemes.iter();
    let chosen: Vec<Chosen> =
        schemes.map(|(_, scheme)| Chosen::for_machine(scheme, network, dbm)).collect::<Result<_>>()?;
    let log_partition = known.log_partition(dbm, request, stream, watch)?;
    let reference = reference(dbm, visible, request, watch)?;
    let stream = stream.named("infer");
    let assessments = request.schemes.iter().zip(&chosen).map(|((name, scheme), chosen)| {
        let contest = Contest { dbm, visible, reference: reference.as_ref(), block: scheme_block(scheme, dbm)? };
        contest.assess(name, chosen, stream.named(name), watch)
    });
    let assessments = assessments.collect::<Result<Vec<_>>>()?;
    Ok(Verdict { dbm, request, presented, log_partition, reference, assessments }.results())
}

/// Exact answers where they are little work, and as far as an exact scheme was asked for.
fn reference(dbm: &Dbm, visible: &Tensor, request: &Request, watch: &mut Watch) -> Result<Option<Reference>> {
    let bits = evaluate::posterior_bits(dbm)?;
    let hidden: usize = dbm.sizes().iter().skip(1).sum();
    let cheap = bits.exp2() * hidden as f64 * visible.dim(0)? as f64 <= REFERENCE_WORK;
    let asked = request.schemes.iter().any(|(_, scheme)| scheme.table_bits().is_some_and(|most| bits <= most as f64));
    if !cheap && !asked {
        return Ok(None);
    }
    let mut parts = Vec::new();
    in_blocks("exact answers", visible, exact_block(dbm, bits), watch, |_, rows| {
        parts.push(Reference::tabulate(dbm, rows, bits)?);
        Ok(())
    })?;
    Ok(Some(Reference::join(&parts)?))
}

/// What all schemes are judged on, and how many examples this one sees at once.
struct Contest<'a> {
    dbm: &'a Dbm,
    visible: &'a Tensor,
    reference: Option<&'a Reference>,
    block: usize,
}

impl Contest<'_> {
    fn assess(&self, name: &str, scheme: &Chosen, stream: Stream, watch: &mut Watch) -> Result<Assessment> {
        let clock = clock::Stopwatch::start();
        let seconds = || clock.seconds();
        let mut whole: Option<Assessment> = None;
        in_blocks(name, self.visible, self.block, watch, |first, rows| {
            let by = Yardstick { reference: self.reference, first };
            let part = match scheme {
                Chosen::Factorial(scheme) => {
                    if first == 0 {
                        // The first call pays for cold caches and sleeping threads, whatever the scheme.
                        scheme.infer(self.dbm, &rows.narrow(0, 0, rows.dim(0)?.min(WARM_UP))?, stream)?;
                    }
                    scheme.assess(self.dbm, rows, by, stream, &seconds)?
                }
                Chosen::Exact(exact) => {
                    let part = exact.assess(self.dbm, rows, by, stream, &seconds)?;
                    Assessment { guarantee: Guarantee::Exact, ..part }
                }
            };
            match &mut whole {
                Some(whole) => whole.append(part),
                None => whole = Some(part),
            }
            Ok(())
        })?;
        whole.ok_or_else(|| Error::Compute { problem: format!("{name} was judged on no examples") })
    }
}

/// Everything found, before it is put into words.
struct Verdict<'a> {
    dbm: &'a Dbm,
    request: &'a Request<'a>,
    presented: Presented,
    log_partition: LogPartition,
    reference: Option<Reference>,
    assessments: Vec<Assessment>,
}

impl Verdict<'_> {
    fn results(mut self) -> Results {
        let doubtful = self.log_partition.ais.iter().filter_map(|report| report.unreliable.clone());
        let mut warnings: Vec<String> = doubtful.collect();
        let resolved = |nats| resolved(nats, self.dbm.dtype());
        let coarse = !self.assessments.iter().all(|a| resolved(a.elbo_unnormalized().mean));
        if !resolved(self.log_partition.value.nats) {
            self.log_partition.value.guarantee = Guarantee::Approximation;
        }
        let coarse = coarse || self.log_partition.value.guarantee == Guarantee::Approximation;
        warnings.extend((!self.presented.binary).then(|| GREY.into()));
        warnings.extend(coarse.then(|| COARSE.into()));
        let loose = coarse || !self.presented.binary;
        let log_partition = self.log_partition.value;
        let evidence = self.reference.as_ref().map(|reference| &reference.log_evidence_unnormalized);
        let likelihood = evidence.map(|evidence| Bounded::exact(mean_of(evidence)) - log_partition);
        let each = |evidence: &Vec<f64>| evidence.iter().map(|nats| nats - log_partition.nats).collect();
        Results {
            sizes: self.dbm.sizes(),
            model: None,
            data: self.request.data.to_string(),
            examples: self.presented.examples,
            examples_sha256: self.presented.sha256.clone(),
            log_partition: summary(&self.log_partition),
            log_likelihood_nats_mean: likelihood.map(|likelihood| likelihood.nats),
            log_likelihood_guarantee: likelihood.map(|likelihood| weakened(likelihood.guarantee, loose)),
            log_likelihood_nats: evidence.filter(|_| self.request.per_example).map(each),
            schemes: self.rows(coarse),
            warnings,
        }
    }

    fn rows(&self, coarse: bool) -> Vec<SchemeResult> {
        // A number that is none must not pass for the largest.
        let mean = |assessment: &Assessment| assessment.elbo_unnormalized().mean;
        let numbers = self.assessments.iter().filter(|assessment| !mean(assessment).is_nan());
        let best = numbers.max_by(|a, b| mean(a).total_cmp(&mean(b)));
        let named = self.request.schemes.iter().zip(&self.assessments);
        named.map(|((name, _), assessment)| self.row(name, assessment, best.unwrap_or(assessment), coarse)).collect()
    }

    fn row(&self, name: &str, assessment: &Assessment, best: &Assessment, coarse: bool) -> SchemeResult {
        let loose = coarse || !self.presented.binary;
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
            gap_guarantee: weakened(Guarantee::Exact, coarse),
            kl_nats_mean: kl.map(|kl| kl.mean),
            kl_guarantee: kl.map(|_| weakened(Guarantee::Exact, loose)),
            marginal_error_mean: assessment.marginal_error().map(|error| error.mean),
            reconstruction_error_mean: assessment.reconstruction_error().mean,
            sweeps_mean: assessment.sweeps().mean,
            converged_fraction: assessment.converged_fraction(),
            time_us_per_example: assessment.time_us_per_example(),
            per_example: self.request.per_example.then(|| PerExample {
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

fn summary(log_partition: &LogPartition) -> LogPartitionResult {
    let LogPartition { value, method, ais } = log_partition;
    let known = |nats: f64| Some(nats).filter(|nats| nats.is_finite());
    // The interval of an exact number is the number.
    let [lower, upper] = match ais {
        Some(report) => [report.lower, known(report.upper)],
        None => [known(value.nats); 2],
    };
    LogPartitionResult {
        nats: value.nats,
        error: value.error,
        lower,
        upper,
        stochastic_lower_bound: ais.as_ref().and_then(|report| known(report.stochastic_lower_bound)),
        guarantee: value.guarantee,
        method: match method {
            Method::Exact => "exact".into(),
            Method::Ais => "ais".into(),
        },
        effective_chains: ais.as_ref().map(|report| report.effective_sample_size),
    }
}
