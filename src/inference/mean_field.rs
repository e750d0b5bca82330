//! Mean field: every unit's q is set to its mean-field fixed-point equation (book equations 20.33 and 20.34), layer by layer.
//!
//! Reading the newest values, each layer update is coordinate ascent on the ELBO, because units of one layer do not interact.
//! Updating all layers at once from old values is not.

use super::ascent::{Sweeping, until};
use super::{Inferred, Refine, Stop, Trace};
use crate::math::{Nats, Result, Stream, Tensor, host};
use crate::models::{ExpectedLogJoint, Multilinear, Reading, Schedule, Swept};
use crate::posterior::{Factorial, Posterior};
use crate::units::Kind;

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
        let (start, units) = (Swept::from_posterior(&q)?, q.units().to_vec());
        let examples = start.states[0].dim(0)?;
        if stop.tolerance.is_none() && !stop.traced {
            let swept = conditionals.sweeps(start, self.schedule, reading, stop.max_sweeps)?;
            let q = Factorial::from_inputs(units, swept.inputs);
            return Ok(Inferred { q, trace: Trace::fixed(examples, stop.max_sweeps) });
        }
        let every = Tensor::arange(0, examples as u32, start.states[0].device())?;
        let conditionals = conditionals.select(&every)?;
        let batch = Batch { conditionals, swept: start, units: &units, schedule: self.schedule, reading };
        let settled = until(batch, stop)?;
        let inputs = (0..units.len()).map(|layer| settled.gather(|part| Ok(part.swept.inputs[layer].clone())));
        Ok(Inferred { q: Factorial::from_inputs(units.clone(), inputs.collect::<Result<_>>()?), trace: settled.trace })
    }
}

/// Examples on their way.
struct Batch<'a, C> {
    conditionals: C,
    swept: Swept,
    units: &'a [Kind],
    schedule: Schedule,
    reading: Reading,
}

impl<C: Multilinear> Sweeping for Batch<'_, C> {
    fn means(&self) -> &[Tensor] {
        &self.swept.states
    }

    fn swept(self) -> Result<Self> {
        Ok(Self { swept: self.conditionals.sweep(self.swept, self.schedule, self.reading)?, ..self })
    }

    fn select(&self, rows: &Tensor) -> Result<Self> {
        let pick = |layers: &[Tensor]| layers.iter().map(|layer| layer.index_select(rows, 0)).collect::<Result<_>>();
        Ok(Self {
            conditionals: self.conditionals.select(rows)?,
            swept: Swept { inputs: pick(&self.swept.inputs)?, states: pick(&self.swept.states)? },
            ..*self
        })
    }

    fn objective(&self) -> Result<Nats> {
        let q = Factorial::from_inputs(self.units.to_vec(), self.swept.inputs.clone());
        let entropies = host(&q.entropy()?)?;
        let joints = self.conditionals.expected_log_joint(&q)?;
        Ok(joints.iter().zip(entropies).map(|(joint, entropy)| joint + entropy).collect())
    }
}
