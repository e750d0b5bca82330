//! What bears on a step of a machine beside its gradient: rates of single layers, the length and number of weights, sparse activity.

use super::{Gradient, Parameters, Sgd, Sparsity, Statistics, Update};
use crate::math::{Layers, Result, Weight};

/// How a step is held and turned; by default not at all, which costs nothing. Lists go by hidden layers, bottom first.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Rules {
    /// What multiplies the learning rate of each layer: of the weights below it and of its biases, those of the visible units going
    /// with the first layer. A layer at 0 rests to the bit. Empty = 1 everywhere.
    pub rates: Vec<f64>,
    /// The longest that the weights from below into one unit of each layer may be; after every step longer ones are shortened. Empty =
    /// any length.
    pub max_norm: Vec<f64>,
    /// Pull of every weight towards zero that is as strong for a small weight as for a large one, per unit of learning rate: the
    /// gradient of an L1 penalty, as a proximal step, so that weights become zero. 0 = none.
    pub l1_decay: f64,
    /// How much the units of each layer should be on.
    pub sparsity: Option<Sparsity>,
}

/// The momentum of an update, and the rules.
#[derive(Clone, Copy, Debug, Default)]
pub struct Moves<'a> {
    /// Momentum of the model and of its network; none = what the trainer was made with.
    pub momentum: Option<[f64; 2]>,
    /// Rules for the machine; none = none.
    pub rules: Option<&'a Rules>,
}

impl Moves<'_> {
    /// How the model moves at this update.
    pub fn of_model(&self, sgd: &Sgd) -> Sgd {
        Sgd { momentum: self.momentum.map_or(sgd.momentum, |[model, _]| model), ..*sgd }
    }

    /// How its network moves at this update.
    pub fn of_network(&self, sgd: &Sgd) -> Sgd {
        Sgd { momentum: self.momentum.map_or(sgd.momentum, |[_, network]| network), ..*sgd }
    }

    /// The statistics of the data with what sparse activity asks for; none where it asks for nothing. `activity` holds the running
    /// means, `[units]` of each hidden layer.
    pub(super) fn sparse(
        &self,
        activity: Option<Layers>,
        positive: &Statistics,
    ) -> Result<(Option<Layers>, Option<Statistics>)> {
        match self.rules.and_then(|rules| rules.sparsity.as_ref()) {
            Some(sparsity) => {
                let activity = sparsity.follow(activity, &positive.biases[1..])?;
                let pressed = sparsity.press(&activity, positive)?;
                Ok((Some(activity), Some(pressed)))
            }
            None => Ok((activity, None)),
        }
    }

    /// A step of the machine by the rules: the next parameters and the next Δ.
    pub(super) fn step(
        sgd: &Sgd,
        at: Parameters,
        last: Parameters,
        uphill: &Gradient,
        update: &Update,
    ) -> Result<(Parameters, Parameters)> {
        let (sgd, rate) = (update.moves.of_model(sgd), update.learning_rate);
        match update.moves.rules {
            Some(rules) => rules.step(&sgd, at, last, uphill, rate),
            None => sgd.step(at, last, uphill, rate),
        }
    }
}

impl Rules {
    /// A step of `sgd` by these rules.
    pub fn step(
        &self,
        sgd: &Sgd,
        at: Parameters,
        last: Parameters,
        uphill: &Gradient,
        learning_rate: f64,
    ) -> Result<(Parameters, Parameters)> {
        let rate = |layer: usize| match self.rates.get(layer) {
            Some(&0.0) => None,
            Some(times) => Some(learning_rate * times),
            None => Some(learning_rate),
        };
        let (to, moves) = sgd.step_by_layers(at, last, uphill, rate)?;
        // Momentum carries a steady pull on until it is 1 / (1 - m) times as strong.
        let pull = |rate: f64| rate * self.l1_decay / (1.0 - sgd.momentum);
        let settle = |(layer, weight): (usize, Weight)| {
            let Some(rate) = rate(layer) else { return Ok(weight) };
            let weight = if pull(rate) > 0.0 { weight.shrunk(pull(rate))? } else { weight };
            match self.max_norm.get(layer) {
                Some(&most) => weight.held(most),
                None => Ok(weight),
            }
        };
        let weights = to.weights.into_iter().enumerate().map(settle).collect::<Result<_>>()?;
        Ok((Parameters { weights, ..to }, moves))
    }
}
