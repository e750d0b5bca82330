//! The section `[train.algorithm.multi_prediction]`.

use super::check::Problems;
use super::{Optimizer, choice};
use serde::{Deserialize, Serialize};

/// Multi-prediction training (Goodfellow, Mirza, Courville and Bengio 2013): unrolled mean field learns to predict any part of an
/// example from the rest, without pre-training. The inference network rests.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MultiPrediction {
    /// Mean-field sweeps that are unrolled; 5 to 15 are usual.
    pub sweeps: usize,
    /// Probability with which a visible unit is missing, drawn anew for every unit of every example at every update.
    pub drop: f64,
    /// How the machine follows the gradient, by `train.learning_rate`; `sgd` with `train.momentum` and `train.weight_decay`, `adam` with its
    /// usual constants and neither.
    #[serde(deserialize_with = "choice::word")]
    pub optimizer: Optimizer,
}

impl Default for MultiPrediction {
    fn default() -> Self {
        Self { sweeps: 10, drop: 0.5, optimizer: Optimizer::Sgd }
    }
}

/// Checks of the section at `path`.
pub fn check(path: &str, settings: &MultiPrediction, problems: &mut Problems) {
    problems.count(format!("{path}.sweeps"), settings.sweeps);
    let within = settings.drop > 0.0 && settings.drop < 1.0;
    let message = format!("is {:?}, and something must be missing and something seen", settings.drop);
    problems.require(within, format!("{path}.drop"), message, "set it to a number between 0 and 1, such as 0.5");
}
