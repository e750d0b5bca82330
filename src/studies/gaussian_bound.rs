//! The bound that a Gaussian q gives on a sparse-coding posterior, as its deviation shrinks to a point, and where it is best.
//!
//! L(s) = E_q[ln p(h, v)] + (m/2) ln(2πe s²) for q = N(h*, s² I) about the mode h*, with m latents. As s → 0 the first term goes to ln p(h*, v) and
//! the second, the entropy, to -∞ with slope m per unit of ln s: the Dirac's bound is infinitely loose. Noise makes it finite again (book
//! section 19.3). ln p(v) is an integral by quadrature.

use super::{Axis, Figure, Findings, Laboratory, Study};
use crate::inference::{GaussianFit, best_gaussian, elbo_slope_in_log_deviation, gaussian_elbo};
use crate::math::{Device, Grid, Quadrature, Result, Stream, Tensor, larger};
use crate::models::{LinearLatents, LogJoint, Observed, Prior};
use serde::{Deserialize, Serialize};

/// Two models, one with one latent and one with two.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct GaussianBound {
    /// Inverse variance β of the visible units.
    pub precision: f64,
    /// Rate λ of the Laplace prior.
    pub rate: f64,
    /// W of the first model, one row per visible unit.
    pub weight_1: Vec<Vec<f64>>,
    /// Its example.
    pub visible_1: Vec<f64>,
    /// W of the second model.
    pub weight_2: Vec<Vec<f64>>,
    /// Its example.
    pub visible_2: Vec<f64>,
    /// Deviations from 1 down to ten to the minus this many.
    pub decades: usize,
    /// Deviations in every decade.
    pub per_decade: usize,
    /// Points of the integral over one latent, and of each of two; odd numbers put one at zero, where the prior has its kink.
    pub points: [usize; 2],
}

impl Default for GaussianBound {
    fn default() -> Self {
        Self {
            precision: 5.0,
            rate: 1.0,
            weight_1: vec![vec![1.0]],
            visible_1: vec![1.3],
            weight_2: vec![vec![1.0, 0.7], vec![0.0, 0.7]],
            visible_2: vec![1.4, 0.6],
            decades: 8,
            per_decade: 20,
            points: [20_001, 1001],
        }
    }
}

/// What is found of one model.
struct Bound {
    log_evidence: f64,
    /// (s, L(s)), s from 1 down.
    curve: Vec<(f64, f64)>,
    /// ∂L/∂ln s at the smallest s.
    slope: f64,
    /// L at s = 1e-6.
    nearly_a_point: f64,
    /// The best s with the mean at the mode, and L there.
    best: (f64, f64),
    /// The best mean and deviation of every latent.
    factorial: GaussianFit,
}

impl Study for GaussianBound {
    fn run(&self, _: Stream, lab: &mut dyn Laboratory) -> Result<Findings> {
        let mut findings = Findings::default();
        let models = [(&self.weight_1, &self.visible_1), (&self.weight_2, &self.visible_2)];
        let axes = (Axis::log("standard deviation of q"), Axis::linear("L - ln p(v), nats"));
        let mut figure = Figure::new("The bound of a shrinking Gaussian", "", axes.0, axes.1);
        let mut gaps = Vec::new();
        for (index, (weight, visible)) in models.into_iter().enumerate() {
            lab.at("models", index, models.len())?;
            let found = self.bound(weight, visible, self.points[index])?;
            found.report(&format!("{}d", index + 1), &mut findings);
            let relative = |(s, elbo): &(f64, f64)| (*s, elbo - found.log_evidence);
            figure = figure
                .line(name(index), found.curve.iter().map(relative))
                .dots(format!("{}, best", name(index)), [(found.best.0, found.best.1 - found.log_evidence)]);
            gaps.push(found.log_evidence - found.factorial.elbo);
        }
        figure.caption = format!(
            "Towards a point the bound falls without end, by one nat per latent and factor e; with noise it is finite: the best \
             factorial Gaussian is {:.1e} nats short of ln p(v) with one latent, {:.3} with two, which explain each other away.",
            gaps[0], gaps[1]
        );
        findings.figure(figure.level("ln p(v)", 0.0));
        Ok(findings)
    }
}

impl GaussianBound {
    fn bound(&self, weight: &[Vec<f64>], visible: &[f64], points: usize) -> Result<Bound> {
        let prior = Prior::Laplace { rate: self.rate };
        let weight = Tensor::from_vec(weight.concat(), (weight.len(), weight[0].len()), &Device::Cpu)?;
        let model = LinearLatents { weight, precision: self.precision, prior };
        let observed = model.observe(&Tensor::new(visible, &Device::Cpu)?)?;
        let mode = observed.mode();
        let at = |s: f64| gaussian_elbo(&observed, &mode, &vec![s; mode.len()]);
        let count = self.decades * self.per_decade;
        let deviations = (0..=count).map(|i| 10_f64.powf(-(i as f64) / self.per_decade as f64));
        let smallest = vec![10_f64.powi(-(self.decades as i32)); mode.len()];
        let best = best_deviation(&observed, &mode);
        let start = vec![best; mode.len()];
        Ok(Bound {
            log_evidence: log_evidence(&observed, points)?,
            curve: deviations.map(|s| (s, at(s))).collect(),
            slope: elbo_slope_in_log_deviation(&observed, &mode, &smallest),
            nearly_a_point: at(1e-6),
            best: (best, at(best)),
            factorial: best_gaussian(&observed, &mode, &start, 10_000)?,
        })
    }
}

impl Bound {
    fn report(&self, name: &str, findings: &mut Findings) {
        let highest = self.curve.iter().map(|(_, elbo)| *elbo).fold(self.factorial.elbo, larger);
        let gap = self.log_evidence - self.factorial.elbo;
        findings.quantity(format!("log_p_nats_{name}"), self.log_evidence);
        findings.quantity(format!("slope_at_smallest_deviation_{name}"), self.slope);
        findings.quantity(format!("gap_at_deviation_1e-6_nats_{name}"), self.log_evidence - self.nearly_a_point);
        findings.quantity(format!("best_deviation_{name}"), self.best.0);
        findings.quantity(format!("best_gap_about_mode_nats_{name}"), self.log_evidence - self.best.1);
        findings.quantity(format!("factorial_gap_nats_{name}"), gap);
        findings.quantity(format!("factorial_gain_nats_{name}"), self.factorial.elbo - self.best.1);
        findings.quantity(format!("above_log_p_nats_max_{name}"), highest - self.log_evidence);
        // TensorBoard counts steps in whole numbers: tenths of decades below 1.
        let steps = self.curve.iter().enumerate().map(|(step, (_, elbo))| (step as u64, elbo - self.log_evidence));
        findings.series(name, "inference/elbo_minus_log_p_nats", steps);
    }
}

fn name(index: usize) -> &'static str {
    ["one latent", "two latents"][index]
}

/// ln p(v), on a grid that reaches 10 to both sides.
fn log_evidence(observed: &Observed, points: usize) -> Result<f64> {
    let rule = Quadrature::trapezoid(-10.0, 10.0, points)?;
    let grid = Grid::product(&vec![rule; observed.latents()], observed.device())?;
    Ok(grid.log_integral(&observed.log_joint(&grid.points)?))
}

/// The common deviation at which L is largest: its slope in ln s falls from m to -∞, so the zero is found by halving.
fn best_deviation(observed: &Observed, mode: &[f64]) -> f64 {
    let (mut low, mut high) = (-20.0_f64, 5.0_f64);
    for _ in 0..100 {
        let middle = 0.5 * (low + high);
        if elbo_slope_in_log_deviation(observed, mode, &vec![middle.exp(); mode.len()]) > 0.0 {
            low = middle;
        } else {
            high = middle;
        }
    }
    (0.5 * (low + high)).exp()
}
