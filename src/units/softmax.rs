//! One categorical group over a whole layer: exactly one of its units is 1, the others are 0.
//!
//! p(unit k is the one | x) = e^{x_k} / Σ_j e^{x_j}: the label units of Salakhutdinov & Hinton (2009). A state is one-hot, a mean is a
//! vector of probabilities. Adding the same number to all inputs changes nothing but the log-normaliser.

use super::Units;
use crate::math::{Result, Stream, Tensor, ln_one_plus_exp};
use candle_core::D;

/// Log-normaliser ln Σ_k e^{x_k}; base measure 1. The units are those of the last dimension.
#[derive(Clone, Copy, Debug)]
pub struct Softmax;

/// Inputs less the largest of their row, so that no exponential overflows, and that largest.
fn shifted(input: &Tensor) -> Result<(Tensor, Tensor)> {
    let largest = input.max_keepdim(D::Minus1)?;
    Ok((input.broadcast_sub(&largest)?, largest))
}

/// ln p of each unit.
fn log_probs(input: &Tensor) -> Result<Tensor> {
    let (shifted, _) = shifted(input)?;
    shifted.broadcast_sub(&shifted.exp()?.sum_keepdim(D::Minus1)?.log()?)
}

impl Units for Softmax {
    fn name(&self) -> &'static str {
        "softmax"
    }

    fn log_normalizer(&self, input: &Tensor) -> Result<Tensor> {
        let (shifted, largest) = shifted(input)?;
        largest + shifted.exp()?.sum_keepdim(D::Minus1)?.log()?
    }

    fn mean(&self, input: &Tensor) -> Result<Tensor> {
        let weights = shifted(input)?.0.exp()?;
        weights.broadcast_div(&weights.sum_keepdim(D::Minus1)?)
    }

    fn variance(&self, input: &Tensor) -> Result<Tensor> {
        let mean = self.mean(input)?;
        &mean * (1.0 - &mean)?
    }

    fn mode(&self, input: &Tensor) -> Result<Tensor> {
        let best = input.argmax_keepdim(D::Minus1)?;
        let units = Tensor::arange(0, input.dim(D::Minus1)? as u32, input.device())?;
        let units = units.broadcast_as(input.shape())?;
        units.eq(&best.broadcast_as(input.shape())?)?.to_dtype(input.dtype())
    }

    /// The largest of inputs with Gumbel noise: of a group, it is one of each unit with its probability.
    fn sample(&self, input: &Tensor, stream: Stream) -> Result<Tensor> {
        let (rows, units) = input.dims2()?;
        let uniform = stream.uniform(rows, units, input.dtype(), input.device())?;
        self.mode(&(input - uniform.log()?.neg()?.log()?)?)
    }

    fn log_base(&self, state: &Tensor) -> Result<Tensor> {
        state.zeros_like()
    }

    fn expected_log_base(&self, input: &Tensor) -> Result<Tensor> {
        input.zeros_like()
    }

    fn entropy(&self, input: &Tensor) -> Result<Tensor> {
        let log_probs = log_probs(input)?;
        (log_probs.exp()? * log_probs)?.sum_keepdim(D::Minus1)?.neg()
    }

    fn mix(&self, old: &Tensor, new: &Tensor, share: f64) -> Result<Tensor> {
        let (old, new) = ((log_probs(old)? + share.ln())?, (log_probs(new)? + (1.0 - share).ln())?);
        old.maximum(&new)? + ln_one_plus_exp(&(old - new)?.abs()?.neg()?)?
    }

    fn input_of_mean(&self, mean: &Tensor) -> Result<Tensor> {
        // A probability of exactly 0 has no finite input; half the spacing of f32 below 1 stands in for it.
        mean.maximum(f64::from(f32::EPSILON) / 2.0)?.log()
    }

    fn is_group(&self) -> bool {
        true
    }

    fn states(&self) -> Option<&'static [f64]> {
        Some(&[0.0, 1.0])
    }
}
