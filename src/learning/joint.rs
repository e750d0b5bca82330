//! The state of joint training: machine, inference network, their momenta and the chains of the negative phase.

use super::{
    Carried, Chains, DbmWithNetwork, Gradient, Measurements, Moves, Negative, Offsets, Parameters, Sampled,
    SavedTensors, Sgd, State, Statistics, Update, sparsity,
};
use crate::inference::Network;
use crate::math::{Layers, Result, Stream, Tensor};
use crate::models::{Dbm, Reconstruct};

/// All layers trained together, the inference network beside them.
#[derive(Clone, Debug)]
pub struct Joint {
    /// The machine.
    pub dbm: Dbm,
    /// The inference network.
    pub network: Network,
    /// Last moves of the machine's parameters.
    pub dbm_momentum: Parameters,
    /// Last moves of the network's parameters.
    pub network_momentum: Parameters,
    /// Where the negative phase goes on.
    pub chains: Chains,
    /// What the negative phase carries beside its chains.
    pub carried: Carried,
    /// Where the units of a machine with centred gradients are measured from.
    pub offsets: Option<Offsets>,
    /// Running means of the hidden layers under the data, `[n_l]`, where their activity is held against a target.
    pub activity: Option<Layers>,
}

impl Joint {
    /// No momentum yet, chains where the negative phase begins.
    pub fn new(model: DbmWithNetwork, negative: &impl Negative, stream: Stream) -> Result<Self> {
        let DbmWithNetwork { dbm, network } = model;
        let (chains, carried) = negative.begin(&dbm, stream.named("chains"))?;
        Ok(Self {
            dbm_momentum: Parameters::of_dbm(&dbm).zeros_like()?,
            network_momentum: Parameters::of_network(&network).zeros_like()?,
            chains,
            carried,
            offsets: None,
            activity: None,
            dbm,
            network,
        })
    }

    /// What an update tells people; `fit` is how well the network does, by name.
    pub(super) fn measure(&self, phases: &Phases, fit: (&str, f64)) -> Result<Measurements> {
        let mut measurements = Measurements::default();
        measurements.add_reconstruction(phases.batch, &self.dbm.reconstruct(phases.awake)?)?;
        measurements.add(fit.0, fit.1);
        let start = phases.sampled.start.as_ref().unwrap_or(&self.chains);
        measurements.add("chain_flip_rate", start.flip_rate(&phases.sampled.chains)?);
        for (pair, share) in phases.sampled.swaps.iter().enumerate() {
            measurements.add(format!("swap_acceptance_mean/{pair}"), *share);
        }
        measurements.add_phases(phases.positive, phases.negative, 0)?;
        let uphill = phases.positive.minus(phases.negative)?;
        measurements.add_norms("", &Parameters::of_dbm(&self.dbm), &uphill, 0)?;
        if let Some(uphill) = phases.network_uphill {
            measurements.add_norms("network_", &Parameters::of_network(&self.network), uphill, 0)?;
        }
        Ok(measurements)
    }

    /// Moves the machine by the difference of the phases and the network by its own gradient, neither by the other's.
    pub(super) fn advance(self, dbm: &Sgd, network: &Sgd, phases: Phases, update: &Update) -> Result<Self> {
        let (activity, sparse) = update.moves.sparse(self.activity, phases.positive)?;
        let mut uphill = sparse.as_ref().unwrap_or(phases.positive).minus(phases.negative)?;
        let offsets = self.offsets.map(|offsets| offsets.follow(&phases.positive.biases)).transpose()?;
        if let Some(offsets) = &offsets {
            uphill = uphill.centred(&offsets.layers)?;
        }
        let carried = phases.sampled.carried.follow(&uphill)?;
        let biases = self.dbm.vectors();
        let (units, weights, _) = self.dbm.into_parts();
        let at = Parameters { weights, biases };
        let (to, dbm_momentum) = Moves::step(dbm, at, self.dbm_momentum, &uphill, update)?;
        let (trained, network_momentum) = match phases.network_uphill.filter(|_| update.network_learning_rate != 0.0) {
            Some(uphill) => {
                let (units, weights, biases) = self.network.into_parts();
                let at = Parameters { weights, biases };
                let (by, rate) = (update.moves.of_network(network), update.network_learning_rate);
                let (to, momentum) = by.step(at, self.network_momentum, uphill, rate)?;
                (Network::new(units, to.weights, to.biases)?, momentum)
            }
            None => (self.network, self.network_momentum),
        };
        Ok(Self {
            dbm: Dbm::new(units, to.weights, to.biases)?,
            network: trained,
            dbm_momentum,
            network_momentum,
            chains: phases.sampled.chains.clone(),
            carried,
            offsets,
            activity,
        })
    }
}

/// What one update found before anything moved.
#[derive(Clone, Copy)]
pub(super) struct Phases<'a> {
    /// Examples, `[examples, visible]`.
    pub batch: &'a Tensor,
    /// Means of the hidden layers on the examples.
    pub awake: &'a [Tensor],
    /// Statistics under the data.
    pub positive: &'a Statistics,
    /// Statistics under the chains.
    pub negative: &'a Statistics,
    /// Gradient of the network's objective; none for a network that rests.
    pub network_uphill: Option<&'a Gradient>,
    /// What the negative phase found.
    pub sampled: &'a Sampled,
}

impl State for Joint {
    type Model = DbmWithNetwork;

    fn model(&self) -> Result<DbmWithNetwork> {
        Ok(DbmWithNetwork { dbm: self.dbm.clone(), network: self.network.clone() })
    }

    fn tensors(&self) -> Result<Vec<(String, Tensor)>> {
        let momenta = [self.dbm_momentum.named("momentum.dbm")?, self.network_momentum.named("momentum.network")?];
        let offsets = self.offsets.as_ref().map(Offsets::named).transpose()?.unwrap_or_default();
        let activity = sparsity::named(self.activity.as_ref());
        Ok([momenta.concat(), self.chains.named(), self.carried.named()?, offsets, activity].concat())
    }

    fn restore(DbmWithNetwork { dbm, network }: DbmWithNetwork, tensors: &SavedTensors) -> Result<Self> {
        Ok(Self {
            dbm_momentum: Parameters::of_dbm(&dbm).restore("momentum.dbm", tensors)?,
            network_momentum: Parameters::of_network(&network).restore("momentum.network", tensors)?,
            chains: Chains::restore(&dbm, tensors)?,
            carried: Carried::restore(&dbm, tensors)?,
            offsets: Offsets::restore(&dbm, tensors)?,
            activity: sparsity::restore(&dbm.sizes()[1..], tensors)?,
            dbm,
            network,
        })
    }
}
