//! Bounds on ln p(v) from samples of a q that can be drawn from and scored, but over which no expectation has a closed form.
//!
//! With h_k drawn from q(h | v) and w_k = p(v, h_k) / q(h_k | v), E[ln (1/K) Σ_k w_k] is the ELBO at K = 1, never falls in K, and tends to
//! ln p(v) (Burda, Grosse & Salakhutdinov 2016, theorem 1). Each value is a *stochastic* lower bound: below ln p(v) on average, and by
//! more than x nats above it with probability at most e^-x.

use super::{Bounded, Guarantee};
use crate::inference::{Recognition, repeat_rows};
use crate::math::{Nats, Result, Stream, Tensor, bail, log_mean_exp, mean_of};
use crate::models::BeliefNet;

/// ln w of `particles` samples for each row of `visible` `[examples, visible]`: `[examples, particles]`, nats, `f64`.
pub fn log_weights(
    net: &BeliefNet,
    recognition: &Recognition,
    visible: &Tensor,
    particles: usize,
    stream: Stream,
) -> Result<Tensor> {
    let samples = recognition.sample(visible, particles, stream)?;
    let log_q = samples.log_prob()?;
    let states = [vec![repeat_rows(visible, particles)?], samples.states].concat();
    (net.log_joint(&states)? - log_q)?.reshape((visible.dim(0)?, particles))
}

/// A bound with `particles` samples for each example, and how well it is known.
#[derive(Clone, Debug, PartialEq)]
pub struct ImportanceBound {
    /// Samples K under each logarithm.
    pub particles: usize,
    /// The bound of each example, mean over independent sets of K samples, nats.
    pub nats: Nats,
    /// Its standard error over the sets; NaN of a single set.
    pub errors: Nats,
}

impl ImportanceBound {
    /// From log weights `[examples, samples]`, cut into sets of `particles`; what is left over is not used.
    pub fn of(log_weights: &Tensor, particles: usize) -> Result<Self> {
        let samples = log_weights.dim(1)?;
        if particles == 0 || particles > samples {
            bail!("a bound with {particles} samples was asked of {samples}");
        }
        let (mut nats, mut errors) = (Vec::new(), Vec::new());
        for row in log_weights.to_vec2::<f64>()? {
            let sets: Nats = row.chunks_exact(particles).map(log_mean_exp).collect();
            let (mean, count) = (mean_of(&sets), sets.len() as f64);
            let squares: f64 = sets.iter().map(|set| (set - mean).powi(2)).sum();
            nats.push(mean);
            errors.push((squares / (count - 1.0) / count).sqrt());
        }
        Ok(Self { particles, nats, errors })
    }

    /// Mean over examples; the error is that of sampling q, not that of the choice of examples.
    pub fn average(&self) -> Bounded {
        let squares: f64 = self.errors.iter().map(|error| error * error).sum();
        let error = squares.sqrt() / self.errors.len() as f64;
        Bounded { nats: mean_of(&self.nats), error: Some(error), guarantee: Guarantee::StochasticLowerBound }
    }
}
