//! What a q with one mode makes of two: min KL(q ‖ p) picks one, min KL(p ‖ q) covers both.
//!
//! (a) A Gaussian fitted to a mixture of two. KL(q ‖ p) by ascent from many starts, KL(p ‖ q) by its closed answer, the moments of p.
//! (b) Two units of a Boltzmann machine that inhibit each other so strongly that exactly one of them explains the input. Mean field
//! minimises KL(q ‖ p); the product of the exact marginals minimises KL(p ‖ q) (book section 19.4, figure 3.6).

use super::{Axis, Figure, Findings, Laboratory, Study};
use crate::inference::{GaussianFit, MeanField, OnLine, Refine, Stop, best_gaussian};
use crate::math::{DType, Device, Quadrature, Result, Stream, Tensor, host, larger, log_sum_exp, smaller};
use crate::models::{Conditionals, Dbm, LatentModel};
use crate::posterior::{Factorial, Posterior};
use serde::{Deserialize, Serialize};
use std::f64::consts::{E, TAU};

/// The two instances.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TwoModes {
    /// The Gaussians of the mixture are at plus and minus this.
    pub distance: f64,
    /// Their standard deviation.
    pub deviation: f64,
    /// Shares of the first Gaussian, one mixture each.
    pub shares: Vec<f64>,
    /// Points of every integral.
    pub points: usize,
    /// What the input sends to each of the two units.
    pub drive: f64,
    /// How strongly they inhibit each other.
    pub inhibition: f64,
    /// Means that mean field starts from.
    pub start: [f64; 2],
    /// States with a smaller posterior probability are called forbidden.
    pub forbidden_below: f64,
}

impl Default for TwoModes {
    fn default() -> Self {
        Self {
            distance: 3.0,
            deviation: 0.5,
            shares: vec![0.5, 0.25],
            points: 2001,
            drive: 8.0,
            inhibition: 16.0,
            start: [0.6, 0.4],
            forbidden_below: 1e-3,
        }
    }
}

/// The four states of two units, the first one faster.
const STATES: [[f64; 2]; 4] = [[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [1.0, 1.0]];

impl Study for TwoModes {
    fn run(&self, _: Stream, lab: &mut dyn Laboratory) -> Result<Findings> {
        let mut findings = Findings::default();
        for (index, &share) in self.shares.iter().enumerate() {
            lab.at("instances", index, self.shares.len() + 1)?;
            self.gaussian(share, &mut findings)?;
        }
        lab.at("instances", self.shares.len(), self.shares.len() + 1)?;
        self.binary(&mut findings)?;
        Ok(findings)
    }
}

impl TwoModes {
    /// ln p(x) of the mixture and its slope.
    fn mixture(&self, share: f64, x: f64) -> (f64, f64) {
        let variance = self.deviation * self.deviation;
        let log_scale = -0.5 * (TAU * variance).ln();
        let part = |share: f64, mean: f64| share.ln() + log_scale - 0.5 * (x - mean).powi(2) / variance;
        let parts = [part(share, -self.distance), part(1.0 - share, self.distance)];
        let total = log_sum_exp(&parts);
        let slope = |part: f64, mean: f64| (part - total).exp() * (mean - x) / variance;
        (total, slope(parts[0], -self.distance) + slope(parts[1], self.distance))
    }

    fn gaussian(&self, share: f64, findings: &mut Findings) -> Result<()> {
        let rule = Quadrature::trapezoid(-9.0, 9.0, self.points)?;
        let target = OnLine { log_density: |x| self.mixture(share, x), rule: rule.clone() };
        let fits = (-8..=8).map(|start| best_gaussian(&target, &[f64::from(start) / 2.0], &[1.0], 5000));
        let fits = fits.collect::<Result<Vec<GaussianFit>>>()?;
        let kls = |side: fn(f64) -> bool| {
            let on_side = fits.iter().filter(move |fit| side(fit.mean[0]));
            on_side.min_by(|a, b| b.elbo.total_cmp(&a.elbo)).cloned()
        };
        let name = format!("share_{share}");
        for (side, fit) in [("left", kls(|mean| mean < -1.0)), ("right", kls(|mean| mean > 1.0))] {
            // A side that no ascent ends on has no optimum to tell of.
            let found = fit.map_or([f64::NAN; 3], |fit| [fit.mean[0], fit.deviation[0], -fit.elbo]);
            for (what, value) in ["mean", "deviation", "kl_nats"].into_iter().zip(found) {
                findings.quantity(format!("reverse_{what}_{name}_{side}"), value);
            }
        }
        let wide = Quadrature::trapezoid(-4.0 * self.distance, 4.0 * self.distance, self.points)?;
        let density = |x: f64| self.mixture(share, x).0.exp();
        let mean = wide.integrate(|x| x * density(x));
        let variance = wide.integrate(|x| (x - mean).powi(2) * density(x));
        findings.quantity(format!("forward_mean_{name}"), mean);
        findings.quantity(format!("forward_deviation_{name}"), variance.sqrt());
        let entropy = -wide.integrate(|x| density(x) * self.mixture(share, x).0);
        findings.quantity(format!("forward_kl_nats_{name}"), 0.5 * (TAU * E * variance).ln() - entropy);
        if let (true, Some(fit)) = (share == self.shares[0], kls(|mean| mean > 1.0)) {
            findings.figure(self.overlay(share, &fit, mean, variance));
        }
        Ok(())
    }

    fn overlay(&self, share: f64, fit: &GaussianFit, mean: f64, variance: f64) -> Figure {
        let xs: Vec<f64> = (-400..=400).map(|i| f64::from(i) * self.distance / 150.0).collect();
        let normal = |m: f64, v: f64| {
            let of = move |x: &f64| (*x, (-0.5 * (x - m).powi(2) / v).exp() / (TAU * v).sqrt());
            xs.iter().map(of).collect::<Vec<_>>()
        };
        let caption = format!(
            "KL(q‖p) is smallest, {:.4} nats, on one mode alone; KL(p‖q) by covering both with a standard deviation of {:.3}.",
            -fit.elbo,
            variance.sqrt()
        );
        Figure::new("One Gaussian for two modes", caption, Axis::linear("x"), Axis::linear("density"))
            .line("p", xs.iter().map(|&x| (x, self.mixture(share, x).0.exp())))
            .line("min KL(q‖p)", normal(fit.mean[0], fit.deviation[0].powi(2)))
            .line("min KL(p‖q)", normal(mean, variance))
    }

    /// A machine with one visible unit, which is on, and the two units above it in layers of their own.
    fn machine(&self) -> Result<Dbm> {
        let weight = |value: f64| Tensor::new(&[[value]], &Device::Cpu);
        let bias = |value: f64| Tensor::new(&[value], &Device::Cpu);
        let biases = vec![bias(0.0)?, bias(0.0)?, bias(self.drive)?];
        Dbm::binary(vec![weight(self.drive)?, weight(-self.inhibition)?], biases)
    }

    fn binary(&self, findings: &mut Findings) -> Result<()> {
        let clamped = self.machine()?.clamp(&Tensor::ones((1, 1), DType::F64, &Device::Cpu)?)?;
        let unit = |i: usize| Tensor::new(&STATES.map(|state| [state[i]]), &Device::Cpu);
        let joints = host(&clamped.log_joint(&[unit(0)?, unit(1)?])?)?;
        let total = log_sum_exp(&joints);
        let posterior: Vec<f64> = joints.iter().map(|joint| (joint - total).exp()).collect();
        let on = |i: usize| STATES.iter().zip(&posterior).map(|(state, p)| state[i] * p).sum::<f64>();
        let marginals = [on(0), on(1)];
        let start = self.start.map(|mean| Tensor::new(&[[mean]], &Device::Cpu));
        let start = start.into_iter().collect::<Result<Vec<_>>>()?;
        let q = Factorial::from_means(clamped.units().to_vec(), &start)?;
        let q = MeanField::default().refine(&clamped, q, Stop::when_within(1e-14, 1000), Stream::new(0))?.q;
        let means = q.means()?.iter().map(host).collect::<Result<Vec<_>>>()?.concat();
        let found = [("mean_field", product(&means)), ("product_of_marginals", product(&marginals))];
        for (name, q) in &found {
            let forbidden = q.iter().zip(&posterior).filter(|(_, p)| **p < self.forbidden_below);
            findings.quantity(format!("{name}_mass_on_forbidden"), forbidden.map(|(q, _)| q).sum());
            findings.quantity(format!("{name}_kl_nats"), divergence(q, &posterior));
            findings.quantity(format!("{name}_kl_of_posterior_nats"), divergence(&posterior, q));
        }
        findings.quantity("mean_field_largest_mean", means.iter().copied().fold(0.0, larger));
        findings.quantity("mean_field_smallest_mean", means.iter().copied().fold(1.0, smaller));
        findings.quantity("posterior_largest_probability", posterior.iter().copied().fold(0.0, larger));
        let bars = |of: &[f64]| {
            let word = |state: &[f64; 2]| format!("{}{}", state[0], state[1]);
            STATES.iter().zip(of).map(|(state, p)| (word(state), *p)).collect::<Vec<_>>()
        };
        let caption = format!(
            "Where exactly one of two units is on, mean field chooses one and puts {:.1e} of its mass on the states that do not occur; \
             the product of the exact marginals puts {:.2} there.",
            findings.get("mean_field_mass_on_forbidden").map_or(f64::NAN, |quantity| quantity.value),
            findings.get("product_of_marginals_mass_on_forbidden").map_or(f64::NAN, |quantity| quantity.value)
        );
        let axes = (Axis::linear("state of the two units"), Axis::linear("probability"));
        let figure = Figure::new("Two units of which one is on", caption, axes.0, axes.1)
            .bars("posterior", bars(&posterior))
            .bars("mean field", bars(&found[0].1))
            .bars("product of marginals", bars(&found[1].1));
        findings.figure(figure);
        Ok(())
    }
}

/// Probabilities of the four states of two independent units.
fn product(means: &[f64]) -> Vec<f64> {
    let of = |state: f64, mean: f64| if state == 1.0 { mean } else { 1.0 - mean };
    STATES.iter().map(|state| of(state[0], means[0]) * of(state[1], means[1])).collect()
}

/// KL(p ‖ q), nats.
fn divergence(p: &[f64], q: &[f64]) -> f64 {
    p.iter().zip(q).map(|(p, q)| if *p > 0.0 { p * (p / q).ln() } else { 0.0 }).sum()
}
