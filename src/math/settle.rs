//! What is done to a matrix of weights once it has moved; in place where the kernels serve and nobody shares it.

use super::kernels::Blocks;
use super::weight::Weight;
use super::{Result, Tensor, bail};

impl Weight {
    /// Every column, the weights into one upper unit, that is longer than `most` shortened to it, the others left alone: a bound on the
    /// norm of a unit's weights (Srebro and Shraibman 2005; Srivastava et al. 2014).
    pub fn held(self, most: f64) -> Result<Self> {
        self.settled(
            |blocks| blocks.hold(most),
            |tensor| {
                let lengths = tensor.sqr()?.sum_keepdim(0)?.sqrt()?;
                // Where the length is what counts, the factor is most / length; elsewhere it is most / most.
                let factors = (lengths.maximum(most)?.recip()? * most)?;
                let long = lengths.gt(most)?;
                tensor.broadcast_mul(&long.where_cond(&factors, &factors.ones_like()?)?)
            },
        )
    }

    /// Every weight drawn towards zero by so much, and no further than zero: the proximal step of an L1 penalty (soft thresholding).
    pub fn shrunk(self, by: f64) -> Result<Self> {
        self.settled(|blocks| blocks.shrink(by as f32), |tensor| tensor - tensor.clamp(-by, by)?)
    }

    /// Every weight moved the same share of its way to that of `to`, of the same shape; all the way at 1.
    pub fn approached(self, to: &Self, share: f64) -> Result<Self> {
        if share == 1.0 {
            return Ok(to.clone());
        }
        match to.blocks().filter(|_| self.dims() == to.dims()) {
            Some(other) => self.settled(|blocks| blocks.approach(other, share as f32), |own| toward(own, to, share)),
            None => Ok(toward(&self.tensor()?, to, share)?.into()),
        }
    }

    fn settled(
        self,
        in_place: impl FnOnce(&mut Blocks),
        composed: impl FnOnce(&Tensor) -> Result<Tensor>,
    ) -> Result<Self> {
        if self.blocks().is_none() {
            return Ok(composed(&self.tensor()?)?.into());
        }
        let Some(mut blocks) = self.into_blocks() else { bail!("the kernels do not serve these weights") };
        in_place(&mut blocks);
        Ok(blocks.into())
    }
}

fn toward(own: &Tensor, to: &Weight, share: f64) -> Result<Tensor> {
    own + ((to.tensor()? - own)? * share)?
}
