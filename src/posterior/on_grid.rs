//! Factors of any shape: q(h) = Π_i q_i(h_i), each a density on the points of a grid.
//!
//! Moments, entropy and normaliser are integrals by the rule of each axis. One example; nothing is assumed of the form of a factor.

use super::Posterior;
use crate::math::{Device, Layers, Quadrature, Result, Tensor, bail};

/// One density for each latent.
#[derive(Clone, Debug)]
pub struct OnGrid {
    axes: Vec<Quadrature>,
    densities: Vec<Vec<f64>>,
    device: Device,
}

impl OnGrid {
    /// From the logarithm of each factor at the points of its axis, up to a constant; fails where the numbers of points differ.
    pub fn normalize(axes: Vec<Quadrature>, log_factors: &[Vec<f64>], device: &Device) -> Result<Self> {
        if axes.len() != log_factors.len() || axes.iter().zip(log_factors).any(|(a, f)| a.points().len() != f.len()) {
            bail!("{} factors do not lie on the points of {} axes", log_factors.len(), axes.len());
        }
        let densities = axes.iter().zip(log_factors).map(|(axis, factor)| normalized(axis, factor)).collect();
        Ok(Self { axes, densities, device: device.clone() })
    }

    /// Factor i replaced, from the logarithm of the new one up to a constant.
    pub fn with_factor(&self, i: usize, log_factor: &[f64]) -> Self {
        let mut next = self.clone();
        next.densities[i] = normalized(&self.axes[i], log_factor);
        next
    }

    /// The points of each axis.
    pub fn axes(&self) -> &[Quadrature] {
        &self.axes
    }

    /// The density of factor i at its points.
    pub fn density(&self, i: usize) -> &[f64] {
        &self.densities[i]
    }

    /// The probability that each point of axis i stands for.
    pub fn masses(&self, i: usize) -> Vec<f64> {
        self.axes[i].weights().iter().zip(&self.densities[i]).map(|(weight, density)| weight * density).collect()
    }

    /// Mean of h_i.
    pub fn mean(&self, i: usize) -> f64 {
        self.moment(i, |h| h)
    }

    /// Variance of h_i.
    pub fn variance(&self, i: usize) -> f64 {
        let mean = self.mean(i);
        self.moment(i, |h| (h - mean).powi(2))
    }

    /// Fourth central moment over the squared variance, less the 3 of a Gaussian.
    pub fn excess_kurtosis(&self, i: usize) -> f64 {
        let mean = self.mean(i);
        self.moment(i, |h| (h - mean).powi(4)) / self.variance(i).powi(2) - 3.0
    }

    /// E[f(h_i)].
    pub fn moment(&self, i: usize, of: impl Fn(f64) -> f64) -> f64 {
        self.masses(i).iter().zip(self.axes[i].points()).map(|(mass, &point)| mass * of(point)).sum()
    }

    /// Differential entropy over all factors, nats.
    pub fn total_entropy(&self) -> f64 {
        let of = |(axis, density): (&Quadrature, &Vec<f64>)| {
            let terms: Vec<f64> = density.iter().map(|&p| if p > 0.0 { -p * p.ln() } else { 0.0 }).collect();
            axis.integral(&terms)
        };
        self.axes.iter().zip(&self.densities).map(of).sum()
    }
}

impl Posterior for OnGrid {
    fn means(&self) -> Result<Layers> {
        let means: Vec<f64> = (0..self.axes.len()).map(|i| self.mean(i)).collect();
        Ok(vec![Tensor::from_vec(means, (1, self.axes.len()), &self.device)?])
    }

    fn entropy(&self) -> Result<Tensor> {
        Tensor::new(&[self.total_entropy()], &self.device)
    }
}

fn normalized(axis: &Quadrature, log_factor: &[f64]) -> Vec<f64> {
    let total = axis.log_integral(log_factor);
    log_factor.iter().map(|value| (value - total).exp()).collect()
}
