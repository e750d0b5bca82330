//! A scheme judged on held-out examples, with the family of its q erased, so that different families share one table.

use super::bound::elbo_unnormalized;
use super::quantity::Bounded;
use crate::inference::Inference;
use crate::math::{Layers, Nats, Result, Stream, Tensor, bail, host, mean_of};
use crate::models::{ExpectedLogJoint, LatentModel, Reconstruct, Stack};
use crate::posterior::Posterior;
use serde::Serialize;

/// Table entries held at once when posteriors are tabulated.
const ENTRIES: f64 = (1 << 21) as f64;

/// Examples inferred at once where no tables are held.
const BLOCK: usize = 1000;

/// A scheme that can be judged.
pub trait Assess<M> {
    /// Infers q for `visible` `[examples, visible]` and judges it. `seconds` reads a clock; only inference is timed.
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
        by.reference.map_or(Ok(()), |reference| reference.expect_examples(examples))?;
        let mut all = Assessment::empty(by.reference);
        for first in (0..examples).step_by(by.block.max(1)) {
            let block = visible.narrow(0, first, by.block.max(1).min(examples - first))?;
            visible.device().synchronize()?;
            let before = seconds();
            let inferred = self.infer(model, &block, stream.from_row(first as u64))?;
            visible.device().synchronize()?;
            all.seconds += seconds() - before;
            all.elbos_unnormalized.extend(elbo_unnormalized(model, &block, &inferred.q)?);
            all.sweeps.extend(inferred.trace.sweeps);
            all.converged.extend(inferred.trace.converged);
            let means = inferred.q.means()?;
            all.reconstruction_errors.extend(mean_squares(&(model.reconstruct(&means)? - &block)?)?);
            if let (Some(reference), Some(errors)) = (by.reference, &mut all.marginal_errors) {
                errors.extend(reference.marginal_errors(first, &means)?);
            }
        }
        all.kl = by.reference.map(|reference| reference.gaps(&all.elbos_unnormalized));
        Ok(all)
    }
}

/// What a scheme is judged against, and how many examples it sees at once. No result depends on `block`, only time and memory.
#[derive(Clone, Copy, Debug)]
pub struct Yardstick<'a> {
    /// The exact answers for the same examples, where they are known.
    pub reference: Option<&'a Reference>,
    /// Examples inferred at once.
    pub block: usize,
}

impl Default for Yardstick<'_> {
    fn default() -> Self {
        Self { reference: None, block: BLOCK }
    }
}

impl Yardstick<'_> {
    /// Examples at once that keep tables of 2^`bits` states each within memory; for the exact scheme.
    pub fn block_for_tables(bits: f64) -> usize {
        (ENTRIES / bits.exp2()).clamp(1.0, BLOCK as f64) as usize
    }
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
    /// By tabulating every posterior; `None` where that takes more than 2^`max_bits` states per example.
    pub fn tabulate<M>(model: &M, visible: &Tensor, max_bits: f64) -> Result<Option<Self>>
    where
        M: LatentModel<Clamped = Stack>,
    {
        let examples = visible.dim(0)?;
        if examples == 0 {
            return Ok(None);
        }
        // Units with infinitely many states make counting fail; then there is nothing to tabulate.
        let Ok(bits) = model.clamp(&visible.narrow(0, 0, 1)?)?.enumeration_bits() else { return Ok(None) };
        if bits > max_bits {
            return Ok(None);
        }
        let block = Yardstick::block_for_tables(bits);
        let (mut log_evidence_unnormalized, mut blocks) = (Nats::with_capacity(examples), Vec::new());
        for first in (0..examples).step_by(block) {
            let rows = visible.narrow(0, first, block.min(examples - first))?;
            let (q, evidence) = model.clamp(&rows)?.tabulate(max_bits)?;
            log_evidence_unnormalized.extend(evidence);
            blocks.push(q.means()?);
        }
        let layers = blocks[0].len();
        let means = (0..layers)
            .map(|layer| Tensor::cat(&blocks.iter().map(|means| &means[layer]).collect::<Vec<_>>(), 0))
            .collect::<Result<_>>()?;
        Ok(Some(Self { log_evidence_unnormalized, means }))
    }

    fn expect_examples(&self, examples: usize) -> Result<()> {
        if self.log_evidence_unnormalized.len() != examples {
            let known = self.log_evidence_unnormalized.len();
            bail!("the exact answers are for {known} examples, not for these {examples}");
        }
        Ok(())
    }

    /// ln p̃(v) minus a bound on it: KL(q || p) of each example, nats.
    fn gaps(&self, bounds: &[f64]) -> Nats {
        self.log_evidence_unnormalized.iter().zip(bounds).map(|(evidence, bound)| evidence - bound).collect()
    }

    /// Mean over all hidden units of |mean - exact mean|, for the examples from `first` on.
    fn marginal_errors(&self, first: usize, means: &[Tensor]) -> Result<Vec<f64>> {
        let mut sums = vec![0.0; means[0].dim(0)?];
        let mut units = 0;
        for (exact, mean) in self.means.iter().zip(means) {
            let exact = exact.narrow(0, first, mean.dim(0)?)?.to_dtype(mean.dtype())?;
            let layer = host(&(mean - exact)?.abs()?.sum(1)?)?;
            sums.iter_mut().zip(layer).for_each(|(sum, error)| *sum += error);
            units += mean.dim(1)?;
        }
        Ok(sums.iter().map(|sum| sum / units as f64).collect())
    }
}

/// How a scheme did, example by example.
#[derive(Clone, Debug, Serialize)]
pub struct Assessment {
    /// E_q[ln p̃] + H(q), nats: below ln p̃(v).
    pub elbos_unnormalized: Nats,
    /// Sweeps made.
    pub sweeps: Vec<u32>,
    /// Whether the scheme says that it converged.
    pub converged: Vec<bool>,
    /// Mean over visible units of (v - its mean given the q means of the hidden layer next to it)².
    pub reconstruction_errors: Vec<f64>,
    /// Time spent on inference over all examples, not on judging it.
    pub seconds: f64,
    /// KL(q || p(h | v)), nats, where the exact answers are known.
    pub kl: Option<Nats>,
    /// Mean over hidden units of |mean - exact mean|, where the exact answers are known.
    pub marginal_errors: Option<Vec<f64>>,
}

impl Assessment {
    fn empty(reference: Option<&Reference>) -> Self {
        Self {
            elbos_unnormalized: Vec::new(),
            sweeps: Vec::new(),
            converged: Vec::new(),
            reconstruction_errors: Vec::new(),
            seconds: 0.0,
            kl: None,
            marginal_errors: reference.map(|_| Vec::new()),
        }
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
        Bounded::lower_bound(self.elbo_unnormalized().mean) - log_partition
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

    /// Share of the examples on which the scheme says that it converged.
    pub fn converged_fraction(&self) -> f64 {
        self.converged.iter().filter(|&&converged| converged).count() as f64 / self.converged.len() as f64
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

/// Mean square of each row.
fn mean_squares(rows: &Tensor) -> Result<Vec<f64>> {
    host(&(rows.sqr()?.sum(1)? / rows.dim(1)? as f64)?)
}
