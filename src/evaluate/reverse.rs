//! Annealing from the other end: bounds of ln Z from both sides, and a bound of ln p(v) that errs on the safe side.
//!
//! A chain from a sample of the machine back to the base has E[ln w] + ln Z_0 ≥ ln Z, a forward one ≤: the two sandwich ln Z
//! (Grosse, Ghahramani & Adams 2015). RAISE (Burda, Grosse & Salakhutdinov 2015) starts its reverse chains at v: the mean weight is
//! p_raise(v), the probability of v under the annealing run as a generative model, so the mean ln w lies below ln p_raise(v).

use super::annealing::{Annealing, Half, Path};
use super::partition::ais;
use super::quantity::Bounded;
use crate::math::{Layers, Nats, Result, Stream, Tensor, bail, host, inner, mean_of, sum_units};
use crate::models::Dbm;
use crate::posterior::Factorial;

/// ln w of chains that start at `samples` of the machine (`[chains, units]` of all layers, visible first) and end at the base,
/// nats: ln Z_0 plus their mean is above ln Z on average.
pub fn reverse(dbm: &Dbm, settings: &Annealing, samples: Layers, stream: Stream) -> Result<Nats> {
    let path = Path::new(dbm, settings)?.reversed();
    let chains = path.advance(path.start_at(samples, stream)?, path.temperatures())?;
    Ok(chains.log_weights.iter().map(|inverse| -inverse).collect())
}

/// ln Z between two estimates, one below it and one above it on average.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sandwich {
    /// Mean over forward chains, nats.
    pub lower: Bounded,
    /// Mean over reverse chains, nats.
    pub upper: Bounded,
}

impl Sandwich {
    /// By as many forward chains as `settings` asks for and as many reverse ones as there are `samples` of the machine.
    pub fn new(dbm: &Dbm, settings: &Annealing, samples: Layers, stream: Stream) -> Result<Self> {
        let base = Path::new(dbm, settings)?.log_base_partition()?;
        let Some(report) = ais(dbm, settings, stream.named("forward"))?.ais else { bail!("annealing left no report") };
        let back = reverse(dbm, settings, samples, stream.named("reverse"))?;
        Ok(Self { lower: mean_bound(base, &report.log_weights), upper: mean_bound(base, &back) })
    }

    /// Distance between the two, nats.
    pub fn width(&self) -> Bounded {
        self.upper - self.lower
    }
}

fn mean_bound(base: f64, log_weights: &[f64]) -> Bounded {
    let (mean, count) = (mean_of(log_weights), log_weights.len() as f64);
    let variance = log_weights.iter().map(|w| (w - mean).powi(2)).sum::<f64>() / (count - 1.0);
    Bounded::estimate(base + mean, (count > 1.0).then(|| (variance / count).sqrt()))
}

/// ln w of `settings.chains` chains for each example of `visible` `[examples, visible]`, nats. The states of the even hidden layers
/// are drawn from `q`; a machine with one hidden layer has none.
pub fn raise(dbm: &Dbm, visible: &Tensor, q: &Factorial, settings: &Annealing, stream: Stream) -> Result<Vec<Nats>> {
    if settings.kept == Some(Half::Odd) {
        bail!("chains that start at v keep the even layers");
    }
    let path = Path::new(dbm, &Annealing { kept: Some(Half::Even), ..settings.clone() })?;
    let (examples, chains) = (visible.dim(0)?, settings.chains);
    let rows: Vec<u32> = (0..examples as u32).flat_map(|row| std::iter::repeat_n(row, chains)).collect();
    let rows = Tensor::from_vec(rows, examples * chains, visible.device())?;
    let (states, log_q) = drawn(dbm, &visible.index_select(&rows, 0)?, &q.select(&rows)?, stream.named("start"))?;
    let (first, base) = (path.log_kept(&states, 1.0)?, path.log_base_partition()?);
    let reversed = path.reversed();
    // One move at β = 1 that nothing weighs: the last step of the annealing as a generative model.
    let reversed = Path { shares: [&[1.0], &reversed.shares[..]].concat(), ..reversed };
    let done = reversed.advance(reversed.start_at(states, stream)?, reversed.temperatures())?;
    let gains = done.log_weights.iter().zip(first.iter().zip(&log_q));
    let log_weights: Nats = gains.map(|(gain, (first, log_q))| gain + first - log_q - base).collect();
    Ok(log_weights.chunks(chains).map(<[f64]>::to_vec).collect())
}

/// States of all layers, the even hidden ones drawn from `q`, and ln q of those.
fn drawn(dbm: &Dbm, visible: &Tensor, q: &Factorial, stream: Stream) -> Result<(Layers, Nats)> {
    let mut states = vec![visible.clone()];
    let mut log_q = vec![0.0; visible.dim(0)?];
    for (l, input) in q.inputs().iter().enumerate() {
        let kind = &dbm.units()[l + 1];
        if l % 2 == 0 {
            // Summed out: its states are auxiliary.
            states.push(input.zeros_like()?);
            continue;
        }
        let state = kind.sample(input, stream.at(l as u64))?;
        let own =
            ((inner(&state, input)? + sum_units(&kind.log_base(&state)?)?)? - kind.total_log_normalizer(input)?)?;
        log_q.iter_mut().zip(host(&own)?).for_each(|(total, own)| *total += own);
        states.push(state);
    }
    Ok((states, log_q))
}
