//! Annealing from the other end: bounds of ln Z from both sides, and a bound of ln p(v) that errs on the safe side.
//!
//! A chain from a sample of the machine back to the base has E[ln w] + ln Z_0 ≥ ln Z, a forward one ≤: the two sandwich ln Z
//! (Grosse, Ghahramani & Adams 2015). RAISE (Burda, Grosse & Salakhutdinov 2015) starts its reverse chains at v: the mean weight is
//! p_raise(v), the probability of v under the annealing run as a generative model, so the mean ln w lies below ln p_raise(v).

use super::annealing::{Annealed, Annealing, Half, Path, Spacing};
use super::ends::Samples;
use super::partition::{LogPartition, ais};
use crate::math::{Layers, Nats, Result, Stream, Tensor, bail, host, inner, sum_units};
use crate::models::Dbm;
use crate::posterior::Factorial;

/// ln w of chains that start at `samples` of the machine (`[chains, units]` of all layers, visible first) and end at the base,
/// nats: ln Z_0 plus their mean is above ln Z on average.
pub fn reverse(dbm: &Dbm, settings: &Annealing, samples: Layers, stream: Stream) -> Result<Nats> {
    let path = Path::new(dbm, settings)?.reversed();
    let chains = path.advance(path.start_at(samples, stream)?, path.temperatures())?;
    Ok(chains.log_weights.iter().map(|inverse| -inverse).collect())
}

/// ln Z between a forward and a reverse estimate, by as many forward chains as `settings` asks for and as many reverse ones as there
/// are `samples` of the machine; `widest` as in [`LogPartition::sandwich`].
pub fn sandwich(
    dbm: &Dbm,
    settings: &Annealing,
    samples: Layers,
    from: Samples,
    widest: f64,
    stream: Stream,
) -> Result<LogPartition> {
    let forward = ais(dbm, settings, stream.named("forward"))?;
    let back = reverse(dbm, settings, samples, stream.named("reverse"))?;
    let reverse = LogPartition::from_reverse(&Path::new(dbm, settings)?, back, from)?;
    Ok(LogPartition::sandwich(forward, reverse, widest))
}

/// ln w of `settings.chains` chains for each example of `visible` `[examples, visible]`, nats. The states of the even hidden layers
/// are drawn from `q`; a machine with one hidden layer has none.
pub fn raise(dbm: &Dbm, visible: &Tensor, q: &Factorial, settings: &Annealing, stream: Stream) -> Result<Vec<Nats>> {
    let mut raising = Raising::new(dbm, visible, q, settings, stream)?;
    raising.advance(raising.steps())?;
    Ok(raising.finish())
}

/// RAISE chains under way.
#[derive(Clone, Debug)]
pub struct Raising {
    path: Path,
    chains: Annealed,
    /// What each chain's weight begins with, nats.
    first: Nats,
    per_example: usize,
}

impl Raising {
    /// `settings.chains` chains at each example; as in [`raise`].
    pub fn new(dbm: &Dbm, visible: &Tensor, q: &Factorial, settings: &Annealing, stream: Stream) -> Result<Self> {
        if settings.kept == Some(Half::Odd) {
            bail!("chains that start at v keep the even layers");
        }
        let path = Path::new(dbm, &Annealing { kept: Some(Half::Even), ..settings.clone() })?;
        let Drawn { states, log_q } = Drawn::from(dbm, visible, q, settings.chains, stream.named("start"))?;
        let base = path.log_base_partition()?;
        let first =
            path.log_kept(&states, 1.0)?.iter().zip(&log_q).map(|(first, log_q)| first - log_q - base).collect();
        let reversed = path.reversed();
        // One move at β = 1 that nothing weighs: the last step of the annealing as a generative model.
        let path = Path { shares: [&[1.0], &reversed.shares[..]].concat(), ..reversed };
        let chains = path.start_at(states, stream)?;
        Ok(Self { path, chains, first, per_example: settings.chains })
    }

    /// Steps in all.
    pub fn steps(&self) -> usize {
        self.path.temperatures()
    }

    /// Steps taken.
    pub fn done(&self) -> usize {
        self.chains.steps
    }

    /// At most `count` further steps.
    pub fn advance(&mut self, count: usize) -> Result<()> {
        self.chains = self.path.advance(self.chains.clone(), count)?;
        Ok(())
    }

    /// ln w of every chain of every example, nats, once all steps are taken.
    pub fn finish(self) -> Vec<Nats> {
        let log_weights: Nats =
            self.chains.log_weights.iter().zip(&self.first).map(|(gain, first)| gain + first).collect();
        log_weights.chunks(self.per_example).map(<[f64]>::to_vec).collect()
    }
}

/// ln p̃(v, x) - ln q(x | v) of `particles` draws of the even hidden layers x from `q` for each example of `visible`
/// `[examples, visible]`, nats; the odd layers are summed out. The mean weight is p̃(v), so the mean of ln of means lies below ln p̃(v).
pub fn importance(dbm: &Dbm, visible: &Tensor, q: &Factorial, particles: usize, stream: Stream) -> Result<Vec<Nats>> {
    let settings = Annealing {
        temperatures: 1,
        spacing: Spacing::Uniform,
        chains: particles,
        kept: Some(Half::Even),
        base_means: Vec::new(),
    };
    let path = Path::new(dbm, &settings)?;
    let Drawn { states, log_q } = Drawn::from(dbm, visible, q, particles, stream)?;
    let log_kept = path.log_kept(&states, 1.0)?;
    let log_weights: Nats = log_kept.iter().zip(&log_q).map(|(joint, log_q)| joint - log_q).collect();
    Ok(log_weights.chunks(particles).map(<[f64]>::to_vec).collect())
}

/// States of all layers, `[examples times draws, units]`, the even hidden ones drawn from q, and ln q of those.
struct Drawn {
    states: Layers,
    log_q: Nats,
}

impl Drawn {
    /// `count` draws for each example of `visible`.
    fn from(dbm: &Dbm, visible: &Tensor, q: &Factorial, count: usize, stream: Stream) -> Result<Self> {
        let rows: Vec<u32> = (0..visible.dim(0)? as u32).flat_map(|row| std::iter::repeat_n(row, count)).collect();
        let rows = Tensor::from_vec(rows, visible.dim(0)? * count, visible.device())?;
        let q = q.select(&rows)?;
        let mut states = vec![visible.index_select(&rows, 0)?];
        let mut log_q = vec![0.0; states[0].dim(0)?];
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
        Ok(Self { states, log_q })
    }
}
