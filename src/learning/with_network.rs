//! A deep Boltzmann machine and the inference network that is trained beside it.

use crate::inference::Network;
use crate::math::Result;
use crate::models::Dbm;

/// What every trainer of a machine moves.
#[derive(Clone, Debug)]
pub struct DbmWithNetwork {
    /// The machine.
    pub dbm: Dbm,
    /// Its inference network.
    pub network: Network,
}

impl DbmWithNetwork {
    /// A machine with a network made of its own weights.
    pub fn from_dbm(dbm: Dbm) -> Result<Self> {
        Ok(Self { network: Network::from_dbm(&dbm)?, dbm })
    }
}
