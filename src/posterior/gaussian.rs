//! The Gaussian family with full covariance: q(h | v) = N(h; mean(v), covariance), the exact posterior of linear Gaussian models.
//!
//! H(q) = k/2 ln(2πe) + 1/2 ln det C for k units (Cover & Thomas 2006, theorem 8.4.1). In a linear Gaussian model C does not
//! depend on v, so one matrix serves all examples. `mean` is E[h | v], `covariance` is C.

use super::{Moments, Posterior};
use crate::math::{DType, Layers, Result, Tensor, bail, double, log_determinant_positive};
use std::f64::consts::{E, TAU};

/// One normal distribution per example, all with the same covariance.
#[derive(Clone, Debug)]
pub struct Gaussian {
    mean: Tensor,
    covariance: Tensor,
}

impl Gaussian {
    /// From means `[examples, units]` and the covariance `[units, units]` of every example; fails where they do not fit.
    pub fn new(mean: Tensor, covariance: Tensor) -> Result<Self> {
        let (_, units) = mean.dims2()?;
        if covariance.dims() != [units, units] {
            bail!("means of {units} units ask for a covariance [{units}, {units}], not {:?}", covariance.dims());
        }
        Ok(Self { mean, covariance })
    }

    /// E[h | v], `[examples, units]`.
    pub fn mean(&self) -> &Tensor {
        &self.mean
    }

    /// Covariance of the units, `[units, units]`, of every example.
    pub fn covariance(&self) -> &Tensor {
        &self.covariance
    }
}

impl Posterior for Gaussian {
    fn means(&self) -> Result<Layers> {
        Ok(vec![self.mean.clone()])
    }

    fn entropy(&self) -> Result<Tensor> {
        let (examples, units) = self.mean.dims2()?;
        let each = 0.5 * (units as f64 * (TAU * E).ln() + log_determinant_positive(&self.covariance)?);
        Tensor::full(each, examples, self.mean.device())?.to_dtype(DType::F64)
    }
}

impl Moments for Gaussian {
    fn moments(&self) -> Result<(Tensor, Tensor)> {
        let mean = double(&self.mean)?;
        let pairs = mean.t()?.matmul(&mean)?;
        Ok((mean.clone(), ((pairs / mean.dim(0)? as f64)? + double(&self.covariance)?)?))
    }
}
