//! Exact inference by enumeration of the smaller half of alternate hidden layers.

use super::{Inference, Inferred, Trace};
use crate::math::{Result, Stream, Tensor};
use crate::models::{Dbm, LatentModel};
use crate::posterior::Table;

/// q(h | v) = p(h | v); fails where more than 2^`max_bits` states would be enumerated.
#[derive(Clone, Copy, Debug)]
pub struct Exact {
    /// log2 of the largest table.
    pub max_bits: f64,
}

impl Inference<Dbm> for Exact {
    type Posterior = Table;

    fn infer(&self, model: &Dbm, visible: &Tensor, _: Stream) -> Result<Inferred<Table>> {
        let (q, _) = model.clamp(visible)?.tabulate(self.max_bits)?;
        Ok(Inferred { q, trace: Trace::fixed(visible.dim(0)?, 0) })
    }
}
