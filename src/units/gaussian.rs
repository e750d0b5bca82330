//! Real-valued units with normal noise.
//!
//! p(v | x) = N(x σ², σ²) where x is the input: base measure e^{-v²/2σ²}. A layer of a machine that has them keeps weights and biases in
//! the units of its values, mean = b + W h, and sends and receives by way of the precision 1/σ² (Cho, Ilin & Raiko 2011): the input is
//! (b + W h) / σ², and what is sent is v / σ². Then a variance can be learned without moving the means.

use super::{Kind, Units};
use crate::math::{Result, Stream, Tensor, bail};
use std::f64::consts::TAU;
use std::sync::Arc;

/// Bounds of ln σ²: deviations from 0.01 to 100 times the unit of the data.
const LOG_VARIANCE: [f64; 2] = [-9.2, 9.2];

/// Normal noise with a variance of its own in each unit.
#[derive(Clone, Debug)]
pub struct Gaussian {
    /// ln σ², `[units]`, or `[1]` for all units alike.
    log_variance: Tensor,
    precision: Tensor,
    learned: bool,
}

impl Gaussian {
    /// With ln σ² `[units]`, which training moves if it is `learned`; kept within deviations of 0.01 to 100.
    pub fn new(log_variance: &Tensor, learned: bool) -> Result<Self> {
        let log_variance = log_variance.clamp(LOG_VARIANCE[0], LOG_VARIANCE[1])?;
        if log_variance.rank() != 1 {
            bail!("log variances are one number a unit, not {:?}", log_variance.dims());
        }
        Ok(Self { precision: log_variance.neg()?.exp()?, log_variance, learned })
    }

    /// ln σ², `[units]`.
    pub fn log_variance(&self) -> &Tensor {
        &self.log_variance
    }

    fn variance_like(&self, like: &Tensor) -> Result<Tensor> {
        self.log_variance.to_dtype(like.dtype())?.exp()
    }

    fn precision_like(&self, like: &Tensor) -> Result<Tensor> {
        self.log_variance.to_dtype(like.dtype())?.neg()?.exp()
    }
}

impl Units for Gaussian {
    fn name(&self) -> &'static str {
        "gaussian"
    }

    fn log_normalizer(&self, input: &Tensor) -> Result<Tensor> {
        let own = ((self.log_variance.to_dtype(input.dtype())? + TAU.ln())? * 0.5)?;
        (input.sqr()?.broadcast_mul(&self.variance_like(input)?)? * 0.5)?.broadcast_add(&own)
    }

    fn mean(&self, input: &Tensor) -> Result<Tensor> {
        input.broadcast_mul(&self.variance_like(input)?)
    }

    fn variance(&self, input: &Tensor) -> Result<Tensor> {
        input.zeros_like()?.broadcast_add(&self.variance_like(input)?)
    }

    fn mode(&self, input: &Tensor) -> Result<Tensor> {
        self.mean(input)
    }

    fn sample(&self, input: &Tensor, stream: Stream) -> Result<Tensor> {
        let (rows, units) = input.dims2()?;
        let noise = stream.normal(rows, units, input.dtype(), input.device())?;
        self.mean(input)? + noise.broadcast_mul(&self.variance_like(input)?.sqrt()?)?
    }

    fn log_base(&self, state: &Tensor) -> Result<Tensor> {
        state.sqr()?.broadcast_mul(&self.precision_like(state)?)? * -0.5
    }

    fn expected_log_base(&self, input: &Tensor) -> Result<Tensor> {
        // E[v²] / σ² is one more than the square of the mean.
        self.log_base(&self.mean(input)?)? - 0.5
    }

    fn entropy(&self, input: &Tensor) -> Result<Tensor> {
        let own = ((self.log_variance.to_dtype(input.dtype())? + (1.0 + TAU.ln()))? * 0.5)?;
        input.zeros_like()?.broadcast_add(&own)
    }

    fn mix(&self, old: &Tensor, new: &Tensor, share: f64) -> Result<Tensor> {
        (old * share)? + (new * (1.0 - share))?
    }

    fn input_of_mean(&self, mean: &Tensor) -> Result<Tensor> {
        mean.broadcast_mul(&self.precision_like(mean)?)
    }

    fn states(&self) -> Option<&'static [f64]> {
        None
    }

    fn precision(&self) -> Option<&Tensor> {
        Some(&self.precision)
    }

    fn log_variance(&self) -> Option<&Tensor> {
        Some(&self.log_variance)
    }

    fn learns_variance(&self) -> bool {
        self.learned
    }

    fn with_log_variance(&self, log_variance: &Tensor) -> Result<Kind> {
        Ok(Arc::new(Self::new(log_variance, self.learned)?))
    }
}
