//! The section `[model]`: which model is trained.
//!
//! `hidden = […]` is a deep Boltzmann machine; every other model is a section of its own, such as `[model.belief_net]`.

use super::{Scheme, choice};
use serde::{Deserialize, Serialize};

/// The deep Boltzmann machine: binary units, every layer connected to the next.
#[derive(Clone, Debug, PartialEq)]
pub struct Machine {
    /// Units in each hidden layer, from the one above the data upwards; one layer = an RBM.
    pub hidden: Vec<usize>,
    /// Standard deviation of the initial weights.
    pub weight_std: f64,
    /// Initial biases of the visible units.
    pub visible_bias: VisibleBias,
}

impl Machine {
    /// The settings of a machine at their defaults.
    pub fn new(hidden: Vec<usize>) -> Self {
        Self { hidden, weight_std: 0.01, visible_bias: VisibleBias::default() }
    }
}

/// Initial biases of the visible units.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum VisibleBias {
    /// The log-odds of each pixel's mean over the training examples.
    #[default]
    Data,
    /// Zero.
    Zero,
}

/// The sigmoid belief net with its recognition net: a Helmholtz machine (Hinton, Dayan, Frey and Neal 1995).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BeliefNet {
    /// Units in each hidden layer, from the one above the data upwards.
    pub hidden: Vec<usize>,
    /// Standard deviation of the initial weights, generative and of the recognition net.
    #[serde(default = "belief_net_weight_std")]
    pub weight_std: f64,
    /// Initial biases of the visible units.
    #[serde(default, deserialize_with = "choice::word")]
    pub visible_bias: VisibleBias,
}

impl Default for BeliefNet {
    fn default() -> Self {
        Self { hidden: Vec::new(), weight_std: belief_net_weight_std(), visible_bias: VisibleBias::default() }
    }
}

fn belief_net_weight_std() -> f64 {
    0.1
}

/// What there is to know of a kind of model without making one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fitting {
    /// In the user's words.
    pub name: &'static str,
    /// Keys of the training algorithms that it can be trained with.
    pub algorithms: &'static [&'static str],
    /// Keys of the schemes that infer in it.
    pub schemes: &'static [&'static str],
    /// Words of the schemes that judge it unless others are asked for.
    pub usual: &'static [&'static str],
}

const MACHINE: Fitting = Fitting {
    name: "a deep Boltzmann machine",
    algorithms: &["maximum_likelihood", "wake_sleep"],
    schemes: &["exact", "mean_field", "gibbs", "network", "map", "icm", "structured", "tap"],
    usual: &["network", "network+1", "mean-field"],
};

const BELIEF_NET: Fitting = Fitting {
    name: "a sigmoid belief net",
    algorithms: &["wake_sleep", "reweighted_wake_sleep"],
    schemes: &["network", "importance", "exact"],
    usual: &["network", "importance"],
};

/// The list of models other than the machine: key in the file, settings, what fits them.
macro_rules! models {
    ($($key:ident: $name:ident($settings:ty) = $fitting:expr),+ $(,)?) => {
        /// Which model is trained.
        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
        #[serde(try_from = "Written", into = "Written")]
        pub enum Model {
            /// A deep Boltzmann machine.
            Machine(Machine),
            $(#[doc = concat!("The section `[model.", stringify!($key), "]`.")] $name($settings)),+
        }

        /// The section as it stands in a file.
        #[derive(Clone, Default, Serialize, Deserialize)]
        #[serde(default, deny_unknown_fields, rename = "Model")]
        struct Written {
            #[serde(skip_serializing_if = "Option::is_none")]
            hidden: Option<Vec<usize>>,
            #[serde(skip_serializing_if = "Option::is_none")]
            weight_std: Option<f64>,
            #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "visible_bias")]
            visible_bias: Option<VisibleBias>,
            $(#[serde(skip_serializing_if = "Option::is_none")] $key: Option<$settings>),+
        }

        impl TryFrom<Written> for Model {
            type Error = String;

            fn try_from(written: Written) -> Result<Self, String> {
                let mut found: Vec<(&str, Self)> = Vec::new();
                $(found.extend(written.$key.map(|settings| (stringify!($key), Self::$name(settings))));)+
                let machine = [
                    ("hidden", written.hidden.is_some()),
                    ("weight_std", written.weight_std.is_some()),
                    ("visible_bias", written.visible_bias.is_some()),
                ];
                let of_machine = machine.iter().find(|(_, there)| *there).map(|(key, _)| *key);
                match (found.len(), of_machine) {
                    (0, _) => {}
                    (1, None) => return Ok(found.remove(0).1),
                    (_, Some(key)) => return Err(format!("expected one model, found `{}` and `{key}`", found[0].0)),
                    (_, None) => return Err(format!("expected one model, found `{}` and `{}`", found[0].0, found[1].0)),
                }
                let default = Machine::new(written.hidden.ok_or("missing field `hidden`")?);
                Ok(Self::Machine(Machine {
                    weight_std: written.weight_std.unwrap_or(default.weight_std),
                    visible_bias: written.visible_bias.unwrap_or_default(),
                    ..default
                }))
            }
        }

        impl From<Model> for Written {
            fn from(model: Model) -> Self {
                match model {
                    Model::Machine(Machine { hidden, weight_std, visible_bias }) => Self {
                        hidden: Some(hidden),
                        weight_std: Some(weight_std),
                        visible_bias: Some(visible_bias),
                        ..Self::default()
                    },
                    $(Model::$name(settings) => Self { $key: Some(settings), ..Self::default() }),+
                }
            }
        }

        impl Model {
            /// What goes with it.
            pub fn fitting(&self) -> Fitting {
                match self {
                    Self::Machine(_) => MACHINE,
                    $(Self::$name(_) => $fitting),+
                }
            }
        }
    };
}

models! {
    belief_net: BeliefNet(BeliefNet) = BELIEF_NET,
}

impl Model {
    /// The deep Boltzmann machine, where it is one.
    pub fn machine(&self) -> Option<&Machine> {
        match self {
            Self::Machine(machine) => Some(machine),
            _ => None,
        }
    }

    /// Units in each hidden layer, from the one above the data upwards.
    pub fn hidden(&self) -> &[usize] {
        match self {
            Self::Machine(machine) => &machine.hidden,
            Self::BeliefNet(net) => &net.hidden,
        }
    }

    /// The schemes that judge it unless others are asked for.
    pub fn usual_schemes(&self) -> Vec<Scheme> {
        self.fitting().usual.iter().filter_map(|word| word.parse().ok()).collect()
    }
}

/// A word where there is one.
fn visible_bias<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<VisibleBias>, D::Error> {
    choice::word(deserializer).map(Some)
}
