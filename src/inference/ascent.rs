//! The loop of every iterative scheme: sweeps until each example has settled.
//!
//! An example is taken out once a sweep changes none of its means by the tolerance, so that no answer depends on the rest of the
//! batch.

use super::{Stop, Trace};
use crate::math::{Device, Nats, Result, Tensor, bail, largest_change, mean_of};

/// A batch that can be swept as a whole and taken apart.
pub(super) trait Sweeping: Sized {
    /// What convergence looks at, `[examples, units]` each.
    fn means(&self) -> &[Tensor];
    /// After one sweep.
    fn swept(self) -> Result<Self>;
    /// Some of the examples; `rows` holds `u32` indices.
    fn select(&self, rows: &Tensor) -> Result<Self>;
    /// What is recorded of each example in a traced run, nats.
    fn objective(&self) -> Result<Nats>;
}

/// Examples that have come to their end, in the order in which they did.
pub(super) struct Settled<T> {
    /// The parts, each of which holds at least one example.
    pub parts: Vec<T>,
    /// What it took.
    pub trace: Trace,
    order: Vec<u32>,
}

impl<T> Settled<T> {
    /// One tensor of each part, `[examples of the part, …]`, put back into the order of the batch.
    pub fn gather(&self, of: impl Fn(&T) -> Result<Tensor>) -> Result<Tensor> {
        let parts = self.parts.iter().map(of).collect::<Result<Vec<_>>>()?;
        if let [whole] = &parts[..] {
            // Nobody left before the others.
            return Ok(whole.clone());
        }
        let mut places = vec![0_u32; self.order.len()];
        self.order.iter().enumerate().for_each(|(place, &row)| places[row as usize] = place as u32);
        let parts = Tensor::cat(&parts, 0)?;
        parts.index_select(&indices(places, parts.device())?, 0)
    }
}

/// Examples still moving: their places in the batch, and what is swept.
struct Moving<T> {
    rows: Vec<u32>,
    batch: T,
}

/// Sweeps `start` until `stop`.
pub(super) fn until<T: Sweeping>(start: T, stop: Stop) -> Result<Settled<T>> {
    let examples = start.means().first().map_or(Ok(0), |layer| layer.dim(0))?;
    let mut trace = Trace::fixed(examples, stop.max_sweeps);
    let mut converged = vec![false; examples];
    let mut objectives = stop.traced.then(|| start.objective()).transpose()?;
    trace.elbos_unnormalized.extend(objectives.as_deref().map(mean_of));
    let mut moving = Moving { rows: (0..examples as u32).collect(), batch: start };
    let mut settled = Settled { parts: Vec::new(), trace: Trace::default(), order: Vec::new() };
    for sweep in 1..=stop.max_sweeps as u32 {
        let before = moving.batch.means().to_vec();
        moving.batch = moving.batch.swept()?;
        let changes = changes(&before, moving.batch.means())?;
        trace.changes.push(changes.iter().copied().fold(0.0, f64::max));
        if let Some(all) = &mut objectives {
            moving.rows.iter().zip(moving.batch.objective()?).for_each(|(&row, nats)| all[row as usize] = nats);
            trace.elbos_unnormalized.push(mean_of(all));
        }
        let finished = |change: f64| stop.tolerance.is_some_and(|tolerance| change < tolerance);
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
        moving.keep(&out)?.settle(&mut settled);
        moving = moving.keep(&stay)?;
    }
    trace.converged = stop.tolerance.map(|_| converged);
    moving.settle(&mut settled);
    Ok(Settled { trace, ..settled })
}

impl<T: Sweeping> Moving<T> {
    fn keep(&self, places: &[usize]) -> Result<Self> {
        let index: Vec<u32> = places.iter().map(|&place| place as u32).collect();
        let Some(first) = self.batch.means().first() else { bail!("a batch has at least one layer") };
        Ok(Self {
            rows: places.iter().map(|&place| self.rows[place]).collect(),
            batch: self.batch.select(&indices(index, first.device())?)?,
        })
    }

    fn settle(self, settled: &mut Settled<T>) {
        settled.order.extend(self.rows);
        settled.parts.push(self.batch);
    }
}

fn indices(rows: Vec<u32>, device: &Device) -> Result<Tensor> {
    let count = rows.len();
    Tensor::from_vec(rows, count, device)
}

/// Largest change of any mean of each example.
fn changes(before: &[Tensor], after: &[Tensor]) -> Result<Vec<f64>> {
    let mut largest = vec![0.0; after.first().map_or(Ok(0), |layer| layer.dim(0))?];
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
