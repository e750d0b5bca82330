//! Most probable codes of sparse coding: what its solvers share, and the soft threshold that all of them are made of.
//!
//! S(x, κ) = sign(x) max(|x| - κ, 0) is the minimiser of ½ (h - x)² + κ |h|. The answer is one point for each example, of which the
//! duality gap says how far it may be from the best; a distribution it is not.

use crate::math::{Nats, Result, Tensor, mean_of};
use crate::models::{Lasso, SparseCoding};

/// A solver of the codes' problem.
pub trait SolveCodes {
    /// Codes from `start` `[examples, atoms]`, or from zero, until `until`.
    fn solve(&self, lasso: &Lasso, start: Option<&Tensor>, until: Until) -> Result<Coded>;

    /// Codes of `visible` `[examples, visible]` from zero.
    fn infer(&self, model: &SparseCoding, visible: &Tensor, until: Until) -> Result<Coded> {
        self.solve(&model.clamp(visible)?, None, until)
    }
}

/// When a solver ends.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Until {
    /// Never more iterations than this.
    pub max_iterations: usize,
    /// End once the duality gap of every example is at most this, in nats; `None` makes exactly `max_iterations`.
    pub gap: Option<f64>,
    /// Record the objective of every iteration.
    pub traced: bool,
}

impl Until {
    /// Exactly this many iterations.
    pub fn after(iterations: usize) -> Self {
        Self { max_iterations: iterations, gap: None, traced: false }
    }

    /// When every gap is at most `gap`, at most `max_iterations` iterations.
    pub fn gap_within(gap: f64, max_iterations: usize) -> Self {
        Self { max_iterations, gap: Some(gap), traced: false }
    }

    /// The same, recording the objective of every iteration.
    pub fn traced(self) -> Self {
        Self { traced: true, ..self }
    }
}

/// The codes, and what they took.
#[derive(Clone, Debug)]
pub struct Coded {
    /// `[examples, atoms]`.
    pub codes: Tensor,
    /// How they were reached.
    pub trace: CodeTrace,
}

/// What a solver did.
#[derive(Clone, Debug, Default)]
pub struct CodeTrace {
    /// Iterations made; of coordinate descent, the most that any example took.
    pub iterations: usize,
    /// Mean over examples of the objective before the first and after each iteration; empty unless asked for.
    pub objectives: Nats,
    /// The duality gap of each example at the end, nats.
    pub gaps: Nats,
    /// Whether each gap is within what was asked for; none where nothing was.
    pub converged: Option<Vec<bool>>,
}

/// S(x, κ): towards zero by κ, and zero where that would pass it.
pub fn soft_threshold(values: &Tensor, by: f64) -> Result<Tensor> {
    values - values.clamp(-by, by)?
}

/// Iterations between two looks at the duality gap.
const LOOK: usize = 10;

/// What happens between one look at the state of a solver and the next.
pub(super) struct Watch<'a> {
    lasso: &'a Lasso,
    until: Until,
    objectives: Nats,
}

impl<'a> Watch<'a> {
    pub(super) fn new(lasso: &'a Lasso, until: Until) -> Self {
        Self { lasso, until, objectives: Vec::new() }
    }

    /// Looks at the codes after so many iterations; whether that is enough.
    pub(super) fn enough(&mut self, codes: &Tensor, iteration: usize) -> Result<bool> {
        let looks = self.until.gap.filter(|_| iteration.is_multiple_of(LOOK));
        if !self.until.traced && looks.is_none() {
            return Ok(iteration >= self.until.max_iterations);
        }
        let pull = self.lasso.pull(codes)?;
        if self.until.traced {
            self.objectives.push(mean_of(&self.lasso.objective_at(codes, &pull)?));
        }
        let within = match looks {
            Some(gap) => self.lasso.gap_at(codes, &pull)?.iter().all(|found| *found <= gap),
            None => false,
        };
        Ok(within || iteration >= self.until.max_iterations)
    }

    /// The answer.
    pub(super) fn coded(self, codes: Tensor, iterations: usize) -> Result<Coded> {
        let gaps = self.lasso.gap(&codes)?;
        let converged = self.until.gap.map(|gap| gaps.iter().map(|found| *found <= gap).collect());
        Ok(Coded { codes, trace: CodeTrace { iterations, objectives: self.objectives, gaps, converged } })
    }
}
