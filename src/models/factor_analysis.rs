//! Factor analysis and probabilistic principal components (Rubin & Thayer 1982; Tipping & Bishop 1999).
//!
//! p(h) = N(h; 0, I) and p(v | h) = N(v; m + W h, diag(ψ)). `mean` is m `[visible]`, `weight` is W `[visible, factors]`, `variances` is ψ
//! `[visible]`: free in factor analysis, one for all in probabilistic PCA. Everything is Gaussian: ln p(v) = ln N(v; m, W Wᵀ + diag(ψ)),
//! p(h | v) = N(h; C Wᵀ ψ⁻¹ (v - m), C) with C = (I + Wᵀ ψ⁻¹ W)⁻¹, one C for all v.

use super::{Evidence, ExpectedJoint};
use crate::math::{
    Nats, Result, Stream, Tensor, bail, double, host, inner, log_normal_density, solve_positive, sum_units,
};
use crate::posterior::Gaussian;
use std::f64::consts::TAU;

/// What the variances of the visible units may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Noise {
    /// One each: factor analysis.
    Diagonal,
    /// The same for all: probabilistic principal components.
    Isotropic,
}

/// A linear Gaussian model with independent noise; `f64`.
#[derive(Clone, Debug)]
pub struct FactorAnalysis {
    mean: Tensor,
    weight: Tensor,
    variances: Tensor,
    noise: Noise,
}

impl FactorAnalysis {
    /// From m `[visible]`, W `[visible, factors]` and ψ `[visible]`, all positive; fails where they do not fit.
    pub fn new(mean: &Tensor, weight: &Tensor, variances: &Tensor, noise: Noise) -> Result<Self> {
        let (visible, factors) = weight.dims2()?;
        if mean.dims() != [visible] || variances.dims() != [visible] || factors == 0 {
            bail!(
                "weight [{visible}, {factors}] asks for mean [{visible}], variances [{visible}] and at least one factor"
            );
        }
        if !host(variances)?.iter().all(|&variance| variance > 0.0 && variance.is_finite()) {
            bail!("the variances of factor analysis have to be above zero");
        }
        Ok(Self { mean: double(mean)?, weight: double(weight)?, variances: double(variances)?, noise })
    }

    /// m, `[visible]`.
    pub fn mean(&self) -> &Tensor {
        &self.mean
    }

    /// W, `[visible, factors]`.
    pub fn weight(&self) -> &Tensor {
        &self.weight
    }

    /// ψ, `[visible]`.
    pub fn variances(&self) -> &Tensor {
        &self.variances
    }

    /// What the variances may be.
    pub fn noise(&self) -> Noise {
        self.noise
    }

    /// W Wᵀ + diag(ψ), the covariance of v, `[visible, visible]`.
    pub fn covariance(&self) -> Result<Tensor> {
        let own = Tensor::eye(self.variances.elem_count(), self.variances.dtype(), self.variances.device())?;
        self.weight.matmul(&self.weight.t()?)? + own.broadcast_mul(&self.variances)?
    }

    /// Wᵀ ψ⁻¹ W, `[factors, factors]`.
    fn information(&self) -> Result<Tensor> {
        self.weight.t()?.matmul(&self.weight.broadcast_div(&self.variances.unsqueeze(1)?)?)
    }

    /// p(h | v) of each example.
    pub fn posterior(&self, visible: &Tensor) -> Result<Gaussian> {
        let factors = self.weight.dim(1)?;
        let identity = Tensor::eye(factors, self.weight.dtype(), self.weight.device())?;
        let covariance = solve_positive(&(self.information()? + &identity)?, &identity)?;
        let weighed = self.weight.broadcast_div(&self.variances.unsqueeze(1)?)?;
        let mean = self.centred(visible)?.matmul(&weighed)?.matmul(&covariance)?;
        Gaussian::new(mean, covariance)
    }

    /// v - m, `[examples, visible]`.
    fn centred(&self, visible: &Tensor) -> Result<Tensor> {
        double(visible)?.broadcast_sub(&self.mean)
    }

    /// Draws `examples` of v, `[examples, visible]`.
    pub fn sample(&self, examples: usize, stream: Stream) -> Result<Tensor> {
        let (visible, factors) = self.weight.dims2()?;
        let normal =
            |name, units| stream.named(name).normal(examples, units, self.weight.dtype(), self.weight.device());
        let noise = normal("visible", visible)?.broadcast_mul(&self.variances.sqrt()?)?;
        (normal("hidden", factors)?.matmul(&self.weight.t()?)? + noise)?.broadcast_add(&self.mean)
    }
}

impl Evidence for FactorAnalysis {
    fn log_evidence(&self, visible: &Tensor) -> Result<Nats> {
        log_normal_density(visible, &self.mean, &self.covariance()?)
    }
}

impl ExpectedJoint<Gaussian> for FactorAnalysis {
    /// Of the squares, E_q((v - m - W h)²) = (v - m - W E(h))² + diag(W C Wᵀ).
    fn expected_joint(&self, visible: &Tensor, q: &Gaussian) -> Result<Nats> {
        let (units, factors) = self.weight.dims2()?;
        let precisions = self.variances.recip()?.unsqueeze(0)?;
        let errors = (self.centred(visible)? - q.mean().matmul(&self.weight.t()?)?)?;
        let squares = inner(&errors.sqr()?, &precisions)?;
        let own = host(&(self.information()? * q.covariance())?.sum_all()?)?[0];
        let spread = host(
            &(q.covariance() * Tensor::eye(factors, q.covariance().dtype(), q.covariance().device())?)?.sum_all()?,
        )?[0];
        let lengths = sum_units(&q.mean().sqr()?)?;
        let constant = (units + factors) as f64 * TAU.ln() + host(&self.variances.log()?.sum_all()?)?[0] + own + spread;
        Ok(host(&(squares + lengths)?)?.iter().map(|sum| -0.5 * (constant + sum)).collect())
    }
}
