//! Binary units with states 0 and 1.

use super::Units;
use crate::math::{
    Result, Stream, Tensor, entropy_of_binary, ln_one_plus_exp, sample_binary, sigmoid, total_entropy_of_binary,
    total_ln_one_plus_exp,
};

/// p(1 | x) = σ(x); log-normaliser ln(1 + e^x); base measure 1.
#[derive(Clone, Copy, Debug)]
pub struct Binary;

impl Units for Binary {
    fn name(&self) -> &'static str {
        "binary"
    }

    fn log_normalizer(&self, input: &Tensor) -> Result<Tensor> {
        ln_one_plus_exp(input)
    }

    fn mean(&self, input: &Tensor) -> Result<Tensor> {
        sigmoid(input)
    }

    fn variance(&self, input: &Tensor) -> Result<Tensor> {
        sigmoid(input)? * sigmoid(&input.neg()?)?
    }

    fn mode(&self, input: &Tensor) -> Result<Tensor> {
        input.gt(0.0)?.to_dtype(input.dtype())
    }

    fn sample(&self, input: &Tensor, stream: Stream) -> Result<Tensor> {
        sample_binary(input, stream)
    }

    fn log_base(&self, state: &Tensor) -> Result<Tensor> {
        state.zeros_like()
    }

    fn expected_log_base(&self, input: &Tensor) -> Result<Tensor> {
        input.zeros_like()
    }

    fn entropy(&self, input: &Tensor) -> Result<Tensor> {
        entropy_of_binary(input)
    }

    fn total_log_normalizer(&self, input: &Tensor) -> Result<Tensor> {
        total_ln_one_plus_exp(input)
    }

    fn total_entropy(&self, input: &Tensor) -> Result<Tensor> {
        total_entropy_of_binary(input)
    }

    fn mix(&self, old: &Tensor, new: &Tensor, share: f64) -> Result<Tensor> {
        // ln P(1) and ln P(0) are each the log of a sum of two, so nothing is one minus another or overflows.
        let log_sum = |old: Tensor, new: Tensor| {
            let (old, new) = ((share.ln() - old)?, ((1.0 - share).ln() - new)?);
            old.maximum(&new)? + ln_one_plus_exp(&(old - new)?.abs()?.neg()?)?
        };
        let cost = |input: &Tensor| ln_one_plus_exp(input);
        log_sum(cost(&old.neg()?)?, cost(&new.neg()?)?)? - log_sum(cost(old)?, cost(new)?)?
    }

    fn input_of_mean(&self, mean: &Tensor) -> Result<Tensor> {
        // A mean of exactly 0 or 1 has no finite input; half the spacing of f32 below 1 stands in for it.
        let edge = f64::from(f32::EPSILON) / 2.0;
        let mean = mean.clamp(edge, 1.0 - edge)?;
        mean.log()? - (1.0 - mean)?.log()?
    }

    fn is_logistic(&self) -> bool {
        true
    }

    fn states(&self) -> Option<&'static [f64]> {
        Some(&[0.0, 1.0])
    }
}
