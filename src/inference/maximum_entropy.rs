//! The density of largest entropy among all of a given mean and variance, by projected gradient on a discretised density
//! (book section 19.4.2, equations 19.46 to 19.55: the calculus of variations says it is the Gaussian).
//!
//! Maximise -∫ p ln p under ∫ p = 1, ∫ x p = μ, ∫ (x - μ)² p = σ². The slope of the entropy is -ln p - 1; in the metric that weighs a
//! change by 1/p its projection on the constraints is d = p (-ln p + Σ_k λ_k a_k) with a = (1, x, (x - μ)²) and λ such that ∫ a_k d = 0. The
//! constraints are linear in p, so p + η d keeps them exactly; η is cut where p would lose its sign.

use crate::math::{Device, Nats, Quadrature, Result, Tensor, bail, solve_positive};

/// A density on the points of a rule, and the entropy before the first and after each step, nats.
#[derive(Clone, Debug, PartialEq)]
pub struct MaximumEntropy {
    /// p at the points.
    pub density: Vec<f64>,
    /// Entropies.
    pub trace: Nats,
}

/// Entropy of a density on the points of a rule, nats.
pub fn differential_entropy(rule: &Quadrature, density: &[f64]) -> f64 {
    let terms: Vec<f64> = density.iter().map(|&p| if p > 0.0 { -p * p.ln() } else { 0.0 }).collect();
    rule.integral(&terms)
}

/// Ascends the entropy at fixed `mean` and `variance` from a positive density, brought to these moments first, in `steps` steps of
/// `rate` (1 is the full step). Small systems are solved on `device`.
pub fn maximum_entropy(
    rule: &Quadrature,
    start: &[f64],
    [mean, variance]: [f64; 2],
    (steps, rate): (usize, f64),
    device: &Device,
) -> Result<MaximumEntropy> {
    if start.len() != rule.points().len() || start.iter().any(|p| p.is_nan() || *p <= 0.0) {
        bail!("a start is a positive density at each of the {} points", rule.points().len());
    }
    let constraints = Constraints { rule, mean, device };
    let mut density = constraints.meet(start.to_vec(), [1.0, 0.0, variance])?;
    let mut trace = vec![differential_entropy(rule, &density)];
    for _ in 0..steps {
        let slope: Vec<f64> = density.iter().map(|p| -p.ln()).collect();
        let relative = constraints.project(&density, &slope)?;
        density = stepped(&density, &relative, rate);
        trace.push(differential_entropy(rule, &density));
    }
    Ok(MaximumEntropy { density, trace })
}

/// p (1 + η r), with η at most `rate` and so small that p keeps a tenth of itself everywhere.
fn stepped(density: &[f64], relative: &[f64], rate: f64) -> Vec<f64> {
    let lowest = relative.iter().copied().fold(0.0, f64::min);
    let share = if lowest < 0.0 { rate.min(-0.9 / lowest) } else { rate };
    density.iter().zip(relative).map(|(p, r)| p * (1.0 + share * r)).collect()
}

struct Constraints<'a> {
    rule: &'a Quadrature,
    mean: f64,
    device: &'a Device,
}

impl Constraints<'_> {
    /// (1, x - μ, (x - μ)²).
    fn features(&self, point: f64) -> [f64; 3] {
        let distance = point - self.mean;
        [1.0, distance, distance * distance]
    }

    /// ∫ a_k f p for each k.
    fn moments(&self, density: &[f64], of: &[f64]) -> [f64; 3] {
        let mut sums = [0.0; 3];
        let masses = self.rule.weights().iter().zip(density);
        for ((&point, (weight, p)), value) in self.rule.points().iter().zip(masses).zip(of) {
            let features = self.features(point);
            sums.iter_mut().zip(features).for_each(|(sum, a)| *sum += weight * p * a * value);
        }
        sums
    }

    /// λ with ∫ a_k p Σ_j λ_j a_j = `target`_k.
    fn multipliers(&self, density: &[f64], target: [f64; 3]) -> Result<Vec<f64>> {
        let feature = |k: usize| -> Vec<f64> { self.rule.points().iter().map(|&x| self.features(x)[k]).collect() };
        let gram: Vec<f64> = (0..3).flat_map(|k| self.moments(density, &feature(k))).collect();
        let (gram, target) = (Tensor::from_vec(gram, (3, 3), self.device)?, Tensor::new(&target, self.device)?);
        solve_positive(&gram, &target.unsqueeze(1)?)?.flatten_all()?.to_vec1()
    }

    fn combined(&self, multipliers: &[f64]) -> Vec<f64> {
        let of = |&x: &f64| self.features(x).iter().zip(multipliers).map(|(a, l)| a * l).sum();
        self.rule.points().iter().map(of).collect()
    }

    /// `slope` less its part that would move a constraint.
    fn project(&self, density: &[f64], slope: &[f64]) -> Result<Vec<f64>> {
        let part = self.combined(&self.multipliers(density, self.moments(density, slope))?);
        Ok(slope.iter().zip(part).map(|(slope, part)| slope - part).collect())
    }

    /// The nearest density, in the same metric, with these moments; in several steps where one would make it negative.
    fn meet(&self, mut density: Vec<f64>, target: [f64; 3]) -> Result<Vec<f64>> {
        const STEPS: usize = 200;
        let ones = vec![1.0; density.len()];
        for _ in 0..STEPS {
            let found = self.moments(&density, &ones);
            let missing = [target[0] - found[0], target[1] - found[1], target[2] - found[2]];
            if missing.iter().all(|m| m.abs() < 1e-13) {
                break;
            }
            density = stepped(&density, &self.combined(&self.multipliers(&density, missing)?), 1.0);
        }
        Ok(density)
    }
}
