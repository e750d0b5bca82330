//! Joint stochastic maximum likelihood (Salakhutdinov & Hinton 2009; book algorithm 20.1).
//!
//! Positive phase: statistics under the q of any scheme. Negative phase: statistics of chains, persistent ones unless others are
//! asked for, of the sampled visible units as well as the hidden ones (the book's algorithm prints the data there for the first weights, an erratum).
//! The inference network learns the answers of the positive phase on the way (Salakhutdinov & Larochelle 2010).

use super::joint::Phases;
use super::{
    Awake, DbmWithNetwork, ExpectedStatistics, Joint, Measurements, Negative, NegativePhase, Part, Sgd, Statistics,
    Trainer, Update, cross_entropy, recognition_gradient,
};
use crate::inference::{Inference, Network, Refine, Stop};
use crate::math::{Layers, Result, Stream, Tensor, host, mean_of};
use crate::models::{Dbm, LatentModel, Stack};
use crate::posterior::Posterior;

/// The likelihood of the data, climbed with a `positive` and a `negative` phase of choice.
#[derive(Clone, Debug)]
pub struct MaximumLikelihood<P, N = NegativePhase> {
    /// How q is found.
    pub positive: P,
    /// The chains.
    pub negative: N,
    /// How the machine moves.
    pub dbm: Sgd,
    /// How the network moves.
    pub network: Sgd,
}

/// A scheme for the positive phase, which may start from the network as it is now.
pub trait PositivePhase {
    /// Statistics of the machine's parameters under q(h | v), and q itself, for `examples` `[examples, visible]`, of a machine with
    /// label units `[examples, visible + classes]`.
    fn infer(&self, dbm: &Dbm, network: &Network, examples: &Tensor, stream: Stream) -> Result<Positive>;
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
    fn infer(&self, dbm: &Dbm, network: &Network, examples: &Tensor, stream: Stream) -> Result<Positive> {
        (**self).infer(dbm, network, examples, stream)
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
    fn infer(&self, dbm: &Dbm, _: &Network, examples: &Tensor, stream: Stream) -> Result<Positive> {
        Positive::of(dbm, self.0.infer(dbm, examples, stream)?.q, &dbm.visible_of(examples)?)
    }
}

impl<R: Refine<Stack>> PositivePhase for NetworkRefined<R> {
    fn infer(&self, dbm: &Dbm, network: &Network, examples: &Tensor, stream: Stream) -> Result<Positive> {
        let start = network.infer(dbm, examples, stream)?.q;
        let q = self.by.refine(&dbm.clamp(examples)?, start, self.stop, stream)?.q;
        Positive::of(dbm, q, &dbm.visible_of(examples)?)
    }
}

impl Positive {
    fn of<Q: ExpectedStatistics + 'static>(dbm: &Dbm, q: Q, visible: &Tensor) -> Result<Self> {
        let means = q.means()?;
        let statistics = q.statistics(visible, &means)?.of_machine(dbm, visible, &means[0])?;
        Ok(Self { statistics, means, q: Box::new(q) })
    }
}

impl<P: PositivePhase, N: Negative> Trainer for MaximumLikelihood<P, N> {
    type State = Joint;

    fn init(&self, model: DbmWithNetwork, stream: Stream) -> Result<Joint> {
        Joint::new(model, &self.negative, stream)
    }

    fn step(&self, state: Joint, batch: &Tensor, update: Update) -> Result<(Joint, Measurements)> {
        update.begins(Part::Positive);
        let positive = self.positive.infer(&state.dbm, &state.network, batch, update.stream.named("positive phase"))?;
        let batch = &state.dbm.visible_of(batch)?;
        update.begins(Part::Negative);
        let awake = Awake { visible: batch, hidden: Some(&positive.means) };
        let sampled = self.negative.sample(&state, awake, update.stream.named("chains"))?;
        update.begins(Part::Gradient);
        let layers = &sampled.layers;
        let negative = Statistics::of(layers)?.of_machine(&state.dbm, &layers[0], &layers[1])?;
        // A network that does not move needs no gradient.
        let network_learns = update.measured || update.network_learning_rate != 0.0;
        let inputs = if network_learns { state.network.inputs(batch)? } else { Vec::new() };
        let network_uphill = network_learns
            .then(|| recognition_gradient(&state.network, batch, &inputs, &positive.means))
            .transpose()?;
        let phases = Phases {
            batch,
            awake: &positive.means,
            positive: &positive.statistics,
            negative: &negative,
            network_uphill: network_uphill.as_ref(),
            sampled: &sampled,
        };
        let measurements = if update.measured {
            update.begins(Part::Measurements);
            let cross_entropies = cross_entropy(&state.network, &inputs, &positive.means)?;
            let kl = mean_of(&cross_entropies) - mean_of(&host(&positive.q.entropy()?)?);
            state.measure(&phases, ("network_kl_nats_mean", kl))?
        } else {
            Measurements::default()
        };
        update.begins(Part::Gradient);
        Ok((state.advance(&self.dbm, &self.network, phases, &update)?, measurements))
    }
}
