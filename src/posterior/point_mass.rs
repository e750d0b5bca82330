//! All mass on one state of each example: q(h | v) = δ(h, h*), the family of MAP inference (book section 19.3).
//!
//! Its entropy is 0 where the units have finitely many states. There the ELBO is ln p(v, h*): finite, and loose by exactly
//! -ln p(h* | v). On a continuum the differential entropy of a point is -∞, and so is the bound.

use super::Posterior;
use crate::math::{DType, Layers, Result, Tensor, bail};
use crate::units::Kind;

/// One state of all hidden units per example.
#[derive(Clone, Debug)]
pub struct PointMass {
    units: Vec<Kind>,
    states: Layers,
}

impl PointMass {
    /// At the states of each hidden layer, `[examples, units]`, bottom first.
    pub fn at(units: Vec<Kind>, states: Layers) -> Self {
        debug_assert_eq!(units.len(), states.len());
        Self { units, states }
    }

    /// The states, `[examples, units]` per hidden layer.
    pub fn states(&self) -> &[Tensor] {
        &self.states
    }
}

impl Posterior for PointMass {
    fn means(&self) -> Result<Layers> {
        Ok(self.states.clone())
    }

    fn entropy(&self) -> Result<Tensor> {
        let Some(first) = self.states.first() else { bail!("a posterior has at least one layer") };
        let discrete = self.units.iter().all(|kind| kind.states().is_some());
        let entropy = if discrete { 0.0 } else { f64::NEG_INFINITY };
        Tensor::full(entropy, first.dim(0)?, first.device())?.to_dtype(DType::F64)
    }
}
