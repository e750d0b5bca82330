//! A trainer at work, by one face for all of them, whatever state they carry.

use crate::inference::Network;
use crate::learning::{Measurements, Pretraining, RbmStack, SavedTensors, State, Trainer, Update};
use crate::math::{Result, Stream, Tensor};
use crate::models::Dbm;

/// All that passes from one stage to the next, or from a checkpoint into a run.
pub struct Snapshot {
    /// The machine.
    pub dbm: Dbm,
    /// The inference network.
    pub network: Network,
    /// What the trainer has beside them.
    pub tensors: SavedTensors,
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

    /// The state as it stands.
    fn snapshot(&self) -> Result<Snapshot>;
}

impl<T> Algorithm for T
where
    T: Trainer + Clone + 'static,
    T::State: 'static,
{
    fn begin(&self, before: Snapshot, stream: Stream) -> Result<Box<dyn Phase>> {
        let state = self.init(before.dbm, before.network, stream)?;
        Ok(Box::new(AtWork { trainer: self.clone(), state }))
    }

    fn restore(&self, saved: Snapshot) -> Result<Box<dyn Phase>> {
        let state = T::State::restore(saved.dbm, saved.network, &saved.tensors)?;
        Ok(Box::new(AtWork { trainer: self.clone(), state }))
    }
}

/// Pre-training of every layer but the first, which goes on with the stack of RBMs so far.
pub struct NextLayer(pub Pretraining);

impl Algorithm for NextLayer {
    fn begin(&self, before: Snapshot, stream: Stream) -> Result<Box<dyn Phase>> {
        let stack = RbmStack::restore(before.dbm, before.network, &before.tensors)?;
        Ok(Box::new(AtWork { trainer: self.0, state: self.0.next_layer(stack, stream)? }))
    }

    fn restore(&self, saved: Snapshot) -> Result<Box<dyn Phase>> {
        self.0.restore(saved)
    }
}

struct AtWork<T: Trainer> {
    trainer: T,
    state: T::State,
}

impl<T: Trainer> Phase for AtWork<T> {
    fn step(&mut self, batch: &Tensor, update: Update) -> Result<Measurements> {
        // A copy of handles: tensors are shared until they are replaced.
        let (state, measurements) = self.trainer.step(self.state.clone(), batch, update)?;
        self.state = state;
        Ok(measurements)
    }

    fn snapshot(&self) -> Result<Snapshot> {
        Ok(Snapshot {
            dbm: self.state.dbm()?,
            network: self.state.network()?,
            tensors: self.state.tensors()?.into_iter().collect(),
        })
    }
}
