//! How parameters follow a gradient.

use serde::{Deserialize, Serialize};

/// How weights follow the gradient.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Optimizer {
    /// Running means of the gradient and of its square (Kingma and Ba 2015).
    Adam,
    /// Stochastic gradient ascent with momentum.
    Sgd,
}
