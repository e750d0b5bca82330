//! Iterative soft thresholding unrolled into a network whose weights are learned (Gregor & LeCun 2010, "Learning fast approximations of
//! sparse coding").
//!
//! h_0 = S(v E, θ), h_{t+1} = S(v E + h_t M, θ), and h_T is the answer. With E = W / L, M = I - Wᵀ W / L and θ = κ / L it is T + 1
//! iterations of ISTA from zero. `encode` is E `[visible, atoms]`, `lateral` M `[atoms, atoms]`: through it units compete, which an
//! encoder of one layer cannot. `thresholds` is θ `[atoms]`, never negative; `layers` is T.

use crate::math::{Result, Tensor, spectral_norm_squared};
use crate::models::SparseCoding;

/// A network of a fixed number of thresholdings, whose weights can be learned.
pub trait Unrolled: Sized {
    /// What is learned.
    fn parameters(&self) -> Vec<Tensor>;

    /// The network with other parameters, in the order of `parameters`; thresholds below zero become zero.
    fn with_parameters(&self, parameters: Vec<Tensor>) -> Result<Self>;

    /// The same as they are: where a gradient is taken, nothing is cut.
    fn with_any(&self, parameters: &[Tensor]) -> Result<Self>;

    /// Codes of `visible` `[examples, visible]`, `[examples, atoms]`.
    fn encode(&self, visible: &Tensor) -> Result<Tensor>;
}

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

    /// S, written so that it can be differentiated with respect to the thresholds.
    fn threshold(&self, values: &Tensor) -> Result<Tensor> {
        soft_threshold(values, &self.thresholds)
    }
}

/// S(x, θ) = sign(x) max(|x| - θ, 0), written so that it can be differentiated with respect to θ, which is broadcast.
pub fn soft_threshold(values: &Tensor, thresholds: &Tensor) -> Result<Tensor> {
    let above = values.broadcast_sub(thresholds)?.relu()?;
    above - values.neg()?.broadcast_sub(thresholds)?.relu()?
}

/// Three tensors out of a list that must have as many.
pub fn three(parameters: Vec<Tensor>) -> Result<[Tensor; 3]> {
    let given = parameters.len();
    parameters.try_into().map_err(|_| candle_core::Error::msg(format!("{given} tensors for the three of this network")))
}

impl Unrolled for Lista {
    fn parameters(&self) -> Vec<Tensor> {
        vec![self.encode.clone(), self.lateral.clone(), self.thresholds.clone()]
    }

    fn with_parameters(&self, parameters: Vec<Tensor>) -> Result<Self> {
        let [encode, lateral, thresholds] = three(parameters)?;
        Ok(Self { encode, lateral, thresholds: thresholds.relu()?, layers: self.layers })
    }

    fn with_any(&self, parameters: &[Tensor]) -> Result<Self> {
        let [encode, lateral, thresholds] = three(parameters.to_vec())?;
        Ok(Self { encode, lateral, thresholds, layers: self.layers })
    }

    fn encode(&self, visible: &Tensor) -> Result<Tensor> {
        let driven = visible.matmul(&self.encode)?;
        let mut codes = self.threshold(&driven)?;
        for _ in 0..self.layers {
            codes = self.threshold(&(&driven + codes.matmul(&self.lateral)?)?)?;
        }
        Ok(codes)
    }
}
