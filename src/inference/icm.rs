//! Iterated conditional modes with restarts: every unit takes its best state given the others until none moves (Besag 1986).
//!
//! h_l ← argmax p(h_l | rest), layer by layer: ln p̃(v, h) never falls, and a state that stays is a mode of its surroundings,
//! not always the best of all. All starts of all examples are swept as one batch; the best end of each example is kept.

use super::{Inference, Inferred, Trace};
use crate::math::{Layers, Nats, Result, Stream, Tensor, bail, host, largest_change};
use crate::models::{Conditionals, LatentModel, Reading, Schedule, Swept};
use crate::posterior::PointMass;

/// Searches from random states.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IteratedModes {
    /// Random first states of each example.
    pub starts: usize,
    /// Never more sweeps than this.
    pub max_sweeps: usize,
}

impl<M: LatentModel> Inference<M> for IteratedModes {
    type Posterior = PointMass;

    fn infer(&self, model: &M, visible: &Tensor, stream: Stream) -> Result<Inferred<PointMass>> {
        let (examples, clamped) = (visible.dim(0)?, model.clamp(visible)?);
        let (states, trace) = self.search(&clamped, examples, self.first(model, visible, stream)?)?;
        Ok(Inferred { q: PointMass::at(clamped.units().to_vec(), states), trace })
    }
}

impl IteratedModes {
    /// Fair states of every layer, start after start, `[starts · examples, units]`; rows of draws are rows of `visible`.
    fn first<M: LatentModel>(&self, model: &M, visible: &Tensor, stream: Stream) -> Result<Layers> {
        if self.starts == 0 {
            bail!("a search needs at least one start");
        }
        let layer = |(layer, (kind, units)): (usize, (crate::units::Kind, usize))| {
            let even = Tensor::zeros((visible.dim(0)?, units), visible.dtype(), visible.device())?;
            let starts = (0..self.starts as u64).map(|start| kind.sample(&even, stream.at(start).at(layer as u64)));
            Tensor::cat(&starts.collect::<Result<Vec<_>>>()?, 0)
        };
        model.hidden().into_iter().enumerate().map(layer).collect()
    }

    /// Sweeps until nothing moves, then the best of the starts of each example.
    fn search<C: Conditionals>(&self, clamped: &C, examples: usize, first: Layers) -> Result<(Layers, Trace)> {
        let rows: Vec<u32> = (0..self.starts).flat_map(|_| 0..examples as u32).collect();
        let rows = Tensor::from_vec(rows, self.starts * examples, first[0].device())?;
        let all = clamped.select(&rows)?;
        let mut swept = Swept::from_states(first);
        let mut trace = Trace::fixed(examples, self.max_sweeps);
        let mut moving = vec![true; examples];
        for sweep in 1..=self.max_sweeps as u32 {
            let before = swept.states.clone();
            swept = all.sweep(swept, Schedule::Ascending, Reading::Mode)?;
            let moved = moved(&before, &swept.states, examples)?;
            for (example, _) in moved.iter().enumerate().filter(|(_, moved)| !**moved) {
                if std::mem::take(&mut moving[example]) {
                    trace.sweeps[example] = sweep;
                }
            }
            if !moved.contains(&true) {
                break;
            }
        }
        trace.converged = Some(moving.iter().map(|moving| !moving).collect());
        let best = best(&host(&all.log_joint(&swept.states)?)?, examples);
        let best = Tensor::from_vec(best, examples, rows.device())?;
        let states = swept.states.iter().map(|states| states.index_select(&best, 0)).collect::<Result<_>>()?;
        Ok((states, trace))
    }
}

/// Whether any start of each example has moved.
fn moved(before: &[Tensor], after: &[Tensor], examples: usize) -> Result<Vec<bool>> {
    let mut moved = vec![false; examples];
    for (before, after) in before.iter().zip(after) {
        for (row, change) in largest_change(before, after)?.into_iter().enumerate() {
            moved[row % examples] |= change != 0.0;
        }
    }
    Ok(moved)
}

/// The row with the largest value of each example, the first of equals.
fn best(log_joints: &Nats, examples: usize) -> Vec<u32> {
    let mut best: Vec<usize> = (0..examples).collect();
    for (row, &nats) in log_joints.iter().enumerate() {
        let best = &mut best[row % examples];
        if nats > log_joints[*best] {
            *best = row;
        }
    }
    best.into_iter().map(|row| row as u32).collect()
}
