//! Gaussians without correlations: q(z | x) = Π_j N(z_j; μ_j, s_j²), stored as means and logarithms of variances.
//!
//! H(q) = ½ Σ (ln 2πe + ln s²), and KL(q ‖ N(0, I)) = ½ Σ (s² + μ² - 1 - ln s²) (Kingma & Welling 2014, appendix B). `mean` is μ,
//! `log_variance` is ln s²; both `[examples, latents]`.

use super::Posterior;
use crate::math::{Layers, Result, Tensor, bail, sum_units};

/// One Gaussian per example.
#[derive(Clone, Debug)]
pub struct DiagonalGaussian {
    mean: Tensor,
    log_variance: Tensor,
}

impl DiagonalGaussian {
    /// From means and logarithms of variances, both `[examples, latents]`; fails where their shapes differ.
    pub fn new(mean: Tensor, log_variance: Tensor) -> Result<Self> {
        if mean.dims() != log_variance.dims() || mean.rank() != 2 {
            bail!("means {:?} and variances {:?} make no Gaussians", mean.dims(), log_variance.dims());
        }
        Ok(Self { mean, log_variance })
    }

    /// μ, `[examples, latents]`.
    pub fn mean(&self) -> &Tensor {
        &self.mean
    }

    /// ln s², `[examples, latents]`.
    pub fn log_variance(&self) -> &Tensor {
        &self.log_variance
    }

    /// s, `[examples, latents]`.
    pub fn deviation(&self) -> Result<Tensor> {
        (&self.log_variance * 0.5)?.exp()
    }

    /// z = μ + s ε for standard normal `noise` `[examples, latents]`: a sample that is a differentiable function of μ and s.
    pub fn reparameterised(&self, noise: &Tensor) -> Result<Tensor> {
        &self.mean + (self.deviation()? * noise)?
    }

    /// Each latent's part of KL(q ‖ N(0, I)), `[examples, latents]`, nats; differentiable.
    pub fn kl_terms(&self) -> Result<Tensor> {
        let second = (self.log_variance.exp()? + self.mean.sqr()?)?;
        ((second - &self.log_variance)? - 1.0)? * 0.5
    }

    /// KL(q ‖ N(0, I)) of each example, `[examples]`, nats, `f64`.
    pub fn kl_to_standard(&self) -> Result<Tensor> {
        sum_units(&self.kl_terms()?)
    }

    /// ln q(z) of each example at `latents` `[examples, latents]`, `[examples]`, nats, `f64`.
    pub fn log_density(&self, latents: &Tensor) -> Result<Tensor> {
        let distance = ((latents - &self.mean)? / self.deviation()?)?;
        let terms = ((distance.sqr()? + &self.log_variance)? + std::f64::consts::TAU.ln())?;
        sum_units(&terms)? * -0.5
    }
}

impl Posterior for DiagonalGaussian {
    fn means(&self) -> Result<Layers> {
        Ok(vec![self.mean.clone()])
    }

    fn entropy(&self) -> Result<Tensor> {
        sum_units(&((&self.log_variance + (std::f64::consts::TAU.ln() + 1.0))? * 0.5)?)
    }
}
