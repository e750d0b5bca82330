//! A trainer at work, by one face for all of them, whatever state they carry.

use super::kinds::Trained;
use super::model_file::ModelFile;
use crate::learning::{Growing, Measurements, ModelOf, Pretraining, RbmStack, SavedTensors, State, Trainer, Update};
use crate::math::{Result, Stream, Tensor, bail};

/// All that passes from one stage to the next, or from a checkpoint into a run.
#[derive(Clone)]
pub struct Snapshot {
    /// The model.
    pub model: Trained,
    /// What the trainer has beside it.
    pub tensors: SavedTensors,
}

/// Prefix of a trainer's own tensors in a checkpoint.
pub const TRAINER_PREFIX: &str = "trainer.";

impl Snapshot {
    /// What a checkpoint holds.
    pub fn of(file: ModelFile) -> Self {
        let own = |(name, tensor): (String, Tensor)| Some((name.strip_prefix(TRAINER_PREFIX)?.to_string(), tensor));
        Self { model: file.model, tensors: file.other.into_iter().filter_map(own).collect() }
    }
}

/// A trainer that a stage can put to work.
pub trait Algorithm {
    /// Begins where `before` ends: the last stage, or the parameters a run begins with.
    fn begin(&self, before: Snapshot, stream: Stream) -> Result<Box<dyn Phase>>;

    /// Goes on where its own `saved` state stood, bit for bit.
    fn restore(&self, saved: Snapshot) -> Result<Box<dyn Phase>>;
}

/// A trainer and its state.
pub trait Phase {
    /// One update on `batch` `[examples, visible]`.
    fn step(&mut self, batch: &Tensor, update: Update) -> Result<Measurements>;

    /// Whether the trainer's own rule says that there is nothing left to learn.
    fn finished(&self) -> bool;

    /// The state as it stands.
    fn snapshot(&self) -> Result<Snapshot>;
}

impl<T> Algorithm for T
where
    T: Trainer + Clone + 'static,
    T::State: 'static,
    ModelOf<T>: Into<Trained> + TryFrom<Trained, Error = candle_core::Error>,
{
    fn begin(&self, before: Snapshot, stream: Stream) -> Result<Box<dyn Phase>> {
        let state = self.init(before.model.try_into()?, stream)?;
        Ok(AtWork::boxed(self.clone(), state))
    }

    fn restore(&self, saved: Snapshot) -> Result<Box<dyn Phase>> {
        let state = T::State::restore(saved.model.try_into()?, &saved.tensors)?;
        Ok(AtWork::boxed(self.clone(), state))
    }
}

/// Pre-training of every layer but the first, which goes on with the stack of RBMs so far.
pub struct NextLayer(pub Growing<Pretraining>);

impl Algorithm for NextLayer {
    fn begin(&self, before: Snapshot, stream: Stream) -> Result<Box<dyn Phase>> {
        let stack = RbmStack::restore(before.model.try_into()?, &before.tensors)?;
        Ok(AtWork::boxed(self.0, self.0.by.next_layer(stack, stream)?))
    }

    fn restore(&self, saved: Snapshot) -> Result<Box<dyn Phase>> {
        self.0.restore(saved)
    }
}

struct AtWork<T: Trainer> {
    trainer: T,
    /// Handed to each step, which changes it in place; none after a step that failed.
    state: Option<T::State>,
}

impl<T: Trainer> AtWork<T> {
    fn boxed(trainer: T, state: T::State) -> Box<dyn Phase>
    where
        T: 'static,
        ModelOf<T>: Into<Trained>,
    {
        Box::new(Self { trainer, state: Some(state) })
    }
}

impl<T: Trainer> Phase for AtWork<T>
where
    ModelOf<T>: Into<Trained>,
{
    fn step(&mut self, batch: &Tensor, update: Update) -> Result<Measurements> {
        let Some(before) = self.state.take() else { bail!("training cannot go on after a step that failed") };
        let (state, measurements) = self.trainer.step(before, batch, update)?;
        self.state = Some(state);
        Ok(measurements)
    }

    fn finished(&self) -> bool {
        self.state.as_ref().is_some_and(State::finished)
    }

    fn snapshot(&self) -> Result<Snapshot> {
        let Some(state) = &self.state else { bail!("a step that failed has left no state") };
        Ok(Snapshot { model: state.model()?.into(), tensors: state.tensors()?.into_iter().collect() })
    }
}
