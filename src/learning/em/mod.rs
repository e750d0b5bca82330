//! Expectation maximisation as coordinate ascent on one function of q and the parameters (Neal & Hinton 1998; Goodfellow, Bengio &
//! Courville 2016, section 19.2).
//!
//! F(q, θ) = E_q[ln p(v, h; θ)] + H(q), the mean over examples. The E step raises F in q with θ fixed, the M step in θ with q fixed. With
//! the exact posterior F = ln p(v; θ) after every E step, so ln p(θ_t) = F(q_t, θ_t) ≤ F(q_t, θ_{t+1}) ≤ ln p(θ_{t+1}). Any E step (a
//! warm-started mean field) and any M step (some gradient steps: generalised EM) that lower nothing keep F from falling.

mod belief_net;
mod binary_sparse_coding;
mod expect;
mod factor_analysis;
mod maximize;
mod mixture;
mod start;
mod trainer;

use crate::math::{Nats, Result, Tensor, bail, host, mean_of};
use crate::models::ExpectedJoint;
pub use expect::{Expect, WarmMeanField};
pub use factor_analysis::principal_components;
pub use maximize::{ClosedForm, ExpectedGradient, GradientSteps, InClosedForm, Maximize, Parametric};
pub use start::{binary_sparse_coding_start, factor_analysis_start, gaussian_mixture_start};
pub use trainer::{AnyMaximize, EmState, EmTraining, Kept};

/// One driver for every pair of an E step and an M step.
#[derive(Clone, Copy, Debug)]
pub struct ExpectationMaximization<E, S> {
    /// The E step.
    pub expect: E,
    /// The M step.
    pub maximize: S,
    /// When to stop.
    pub stop: EmStop,
}

/// When EM stops; whichever comes first.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct EmStop {
    /// Never more iterations than this.
    pub max_iterations: usize,
    /// Stop once the mean ELBO after an E step is less than this above the one before, nats.
    pub elbo: Option<f64>,
    /// Stop once an M step moves no parameter by this much.
    pub parameters: Option<f64>,
}

impl EmStop {
    /// Exactly this many iterations.
    pub fn after(iterations: usize) -> Self {
        Self { max_iterations: iterations, elbo: None, parameters: None }
    }
}

/// Why EM stopped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ended {
    /// The ELBO rose by less than asked for.
    Elbo,
    /// No parameter moved by more than asked for.
    Parameters,
    /// The iterations were used up.
    Iterations,
    /// The likelihood has no maximum where the parameters are heading, such as a component that collapses on one example; the fit
    /// is the last one before.
    Degenerate(String),
}

/// One E step and the M step after it.
#[derive(Clone, Debug)]
pub struct Iteration<M, Q> {
    /// What the E step found.
    pub q: Q,
    /// What the M step made of it.
    pub model: M,
    /// F(q_t, θ_t), mean over examples, nats.
    pub after_expect: f64,
    /// F(q_t, θ_{t+1}), mean over examples, nats.
    pub after_maximize: f64,
    /// Largest change of any parameter.
    pub change: f64,
    /// Why the new model must not be gone on with, if so.
    pub degenerate: Option<String>,
}

/// Where EM ended and how it got there.
#[derive(Clone, Debug)]
pub struct Fit<M> {
    /// The last model.
    pub model: M,
    /// Why no more.
    pub ended: Ended,
    /// F after each E step, mean over examples, nats.
    pub after_expect: Nats,
    /// F after each M step, mean over examples, nats.
    pub after_maximize: Nats,
    /// Largest change of any parameter in each M step.
    pub changes: Vec<f64>,
}

impl<E, S> ExpectationMaximization<E, S> {
    /// One E step from `last` and one M step, on `visible` `[examples, visible]`.
    pub fn iterate<M>(
        &self,
        model: &M,
        visible: &Tensor,
        last: Option<E::Posterior>,
    ) -> Result<Iteration<M, E::Posterior>>
    where
        E: Expect<M>,
        M: Parametric + ExpectedJoint<E::Posterior>,
        S: Maximize<M, E::Posterior>,
    {
        let q = self.expect.expect(model, visible, last)?;
        let after_expect = mean_of(&model.free_energy(visible, &q)?);
        let moved = self.maximize.maximize(model, visible, &q)?;
        let degenerate = moved.degenerate()?;
        // Of a degenerate model there need be no density to average.
        let after_maximize = if degenerate.is_some() { f64::NAN } else { mean_of(&moved.free_energy(visible, &q)?) };
        let change = largest_move(&model.parameters()?, &moved.parameters()?)?;
        Ok(Iteration { q, model: moved, after_expect, after_maximize, change, degenerate })
    }

    /// Iterates from `model` until the stop rule.
    pub fn fit<M>(&self, model: M, visible: &Tensor) -> Result<Fit<M>>
    where
        E: Expect<M>,
        M: Parametric + ExpectedJoint<E::Posterior>,
        S: Maximize<M, E::Posterior>,
    {
        let ended = Ended::Iterations;
        let mut fit = Fit { model, ended, after_expect: Vec::new(), after_maximize: Vec::new(), changes: Vec::new() };
        let mut last = None;
        for _ in 0..self.stop.max_iterations {
            let iteration = self.iterate(&fit.model, visible, last)?;
            let gained = fit.after_expect.last().map(|before| iteration.after_expect - before);
            fit.after_expect.push(iteration.after_expect);
            if let Some(reason) = iteration.degenerate {
                fit.ended = Ended::Degenerate(reason);
                break;
            }
            fit.after_maximize.push(iteration.after_maximize);
            fit.changes.push(iteration.change);
            (fit.model, last) = (iteration.model, Some(iteration.q));
            if gained.zip(self.stop.elbo).is_some_and(|(gained, least)| gained.abs() < least) {
                fit.ended = Ended::Elbo;
                break;
            }
            if self.stop.parameters.is_some_and(|least| iteration.change < least) {
                fit.ended = Ended::Parameters;
                break;
            }
        }
        Ok(fit)
    }
}

/// Largest absolute difference of two lists of tensors; not a number where one is none.
fn largest_move(before: &[Tensor], after: &[Tensor]) -> Result<f64> {
    if before.len() != after.len() {
        bail!("{} parameters became {}", before.len(), after.len());
    }
    let mut largest = 0.0_f64;
    for (before, after) in before.iter().zip(after) {
        for (before, after) in host(before)?.into_iter().zip(host(after)?) {
            let change = (after - before).abs();
            if change.is_nan() || change > largest {
                largest = change;
            }
        }
    }
    Ok(largest)
}
