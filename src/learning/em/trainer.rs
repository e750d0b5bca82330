//! Expectation maximisation as a trainer: one update is one iteration on all examples, and the stop rule ends the training.

use super::{
    ClosedForm, Expect, ExpectationMaximization, ExpectedGradient, GradientSteps, InClosedForm, Maximize, Parametric,
};
use crate::learning::{Measurements, Part, SavedTensors, State, Trainer, Update};
use crate::math::{Result, Stream, Tensor, host};
use crate::models::ExpectedJoint;
use crate::posterior::{Factorial, Gaussian, Responsibilities, Table};
use crate::units::{Binary, Kind};
use std::marker::PhantomData;
use std::sync::Arc;

/// EM for models `M`.
#[derive(Clone, Debug)]
pub struct EmTraining<M, E> {
    /// What an iteration is, and when they end; an iteration more than the stage has updates is not made.
    pub by: ExpectationMaximization<E, AnyMaximize>,
    model: PhantomData<M>,
}

impl<M, E> EmTraining<M, E> {
    /// By these two steps, until this stop rule.
    pub fn new(by: ExpectationMaximization<E, AnyMaximize>) -> Self {
        Self { by, model: PhantomData }
    }
}

/// An M step chosen at run time.
#[derive(Clone, Copy, Debug)]
pub enum AnyMaximize {
    /// The maximum itself.
    ClosedForm,
    /// Some steps uphill: generalised EM.
    Gradient(GradientSteps),
}

impl<M: ClosedForm<Q> + ExpectedGradient<Q>, Q> Maximize<M, Q> for AnyMaximize {
    fn maximize(&self, model: &M, visible: &Tensor, q: &Q) -> Result<M> {
        match self {
            Self::ClosedForm => InClosedForm.maximize(model, visible, q),
            Self::Gradient(steps) => steps.maximize(model, visible, q),
        }
    }
}

/// A q that the next E step may go on from, as a tensor; of an exact q nothing is kept.
pub trait Kept: Sized {
    /// What is kept of it.
    fn kept(self) -> Result<Option<Tensor>>;
    /// The q of what was kept.
    fn of(kept: &Tensor) -> Result<Option<Self>>;
}

macro_rules! not_kept {
    ($($posterior:ty),+) => {
        $(impl Kept for $posterior {
            fn kept(self) -> Result<Option<Tensor>> {
                Ok(None)
            }

            fn of(_: &Tensor) -> Result<Option<Self>> {
                Ok(None)
            }
        })+
    };
}

not_kept!(Table, Responsibilities, Gaussian);

/// Of binary units, each a layer of its own: their inputs, `[examples, units]`.
impl Kept for Factorial {
    fn kept(self) -> Result<Option<Tensor>> {
        Tensor::cat(self.inputs(), 1).map(Some)
    }

    fn of(kept: &Tensor) -> Result<Option<Self>> {
        let units = kept.dim(1)?;
        let inputs = (0..units).map(|unit| kept.narrow(1, unit, 1)?.contiguous()).collect::<Result<_>>()?;
        Ok(Some(Self::from_inputs((0..units).map(|_| Arc::new(Binary) as Kind).collect(), inputs)))
    }
}

/// A model on its way, and what EM knows of the iteration before.
#[derive(Clone, Debug)]
pub struct EmState<M> {
    /// The model so far.
    pub model: M,
    /// Mean ELBO after the last E step, nats.
    elbo: Option<f64>,
    /// Whether the stop rule has ended it, or the likelihood has no maximum where it was heading.
    ended: bool,
    /// The last q, where the next E step goes on from it.
    kept: Option<Tensor>,
}

impl<M, E> Trainer for EmTraining<M, E>
where
    E: Expect<M>,
    E::Posterior: Kept,
    M: Parametric + Clone + ExpectedJoint<E::Posterior> + ClosedForm<E::Posterior> + ExpectedGradient<E::Posterior>,
{
    type State = EmState<M>;

    fn init(&self, model: M, _: Stream) -> Result<EmState<M>> {
        Ok(EmState { model, elbo: None, ended: false, kept: None })
    }

    fn step(&self, state: EmState<M>, batch: &Tensor, update: Update) -> Result<(EmState<M>, Measurements)> {
        update.begins(Part::Positive);
        let last = state.kept.as_ref().map(E::Posterior::of).transpose()?.flatten();
        let found = self.by.iterate(&state.model, batch, last)?;
        let mut measurements = Measurements::default();
        measurements.add("elbo_nats_mean", found.after_expect);
        if found.degenerate.is_some() {
            // The fit is the last one before.
            measurements.add("degenerate", 1.0);
            return Ok((EmState { ended: true, ..state }, measurements));
        }
        measurements.add("elbo_after_maximize_nats_mean", found.after_maximize);
        measurements.add("largest_parameter_change", found.change);
        let gained = state.elbo.map(|before| found.after_expect - before);
        let stop = self.by.stop;
        let settled = gained.zip(stop.elbo).is_some_and(|(gained, least)| gained.abs() < least);
        let at_rest = stop.parameters.is_some_and(|least| found.change < least);
        let elbo = Some(found.after_expect);
        Ok((EmState { model: found.model, elbo, ended: settled || at_rest, kept: found.q.kept()? }, measurements))
    }
}

impl<M: Parametric + Clone> State for EmState<M> {
    type Model = M;

    fn model(&self) -> Result<M> {
        Ok(self.model.clone())
    }

    fn tensors(&self) -> Result<Vec<(String, Tensor)>> {
        let device = self.model.parameters()?[0].device().clone();
        let number = |name: &str, value: f64| -> Result<(String, Tensor)> {
            Ok((name.to_string(), Tensor::new(&[value], &device)?))
        };
        let mut tensors = vec![number("em.ended", f64::from(u8::from(self.ended)))?];
        tensors.extend(self.elbo.map(|elbo| number("em.elbo", elbo)).transpose()?);
        tensors.extend(self.kept.iter().map(|kept| ("em.kept".to_string(), kept.clone())));
        Ok(tensors)
    }

    fn restore(model: M, tensors: &SavedTensors) -> Result<Self> {
        let number = |name: &str| tensors.get(name).map(|tensor| Ok::<_, candle_core::Error>(host(tensor)?[0]));
        Ok(Self {
            model,
            elbo: number("em.elbo").transpose()?,
            ended: number("em.ended").transpose()?.is_some_and(|ended| ended != 0.0),
            kept: tensors.get("em.kept").cloned(),
        })
    }

    fn finished(&self) -> bool {
        self.ended
    }
}
