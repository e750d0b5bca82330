//! Mean field for two continuous latents with factors of any shape, on a grid: what form comes out, and where the means go.
//!
//! Under p(h) = N(0, I), p(v | h) = N(w · h, 1) the general update gives Gaussians, whose means approach the exact posterior means by a factor
//! (w_1 w_2)² / ((1 + w_1²)(1 + w_2²)) per sweep and whose KL is ½ ln[(1 + w_1²)(1 + w_2²) / (1 + w_1² + w_2²)]. Under a Laplace prior it does not
//! (book section 19.4.3).

use super::{Axis, Figure, Findings, Laboratory, Study};
use crate::inference::{GaussianFactors, GaussianFit, GaussianPosterior, OnGridAscent, best_gaussian};
use crate::math::{Device, Quadrature, Result, Stream, Tensor, bail, larger, smaller};
use crate::models::{LinearLatents, Observed, Prior};
use crate::posterior::OnGrid;
use serde::{Deserialize, Serialize};

/// Models, the example and the grid.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ContinuousMeanField {
    /// The two weights of each model with a Gaussian prior.
    pub weights: Vec<[f64; 2]>,
    /// The visible value.
    pub visible: f64,
    /// The two weights of the model with a Laplace prior.
    pub laplace_weights: [f64; 2],
    /// Its rate λ.
    pub laplace_rate: f64,
    /// The grid reaches so far to both sides.
    pub reach: f64,
    /// Points of each factor; an odd number puts one at zero.
    pub points: usize,
    /// Sweeps.
    pub sweeps: usize,
}

impl Default for ContinuousMeanField {
    fn default() -> Self {
        Self {
            weights: vec![[1.0, 1.0], [2.0, 1.5], [0.5, -2.0]],
            visible: 1.5,
            laplace_weights: [1.0, 1.0],
            laplace_rate: 1.0,
            reach: 8.0,
            points: 1001,
            sweeps: 60,
        }
    }
}

/// The worst over all Gaussian models.
#[derive(Default)]
struct Worst {
    density: f64,
    kurtosis: f64,
    mean: f64,
    variance: f64,
    kl: f64,
    rate: f64,
}

impl Study for ContinuousMeanField {
    fn run(&self, _: Stream, lab: &mut dyn Laboratory) -> Result<Findings> {
        let mut findings = Findings::default();
        let mut worst = Worst::default();
        let axes = (Axis::linear("sweeps"), Axis::log("error of the means"));
        let mut errors = Figure::new("Means on their way to the exact ones", "", axes.0, axes.1);
        for (index, weights) in self.weights.iter().enumerate() {
            lab.at("models", index, self.weights.len() + 1)?;
            let curve = self.gaussian(*weights, &mut worst, &mut findings)?;
            errors = errors.line(format!("w = ({}, {})", weights[0], weights[1]), curve);
        }
        worst.report(&mut findings);
        errors.caption = format!(
            "The error of the means falls by a constant factor per sweep, that of the theory to a share of {:.0e}, down to rounding.",
            worst.rate
        );
        findings.figure(errors);
        lab.at("models", self.weights.len(), self.weights.len() + 1)?;
        self.laplace(&mut findings)?;
        Ok(findings)
    }
}

impl ContinuousMeanField {
    fn ascent(&self, weights: [f64; 2], prior: Prior) -> Result<(Observed, OnGridAscent)> {
        let weight = Tensor::new(&[weights], &Device::Cpu)?;
        let observed =
            LinearLatents { weight, precision: 1.0, prior }.observe(&Tensor::new(&[self.visible], &Device::Cpu)?)?;
        let axis = Quadrature::trapezoid(-self.reach, self.reach, self.points)?;
        let ascent = OnGridAscent::new(&observed, vec![axis.clone(), axis])?;
        Ok((observed, ascent))
    }

    /// Runs both forms of the update; returns the error of the grid's means after each sweep.
    fn gaussian(&self, w: [f64; 2], worst: &mut Worst, findings: &mut Findings) -> Result<Vec<(f64, f64)>> {
        let (observed, ascent) = self.ascent(w, Prior::Gaussian)?;
        let exact = GaussianPosterior::of(&observed)?;
        let mut closed = GaussianFactors::new(&observed, vec![0.0; 2])?;
        let mut q = ascent.flat()?;
        let mut curve = Vec::new();
        for sweep in 1..=self.sweeps {
            q = ascent.sweep(&q)?;
            closed = closed.sweep(&observed);
            let error = (0..2).map(|i| (q.mean(i) - exact.means[i]).abs()).fold(0.0, larger);
            curve.push((sweep as f64, error));
        }
        for i in 0..2 {
            let twin = normal(&q, i, closed.means[i], closed.variances[i]);
            worst.density = larger(worst.density, largest_difference(q.density(i), &twin));
            worst.kurtosis = larger(worst.kurtosis, q.excess_kurtosis(i).abs());
            worst.mean = larger(worst.mean, (q.mean(i) - exact.means[i]).abs());
            worst.variance = larger(worst.variance, (q.variance(i) - closed.variances[i]).abs());
        }
        let name = format!("w_{}_{}", w[0], w[1]);
        let kl = ascent.log_evidence() - ascent.elbo(&q)?;
        let (found, expected) = (rate(&curve)?, (w[0] * w[1]).powi(2) / ((1.0 + w[0] * w[0]) * (1.0 + w[1] * w[1])));
        worst.kl = larger(worst.kl, (kl - exact.mean_field_kl).abs());
        worst.rate = larger(worst.rate, (found / expected - 1.0).abs());
        findings.quantity(format!("kl_nats_{name}"), kl);
        findings.quantity(format!("contraction_per_sweep_{name}"), found);
        findings.series(
            &name,
            "inference/error_of_means_max",
            curve.iter().map(|&(sweep, error)| (sweep as u64, error)),
        );
        Ok(curve)
    }

    fn laplace(&self, findings: &mut Findings) -> Result<()> {
        let (observed, ascent) = self.ascent(self.laplace_weights, Prior::Laplace { rate: self.laplace_rate })?;
        let q = (0..self.sweeps).try_fold(ascent.flat()?, |q, _| ascent.sweep(&q))?;
        let fit =
            best_gaussian(&observed, &[q.mean(0), q.mean(1)], &[q.variance(0).sqrt(), q.variance(1).sqrt()], 10_000)?;
        let difference = |i: usize| largest_difference(q.density(i), &normal(&q, i, q.mean(i), q.variance(i)));
        let (elbo, evidence) = (ascent.elbo(&q)?, ascent.log_evidence());
        findings.quantity("laplace_density_difference_min", smaller(difference(0), difference(1)));
        findings.quantity("laplace_excess_kurtosis", q.excess_kurtosis(0));
        findings.quantity("laplace_grid_elbo_nats", elbo);
        findings.quantity("laplace_gaussian_elbo_nats", fit.elbo);
        findings.quantity("laplace_log_p_nats", evidence);
        findings.quantity("laplace_grid_above_gaussian_nats", elbo - fit.elbo);
        findings.quantity("laplace_grid_below_log_p_nats", evidence - elbo);
        findings.figure(self.overlay(&q, &fit, elbo)?);
        Ok(())
    }

    /// The first factor under either prior, over Gaussians.
    fn overlay(&self, q: &OnGrid, fit: &GaussianFit, elbo: f64) -> Result<Figure> {
        let (_, ascent) = self.ascent(self.laplace_weights, Prior::Gaussian)?;
        let control = (0..self.sweeps).try_fold(ascent.flat()?, |q, _| ascent.sweep(&q))?;
        let shown = |values: &[f64]| -> Vec<(f64, f64)> {
            let points = q.axes()[0].points().iter().copied().zip(values.iter().copied());
            points.filter(|(x, _)| x.abs() <= 4.0).collect()
        };
        let caption = format!(
            "The same update gives a Gaussian under a Gaussian prior, and a factor with a kink at 0 under a Laplace prior, whose ELBO \
             is {:.4} nats above that of the best Gaussian.",
            elbo - fit.elbo
        );
        let axes = (Axis::linear("first latent"), Axis::linear("density"));
        let twin = normal(&control, 0, control.mean(0), control.variance(0));
        Ok(Figure::new("The form of a factor follows from the model", caption, axes.0, axes.1)
            .line("factor, Laplace prior", shown(q.density(0)))
            .dashed("best Gaussian, Laplace prior", shown(&normal(q, 0, fit.mean[0], fit.deviation[0].powi(2))))
            .line("factor, Gaussian prior", shown(control.density(0)))
            .dashed("Gaussian of its moments", shown(&twin)))
    }
}

impl Worst {
    fn report(&self, findings: &mut Findings) {
        findings.quantity("density_difference_to_gaussian_max", self.density);
        findings.quantity("excess_kurtosis_max", self.kurtosis);
        findings.quantity("error_of_means_max", self.mean);
        findings.quantity("error_of_variances_max", self.variance);
        findings.quantity("kl_error_nats_max", self.kl);
        findings.quantity("contraction_error_relative_max", self.rate);
    }
}

/// The density of N(mean, variance) at the points of axis i.
fn normal(q: &OnGrid, i: usize, mean: f64, variance: f64) -> Vec<f64> {
    let scale = (std::f64::consts::TAU * variance).sqrt();
    q.axes()[i].points().iter().map(|x| (-0.5 * (x - mean).powi(2) / variance).exp() / scale).collect()
}

fn largest_difference(left: &[f64], right: &[f64]) -> f64 {
    left.iter().zip(right).map(|(left, right)| (left - right).abs()).fold(0.0, larger)
}

/// The factor per sweep by which errors fall, over those of the sweeps that rounding has not reached.
fn rate(curve: &[(f64, f64)]) -> Result<f64> {
    let clear: Vec<f64> = curve.iter().map(|(_, error)| *error).take_while(|error| *error > 1e-8).collect();
    match clear.as_slice() {
        [first, .., last] => Ok((last / first).powf(1.0 / (clear.len() - 1) as f64)),
        _ => bail!("the means were exact after {} sweeps: too few to see at which rate", clear.len()),
    }
}
