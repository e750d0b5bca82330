//! The evidence lower bound of any q on any model, and the evidence itself where it can be summed.
//!
//! ELBO = E_q[ln p̃(v, h)] + H(q) - ln Z = ln p(v) - KL(q || p(h | v)) (book equations 19.1 to 19.7). Without ln Z it is the
//! unnormalised ELBO, below ln p̃(v) by the same KL.

use crate::math::{Nats, Result, Tensor, bail, host};
use crate::models::{ExpectedLogJoint, LatentModel, Stack};
use crate::posterior::Posterior;

/// Examples whose exact sums are held at once.
const BLOCK: usize = 256;

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

/// ln p̃(v) of each example, nats, by summing out the hidden units. Fails above 2^`max_bits` states per example.
pub fn log_evidence_unnormalized<M>(model: &M, visible: &Tensor, max_bits: f64) -> Result<Nats>
where
    M: LatentModel<Clamped = Stack>,
{
    let examples = visible.dim(0)?;
    let mut evidence = Nats::with_capacity(examples);
    for first in (0..examples).step_by(BLOCK) {
        let block = visible.narrow(0, first, BLOCK.min(examples - first))?;
        evidence.extend(model.clamp(&block)?.log_partition(max_bits)?);
    }
    Ok(evidence)
}

/// ln p(v) of each example, nats; exact where `log_partition` is. Fails above 2^`max_bits` states per example.
pub fn log_likelihood<M>(model: &M, visible: &Tensor, max_bits: f64, log_partition: f64) -> Result<Nats>
where
    M: LatentModel<Clamped = Stack>,
{
    Ok(log_evidence_unnormalized(model, visible, max_bits)?.iter().map(|nats| nats - log_partition).collect())
}
