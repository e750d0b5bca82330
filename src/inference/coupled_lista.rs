//! Soft thresholding unrolled into a network whose two weights are coupled, and tied over its layers.
//!
//! h_0 = 0, h_{t+1} = S_t(h_t + γ_t (v - h_t Wᵀ) E), t = 0 … T - 1, and h_T is the answer. W `[visible, atoms]` is the dictionary and
//! stays; E `[visible, atoms]`, one for all layers, the steps γ `[T]` and the thresholds θ `[T]` are learned. That the lateral weights
//! are I - γ Wᵀ E is what a network that recovers codes exactly must come to (Chen, Liu, Wang and Yin 2018, theorem 1); steps and
//! thresholds of each layer with one E are those of Liu, Chen, Wang and Yin 2019.
//!
//! S_t thresholds all but the largest codes: the share `trusted` of them grows with the layer up to `most_trusted` (support selection,
//! Chen et al. 2018, section 2.3).

use super::lista::{Unrolled, soft_threshold, three};
use crate::math::{Result, Tensor, spectral_norm_squared};
use crate::models::SparseCoding;

/// An encoder of coupled weights.
#[derive(Clone, Debug)]
pub struct CoupledLista {
    /// W, `[visible, atoms]`.
    pub dictionary: Tensor,
    /// E, `[visible, atoms]`.
    pub encode: Tensor,
    /// γ, `[T]`.
    pub steps: Tensor,
    /// θ, `[T]`.
    pub thresholds: Tensor,
    /// How many of the T layers are used, the first ones.
    pub layers: usize,
    /// Share of the codes that a layer more trusts.
    pub trusted: f64,
    /// Share of the codes that are trusted at most.
    pub most_trusted: f64,
}

impl CoupledLista {
    /// The weights with which `layers` layers are as many iterations of ISTA; nothing is trusted.
    pub fn of(model: &SparseCoding, layers: usize) -> Result<Self> {
        let weight = model.weight();
        let lipschitz = spectral_norm_squared(weight)?;
        let ones = Tensor::ones(layers, weight.dtype(), weight.device())?;
        Ok(Self {
            dictionary: weight.clone(),
            encode: weight.clone(),
            steps: (&ones / lipschitz)?,
            thresholds: (ones * (model.penalty() / lipschitz))?,
            layers,
            trusted: 0.0,
            most_trusted: 0.0,
        })
    }

    /// S of layer `t`.
    fn threshold(&self, t: usize, values: &Tensor) -> Result<Tensor> {
        let softened = soft_threshold(values, &self.thresholds.narrow(0, t, 1)?)?;
        let atoms = values.dim(1)?;
        let trusted = (self.trusted * (t + 1) as f64).min(self.most_trusted) * atoms as f64;
        let count = (trusted.round() as usize).min(atoms);
        if count == 0 {
            return Ok(softened);
        }
        // Which codes are the largest is no matter of degree: nothing flows back through it.
        let sizes = values.detach().abs()?.contiguous()?;
        let least = sizes.sort_last_dim(false)?.0.narrow(1, count - 1, 1)?;
        sizes.broadcast_ge(&least)?.where_cond(values, &softened)
    }
}

impl Unrolled for CoupledLista {
    fn parameters(&self) -> Vec<Tensor> {
        vec![self.encode.clone(), self.steps.clone(), self.thresholds.clone()]
    }

    fn with_parameters(&self, parameters: Vec<Tensor>) -> Result<Self> {
        let [encode, steps, thresholds] = three(parameters)?;
        Ok(Self { encode, steps, thresholds: thresholds.relu()?, ..self.clone() })
    }

    fn with_any(&self, parameters: &[Tensor]) -> Result<Self> {
        let [encode, steps, thresholds] = three(parameters.to_vec())?;
        Ok(Self { encode, steps, thresholds, ..self.clone() })
    }

    fn encode(&self, visible: &Tensor) -> Result<Tensor> {
        let decode = self.dictionary.t()?.contiguous()?;
        let step = |t: usize| self.steps.narrow(0, t, 1);
        let mut codes = self.threshold(0, &visible.matmul(&self.encode)?.broadcast_mul(&step(0)?)?)?;
        for t in 1..self.layers {
            let left = (visible - codes.matmul(&decode)?)?;
            codes = self.threshold(t, &(&codes + left.matmul(&self.encode)?.broadcast_mul(&step(t)?)?)?)?;
        }
        Ok(codes)
    }
}
