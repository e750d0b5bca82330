//! The state of joint training: machine, inference network, their momenta and the persistent chains.

use super::{Chains, Gradient, Parameters, SavedTensors, Sgd, State};
use crate::inference::Network;
use crate::math::{Result, Stream, Tensor};
use crate::models::Dbm;

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
    pub fn new(dbm: Dbm, network: Network, chains: usize, stream: Stream) -> Result<Self> {
        Ok(Self {
            dbm_momentum: Parameters::of_dbm(&dbm).zeros_like()?,
            network_momentum: Parameters::of_network(&network).zeros_like()?,
            chains: Chains::from_biases(&dbm, chains, stream.named("chains"))?,
            dbm,
            network,
        })
    }

    /// Moves the machine uphill; the network stays.
    pub(super) fn move_dbm(self, sgd: &Sgd, uphill: &Gradient, learning_rate: f64) -> Result<Self> {
        let (to, dbm_momentum) = sgd.step(&Parameters::of_dbm(&self.dbm), &self.dbm_momentum, uphill, learning_rate)?;
        Ok(Self { dbm: self.dbm.with_parameters(to.weights, to.biases)?, dbm_momentum, ..self })
    }

    /// Moves the network uphill; the machine stays.
    pub(super) fn move_network(self, sgd: &Sgd, uphill: &Gradient, learning_rate: f64) -> Result<Self> {
        let from = Parameters::of_network(&self.network);
        let (to, network_momentum) = sgd.step(&from, &self.network_momentum, uphill, learning_rate)?;
        Ok(Self { network: self.network.with_parameters(to.weights, to.biases)?, network_momentum, ..self })
    }

    /// E[v | h_1] under the machine for means of the first hidden layer.
    pub(super) fn reconstruct(&self, first_hidden: &Tensor) -> Result<Tensor> {
        let input = first_hidden.matmul(&self.dbm.weights()[0].t()?)?.broadcast_add(&self.dbm.biases()[0])?;
        self.dbm.units()[0].mean(&input)
    }
}

impl State for Joint {
    fn dbm(&self) -> Result<Dbm> {
        Ok(self.dbm.clone())
    }

    fn network(&self) -> Result<Network> {
        Ok(self.network.clone())
    }

    fn tensors(&self) -> Result<Vec<(String, Tensor)>> {
        let momenta = [self.dbm_momentum.named("momentum.dbm"), self.network_momentum.named("momentum.network")];
        Ok([momenta.concat(), self.chains.named()].concat())
    }

    fn restore(dbm: Dbm, network: Network, tensors: &SavedTensors) -> Result<Self> {
        Ok(Self {
            dbm_momentum: Parameters::of_dbm(&dbm).restore("momentum.dbm", tensors)?,
            network_momentum: Parameters::of_network(&network).restore("momentum.network", tensors)?,
            chains: Chains::restore(&dbm, tensors)?,
            dbm,
            network,
        })
    }
}
