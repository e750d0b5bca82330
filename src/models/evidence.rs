//! What a bound needs of a model: E_q[ln p̃(v, h)] in closed form; and ln p(v) itself, where that is tractable.
//!
//! ELBO = E_q[ln p̃(v, h)] + H(q) - ln Z (Goodfellow, Bengio & Courville 2016, equation 19.7).

use super::{ExpectedLogJoint, LatentModel};
use crate::math::{Nats, Result, Tensor, bail, host};
use crate::posterior::Posterior;

/// Pairs (model, q) whose E_q[ln p̃(v, h)] has a closed form; the ELBO of other pairs does not compile.
pub trait ExpectedJoint<Q> {
    /// E_q[ln p̃(v, h)] of each example of `visible` `[examples, visible]`, nats.
    fn expected_joint(&self, visible: &Tensor, q: &Q) -> Result<Nats>;

    /// E_q[ln p̃(v, h)] + H(q) of each example, nats; the ELBO itself where the model is normalised.
    fn free_energy(&self, visible: &Tensor, q: &Q) -> Result<Nats>
    where
        Q: Posterior,
    {
        let (joints, entropies) = (self.expected_joint(visible, q)?, host(&q.entropy()?)?);
        if joints.len() != entropies.len() {
            bail!("q has {} examples, the visible units have {}", entropies.len(), joints.len());
        }
        Ok(joints.iter().zip(entropies).map(|(joint, entropy)| joint + entropy).collect())
    }
}

impl<M, Q> ExpectedJoint<Q> for M
where
    M: LatentModel,
    M::Clamped: ExpectedLogJoint<Q>,
{
    fn expected_joint(&self, visible: &Tensor, q: &Q) -> Result<Nats> {
        self.clamp(visible)?.expected_log_joint(q)
    }
}

/// Normalised models whose ln p(v) is a sum or an integral that can be worked out.
pub trait Evidence {
    /// ln p(v) of each example of `visible` `[examples, visible]`, nats.
    fn log_evidence(&self, visible: &Tensor) -> Result<Nats>;
}
