//! CD-k and PCD-k whose k changes while a stage goes on, such as k = ⌈epoch / 20⌉ (Salakhutdinov & Hinton 2009).

use super::{
    MaximumLikelihood, Measurements, ModelOf, Negative, PositivePhase, Pretraining, Trainer, Update, WakeSleep,
};
use crate::math::{Result, Stream, Tensor};

/// Gibbs sweeps of the negative phase at the beginning and at the end of a stage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sweeps {
    /// At the first update.
    pub first: usize,
    /// At the last.
    pub last: usize,
}

impl Sweeps {
    /// After the share `progress` of the stage's updates, in [0, 1): every count from the first to the last has an equal share of
    /// them. From 1 to 10 in 200 epochs that is ⌈epoch / 20⌉.
    pub fn at(self, progress: f64) -> usize {
        let span = self.last.abs_diff(self.first);
        // A share that should be whole may have been rounded down.
        let along = (((span + 1) as f64 * progress + 1e-9) as usize).min(span);
        if self.last < self.first { self.first - along } else { self.first + along }
    }
}

/// Trainers with a negative phase of Gibbs sweeps.
pub trait Sweeping: Trainer + Sized {
    /// The same with so many sweeps per update.
    fn with_sweeps(&self, sweeps: usize) -> Self;
}

impl<P: PositivePhase + Clone, N: Negative> Sweeping for MaximumLikelihood<P, N> {
    fn with_sweeps(&self, sweeps: usize) -> Self {
        let positive = self.positive.clone();
        Self { positive, negative: self.negative.with_sweeps(sweeps), dbm: self.dbm, network: self.network }
    }
}

impl Sweeping for Pretraining {
    fn with_sweeps(&self, sweeps: usize) -> Self {
        Self { sweeps, ..*self }
    }
}

impl<N: Negative> Sweeping for WakeSleep<N> {
    fn with_sweeps(&self, sweeps: usize) -> Self {
        Self { negative: self.negative.with_sweeps(sweeps), dbm: self.dbm, network: self.network }
    }
}

/// A trainer whose number of sweeps changes.
#[derive(Clone, Copy, Debug)]
pub struct Growing<T> {
    /// The trainer, with any number.
    pub by: T,
    /// The numbers.
    pub sweeps: Sweeps,
}

impl<T: Sweeping> Trainer for Growing<T> {
    type State = T::State;

    fn init(&self, model: ModelOf<T>, stream: Stream) -> Result<T::State> {
        self.by.init(model, stream)
    }

    fn step(&self, state: T::State, batch: &Tensor, update: Update) -> Result<(T::State, Measurements)> {
        self.by.with_sweeps(self.sweeps.at(update.progress)).step(state, batch, update)
    }
}
