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
        self.step_by_layers(parameters, last, uphill, |_| Some(learning_rate))
    }

    /// The same with a learning rate for each layer; one without rests, and so does its Δ.
    ///
    /// A layer is a weight matrix with the biases of the units it leads up to; the biases of the lowest units go with the first layer, and
    /// so does ln σ² of those, a last vector where they learn it.
    pub fn step_by_layers(
        &self,
        parameters: Parameters,
        last: Parameters,
        uphill: &Gradient,
        learning_rate: impl Fn(usize) -> Option<f64>,
    ) -> Result<(Parameters, Parameters)> {
        let by = |rate| Momentum { momentum: self.momentum, rate, decay: self.weight_decay };
        let vectors = parameters.biases.len();
        let more = vectors.saturating_sub(parameters.weights.len());
        let layer = |l: usize| if more > 1 && l + 1 == vectors { 0 } else { l.saturating_sub(more.min(1)) };
        let weights = parameters.weights.into_iter().zip(last.weights).zip(&uphill.weights).enumerate();
        let weights = weights.map(|(l, ((at, last), terms))| match learning_rate(l) {
            Some(rate) => by(rate).step_along(at, last, terms),
            None => Ok((at, last)),
        });
        let biases = parameters.biases.iter().zip(&last.biases).zip(&uphill.biases).enumerate();
        let biases = biases.map(|(l, ((at, last), uphill))| match learning_rate(layer(l)) {
            Some(rate) => Momentum { decay: 0.0, ..by(rate) }.step(at, last, uphill),
            None => Ok((at.clone(), last.clone())),
        });
        let (weights, weight_moves) = weights.collect::<Result<(Vec<_>, Vec<_>)>>()?;
        let (biases, bias_moves) = biases.collect::<Result<(Vec<_>, Vec<_>)>>()?;
        Ok((Parameters { weights, biases }, Parameters { weights: weight_moves, biases: bias_moves }))
    }
}
