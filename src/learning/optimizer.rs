//! Stochastic gradient ascent with momentum and weight decay.

use super::{Gradient, Parameters};
use crate::math::{Momentum, Result};

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
    /// The next parameters and the next Δ. Matrices that nobody shares are moved in place.
    pub fn step(
        &self,
        parameters: Parameters,
        last: Parameters,
        uphill: &Gradient,
        learning_rate: f64,
    ) -> Result<(Parameters, Parameters)> {
        let by = Momentum { momentum: self.momentum, rate: learning_rate, decay: self.weight_decay };
        let weights = parameters.weights.into_iter().zip(last.weights).zip(&uphill.weights);
        let weights = weights.map(|((at, last), terms)| by.step_along(at, last, terms));
        let biases = parameters.biases.iter().zip(&last.biases).zip(&uphill.biases);
        let biases = biases.map(|((at, last), uphill)| Momentum { decay: 0.0, ..by }.step(at, last, uphill));
        let (weights, weight_moves) = weights.collect::<Result<(Vec<_>, Vec<_>)>>()?;
        let (biases, bias_moves) = biases.collect::<Result<(Vec<_>, Vec<_>)>>()?;
        Ok((Parameters { weights, biases }, Parameters { weights: weight_moves, biases: bias_moves }))
    }
}
