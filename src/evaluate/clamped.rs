//! ln p̃(v) of a machine by samples: importance sampling from a q, and annealing of the hidden layers with v clamped.
//!
//! Both average weights whose mean is p̃(v), so each value is below ln p̃(v) on average, and by more than a nats above it with probability
//! e^-a at most. The bound of q itself is the mean logarithm of single weights.

use super::annealing::{Annealing, Path, Spacing};
use super::assess::{Assess, Assessment, Yardstick, timed};
use super::doubt::effective_sample_size;
use super::labels::labels_of;
use super::quantity::Guarantee;
use super::reverse::importance;
use crate::inference::Inference;
use crate::math::{Nats, Result, Stream, Tensor, bail, host, log_mean_exp, mean_square_differences};
use crate::models::{Dbm, LatentModel, Reconstruct};
use crate::posterior::{Factorial, Posterior};

/// A scheme's q, and what it misses of ln p̃(v) by samples.
#[derive(Clone, Copy, Debug)]
pub struct Sampled<S> {
    /// Where q comes from.
    pub start: S,
    /// Samples of each example.
    pub samples: usize,
    /// How a sample is weighed.
    pub by: Weighing,
}

/// How a sample of q is weighed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weighing {
    /// By p̃(v, x) / q(x | v), x the even hidden layers, with the odd ones summed out: a machine with one hidden layer needs no samples.
    Importance,
    /// Along a path of so many steps from q to the posterior (Neal 2001), block Gibbs sampling the hidden layers.
    Annealing {
        /// Steps.
        temperatures: usize,
    },
}

impl<S> Sampled<S> {
    /// ln of an estimate of p̃(v) by each sample, for each example of `visible` `[examples, visible]`, nats.
    pub fn log_weights(&self, dbm: &Dbm, visible: &Tensor, q: &Factorial, stream: Stream) -> Result<Vec<Nats>> {
        match self.by {
            Weighing::Importance => importance(dbm, visible, q, self.samples, stream),
            Weighing::Annealing { temperatures } => annealed(dbm, visible, q, [temperatures, self.samples], stream),
        }
    }
}

fn annealed(
    dbm: &Dbm,
    visible: &Tensor,
    q: &Factorial,
    [temperatures, chains]: [usize; 2],
    stream: Stream,
) -> Result<Vec<Nats>> {
    let examples = visible.dim(0)?;
    let rows: Vec<u32> = (0..examples as u32).flat_map(|row| std::iter::repeat_n(row, chains)).collect();
    let rows = Tensor::from_vec(rows, examples * chains, visible.device())?;
    let stack = dbm.clamp(&visible.index_select(&rows, 0)?)?;
    let offsets = host(&stack.offset()?)?;
    let settings = Annealing { temperatures, spacing: Spacing::Uniform, chains, kept: None, base_means: Vec::new() };
    let path = Path::between(stack, q.select(&rows)?.inputs().to_vec(), &settings)?;
    let done = path.advance(path.start(examples * chains, stream)?, temperatures)?;
    let bases = path.log_base_partitions()?;
    let parts = done.log_weights.iter().zip(bases.iter().zip(&offsets));
    let log_weights: Nats = parts.map(|(weight, (base, offset))| weight + base + offset).collect();
    Ok(log_weights.chunks(chains).map(<[f64]>::to_vec).collect())
}

impl<S: Inference<Dbm, Posterior = Factorial>> Assess<Dbm> for Sampled<S> {
    fn assess(
        &self,
        model: &Dbm,
        visible: &Tensor,
        by: Yardstick<'_>,
        stream: Stream,
        seconds: &dyn Fn() -> f64,
    ) -> Result<Assessment> {
        if self.samples == 0 {
            bail!("an estimate takes at least one sample");
        }
        let found = || {
            let inferred = self.start.infer(model, visible, stream.named("q").from_row(by.first as u64))?;
            let draws = stream.named("samples").from_row((by.first * self.samples) as u64);
            let log_weights = self.log_weights(model, visible, &inferred.q, draws)?;
            Ok((inferred, log_weights))
        };
        let ((inferred, log_weights), seconds) = timed(visible, seconds, found)?;
        let means = inferred.q.means()?;
        Ok(Assessment {
            labels: labels_of(model, &means)?,
            guarantee: Guarantee::StochasticLowerBound,
            kl: None,
            elbos_unnormalized: log_weights.iter().map(|row| log_mean_exp(row)).collect(),
            effective_samples: Some(log_weights.iter().map(|row| effective_sample_size(row)).collect()),
            sweeps: inferred.trace.sweeps,
            converged: inferred.trace.converged,
            reconstruction_errors: mean_square_differences(&model.reconstruct(&means)?, visible)?,
            seconds,
            marginal_errors: None,
        })
    }
}
