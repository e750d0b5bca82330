//! Block Gibbs sampling of the posterior, read as the product of its estimated marginals.
//!
//! Each sweep contributes the conditional means of all units, not the sampled states (Rao-Blackwellised). The product of the
//! averaged marginals is an ordinary factorial q, so its ELBO is a true lower bound whatever the error of the marginals.

use super::{Inferred, Refine, Stop, Trace};
use crate::math::{Layers, Result, Stream};
use crate::models::{Conditionals, Reading, Schedule, Swept};
use crate::posterior::Factorial;

/// Gibbs sweeps; the first `burn_in` are not averaged.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Gibbs {
    /// Order in which layers are sampled; `OddEven` is block Gibbs.
    pub schedule: Schedule,
    /// Sweeps made before the first one that counts, on top of those of the stop rule.
    pub burn_in: usize,
}

impl<C: Conditionals> Refine<C> for Gibbs {
    /// Starts from a sample of `q`; makes exactly `stop.max_sweeps` sweeps that count.
    fn refine(&self, conditionals: &C, q: Factorial, stop: Stop, stream: Stream) -> Result<Inferred<Factorial>> {
        let examples = q.inputs()[0].dim(0)?;
        let kinds = conditionals.units();
        let first = stream.named("first state");
        let states = q
            .inputs()
            .iter()
            .enumerate()
            .map(|(layer, input)| kinds[layer].sample(input, first.at(layer as u64)))
            .collect::<Result<_>>()?;
        let reading = Reading::Sample(stream.named("sweeps"));
        let mut swept = conditionals.sweeps(Swept::from_states(states), self.schedule, reading, self.burn_in)?;
        let mut sums: Option<Layers> = None;
        for sweep in 0..stop.max_sweeps {
            swept = conditionals.sweep(swept, self.schedule, reading.at((self.burn_in + sweep) as u64))?;
            let means =
                kinds.iter().zip(&swept.inputs).map(|(kind, input)| kind.mean(input)).collect::<Result<Layers>>()?;
            sums = Some(match sums {
                None => means,
                Some(sums) => sums.iter().zip(&means).map(|(sum, mean)| sum + mean).collect::<Result<_>>()?,
            });
        }
        let trace = Trace::fixed(examples, self.burn_in + stop.max_sweeps);
        let Some(sums) = sums else { return Ok(Inferred { q, trace }) };
        let means = sums.iter().map(|sum| sum / stop.max_sweeps as f64).collect::<Result<Layers>>()?;
        Ok(Inferred { q: Factorial::from_means(kinds.to_vec(), &means)?, trace })
    }
}
