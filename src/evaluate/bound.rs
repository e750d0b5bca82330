//! The evidence lower bound of any q on any model.
//!
//! ELBO = E_q[ln p̃(v, h)] + H(q) - ln Z = ln p(v) - KL(q || p(h | v)) (book equations 19.1 to 19.7). Without ln Z it is the
//! unnormalised ELBO, below ln p̃(v) by the same KL.

use crate::math::{Nats, Result, Tensor, bail, host};
use crate::models::{ExpectedLogJoint, LatentModel};
use crate::posterior::Posterior;

/// E_q[ln p̃(v, h)] + H(q) of each example of `visible` `[examples, visible]`, nats.
pub fn elbo_unnormalized<M, Q>(model: &M, visible: &Tensor, q: &Q) -> Result<Nats>
where
    M: LatentModel,
    M::Clamped: ExpectedLogJoint<Q>,
    Q: Posterior,
{
    let joints = model.clamp(visible)?.expected_log_joint(q)?;
    let entropies = host(&q.entropy()?)?;
    if joints.len() != entropies.len() {
        bail!("q has {} examples, the visible units have {}", entropies.len(), joints.len());
    }
    Ok(joints.iter().zip(entropies).map(|(joint, entropy)| joint + entropy).collect())
}

/// ELBO of each example, nats: a lower bound on ln p(v) where `log_partition` (nats) is exact.
pub fn elbo<M, Q>(model: &M, visible: &Tensor, q: &Q, log_partition: f64) -> Result<Nats>
where
    M: LatentModel,
    M::Clamped: ExpectedLogJoint<Q>,
    Q: Posterior,
{
    Ok(elbo_unnormalized(model, visible, q)?.iter().map(|bound| bound - log_partition).collect())
}
