//! Teaches an unrolled encoder the codes that a converged solver finds (Gregor & LeCun 2010).
//!
//! Loss: mean over examples of ½ ‖h_T - h*‖².

use super::{Adam, AdamState, gradients};
use crate::inference::{Lista, Unrolled};
use crate::math::{Result, Tensor};

/// A network on the way.
#[derive(Clone, Debug)]
pub struct ListaTraining<N = Lista> {
    /// The network so far.
    pub network: N,
    /// What the optimiser remembers.
    pub optimizer: AdamState,
}

impl<N: Unrolled> ListaTraining<N> {
    /// Before the first step.
    pub fn new(network: N) -> Result<Self> {
        let optimizer = AdamState::new(&network.parameters())?;
        Ok(Self { network, optimizer })
    }

    /// One step on `visible` `[examples, visible]` towards `codes` `[examples, atoms]`; and the loss before it.
    pub fn step(self, visible: &Tensor, codes: &Tensor, adam: &Adam, rate: f64) -> Result<(Self, f64)> {
        let parameters = self.network.parameters();
        let (loss, downhill) = lista_gradient(&self.network, visible, codes)?;
        let uphill = downhill.iter().map(Tensor::neg).collect::<Result<Vec<_>>>()?;
        let (parameters, optimizer) = adam.ascend(parameters, self.optimizer, &uphill, rate)?;
        Ok((Self { network: self.network.with_parameters(parameters)?, optimizer }, loss))
    }
}

/// The loss and its gradient with respect to each of the network's parameters.
pub fn lista_gradient(network: &impl Unrolled, visible: &Tensor, codes: &Tensor) -> Result<(f64, Vec<Tensor>)> {
    gradients(&network.parameters(), |parameters| {
        let network = network.with_any(parameters)?;
        (network.encode(visible)? - codes)?.sqr()?.sum_all()? * (0.5 / visible.dim(0)? as f64)
    })
}
