//! How the negative phase samples the machine: settings of `[pretrain]` and of `[train.algorithm]`.

use super::check::Problems;
use super::choice;
use serde::de::value::MapAccessDeserializer;
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Where the samples of the model come from.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Negative {
    /// Chains that go on where the last update left them (Tieleman 2008).
    Persistent {},
    /// At every update a chain from each example: CD-k with k = `gibbs_sweeps` (Hinton 2002); `chains` is not read.
    Contrastive {},
    /// Persistent chains under fast weights (Tieleman and Hinton 2009).
    Fast(Fast),
    /// Persistent chains with replicas at higher temperatures (Desjardins et al. 2010); `chains` is the number at each temperature.
    Tempering(Tempering),
}

impl Default for Negative {
    fn default() -> Self {
        Self::Persistent {}
    }
}

/// Fast weights, which the chains see in addition.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Fast {
    /// Step size of the fast weights, at every update the same; 0 leaves plain persistent chains.
    pub learning_rate: f64,
    /// Share of the fast weights that an update leaves of them.
    pub decay: f64,
}

impl Default for Fast {
    fn default() -> Self {
        Self { learning_rate: 0.01, decay: 0.95 }
    }
}

/// Parallel tempering. The log has `train/swap_acceptance_mean/{pair}`, from the coldest pair up: below a tenth or so, states
/// hardly travel, and more temperatures help.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Tempering {
    /// Replicas of every chain, the one that is learned from included.
    pub temperatures: usize,
    /// Inverse temperature of the hottest: 0 = independent units, 1 = the machine.
    pub lowest: f64,
    /// Where the others lie between 1 and the lowest.
    #[serde(deserialize_with = "choice::word")]
    pub spacing: Rungs,
    /// What the machine becomes as the inverse temperature goes to 0.
    #[serde(deserialize_with = "choice::word")]
    pub base: Base,
}

impl Default for Tempering {
    fn default() -> Self {
        Self { temperatures: 10, lowest: 0.0, spacing: Rungs::default(), base: Base::default() }
    }
}

/// Where inverse temperatures lie.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rungs {
    /// By the same difference.
    #[default]
    Even,
    /// By the same factor.
    Geometric,
}

/// Independent units at inverse temperature 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Base {
    /// Visible units have the mean of the data that were shown so far.
    #[default]
    Data,
    /// All units are fair coins: every parameter is scaled.
    Uniform,
}

impl Negative {
    /// How often each chain is held.
    pub fn replicas(&self) -> usize {
        match self {
            Self::Tempering(tempering) => tempering.temperatures,
            _ => 1,
        }
    }

    /// Whether it has chains of its own, as many as `chains` says.
    pub fn is_persistent(&self) -> bool {
        !matches!(self, Self::Contrastive {})
    }

    /// What is wrong with it at `path`.
    pub fn check(&self, path: &str, problems: &mut Problems) {
        match self {
            Self::Persistent {} | Self::Contrastive {} => {}
            Self::Fast(fast) => {
                problems.not_negative(format!("{path}.fast.learning_rate"), fast.learning_rate);
                problems.share(format!("{path}.fast.decay"), fast.decay);
            }
            Self::Tempering(tempering) => tempering.check(&format!("{path}.tempering"), problems),
        }
    }
}

impl Tempering {
    fn check(&self, path: &str, problems: &mut Problems) {
        let temperatures = format!("{path}.temperatures");
        problems.limit(temperatures.clone(), self.temperatures);
        problems.require(
            self.temperatures > 1,
            temperatures,
            format!("is {}, and replicas exchange states between two temperatures or more", self.temperatures),
            "set it to 2 or more, or take negative = { persistent = {} }",
        );
        let lowest = format!("{path}.lowest");
        problems.share(lowest.clone(), self.lowest);
        problems.require(
            self.lowest != 0.0 || self.spacing == Rungs::Even,
            lowest,
            "is 0, which no factor leads to",
            "set it above 0, such as 0.1, or spacing = \"even\"",
        );
    }
}

/// Gibbs sweeps per update: a number, or one that moves from a start to an end over the updates of a stage, every number on the way
/// for an equal share of them. From 1 to 10 in 200 epochs that is k = ⌈epoch / 20⌉.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sweeps {
    /// At the first update.
    pub start: usize,
    /// At the last update.
    pub end: usize,
}

impl Sweeps {
    /// The same number at every update.
    pub fn constant(count: usize) -> Self {
        Self { start: count, end: count }
    }

    /// What is wrong with it at `path`.
    pub fn check(&self, path: &str, problems: &mut Problems) {
        if self.start == self.end {
            return problems.count(path, self.start);
        }
        problems.count(format!("{path}.start"), self.start);
        problems.count(format!("{path}.end"), self.end);
    }
}

/// The table it can be written as.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Course {
    start: usize,
    end: usize,
}

impl Serialize for Sweeps {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self { start, end } = *self;
        if start == end { start.serialize(serializer) } else { Course { start, end }.serialize(serializer) }
    }
}

impl<'de> Deserialize<'de> for Sweeps {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Read;
        impl<'de> Visitor<'de> for Read {
            type Value = Sweeps;
            fn expecting(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
                write!(f, "a count such as 5, or {{ start = 1, end = 10 }}")
            }
            fn visit_i64<E: serde::de::Error>(self, value: i64) -> Result<Sweeps, E> {
                let refused = || E::invalid_value(serde::de::Unexpected::Signed(value), &self);
                Ok(Sweeps::constant(usize::try_from(value).map_err(|_| refused())?))
            }
            fn visit_u64<E: serde::de::Error>(self, value: u64) -> Result<Sweeps, E> {
                let refused = || E::invalid_value(serde::de::Unexpected::Unsigned(value), &self);
                Ok(Sweeps::constant(usize::try_from(value).map_err(|_| refused())?))
            }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Sweeps, A::Error> {
                let Course { start, end } = Course::deserialize(MapAccessDeserializer::new(map))?;
                Ok(Sweeps { start, end })
            }
        }
        deserializer.deserialize_any(Read)
    }
}
