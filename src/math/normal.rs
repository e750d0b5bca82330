//! The multivariate normal density.
//!
//! ln N(x; m, C) = -1/2 (n ln 2π + ln det C + (x - m)ᵀ C⁻¹ (x - m)).

use super::{Nats, Result, Tensor, double, host, inner, log_determinant_positive, solve_positive};
use std::f64::consts::TAU;

/// ln N of each row of `values` `[examples, n]`, for a mean `[n]` and a covariance `[n, n]`, nats. An error if the covariance is not
/// positive definite.
pub fn log_normal_density(values: &Tensor, mean: &Tensor, covariance: &Tensor) -> Result<Nats> {
    let centred = double(values)?.broadcast_sub(&double(mean)?)?;
    let solved = solve_positive(&double(covariance)?, &centred.t()?.contiguous()?)?.t()?.contiguous()?;
    let constant = centred.dim(1)? as f64 * TAU.ln() + log_determinant_positive(covariance)?;
    Ok(host(&inner(&centred, &solved)?)?.iter().map(|distance| -0.5 * (constant + distance)).collect())
}
