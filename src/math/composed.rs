//! Element-wise functions composed from tensor operations: what other devices compute, with the fused ones as their twins.

use super::{Result, Stream, Tensor};

/// σ(x).
pub fn sigmoid(input: &Tensor) -> Result<Tensor> {
    candle_nn::ops::sigmoid(input)
}

/// ln(1 + e^x) without overflow.
pub fn ln_one_plus_exp(input: &Tensor) -> Result<Tensor> {
    input.relu()? + (input.abs()?.neg()?.exp()? + 1.0)?.log()?
}

/// Entropy in nats of a binary unit with input `x`: ln(1 + e^-|x|) + |x| e^-|x| / (1 + e^-|x|), from which nothing is subtracted.
pub fn entropy_of_binary(input: &Tensor) -> Result<Tensor> {
    let distance = input.abs()?;
    let less_likely = distance.neg()?.exp()?;
    let sum = (&less_likely + 1.0)?;
    sum.log()? + ((distance * less_likely)? / &sum)?
}

/// States in {0, 1} of `[rows, units]`: 1 with probability σ(input). The draws are made on the host and moved, so that every
/// device has the same ones.
pub fn sample_binary(input: &Tensor, stream: Stream) -> Result<Tensor> {
    let (rows, columns) = input.dims2()?;
    let uniform = stream.uniform(rows, columns, input.dtype(), input.device())?;
    uniform.lt(&sigmoid(input)?)?.to_dtype(input.dtype())
}
