//! A stack of layers, each coupled to the next: a DBM with nothing clamped, or its hidden layers with v clamped.
//!
//! ln p̃(x) = offset + Σ_l b_l · x_l + Σ_l x_lᵀ W_l x_{l+1}. Clamping v leaves the same form on h_1 … h_L with v W_0 added to the
//! bias of h_1 and b_0 · v as the offset, so mean field, sampling, enumeration and annealing are each written once.

use super::fused::Fused;
use super::{Conditionals, Multilinear, Pairwise, Reading, Schedule, Swept, composed_sweep};
use crate::math::{DType, Device, Result, Tensor, Weight, double, inner, sum_units};
use crate::units::Kind;

/// Layers with biases `[1 or examples, units]`, weights `[units of l, units of l + 1]`, and units that are held fixed.
#[derive(Clone, Debug)]
pub struct Stack {
    pub(super) units: Vec<Kind>,
    pub(super) biases: Vec<Tensor>,
    pub(super) weights: Vec<Weight>,
    pub(super) clamped: Vec<Held>,
}

/// Units of one layer that are held fixed: their term of ln p̃, which only those pay for who ask.
#[derive(Clone, Debug)]
pub(super) struct Held {
    pub kind: Kind,
    /// `[1 or examples, units]`.
    pub states: Tensor,
    /// With what other held units send them, `[1 or examples, units]`.
    pub bias: Tensor,
}

impl Held {
    fn select(&self, rows: &Tensor) -> Result<Self> {
        let [states, bias] = [&self.states, &self.bias].map(|tensor| picked(tensor, rows));
        Ok(Self { kind: self.kind.clone(), states: states?, bias: bias? })
    }
}

impl Stack {
    /// What does not depend on the layers of the stack, `[1 or examples]`, `f64`, nats.
    pub fn offset(&self) -> Result<Tensor> {
        let none = Tensor::zeros(1, DType::F64, self.device())?;
        self.clamped.iter().try_fold(none, |total, Held { kind, states, bias }| {
            total.broadcast_add(&inner(states, bias)?)?.broadcast_add(&sum_units(&kind.log_base(states)?)?)
        })
    }

    /// Number of layers.
    pub fn depth(&self) -> usize {
        self.biases.len()
    }

    /// Type of the parameters.
    pub fn dtype(&self) -> DType {
        self.biases[0].dtype()
    }

    /// Where all values are.
    pub fn device(&self) -> &Device {
        self.biases[0].device()
    }

    /// Bias of each layer, `[1 or examples, units]`.
    pub fn biases(&self) -> &[Tensor] {
        &self.biases
    }

    /// The same stack with all parameters widened to `f64`.
    pub(super) fn doubled(&self) -> Result<Self> {
        let weights = self.weights.iter().map(Weight::doubled).collect::<Result<_>>()?;
        Ok(Self { biases: self.biases.iter().map(double).collect::<Result<_>>()?, weights, ..self.clone() })
    }

    /// What the neighbours of a layer send it, without its bias, `[rows, units]`; none for a stack of one layer.
    pub fn from_neighbours(&self, states: &[Tensor], layer: usize) -> Result<Option<Tensor>> {
        let below = layer.checked_sub(1).map(|l| self.weights[l].up(&states[l])).transpose()?;
        let above = self.weights.get(layer).map(|weight| weight.down(&states[layer + 1])).transpose()?;
        match (below, above) {
            (Some(below), Some(above)) => Ok(Some((below + above)?)),
            (below, above) => Ok(below.or(above)),
        }
    }
}

impl Conditionals for Stack {
    fn units(&self) -> &[Kind] {
        &self.units
    }

    fn sizes(&self) -> Vec<usize> {
        self.biases.iter().map(|bias| bias.dims()[1]).collect()
    }

    fn examples(&self) -> Result<usize> {
        self.biases[0].dim(0)
    }

    fn input(&self, states: &[Tensor], layer: usize) -> Result<Tensor> {
        match self.from_neighbours(states, layer)? {
            Some(sent) => sent.broadcast_add(&self.biases[layer]),
            None => self.biases[layer].broadcast_as(states[layer].shape())?.contiguous(),
        }
    }

    fn sweeps(&self, start: Swept, schedule: Schedule, reading: Reading, count: usize) -> Result<Swept> {
        let mut readings = (0..count as u64).map(|sweep| reading.at(sweep));
        match Fused::new(self, &start, schedule, reading)? {
            Some(fused) if count > 0 => fused.run(schedule, readings),
            _ => readings.try_fold(start, |swept, reading| composed_sweep(self, swept, schedule, reading)),
        }
    }

    fn sweep(&self, start: Swept, schedule: Schedule, reading: Reading) -> Result<Swept> {
        match Fused::new(self, &start, schedule, reading)? {
            Some(fused) => fused.run(schedule, std::iter::once(reading)),
            None => composed_sweep(self, start, schedule, reading),
        }
    }

    fn log_joint(&self, states: &[Tensor]) -> Result<Tensor> {
        let (Self { units, biases, weights, .. }, offset) = (self.doubled()?, self.offset()?);
        let states = states.iter().map(double).collect::<Result<Vec<_>>>()?;
        let mut total = offset.broadcast_add(&inner(&states[0], &biases[0])?)?;
        for (layer, state) in states.iter().enumerate() {
            total = (total + sum_units(&units[layer].log_base(state)?)?)?;
            if layer > 0 {
                let sent = weights[layer - 1].up(&states[layer - 1])?;
                total = (total + inner(state, &sent)?)?.broadcast_add(&inner(state, &biases[layer])?)?;
            }
        }
        Ok(total)
    }

    fn select(&self, rows: &Tensor) -> Result<Self> {
        Ok(Self {
            units: self.units.clone(),
            biases: self.biases.iter().map(|bias| picked(bias, rows)).collect::<Result<_>>()?,
            weights: self.weights.clone(),
            clamped: self.clamped.iter().map(|held| held.select(rows)).collect::<Result<_>>()?,
        })
    }
}

impl Multilinear for Stack {}

impl Pairwise for Stack {}

/// One row serves all examples; only what belongs to single examples is picked.
fn picked(tensor: &Tensor, rows: &Tensor) -> Result<Tensor> {
    if tensor.dim(0)? == 1 { Ok(tensor.clone()) } else { tensor.index_select(rows, 0) }
}
