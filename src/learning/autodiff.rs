//! Gradients by reverse accumulation, for networks whose gradient has no short closed form.

use crate::math::{DType, Result, Tensor};
use candle_core::Var;

/// The value of a scalar `objective` at `parameters`, and its gradient with respect to each of them; a tensor that it does not depend
/// on has gradient zero.
pub fn gradients(
    parameters: &[Tensor],
    objective: impl FnOnce(&[Tensor]) -> Result<Tensor>,
) -> Result<(f64, Vec<Tensor>)> {
    let variables = parameters.iter().map(Var::from_tensor).collect::<Result<Vec<_>>>()?;
    let tracked: Vec<Tensor> = variables.iter().map(|variable| variable.as_tensor().clone()).collect();
    let value = objective(&tracked)?;
    let found = value.backward()?;
    let of = |tensor: &Tensor| found.get(tensor).map_or_else(|| tensor.zeros_like(), |gradient| Ok(gradient.detach()));
    Ok((value.to_dtype(DType::F64)?.to_scalar()?, tracked.iter().map(of).collect::<Result<_>>()?))
}
