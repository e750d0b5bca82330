//! Predictive sparse decomposition: sparse coding and an encoder that learns to guess its codes, and codes drawn to the guess.
//!
//! Per example λ ‖h‖₁ + (β/2) (‖v - W h‖² + γ ‖h - f(v)‖²); with β = 2 this is Goodfellow, Bengio & Courville 2016, equation 14.19
//! (Kavukcuoglu, Ranzato & LeCun 2008). Each update finds the best h, then moves the encoder f, and the dictionary W if it is to
//! be learned, with h held. Afterwards f alone is a fast approximate answer.

use super::{Adam, AdamState, Columns, Moments, gradients};
use crate::inference::{Encoder, SolveCodes, Until};
use crate::math::{Nats, Result, Tensor, inner, mean_of};
use crate::models::{Lasso, SparseCoding};

/// How it learns.
#[derive(Clone, Copy, Debug)]
pub struct Psd<S> {
    /// γ, how strongly codes and guess are drawn together.
    pub gamma: f64,
    /// What finds codes.
    pub solver: S,
    /// For how long.
    pub until: Until,
    /// How the encoder moves.
    pub adam: Adam,
    /// How the dictionary moves; none leaves it as it is.
    pub columns: Option<Columns>,
}

/// A dictionary and its encoder on the way.
#[derive(Clone, Debug)]
pub struct PsdState {
    /// The dictionary so far.
    pub model: SparseCoding,
    /// The encoder so far.
    pub encoder: Encoder,
    /// What the optimiser of the encoder remembers.
    pub optimizer: AdamState,
}

/// Means over the examples of a batch, before the parameters move, nats.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PsdLosses {
    /// At the best codes.
    pub at_optimum: f64,
    /// With the guess for codes.
    pub at_guess: f64,
}

impl PsdState {
    /// Before the first update.
    pub fn new(model: SparseCoding, encoder: Encoder) -> Result<Self> {
        let optimizer = AdamState::new(&encoder.parameters())?;
        Ok(Self { model, encoder, optimizer })
    }
}

impl<S: SolveCodes> Psd<S> {
    /// The codes' problem, for `visible` `[examples, visible]`.
    pub fn problem(&self, state: &PsdState, visible: &Tensor) -> Result<Lasso> {
        state.model.clamp(visible)?.drawn_to(&state.encoder.encode(visible)?, self.gamma)
    }

    /// One update on `batch` `[examples, visible]`, and the losses before it.
    pub fn update(&self, state: PsdState, batch: &Tensor, rate: f64) -> Result<(PsdState, PsdLosses)> {
        let problem = self.problem(&state, batch)?;
        let guess = state.encoder.encode(batch)?;
        let codes = self.solver.solve(&problem, Some(&guess), self.until)?.codes;
        let mean = |losses: Nats| mean_of(&losses);
        let losses =
            PsdLosses { at_optimum: mean(problem.objective(&codes)?), at_guess: mean(problem.objective(&guess)?) };
        let (_, downhill) = encoder_gradient(&state.encoder, batch, &codes, self.gamma * state.model.precision())?;
        let uphill = downhill.iter().map(Tensor::neg).collect::<Result<Vec<_>>>()?;
        let (parameters, optimizer) = self.adam.ascend(state.encoder.parameters(), state.optimizer, &uphill, rate)?;
        let model = match &self.columns {
            Some(columns) => columns.step(&state.model, &Moments::of(batch, &codes)?)?,
            None => state.model,
        };
        Ok((PsdState { model, encoder: Encoder::from_parameters(parameters)?, optimizer }, losses))
    }
}

/// Mean over examples of (weight/2) ‖h - f(v)‖², and its gradient with respect to each of the encoder's parameters.
pub fn encoder_gradient(
    encoder: &Encoder,
    visible: &Tensor,
    codes: &Tensor,
    weight: f64,
) -> Result<(f64, Vec<Tensor>)> {
    gradients(&encoder.parameters(), |parameters| {
        let away = (Encoder::from_parameters(parameters.to_vec())?.encode(visible)? - codes)?;
        inner(&away, &away)?.sum_all()? * (0.5 * weight / visible.dim(0)? as f64)
    })
}
