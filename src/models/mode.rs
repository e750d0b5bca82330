//! The most probable state of the hidden units: MAP inference by enumeration (book section 19.3).
//!
//! h* = argmax_h ln p̃(v, h). In a stack it is enough to run through the smaller half of alternate layers: once those are given,
//! every unit of the others takes its own best state.

use super::{Conditionals, Enumeration, Stack};
use crate::math::{Layers, Nats, Result, Tensor, bail, host, sum_units};
use crate::units::Kind;

/// States looked at in one go.
const CHUNK: u64 = 4096;

/// Conditionals whose best state can be found.
pub trait Mode: Conditionals {
    /// Most probable states, `[examples, units]` per layer in the precision of `like`, and their ln p̃, nats; of equally good
    /// ones the first. Fails where more than 2^`max_bits` states would be looked at.
    fn mode(&self, max_bits: f64, like: &Tensor) -> Result<(Layers, Nats)> {
        best_of_all(self, max_bits, like)
    }
}

/// Runs through every state of all units of every example: the twin of every faster way.
pub fn best_of_all<C: Conditionals>(conditionals: &C, max_bits: f64, like: &Tensor) -> Result<(Layers, Nats)> {
    let sizes = conditionals.sizes();
    let kinds: Vec<(&Kind, usize)> = conditionals.units().iter().zip(sizes.iter().copied()).collect();
    let states = within(Enumeration::new(&kinds)?, max_bits)?;
    let (mut rows, mut values) = (Vec::new(), Nats::new());
    for example in 0..conditionals.examples()? as u32 {
        let own = conditionals.select(&Tensor::new(&[example], like.device())?)?;
        let mut best = (f64::NEG_INFINITY, 0);
        for from in (0..states.count()?).step_by(CHUNK as usize) {
            let joint = states.chunk(from, CHUNK.min(states.count()? - from) as usize, like.dtype(), like.device())?;
            best = better(best, from, host(&own.log_joint(&cut(&joint, &sizes)?)?)?);
        }
        rows.push(states.chunk(best.1, 1, like.dtype(), like.device())?);
        values.push(best.0);
    }
    Ok((cut(&Tensor::cat(&rows, 0)?, &sizes)?, values))
}

/// The better of what was found before and the states from number `from` on: its ln p̃ and its number.
fn better(before: (f64, u64), from: u64, nats: Nats) -> (f64, u64) {
    let states = (from..).zip(nats);
    states.fold(before, |best, (state, nats)| if nats > best.0 { (nats, state) } else { best })
}

fn within(states: Enumeration, max_bits: f64) -> Result<Enumeration> {
    if states.bits() > max_bits {
        bail!("the best of 2^{:.0} states was asked for; the limit is 2^{max_bits:.0}", states.bits());
    }
    Ok(states)
}

/// States of all units side by side, cut into layers.
fn cut(states: &Tensor, sizes: &[usize]) -> Result<Layers> {
    let starts = sizes.iter().scan(0, |next, units| Some(std::mem::replace(next, *next + units)));
    starts.zip(sizes).map(|(start, &units)| states.narrow(1, start, units)?.contiguous()).collect()
}

/// Σ over units of max_state (state · input + log base), `[rows]`.
fn peak(kind: &Kind, input: &Tensor) -> Result<Tensor> {
    let best = kind.mode(input)?;
    sum_units(&(input * &best)?)? + sum_units(&kind.log_base(&best)?)?
}

impl Mode for Stack {
    fn mode(&self, max_bits: f64, _: &Tensor) -> Result<(Layers, Nats)> {
        let (layers, states) = self.smaller_half()?;
        let states = within(states, max_bits)?;
        let exact = self.doubled()?;
        let tabulated = |from, count| exact.states_of(&layers, &states, from, count);
        let mut best: Vec<(f64, u64)> = Vec::new();
        for from in (0..states.count()?).step_by(CHUNK as usize) {
            let chunk = tabulated(from, CHUNK.min(states.count()? - from) as usize)?;
            let peaks = exact.log_weights(&chunk, &exact.free_layers(&chunk)?, peak)?.to_vec2::<f64>()?;
            best.resize(peaks.len(), (f64::NEG_INFINITY, 0));
            for (best, peaks) in best.iter_mut().zip(peaks) {
                *best = better(*best, from, peaks);
            }
        }
        let rows = best.iter().enumerate().map(|(example, &(_, state))| {
            let own = exact.select(&Tensor::new(&[example as u32], self.device())?)?;
            own.completed(&tabulated(state, 1)?)
        });
        let rows = rows.collect::<Result<Vec<Layers>>>()?;
        let layer = |layer: usize| {
            Tensor::cat(&rows.iter().map(|row| &row[layer]).collect::<Vec<_>>(), 0)?.to_dtype(self.dtype())
        };
        let found = (0..self.depth()).map(layer).collect::<Result<_>>()?;
        Ok((found, best.into_iter().map(|(nats, _)| nats).collect()))
    }
}

impl Stack {
    /// The best state of one example, given those of the tabulated layers.
    fn completed(&self, tabulated: &[(usize, Tensor)]) -> Result<Layers> {
        let mut layers = tabulated.to_vec();
        for free in self.free_layers(tabulated)? {
            let input = free.from_state.broadcast_add(&free.own)?;
            layers.push((free.layer, self.units[free.layer].mode(&input)?));
        }
        layers.sort_by_key(|(layer, _)| *layer);
        Ok(layers.into_iter().map(|(_, states)| states).collect())
    }
}
