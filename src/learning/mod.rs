//! Floor 5: how parameters move. A trainer takes a state and gives back the next one; what people want to see comes apart.
//!
//! An update is a function of (state, batch, stream) and of nothing else, so stopping, restoring and going on gives the bits
//! of the uninterrupted run.

mod adam;
mod amortization;
mod ascent;
mod belief_gradient;
mod chains;
mod gradient;
mod helmholtz;
mod joint;
mod maximum_likelihood;
mod measurements;
mod optimizer;
mod parameters;
mod pretraining;
mod recognition;
mod statistics;
mod wake_sleep;

use crate::inference::Network;
use crate::math::{Result, Stream, Tensor};
use crate::models::Dbm;
pub use adam::{Adam, AdamState};
pub use amortization::{Amortization, Amortized, NetworkTaught};
pub use ascent::{Ascent, AscentState};
pub use belief_gradient::{
    RowWeights, evidence_gradient, expected_sleep_gradient, expected_wake_gradient, log_joint_gradient,
    log_recognition_gradient,
};
pub use chains::Chains;
pub use gradient::{Gradient, Statistics};
pub use helmholtz::{Helmholtz, ReweightedWakeSleep};
pub use joint::{Joint, NegativePhase};
pub use maximum_likelihood::{MaximumLikelihood, NetworkRefined, Positive, PositivePhase, SchemeAlone};
pub use measurements::Measurements;
pub use optimizer::Sgd;
pub use parameters::{Parameters, SavedTensors};
pub use pretraining::{NegativeStart, Pretraining, RbmStack};
pub use recognition::{cross_entropy, recognition_gradient};
pub use statistics::ExpectedStatistics;
pub use wake_sleep::WakeSleep;

/// A learning algorithm.
pub trait Trainer {
    /// What it moves.
    type State: State;

    /// The state before the first update, from the parameters training begins with.
    fn init(&self, dbm: Dbm, network: Network, stream: Stream) -> Result<Self::State>;

    /// One update on `batch` `[examples, visible]`: the next state, and the measurements if the update is measured.
    fn step(&self, state: Self::State, batch: &Tensor, update: Update) -> Result<(Self::State, Measurements)>;
}

/// All a trainer carries from one update to the next, saved as tensors with stable names.
///
/// The parameters of `dbm` and `network` are saved beside `tensors` by whoever writes the checkpoint.
pub trait State: Clone + Sized {
    /// The machine so far.
    fn dbm(&self) -> Result<Dbm>;

    /// The inference network so far.
    fn network(&self) -> Result<Network>;

    /// What `dbm` and `network` do not hold: momenta, chains, and so on.
    fn tensors(&self) -> Result<Vec<(String, Tensor)>>;

    /// The state that gave this `dbm`, this `network` and these `tensors`, bit for bit; more tensors may be there.
    fn restore(dbm: Dbm, network: Network, tensors: &SavedTensors) -> Result<Self>;
}

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
    /// Step size of the machine.
    pub learning_rate: f64,
    /// Step size of the inference network; 0 leaves it as it is.
    pub network_learning_rate: f64,
    /// Whether to take measurements; they cost time and never change the state.
    pub measured: bool,
    /// Is told of every part that begins.
    pub listener: Option<&'a dyn Listener>,
}

impl Update<'_> {
    /// Says that a part begins.
    fn begins(&self, part: Part) {
        if let Some(listener) = self.listener {
            listener.begins(part);
        }
    }
}
