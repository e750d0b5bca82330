//! The trainers of directed models, by the one face that all trainers have.

use super::parameters::saved;
use super::{
    AdamState, DictionaryLearning, Helmholtz, Measurements, Moments, Online, Part, Psd, PsdState, ReweightedWakeSleep,
    SavedTensors, State, Trainer, Update,
};
use crate::inference::{Encoder, Recognition, SolveCodes};
use crate::math::{Result, Stream, Tensor, host, mean_of};
use crate::models::{BeliefNet, SparseCoding};

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

/// Dictionary learning that is shown one batch after the other.
#[derive(Clone, Copy, Debug)]
pub struct OnlineDictionary<S> {
    /// How codes and atoms are found.
    pub by: DictionaryLearning<S>,
    /// How much what was seen before counts beside the present batch, batch by batch.
    pub memory: f64,
}

impl<S: SolveCodes> Trainer for OnlineDictionary<S> {
    type State = Online;

    fn init(&self, model: SparseCoding, _: Stream) -> Result<Online> {
        Ok(Online { model, moments: None })
    }

    fn step(&self, state: Online, batch: &Tensor, update: Update) -> Result<(Online, Measurements)> {
        update.begins(Part::Gradient);
        let before = state.model.clone();
        let (state, coded) = self.by.update(state, batch, self.memory)?;
        let mut measurements = Measurements::default();
        if update.measured {
            update.begins(Part::Measurements);
            measurements.add_reconstruction(batch, &before.reconstruct(&coded.codes)?)?;
            measurements.add("objective_mean", mean_of(&before.objective(batch, &coded.codes)?));
            measurements.add("duality_gap_mean", mean_of(&coded.trace.gaps));
            let used = host(&coded.codes)?.iter().filter(|code| **code != 0.0).count();
            measurements.add("active_fraction", used as f64 / coded.codes.elem_count() as f64);
        }
        Ok((state, measurements))
    }
}

impl State for Online {
    type Model = SparseCoding;

    fn model(&self) -> Result<SparseCoding> {
        Ok(self.model.clone())
    }

    fn tensors(&self) -> Result<Vec<(String, Tensor)>> {
        let named = |moments: &Moments| {
            let Moments { codes_by_codes, visible_by_codes } = moments.clone();
            [("moments.codes".to_string(), codes_by_codes), ("moments.visible".to_string(), visible_by_codes)]
        };
        Ok(self.moments.iter().flat_map(named).collect())
    }

    fn restore(model: SparseCoding, tensors: &SavedTensors) -> Result<Self> {
        let (visible, atoms) = model.weight().dims2()?;
        let moments = tensors.contains_key("moments.codes").then(|| {
            Ok::<_, candle_core::Error>(Moments {
                codes_by_codes: saved(tensors, "moments.codes", &[atoms, atoms])?,
                visible_by_codes: saved(tensors, "moments.visible", &[visible, atoms])?,
            })
        });
        Ok(Self { model, moments: moments.transpose()? })
    }
}

/// A dictionary and the encoder that guesses its codes.
#[derive(Clone, Debug)]
pub struct Predictive {
    /// The dictionary.
    pub model: SparseCoding,
    /// The encoder.
    pub encoder: Encoder,
}

impl<S: SolveCodes> Trainer for Psd<S> {
    type State = PsdState;

    fn init(&self, Predictive { model, encoder }: Predictive, _: Stream) -> Result<PsdState> {
        PsdState::new(model, encoder)
    }

    fn step(&self, state: PsdState, batch: &Tensor, update: Update) -> Result<(PsdState, Measurements)> {
        update.begins(Part::Gradient);
        let (state, losses) = self.update(state, batch, update.learning_rate)?;
        let mut measurements = Measurements::default();
        if update.measured {
            update.begins(Part::Measurements);
            let guess = state.model.reconstruct(&state.encoder.encode(batch)?)?;
            measurements.add_reconstruction(batch, &guess)?;
            measurements.add("objective_mean", losses.at_optimum);
            measurements.add("objective_of_guess_mean", losses.at_guess);
        }
        Ok((state, measurements))
    }
}

impl State for PsdState {
    type Model = Predictive;

    fn model(&self) -> Result<Predictive> {
        Ok(Predictive { model: self.model.clone(), encoder: self.encoder.clone() })
    }

    fn tensors(&self) -> Result<Vec<(String, Tensor)>> {
        self.optimizer.named("adam.encoder")
    }

    fn restore(Predictive { model, encoder }: Predictive, tensors: &SavedTensors) -> Result<Self> {
        let optimizer = AdamState::restore(&encoder.parameters(), "adam.encoder", tensors)?;
        Ok(Self { model, encoder, optimizer })
    }
}
