//! Maximum a posteriori inference: q is a point mass at h* = argmax_h p(h | v), found by enumeration (book section 19.3).
//!
//! Of all point masses it has the largest ELBO, ln p(v, h*), because each ELBO is ln p(v, h).

use super::{Inference, Inferred, Trace};
use crate::math::{Result, Stream, Tensor};
use crate::models::{Conditionals, LatentModel, Mode};
use crate::posterior::PointMass;

/// The most probable state; fails where more than 2^`max_bits` states would be looked at.
#[derive(Clone, Copy, Debug)]
pub struct Map {
    /// log2 of the most states of one example.
    pub max_bits: f64,
}

impl<M> Inference<M> for Map
where
    M: LatentModel,
    M::Clamped: Mode,
{
    type Posterior = PointMass;

    fn infer(&self, model: &M, visible: &Tensor, _: Stream) -> Result<Inferred<PointMass>> {
        let clamped = model.clamp(visible)?;
        let (states, _) = clamped.mode(self.max_bits, visible)?;
        let q = PointMass::at(clamped.units().to_vec(), states);
        Ok(Inferred { q, trace: Trace::fixed(visible.dim(0)?, 0) })
    }
}
