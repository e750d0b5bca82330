//! The course of EM on one model, half step by half step, beside the likelihood itself.
//!
//! Every iteration is looked at twice: after the E step, where KL(q ‖ p) = ln p(v) - F(q, θ) should be nothing, and after the M step, where
//! the gradient of F in θ should be (Neal & Hinton 1998).

use crate::learning::{
    ClosedForm, EmStop, Expect, ExpectationMaximization, ExpectedGradient, InClosedForm, Iteration, Parametric,
};
use crate::math::{Nats, Result, Tensor, bail, host, larger, mean_of};
use crate::models::{Evidence, ExpectedJoint};

/// What happened; one entry an iteration, means over examples in nats unless said otherwise.
#[derive(Clone, Debug, Default)]
pub struct Course {
    /// ln p(v; θ_t), and at the end that of the last parameters.
    pub evidence: Nats,
    /// F(q_t, θ_t).
    pub after_expect: Nats,
    /// F(q_t, θ_{t+1}).
    pub after_maximize: Nats,
    /// Largest |ln p(v) - F| of any example right after the E step.
    pub gap: Nats,
    /// Largest gradient of F in any parameter right after the M step.
    pub slope: Vec<f64>,
    /// Largest change of any parameter in the M step.
    pub change: Vec<f64>,
}

impl Course {
    /// Follows EM with closed-form M steps from `model` until the evidence gains less than `tolerance`, or for `most` iterations.
    pub fn follow<M, E>(model: M, visible: &Tensor, expect: E, tolerance: f64, most: usize) -> Result<(Self, M)>
    where
        E: Expect<M>,
        M: Parametric
            + Evidence
            + ExpectedJoint<E::Posterior>
            + ClosedForm<E::Posterior>
            + ExpectedGradient<E::Posterior>,
    {
        let em = ExpectationMaximization { expect, maximize: InClosedForm, stop: EmStop::after(most) };
        let mut course = Self::default();
        let (mut model, mut last) = (model, None);
        let mut evidences = model.log_evidence(visible)?;
        course.evidence.push(mean_of(&evidences));
        for _ in 0..most {
            let Iteration { q, model: moved, after_expect, after_maximize, change, degenerate } =
                em.iterate(&model, visible, last)?;
            if let Some(reason) = degenerate {
                bail!("EM ran into a likelihood without a maximum: {reason}");
            }
            let bounds = model.free_energy(visible, &q)?;
            let gaps = evidences.iter().zip(&bounds).map(|(evidence, bound)| (evidence - bound).abs());
            course.gap.push(gaps.fold(0.0, larger));
            course.slope.push(largest(&moved.expected_gradient(visible, &q)?)?);
            course.change.push(change);
            course.after_expect.push(after_expect);
            course.after_maximize.push(after_maximize);
            evidences = moved.log_evidence(visible)?;
            (model, last) = (moved, Some(q));
            let gained = mean_of(&evidences) - course.evidence[course.evidence.len() - 1];
            course.evidence.push(mean_of(&evidences));
            if gained.abs() < tolerance {
                break;
            }
        }
        Ok((course, model))
    }

    /// ln p(v) at the end.
    pub fn end(&self) -> f64 {
        self.evidence.last().copied().unwrap_or(f64::NAN)
    }

    /// How much the evidence gained in each iteration.
    pub fn gains(&self) -> Nats {
        self.evidence.windows(2).map(|pair| pair[1] - pair[0]).collect()
    }

    /// F after every half step, in order.
    pub fn half_steps(&self) -> Nats {
        self.after_expect.iter().zip(&self.after_maximize).flat_map(|(expect, maximize)| [*expect, *maximize]).collect()
    }

    /// The largest amount by which ln p(θ_t) = F(q_t, θ_t) ≤ F(q_t, θ_{t+1}) ≤ ln p(θ_{t+1}) is broken anywhere.
    pub fn chain_broken_by(&self) -> f64 {
        let each = |t: usize| {
            let (before, after) = (self.evidence[t], self.evidence[t + 1]);
            let (expect, maximize) = (self.after_expect[t], self.after_maximize[t]);
            larger(larger((before - expect).abs(), expect - maximize), maximize - after)
        };
        (0..self.after_expect.len()).map(each).fold(0.0, larger)
    }

    /// Iterations until a value first falls below `tolerance` in size; none if it never does.
    pub fn iterations_until(values: &[f64], tolerance: f64) -> Option<usize> {
        values.iter().position(|value| value.abs() < tolerance).map(|place| place + 1)
    }
}

/// The largest absolute value in a list of tensors.
pub fn largest(tensors: &[Tensor]) -> Result<f64> {
    let mut largest = 0.0_f64;
    for tensor in tensors {
        largest = host(tensor)?.iter().fold(largest, |largest, value| larger(largest, value.abs()));
    }
    Ok(largest)
}

/// The largest fall from one value to the next.
pub fn largest_fall(values: &[f64]) -> f64 {
    values.windows(2).map(|pair| pair[0] - pair[1]).fold(0.0, larger)
}
