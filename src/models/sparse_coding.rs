//! Sparse coding: few of many Laplace-distributed causes explain an example, up to Gaussian noise.
//!
//! p(h_i) = (λ/2) exp(-λ |h_i|), p(v | h) = N(v; W h, I/β) (Goodfellow, Bengio & Courville 2016, equations 19.14 and 19.15). So
//! -ln p(h, v) = J + constant with J = λ ‖h‖₁ + (β/2) ‖v - W h‖², per example. Two precisions have names of their own: β = 2 is the
//! chapter's objective, λ ‖h‖₁ + ‖v - W h‖² (equation 19.16), and β = 1 the half form of the lasso, λ ‖h‖₁ + ½ ‖v - W h‖². The same
//! codes minimise λ in the one and λ/2 in the other. `weight` is W with one atom in each column, `lambda` λ, `precision` β.

use super::Lasso;
use crate::math::{DType, Nats, Result, Stream, Tensor, bail, host, inner, sum_units};
use std::f64::consts::{LN_2, TAU};

/// A dictionary, how much a code costs and how exact the examples are.
#[derive(Clone, Debug)]
pub struct SparseCoding {
    weight: Tensor,
    lambda: f64,
    precision: f64,
}

impl SparseCoding {
    /// A dictionary `[visible, atoms]`, one atom in each column. An error unless λ and β are positive and finite.
    pub fn new(weight: Tensor, lambda: f64, precision: f64) -> Result<Self> {
        weight.dims2()?;
        let positive = |value: f64| value > 0.0 && value.is_finite();
        if !positive(lambda) || !positive(precision) {
            bail!("lambda and the precision must be positive; they are {lambda} and {precision}");
        }
        Ok(Self { weight, lambda, precision })
    }

    /// With the chapter's objective, λ ‖h‖₁ + ‖v - W h‖².
    pub fn chapter(weight: Tensor, lambda: f64) -> Result<Self> {
        Self::new(weight, lambda, 2.0)
    }

    /// With the half form, λ ‖h‖₁ + ½ ‖v - W h‖².
    pub fn half(weight: Tensor, lambda: f64) -> Result<Self> {
        Self::new(weight, lambda, 1.0)
    }

    /// Normal atoms of length 1, `[visible, atoms]` of the type and on the device of `like`.
    pub fn random_atoms(visible: usize, atoms: usize, stream: Stream, like: &Tensor) -> Result<Tensor> {
        unit_columns(&stream.normal(visible, atoms, like.dtype(), like.device())?)
    }

    /// The dictionary `[visible, atoms]`.
    pub fn weight(&self) -> &Tensor {
        &self.weight
    }

    /// λ, the rate of the prior.
    pub fn lambda(&self) -> f64 {
        self.lambda
    }

    /// β, the precision of the noise.
    pub fn precision(&self) -> f64 {
        self.precision
    }

    /// λ/β, the λ of the half form that has the same codes.
    pub fn penalty(&self) -> f64 {
        self.lambda / self.precision
    }

    /// The same prior and noise with another dictionary.
    pub fn with_weight(&self, weight: Tensor) -> Result<Self> {
        Self::new(weight, self.lambda, self.precision)
    }

    /// Mean of the visible units given codes `[examples, atoms]`, `[examples, visible]`.
    pub fn reconstruct(&self, codes: &Tensor) -> Result<Tensor> {
        codes.matmul(&self.weight.t()?)
    }

    /// J of each example, `visible` `[examples, visible]` and `codes` `[examples, atoms]`, from the residual itself.
    pub fn objective(&self, visible: &Tensor, codes: &Tensor) -> Result<Nats> {
        let residual = (visible - self.reconstruct(codes)?)?;
        let errors = (inner(&residual, &residual)? * (0.5 * self.precision))?;
        host(&(errors + (sum_units(&codes.abs()?)? * self.lambda)?)?)
    }

    /// ln p(h, v) of each example, nats: a density in both, so that it may be positive.
    pub fn log_joint(&self, visible: &Tensor, codes: &Tensor) -> Result<Nats> {
        let (visible_units, atoms) = self.weight.dims2()?;
        let of_codes = atoms as f64 * (self.lambda.ln() - LN_2);
        let of_noise = 0.5 * visible_units as f64 * (self.precision / TAU).ln();
        Ok(self.objective(visible, codes)?.iter().map(|cost| of_codes + of_noise - cost).collect())
    }

    /// The codes' problem with `visible` `[examples, visible]` fixed.
    pub fn clamp(&self, visible: &Tensor) -> Result<Lasso> {
        Lasso::new(&self.weight, visible, self.lambda, self.precision)
    }
}

/// Columns divided by their lengths, which must not be zero.
pub fn unit_columns(matrix: &Tensor) -> Result<Tensor> {
    matrix.broadcast_div(&lengths(matrix)?.unsqueeze(0)?)
}

/// Euclidean length of each column, `[columns]`.
pub fn lengths(matrix: &Tensor) -> Result<Tensor> {
    let rows = matrix.t()?.contiguous()?;
    rows.to_dtype(DType::F64)?.sqr()?.sum(1)?.sqrt()?.to_dtype(matrix.dtype())
}
