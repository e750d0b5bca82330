//! Judging of models that are normalised: ln Z = 0 exactly, and nobody needs to be told.

use super::super::blocks::in_blocks;
use super::super::config::Scheme;
use super::super::judge::{REFERENCE_WORK, Request, Watch};
use super::super::presented::Presented;
use super::super::results::{ObjectiveResult, Results};
use super::super::verdict::Verdict;
use super::super::{Error, Result, clock};
use super::Kind;
use crate::evaluate::{Assessment, Average, Guarantee, LogPartition};
use crate::math::{Nats, Stream, Tensor, larger, mean_of, mean_square_differences};

/// What a scheme says of a block of examples.
pub struct Answer {
    /// What `bounds` are of ln p(v).
    pub guarantee: Guarantee,
    /// Bounds of ln p(v), or ln p(v) itself, nats.
    pub bounds: Nats,
    /// Whether ln p(v) less the bound is KL(q ‖ p(h | v)): of a bound of several samples it is not.
    pub is_elbo: bool,
    /// Latents that stand for the answer, `[examples, latents]`; none where they would take too long.
    pub latents: Option<Tensor>,
    /// Sweeps made on each example.
    pub sweeps: Vec<u32>,
    /// Whether each example converged; none of a scheme that does not look.
    pub converged: Option<Vec<bool>>,
    /// Of a single point on a continuum, whose ELBO is minus infinity: `bounds` are then ln p(v, h).
    pub certificate: Option<Certificate>,
}

/// How good most probable codes are, example by example.
#[derive(Clone, Debug, Default)]
pub struct Certificate {
    /// The objective that the codes minimise, nats but for a constant.
    pub objectives: Nats,
    /// How far it may be above its minimum, nats.
    pub gaps: Nats,
    /// Share of the codes that are not zero.
    pub active: Vec<f64>,
}

impl Certificate {
    fn append(&mut self, next: Self) {
        self.objectives.extend(next.objectives);
        self.gaps.extend(next.gaps);
        self.active.extend(next.active);
    }

    fn result(&self) -> ObjectiveResult {
        let objective = Average::of(&self.objectives);
        ObjectiveResult {
            mean: objective.mean,
            error: objective.standard_error,
            duality_gap_mean: mean_of(&self.gaps),
            duality_gap_largest: self.gaps.iter().copied().fold(0.0, larger),
            active_fraction_mean: mean_of(&self.active),
        }
    }
}

impl Answer {
    /// Of a scheme that makes no sweeps.
    pub fn at_once(guarantee: Guarantee, bounds: Nats, latents: Option<Tensor>) -> Self {
        let sweeps = vec![0; bounds.len()];
        Self { guarantee, bounds, is_elbo: true, latents, sweeps, converged: None, certificate: None }
    }
}

/// A normalised model.
pub trait Directed: Kind {
    /// Whether the visible units have only the states 0 and 1.
    fn binary(&self) -> bool;

    /// Infers in `visible` `[examples, visible]`; `first` says which example is the first, and draws follow it.
    fn answer(&self, scheme: &Scheme, visible: &Tensor, first: usize, stream: Stream) -> Result<Answer>;

    /// Examples that a scheme infers at once.
    fn block(&self, scheme: &Scheme) -> usize;

    /// Means of the visible units at `latents`, `[examples, visible]`.
    fn reconstruct(&self, latents: &Tensor) -> Result<Tensor>;

    /// ln p(v) of each example, nats, and how many terms that sums for each; none where no sum is feasible.
    fn evidence_terms(&self) -> Option<f64>;

    /// ln p(v) of each example, nats.
    fn evidence(&self, visible: &Tensor) -> Result<Nats>;
}

/// Examples whose ln p(v) is found at once.
const EVIDENCE_BLOCK: usize = 500;

/// Judges every scheme on `visible` `[examples, visible]`.
pub fn judge(
    model: &dyn Directed,
    visible: &Tensor,
    request: &Request,
    stream: Stream,
    watch: &mut Watch,
) -> Result<Results> {
    let presented = Presented::of(visible)?;
    let evidence = evidence(model, visible, request, watch)?;
    let stream = stream.named("infer");
    let (mut assessments, mut objectives) = (Vec::new(), Vec::new());
    for (name, scheme) in &request.schemes {
        let stream = stream.named(name);
        let (mut whole, mut certificate): (Option<Assessment>, Option<Certificate>) = (None, None);
        in_blocks(name, visible, model.block(scheme).max(1), watch, |first, rows| {
            let (part, certified) = assess(model, scheme, rows, first, evidence.as_deref(), stream)?;
            if let Some(certified) = certified {
                certificate.get_or_insert_default().append(certified);
            }
            match &mut whole {
                Some(whole) => whole.append(part),
                None => whole = Some(part),
            }
            Ok(())
        })?;
        let none = || Error::Compute { problem: format!("{name} was judged on no examples") };
        assessments.push(whole.ok_or_else(none)?);
        objectives.push(certificate.map(|certificate| certificate.result()));
    }
    let log_partition = LogPartition::exact(0.0);
    let (kind, sizes, dtype, binary) = (model.name(), model.sizes(), model.dtype(), model.binary());
    let verdict =
        Verdict { kind, sizes, dtype, request, presented, log_partition, evidence, binary, assessments, labels: None };
    let mut results = verdict.results();
    for (scheme, objective) in results.schemes.iter_mut().zip(objectives) {
        if objective.is_some() {
            // All of q at one point of a continuum: the bound holds and is infinitely loose.
            (scheme.elbo_nats_mean, scheme.elbo_guarantee) = (f64::NEG_INFINITY, Guarantee::LowerBound);
            (scheme.elbo_unnormalized_nats_mean, scheme.elbo_nats_error) = (f64::NEG_INFINITY, None);
            (scheme.gap_nats_mean, scheme.gap_nats_error) = (f64::NAN, None);
            scheme.gap_guarantee = Guarantee::Approximation;
            if let Some(each) = &mut scheme.per_example {
                each.elbo_nats.fill(f64::NEG_INFINITY);
                each.elbo_unnormalized_nats.fill(f64::NEG_INFINITY);
            }
        }
        scheme.objective = objective;
    }
    Ok(results)
}

/// ln p(v) where it is little work or asked for.
fn evidence(model: &dyn Directed, visible: &Tensor, request: &Request, watch: &mut Watch) -> Result<Option<Nats>> {
    let Some(terms) = model.evidence_terms() else { return Ok(None) };
    let asked = |(_, scheme): &(String, Scheme)| scheme.table_bits().is_some_and(|most| terms.log2() <= most as f64);
    if terms * visible.dim(0)? as f64 > REFERENCE_WORK && !request.schemes.iter().any(asked) {
        return Ok(None);
    }
    let mut nats = Nats::new();
    in_blocks("exact answers", visible, EVIDENCE_BLOCK, watch, |_, rows| {
        nats.extend(model.evidence(rows)?);
        Ok(())
    })?;
    Ok(Some(nats))
}

fn assess(
    model: &dyn Directed,
    scheme: &Scheme,
    rows: &Tensor,
    first: usize,
    evidence: Option<&[f64]>,
    stream: Stream,
) -> Result<(Assessment, Option<Certificate>)> {
    let clock = clock::Stopwatch::start();
    let answer = model.answer(scheme, rows, first, stream)?;
    let seconds = clock.seconds();
    let reconstruction_errors = match &answer.latents {
        Some(latents) => mean_square_differences(&model.reconstruct(latents)?, rows)?,
        None => vec![f64::NAN; answer.bounds.len()],
    };
    let own = evidence.filter(|_| answer.is_elbo).map(|evidence| &evidence[first..]);
    let assessment = Assessment {
        guarantee: answer.guarantee,
        kl: own.map(|evidence| evidence.iter().zip(&answer.bounds).map(|(nats, bound)| nats - bound).collect()),
        elbos_unnormalized: answer.bounds,
        effective_samples: None,
        sweeps: answer.sweeps,
        converged: answer.converged,
        reconstruction_errors,
        seconds,
        marginal_errors: None,
        labels: None,
    };
    Ok((assessment, answer.certificate))
}
