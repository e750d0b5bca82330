//! Coordinate descent: one code after the other to where the objective is least, the others held.
//!
//! h_j ← S(W_jᵀ r + ‖W_j‖² h_j, κ) / ‖W_j‖² (Friedman, Hastie, Höfling & Tibshirani 2007). Examples do not interact; each is swept until
//! its own gap is small enough.

use super::sparse::{CodeTrace, Coded, SolveCodes, Until};
use crate::math::{Nats, Result, Tensor, host, mean_of};
use crate::models::{CodeSums, Lasso};
use rayon::prelude::*;

/// Cyclic coordinate descent; an iteration is a sweep over all codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CoordinateDescent;

/// One example on the way.
struct Descent<'a> {
    gram: &'a [f64],
    square: f64,
    projections: &'a [f64],
    penalty: f64,
    /// The codes so far.
    codes: Vec<f64>,
    /// Wᵀ r at the codes.
    pull: Vec<f64>,
    /// ½ ‖r‖² + κ ‖h‖₁ before the first sweep and after each, if asked for.
    objectives: Nats,
}

impl SolveCodes for CoordinateDescent {
    fn solve(&self, lasso: &Lasso, start: Option<&Tensor>, until: Until) -> Result<Coded> {
        let (examples, atoms) = lasso.projections().dims2()?;
        let precision = lasso.precision();
        let (gram, projections) = (host(lasso.gram())?, host(lasso.projections())?);
        let starts = host(&start.map_or_else(|| lasso.zeros(), |start| Ok(start.clone()))?)?;
        let pulls = host(&match start {
            Some(start) => lasso.pull(start)?,
            None => lasso.projections().clone(),
        })?;
        let solve = |example: usize| {
            let row = example * atoms..(example + 1) * atoms;
            let mut descent = Descent {
                gram: &gram,
                square: lasso.squares()[example],
                projections: &projections[row.clone()],
                penalty: lasso.penalty(),
                codes: starts[row.clone()].to_vec(),
                pull: pulls[row].to_vec(),
                objectives: Vec::new(),
            };
            let sweeps = descent.run(until.max_iterations, until.gap.map(|gap| gap / precision), until.traced);
            (descent, sweeps)
        };
        let solved: Vec<(Descent, usize)> = (0..examples).into_par_iter().map(solve).collect();
        let iterations = solved.iter().map(|(_, sweeps)| *sweeps).max().unwrap_or(0);
        let values: Vec<f64> = solved.iter().flat_map(|(descent, _)| descent.codes.iter().copied()).collect();
        let device = lasso.projections().device();
        let codes = Tensor::from_vec(values, (examples, atoms), device)?.to_dtype(lasso.projections().dtype())?;
        let gaps = lasso.gap(&codes)?;
        let converged = until.gap.map(|gap| gaps.iter().map(|found| *found <= gap).collect());
        let traced = if until.traced { iterations + 1 } else { 0 };
        // An example that is done stays where it is.
        let at = |sweep: usize, (descent, _): &(Descent, usize)| {
            precision * descent.objectives[sweep.min(descent.objectives.len() - 1)]
        };
        let mean = |sweep| mean_of(&solved.iter().map(|found| at(sweep, found)).collect::<Nats>());
        let objectives = (0..traced).map(mean).collect();
        Ok(Coded { codes, trace: CodeTrace { iterations, objectives, gaps, converged } })
    }
}

impl Descent<'_> {
    /// Sweeps until the gap, in units of ½ ‖r‖², is small enough; how many there were.
    fn run(&mut self, max_sweeps: usize, gap: Option<f64>, traced: bool) -> usize {
        let mut sweeps = 0;
        loop {
            if traced {
                self.objectives.push(self.sums().objective(self.penalty));
            }
            if sweeps >= max_sweeps || gap.is_some_and(|gap| self.sums().gap(self.penalty) <= gap) {
                return sweeps;
            }
            self.sweep();
            sweeps += 1;
        }
    }

    fn sweep(&mut self) {
        let atoms = self.codes.len();
        for atom in 0..atoms {
            let column = &self.gram[atom * atoms..(atom + 1) * atoms];
            let curvature = column[atom];
            if curvature <= 0.0 {
                continue;
            }
            let alone = self.pull[atom] + curvature * self.codes[atom];
            let code = (alone - alone.clamp(-self.penalty, self.penalty)) / curvature;
            let change = code - self.codes[atom];
            if change != 0.0 {
                self.codes[atom] = code;
                self.pull.iter_mut().zip(column).for_each(|(pull, entry)| *pull -= change * entry);
            }
        }
    }

    fn sums(&self) -> CodeSums {
        let with = |other: &[f64]| self.codes.iter().zip(other).map(|(code, value)| code * value).sum::<f64>();
        CodeSums {
            square: self.square,
            explained: with(self.projections),
            back: with(&self.pull),
            size: self.codes.iter().map(|code| code.abs()).sum(),
            steepest: self.pull.iter().fold(0.0, |largest, pull| pull.abs().max(largest)),
        }
    }
}
