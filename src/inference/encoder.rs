//! A network of one layer that guesses the most probable codes (Kavukcuoglu, Ranzato & LeCun 2008, equation 5).
//!
//! f(v) = g ⊙ tanh(v U + d). `weight` is U `[visible, atoms]`, `bias` d `[atoms]`, `gain` g `[atoms]`.

use crate::math::{DType, Result, Stream, Tensor, tanh};
use crate::models::SparseCoding;

/// A learned approximation of the codes.
#[derive(Clone, Debug)]
pub struct Encoder {
    /// U, `[visible, atoms]`.
    pub weight: Tensor,
    /// d, `[atoms]`.
    pub bias: Tensor,
    /// g, `[atoms]`.
    pub gain: Tensor,
}

impl Encoder {
    /// Normal weights of standard deviation 1/√visible, no bias, gains of one.
    pub fn random(model: &SparseCoding, stream: Stream) -> Result<Self> {
        let (visible, atoms) = model.weight().dims2()?;
        let (dtype, device) = (model.weight().dtype(), model.weight().device());
        let weight = (stream.normal(visible, atoms, dtype, device)? / (visible as f64).sqrt())?;
        let gain = Tensor::ones(atoms, DType::F64, device)?.to_dtype(dtype)?;
        Ok(Self { weight, bias: gain.zeros_like()?, gain })
    }

    /// `weight`, `bias` and `gain`: what is learned.
    pub fn parameters(&self) -> Vec<Tensor> {
        vec![self.weight.clone(), self.bias.clone(), self.gain.clone()]
    }

    /// The network of these parameters, in the order of `parameters`.
    pub fn from_parameters(parameters: Vec<Tensor>) -> Result<Self> {
        match <[Tensor; 3]>::try_from(parameters) {
            Ok([weight, bias, gain]) => Ok(Self { weight, bias, gain }),
            Err(given) => candle_core::bail!("{} tensors for the three of this network", given.len()),
        }
    }

    /// Codes of `visible` `[examples, visible]`, `[examples, atoms]`.
    pub fn encode(&self, visible: &Tensor) -> Result<Tensor> {
        tanh(&visible.matmul(&self.weight)?.broadcast_add(&self.bias)?)?.broadcast_mul(&self.gain)
    }
}
