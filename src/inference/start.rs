//! Starting points for refinement.

use super::{Inference, Inferred, Network, Trace};
use crate::math::{Result, Stream, Tensor};
use crate::models::{Dbm, LatentModel};
use crate::posterior::Factorial;

/// Every input zero: means of one half for binary units.
#[derive(Clone, Copy, Debug)]
pub struct Uninformed;

/// Inputs drawn from the logistic distribution: means of binary units uniform in (0, 1).
#[derive(Clone, Copy, Debug)]
pub struct Random;

/// One pass through the machine's own weights, doubled below the top (Salakhutdinov & Hinton 2009): the untrained inference
/// network.
#[derive(Clone, Copy, Debug)]
pub struct BottomUp;

impl<M: LatentModel> Inference<M> for Uninformed {
    type Posterior = Factorial;

    fn infer(&self, model: &M, visible: &Tensor, _: Stream) -> Result<Inferred<Factorial>> {
        start(model, visible, |_, units| Tensor::zeros((visible.dim(0)?, units), visible.dtype(), visible.device()))
    }
}

impl<M: LatentModel> Inference<M> for Random {
    type Posterior = Factorial;

    fn infer(&self, model: &M, visible: &Tensor, stream: Stream) -> Result<Inferred<Factorial>> {
        start(model, visible, |layer, units| {
            let draws = stream.at(layer as u64).uniform(visible.dim(0)?, units, visible.dtype(), visible.device())?;
            draws.log()? - (1.0 - draws)?.log()?
        })
    }
}

/// A q whose inputs come from `inputs(layer, units)`.
fn start<M: LatentModel>(
    model: &M,
    visible: &Tensor,
    inputs: impl Fn(usize, usize) -> Result<Tensor>,
) -> Result<Inferred<Factorial>> {
    let (kinds, sizes): (Vec<_>, Vec<_>) = model.hidden().into_iter().unzip();
    let inputs = sizes.into_iter().enumerate().map(|(layer, units)| inputs(layer, units)).collect::<Result<_>>()?;
    let q = model.informed(visible, Factorial::from_inputs(kinds, inputs))?;
    Ok(Inferred { q, trace: Trace::fixed(visible.dim(0)?, 0) })
}

impl Inference<Dbm> for BottomUp {
    type Posterior = Factorial;

    fn infer(&self, model: &Dbm, visible: &Tensor, stream: Stream) -> Result<Inferred<Factorial>> {
        Network::from_dbm(model)?.infer(model, visible, stream)
    }
}
