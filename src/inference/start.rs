//! Starting points for refinement.

use super::{Inference, Inferred, Network, Trace};
use crate::math::{Result, Stream, Tensor};
use crate::models::{Conditionals, Dbm, LatentModel};
use crate::posterior::Factorial;

/// Every input zero: means of one half for binary units.
#[derive(Clone, Copy, Debug)]
pub struct Uninformed;

/// Inputs drawn from a normal distribution.
#[derive(Clone, Copy, Debug)]
pub struct Random {
    /// Standard deviation of the inputs; at 1.8 the means of binary units are spread about evenly over (0, 1).
    pub input_std: f64,
}

/// One pass through the machine's own weights, doubled below the top (Salakhutdinov & Hinton 2009): the untrained inference
/// network.
#[derive(Clone, Copy, Debug)]
pub struct BottomUp;

impl<M: LatentModel> Inference<M> for Uninformed {
    type Posterior = Factorial;

    fn infer(&self, model: &M, visible: &Tensor, stream: Stream) -> Result<Inferred<Factorial>> {
        Random { input_std: 0.0 }.infer(model, visible, stream)
    }
}

impl<M: LatentModel> Inference<M> for Random {
    type Posterior = Factorial;

    fn infer(&self, model: &M, visible: &Tensor, stream: Stream) -> Result<Inferred<Factorial>> {
        let (examples, _) = visible.dims2()?;
        let conditionals = model.clamp(visible)?;
        let inputs = conditionals
            .sizes()
            .iter()
            .enumerate()
            .map(|(layer, &units)| match self.input_std {
                0.0 => Tensor::zeros((examples, units), visible.dtype(), visible.device()),
                std => stream.at(layer as u64).normal(examples, units, visible.dtype(), visible.device())? * std,
            })
            .collect::<Result<_>>()?;
        let q = Factorial::from_inputs(conditionals.units().to_vec(), inputs);
        Ok(Inferred { q, trace: Trace::fixed(examples, 0, false) })
    }
}

impl Inference<Dbm> for BottomUp {
    type Posterior = Factorial;

    fn infer(&self, model: &Dbm, visible: &Tensor, stream: Stream) -> Result<Inferred<Factorial>> {
        Network::from_dbm(model)?.infer(model, visible, stream)
    }
}
