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

/// `model.visible`: what the visible units are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum VisibleUnits {
    /// 0 or 1; intensities between enter the formulas as they are.
    #[default]
    Binary,
    /// Real numbers with normal noise: given the layer above, each has the mean b + W h and a variance of its own. Needs
    /// `data.binarize = "none"`; values of about deviation 1 suit the usual learning rates, smaller ones smaller rates.
    Gaussian,
}

/// `model.variances`: the variances of Gaussian visible units, which begin at those of the data.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Variances {
    /// ln σ² of each unit follows the gradient of the likelihood (Cho, Ilin and Raiko 2011), within deviations of 0.01 to 100; in the
    /// pre-training of the first of several layers, which sees the data twice, it rests.
    #[default]
    Learned,
    /// They stay those of the data.
    Fixed,
}

/// A word where there is one.
pub(super) fn word<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    choice::word(deserializer).map(Some)
}
