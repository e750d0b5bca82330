//! The state of joint training: machine, inference network, their momenta and the persistent chains.

use super::{
    Chains, DbmWithNetwork, Gradient, Measurements, Offsets, Parameters, SavedTensors, Sgd, State, Statistics, Update,
};
use crate::inference::Network;
use crate::math::{Result, Stream, Tensor};
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
    /// Where the units of a machine with centred gradients are measured from.
    pub offsets: Option<Offsets>,
}

/// Persistent chains and how far they move at every update.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NegativePhase {
    /// Number of chains; has nothing to do with the batch.
    pub chains: usize,
    /// Block Gibbs sweeps of each chain per update.
    pub sweeps: usize,
}

impl Joint {
    /// No momentum yet, chains drawn from the biases.
    pub fn new(model: DbmWithNetwork, chains: usize, stream: Stream) -> Result<Self> {
        let DbmWithNetwork { dbm, network } = model;
        Ok(Self {
            dbm_momentum: Parameters::of_dbm(&dbm).zeros_like()?,
            network_momentum: Parameters::of_network(&network).zeros_like()?,
            chains: Chains::from_biases(&dbm, chains, stream.named("chains"))?,
            offsets: None,
            dbm,
            network,
        })
    }

    /// What an update tells people; `fit` is how well the network does, by name.
    pub(super) fn measure(&self, phases: &Phases, fit: (&str, f64)) -> Result<Measurements> {
        let mut measurements = Measurements::default();
        measurements.add_reconstruction(phases.batch, &self.dbm.reconstruct(phases.awake)?)?;
        measurements.add(fit.0, fit.1);
        measurements.add("chain_flip_rate", self.chains.flip_rate(phases.chains)?);
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
        let mut uphill = phases.positive.minus(phases.negative)?;
        let offsets = self.offsets.map(|offsets| offsets.follow(&phases.positive.biases)).transpose()?;
        if let Some(offsets) = &offsets {
            uphill = uphill.centred(&offsets.layers)?;
        }
        let biases = self.dbm.vectors();
        let (units, weights, _) = self.dbm.into_parts();
        let at = Parameters { weights, biases };
        let (to, dbm_momentum) = dbm.step(at, self.dbm_momentum, &uphill, update.learning_rate)?;
        let (trained, network_momentum) = match phases.network_uphill.filter(|_| update.network_learning_rate != 0.0) {
            Some(uphill) => {
                let (units, weights, biases) = self.network.into_parts();
                let at = Parameters { weights, biases };
                let (to, momentum) = network.step(at, self.network_momentum, uphill, update.network_learning_rate)?;
                (Network::new(units, to.weights, to.biases)?, momentum)
            }
            None => (self.network, self.network_momentum),
        };
        Ok(Self {
            dbm: Dbm::new(units, to.weights, to.biases)?,
            network: trained,
            dbm_momentum,
            network_momentum,
            chains: phases.chains.clone(),
            offsets,
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
    /// The chains after their sweeps.
    pub chains: &'a Chains,
}

impl State for Joint {
    type Model = DbmWithNetwork;

    fn model(&self) -> Result<DbmWithNetwork> {
        Ok(DbmWithNetwork { dbm: self.dbm.clone(), network: self.network.clone() })
    }

    fn tensors(&self) -> Result<Vec<(String, Tensor)>> {
        let momenta = [self.dbm_momentum.named("momentum.dbm")?, self.network_momentum.named("momentum.network")?];
        let offsets = self.offsets.as_ref().map(Offsets::named).transpose()?.unwrap_or_default();
        Ok([momenta.concat(), self.chains.named(), offsets].concat())
    }

    fn restore(DbmWithNetwork { dbm, network }: DbmWithNetwork, tensors: &SavedTensors) -> Result<Self> {
        Ok(Self {
            dbm_momentum: Parameters::of_dbm(&dbm).restore("momentum.dbm", tensors)?,
            network_momentum: Parameters::of_network(&network).restore("momentum.network", tensors)?,
            chains: Chains::restore(&dbm, tensors)?,
            offsets: Offsets::restore(&dbm, tensors)?,
            dbm,
            network,
        })
    }
}
