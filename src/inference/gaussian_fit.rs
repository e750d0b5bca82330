//! The Gaussian without correlations that maximises the ELBO of any joint whose expectation under it is known.
//!
//! L(μ, s) = E_q[ln p̃] + Σ_j ½ ln(2πe s_j²). The step is the natural gradient, s_j² ∂L/∂μ_j and ½ ∂L/∂ln s_j (Amari 1998), shortened until L
//! rises; on a Gaussian target it is exact in μ at once. As s → 0 with μ held, L falls by ln s per latent without end (book section 19.3).

use crate::math::{Quadrature, Result, bail};
use crate::models::{Expected, GaussianExpectation};
use std::f64::consts::{E, TAU};

/// A Gaussian without correlations and its ELBO.
#[derive(Clone, Debug, PartialEq)]
pub struct GaussianFit {
    /// μ.
    pub mean: Vec<f64>,
    /// s.
    pub deviation: Vec<f64>,
    /// L(μ, s), nats.
    pub elbo: f64,
    /// Whether the last step was shorter than the tolerance.
    pub converged: bool,
}

/// L(μ, s), nats.
pub fn gaussian_elbo(target: &impl GaussianExpectation, mean: &[f64], deviation: &[f64]) -> f64 {
    target.expected(mean, deviation).value + deviation.iter().map(|s| 0.5 * (TAU * E * s * s).ln()).sum::<f64>()
}

/// Σ_j ∂L/∂ln s_j, nats per factor e: how L changes as all deviations are stretched together.
pub fn elbo_slope_in_log_deviation(target: &impl GaussianExpectation, mean: &[f64], deviation: &[f64]) -> f64 {
    let by_deviation = target.expected(mean, deviation).by_deviation;
    by_deviation.iter().zip(deviation).map(|(by, s)| by * s + 1.0).sum()
}

/// Ascends from a mean and a deviation until no step of 1e-11 is left, or for `steps` steps; which of several maxima it finds depends on
/// the start. Fails for deviations that are not positive.
pub fn best_gaussian(
    target: &impl GaussianExpectation,
    mean: &[f64],
    deviation: &[f64],
    steps: usize,
) -> Result<GaussianFit> {
    if mean.len() != deviation.len() || deviation.iter().any(|s| s.is_nan() || *s <= 0.0) {
        bail!("{} means and deviations {deviation:?} make no Gaussian", mean.len());
    }
    let elbo = gaussian_elbo(target, mean, deviation);
    let mut fit = GaussianFit { mean: mean.to_vec(), deviation: deviation.to_vec(), elbo, converged: false };
    for _ in 0..steps {
        let natural = natural_gradient(&fit, &target.expected(&fit.mean, &fit.deviation));
        if natural.iter().flatten().all(|step| step.abs() < 1e-11) {
            fit.converged = true;
            break;
        }
        let shares = (0..60).map(|halvings| 0.5_f64.powi(halvings));
        let Some(next) = shares.map(|share| moved(target, &fit, &natural, share)).find(|next| next.elbo > fit.elbo)
        else {
            // No step rises any more: the maximum up to rounding.
            fit.converged = true;
            break;
        };
        fit = next;
    }
    Ok(fit)
}

/// (step of the mean, step of ln s) of each latent.
fn natural_gradient(fit: &GaussianFit, expected: &Expected) -> Vec<[f64; 2]> {
    let slopes = expected.by_mean.iter().zip(&expected.by_deviation);
    fit.deviation.iter().zip(slopes).map(|(s, (by_mean, by_s))| [s * s * by_mean, 0.5 * (by_s * s + 1.0)]).collect()
}

fn moved(target: &impl GaussianExpectation, fit: &GaussianFit, natural: &[[f64; 2]], share: f64) -> GaussianFit {
    let mean: Vec<f64> = fit.mean.iter().zip(natural).map(|(m, [step, _])| m + share * step).collect();
    let deviation: Vec<f64> =
        fit.deviation.iter().zip(natural).map(|(s, [_, step])| s * (share * step).exp()).collect();
    let elbo = gaussian_elbo(target, &mean, &deviation);
    GaussianFit { mean, deviation, elbo, converged: false }
}

/// A density on a line, given as ln p and its slope, with expectations by quadrature over the standard normal variable ε = (x - μ) / s.
pub struct OnLine<F> {
    /// x to (ln p(x), d ln p(x)/dx).
    pub log_density: F,
    /// Points of ε.
    pub rule: Quadrature,
}

impl<F: Fn(f64) -> (f64, f64)> GaussianExpectation for OnLine<F> {
    fn expected(&self, mean: &[f64], deviation: &[f64]) -> Expected {
        let mut sums = [0.0; 3];
        for (&noise, weight) in self.rule.points().iter().zip(self.rule.weights()) {
            let mass = weight * (-0.5 * noise * noise).exp() / TAU.sqrt();
            let (value, slope) = (self.log_density)(mean[0] + deviation[0] * noise);
            sums[0] += mass * value;
            sums[1] += mass * slope;
            sums[2] += mass * slope * noise;
        }
        Expected { value: sums[0], by_mean: vec![sums[1]], by_deviation: vec![sums[2]] }
    }
}
