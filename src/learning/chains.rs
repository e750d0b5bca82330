//! Persistent chains: states of all layers that block Gibbs sampling moves a little at every update (Tieleman 2008).

use super::SavedTensors;
use super::parameters::saved;
use crate::math::{Layers, Result, Stream, Tensor, differing};
use crate::models::{Conditionals, Dbm, Reading, Schedule, Swept};
use crate::units::Kind;

/// One state of the whole machine per chain.
#[derive(Clone, Debug)]
pub struct Chains {
    states: Layers,
}

impl Chains {
    /// `count` chains, every unit drawn from its own bias: from the base rate of the data where the visible biases hold it.
    pub fn from_biases(dbm: &Dbm, count: usize, stream: Stream) -> Result<Self> {
        let draw = |(l, (kind, bias)): (usize, (&Kind, &Tensor))| {
            kind.sample(&bias.broadcast_as((count, bias.dim(1)?))?.contiguous()?, stream.at(l as u64))
        };
        let free = dbm.free()?;
        Ok(Self { states: dbm.units().iter().zip(free.biases()).enumerate().map(draw).collect::<Result<_>>()? })
    }

    /// From given states, `[chains, n_l]`, visible first.
    pub fn from_states(states: Layers) -> Self {
        Self { states }
    }

    /// `[chains, n_l]`, visible first.
    pub fn states(&self) -> &[Tensor] {
        &self.states
    }

    /// Block Gibbs: even layers given odd, then odd given even, `sweeps` times.
    ///
    /// Also returns the layers that expectations are best taken from: the states of the even layers, and of the odd ones the
    /// means given them, which have the same expectation and less noise.
    pub fn advance(&self, dbm: &Dbm, sweeps: usize, stream: Stream) -> Result<(Self, Layers)> {
        let start = Swept::from_states(self.states.clone());
        let swept = dbm.free()?.sweeps(start, Schedule::OddEven, Reading::Sample(stream), sweeps)?;
        let mut layers = swept.states.clone();
        if sweeps > 0 {
            for l in (1..layers.len()).step_by(2) {
                layers[l] = dbm.units()[l].mean(&swept.inputs[l])?;
            }
        }
        Ok((Self { states: swept.states }, layers))
    }

    /// Share of all units, over all layers and chains, whose states differ by at least one half.
    pub fn flip_rate(&self, later: &Self) -> Result<f64> {
        let flips = self.states.iter().zip(&later.states).map(|(before, after)| differing(before, after, 0.5));
        let units: usize = self.states.iter().map(Tensor::elem_count).sum();
        Ok(flips.sum::<Result<f64>>()? / units as f64)
    }

    /// Every layer under a stable name, `chains.{l}`.
    pub fn named(&self) -> Vec<(String, Tensor)> {
        self.states.iter().enumerate().map(|(l, states)| (format!("chains.{l}"), states.clone())).collect()
    }

    /// The inverse of `named`, for the layers of `dbm`.
    pub fn restore(dbm: &Dbm, tensors: &SavedTensors) -> Result<Self> {
        let count = tensors.get("chains.0").map_or(Ok(0), |states| states.dim(0))?;
        let pick = |(l, units): (usize, usize)| saved(tensors, &format!("chains.{l}"), &[count, units]);
        Ok(Self { states: dbm.sizes().into_iter().enumerate().map(pick).collect::<Result<_>>()? })
    }
}
