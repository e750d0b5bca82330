//! Whitening: a linear map after which examples have covariance I, on the directions that are kept.
//!
//! With covariance U diag(λ) Uᵀ about the mean m, x ↦ (x - m) U_k diag(λ_k)^(-1/2) gives the k leading components, one a column; a further
//! U_kᵀ turns them back into the space of the examples with the least change (Bell & Sejnowski 1997). Directions of little variance
//! are noise that whitening would blow up, so they are left out.

use super::{Result, Tensor, bail, eigen_symmetric, mean_over_examples};

/// The map and its inverse on the directions that are kept.
#[derive(Clone, Debug)]
pub struct Whitening {
    mean: Tensor,
    map: Tensor,
    back: Tensor,
}

impl Whitening {
    /// To the `kept` leading components of `examples` `[examples, units]`: whitened examples are `[examples, kept]`.
    pub fn to_components(examples: &Tensor, kept: usize) -> Result<Self> {
        let mean = mean_over_examples(examples)?;
        let centred = examples.broadcast_sub(&mean)?;
        let covariance = (centred.t()?.contiguous()?.matmul(&centred)? / examples.dim(0)? as f64)?;
        let (values, vectors) = eigen_symmetric(&covariance)?;
        let units = values.len();
        if kept == 0 || kept > units || values[units - kept] <= 0.0 {
            bail!("{kept} of {units} directions are to be kept; examples vary in fewer, or none is asked for");
        }
        // From the largest down.
        let order: Vec<u32> = (0..kept).map(|index| (units - 1 - index) as u32).collect();
        let leading = vectors.index_select(&Tensor::new(order.as_slice(), examples.device())?, 1)?;
        let roots: Vec<f64> = order.iter().map(|&index| values[index as usize].sqrt()).collect();
        let roots = Tensor::new(roots.as_slice(), examples.device())?.to_dtype(examples.dtype())?;
        Ok(Self { map: leading.broadcast_div(&roots)?, back: leading.broadcast_mul(&roots)?.t()?.contiguous()?, mean })
    }

    /// In the space of the examples: whitened examples are `[examples, units]`, with covariance U_k U_kᵀ.
    pub fn in_place(examples: &Tensor, kept: usize) -> Result<Self> {
        let Self { mean, map, back } = Self::to_components(examples, kept)?;
        // Columns of the map are U_k over the roots; those of the inverse, times them. Their lengths give the roots back.
        let roots = back.sqr()?.sum(1)?.sqrt()?;
        let leading = map.broadcast_mul(&roots)?;
        let rotate = leading.t()?.contiguous()?;
        Ok(Self { mean, map: map.matmul(&rotate)?, back: leading.matmul(&back)? })
    }

    /// The map from centred examples to whitened ones, `[units, kept]` or `[units, units]`: to components, its columns point along them.
    pub fn map(&self) -> &Tensor {
        &self.map
    }

    /// Whitens examples `[examples, units]`.
    pub fn apply(&self, examples: &Tensor) -> Result<Tensor> {
        examples.broadcast_sub(&self.mean)?.matmul(&self.map)
    }

    /// The examples that whitened ones come from, but for the directions left out, `[examples, units]`.
    pub fn undo(&self, whitened: &Tensor) -> Result<Tensor> {
        whitened.matmul(&self.back)?.broadcast_add(&self.mean)
    }
}
