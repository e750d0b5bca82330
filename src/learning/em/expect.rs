//! E steps: q for the parameters as they are (Goodfellow, Bengio & Courville 2016, section 19.2).
//!
//! The exact posterior closes the gap F = ln p(v). Mean field leaves a gap; going on from the last means it never lowers F, while from
//! anywhere else it may land in a worse optimum (equation 19.44).

use crate::inference::{Exact, Inference, MeanField, Refine, Stop, Uninformed};
use crate::math::{Result, Stream, Tensor};
use crate::models::LatentModel;
use crate::posterior::{Factorial, Posterior};

/// An E step.
pub trait Expect<M> {
    /// The family of q.
    type Posterior: Posterior;
    /// q for `model` on `visible` `[examples, visible]`; `last` is the q of the iteration before.
    fn expect(&self, model: &M, visible: &Tensor, last: Option<Self::Posterior>) -> Result<Self::Posterior>;
}

impl<M> Expect<M> for Exact
where
    Exact: Inference<M>,
{
    type Posterior = <Exact as Inference<M>>::Posterior;

    /// The posterior itself; where q was is of no account.
    fn expect(&self, model: &M, visible: &Tensor, _: Option<Self::Posterior>) -> Result<Self::Posterior> {
        Ok(self.infer(model, visible, Stream::new(0))?.q)
    }
}

/// Mean field that goes on from the last q; the first time from `start`, or from means of one half.
#[derive(Clone, Debug)]
pub struct WarmMeanField {
    /// How it sweeps.
    pub by: MeanField,
    /// When each E step ends.
    pub stop: Stop,
    /// The first q.
    pub start: Option<Factorial>,
    /// Whether later E steps go on from the last q; else every one starts afresh.
    pub warm: bool,
}

impl<M: LatentModel> Expect<M> for WarmMeanField
where
    MeanField: Refine<M::Clamped>,
{
    type Posterior = Factorial;

    fn expect(&self, model: &M, visible: &Tensor, last: Option<Factorial>) -> Result<Factorial> {
        let start = match last.filter(|_| self.warm).or_else(|| self.start.clone()) {
            Some(q) => q,
            None => Uninformed.infer(model, visible, Stream::new(0))?.q,
        };
        Ok(self.by.refine(&model.clamp(visible)?, start, self.stop, Stream::new(0))?.q)
    }
}
