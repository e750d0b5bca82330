//! Settings of `[pretrain]` and `[train]` that bear on steps beside rate, momentum and weight decay; which parameters are kept, and
//! when training stops.

use super::{Pretrain, choice};
use serde::{Deserialize, Deserializer, Serialize, de};
use toml::{Table, Value};

/// A number for every hidden layer alike, or a list with one for each, bottom first.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum PerLayer {
    /// The same for all.
    All(f64),
    /// One for each.
    Each(Vec<f64>),
}

impl PerLayer {
    /// That of a layer, 0 the lowest hidden one; none beyond a list.
    pub fn of(&self, layer: usize) -> Option<f64> {
        match self {
            Self::All(value) => Some(*value),
            Self::Each(values) => values.get(layer).copied(),
        }
    }

    /// Those of so many layers.
    pub fn list(&self, layers: usize) -> Vec<f64> {
        (0..layers).filter_map(|layer| self.of(layer)).collect()
    }
}

impl<'de> Deserialize<'de> for PerLayer {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let number = |value: &Value| value.as_float().or_else(|| value.as_integer().map(|whole| whole as f64));
        let read = match Value::deserialize(deserializer)? {
            Value::Array(list) => list.iter().map(number).collect::<Option<Vec<f64>>>().map(Self::Each),
            one => number(&one).map(Self::All),
        };
        let expected = "expected a number for all hidden layers, or a list with one for each, such as [0.2, 0.1]";
        read.ok_or_else(|| de::Error::custom(expected))
    }
}

/// Units are drawn to be on for a small share of the examples (Hinton 2010, section 11).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sparsity {
    /// Share of the training examples at which a unit should be on.
    pub targets: PerLayer,
    /// How strongly units are drawn there, per unit of learning rate.
    #[serde(default = "Sparsity::usual_cost")]
    pub cost: f64,
    /// Share of the running mean of the activity that an update keeps.
    #[serde(default = "Sparsity::usual_damping")]
    pub damping: f64,
}

impl Sparsity {
    fn usual_cost() -> f64 {
        0.001
    }

    fn usual_damping() -> f64 {
        0.9
    }
}

/// Averaged parameters: the model that is judged, drawn, saved as the model and gone on with in the next stage is the mean of the
/// parameters, of the machine and of the network, after many updates; training goes on with the moving ones.
///
/// In a checkpoint `layers.*`, `bias.*` and `recognition.*` are the means, `trainer.moving.*` the moving parameters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Average {
    /// How much the update before counts beside the present one: an exponential mean. Left out = all count alike.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decay: Option<f64>,
    /// Share of the stage after which the mean begins.
    pub from: f64,
}

/// Stopping before the epochs are used up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EarlyStop {
    /// Evaluations without a better held-out bound after which training stops. Better is what beats the last that was better by more
    /// than the error of the difference of both estimates of log Z, which is 0 where log Z is exact. The error of the mean over
    /// examples is not counted: all evaluations judge the same ones. A bound with a warning is never better than one without.
    pub patience: usize,
}

/// Which model of a run its conclusion judges and draws.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Conclude {
    /// That after the last update.
    #[default]
    Last,
    /// That with the best held-out bound of all evaluations, `checkpoints/best.safetensors`.
    Best,
}

impl Conclude {
    /// Whether it is what runs do that do not name it.
    pub fn is_last(&self) -> bool {
        *self == Self::Last
    }

    /// Reads the word.
    pub fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        choice::word(deserializer)
    }
}

/// Settings of `[pretrain]` for one layer, which replace those of all.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(transparent)]
pub struct LayerSettings(Table);

impl<'de> Deserialize<'de> for LayerSettings {
    /// Any setting of `[pretrain]` but the list itself.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let table = Table::deserialize(deserializer)?;
        if table.contains_key("layers") {
            return Err(de::Error::custom("a layer has no layers of its own"));
        }
        let read = Pretrain::deserialize(Value::Table(table.clone()));
        read.map_err(|error| de::Error::custom(error.message()))?;
        Ok(Self(table))
    }
}

impl Pretrain {
    /// The settings of one layer, 0 the lowest RBM.
    pub fn of_layer(&self, layer: usize) -> Self {
        let all = Self { layers: Vec::new(), ..self.clone() };
        let Some(LayerSettings(own)) = self.layers.get(layer) else { return all };
        let changed = Table::try_from(&all).ok().map(|mut table| {
            table.extend(own.clone());
            Self::deserialize(Value::Table(table))
        });
        // Each of the two was read as such settings, and no setting depends on another.
        changed.and_then(Result::ok).unwrap_or(all)
    }
}
