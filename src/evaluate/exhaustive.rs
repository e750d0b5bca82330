//! Annealing a small machine with every state at once: the exact moments of what chains would find.
//!
//! Distributions over the states x of the kept half are pushed through the exact block Gibbs kernels x → y → x', y the other half:
//! p(y | x) and p(x' | y) follow from E_β(x, y) = exp(β s(x, y)), s the part of ln p̃ that joins the halves, and the biases.
//! Sums over all chains of w, w², ln w and ln² w are carried along (notation of `annealing.rs`).

use super::annealing::Path;
use crate::math::{DType, Layers, Nats, Result, Tensor, bail, double, host, log_sum_exp};
use crate::models::{Conditionals, Enumeration};
use crate::units::Kind;

/// What the weights of infinitely many chains would show.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct WeightMoments {
    /// ln E(w), nats: ln Z - ln Z_0.
    pub log_mean: f64,
    /// Var(w) / E(w)²: of M chains the estimate of ln Z has a standard error of √(this / M).
    pub relative_variance: f64,
    /// E[ln w], nats.
    pub mean_log: f64,
    /// Var[ln w], nats².
    pub variance_log: f64,
}

/// What RAISE would show at every state of the kept half, `[2^units]`, the first unit changing fastest.
#[derive(Clone, Debug, PartialEq)]
pub struct RaiseMoments {
    /// ln p_raise(x): the probability of x at the end of the annealing run as a generative model, nats.
    pub log_probs: Nats,
    /// E[ln w] of reverse chains from x, nats: below ln p_raise(x).
    pub mean_logs: Nats,
}

/// The states of both halves and what joins them, `f64`.
struct Halves<'a> {
    path: &'a Path,
    /// s, `[x, y]`.
    joined: Tensor,
    /// States of each half, one tensor a layer of that half.
    states: [Layers; 2],
    shape: [usize; 2],
}

/// The kernel of one β.
struct Kernel {
    /// E_β, `[x, y]`.
    joint: Tensor,
    /// exp(bias_β · x) and exp(bias_β · y), a row each.
    own: [Tensor; 2],
    /// Σ_y E exp(bias · y) and Σ_x E exp(bias · x), a row each.
    sums: [Tensor; 2],
    /// The last growth of β, and by what factor each pair grew with it.
    growth: Option<(f64, Tensor)>,
}

impl Path {
    /// Exact moments of the weights. Fails where the states of both halves together are more than 2^`max_bits`.
    pub fn moments(&self, max_bits: f64) -> Result<WeightMoments> {
        let halves = Halves::new(self, max_bits)?;
        let mut kernel = halves.kernel(self.shares[0])?;
        let mut log_f = kernel.log_f()?;
        let base = log_sum_exp(&log_f);
        let start: Vec<f64> = log_f.iter().map(|f| (f - base).exp()).collect();
        let zeros = vec![0.0; start.len()];
        // Σ over chains at x of 1, w, w², ln w, ln² w.
        let mut sums = [start.clone(), start.clone(), start, zeros.clone(), zeros];
        for k in 1..self.shares.len() {
            kernel = halves.kernel_after(kernel, self.shares[k - 1], self.shares[k])?;
            let after = kernel.log_f()?;
            for x in 0..after.len() {
                let (gain, mass, log) = (after[x] - log_f[x], sums[0][x], sums[3][x]);
                sums[1][x] *= gain.exp();
                sums[2][x] *= (2.0 * gain).exp();
                sums[4][x] += 2.0 * log * gain + mass * gain * gain;
                sums[3][x] += mass * gain;
            }
            log_f = after;
            if k + 1 < self.shares.len() {
                sums = kernel.push(&sums)?;
            }
        }
        let [_, first, second, log, square] = sums.map(|sum| sum.iter().sum::<f64>());
        Ok(WeightMoments {
            log_mean: first.ln(),
            relative_variance: second / (first * first) - 1.0,
            mean_log: log,
            variance_log: square - log * log,
        })
    }

    /// Exact expectations of RAISE. Fails where the states of both halves together are more than 2^`max_bits`.
    pub fn raise_moments(&self, max_bits: f64) -> Result<RaiseMoments> {
        let halves = Halves::new(self, max_bits)?;
        let mut kernel = halves.kernel(self.shares[0])?;
        let mut log_f = kernel.log_f()?;
        let base = log_sum_exp(&log_f);
        let mut probs: Vec<f64> = log_f.iter().map(|f| (f - base).exp()).collect();
        let mut logs = vec![0.0; probs.len()];
        for k in 1..self.shares.len() {
            kernel = halves.kernel_after(kernel, self.shares[k - 1], self.shares[k])?;
            let after = kernel.log_f()?;
            // A kernel that is reversible about f averages a function h as it pushes the distribution f h.
            let scale = after.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            let f: Vec<f64> = after.iter().map(|f| (f - scale).exp()).collect();
            let gained = (0..f.len()).map(|x| f[x] * (log_f[x] - after[x] + logs[x])).collect();
            let pushed = kernel.push(&[probs, gained])?;
            logs = pushed[1].iter().zip(&f).map(|(sum, f)| sum / f).collect();
            probs = pushed.into_iter().next().unwrap_or_default();
            log_f = after;
        }
        let mean_logs = logs.iter().zip(&log_f).map(|(log, f)| f - base + log).collect();
        Ok(RaiseMoments { log_probs: probs.iter().map(|prob| prob.ln()).collect(), mean_logs })
    }
}

impl<'a> Halves<'a> {
    fn new(path: &'a Path, max_bits: f64) -> Result<Self> {
        let (sizes, device) = (path.stack.sizes(), path.stack.device());
        let halves = [&path.kept, &path.summed_out].map(|layers| {
            let kinds: Vec<(&Kind, usize)> = layers.iter().map(|&l| (&path.stack.units()[l], sizes[l])).collect();
            Enumeration::new(&kinds)
        });
        let [kept, summed_out] = halves;
        let (kept, summed_out) = (kept?, summed_out?);
        let bits = kept.bits() + summed_out.bits();
        if bits > max_bits {
            bail!("annealing every state at once takes 2^{bits:.0} pairs of states; the limit is 2^{max_bits:.0}");
        }
        let shape = [kept.count()? as usize, summed_out.count()? as usize];
        let cut = |layers: &[usize], states: Tensor| -> Result<Layers> {
            let starts = layers.iter().scan(0, |next, &l| Some(std::mem::replace(next, *next + sizes[l])));
            starts.zip(layers).map(|(from, &l)| states.narrow(1, from, sizes[l])?.contiguous()).collect()
        };
        let states = [
            cut(&path.kept, kept.chunk(0, shape[0], DType::F64, device)?)?,
            cut(&path.summed_out, summed_out.chunk(0, shape[1], DType::F64, device)?)?,
        ];
        let joined = Tensor::zeros((shape[0], shape[1]), DType::F64, device)?;
        let mut halves = Self { path, joined, states, shape };
        halves.joined = halves.joining()?;
        Ok(halves)
    }

    /// s(x, y): what the kept states send to each layer that is summed out, times its states.
    fn joining(&self) -> Result<Tensor> {
        let stack = &self.path.stack;
        let mut all: Layers = stack.sizes().iter().map(|_| self.joined.clone()).collect();
        for (&layer, states) in self.path.kept.iter().zip(&self.states[0]) {
            all[layer] = states.to_dtype(stack.dtype())?;
        }
        let mut total = self.joined.clone();
        for (&layer, states) in self.path.summed_out.iter().zip(&self.states[1]) {
            if let Some(sent) = stack.from_neighbours(&all, layer)? {
                total = (total + double(&sent)?.matmul(&states.t()?)?)?;
            }
        }
        Ok(total)
    }

    fn kernel(&self, share: f64) -> Result<Kernel> {
        self.kernel_of((&self.joined * share)?.exp()?, share, None)
    }

    /// The kernel of β = `to` from that of β = `from`: where β grows evenly, a product serves for the exponential of every pair.
    fn kernel_after(&self, kernel: Kernel, from: f64, to: f64) -> Result<Kernel> {
        let by = to - from;
        let factor = match kernel.growth {
            Some((last, factor)) if (last - by).abs() <= 4.0 * f64::EPSILON => factor,
            _ => (&self.joined * by)?.exp()?,
        };
        self.kernel_of((kernel.joint * &factor)?, to, Some((by, factor)))
    }

    fn kernel_of(&self, joint: Tensor, share: f64, growth: Option<(f64, Tensor)>) -> Result<Kernel> {
        let own = [self.own(0, share)?, self.own(1, share)?];
        let sums = [own[1].matmul(&joint.t()?)?, own[0].matmul(&joint)?];
        Ok(Kernel { joint, own, sums, growth })
    }

    /// exp(bias_β · states) of one half, `[1, states]`.
    fn own(&self, half: usize, share: f64) -> Result<Tensor> {
        let layers = if half == 0 { &self.path.kept } else { &self.path.summed_out };
        let mut total = Tensor::zeros((1, self.shape[half]), DType::F64, self.joined.device())?;
        for (&layer, states) in layers.iter().zip(&self.states[half]) {
            let bias = double(&(&self.path.base[layer] + (&self.path.difference[layer] * share)?)?)?;
            total = (total + bias.matmul(&states.t()?)?)?;
        }
        total.exp()
    }
}

impl Kernel {
    /// ln f_β of every x.
    fn log_f(&self) -> Result<Nats> {
        host(&(self.own[0].log()? + self.sums[0].log()?)?)
    }

    /// Sums over chains at x become sums over chains at x', for each of `sums`.
    fn push<const N: usize>(&self, sums: &[Vec<f64>; N]) -> Result<[Vec<f64>; N]> {
        let states = sums[0].len();
        let at = Tensor::from_vec(sums.concat(), (N, states), self.joint.device())?;
        let between = at.broadcast_div(&self.sums[0])?.matmul(&self.joint)?.broadcast_mul(&self.own[1])?;
        let after = between.broadcast_div(&self.sums[1])?.matmul(&self.joint.t()?)?.broadcast_mul(&self.own[0])?;
        let values = host(&after)?;
        let mut rows = values.chunks(states).map(<[f64]>::to_vec);
        Ok(std::array::from_fn(|_| rows.next().unwrap_or_default()))
    }
}
