//! The section `[model]`: which model is trained.
//!
//! `hidden = […]` is a deep Boltzmann machine; every other model is a section of its own, such as `[model.belief_net]`.

use super::{LabelUnits, Scheme, Variances, VisibleUnits, choice, units};
use crate::models::{Activation, Visible};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// The deep Boltzmann machine: binary units, every layer connected to the next.
#[derive(Clone, Debug, PartialEq)]
pub struct Machine {
    /// Units in each hidden layer, from the one above the data upwards; one layer = an RBM.
    pub hidden: Vec<usize>,
    /// Standard deviation of the initial weights.
    pub weight_std: f64,
    /// Initial biases of the visible units.
    pub visible_bias: VisibleBias,
    /// Units for the class of an example, on top of the last hidden layer.
    pub labels: LabelUnits,
    /// Run folder (its newest checkpoint), checkpoint or model file whose machine the run starts at; the inference network starts
    /// at the file's, or where it has none at the machine. Left out = start at random weights.
    pub from: Option<PathBuf>,
    /// What the visible units are.
    pub visible: VisibleUnits,
    /// The variances of Gaussian visible units.
    pub variances: Variances,
}

impl Machine {
    /// The settings of a machine at their defaults.
    pub fn new(hidden: Vec<usize>) -> Self {
        Self {
            hidden,
            weight_std: 0.01,
            visible_bias: VisibleBias::default(),
            labels: LabelUnits::default(),
            from: None,
            visible: VisibleUnits::default(),
            variances: Variances::default(),
        }
    }
}

/// Initial biases of the visible units.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum VisibleBias {
    /// The log-odds of each pixel's mean over the training examples; of Gaussian units the mean itself.
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

/// A variational auto-encoder with Gaussian latents (Kingma and Welling 2014).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Vae {
    /// Gaussian latents.
    pub latents: usize,
    /// Units of the encoder's hidden layers, from the data to the latents; those of the decoder in the other order.
    #[serde(default)]
    pub hidden: Vec<usize>,
    /// What follows every hidden layer.
    #[serde(default, deserialize_with = "choice::word")]
    pub activation: Activation,
    /// What the visible units are.
    #[serde(default, deserialize_with = "choice::word")]
    pub output: Visible,
}

/// Binary causes that add up, with Gaussian noise (Henniges et al. 2010).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BinarySparseCoding {
    /// Causes.
    pub hidden: usize,
}

/// Normal distributions with full covariances.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GaussianMixture {
    /// Distributions that are mixed.
    pub components: usize,
}

/// Products of Bernoulli distributions.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BernoulliMixture {
    /// Distributions that are mixed.
    pub components: usize,
}

/// Gaussian factors and independent noise (Rubin and Thayer 1982).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FactorAnalysis {
    /// Gaussian factors, fewer than visible units.
    pub factors: usize,
}

/// Gaussian factors and the same noise in every visible unit (Tipping and Bishop 1999).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProbabilisticPca {
    /// Gaussian factors, fewer than visible units.
    pub factors: usize,
}

/// Few of many causes with a Laplace prior, and Gaussian noise (Olshausen and Field 1996).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SparseCoding {
    /// Atoms of the dictionary.
    pub atoms: usize,
    /// What a code costs: λ in λ ‖h‖₁ + (β/2) ‖v - W h‖².
    pub lambda: f64,
    /// β: 1 is the half form of the objective, 2 that of the book's chapter 19.
    pub precision: f64,
}

impl Default for SparseCoding {
    fn default() -> Self {
        Self { atoms: 64, lambda: 0.1, precision: 1.0 }
    }
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
    /// Whether it is of real-valued examples; else of examples in [0, 1].
    pub real: bool,
    /// Words of the schemes that judge it unless others are asked for.
    pub usual: &'static [&'static str],
}

const MACHINE: Fitting = Fitting {
    name: "a deep Boltzmann machine",
    algorithms: &["maximum_likelihood", "multi_prediction", "wake_sleep"],
    schemes: &["exact", "mean_field", "gibbs", "network", "map", "icm", "structured", "tap", "importance", "ais"],
    real: false,
    usual: &["network", "network+1", "mean-field"],
};

const BELIEF_NET: Fitting = Fitting {
    name: "a sigmoid belief net",
    algorithms: &["wake_sleep", "reweighted_wake_sleep"],
    schemes: &["network", "importance", "exact"],
    real: false,
    usual: &["network", "importance"],
};

const VAE: Fitting = Fitting {
    name: "a variational auto-encoder",
    algorithms: &["reparameterized"],
    schemes: &["network", "importance"],
    real: true,
    usual: &["network", "importance"],
};

/// Of models whose posterior is known.
const fn tractable(name: &'static str, real: bool) -> Fitting {
    Fitting { name, algorithms: &["expectation_maximization"], schemes: &["exact"], real, usual: &["exact"] }
}

const BINARY_SPARSE_CODING: Fitting = Fitting {
    name: "binary sparse coding",
    algorithms: &["expectation_maximization"],
    schemes: &["exact", "mean_field", "map", "icm"],
    real: true,
    usual: &["exact", "mean-field"],
};

const SPARSE_CODING: Fitting = Fitting {
    name: "sparse coding",
    algorithms: &["dictionary_learning", "predictive_sparse_decomposition"],
    schemes: &["ista", "fista", "network"],
    real: true,
    usual: &["ista", "fista"],
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
            #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "units::word")]
            visible_bias: Option<VisibleBias>,
            #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "units::word")]
            labels: Option<LabelUnits>,
            #[serde(skip_serializing_if = "Option::is_none")]
            from: Option<PathBuf>,
            #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "units::word")]
            visible: Option<VisibleUnits>,
            #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "units::word")]
            variances: Option<Variances>,
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
                    ("labels", written.labels.is_some()),
                    ("from", written.from.is_some()),
                    ("visible", written.visible.is_some()),
                    ("variances", written.variances.is_some()),
                ];
                let of_machine = machine.iter().find(|(_, there)| *there).map(|(key, _)| *key);
                match (found.len(), of_machine) {
                    (0, _) => {}
                    (1, None) => return Ok(found.remove(0).1),
                    (_, Some(key)) => return Err(format!("expected one model, found `{}` and `{key}`", found[0].0)),
                    (_, None) => return Err(format!("expected one model, found `{}` and `{}`", found[0].0, found[1].0)),
                }
                if written.variances.is_some() && written.visible != Some(VisibleUnits::Gaussian) {
                    return Err("`variances` are those of visible = \"gaussian\", and the visible units are binary".into());
                }
                let default = Machine::new(written.hidden.ok_or("missing field `hidden`")?);
                Ok(Self::Machine(Machine {
                    weight_std: written.weight_std.unwrap_or(default.weight_std),
                    visible_bias: written.visible_bias.unwrap_or_default(),
                    labels: written.labels.unwrap_or_default(),
                    from: written.from,
                    visible: written.visible.unwrap_or_default(),
                    variances: written.variances.unwrap_or_default(),
                    ..default
                }))
            }
        }

        impl From<Model> for Written {
            fn from(model: Model) -> Self {
                match model {
                    Model::Machine(Machine { hidden, weight_std, visible_bias, labels, from, visible, variances }) => Self {
                        hidden: Some(hidden),
                        labels: Some(labels),
                        visible: Some(visible),
                        variances: (visible == VisibleUnits::Gaussian).then_some(variances),
                        weight_std: Some(weight_std),
                        visible_bias: Some(visible_bias),
                        from,
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
    vae: Vae(Vae) = VAE,
    binary_sparse_coding: BinarySparseCoding(BinarySparseCoding) = BINARY_SPARSE_CODING,
    gaussian_mixture: GaussianMixture(GaussianMixture) = tractable("a Gaussian mixture", true),
    bernoulli_mixture: BernoulliMixture(BernoulliMixture) = tractable("a Bernoulli mixture", false),
    factor_analysis: FactorAnalysis(FactorAnalysis) = tractable("factor analysis", true),
    probabilistic_pca: ProbabilisticPca(ProbabilisticPca) = tractable("probabilistic PCA", true),
    sparse_coding: SparseCoding(SparseCoding) = SPARSE_CODING,
}

impl Model {
    /// The deep Boltzmann machine, where it is one.
    pub fn machine(&self) -> Option<&Machine> {
        match self {
            Self::Machine(machine) => Some(machine),
            _ => None,
        }
    }

    /// Whether it has units for the class of an example.
    pub fn has_labels(&self) -> bool {
        self.machine().is_some_and(|machine| machine.labels.any())
    }

    /// Whether it is of real-valued examples.
    pub fn is_real(&self) -> bool {
        match self {
            Self::Machine(machine) => machine.visible == VisibleUnits::Gaussian,
            Self::Vae(vae) => vae.output == Visible::Gaussian,
            _ => self.fitting().real,
        }
    }

    /// Units in each hidden layer, from the one above the data upwards.
    pub fn hidden(&self) -> Vec<usize> {
        match self {
            Self::Machine(machine) => machine.hidden.clone(),
            Self::BeliefNet(net) => net.hidden.clone(),
            Self::Vae(vae) => [vae.hidden.as_slice(), &[vae.latents]].concat(),
            Self::BinarySparseCoding(model) => vec![model.hidden],
            Self::GaussianMixture(GaussianMixture { components })
            | Self::BernoulliMixture(BernoulliMixture { components }) => vec![*components],
            Self::FactorAnalysis(FactorAnalysis { factors }) | Self::ProbabilisticPca(ProbabilisticPca { factors }) => {
                vec![*factors]
            }
            Self::SparseCoding(model) => vec![model.atoms],
        }
    }

    /// The schemes that judge it unless others are asked for.
    pub fn usual_schemes(&self) -> Vec<Scheme> {
        self.fitting().usual.iter().filter_map(|word| word.parse().ok()).collect()
    }
}
