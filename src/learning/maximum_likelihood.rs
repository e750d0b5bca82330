//! Joint stochastic maximum likelihood (Salakhutdinov & Hinton 2009; book algorithm 20.1).
//!
//! Positive phase: statistics under the q of any scheme. Negative phase: statistics of persistent chains, of the sampled
//! visible units as well as the hidden ones (the book's algorithm prints the data there for the first weights, an erratum).
//! The inference network learns the answers of the positive phase on the way (Salakhutdinov & Larochelle 2010).

use super::{
    ExpectedStatistics, Joint, Measurements, NegativePhase, Parameters, Sgd, Statistics, Trainer, Update,
    cross_entropy, recognition_gradient,
};
use crate::inference::{Inference, Network, Refine, Stop};
use crate::math::{Layers, Result, Stream, Tensor, host, mean_of};
use crate::models::{Dbm, LatentModel, Stack};
use crate::posterior::Posterior;

/// The likelihood of the data, climbed with a `positive` phase of choice.
#[derive(Clone, Debug)]
pub struct MaximumLikelihood<P> {
    /// How q is found.
    pub positive: P,
    /// The chains.
    pub negative: NegativePhase,
    /// How the machine moves.
    pub dbm: Sgd,
    /// How the network moves.
    pub network: Sgd,
}

/// A scheme for the positive phase, which may start from the network as it is now.
pub trait PositivePhase {
    /// Statistics of the machine's parameters under q(h | v), and q itself, for `visible` `[examples, visible]`.
    fn infer(&self, dbm: &Dbm, network: &Network, visible: &Tensor, stream: Stream) -> Result<Positive>;
}

/// What the positive phase found.
pub struct Positive {
    /// E_q of the statistics, mean over examples.
    pub statistics: Statistics,
    /// Means of the hidden layers under q, the network's target, `[examples, n_l]`.
    pub means: Layers,
    /// The posterior of each example.
    pub q: Box<dyn Posterior>,
}

impl<P: PositivePhase + ?Sized> PositivePhase for Box<P> {
    fn infer(&self, dbm: &Dbm, network: &Network, visible: &Tensor, stream: Stream) -> Result<Positive> {
        (**self).infer(dbm, network, visible, stream)
    }
}

/// A scheme that does without the network: mean field from any start, Gibbs sampling, the exact posterior.
#[derive(Clone, Copy, Debug)]
pub struct SchemeAlone<S>(pub S);

/// The network's answer, refined by a scheme until a stop rule: "network + 1 mean-field sweep".
#[derive(Clone, Copy, Debug)]
pub struct NetworkRefined<R> {
    /// What improves the network's answer.
    pub by: R,
    /// For how long.
    pub stop: Stop,
}

impl<S: Inference<Dbm>> PositivePhase for SchemeAlone<S>
where
    S::Posterior: ExpectedStatistics + 'static,
{
    fn infer(&self, dbm: &Dbm, _: &Network, visible: &Tensor, stream: Stream) -> Result<Positive> {
        Positive::of(self.0.infer(dbm, visible, stream)?.q, visible)
    }
}

impl<R: Refine<Stack>> PositivePhase for NetworkRefined<R> {
    fn infer(&self, dbm: &Dbm, network: &Network, visible: &Tensor, stream: Stream) -> Result<Positive> {
        let start = network.posterior(visible)?;
        Positive::of(self.by.refine(&dbm.clamp(visible)?, start, self.stop, stream)?.q, visible)
    }
}

impl Positive {
    fn of<Q: ExpectedStatistics + 'static>(q: Q, visible: &Tensor) -> Result<Self> {
        let means = q.means()?;
        Ok(Self { statistics: q.statistics(visible, &means)?, means, q: Box::new(q) })
    }
}

impl<P: PositivePhase> Trainer for MaximumLikelihood<P> {
    type State = Joint;

    fn init(&self, dbm: Dbm, network: Network, stream: Stream) -> Result<Joint> {
        Joint::new(dbm, network, self.negative.chains, stream)
    }

    fn step(&self, state: Joint, batch: &Tensor, update: Update) -> Result<(Joint, Measurements)> {
        let positive = self.positive.infer(&state.dbm, &state.network, batch, update.stream.named("positive phase"))?;
        let (chains, layers) = state.chains.advance(&state.dbm, self.negative.sweeps, update.stream.named("chains"))?;
        let negative = Statistics::of(&layers)?;
        let uphill = positive.statistics.minus(&negative)?;
        let inputs = state.network.inputs(batch)?;
        let network_uphill = recognition_gradient(&state.network, batch, &inputs, &positive.means)?;

        let mut measurements = Measurements::default();
        if update.measured {
            measurements.add_reconstruction(batch, &state.reconstruct(&positive.means[0])?)?;
            let cross_entropies = cross_entropy(&state.network, &inputs, &positive.means)?;
            let kl = mean_of(&cross_entropies) - mean_of(&host(&positive.q.entropy()?)?);
            measurements.add("network_kl_nats_mean", kl);
            measurements.add("chain_flip_rate", state.chains.flip_rate(&chains)?);
            measurements.add_phases(&positive.statistics, &negative, 0)?;
            measurements.add_norms("", &Parameters::of_dbm(&state.dbm), &uphill, 0)?;
            measurements.add_norms("network_", &Parameters::of_network(&state.network), &network_uphill, 0)?;
        }
        let state = state.move_dbm(&self.dbm, &uphill, update.learning_rate)?.move_network(
            &self.network,
            &network_uphill,
            update.network_learning_rate,
        )?;
        Ok((Joint { chains, ..state }, measurements))
    }
}
