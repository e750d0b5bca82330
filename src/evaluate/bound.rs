//! The evidence lower bound of any q on any model.
//!
//! ELBO = E_q[ln p̃(v, h)] + H(q) - ln Z = ln p(v) - KL(q || p(h | v)) (book equations 19.1 to 19.7). Without ln Z it is the
//! unnormalised ELBO, below ln p̃(v) by the same KL.

use crate::math::{Nats, Result, Tensor};
use crate::models::ExpectedJoint;
use crate::posterior::Posterior;

/// E_q[ln p̃(v, h)] + H(q) of each example of `visible` `[examples, visible]`, nats.
pub fn elbo_unnormalized<M: ExpectedJoint<Q>, Q: Posterior>(model: &M, visible: &Tensor, q: &Q) -> Result<Nats> {
    model.free_energy(visible, q)
}

/// ELBO of each example, nats: a lower bound on ln p(v) where `log_partition` (nats) is exact.
pub fn elbo<M: ExpectedJoint<Q>, Q: Posterior>(model: &M, visible: &Tensor, q: &Q, log_partition: f64) -> Result<Nats> {
    Ok(elbo_unnormalized(model, visible, q)?.iter().map(|bound| bound - log_partition).collect())
}
