//! The trainers of directed models, by the one face that all trainers have.

use super::{Helmholtz, Measurements, ReweightedWakeSleep, SavedTensors, State, Trainer, Update};
use crate::inference::Recognition;
use crate::math::{Result, Stream, Tensor};
use crate::models::BeliefNet;

/// A sigmoid belief net and the recognition net that is trained beside it.
#[derive(Clone, Debug)]
pub struct HelmholtzMachine {
    /// p(v, h).
    pub generative: BeliefNet,
    /// q(h | v).
    pub recognition: Recognition,
}

impl Trainer for ReweightedWakeSleep {
    type State = Helmholtz;

    fn init(&self, HelmholtzMachine { generative, recognition }: HelmholtzMachine, _: Stream) -> Result<Helmholtz> {
        self.begin(generative, recognition)
    }

    fn step(&self, state: Helmholtz, batch: &Tensor, update: Update) -> Result<(Helmholtz, Measurements)> {
        self.step(state, batch, update)
    }
}

impl State for Helmholtz {
    type Model = HelmholtzMachine;

    fn model(&self) -> Result<HelmholtzMachine> {
        Ok(HelmholtzMachine { generative: self.generative.clone(), recognition: self.recognition.clone() })
    }

    fn tensors(&self) -> Result<Vec<(String, Tensor)>> {
        self.ascents()
    }

    fn restore(HelmholtzMachine { generative, recognition }: HelmholtzMachine, tensors: &SavedTensors) -> Result<Self> {
        Self::resume(generative, recognition, tensors)
    }
}
