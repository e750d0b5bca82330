//! The sections `[pretrain]` and `[train]`: how the parameters move.

use super::{
    Average, Conclude, Course, EarlyStop, LayerSettings, LearningRate, MultiPrediction, Negative, Optimizer, PerLayer,
    Scheme, Sparsity, Sweeps, choice, course,
};
use serde::{Deserialize, Serialize};

/// Greedy layer-wise pre-training: each layer an RBM, its inputs doubled as the DBM needs
/// (Salakhutdinov and Hinton 2009).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Pretrain {
    /// Passes over the training examples, per layer.
    pub epochs: usize,
    /// Examples per update.
    pub batch_size: usize,
    /// Step size, over the updates of one layer.
    pub learning_rate: LearningRate,
    /// Share of the previous update that is repeated.
    #[serde(deserialize_with = "course::stepping")]
    pub momentum: Course,
    /// Pull of the weights towards zero, per unit of learning rate; biases are not decayed.
    pub weight_decay: f64,
    /// Pull that is as strong for a small weight as for a large one (L1); left out = none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub l1_decay: Option<f64>,
    /// The longest that the weights into one hidden unit may be, after every update; left out = any length.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_norm: Option<PerLayer>,
    /// How much hidden units should be on; left out = as they are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sparsity: Option<Sparsity>,
    /// Gibbs sweeps per update: the k of CD-k, a number or one that moves, such as { start = 1, end = 10 }.
    pub gibbs_sweeps: Sweeps,
    /// Where the negative phase starts.
    #[serde(deserialize_with = "choice::word")]
    pub chains: Chains,
    /// How many persistent chains; left out = as many as `batch_size`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub persistent_chains: Option<usize>,
    /// `[[pretrain.layers]]`: settings of single layers, bottom first, each any of the above in place of that for all.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub layers: Vec<LayerSettings>,
}

impl Default for Pretrain {
    fn default() -> Self {
        Self {
            epochs: 10,
            batch_size: 100,
            learning_rate: LearningRate::constant(0.05),
            momentum: Course::constant(0.5),
            weight_decay: 0.0002,
            l1_decay: None,
            max_norm: None,
            sparsity: None,
            gibbs_sweeps: Sweeps::constant(1),
            chains: Chains::default(),
            persistent_chains: None,
            layers: Vec::new(),
        }
    }
}

/// Where the negative phase starts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Chains {
    /// At the data: contrastive divergence (Hinton 2002).
    #[default]
    Contrastive,
    /// Where the last update left it: persistent contrastive divergence (Tieleman 2008).
    Persistent,
}

/// Joint training of all layers, with the inference network beside the DBM.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Train {
    /// Passes over the training examples.
    pub epochs: usize,
    /// Examples per update.
    pub batch_size: usize,
    /// Step size of the DBM, over the updates of this stage.
    pub learning_rate: LearningRate,
    /// What multiplies it for each hidden layer: for its biases and the weights below it, the visible biases going with the first; 0
    /// leaves a layer as it is. Left out = 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub layer_rates: Option<PerLayer>,
    /// Share of the previous update that is repeated.
    #[serde(deserialize_with = "course::stepping")]
    pub momentum: Course,
    /// Pull of the weights towards zero, per unit of learning rate; biases are not decayed.
    pub weight_decay: f64,
    /// Pull that is as strong for a small weight as for a large one (L1); left out = none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub l1_decay: Option<f64>,
    /// The longest that the weights from below into one hidden unit may be, after every update; left out = any length.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_norm: Option<PerLayer>,
    /// How much hidden units should be on; left out = as they are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sparsity: Option<Sparsity>,
    /// Whether the mean of the parameters over updates is the model; left out = the parameters after the last one are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub average: Option<Average>,
    /// Whether to stop once the held-out bound rises no more; left out = after all epochs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stop: Option<EarlyStop>,
    /// Which model the run concludes on.
    #[serde(deserialize_with = "Conclude::read", skip_serializing_if = "Conclude::is_last")]
    pub conclude: Conclude,
    /// What one update does.
    #[serde(with = "choice")]
    pub algorithm: Algorithm,
    /// Training of the inference network.
    pub network: Network,
}

impl Default for Train {
    fn default() -> Self {
        Self {
            epochs: 50,
            batch_size: 100,
            learning_rate: LearningRate::constant(0.05),
            layer_rates: None,
            momentum: Course::constant(0.5),
            weight_decay: 0.0002,
            l1_decay: None,
            max_norm: None,
            sparsity: None,
            average: None,
            stop: None,
            conclude: Conclude::Last,
            algorithm: Algorithm::default(),
            network: Network::default(),
        }
    }
}

/// What one update does.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Algorithm {
    /// Stochastic maximum likelihood: q from a scheme against persistent chains
    /// (Salakhutdinov and Hinton 2009; the network as in Salakhutdinov and Larochelle 2010).
    MaximumLikelihood(MaximumLikelihood),
    /// Wake: infer with the network and update the DBM. Sleep: dream, and train the network on the dream.
    WakeSleep(WakeSleep),
    /// Reweighted wake-sleep of a belief net (Bornschein and Bengio 2015).
    ReweightedWakeSleep(ReweightedWakeSleep),
    /// Stochastic ascent of the ELBO of a variational auto-encoder by reparameterisation and Adam.
    Reparameterized(Reparameterized),
    /// EM on all training examples; an epoch is an iteration.
    ExpectationMaximization(ExpectationMaximization),
    /// Sparse codes and the dictionary by turns, batch by batch (Mairal et al. 2009).
    DictionaryLearning(DictionaryLearning),
    /// The same with an encoder that learns to guess the codes (Kavukcuoglu et al. 2008).
    PredictiveSparseDecomposition(Predictive),
    /// Mean field, unrolled, predicts missing units (Goodfellow et al. 2013).
    MultiPrediction(MultiPrediction),
}

impl Algorithm {
    /// The key in a file.
    pub fn key(&self) -> &'static str {
        match self {
            Self::MaximumLikelihood(_) => "maximum_likelihood",
            Self::WakeSleep(_) => "wake_sleep",
            Self::ReweightedWakeSleep(_) => "reweighted_wake_sleep",
            Self::Reparameterized(_) => "reparameterized",
            Self::ExpectationMaximization(_) => "expectation_maximization",
            Self::DictionaryLearning(_) => "dictionary_learning",
            Self::PredictiveSparseDecomposition(_) => "predictive_sparse_decomposition",
            Self::MultiPrediction(_) => "multi_prediction",
        }
    }
}

impl Default for Algorithm {
    fn default() -> Self {
        Self::MaximumLikelihood(MaximumLikelihood::default())
    }
}

/// Stochastic maximum likelihood.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MaximumLikelihood {
    /// The inference scheme of the positive phase; the network is trained towards its answers.
    pub positive: Scheme,
    /// Where the samples of the negative phase come from.
    #[serde(with = "choice")]
    pub negative: Negative,
    /// Persistent Gibbs chains of the negative phase.
    pub chains: usize,
    /// Gibbs sweeps of every chain per update: a number, or one that moves, such as { start = 1, end = 10 }.
    pub gibbs_sweeps: Sweeps,
    /// Centred gradients (Montavon and Müller 2012), whose offsets take up this share of a new mean of the data phase at every
    /// update; plain ones where it is not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub centring: Option<f64>,
}

impl Default for MaximumLikelihood {
    fn default() -> Self {
        Self {
            positive: Scheme::network(1),
            negative: Negative::default(),
            chains: 100,
            gibbs_sweeps: Sweeps::constant(5),
            centring: None,
        }
    }
}

/// Wake-sleep.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct WakeSleep {
    /// How dreams are sampled; not from the data.
    #[serde(with = "choice")]
    pub negative: Negative,
    /// Persistent Gibbs chains that dream.
    pub chains: usize,
    /// Gibbs sweeps of every chain between two dreams: a number, or one that moves, such as { start = 1, end = 10 }.
    pub gibbs_sweeps: Sweeps,
}

impl Default for WakeSleep {
    fn default() -> Self {
        Self { negative: Negative::default(), chains: 100, gibbs_sweeps: Sweeps::constant(5) }
    }
}

/// Reweighted wake-sleep; with one particle, and a recognition net that learns from dreams, it is wake-sleep.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ReweightedWakeSleep {
    /// Samples of the recognition net for each example.
    pub particles: usize,
    /// What the recognition net learns from.
    #[serde(deserialize_with = "choice::word")]
    pub recognition: Recognized,
    /// How both nets follow their gradients: `sgd` with momentum and weight decay, `adam` with its usual constants and neither.
    #[serde(deserialize_with = "choice::word")]
    pub optimizer: Optimizer,
}

impl Default for ReweightedWakeSleep {
    fn default() -> Self {
        Self { particles: 10, recognition: Recognized::default(), optimizer: Optimizer::Sgd }
    }
}

/// What a recognition net learns from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Recognized {
    /// Data: the particles, weighted.
    #[default]
    Wake,
    /// Dreams of the generative model.
    Sleep,
    /// Half of each.
    Both,
}

/// Reparameterised gradients by Adam; the rates are `train.learning_rate`, of the decoder, and `train.network.learning_rate`, of the
/// encoder.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Reparameterized {}

/// EM; at most `train.epochs` iterations.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ExpectationMaximization {
    /// How the E step finds q.
    #[serde(deserialize_with = "choice::word")]
    pub expectation: Expectation,
    /// Stop once the mean ELBO rises by less than this in an iteration, nats; left out = do not look.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stop_elbo: Option<f64>,
    /// Stop once no parameter moves by this much in an iteration; left out = do not look.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stop_parameters: Option<f64>,
    /// Gradient steps, by `train.learning_rate`, in each M step (generalised EM); left out = its closed form.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gradient_steps: Option<usize>,
}

/// How an E step finds q.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Expectation {
    /// The posterior itself.
    #[default]
    Exact,
    /// Converged mean field that goes on from the last q; for binary sparse coding.
    MeanField,
}

/// Dictionary learning.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DictionaryLearning {
    /// FISTA iterations for the codes of a batch.
    pub iterations: usize,
    /// How much older batches count beside the present one, batch by batch.
    pub memory: f64,
    /// δ of δ ‖W‖² in the objective; left out = atoms no longer than 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decay: Option<f64>,
}

impl Default for DictionaryLearning {
    fn default() -> Self {
        Self { iterations: 100, memory: 0.9, decay: None }
    }
}

/// Predictive sparse decomposition; `train.learning_rate` is that of the encoder, which moves by Adam.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Predictive {
    /// FISTA iterations for the codes of a batch.
    pub iterations: usize,
    /// How strongly codes and guess are drawn together.
    pub gamma: f64,
}

impl Default for Predictive {
    fn default() -> Self {
        Self { iterations: 100, gamma: 1.0 }
    }
}

/// Training of the inference network.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Network {
    /// Step size of the network, over the updates of this stage; 0 leaves it as it is.
    pub learning_rate: LearningRate,
    /// Share of the previous update that is repeated.
    #[serde(deserialize_with = "course::stepping")]
    pub momentum: Course,
}

impl Default for Network {
    fn default() -> Self {
        Self { learning_rate: LearningRate::constant(0.05), momentum: Course::constant(0.5) }
    }
}
