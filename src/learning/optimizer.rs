//! Stochastic gradient ascent with momentum and weight decay.

use super::{Gradient, Parameters};
use crate::math::{Momentum, Result, Tensor, momentum_step};

/// Δ ← m Δ + ε (gradient - λ weights), parameters ← parameters + Δ (Hinton 2010, "A practical guide to training restricted
/// Boltzmann machines", sections 9 and 10). Biases are not decayed. The learning rate ε is an argument of each step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sgd {
    /// Share m of the previous update that is repeated, in [0, 1).
    pub momentum: f64,
    /// Pull λ of the weights towards zero.
    pub weight_decay: f64,
}

impl Sgd {
    /// The next parameters and the next Δ.
    pub fn step(
        &self,
        parameters: &Parameters,
        last: &Parameters,
        uphill: &Gradient,
        learning_rate: f64,
    ) -> Result<(Parameters, Parameters)> {
        let climb = |at: &[Tensor], last: &[Tensor], uphill: &[Tensor], decay: f64| {
            at.iter()
                .zip(last.iter().zip(uphill))
                .map(|(at, (last, uphill))| {
                    momentum_step(at, last, uphill, Momentum { momentum: self.momentum, rate: learning_rate, decay })
                })
                .collect::<Result<(Vec<_>, Vec<_>)>>()
        };
        let (weights, weight_moves) = climb(&parameters.weights, &last.weights, &uphill.weights, self.weight_decay)?;
        let (biases, bias_moves) = climb(&parameters.biases, &last.biases, &uphill.biases, 0.0)?;
        Ok((Parameters { weights, biases }, Parameters { weights: weight_moves, biases: bias_moves }))
    }
}
