//! Iterative soft thresholding unrolled into a network whose weights are learned (Gregor & LeCun 2010, "Learning fast approximations of
//! sparse coding").
//!
//! h_0 = S(v E, θ), h_{t+1} = S(v E + h_t M, θ), and h_T is the answer. With E = W / L, M = I - Wᵀ W / L and θ = κ / L it is T + 1
//! iterations of ISTA from zero. `encode` is E `[visible, atoms]`, `lateral` M `[atoms, atoms]`: through it units compete, which an
//! encoder of one layer cannot. `thresholds` is θ `[atoms]`, never negative; `layers` is T.

use crate::math::{Result, Tensor, spectral_norm_squared};
use crate::models::SparseCoding;

/// An encoder with the structure of ISTA.
#[derive(Clone, Debug)]
pub struct Lista {
    /// E, `[visible, atoms]`.
    pub encode: Tensor,
    /// M, `[atoms, atoms]`.
    pub lateral: Tensor,
    /// θ, `[atoms]`.
    pub thresholds: Tensor,
    /// T, how often codes go through `lateral`.
    pub layers: usize,
}

impl Lista {
    /// The weights with which it is ISTA.
    pub fn of(model: &SparseCoding, layers: usize) -> Result<Self> {
        let weight = model.weight();
        let (atoms, lipschitz) = (weight.dim(1)?, spectral_norm_squared(weight)?);
        let gram = weight.t()?.contiguous()?.matmul(weight)?;
        let identity = Tensor::eye(atoms, weight.dtype(), weight.device())?;
        let thresholds = Tensor::ones(atoms, weight.dtype(), weight.device())?;
        Ok(Self {
            encode: (weight / lipschitz)?,
            lateral: (identity - (gram / lipschitz)?)?,
            thresholds: (thresholds * (model.penalty() / lipschitz))?,
            layers,
        })
    }

    /// `encode`, `lateral` and `thresholds`: what is learned.
    pub fn parameters(&self) -> Vec<Tensor> {
        vec![self.encode.clone(), self.lateral.clone(), self.thresholds.clone()]
    }

    /// The network with other parameters, in the order of `parameters`; thresholds below zero become zero.
    pub fn with_parameters(&self, parameters: Vec<Tensor>) -> Result<Self> {
        match <[Tensor; 3]>::try_from(parameters) {
            Ok([encode, lateral, thresholds]) => {
                Ok(Self { encode, lateral, thresholds: thresholds.relu()?, layers: self.layers })
            }
            Err(given) => candle_core::bail!("{} tensors for the three of this network", given.len()),
        }
    }

    /// Codes of `visible` `[examples, visible]`, `[examples, atoms]`.
    pub fn encode(&self, visible: &Tensor) -> Result<Tensor> {
        let driven = visible.matmul(&self.encode)?;
        let mut codes = self.threshold(&driven)?;
        for _ in 0..self.layers {
            codes = self.threshold(&(&driven + codes.matmul(&self.lateral)?)?)?;
        }
        Ok(codes)
    }

    /// S, written so that it can be differentiated with respect to the thresholds.
    fn threshold(&self, values: &Tensor) -> Result<Tensor> {
        let above = values.broadcast_sub(&self.thresholds)?.relu()?;
        above - values.neg()?.broadcast_sub(&self.thresholds)?.relu()?
    }
}
