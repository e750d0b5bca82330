//! The gradient of a small machine with the model's side worked out by enumeration: learning without sampling noise.
//!
//! ∂/∂θ of the mean ELBO at a fixed q: E_q[statistics] - E_model[statistics]; of the mean ln p(v) where q is the posterior (book
//! equation 18.4).

use super::{ExpectedStatistics, Gradient, Statistics};
use crate::inference::Inference;
use crate::math::{Result, Stream, Tensor};
use crate::models::Dbm;
use crate::posterior::Posterior;

/// Uphill for the mean over `visible` `[examples, visible]`, q by `scheme`. Fails where more than 2^`max_bits` states would be enumerated.
pub fn exact_gradient<S>(scheme: &S, dbm: &Dbm, visible: &Tensor, max_bits: f64, stream: Stream) -> Result<Gradient>
where
    S: Inference<Dbm>,
    S::Posterior: ExpectedStatistics,
{
    let q = scheme.infer(dbm, visible, stream)?.q;
    let means = q.means()?;
    let positive = q.statistics(visible, &means)?.of_machine(dbm, visible, &means[0])?;
    positive.minus(&Statistics::of_model(dbm, max_bits)?)
}
