//! Settings of log Z, and their checks.

use super::check::{Problems, enumerable, smaller_half};
use super::choice;
use serde::{Deserialize, Serialize};

/// How log Z is found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum LogPartition {
    /// Exactly where that is feasible, else by annealed importance sampling; defaults of both.
    Auto {},
    /// Exactly, by summing out alternate layers.
    Exact(ExactPartition),
    /// Annealed importance sampling: on average below log Z.
    Ais(Ais),
    /// Annealing from samples of the machine back to the base: on average above log Z, as far as the samples are some.
    Reverse(Reverse),
    /// From bounds of log p(v) of single examples by reverse chains that begin at them (RAISE).
    Raise(Raise),
    /// Forward and reverse chains, one below and one above log Z on average.
    Sandwich(Sandwich),
}

impl Default for LogPartition {
    fn default() -> Self {
        Self::Auto {}
    }
}

/// The exact partition function.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ExactPartition {
    /// Refused for a model where more binary units than this have to be enumerated; 30 at most.
    pub max_bits: usize,
}

impl ExactPartition {
    /// The most that `max_bits` may be: a sum of a billion states, hours of work.
    pub const MOST_BITS: usize = 30;

    /// `max_bits`, as far as it counts.
    pub fn bits(&self) -> usize {
        self.max_bits.min(Self::MOST_BITS)
    }
}

impl Default for ExactPartition {
    fn default() -> Self {
        Self { max_bits: 24 }
    }
}

/// Where the units of independent base machines get their rates from; hidden units have one half but for `activity`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BaseRates {
    /// Their means over the training examples, kept between 0.01 and 0.99.
    #[default]
    Data,
    /// The same, and of hidden units their means under mean field's q over the examples judged on, 1,000 at most.
    Activity,
    /// One half.
    Uniform,
    /// The machine's visible biases: the rates it would have without hidden units.
    Biases,
}

impl BaseRates {
    /// The word for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Data => "data",
            Self::Activity => "activity",
            Self::Uniform => "uniform",
            Self::Biases => "biases",
        }
    }

    /// Whether the visible units have the rates of the data.
    pub fn follows_the_data(self) -> bool {
        matches!(self, Self::Data | Self::Activity)
    }

    fn is_usual(&self) -> bool {
        *self == Self::default()
    }
}

/// Annealed importance sampling.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Ais {
    /// Intermediate distributions between the base model and the model.
    pub temperatures: usize,
    /// Independent chains; the error shrinks with their square root.
    pub chains: usize,
    /// Rates of the base.
    #[serde(deserialize_with = "choice::word", skip_serializing_if = "BaseRates::is_usual")]
    pub base: BaseRates,
}

impl Default for Ais {
    fn default() -> Self {
        Self { temperatures: 1000, chains: 100, base: BaseRates::Data }
    }
}

/// Reverse annealing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Reverse {
    /// Intermediate distributions between the model and the base.
    pub temperatures: usize,
    /// Independent chains.
    pub chains: usize,
    /// Rates of the base.
    #[serde(deserialize_with = "choice::word")]
    pub base: BaseRates,
    /// Gibbs sweeps from the examples judged on to where the chains begin. Not read where the machine can be enumerated: then they
    /// begin at exact samples.
    pub sweeps: usize,
}

impl Default for Reverse {
    fn default() -> Self {
        Self { temperatures: 1000, chains: 100, base: BaseRates::Data, sweeps: 1000 }
    }
}

/// Bounds of log p(v) by reverse chains.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Raise {
    /// Intermediate distributions between an example and the base.
    pub temperatures: usize,
    /// Chains of each example.
    pub chains: usize,
    /// Rates of the base.
    #[serde(deserialize_with = "choice::word")]
    pub base: BaseRates,
    /// At most so many examples, from all over.
    pub examples: usize,
    /// Samples of mean field's q from which log p̃(v) of each is estimated where it cannot be summed.
    pub particles: usize,
}

impl Default for Raise {
    fn default() -> Self {
        Self { temperatures: 1000, chains: 50, base: BaseRates::Data, examples: 100, particles: 500 }
    }
}

/// Forward and reverse annealing.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Sandwich {
    /// Intermediate distributions, for either way.
    pub temperatures: usize,
    /// Independent chains, for either way.
    pub chains: usize,
    /// Rates of the base.
    #[serde(deserialize_with = "choice::word")]
    pub base: BaseRates,
    /// As for reverse annealing.
    pub sweeps: usize,
    /// Warned of where the two ends are further apart than this, nats.
    pub widest: f64,
}

impl Default for Sandwich {
    fn default() -> Self {
        Self { temperatures: 1000, chains: 100, base: BaseRates::Data, sweeps: 1000, widest: 1.0 }
    }
}

impl LogPartition {
    /// What annealing there is: the key it is set under, temperatures and the chains that are held at once.
    pub fn annealing(&self) -> Option<(&'static str, usize, usize)> {
        match self {
            Self::Auto {} | Self::Exact(_) => None,
            Self::Ais(way) => Some(("ais", way.temperatures, way.chains)),
            Self::Reverse(way) => Some(("reverse", way.temperatures, way.chains)),
            Self::Raise(way) => Some(("raise", way.temperatures, way.chains)),
            Self::Sandwich(way) => Some(("sandwich", way.temperatures, way.chains)),
        }
    }

    /// Whether the examples that are judged on decide over it, beside the machine.
    pub fn reads_examples(&self) -> bool {
        match self {
            Self::Auto {} | Self::Exact(_) => false,
            Self::Ais(way) => way.base == BaseRates::Activity,
            Self::Reverse(_) | Self::Raise(_) | Self::Sandwich(_) => true,
        }
    }
}

/// Checks the settings at `path` of a machine with these layers.
pub fn log_partition(
    path: &str,
    how: &LogPartition,
    visible: Option<usize>,
    hidden: &[usize],
    problems: &mut Problems,
) {
    if let Some((key, temperatures, chains)) = how.annealing() {
        problems.count(format!("{path}.{key}.temperatures"), temperatures);
        problems.count(format!("{path}.{key}.chains"), chains);
        let remedy = "set it to 2 or more, better 100";
        problems.require(chains != 1, format!("{path}.{key}.chains"), "is 1, which gives no error bar", remedy);
    }
    match how {
        LogPartition::Auto {} | LogPartition::Ais(_) => {}
        LogPartition::Exact(exact) => {
            // Unknown before the data are read for some sources; then the run refuses.
            let bits = visible.map_or(0, |units| smaller_half(std::iter::once(units).chain(hidden.iter().copied())));
            let limits = [exact.max_bits, ExactPartition::MOST_BITS];
            enumerable(&format!("{path}.exact"), bits, limits, "units in alternate layers", problems);
        }
        LogPartition::Reverse(way) => problems.count(format!("{path}.reverse.sweeps"), way.sweeps),
        LogPartition::Raise(way) => {
            problems.count(format!("{path}.raise.examples"), way.examples);
            problems.count(format!("{path}.raise.particles"), way.particles);
        }
        LogPartition::Sandwich(way) => {
            problems.count(format!("{path}.sandwich.sweeps"), way.sweeps);
            problems.not_negative(format!("{path}.sandwich.widest"), way.widest);
        }
    }
}
