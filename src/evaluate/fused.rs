//! Annealing by the kernels: the same steps on panels, whose states and inputs are allocated once.

use super::annealing::{Annealed, Path};
use crate::math::kernels::{Heat, Level, Own, Panels, Read, along, heat, inputs, read, read_off};
use crate::math::{Nats, Result, Stream, host, panels, served, tensor};
use crate::models::Conditionals;

/// Chains in the layout of the kernels.
pub(super) struct Fused<'a> {
    path: &'a Path,
    /// b - a of each layer, `[1, units]`.
    differences: Vec<Panels>,
    /// a and b - a of each layer in double precision.
    ends: Vec<[Vec<f64>; 2]>,
    zeros: Vec<Panels>,
    inputs: Vec<Panels>,
    states: Vec<Panels>,
}

impl<'a> Fused<'a> {
    /// None where the kernels do not serve.
    pub fn new(path: &'a Path, chains: &Annealed) -> Result<Option<Self>> {
        let own = path.base.iter().chain(&path.difference).all(|inputs| inputs.dims()[0] == 1);
        if !own || !path.stack.is_served() || !chains.states.iter().chain(&path.difference).all(served) {
            return Ok(None);
        }
        let ends = path.base.iter().zip(&path.difference).map(|(base, to)| Ok([host(base)?, host(to)?]));
        let states = chains.states.iter().map(panels).collect::<Result<Vec<_>>>()?;
        Ok(Some(Self {
            path,
            differences: path.difference.iter().map(panels).collect::<Result<_>>()?,
            ends: ends.collect::<Result<_>>()?,
            zeros: states.iter().map(|states| Panels::zeros(1, states.columns())).collect(),
            inputs: states.iter().map(|states| Panels::zeros(states.rows(), states.columns())).collect(),
            states,
        }))
    }

    /// Takes the chains so many steps further; there must be as many.
    pub fn advance(mut self, mut chains: Annealed, steps: usize) -> Result<Annealed> {
        for _ in 0..steps {
            self.step(&mut chains)?;
        }
        chains.states = self.states.iter().map(tensor).collect::<Result<_>>()?;
        Ok(chains)
    }

    fn step(&mut self, chains: &mut Annealed) -> Result<()> {
        let path = self.path;
        let (from, to) = (path.shares[chains.steps], path.shares[chains.steps + 1]);
        let draws = chains.stream.at(chains.steps as u64);
        for &layer in &path.kept {
            let gains = along(&self.states[layer], &self.differences[layer]);
            add(&mut chains.log_weights, gains.into_iter().map(|along| (to - from) * along));
        }
        for &layer in &path.summed_out {
            add(&mut chains.log_weights, self.sum_out(layer, [from, to], draws)?.into_iter());
        }
        chains.steps += 1;
        if chains.steps < path.temperatures() {
            path.kept.iter().try_for_each(|&layer| self.sample(layer, to, draws))?;
        }
        Ok(())
    }

    /// The gain of a layer that is summed out, and a state of it at the new β.
    fn sum_out(&mut self, layer: usize, shares: [f64; 2], draws: Stream) -> Result<Nats> {
        let own = shares.map(|share| self.own(layer, share));
        let (sources, sent) = (self.path.stack.sources(&self.states, layer), &mut self.inputs[layer]);
        inputs(Level::best(), Own::Same(&self.zeros[layer]), 1.0, &sources, sent);
        if !self.path.stack.units()[layer].is_logistic() {
            let (gains, states) = self.path.sum_out(&tensor(sent)?, layer, shares, draws)?;
            self.states[layer] = panels(&states)?;
            return Ok(gains);
        }
        let by = Heat { shares: shares.map(|share| share as f32), own: [&own[0], &own[1]] };
        let gains = heat(Level::best(), by, sent);
        read_off(Level::best(), sampled(layer, draws), sent, &mut self.states[layer]);
        Ok(gains)
    }

    /// A state of a layer that is kept, at β = `share`.
    fn sample(&mut self, layer: usize, share: f64, draws: Stream) -> Result<()> {
        let own = self.own(layer, share);
        let kind = &self.path.stack.units()[layer];
        if !kind.is_logistic() {
            let (sources, input) = (self.path.stack.sources(&self.states, layer), &mut self.inputs[layer]);
            inputs(Level::best(), Own::Same(&own), share as f32, &sources, input);
            self.states[layer] = panels(&kind.sample(&tensor(input)?, draws.at(layer as u64))?)?;
            return Ok(());
        }
        let mut states = std::mem::replace(&mut self.states[layer], Panels::zeros(0, 0));
        let sources = self.path.stack.sources(&self.states, layer);
        let inputs = &mut self.inputs[layer];
        read(Level::best(), Own::Same(&own), share as f32, &sources, sampled(layer, draws), inputs, &mut states);
        self.states[layer] = states;
        Ok(())
    }

    /// The layer's own inputs at β = `share`.
    fn own(&self, layer: usize, share: f64) -> Panels {
        let [base, difference] = &self.ends[layer];
        let values: Vec<f32> = base.iter().zip(difference).map(|(a, to)| (a + share * to) as f32).collect();
        Panels::from_rows(&values, 1, values.len())
    }
}

fn sampled(layer: usize, draws: Stream) -> Read {
    let (key, first_row) = draws.at(layer as u64).counter();
    Read::Sample { key, first_row }
}

fn add(totals: &mut [f64], gains: impl Iterator<Item = f64>) {
    totals.iter_mut().zip(gains).for_each(|(total, gain)| *total += gain);
}
