//! A way up a gradient and what it remembers: momentum or Adam, chosen at run time.

use super::{Adam, AdamState, Gradient, Parameters, SavedTensors, Sgd};
use crate::math::{Result, Tensor, bail};

/// How parameters follow a gradient.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Ascent {
    /// Momentum and weight decay.
    Sgd(Sgd),
    /// Running means of the gradient and of its square.
    Adam(Adam),
}

/// What the way up remembers between steps.
#[derive(Clone, Debug)]
pub enum AscentState {
    /// The last moves.
    Sgd(Parameters),
    /// Means, of the weights first and then of the biases.
    Adam(AdamState),
}

impl Ascent {
    /// The same with another momentum, where it has one.
    pub fn with(&self, change: impl FnOnce(&Sgd) -> Sgd) -> Self {
        match self {
            Self::Sgd(sgd) => Self::Sgd(change(sgd)),
            Self::Adam(_) => *self,
        }
    }

    /// Nothing remembered.
    pub fn begin(&self, parameters: &Parameters) -> Result<AscentState> {
        Ok(match self {
            Self::Sgd(_) => AscentState::Sgd(parameters.zeros_like()?),
            Self::Adam(_) => AscentState::Adam(AdamState::new(&parameters.tensors()?)?),
        })
    }

    /// One step along `uphill`; fails where the state is that of another way.
    pub fn step(
        &self,
        parameters: Parameters,
        state: AscentState,
        uphill: &Gradient,
        rate: f64,
    ) -> Result<(Parameters, AscentState)> {
        match (self, state) {
            (Self::Sgd(sgd), AscentState::Sgd(last)) => {
                let (parameters, moves) = sgd.step(parameters, last, uphill, rate)?;
                Ok((parameters, AscentState::Sgd(moves)))
            }
            (Self::Adam(adam), AscentState::Adam(state)) => {
                let matrices = parameters.weights.len();
                let (mut moved, state) =
                    adam.ascend(parameters.tensors()?, state, &uphill.dense()?.tensors()?, rate)?;
                let biases = moved.split_off(matrices);
                let weights = moved.into_iter().map(Into::into).collect();
                Ok((Parameters { weights, biases }, AscentState::Adam(state)))
            }
            _ => bail!("what was remembered belongs to another optimiser"),
        }
    }
}

impl AscentState {
    /// Every tensor under a stable name: see [`Parameters::named`] and [`AdamState::named`].
    pub fn named(&self, prefix: &str) -> Result<Vec<(String, Tensor)>> {
        match self {
            Self::Sgd(moves) => moves.named(prefix),
            Self::Adam(state) => state.named(prefix),
        }
    }

    /// The inverse of `named`, for these parameters; which of the two was saved is seen from the names.
    pub fn restore(parameters: &Parameters, prefix: &str, tensors: &SavedTensors) -> Result<Self> {
        Ok(if tensors.contains_key(&format!("{prefix}.step")) {
            Self::Adam(AdamState::restore(&parameters.tensors()?, prefix, tensors)?)
        } else {
            Self::Sgd(parameters.restore(prefix, tensors)?)
        })
    }
}
