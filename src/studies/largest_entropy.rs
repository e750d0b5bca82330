//! Which density has the largest entropy at mean 0 and variance 1: found by gradient ascent from several starts.
//!
//! The calculus of variations answers N(0, 1), with entropy ½ ln 2πe = 1.41894 nats (book section 19.4.2). At unit variance the logistic
//! density has 1.404576, the Laplace density 1.346574 and the uniform density 1.242453 nats.

use super::{Axis, Figure, Findings, Laboratory, Study};
use crate::inference::maximum_entropy;
use crate::math::{Device, Quadrature, Result, Stream, larger};
use serde::{Deserialize, Serialize};
use std::f64::consts::{E, SQRT_2, TAU};

/// The grid and the ascent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LargestEntropy {
    /// The grid reaches so far to both sides.
    pub reach: f64,
    /// Its points.
    pub points: usize,
    /// Steps of the ascent.
    pub steps: usize,
    /// Their length; 1 is the full step.
    pub rate: f64,
}

impl Default for LargestEntropy {
    fn default() -> Self {
        Self { reach: 8.0, points: 801, steps: 300, rate: 0.1 }
    }
}

/// ln of a density, up to a constant.
type LogDensity = fn(f64) -> f64;

/// Where the ascent starts: nearly uniform, Laplace, two modes.
const STARTS: [(&str, LogDensity); 3] = [
    ("uniform", |x| if x.abs() <= 1.7 { 0.0 } else { -8.0 }),
    ("Laplace", |x| -SQRT_2 * x.abs()),
    ("two modes", |x| ((-8.0 * (x - 0.9).powi(2)).exp() + (-8.0 * (x + 0.9).powi(2)).exp() + 1e-4).ln()),
];

impl Study for LargestEntropy {
    fn run(&self, _: Stream, lab: &mut dyn Laboratory) -> Result<Findings> {
        let mut findings = Findings::default();
        let rule = Quadrature::trapezoid(-self.reach, self.reach, self.points)?;
        let gaussian: Vec<f64> = rule.points().iter().map(|x| (-0.5 * x * x).exp() / TAU.sqrt()).collect();
        let largest = 0.5 * (TAU * E).ln();
        let (mut entropy_error, mut distance, mut highest) = (0.0_f64, 0.0_f64, f64::NEG_INFINITY);
        let mut overlay =
            Figure::new("Densities of mean 0 and variance 1", "", Axis::linear("x"), Axis::linear("density"));
        let mut climbs = Figure::new("Entropy on the way", "", Axis::linear("steps"), Axis::linear("entropy, nats"));
        for (index, (name, log_density)) in STARTS.iter().enumerate() {
            lab.at("starts", index, STARTS.len())?;
            let total = rule.log_integral(&rule.points().iter().map(|&x| log_density(x)).collect::<Vec<_>>());
            let start: Vec<f64> = rule.points().iter().map(|&x| (log_density(x) - total).exp()).collect();
            let begun = maximum_entropy(&rule, &start, [0.0, 1.0], (0, self.rate), &Device::Cpu)?;
            let found = maximum_entropy(&rule, &start, [0.0, 1.0], (self.steps, self.rate), &Device::Cpu)?;
            let last = found.trace.last().copied().unwrap_or(f64::NAN);
            let differences: Vec<f64> = found.density.iter().zip(&gaussian).map(|(p, q)| (p - q).abs()).collect();
            entropy_error = larger(entropy_error, (last - largest).abs());
            distance = larger(distance, rule.integral(&differences));
            highest = larger(highest, last);
            findings.quantity(format!("entropy_at_start_nats_{}", name.replace(' ', "_")), begun.trace[0]);
            let steps = found.trace.iter().copied().enumerate();
            findings.series(name.replace(' ', "_"), "entropy/nats", steps.clone().map(|(step, h)| (step as u64, h)));
            climbs = climbs.line(format!("from {name}"), steps.map(|(step, h)| (step as f64, h)));
            overlay = overlay.line(format!("start: {name}"), shown(&rule, &begun.density));
            if index + 1 == STARTS.len() {
                overlay = overlay.line("all ends", shown(&rule, &found.density));
            }
        }
        findings.quantity("entropy_nats_max", highest);
        findings.quantity("entropy_error_nats_max", entropy_error);
        findings.quantity("distance_to_gaussian_l1_max", distance);
        overlay.caption = format!(
            "From three different starts the ascent ends at N(0, 1) (dashed, under the ends): at most {distance:.1e} away in L1."
        );
        climbs.caption = format!("Every ascent ends at ½ ln 2πe = {largest:.5} nats, within {entropy_error:.1e}.");
        findings.figure(overlay.dashed("N(0, 1)", shown(&rule, &gaussian)));
        findings.figure(climbs.level("½ ln 2πe", largest));
        Ok(findings)
    }
}

/// The middle of a density.
fn shown(rule: &Quadrature, density: &[f64]) -> Vec<(f64, f64)> {
    let points = rule.points().iter().copied().zip(density.iter().copied());
    points.filter(|(x, _)| x.abs() <= 4.0).collect()
}
