//! Floor 5: how parameters move. A trainer takes a state and gives back the next one; what people want to see comes apart.
//!
//! An update is a function of (state, batch, stream) and of nothing else, so stopping, restoring and going on gives the bits
//! of the uninterrupted run.

mod adam;
mod amortization;
mod ascent;
mod autodiff;
mod averaged;
mod belief_gradient;
mod centring;
mod chains;
mod dictionary;
mod em;
mod exact;
mod fast;
mod finetune;
mod gradient;
mod growing;
mod helmholtz;
mod joint;
mod maximum_likelihood;
mod measurements;
mod multi_prediction;
mod negative;
mod optimizer;
mod parameters;
mod pretraining;
mod psd;
mod recognition;
mod rules;
mod sparsity;
mod statistics;
mod tempered;
mod tempering;
mod trainers;
mod unrolled;
mod vae;
mod wake_sleep;
mod with_network;

use crate::math::{Result, Stream, Tensor};
pub use adam::{Adam, AdamState};
pub use amortization::{Amortization, Amortized, NetworkTaught};
pub use ascent::{Ascent, AscentState};
pub use autodiff::gradients;
pub use averaged::{Average, Averaged, AveragedState, Mean};
pub use belief_gradient::{
    RowWeights, evidence_gradient, expected_sleep_gradient, expected_wake_gradient, log_joint_gradient,
    log_recognition_gradient,
};
pub use centring::{Centred, Offsets};
pub use chains::Chains;
pub use dictionary::{Columns, DictionaryLearning, Learned, Moments, Online};
pub use em::{
    AnyMaximize, ClosedForm, EmState, EmStop, EmTraining, Ended, Expect, ExpectationMaximization, ExpectedGradient,
    Fit, GradientSteps, InClosedForm, Iteration, Kept, Maximize, Parametric, WarmMeanField, binary_sparse_coding_start,
    factor_analysis_start, gaussian_mixture_start, principal_components,
};
pub use exact::exact_gradient;
pub use fast::{FastPersistent, FastWeights};
pub use finetune::{
    FineTuned, FineTuning, Tuned, class_cross_entropy, class_gradient, most_probable_classes, softmax_gradient,
};
pub use gradient::{Gradient, Statistics};
pub use growing::{Growing, Sweeping, Sweeps};
pub use helmholtz::{Helmholtz, ReweightedWakeSleep};
pub use joint::Joint;
pub use maximum_likelihood::{MaximumLikelihood, NetworkRefined, Positive, PositivePhase, SchemeAlone};
pub use measurements::Measurements;
pub use multi_prediction::{MultiPrediction, Predicted, Predicting, multi_prediction_gradient, predict};
pub use negative::{AnyNegative, Awake, Carried, Contrastive, Negative, NegativePhase, Sampled};
pub use optimizer::Sgd;
pub use parameters::{Parameters, SavedTensors};
pub use pretraining::{NegativeStart, Pretraining, RbmStack};
pub use psd::{Psd, PsdLosses, PsdState, encoder_gradient};
pub use recognition::{cross_entropy, recognition_gradient};
pub use rules::{Moves, Rules};
pub use sparsity::Sparsity;
pub use statistics::ExpectedStatistics;
pub use tempered::{Replicas, Tempered, TemperedBase};
pub use tempering::{Rungs, Temperatures, Tempering, log_exchange_ratio};
pub use trainers::{HelmholtzMachine, OnlineDictionary, Predictive};
pub use unrolled::{ListaTraining, lista_gradient};
pub use vae::{VaeGradient, VaeState, VaeTraining, vae_gradient};
pub use wake_sleep::WakeSleep;
pub use with_network::DbmWithNetwork;

/// A learning algorithm.
pub trait Trainer {
    /// What it moves.
    type State: State;

    /// The state before the first update, from the model as training begins with it.
    fn init(&self, model: ModelOf<Self>, stream: Stream) -> Result<Self::State>;

    /// One update on `batch` `[examples, visible]`: the next state, and the measurements if the update is measured.
    fn step(&self, state: Self::State, batch: &Tensor, update: Update) -> Result<(Self::State, Measurements)>;
}

/// All a trainer carries from one update to the next, saved as tensors with stable names.
///
/// The parameters of the `model` are saved beside `tensors` by whoever writes the checkpoint.
pub trait State: Clone + Sized {
    /// What is trained: a machine with its inference network, a belief net with its recognition net, and so on.
    type Model;

    /// The model so far.
    fn model(&self) -> Result<Self::Model>;

    /// What the model does not hold: momenta, chains, and so on.
    fn tensors(&self) -> Result<Vec<(String, Tensor)>>;

    /// Whether there is nothing left to learn, by the trainer's own rule: then the stage ends before its updates are used up.
    fn finished(&self) -> bool {
        false
    }

    /// The state that gave this `model` and these `tensors`, bit for bit; more tensors may be there.
    fn restore(model: Self::Model, tensors: &SavedTensors) -> Result<Self>;
}

/// What a trainer trains.
pub type ModelOf<T> = <<T as Trainer>::State as State>::Model;

/// A part of an update.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// Inference on the examples.
    Positive,
    /// Gibbs chains.
    Negative,
    /// Statistics, the network's gradient, the step.
    Gradient,
    /// What people want to see.
    Measurements,
}

/// Is told how far an update is. It cannot change the update.
pub trait Listener {
    /// A part begins, and the one before it ends.
    fn begins(&self, part: Part);
}

/// What one update is given beside the batch.
#[derive(Clone, Copy)]
pub struct Update<'a> {
    /// Draws of this update: a stream of its own for every step.
    pub stream: Stream,
    /// Step size of the model.
    pub learning_rate: f64,
    /// Step size of the inference network; 0 leaves it as it is.
    pub network_learning_rate: f64,
    /// Updates of the stage that are done before this one, as a share of them all, in [0, 1).
    pub progress: f64,
    /// Whether to take measurements; they cost time and never change the state.
    pub measured: bool,
    /// Is told of every part that begins.
    pub listener: Option<&'a dyn Listener>,
    /// What is known of the examples of the batch.
    pub beside: Beside<'a>,
    /// What bears on the step beside the rates; the default is nothing.
    pub moves: Moves<'a>,
}

/// What is known of the examples of a batch beside their values; nothing, for a trainer that learns from those alone.
#[derive(Clone, Copy, Debug, Default)]
pub struct Beside<'a> {
    /// Class of each example, `[examples]`, `u32`.
    pub labels: Option<&'a Tensor>,
    /// Further inputs that were found before the stage, `[examples, units]` each.
    pub inputs: &'a [Tensor],
}

impl Update<'_> {
    /// An update at the beginning of a stage at these rates, of the model and of its inference network: nothing is measured, nobody
    /// listens, and nothing bears on it beside the batch.
    pub fn new(stream: Stream, [learning_rate, network_learning_rate]: [f64; 2]) -> Self {
        Self {
            stream,
            learning_rate,
            network_learning_rate,
            progress: 0.0,
            measured: false,
            listener: None,
            beside: Beside::default(),
            moves: Moves::default(),
        }
    }

    /// Says that a part begins.
    fn begins(&self, part: Part) {
        if let Some(listener) = self.listener {
            listener.begins(part);
        }
    }
}
