//! Kinds of units of a deep Boltzmann machine that are not its binary hidden ones.

use super::choice;
use serde::{Deserialize, Deserializer, Serialize};

/// `model.labels`: units for the class of an example, on top of the last hidden layer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LabelUnits {
    /// None: the model is of examples alone.
    #[default]
    None,
    /// One unit a class, exactly one of which is on (Salakhutdinov and Hinton 2009). Training sees the labels of the data, which must
    /// have some; judging infers them, and counts how often the likeliest is wrong.
    Softmax,
}

impl LabelUnits {
    /// Whether there are any.
    pub fn any(self) -> bool {
        self != Self::None
    }
}

/// A word where there is one.
pub(super) fn labels<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<LabelUnits>, D::Error> {
    choice::word(deserializer).map(Some)
}
