//! Gibbs chains of a machine, free or with some units held, and what is seen of them on the way.

use super::Result;
use super::config::memory;
use crate::inference::{MeanField, Refine, Stop};
use crate::math::{Layers, Stream, Tensor};
use crate::models::{Conditionals, Dbm, Known, Reading, Schedule, Swept};
use crate::posterior::{Factorial, Posterior};

/// Chains that are swept together.
const CHAINS: usize = 1000;

/// Sweeps that hidden units make with the data clamped before a chain sets out from there.
const SETTLING: usize = 10;

/// What mean field calls settled.
const TOLERANCE: f64 = 1e-5;

/// Independent chains, one for each sample.
#[derive(Clone)]
pub struct Sampling<'a> {
    /// The machine.
    pub dbm: &'a Dbm,
    /// What is held, layer by layer, visible first, `[1 or chains, units]` each; nothing where the list is empty.
    pub held: &'a [Option<Known>],
    /// Visible states, `[chains, visible]`, to set out from; without them every unit is drawn as what is held alone would have it, by
    /// its own bias where nothing is.
    pub start: Option<&'a Tensor>,
    /// Gibbs sweeps before each look.
    pub sweeps: usize,
    /// How often the chains are looked at.
    pub looks: usize,
    /// All draws.
    pub stream: Stream,
}

/// The visible layer at one look, `[chains, visible]` each.
pub struct Look {
    /// States.
    pub states: Tensor,
    /// Their probabilities given the layer above; of units that are held their values.
    pub probabilities: Tensor,
}

impl Sampling<'_> {
    /// The chains at every look.
    pub fn run(&self, chains: usize) -> Result<Vec<Look>> {
        let mut looks: Vec<[Vec<Tensor>; 2]> = vec![Default::default(); self.looks];
        for first in (0..chains).step_by(CHAINS) {
            let parts = self.of_chunk(first, CHAINS.min(chains - first))?;
            for (all, Look { states, probabilities }) in looks.iter_mut().zip(parts) {
                all[0].push(states);
                all[1].push(probabilities);
            }
        }
        let whole = |parts: &[Tensor]| Tensor::cat(parts, 0);
        looks.iter().map(|[states, of]| Ok(Look { states: whole(states)?, probabilities: whole(of)? })).collect()
    }

    /// Chains `first` to `first + count`, whose draws do not depend on how many there are beside them.
    fn of_chunk(&self, first: usize, count: usize) -> Result<Vec<Look>> {
        let stream = self.stream.from_row(first as u64);
        let held = self.held_of(first, count)?;
        let rest = self.dbm.given(&held)?;
        let start = match self.start {
            None => drawn(&rest.start(count)?, stream.named("first states"))?,
            Some(visible) => {
                let visible = visible.narrow(0, first, count)?;
                rest.free(&settled(self.dbm, &held, &visible, stream.named("hidden units of the data"))?)?
            }
        };
        let (mut swept, mut looks) = (Swept::from_states(start), Vec::with_capacity(self.looks));
        let sweeps = stream.named("sweeps");
        for look in 0..self.looks {
            let draws = if look == 0 { sweeps } else { sweeps.named("after look").at(look as u64) };
            swept = rest.stack().sweeps(swept, Schedule::OddEven, Reading::Sample(draws), self.sweeps)?;
            let Some(states) = rest.complete(&swept.states)?.into_iter().next() else { continue };
            looks.push(Look { states, probabilities: rest.visible(&swept.states)? });
        }
        Ok(looks)
    }

    fn held_of(&self, first: usize, count: usize) -> Result<Vec<Option<Known>>> {
        if self.held.is_empty() {
            return Ok(vec![None; self.dbm.depth() + 1]);
        }
        self.held.iter().map(|known| known.as_ref().map(|known| rows(known, first, count)).transpose()).collect()
    }

    /// The visible layer by mean field in the place of chains, `[chains, visible]`: what is held as it is, and the means of the rest
    /// once none moves by 1e-5 in a sweep, after as many sweeps as a chain makes at most.
    pub fn means(&self, chains: usize) -> Result<Tensor> {
        let mut all = Vec::new();
        for first in (0..chains).step_by(CHAINS) {
            let count = CHAINS.min(chains - first);
            let rest = self.dbm.given(&self.held_of(first, count)?)?;
            let stop = Stop::when_within(TOLERANCE, self.sweeps);
            let q = MeanField::default().refine(rest.stack(), rest.start(count)?, stop, self.stream)?.q;
            all.push(rest.visible(&q.means()?)?);
        }
        Ok(Tensor::cat(&all, 0)?)
    }
}

/// What is held of some chains.
fn rows(known: &Known, first: usize, count: usize) -> Result<Known> {
    let states = &known.states;
    let states = if states.dim(0)? == 1 { states.clone() } else { states.narrow(0, first, count)? };
    Ok(Known { held: known.held.clone(), states })
}

/// One state of every unit, each independent of the others.
fn drawn(q: &Factorial, stream: Stream) -> Result<Layers> {
    let units = q.units().iter().zip(q.inputs()).enumerate();
    let states = units.map(|(layer, (kind, input))| kind.sample(input, stream.at(layer as u64)));
    Ok(states.collect::<crate::math::Result<_>>()?)
}

/// All layers of the machine, with `visible` `[chains, visible]` at the bottom and above it hidden units, those that are held aside,
/// after some Gibbs sweeps of the posterior.
fn settled(dbm: &Dbm, held: &[Option<Known>], visible: &Tensor, stream: Stream) -> Result<Layers> {
    let mut known = held.to_vec();
    known[0] = Some(Known { held: vec![true; visible.dim(1)?], states: visible.clone() });
    let rest = dbm.given(&known)?;
    let start = Swept::from_states(drawn(&rest.start(visible.dim(0)?)?, stream.named("first states"))?);
    let reading = Reading::Sample(stream.named("sweeps"));
    let swept = rest.stack().sweeps(start, Schedule::OddEven, reading, SETTLING)?;
    Ok(rest.complete(&swept.states)?)
}

/// Visible states, and their probabilities given the layer above, `[count, visible]`: one free Gibbs chain per sample, from a start
/// drawn from the biases. `asked` is what asks for so many, for the refusal of more than fit into memory.
pub fn sample(dbm: &Dbm, count: usize, sweeps: usize, stream: Stream, asked: &str) -> Result<Look> {
    memory::samples(count, dbm.sizes()[0] * memory::SAMPLED_VALUE, asked)?;
    let sampling = Sampling { dbm, held: &[], start: None, sweeps, looks: 1, stream };
    let mut looks = sampling.run(count)?;
    looks.pop().ok_or_else(|| super::Error::Compute { problem: "no sample was drawn".into() })
}
