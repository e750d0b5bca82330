//! Sweeps of a stack by the kernels: all of them on panels that are allocated once.

use super::{Conditionals, Reading, Schedule, Stack, Swept};
use crate::math::kernels::{Level, Own, Panels, Read, Source, Towards, inputs, read};
use crate::math::{Result, Tensor, panels, served, tensor};

/// A stack and its states in the layout of the kernels.
pub(super) struct Fused<'a> {
    stack: &'a Stack,
    biases: Vec<Panels>,
    inputs: Vec<Panels>,
    states: Vec<Panels>,
    /// What the neighbours send is taken so many times.
    share: f32,
}

impl<'a> Fused<'a> {
    /// None where the kernels do not serve: other precisions, devices and readings.
    pub fn new(stack: &'a Stack, start: &Swept, schedule: Schedule, reading: Reading) -> Result<Option<Self>> {
        let fits = schedule != Schedule::Parallel && !matches!(reading, Reading::DampedMean(_));
        if !fits || !stack.is_served() || !start.states.iter().all(served) {
            return Ok(None);
        }
        let layers = |tensors: &[Tensor]| tensors.iter().map(panels).collect::<Result<Vec<_>>>();
        let (biases, states) = (layers(stack.biases())?, layers(&start.states)?);
        let rows = states.first().map_or(0, Panels::rows);
        let fits = |(states, bias): (&Panels, &Panels)| states.rows() == rows && [1, rows].contains(&bias.rows());
        if !states.iter().zip(&biases).all(fits) {
            return Ok(None);
        }
        let inputs = states.iter().map(|states| Panels::zeros(states.rows(), states.columns())).collect();
        Ok(Some(Self { stack, biases, inputs, states, share: 1.0 }))
    }

    /// The same with weights `share` times as large.
    pub fn heated(self, share: f64) -> Self {
        Self { share: share as f32, ..self }
    }

    /// One sweep after the other, each with its reading.
    pub fn run(mut self, schedule: Schedule, readings: impl Iterator<Item = Reading>) -> Result<Swept> {
        let order = schedule.order(self.stack.depth());
        for reading in readings {
            order.iter().try_for_each(|&layer| self.read(layer, reading))?;
        }
        let tensors = |layers: &[Panels]| layers.iter().map(tensor).collect::<Result<Vec<_>>>();
        Ok(Swept { inputs: tensors(&self.inputs)?, states: tensors(&self.states)? })
    }

    fn read(&mut self, layer: usize, reading: Reading) -> Result<()> {
        if !self.stack.units()[layer].is_logistic() {
            return self.read_composed(layer, reading);
        }
        let what = match reading {
            Reading::Mean | Reading::DampedMean(_) => Read::Mean,
            Reading::Mode => Read::Mode,
            Reading::Sample(stream) => {
                let (key, first_row) = stream.at(layer as u64).counter();
                Read::Sample { key, first_row }
            }
        };
        let bias = &self.biases[layer];
        let own = if bias.rows() == 1 { Own::Same(bias) } else { Own::Each(bias) };
        // Taken out so that the neighbours can be read while it is written.
        let mut states = std::mem::replace(&mut self.states[layer], Panels::zeros(0, 0));
        read(
            Level::best(),
            own,
            self.share,
            &self.stack.sources(&self.states, layer),
            what,
            &mut self.inputs[layer],
            &mut states,
        );
        self.states[layer] = states;
        Ok(())
    }

    /// A layer whose inputs are products of the kernels and whose units are not theirs.
    fn read_composed(&mut self, layer: usize, reading: Reading) -> Result<()> {
        let bias = &self.biases[layer];
        let own = if bias.rows() == 1 { Own::Same(bias) } else { Own::Each(bias) };
        let sources = self.stack.sources(&self.states, layer);
        inputs(Level::best(), own, self.share, &sources, &mut self.inputs[layer]);
        let input = tensor(&self.inputs[layer])?;
        let (_, states) = reading.read(&self.stack.units()[layer], &input, input.clone(), layer)?;
        self.states[layer] = panels(&states)?;
        Ok(())
    }
}

impl Stack {
    /// Whether the kernels serve it: single precision, on the processor. They read off units that are 0 or 1; of others they make
    /// the inputs.
    pub fn is_served(&self) -> bool {
        self.biases().iter().all(served) && self.weights.iter().all(|weight| weight.blocks().is_some())
    }

    /// The neighbours that a layer reads.
    pub fn sources<'a>(&'a self, states: &'a [Panels], layer: usize) -> Vec<Source<'a>> {
        let source = |neighbour: usize, weight: usize, towards| {
            Some(Source { states: states.get(neighbour)?, weights: self.weights.get(weight)?.blocks()?, towards })
        };
        let below = layer.checked_sub(1).and_then(|below| source(below, below, Towards::Above));
        below.into_iter().chain(source(layer + 1, layer, Towards::Below)).collect()
    }
}
