//! Parallel tempering (Desjardins, Courville, Bengio, Vincent & Delalleau 2010): every chain has replicas at higher temperatures,
//! which move more freely, and neighbours exchange their states by the Metropolis rule; only the replica at β = 1 is learned from.
//!
//! The joint over all replicas is Π_r p_{β_r}(x_r), and the temperatures lie on the way from independent units
//! (`models/heated.rs`), as those of annealing do. Two neighbours a (colder) and b exchange states with probability
//! min(1, p̃_a(x_b) p̃_b(x_a) / (p̃_a(x_a) p̃_b(x_b))) = min(1, exp((β_a - β_b) (R(x_b) - R(x_a)))), R = ln p̃_1 - ln p̃_0, so the joint stays as it is.

use super::Chains;
use crate::math::{DType, Layers, Nats, Result, Stream, Tensor, bail, host};
use crate::models::{Conditionals, Dbm, Heated, Stack};

/// How many temperatures, and where.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Temperatures {
    /// Replicas of every chain, the one at β = 1 included; with one there is nothing to exchange.
    pub count: usize,
    /// β of the hottest, from 0 (independent units) to 1.
    pub lowest: f64,
    /// Where the others lie.
    pub spacing: Rungs,
}

/// Where the values of β lie between 1 and the lowest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Rungs {
    /// By the same difference.
    #[default]
    Even,
    /// By the same factor; the lowest must be above 0.
    Geometric,
}

impl Temperatures {
    /// β_0 = 1 down to the lowest.
    pub fn shares(&self) -> Vec<f64> {
        let steps = self.count.saturating_sub(1).max(1) as f64;
        let place = |r: usize| match self.spacing {
            _ if r == 0 => 1.0,
            _ if r + 1 == self.count => self.lowest,
            Rungs::Even => 1.0 - (1.0 - self.lowest) * (r as f64 / steps),
            Rungs::Geometric => self.lowest.powf(r as f64 / steps),
        };
        (0..self.count.max(1)).map(place).collect()
    }
}

/// A machine at several temperatures.
#[derive(Clone, Debug)]
pub struct Tempering {
    stack: Stack,
    base: Layers,
    rungs: Vec<Heated>,
}

impl Tempering {
    /// `dbm` at each of `shares` on the way from independent units of inputs `base`, `[1, n_l]`, visible first.
    pub fn new(dbm: &Dbm, base: Layers, shares: &[f64]) -> Result<Self> {
        if shares.is_empty() {
            bail!("tempering takes at least one temperature");
        }
        let stack = dbm.free()?;
        let rungs = shares.iter().map(|&share| Heated::new(&stack, &base, share)).collect::<Result<_>>()?;
        Ok(Self { stack, base, rungs })
    }

    /// `count` chains with all their replicas, every unit drawn from the base.
    pub fn start(&self, count: usize, stream: Stream) -> Result<Vec<Chains>> {
        let replica = |r: usize| {
            let draw = |(l, base): (usize, &Tensor)| {
                let base = base.broadcast_as((count, base.dim(1)?))?.contiguous()?;
                self.stack.units()[l].sample(&base, stream.at(r as u64).at(l as u64))
            };
            Ok(Chains::from_states(self.base.iter().enumerate().map(draw).collect::<Result<_>>()?))
        };
        (0..self.rungs.len()).map(replica).collect()
    }

    /// `sweeps` times a sweep of block Gibbs at every temperature and, after it, exchanges between the first and the second, the third
    /// and the fourth, …, then between the second and the third, …. Also returns the share of accepted exchanges of each pair.
    pub fn advance(&self, replicas: Vec<Chains>, sweeps: usize, stream: Stream) -> Result<(Vec<Chains>, Vec<f64>)> {
        if replicas.len() != self.rungs.len() {
            bail!("{} replicas at {} temperatures", replicas.len(), self.rungs.len());
        }
        let pairs = self.rungs.len() - 1;
        let (mut accepted, mut states) = (vec![0; pairs], Vec::new());
        states.extend(replicas.iter().map(|replica| replica.states().to_vec()));
        let rows = states[0].first().map_or(Ok(0), |layer: &Tensor| layer.dim(0))?;
        for sweep in 0..sweeps as u64 {
            let mut log_ratios = Vec::with_capacity(states.len());
            for (r, rung) in self.rungs.iter().enumerate() {
                // The coldest has the draws of a chain without replicas.
                let draws = if r == 0 { stream } else { stream.named("replicas").at(r as u64) };
                states[r] = rung.sweep(std::mem::take(&mut states[r]), draws.at(sweep))?;
                if pairs > 0 {
                    log_ratios.push(self.stack.log_ratio_to(&self.base, &states[r])?);
                }
            }
            for first in (0..pairs).step_by(2).chain((1..pairs).step_by(2)) {
                let draws = stream.named("exchanges").at(sweep).at(first as u64);
                accepted[first] += self.exchange(first, &mut states, &mut log_ratios, draws)?;
            }
        }
        let tried = (rows * sweeps).max(1) as f64;
        let shares = accepted.iter().map(|&count| count as f64 / tried).collect();
        Ok((states.into_iter().map(Chains::from_states).collect(), shares))
    }

    /// Exchanges the states of some chains between a temperature and the next; how many.
    fn exchange(&self, colder: usize, states: &mut [Layers], log_ratios: &mut [Nats], draws: Stream) -> Result<usize> {
        let (hotter, rows) = (colder + 1, log_ratios[colder].len());
        let shares = [self.rungs[colder].share, self.rungs[hotter].share];
        let uniform = host(&draws.uniform(rows, 1, DType::F64, self.stack.device())?)?;
        let mut mask = vec![0_u8; rows];
        for (row, accepted) in mask.iter_mut().enumerate() {
            let ratio = log_exchange_ratio(shares, [log_ratios[colder][row], log_ratios[hotter][row]]);
            if uniform[row].ln() < ratio {
                *accepted = 1;
                let cold = log_ratios[colder][row];
                log_ratios[colder][row] = std::mem::replace(&mut log_ratios[hotter][row], cold);
            }
        }
        let count = mask.iter().filter(|&&accepted| accepted == 1).count();
        if count == 0 {
            return Ok(0);
        }
        let (below, above) = states.split_at_mut(hotter);
        for (cold, hot) in below[colder].iter_mut().zip(&mut above[0]) {
            let mask = Tensor::from_slice(&mask, (rows, 1), cold.device())?.broadcast_as(cold.shape())?.contiguous()?;
            let colder = mask.where_cond(&*hot, &*cold)?;
            *hot = mask.where_cond(&*cold, &*hot)?;
            *cold = colder;
        }
        Ok(count)
    }

    /// What expectations under the machine are taken from, from the states at β = 1: see [`Stack::expectations`].
    pub fn expectations(&self, coldest: &Chains) -> Result<Layers> {
        self.stack.expectations(coldest.states())
    }
}

/// ln of the ratio of the joint probability after an exchange to that before it, where a colder and a hotter replica are at inverse
/// temperatures `shares` and their states have ln p̃_1 - ln p̃_0 = `log_ratios`, nats.
pub fn log_exchange_ratio(shares: [f64; 2], log_ratios: [f64; 2]) -> f64 {
    (shares[0] - shares[1]) * (log_ratios[1] - log_ratios[0])
}
