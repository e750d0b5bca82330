//! Continuous latents that add up to the visible units, given as a log joint: p(h) is Gaussian or Laplace, p(v | h) = N(v; W h, I/β).
//!
//! ln p(v, h) = Σ_j ln p(h_j) + (n/2) ln(β/2π) - β/2 ‖v - W h‖² (book section 19.4.3 and equation 19.14). `weight` is W
//! `[visible, latents]`, `precision` is β. With a Laplace prior this is sparse coding, whose mode is a lasso solution.

use crate::math::{Device, Nats, Result, Tensor, bail, host};
use candle_core::cpu::erf::erf_f64;
use serde::{Deserialize, Serialize};
use std::f64::consts::{FRAC_1_SQRT_2, PI, TAU};

/// A joint p̃(v, h) of continuous h at one fixed v.
pub trait LogJoint {
    /// Number of latents.
    fn latents(&self) -> usize;
    /// Where its numbers are.
    fn device(&self) -> &Device;
    /// ln p̃(v, h) at `points` `[points, latents]` (`f64`), nats.
    fn log_joint(&self, points: &Tensor) -> Result<Nats>;
}

/// A joint whose expectation under a Gaussian without correlations is known, with its slopes.
pub trait GaussianExpectation {
    /// E_q[ln p̃(v, h)] for q = Π N(h_j; mean_j, deviation_j²).
    fn expected(&self, mean: &[f64], deviation: &[f64]) -> Expected;
}

/// An expected log joint, and how it changes with the mean and the standard deviation of every latent.
#[derive(Clone, Debug, PartialEq)]
pub struct Expected {
    /// Nats.
    pub value: f64,
    /// By each mean.
    pub by_mean: Vec<f64>,
    /// By each standard deviation.
    pub by_deviation: Vec<f64>,
}

/// What the latents are before v is seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Prior {
    /// N(0, 1).
    #[default]
    Gaussian,
    /// (rate/2) exp(-rate |h|).
    Laplace {
        /// Its λ.
        rate: f64,
    },
}

/// W, β and the prior.
#[derive(Clone, Debug)]
pub struct LinearLatents {
    /// `[visible, latents]`, `f64`.
    pub weight: Tensor,
    /// Inverse variance of every visible unit.
    pub precision: f64,
    /// Of every latent.
    pub prior: Prior,
}

/// The latents with v fixed: ln p̃ as a quadratic form and a prior.
#[derive(Clone, Debug)]
pub struct Observed {
    device: Device,
    prior: Prior,
    /// β WᵀW, row by row.
    curvature: Vec<Vec<f64>>,
    /// β Wᵀv.
    pull: Vec<f64>,
    /// ln p(v | h = 0).
    at_zero: f64,
}

impl LinearLatents {
    /// Fixes the visible units, one example `[visible]`.
    pub fn observe(&self, visible: &Tensor) -> Result<Observed> {
        let (units, latents) = self.weight.dims2()?;
        if visible.dims() != [units] || self.precision <= 0.0 {
            bail!("an example {:?} for {units} units of precision {}", visible.dims(), self.precision);
        }
        let up = self.weight.t()?;
        let curvature = host(&(up.matmul(&self.weight)? * self.precision)?)?;
        let pull = host(&(up.matmul(&visible.unsqueeze(1)?)? * self.precision)?)?;
        let square: f64 = host(visible)?.iter().map(|value| value * value).sum();
        Ok(Observed {
            device: self.weight.device().clone(),
            prior: self.prior,
            curvature: curvature.chunks(latents).map(<[f64]>::to_vec).collect(),
            pull,
            at_zero: units as f64 / 2.0 * (self.precision / TAU).ln() - self.precision / 2.0 * square,
        })
    }
}

impl Prior {
    /// ln of its density.
    pub fn log_density(self, at: f64) -> f64 {
        match self {
            Self::Gaussian => -0.5 * (at * at + TAU.ln()),
            Self::Laplace { rate } => (rate / 2.0).ln() - rate * at.abs(),
        }
    }

    /// E[ln p(h)] for h ~ N(mean, deviation²), and its slopes; of a Laplace prior by the mean of a folded normal variable.
    fn expected(self, mean: f64, deviation: f64) -> [f64; 3] {
        match self {
            Self::Gaussian => [-0.5 * (mean * mean + deviation * deviation + TAU.ln()), -mean, -deviation],
            Self::Laplace { rate } => {
                let distance = mean / deviation;
                let side = erf_f64(distance * FRAC_1_SQRT_2);
                let density = (2.0 / PI).sqrt() * (-0.5 * distance * distance).exp();
                [(rate / 2.0).ln() - rate * (deviation * density + mean * side), -rate * side, -rate * density]
            }
        }
    }

    /// The maximum over h of ln p(h) + pull h - curvature h²/2.
    fn mode(self, pull: f64, curvature: f64) -> f64 {
        match self {
            Self::Gaussian => pull / (curvature + 1.0),
            Self::Laplace { rate } => pull.signum() * (pull.abs() - rate).max(0.0) / curvature,
        }
    }
}

impl Observed {
    /// The prior of every latent.
    pub fn prior(&self) -> Prior {
        self.prior
    }

    /// β WᵀW.
    pub fn curvature(&self) -> &[Vec<f64>] {
        &self.curvature
    }

    /// β Wᵀv.
    pub fn pull(&self) -> &[f64] {
        &self.pull
    }

    /// What h_i is pulled towards by v and by the other latents at `at`: β w_iᵀ(v - Σ_{j≠i} w_j h_j).
    pub fn pull_on(&self, i: usize, at: &[f64]) -> f64 {
        let sent: f64 = self.curvature[i].iter().zip(at).map(|(curvature, h)| curvature * h).sum();
        self.pull[i] - sent + self.curvature[i][i] * at[i]
    }

    /// ln p(v, h) of one h, nats.
    pub fn log_joint_at(&self, at: &[f64]) -> f64 {
        let likelihood: f64 = (0..at.len()).map(|i| at[i] * (self.pull[i] + self.pull_on(i, at)) / 2.0).sum();
        let squares: f64 = (0..at.len()).map(|i| self.curvature[i][i] * at[i] * at[i] / 2.0).sum();
        self.at_zero + likelihood - squares + at.iter().map(|&h| self.prior.log_density(h)).sum::<f64>()
    }

    /// The mode of p(h | v), by exact maximisation in one latent after the other until nothing moves by 1e-14.
    pub fn mode(&self) -> Vec<f64> {
        const ROUNDS: usize = 100_000;
        let mut at = vec![0.0; self.pull.len()];
        for _ in 0..ROUNDS {
            let mut change = 0.0_f64;
            for i in 0..at.len() {
                let to = self.prior.mode(self.pull_on(i, &at), self.curvature[i][i]);
                change = change.max((to - at[i]).abs());
                at[i] = to;
            }
            if change < 1e-14 {
                break;
            }
        }
        at
    }
}

impl LogJoint for Observed {
    fn latents(&self) -> usize {
        self.pull.len()
    }

    fn device(&self) -> &Device {
        &self.device
    }

    fn log_joint(&self, points: &Tensor) -> Result<Nats> {
        Ok(host(points)?.chunks(self.latents()).map(|at| self.log_joint_at(at)).collect())
    }
}

impl GaussianExpectation for Observed {
    fn expected(&self, mean: &[f64], deviation: &[f64]) -> Expected {
        let mut found =
            Expected { value: self.at_zero, by_mean: vec![0.0; mean.len()], by_deviation: vec![0.0; mean.len()] };
        for (i, (&m, &s)) in mean.iter().zip(deviation).enumerate() {
            let (own, pull) = (self.curvature[i][i], self.pull_on(i, mean));
            let [prior, by_mean, by_deviation] = self.prior.expected(m, s);
            found.value += prior + m * (self.pull[i] + pull) / 2.0 - own * (m * m + s * s) / 2.0;
            found.by_mean[i] = by_mean + pull - own * m;
            found.by_deviation[i] = by_deviation - own * s;
        }
        found
    }
}
