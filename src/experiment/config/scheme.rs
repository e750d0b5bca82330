//! Inference schemes, written as a table or as the word the command line takes.

use super::choice;
use super::sampled::{AnnealedPosterior, Importance};
use super::thresholding::Thresholding;
use serde::de::value::MapAccessDeserializer;
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;

/// How q(h | v) is found. As a word: `exact`, `mean-field`, `gibbs`, `network`, `network+1`, with options after a
/// colon: `mean-field:schedule=parallel,sweeps=5`. As a table: `{ mean_field = { sweeps = 5 } }`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(remote = "Self", rename_all = "snake_case", deny_unknown_fields)]
pub enum Scheme {
    /// The true posterior, by enumeration of one half of alternate hidden layers.
    Exact(Exact),
    /// A factorial q, by coordinate ascent of the ELBO.
    MeanField(MeanField),
    /// A factorial q with the marginals of a block Gibbs chain.
    Gibbs(Gibbs),
    /// The inference network, optionally refined by mean-field sweeps.
    Network(NetworkScheme),
    /// The most probable state, by enumeration of one half of alternate hidden layers.
    Map(Map),
    /// A probable state, by iterated conditional modes from random starts.
    Icm(Icm),
    /// Tables over blocks of hidden units, from the answer of mean field.
    Structured(Structured),
    /// The equations of Thouless, Anderson and Palmer: means and a free energy that is no bound.
    Tap(Tap),
    /// The bound of several samples, weighted by importance: of a recognition net, an encoder, or a machine's q.
    Importance(Importance),
    /// Most probable codes of sparse coding by iterative soft thresholding.
    Ista(Thresholding),
    /// The same with momentum (Beck and Teboulle 2009).
    Fista(Thresholding),
    /// log p̃(v) of a machine by annealing its hidden layers with v clamped.
    Ais(AnnealedPosterior),
}

/// The most probable state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Map {
    /// Refused where the smaller half of alternate hidden layers has more units than this; 20 at most.
    pub max_bits: usize,
}

impl Default for Map {
    fn default() -> Self {
        Self { max_bits: Exact::default().max_bits }
    }
}

/// Iterated conditional modes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Icm {
    /// Random first states of each example; the best end is kept.
    pub starts: usize,
    /// Never more sweeps than this.
    pub max_sweeps: usize,
}

impl Default for Icm {
    fn default() -> Self {
        Self { starts: 20, max_sweeps: 100 }
    }
}

/// Structured mean field: independent blocks of hidden units, each a full table.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Structured {
    /// Which units share a table.
    pub blocks: Blocks,
    /// The first q of the mean field that it starts from.
    #[serde(deserialize_with = "choice::word")]
    pub start: Start,
    /// Largest change of a mean in one sweep that counts as converged; left out = 1e-6 in f32, 1e-10 in f64.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tolerance: Option<f64>,
    /// Never more sweeps than this.
    pub max_sweeps: usize,
}

impl Structured {
    /// The most units of a block: a table of 65536 states of each example.
    pub const MOST_BITS: usize = 16;
}

impl Default for Structured {
    fn default() -> Self {
        Self { blocks: Blocks::Columns, start: Start::Half, tolerance: None, max_sweeps: 500 }
    }
}

/// Which hidden units share a table: `columns`, `all`, or a number of units.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Blocks {
    /// One unit of each hidden layer.
    Columns,
    /// So many units, filled column by column.
    OfSize(usize),
    /// All of them.
    All,
}

impl Blocks {
    /// Units of the largest block over hidden layers of these sizes.
    pub fn largest(&self, hidden: &[usize]) -> usize {
        let units = hidden.iter().fold(0_usize, |sum, units| sum.saturating_add(*units));
        match self {
            Self::Columns => hidden.len(),
            Self::OfSize(size) => units.min(*size),
            Self::All => units,
        }
    }
}

impl Serialize for Blocks {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Columns => serializer.serialize_str("columns"),
            Self::OfSize(units) => serializer.serialize_u64(*units as u64),
            Self::All => serializer.serialize_str("all"),
        }
    }
}

impl<'de> Deserialize<'de> for Blocks {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Read;
        impl Visitor<'_> for Read {
            type Value = Blocks;
            fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
                write!(f, "columns, all, or a number of units")
            }
            fn visit_str<E: serde::de::Error>(self, word: &str) -> Result<Blocks, E> {
                match word {
                    "columns" => Ok(Blocks::Columns),
                    "all" => Ok(Blocks::All),
                    _ => Err(E::invalid_value(serde::de::Unexpected::Str(word), &self)),
                }
            }
            fn visit_i64<E: serde::de::Error>(self, units: i64) -> Result<Blocks, E> {
                let wrong = |_| E::invalid_value(serde::de::Unexpected::Signed(units), &self);
                usize::try_from(units).map(Blocks::OfSize).map_err(wrong)
            }
            fn visit_u64<E: serde::de::Error>(self, units: u64) -> Result<Blocks, E> {
                let wrong = |_| E::invalid_value(serde::de::Unexpected::Unsigned(units), &self);
                usize::try_from(units).map(Blocks::OfSize).map_err(wrong)
            }
        }
        deserializer.deserialize_any(Read)
    }
}

/// The TAP equations.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Tap {
    /// 1 (mean field), 2 or 3.
    pub order: usize,
    /// The first means.
    #[serde(deserialize_with = "choice::word")]
    pub start: Start,
    /// Share of the old mean that is kept in every update, from 0 up to but not 1.
    pub damping: f64,
    /// Largest change of a mean in one sweep that counts as converged; left out = 1e-6 in f32, 1e-10 in f64.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tolerance: Option<f64>,
    /// Never more sweeps than this.
    pub max_sweeps: usize,
}

impl Default for Tap {
    fn default() -> Self {
        Self { order: 2, start: Start::Half, damping: 0.5, tolerance: None, max_sweeps: 500 }
    }
}

/// The true posterior.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Exact {
    /// Refused where the smaller half of alternate hidden layers has more units than this; 20 at most.
    pub max_bits: usize,
}

impl Exact {
    /// The most that `max_bits` may be: a table of a million states.
    pub const MOST_BITS: usize = 20;
}

impl Default for Exact {
    fn default() -> Self {
        Self { max_bits: 16 }
    }
}

/// Iterative mean-field inference.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MeanField {
    /// Which layers move together.
    #[serde(deserialize_with = "choice::word")]
    pub schedule: Schedule,
    /// The first q.
    #[serde(deserialize_with = "choice::word")]
    pub start: Start,
    /// Exactly so many sweeps; left out = until the largest change of a mean is below `tolerance`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sweeps: Option<usize>,
    /// Largest change of a mean in one sweep that counts as converged; left out = 1e-6 in f32, 1e-10 in f64.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tolerance: Option<f64>,
    /// Never more sweeps than this.
    pub max_sweeps: usize,
    /// Share of the old mean that is kept in every update, from 0 up to but not 1.
    pub damping: f64,
}

impl Default for MeanField {
    fn default() -> Self {
        Self {
            schedule: Schedule::default(),
            start: Start::Half,
            sweeps: None,
            tolerance: None,
            max_sweeps: 500,
            damping: 0.0,
        }
    }
}

/// Which layers move together in a mean-field sweep.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Schedule {
    /// One layer after the other, from the data upwards.
    #[default]
    Ascending,
    /// First all odd layers, then all even ones.
    OddEven,
    /// All at once, from the old means; the ELBO may fall.
    Parallel,
}

/// The first q of an iterative scheme.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Start {
    /// Every mean 1/2.
    Half,
    /// One pass upwards with doubled weights.
    BottomUp,
    /// Means drawn uniformly.
    Random,
    /// The answer of the inference network.
    Network,
}

/// Block Gibbs sampling.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Gibbs {
    /// Sweeps that are averaged.
    pub sweeps: usize,
    /// Sweeps before those, thrown away.
    pub burn_in: usize,
    /// The first state is drawn from this q.
    #[serde(deserialize_with = "choice::word")]
    pub start: Start,
}

impl Default for Gibbs {
    fn default() -> Self {
        Self { sweeps: 200, burn_in: 50, start: Start::Random }
    }
}

/// The inference network.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NetworkScheme {
    /// Ascending mean-field sweeps after the network's answer: the K of `network+K`.
    pub refine: usize,
}

impl Scheme {
    /// The key in a file.
    pub fn key(&self) -> &'static str {
        match self {
            Self::Exact(_) => "exact",
            Self::MeanField(_) => "mean_field",
            Self::Gibbs(_) => "gibbs",
            Self::Network(_) => "network",
            Self::Map(_) => "map",
            Self::Icm(_) => "icm",
            Self::Structured(_) => "structured",
            Self::Tap(_) => "tap",
            Self::Importance(_) => "importance",
            Self::Ista(_) => "ista",
            Self::Fista(_) => "fista",
            Self::Ais(_) => "ais",
        }
    }

    /// Most bits of the tables of an exact scheme; none for the others.
    pub fn table_bits(&self) -> Option<usize> {
        match self {
            Self::Exact(exact) => Some(exact.max_bits.min(Exact::MOST_BITS)),
            _ => None,
        }
    }

    /// Most bits of what it enumerates: one half of alternate hidden layers; none for schemes that do not.
    pub fn enumerated_bits(&self) -> Option<usize> {
        match self {
            Self::Map(map) => Some(map.max_bits.min(Exact::MOST_BITS)),
            _ => self.table_bits(),
        }
    }

    /// Whether it answers with something that training cannot take its positive statistics from.
    pub fn only_judged(&self) -> bool {
        let sampled = matches!(self, Self::Importance(_) | Self::Ais(_));
        sampled || matches!(self, Self::Map(_) | Self::Icm(_) | Self::Structured(_) | Self::Tap(_))
    }

    /// Samples it holds of each example.
    pub fn samples(&self) -> usize {
        match self {
            Self::Importance(importance) => importance.particles,
            Self::Ais(settings) => settings.chains,
            _ => 1,
        }
    }

    /// Whether it holds a square matrix over all hidden units.
    pub fn holds_couplings(&self) -> bool {
        matches!(self, Self::Structured(_) | Self::Tap(_))
    }

    /// Whether it improves the answer of the network by sweeps.
    pub fn refines(&self) -> bool {
        matches!(self, Self::Network(NetworkScheme { refine: 1.. }))
    }

    /// Mean-field until it has converged.
    pub fn mean_field() -> Self {
        Self::MeanField(MeanField::default())
    }

    /// The network's answer, refined by so many mean-field sweeps.
    pub fn network(refine: usize) -> Self {
        Self::Network(NetworkScheme { refine })
    }
}

impl Serialize for Scheme {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Scheme {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Read;
        impl<'de> Visitor<'de> for Read {
            type Value = Scheme;
            fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
                write!(f, "a scheme such as \"network+1\" or {{ mean_field = {{ sweeps = 5 }} }}")
            }
            fn visit_str<E: serde::de::Error>(self, word: &str) -> Result<Scheme, E> {
                word.parse().map_err(E::custom)
            }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Scheme, A::Error> {
                choice::only(map, |map| Scheme::deserialize(MapAccessDeserializer::new(map)))
            }
        }
        deserializer.deserialize_any(Read)
    }
}
