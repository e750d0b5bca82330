//! Weights between two layers: a tensor, or the blocks that the kernels read and move; either is made of the other when asked for.

use super::kernels::{Blocks, Level, Own, Panels, Source, Towards, inputs, serve};
use super::{DType, Device, Result, Tensor, bail, double};
use candle_core::{CpuStorage, Storage};
use std::sync::{Arc, OnceLock};

/// A weight matrix `[below, above]` to take products with.
#[derive(Clone, Debug)]
pub struct Weight(Arc<Forms>);

#[derive(Clone, Debug)]
struct Forms {
    dims: Vec<usize>,
    tensor: OnceLock<Tensor>,
    /// None where the kernels do not serve.
    blocks: OnceLock<Option<Blocks>>,
    /// Widened to `f64`, once someone asks.
    doubled: OnceLock<Tensor>,
}

impl From<Tensor> for Weight {
    fn from(tensor: Tensor) -> Self {
        let dims = tensor.dims().to_vec();
        Self(Arc::new(Forms { dims, tensor: tensor.into(), blocks: OnceLock::new(), doubled: OnceLock::new() }))
    }
}

impl From<Blocks> for Weight {
    fn from(blocks: Blocks) -> Self {
        let (below, above) = blocks.dims();
        let (dims, blocks) = (vec![below, above], Some(blocks).into());
        Self(Arc::new(Forms { dims, tensor: OnceLock::new(), blocks, doubled: OnceLock::new() }))
    }
}

impl Weight {
    /// The matrix itself.
    pub fn tensor(&self) -> Result<Tensor> {
        if let (None, Some(blocks)) = (self.0.tensor.get(), self.blocks()) {
            let tensor = Tensor::from_vec(blocks.unpack(), self.dims(), &Device::Cpu)?;
            return Ok(self.0.tensor.get_or_init(|| tensor).clone());
        }
        let Some(tensor) = self.0.tensor.get() else { bail!("a weight matrix has neither of its forms") };
        Ok(tensor.clone())
    }

    /// The matrix widened to `f64`, for products that judge; kept as long as the weights stay what they are.
    pub fn doubled(&self) -> Result<Self> {
        if let Some(doubled) = self.0.doubled.get() {
            return Ok(doubled.clone().into());
        }
        let doubled = double(&self.tensor()?)?;
        Ok(self.0.doubled.get_or_init(|| doubled).clone().into())
    }

    /// `[below, above]`.
    pub fn dims(&self) -> &[usize] {
        &self.0.dims
    }

    /// x W: what `states` `[rows, below]` send upwards, `[rows, above]`.
    pub fn up(&self, states: &Tensor) -> Result<Tensor> {
        self.product(states, Towards::Above, None)
    }

    /// x Wᵀ: what `states` `[rows, above]` send downwards, `[rows, below]`.
    pub fn down(&self, states: &Tensor) -> Result<Tensor> {
        self.product(states, Towards::Below, None)
    }

    /// bias + gain x W, with a bias `[above]`.
    pub fn inputs_above(&self, states: &Tensor, gain: f64, bias: &Tensor) -> Result<Tensor> {
        self.product(states, Towards::Above, Some((gain, bias)))
    }

    /// bias + gain x Wᵀ, with a bias `[below]`.
    pub fn inputs_below(&self, states: &Tensor, gain: f64, bias: &Tensor) -> Result<Tensor> {
        self.product(states, Towards::Below, Some((gain, bias)))
    }

    /// The blocks, where the kernels serve.
    pub fn blocks(&self) -> Option<&Blocks> {
        if let Some(blocks) = self.0.blocks.get() {
            return blocks.as_ref();
        }
        // Made before they are put in place: a thread that waits for a lock does not share work.
        let tensor = self.0.tensor.get().filter(|tensor| served(tensor) && tensor.dims().len() == 2)?;
        let blocks = with_values(tensor, |values| Blocks::pack(values, self.dims()[0], self.dims()[1])).ok();
        self.0.blocks.get_or_init(|| blocks).as_ref()
    }

    /// The blocks to change, which are copied if others share them.
    pub(super) fn into_blocks(self) -> Option<Blocks> {
        self.blocks()?;
        Arc::unwrap_or_clone(self.0).blocks.into_inner().flatten()
    }

    fn product(&self, states: &Tensor, towards: Towards, affine: Option<(f64, &Tensor)>) -> Result<Tensor> {
        if let Some(inputs) = self.fused_product(states, towards, affine)? {
            return Ok(inputs);
        }
        let sent = match towards {
            Towards::Above => states.matmul(&self.tensor()?)?,
            Towards::Below => states.matmul(&self.tensor()?.t()?)?,
        };
        match affine {
            Some((gain, bias)) => (sent * gain)?.broadcast_add(bias),
            None => Ok(sent),
        }
    }

    /// None where the kernels do not serve; a product that cannot be made is left to the tensor library, which says why.
    fn fused_product(
        &self,
        states: &Tensor,
        towards: Towards,
        affine: Option<(f64, &Tensor)>,
    ) -> Result<Option<Tensor>> {
        let (rows, units) = states.dims2()?;
        let &[below, above] = self.dims() else { bail!("weights are a matrix, not {:?}", self.dims()) };
        let (from, to) = if towards == Towards::Above { (below, above) } else { (above, below) };
        let fits = affine.is_none_or(|(_, bias)| served(bias) && bias.dims() == [to]);
        let (true, true, true, Some(weights)) = (served(states), units == from, fits, self.blocks()) else {
            return Ok(None);
        };
        let (gain, own) = match affine {
            Some((gain, bias)) => (gain as f32, panels(&bias.unsqueeze(0)?)?),
            None => (1.0, Panels::zeros(1, to)),
        };
        let states = panels(states)?;
        let mut found = Panels::zeros(rows, to);
        inputs(Level::best(), Own::Same(&own), gain, &[Source { states: &states, weights, towards }], &mut found);
        Ok(Some(tensor(&found)?))
    }
}

/// Whether the kernels serve this tensor: single precision, on the processor, nothing to differentiate.
pub fn served(tensor: &Tensor) -> bool {
    tensor.device().is_cpu() && tensor.dtype() == DType::F32 && !tensor.track_op() && serve()
}

/// A tensor `[rows, columns]` that the kernels serve, as panels.
pub fn panels(tensor: &Tensor) -> Result<Panels> {
    let (rows, columns) = tensor.dims2()?;
    with_values(tensor, |values| Panels::from_rows(values, rows, columns))
}

/// Panels as a tensor.
pub fn tensor(panels: &Panels) -> Result<Tensor> {
    Tensor::from_vec(panels.to_rows(), (panels.rows(), panels.columns()), &Device::Cpu)
}

/// Looks at the values of a tensor that the kernels serve, row by row.
pub(super) fn with_values<T>(tensor: &Tensor, each: impl FnOnce(&[f32]) -> T) -> Result<T> {
    let tensor = tensor.contiguous()?;
    let (storage, layout) = tensor.storage_and_layout();
    match &*storage {
        Storage::Cpu(CpuStorage::F32(values)) => {
            Ok(each(&values[layout.start_offset()..layout.start_offset() + layout.shape().elem_count()]))
        }
        _ => candle_core::bail!("the kernels take f32 on the processor, not {:?}", tensor.dtype()),
    }
}
