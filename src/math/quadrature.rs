//! Integrals by the trapezoid rule, on an interval and on a product of intervals.
//!
//! ∫ f(x) dx ≈ Δ (f(x_0)/2 + f(x_1) + … + f(x_n)/2). Where f and its derivatives vanish at both ends, as a density times a polynomial
//! does far out, the error falls faster than any power of Δ (Trefethen & Weideman 2014, section 1). `points` are the x_i, `weights` the
//! factors before f(x_i).

use super::{Device, Result, Tensor, bail, log_sum_exp};

/// Points on a line and the share of the integral that each stands for.
#[derive(Clone, Debug, PartialEq)]
pub struct Quadrature {
    points: Vec<f64>,
    weights: Vec<f64>,
}

/// The points of a product of rules and the logarithms of their weights.
#[derive(Clone, Debug)]
pub struct Grid {
    /// `[points, axes]`, `f64`; the last axis changes fastest.
    pub points: Tensor,
    /// ln of each point's weight.
    pub log_weights: Vec<f64>,
}

impl Quadrature {
    /// The trapezoid rule on [`low`, `high`] with this many points; fails for fewer than two or an interval without length.
    pub fn trapezoid(low: f64, high: f64, points: usize) -> Result<Self> {
        if points < 2 || low >= high {
            bail!("a trapezoid rule needs two points on an interval, not {points} on [{low}, {high}]");
        }
        let step = (high - low) / (points - 1) as f64;
        let mut weights = vec![step; points];
        weights[0] = step / 2.0;
        weights[points - 1] = step / 2.0;
        Ok(Self { points: (0..points).map(|i| low + step * i as f64).collect(), weights })
    }

    /// Where the integrand is evaluated.
    pub fn points(&self) -> &[f64] {
        &self.points
    }

    /// What each value counts.
    pub fn weights(&self) -> &[f64] {
        &self.weights
    }

    /// ∫ f, from f at every point.
    pub fn integral(&self, values: &[f64]) -> f64 {
        self.weights.iter().zip(values).map(|(weight, value)| weight * value).sum()
    }

    /// ∫ f of a function.
    pub fn integrate(&self, function: impl Fn(f64) -> f64) -> f64 {
        self.weights.iter().zip(&self.points).map(|(weight, &point)| weight * function(point)).sum()
    }

    /// ln ∫ exp(g), from g at every point.
    pub fn log_integral(&self, log_values: &[f64]) -> f64 {
        let terms: Vec<f64> = self.weights.iter().zip(log_values).map(|(weight, value)| weight.ln() + value).collect();
        log_sum_exp(&terms)
    }
}

impl Grid {
    /// The product of one rule per axis, on `device`.
    pub fn product(rules: &[Quadrature], device: &Device) -> Result<Self> {
        let count: usize = rules.iter().map(|rule| rule.points.len()).product();
        let (mut points, mut log_weights) = (Vec::with_capacity(count * rules.len()), Vec::with_capacity(count));
        let mut at = vec![0; rules.len()];
        for _ in 0..count {
            points.extend(rules.iter().zip(&at).map(|(rule, &i)| rule.points[i]));
            log_weights.push(rules.iter().zip(&at).map(|(rule, &i)| rule.weights[i].ln()).sum());
            for (place, rule) in at.iter_mut().zip(rules).rev() {
                *place += 1;
                if *place < rule.points.len() {
                    break;
                }
                *place = 0;
            }
        }
        Ok(Self { points: Tensor::from_vec(points, (count, rules.len()), device)?, log_weights })
    }

    /// ln ∫ exp(g) over the product, from g at every point.
    pub fn log_integral(&self, log_values: &[f64]) -> f64 {
        let terms: Vec<f64> = self.log_weights.iter().zip(log_values).map(|(weight, value)| weight + value).collect();
        log_sum_exp(&terms)
    }
}
