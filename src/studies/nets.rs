//! Random belief nets with their recognition nets, and what studies ask of their parameters as plain numbers.
//!
//! Weights are N(0, `weight_std`²), biases N(0, `bias_std`²), drawn apart for the two nets; all `f64` on the processor.

use crate::inference::Recognition;
use crate::learning::{Gradient, Parameters};
use crate::math::{DType, Device, Result, Stream, Tensor, Weight, host};
use crate::models::BeliefNet;

/// A belief net and a recognition net over layers of `sizes`, visible first.
pub fn random_nets(
    sizes: &[usize],
    weight_std: f64,
    bias_std: f64,
    stream: Stream,
) -> Result<(BeliefNet, Recognition)> {
    let (up, down) = (stream.named("recognition"), stream.named("generative"));
    let net = BeliefNet::random(sizes, weight_std, down, DType::F64, &Device::Cpu)?;
    let recognition = Recognition::random(sizes, weight_std, up, DType::F64, &Device::Cpu)?;
    let biases = |stream: Stream, sizes: &[usize]| {
        let draw = |(l, &units): (usize, &usize)| {
            let draws = stream.named("biases").at(l as u64).normal(1, units, DType::F64, &Device::Cpu)?;
            draws.squeeze(0)? * bias_std
        };
        sizes.iter().enumerate().map(draw).collect::<Result<Vec<Tensor>>>()
    };
    Ok((
        BeliefNet::new(net.weights().to_vec(), biases(down, sizes)?)?,
        Recognition::new(recognition.weights().to_vec(), biases(up, &sizes[1..])?)?,
    ))
}

/// All parameters one after the other: weights, then biases.
pub fn flat(parameters: &Parameters) -> Result<Vec<f64>> {
    Ok(parameters.tensors()?.iter().map(host).collect::<Result<Vec<_>>>()?.concat())
}

/// A gradient in the order of [`flat`].
pub fn flat_gradient(gradient: &Gradient) -> Result<Vec<f64>> {
    flat(&gradient.dense()?)
}

/// The inverse of [`flat`], in the shapes of `like`.
pub fn unflat(values: &[f64], like: &Parameters) -> Result<(Vec<Weight>, Vec<Tensor>)> {
    let mut rest = values;
    let mut take = |like: &Tensor| {
        let (own, left) = rest.split_at(like.elem_count());
        rest = left;
        Tensor::from_slice(own, like.dims(), like.device())
    };
    let weights = like.weights.iter().map(|weight| Ok(take(&weight.tensor()?)?.into())).collect::<Result<_>>()?;
    Ok((weights, like.biases.iter().map(take).collect::<Result<_>>()?))
}
