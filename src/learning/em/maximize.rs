//! M steps: parameters for q as it is, in closed form or by some gradient steps (generalised EM: Dempster, Laird & Rubin 1977).
//!
//! The gradient of F(q, θ) in θ is the mean of E_q[∇ ln p(v, h; θ)]; at q = p(h | v; θ) it is the gradient of the mean ln p(v; θ) (Fisher's
//! identity), so gradient ascent on the likelihood is EM with an M step of one gradient step.

use crate::math::{Result, Tensor, bail};

/// A model as a list of free parameters: any values are allowed, so that steps can be taken.
pub trait Parametric: Sized {
    /// What may move.
    fn parameters(&self) -> Result<Vec<Tensor>>;
    /// The model with other parameters of the same shapes.
    fn with_parameters(&self, parameters: &[Tensor]) -> Result<Self>;
    /// Why the likelihood has no maximum where this model is heading, if so.
    fn degenerate(&self) -> Result<Option<String>> {
        Ok(None)
    }
}

/// Models whose F(q, θ) is maximised by a formula.
pub trait ClosedForm<Q>: Sized {
    /// The parameters that maximise E_q[ln p(v, h)] on `visible` `[examples, visible]`.
    fn maximized(&self, visible: &Tensor, q: &Q) -> Result<Self>;
}

/// Models whose E_q[ln p(v, h)] has a gradient in closed form.
pub trait ExpectedGradient<Q>: Parametric {
    /// Gradient of the mean over examples of E_q[ln p(v, h)], shaped like the parameters, nats.
    fn expected_gradient(&self, visible: &Tensor, q: &Q) -> Result<Vec<Tensor>>;
}

/// An M step.
pub trait Maximize<M, Q> {
    /// A model of no lower F(q, θ), but for a gradient step that is too long.
    fn maximize(&self, model: &M, visible: &Tensor, q: &Q) -> Result<M>;
}

/// The maximum itself.
#[derive(Clone, Copy, Debug)]
pub struct InClosedForm;

impl<M: ClosedForm<Q>, Q> Maximize<M, Q> for InClosedForm {
    fn maximize(&self, model: &M, visible: &Tensor, q: &Q) -> Result<M> {
        model.maximized(visible, q)
    }
}

/// Steps uphill with q held fixed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct GradientSteps {
    /// How many in each M step.
    pub count: usize,
    /// Length of a step in units of the gradient.
    pub rate: f64,
}

impl<M: ExpectedGradient<Q>, Q> Maximize<M, Q> for GradientSteps {
    fn maximize(&self, model: &M, visible: &Tensor, q: &Q) -> Result<M> {
        let mut at = model.with_parameters(&model.parameters()?)?;
        for _ in 0..self.count {
            let uphill = at.expected_gradient(visible, q)?;
            let from = at.parameters()?;
            let moved = from.iter().zip(&uphill).map(|(value, slope)| value + (slope * self.rate)?);
            at = at.with_parameters(&moved.collect::<Result<Vec<_>>>()?)?;
        }
        Ok(at)
    }
}

/// ln on - ln off: the log-odds of two shares, finite where one of them is nothing.
pub(super) fn log_odds(on: &Tensor, off: &Tensor) -> Result<Tensor> {
    on.maximum(f64::MIN_POSITIVE)?.log()? - off.maximum(f64::MIN_POSITIVE)?.log()?
}

/// Exactly `N` parameters.
pub(super) fn exactly<const N: usize>(parameters: &[Tensor]) -> Result<&[Tensor; N]> {
    match parameters.try_into() {
        Ok(parameters) => Ok(parameters),
        Err(_) => bail!("this model has {N} parameter tensors, not {}", parameters.len()),
    }
}
