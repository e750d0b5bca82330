//! An inference network that learns the refinement of its own answer (Salakhutdinov & Larochelle 2010), for a machine that stays as it
//! is, and as the positive phase of one that learns.
//!
//! ν = network(v); μ ← some sweeps from ν, then held constant; the network descends KL(q_μ ‖ q_ν) = Σ cross-entropy(μ, ν) - H(μ).

use super::{
    Adam, AdamState, ExpectedStatistics, Parameters, Positive, PositivePhase, cross_entropy, recognition_gradient,
};
use crate::inference::{Inference, Network, Refine, Stop};
use crate::math::{Nats, Result, Stream, Tensor, host};
use crate::models::{Dbm, LatentModel, Stack};
use crate::posterior::Posterior;

/// The refinement whose answer is learnt, and how the network moves.
#[derive(Clone, Copy, Debug)]
pub struct Amortization<R> {
    /// What improves the network's answer.
    pub by: R,
    /// For how long.
    pub stop: Stop,
    /// How the network follows the gradient.
    pub adam: Adam,
}

/// A network in training and what its ascent remembers.
#[derive(Clone, Debug)]
pub struct Amortized {
    /// The network so far.
    pub network: Network,
    /// What Adam remembers of its weights and, after them, of its biases.
    pub ascent: AdamState,
}

impl Amortized {
    /// Before the first step.
    pub fn new(network: Network) -> Result<Self> {
        Ok(Self { ascent: AdamState::new(&Parameters::of_network(&network).tensors()?)?, network })
    }
}

impl<R: Refine<Stack>> Amortization<R> {
    /// One step on `visible` `[examples, visible]`, which `clamped` is the machine with: the next state, and KL(q_μ ‖ q_ν) of each example
    /// before the step, nats.
    pub fn step(
        &self,
        clamped: &Stack,
        state: Amortized,
        visible: &Tensor,
        rate: f64,
        stream: Stream,
    ) -> Result<(Amortized, Nats)> {
        let network = state.network;
        let q = network.posterior(visible)?;
        let inputs = q.inputs().to_vec();
        let refined = self.by.refine(clamped, q, self.stop, stream)?.q;
        let targets = refined.means()?;
        let entropies = host(&refined.entropy()?)?;
        let cross_entropies = cross_entropy(&network, &inputs, &targets)?;
        let kls = cross_entropies.iter().zip(entropies).map(|(cross, own)| cross - own).collect();
        let uphill = recognition_gradient(&network, visible, &inputs, &targets)?.dense()?.tensors()?;
        let at = Parameters::of_network(&network).tensors()?;
        let (mut weights, ascent) = self.adam.ascend(at, state.ascent, &uphill, rate)?;
        let biases = weights.split_off(network.weights().len());
        Ok((Amortized { network: network.with_parameters(weights, biases)?, ascent }, kls))
    }
}

/// The network's own answer as the positive phase: the machine sees ν, and the network learns the refined answer all the same.
#[derive(Clone, Copy, Debug)]
pub struct NetworkTaught<R> {
    /// What improves the network's answer, for the network alone to learn from.
    pub by: R,
    /// For how long.
    pub stop: Stop,
}

impl<R: Refine<Stack>> PositivePhase for NetworkTaught<R> {
    fn infer(&self, dbm: &Dbm, network: &Network, examples: &Tensor, stream: Stream) -> Result<Positive> {
        let q = network.infer(dbm, examples, stream)?.q;
        let (visible, means) = (dbm.visible_of(examples)?, q.means()?);
        let statistics = q.statistics(&visible, &means)?.of_machine(dbm, &visible, &means[0])?;
        let refined = self.by.refine(&dbm.clamp(examples)?, q, self.stop, stream)?.q;
        Ok(Positive { statistics, means: refined.means()?, q: Box::new(refined) })
    }
}
