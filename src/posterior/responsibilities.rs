//! The table of a mixture: q(component | v), the responsibility that each component takes for each example.

use super::Posterior;
use crate::math::{Layers, Nats, Result, Tensor, host, log_sum_exp};

/// One discrete hidden variable per example, by the logarithms of its probabilities.
#[derive(Clone, Debug)]
pub struct Responsibilities {
    log_probs: Tensor,
}

impl Responsibilities {
    /// From unnormalised log weights `[examples, components]` (`f64`); also returns each example's log normaliser, nats.
    pub fn normalize(log_weights: &Tensor) -> Result<(Self, Nats)> {
        let log_normalizers: Nats = log_weights.to_vec2::<f64>()?.iter().map(|row| log_sum_exp(row)).collect();
        let column = Tensor::from_slice(&log_normalizers, (log_normalizers.len(), 1), log_weights.device())?;
        Ok((Self { log_probs: log_weights.broadcast_sub(&column)? }, log_normalizers))
    }

    /// ln q of each component, `[examples, components]`, `f64`.
    pub fn log_probs(&self) -> &Tensor {
        &self.log_probs
    }

    /// q of each component, `[examples, components]`, `f64`.
    pub fn probs(&self) -> Result<Tensor> {
        self.log_probs.exp()
    }

    /// Σ_component q f of each example, for values `[examples, components]`, nats; a component that q rules out counts nothing,
    /// even where its value is infinite.
    pub fn average(&self, values: &Tensor) -> Result<Nats> {
        let (_, components) = self.log_probs.dims2()?;
        let (log_probs, values) = (host(&self.log_probs)?, host(values)?);
        let term = |(log_prob, value): (&f64, &f64)| {
            let prob = log_prob.exp();
            if prob == 0.0 { 0.0 } else { prob * value }
        };
        let rows = log_probs.chunks(components).zip(values.chunks(components));
        Ok(rows.map(|(log_probs, values)| log_probs.iter().zip(values).map(term).sum()).collect())
    }
}

impl Posterior for Responsibilities {
    /// One layer: the probabilities, which are the means of the components' indicators.
    fn means(&self) -> Result<Layers> {
        Ok(vec![self.probs()?])
    }

    fn entropy(&self) -> Result<Tensor> {
        let entropies: Nats = self.average(&self.log_probs)?.iter().map(|mean| -mean).collect();
        Tensor::from_slice(&entropies, entropies.len(), self.log_probs.device())
    }
}
