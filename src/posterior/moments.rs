//! First and second moments of the hidden units: all that the M step of a linear model asks of q.
//!
//! E_q[h] of each example and the mean over examples of E_q[h hᵀ] (Ghahramani & Hinton 1996, "The EM algorithm for mixtures of
//! factor analyzers", section 2). Binary units have E[h_i²] = E[h_i], so the diagonal of the second is the mean of the first.

use super::{Factorial, Posterior};
use crate::math::{Result, Tensor, double, mean_over_examples};

/// Families of q whose first two moments have a closed form.
pub trait Moments: Posterior {
    /// E_q(h) `[examples, units]`, and the mean over examples of E_q(h hᵀ) `[units, units]`, both `f64`, the units of all layers
    /// side by side.
    fn moments(&self) -> Result<(Tensor, Tensor)>;
}

/// For units with the states 0 and 1.
impl Moments for Factorial {
    fn moments(&self) -> Result<(Tensor, Tensor)> {
        let means = double(&Tensor::cat(&self.means()?, 1)?)?;
        // Independent units: E[h_i h_j] is the product of the means, but E[h_i²] is the mean.
        let pairs = (means.t()?.matmul(&means)? / means.dim(0)? as f64)?;
        let own = mean_over_examples(&(&means - means.sqr()?)?)?;
        let units = own.elem_count();
        let diagonal = Tensor::eye(units, own.dtype(), own.device())?.broadcast_mul(&own)?;
        Ok((means, (pairs + diagonal)?))
    }
}
