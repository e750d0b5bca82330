//! Mean field: every unit's q is set to its mean-field fixed-point equation (book equations 20.33 and 20.34), layer by layer.
//!
//! Reading the newest values, each layer update is coordinate ascent on the ELBO, because units of one layer do not interact.
//! Updating all layers at once from old values is not.

use super::{Inferred, Refine, Stop, Trace};
use crate::math::{Nats, Result, Stream, Tensor, host, largest_change, mean_of};
use crate::models::{Conditionals, ExpectedLogJoint, Multilinear, Reading, Schedule, Swept};
use crate::posterior::{Factorial, Posterior};

/// Mean-field sweeps.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MeanField {
    /// Order in which layers move.
    pub schedule: Schedule,
    /// Share of the old mean that is kept, in [0, 1); 0 is plain mean field.
    pub damping: f64,
}

impl Default for MeanField {
    fn default() -> Self {
        Self { schedule: Schedule::Ascending, damping: 0.0 }
    }
}

impl<C: Multilinear> Refine<C> for MeanField {
    fn refine(&self, conditionals: &C, q: Factorial, stop: Stop, _: Stream) -> Result<Inferred<Factorial>> {
        let reading = if self.damping == 0.0 { Reading::Mean } else { Reading::DampedMean(self.damping) };
        let start = Swept::from_posterior(&q)?;
        if stop.tolerance.is_none() && !stop.traced {
            let examples = q.inputs()[0].dim(0)?;
            let swept = conditionals.sweeps(start, self.schedule, reading, stop.max_sweeps)?;
            let q = Factorial::from_inputs(q.units().to_vec(), swept.inputs);
            return Ok(Inferred { q, trace: Trace::fixed(examples, stop.max_sweeps) });
        }
        Ascent { mean_field: self, conditionals, reading, stop }.run(&q, start)
    }
}

/// A run that watches each example and takes it out once it is done, so that no answer depends on the rest of the batch.
struct Ascent<'a, C> {
    mean_field: &'a MeanField,
    conditionals: &'a C,
    reading: Reading,
    stop: Stop,
}

/// Examples still moving: their places in the batch, their conditionals and their means.
struct Moving<C> {
    rows: Vec<u32>,
    conditionals: C,
    swept: Swept,
}

impl<C: Multilinear> Ascent<'_, C> {
    fn run(&self, q: &Factorial, start: Swept) -> Result<Inferred<Factorial>> {
        let examples = start.states[0].dim(0)?;
        let mut trace = Trace::fixed(examples, self.stop.max_sweeps);
        let mut converged = vec![false; examples];
        let mut elbos = self.elbos(self.conditionals, q, &start)?;
        trace.elbos_unnormalized.extend(elbos.as_deref().map(mean_of));
        let every = Tensor::arange(0, examples as u32, start.states[0].device())?;
        let mut moving = Moving {
            rows: (0..examples as u32).collect(),
            conditionals: self.conditionals.select(&every)?,
            swept: start,
        };
        let mut done: Vec<(Vec<u32>, Swept)> = Vec::new();
        for sweep in 1..=self.stop.max_sweeps as u32 {
            let before = moving.swept.states.clone();
            moving.swept = moving.conditionals.sweep(moving.swept, self.mean_field.schedule, self.reading)?;
            let changes = changes(&before, &moving.swept.states)?;
            trace.changes.push(changes.iter().copied().fold(0.0, f64::max));
            if let (Some(all), Some(new)) = (&mut elbos, self.elbos(&moving.conditionals, q, &moving.swept)?) {
                moving.rows.iter().zip(new).for_each(|(&row, elbo)| all[row as usize] = elbo);
                trace.elbos_unnormalized.push(mean_of(all));
            }
            let finished = |change: f64| self.stop.tolerance.is_some_and(|tolerance| change < tolerance);
            if !changes.iter().any(|&change| finished(change)) {
                continue;
            }
            let (out, stay): (Vec<usize>, Vec<usize>) = (0..changes.len()).partition(|&i| finished(changes[i]));
            for &i in &out {
                trace.sweeps[moving.rows[i] as usize] = sweep;
                converged[moving.rows[i] as usize] = true;
            }
            if stay.is_empty() {
                // A selection of no rows would be a tensor without values, which other devices do not have.
                break;
            }
            let leaving = moving.keep(&out)?;
            done.push((leaving.rows, leaving.swept));
            moving = moving.keep(&stay)?;
        }
        trace.converged = self.stop.tolerance.map(|_| converged);
        done.push((moving.rows, moving.swept));
        Ok(Inferred { q: reassemble(q, &done)?, trace })
    }

    fn elbos(&self, conditionals: &C, q: &Factorial, swept: &Swept) -> Result<Option<Nats>> {
        if !self.stop.traced {
            return Ok(None);
        }
        let q = Factorial::from_inputs(q.units().to_vec(), swept.inputs.clone());
        let entropies = host(&q.entropy()?)?;
        let joints = conditionals.expected_log_joint(&q)?;
        Ok(Some(joints.iter().zip(entropies).map(|(joint, entropy)| joint + entropy).collect()))
    }
}

impl<C: Conditionals> Moving<C> {
    fn keep(&self, places: &[usize]) -> Result<Self> {
        let index: Vec<u32> = places.iter().map(|&place| place as u32).collect();
        let index = Tensor::from_vec(index, places.len(), self.swept.states[0].device())?;
        let pick = |layers: &[Tensor]| layers.iter().map(|layer| layer.index_select(&index, 0)).collect::<Result<_>>();
        Ok(Self {
            rows: places.iter().map(|&place| self.rows[place]).collect(),
            conditionals: self.conditionals.select(&index)?,
            swept: Swept { inputs: pick(&self.swept.inputs)?, states: pick(&self.swept.states)? },
        })
    }
}

/// Largest change of any mean of each example.
fn changes(before: &[Tensor], after: &[Tensor]) -> Result<Vec<f64>> {
    let mut largest = vec![0.0; after[0].dim(0)?];
    for (before, after) in before.iter().zip(after) {
        for (largest, change) in largest.iter_mut().zip(largest_change(before, after)?) {
            // A change that is not a number must never count as small.
            if change.is_nan() || change > *largest {
                *largest = change;
            }
        }
    }
    Ok(largest)
}

/// Puts the examples back into the order of the batch.
fn reassemble(q: &Factorial, parts: &[(Vec<u32>, Swept)]) -> Result<Factorial> {
    let parts: Vec<_> = parts.iter().filter(|(rows, _)| !rows.is_empty()).collect();
    if parts.is_empty() {
        return Ok(q.clone());
    }
    let order: Vec<u32> = parts.iter().flat_map(|(rows, _)| rows.iter().copied()).collect();
    let mut places = vec![0u32; order.len()];
    order.iter().enumerate().for_each(|(place, &row)| places[row as usize] = place as u32);
    let places = Tensor::from_vec(places, order.len(), q.inputs()[0].device())?;
    let inputs = (0..q.inputs().len())
        .map(|layer| {
            let layers: Vec<&Tensor> = parts.iter().map(|(_, swept)| &swept.inputs[layer]).collect();
            Tensor::cat(&layers, 0)?.index_select(&places, 0)
        })
        .collect::<Result<_>>()?;
    Ok(Factorial::from_inputs(q.units().to_vec(), inputs))
}
