//! Exact inference, q(h | v) = p(h | v): by enumeration where h is discrete, in closed form in linear Gaussian models.
//!
//! Of a Boltzmann machine only the smaller half of alternate layers is enumerated; of binary sparse coding all units are; of a mixture,
//! the components, by Bayes' rule.

use super::{Inference, Inferred, Trace};
use crate::math::{Result, Stream, Tensor};
use crate::models::{BeliefNet, BinarySparseCoding, Components, Dbm, FactorAnalysis, LatentModel, Mixture};
use crate::posterior::{Gaussian, Responsibilities, Table};

/// q(h | v) = p(h | v); fails where more than 2^`max_bits` states would be enumerated.
#[derive(Clone, Copy, Debug)]
pub struct Exact {
    /// log2 of the largest table.
    pub max_bits: f64,
}

impl Inference<Dbm> for Exact {
    type Posterior = Table;

    fn infer(&self, model: &Dbm, visible: &Tensor, _: Stream) -> Result<Inferred<Table>> {
        in_one_go(model.clamp(visible)?.tabulate(self.max_bits)?.0, visible)
    }
}

impl Inference<BinarySparseCoding> for Exact {
    type Posterior = Table;

    fn infer(&self, model: &BinarySparseCoding, visible: &Tensor, _: Stream) -> Result<Inferred<Table>> {
        in_one_go(model.clamp(visible)?.tabulate(self.max_bits)?.0, visible)
    }
}

impl Inference<BeliefNet> for Exact {
    type Posterior = Table;

    fn infer(&self, model: &BeliefNet, visible: &Tensor, _: Stream) -> Result<Inferred<Table>> {
        in_one_go(model.posterior(visible, self.max_bits)?.0, visible)
    }
}

impl<C: Components> Inference<Mixture<C>> for Exact {
    type Posterior = Responsibilities;

    fn infer(&self, model: &Mixture<C>, visible: &Tensor, _: Stream) -> Result<Inferred<Responsibilities>> {
        in_one_go(model.posterior(visible)?.0, visible)
    }
}

impl Inference<FactorAnalysis> for Exact {
    type Posterior = Gaussian;

    fn infer(&self, model: &FactorAnalysis, visible: &Tensor, _: Stream) -> Result<Inferred<Gaussian>> {
        in_one_go(model.posterior(visible)?, visible)
    }
}

/// An answer that took no sweeps.
fn in_one_go<Q>(q: Q, visible: &Tensor) -> Result<Inferred<Q>> {
    Ok(Inferred { q, trace: Trace::fixed(visible.dim(0)?, 0) })
}
