//! A scheme judged on held-out examples, with the family of its q erased, so that different families share one table.

use super::bound::elbo_unnormalized;
use super::labels::labels_of;
use super::quantity::{Bounded, Guarantee};
use crate::inference::{Inference, Tap};
use crate::math::{Layers, Nats, Result, Stream, Tensor, bail, host, mean_of, mean_square_differences, sum_units};
use crate::models::{Dbm, ExpectedLogJoint, LatentModel, Reconstruct, Stack};
use crate::posterior::{Factorial, Posterior};
use serde::Serialize;

/// A scheme that can be judged.
pub trait Assess<M> {
    /// Infers q for `visible` `[examples, visible]` and judges it. `seconds` reads a clock; only inference is timed. Many examples
    /// may be judged block by block and the parts appended: no result depends on the blocks, only time and memory.
    fn assess(
        &self,
        model: &M,
        visible: &Tensor,
        by: Yardstick<'_>,
        stream: Stream,
        seconds: &dyn Fn() -> f64,
    ) -> Result<Assessment>;
}

/// A scheme chosen at run time.
pub type AnyScheme<M> = Box<dyn Assess<M> + Send + Sync>;

impl<M, I> Assess<M> for I
where
    M: Reconstruct,
    I: Inference<M>,
    M::Clamped: ExpectedLogJoint<I::Posterior>,
{
    fn assess(
        &self,
        model: &M,
        visible: &Tensor,
        by: Yardstick<'_>,
        stream: Stream,
        seconds: &dyn Fn() -> f64,
    ) -> Result<Assessment> {
        let examples = visible.dim(0)?;
        if examples == 0 {
            bail!("there are no examples to judge a scheme on");
        }
        by.reference.map_or(Ok(()), |reference| reference.expect_examples(by.first + examples))?;
        let infer = || self.infer(model, visible, stream.from_row(by.first as u64));
        let (inferred, seconds) = timed(visible, seconds, infer)?;
        let elbos_unnormalized = elbo_unnormalized(model, visible, &inferred.q)?;
        let means = inferred.q.means()?;
        let marginal_errors = by.reference.map(|reference| reference.marginal_errors(by.first, &means)).transpose()?;
        Ok(Assessment {
            labels: labels_of(model, &means)?,
            guarantee: Guarantee::LowerBound,
            kl: by.reference.map(|reference| reference.gaps(by.first, &elbos_unnormalized)),
            elbos_unnormalized,
            effective_samples: None,
            sweeps: inferred.trace.sweeps,
            converged: inferred.trace.converged,
            reconstruction_errors: mean_square_differences(&model.reconstruct(&means)?, visible)?,
            seconds,
            marginal_errors,
        })
    }
}

/// What `work` on these examples yields, and how long it took.
pub(super) fn timed<T>(
    visible: &Tensor,
    seconds: &dyn Fn() -> f64,
    work: impl FnOnce() -> Result<T>,
) -> Result<(T, f64)> {
    visible.device().synchronize()?;
    let before = seconds();
    let done = work()?;
    visible.device().synchronize()?;
    Ok((done, seconds() - before))
}

/// TAP has means and a free energy, but no q: what stands in the place of the bound is an approximation, and there is no KL.
impl<S: Inference<Dbm, Posterior = Factorial>> Assess<Dbm> for Tap<S> {
    fn assess(
        &self,
        model: &Dbm,
        visible: &Tensor,
        by: Yardstick<'_>,
        stream: Stream,
        seconds: &dyn Fn() -> f64,
    ) -> Result<Assessment> {
        by.reference.map_or(Ok(()), |reference| reference.expect_examples(by.first + visible.dim(0)?))?;
        let estimate = || self.estimate(model, visible, stream.from_row(by.first as u64));
        let (found, seconds) = timed(visible, seconds, estimate)?;
        let errors = by.reference.map(|reference| reference.marginal_errors(by.first, &found.means)).transpose()?;
        Ok(Assessment {
            labels: None,
            guarantee: Guarantee::Approximation,
            kl: None,
            elbos_unnormalized: found.free_energies,
            effective_samples: None,
            sweeps: found.trace.sweeps,
            converged: found.trace.converged,
            reconstruction_errors: mean_square_differences(&model.reconstruct(&found.means)?, visible)?,
            seconds,
            marginal_errors: errors,
        })
    }
}

/// What a scheme is judged against.
#[derive(Clone, Copy, Debug, Default)]
pub struct Yardstick<'a> {
    /// The exact answers, where they are known.
    pub reference: Option<&'a Reference>,
    /// Where the examples begin among those the exact answers are for; random draws follow it too.
    pub first: usize,
}

/// Exact answers for a set of examples, computed once and shared by all schemes.
#[derive(Clone, Debug)]
pub struct Reference {
    /// ln p̃(v) of each example, nats.
    pub log_evidence_unnormalized: Nats,
    /// Exact posterior means, `[examples, units]` per hidden layer, bottom first.
    pub means: Layers,
}

impl Reference {
    /// By tabulating every posterior. Fails above 2^`max_bits` states per example.
    pub fn tabulate<M>(model: &M, visible: &Tensor, max_bits: f64) -> Result<Self>
    where
        M: LatentModel<Clamped = Stack>,
    {
        let (q, log_evidence_unnormalized) = model.clamp(visible)?.tabulate(max_bits)?;
        Ok(Self { log_evidence_unnormalized, means: q.means()? })
    }

    /// The answers for the examples of all parts, in their order.
    pub fn join(parts: &[Self]) -> Result<Self> {
        let layers = parts.first().map_or(0, |part| part.means.len());
        let means = (0..layers)
            .map(|layer| Tensor::cat(&parts.iter().map(|part| &part.means[layer]).collect::<Vec<_>>(), 0))
            .collect::<Result<_>>()?;
        let evidence = parts.iter().flat_map(|part| part.log_evidence_unnormalized.iter().copied());
        Ok(Self { log_evidence_unnormalized: evidence.collect(), means })
    }

    fn expect_examples(&self, end: usize) -> Result<()> {
        let known = self.log_evidence_unnormalized.len();
        if end > known {
            bail!("the exact answers are for {known} examples, not for {end}");
        }
        Ok(())
    }

    /// ln p̃(v) minus a bound on it, for the examples from `first` on: KL(q || p) of each, nats.
    fn gaps(&self, first: usize, bounds: &[f64]) -> Nats {
        self.log_evidence_unnormalized[first..].iter().zip(bounds).map(|(evidence, bound)| evidence - bound).collect()
    }

    /// Mean over all hidden units of |mean - exact mean|, for the examples from `first` on.
    fn marginal_errors(&self, first: usize, means: &[Tensor]) -> Result<Vec<f64>> {
        let mut sums = vec![0.0; means[0].dim(0)?];
        let mut units = 0;
        for (exact, mean) in self.means.iter().zip(means) {
            let exact = exact.narrow(0, first, mean.dim(0)?)?.to_dtype(mean.dtype())?;
            let layer = host(&sum_units(&(mean - exact)?.abs()?)?)?;
            sums.iter_mut().zip(layer).for_each(|(sum, error)| *sum += error);
            units += mean.dim(1)?;
        }
        Ok(sums.iter().map(|sum| sum / units as f64).collect())
    }
}

/// How a scheme did, example by example.
#[derive(Clone, Debug, Serialize)]
pub struct Assessment {
    /// What `elbos_unnormalized` are of ln p̃(v): lower bounds, exact where q is the true posterior, approximations where there is
    /// no q.
    pub guarantee: Guarantee,
    /// E_q[ln p̃] + H(q), nats.
    pub elbos_unnormalized: Nats,
    /// How many equally weighted samples the weighted ones of each example are worth; none of a scheme that weighs no samples.
    pub effective_samples: Option<Vec<f64>>,
    /// Sweeps made.
    pub sweeps: Vec<u32>,
    /// Whether the scheme says that it converged; none of a scheme that does not look.
    pub converged: Option<Vec<bool>>,
    /// Mean over visible units of (v - its mean given the q means of the hidden layer next to it)².
    pub reconstruction_errors: Vec<f64>,
    /// Time spent on inference over all examples, not on judging it.
    pub seconds: f64,
    /// KL(q || p(h | v)), nats, where the exact answers are known.
    pub kl: Option<Nats>,
    /// Mean over hidden units of |mean - exact mean|, where the exact answers are known.
    pub marginal_errors: Option<Vec<f64>>,
    /// The likeliest class under q, of machines with label units.
    pub labels: Option<Vec<u32>>,
}

impl Assessment {
    /// Adds the same scheme's answers for the examples that follow.
    pub fn append(&mut self, next: Self) {
        fn both<T>(own: &mut Option<Vec<T>>, next: Option<Vec<T>>) {
            if let (Some(own), Some(next)) = (own, next) {
                own.extend(next);
            }
        }
        self.elbos_unnormalized.extend(next.elbos_unnormalized);
        self.sweeps.extend(next.sweeps);
        self.reconstruction_errors.extend(next.reconstruction_errors);
        self.seconds += next.seconds;
        both(&mut self.effective_samples, next.effective_samples);
        both(&mut self.converged, next.converged);
        both(&mut self.kl, next.kl);
        both(&mut self.marginal_errors, next.marginal_errors);
        both(&mut self.labels, next.labels);
    }

    /// Number of examples.
    pub fn examples(&self) -> usize {
        self.elbos_unnormalized.len()
    }

    /// E_q[ln p̃] + H(q) over examples, nats.
    pub fn elbo_unnormalized(&self) -> Average {
        Average::of(&self.elbos_unnormalized)
    }

    /// Mean ELBO of these examples, with the promise and the error that `log_partition` leaves it.
    pub fn elbo(&self, log_partition: Bounded) -> Bounded {
        let unnormalized = Bounded { nats: self.elbo_unnormalized().mean, error: None, guarantee: self.guarantee };
        unnormalized - log_partition
    }

    /// ELBO of `best` minus that of this scheme over the same examples, nats; ln Z cancels.
    pub fn gap_to(&self, best: &Self) -> Average {
        let gaps = best.elbos_unnormalized.iter().zip(&self.elbos_unnormalized).map(|(best, own)| best - own);
        Average::of(&gaps.collect::<Nats>())
    }

    /// KL(q || p) over examples, nats.
    pub fn kl(&self) -> Option<Average> {
        self.kl.as_deref().map(Average::of)
    }

    /// Error of the hidden means over examples.
    pub fn marginal_error(&self) -> Option<Average> {
        self.marginal_errors.as_deref().map(Average::of)
    }

    /// Squared error of the reconstruction over examples, per visible unit.
    pub fn reconstruction_error(&self) -> Average {
        Average::of(&self.reconstruction_errors)
    }

    /// Sweeps over examples.
    pub fn sweeps(&self) -> Average {
        Average::of(&self.sweeps.iter().map(|&sweeps| f64::from(sweeps)).collect::<Vec<_>>())
    }

    /// Share of the examples on which the scheme says that it converged; none of a scheme that does not look.
    pub fn converged_fraction(&self) -> Option<f64> {
        let share =
            |converged: &Vec<bool>| converged.iter().filter(|&&one| one).count() as f64 / converged.len() as f64;
        self.converged.as_ref().map(share)
    }

    /// Time of inference per example, microseconds.
    pub fn time_us_per_example(&self) -> f64 {
        self.seconds * 1e6 / self.examples() as f64
    }
}

/// A mean over examples and how far it may be from the mean over the population they were drawn from.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Average {
    /// Mean over examples.
    pub mean: f64,
    /// Standard error of that mean; none for fewer than two examples.
    pub standard_error: Option<f64>,
}

impl Average {
    /// Of one value per example.
    pub fn of(values: &[f64]) -> Self {
        let (mean, count) = (mean_of(values), values.len() as f64);
        let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
        Self { mean, standard_error: (count > 1.0).then(|| (squares / (count - 1.0) / count).sqrt()) }
    }
}
