//! Wake-sleep for a deep Boltzmann machine (after Hinton, Dayan, Frey & Neal 1995, whose generative model is directed).
//!
//! Wake: the network infers h from data and the machine learns from it. Sleep: the machine dreams (v, h) and the network
//! learns to tell the dreamed h from the dreamed v. The network never learns from data, and the sleep objective is
//! KL(p ‖ q) on dreams, not the ELBO's KL(q ‖ p) on data: nothing guarantees that one bound rises.

use super::joint::Phases;
use super::statistics::with_visible;
use super::{
    Awake, DbmWithNetwork, Joint, Measurements, Negative, NegativePhase, Part, Sgd, Statistics, Trainer, Update,
    cross_entropy, recognition_gradient,
};
use crate::inference::Inference;
use crate::math::{Result, Stream, Tensor, mean_of};
use crate::posterior::Posterior;

/// The two phases, made once each at every update.
#[derive(Clone, Copy, Debug)]
pub struct WakeSleep<N = NegativePhase> {
    /// The chains that dream, and are the negative phase of wake; none that start at the data.
    pub negative: N,
    /// How the machine moves.
    pub dbm: Sgd,
    /// How the network moves.
    pub network: Sgd,
}

impl<N: Negative> Trainer for WakeSleep<N> {
    type State = Joint;

    fn init(&self, model: DbmWithNetwork, stream: Stream) -> Result<Joint> {
        Joint::new(model, &self.negative, stream)
    }

    /// Wake uses the network's means where the original samples: q is factorial, so they give the expectation of the
    /// statistics over those samples. Dreams are the states of the chains (odd layers by their means given the even ones).
    fn step(&self, state: Joint, batch: &Tensor, update: Update) -> Result<(Joint, Measurements)> {
        update.begins(Part::Negative);
        let asleep = Awake { visible: batch, hidden: None };
        let sampled = self.negative.sample(&state, asleep, update.stream.named("chains"))?;
        let dream = &sampled.layers;
        update.begins(Part::Positive);
        let awake = state.network.infer(&state.dbm, batch, update.stream)?.q.means()?;
        let batch = &state.dbm.visible_of(batch)?;
        update.begins(Part::Gradient);
        let positive = Statistics::of(&with_visible(batch, &awake))?.of_machine(&state.dbm, batch, &awake[0])?;
        let negative = Statistics::of(dream)?.of_machine(&state.dbm, &dream[0], &dream[1])?;
        let inputs = state.network.inputs(&dream[0])?;
        let network_uphill = recognition_gradient(&state.network, &dream[0], &inputs, &dream[1..])?;
        let phases = Phases {
            batch,
            awake: &awake,
            positive: &positive,
            negative: &negative,
            network_uphill: Some(&network_uphill),
            sampled: &sampled,
        };
        let measurements = if update.measured {
            update.begins(Part::Measurements);
            let nats = mean_of(&cross_entropy(&state.network, &inputs, &dream[1..])?);
            state.measure(&phases, ("dream_cross_entropy_nats_mean", nats))?
        } else {
            Measurements::default()
        };
        update.begins(Part::Gradient);
        Ok((state.advance(&self.dbm, &self.network, phases, &update)?, measurements))
    }
}
