//! How fast iterative solvers of sparse codes come to the best code: ISTA, FISTA and coordinate descent on the same examples.
//!
//! ISTA lowers the objective at every step and is above the minimum by O(1/k); FISTA need not, and is above it by O(1/k²) (Beck &
//! Teboulle 2009).

use super::planted::Planted;
use super::{Axis, Figure, Findings, Laboratory, Study};
use crate::inference::{CoordinateDescent, Fista, Ista, SolveCodes, Until};
use crate::math::{Nats, Result, Stream, bail, larger, mean_of};
use crate::models::SparseCoding;
use serde::{Deserialize, Serialize};

/// One dictionary and its examples.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CodeSolvers {
    /// What examples are made of.
    pub planted: Planted,
    /// Examples.
    pub examples: usize,
    /// λ of the half form, λ ‖h‖₁ + ½ ‖v - W h‖².
    pub lambda: f64,
    /// Iterations of every solver.
    pub iterations: usize,
    /// The iteration at which ISTA and FISTA are compared.
    pub compared_at: usize,
}

impl Default for CodeSolvers {
    fn default() -> Self {
        Self { planted: Planted::default(), examples: 400, lambda: 0.1, iterations: 300, compared_at: 32 }
    }
}

impl Study for CodeSolvers {
    fn run(&self, stream: Stream, lab: &mut dyn Laboratory) -> Result<Findings> {
        if self.compared_at > self.iterations {
            bail!("iteration {} is not among the {}", self.compared_at, self.iterations);
        }
        let dictionary = self.planted.dictionary(stream)?;
        let visible = self.planted.examples(&dictionary, self.examples, stream)?;
        let model = SparseCoding::half(dictionary, self.lambda)?;
        let best = CoordinateDescent.infer(&model, &visible, Until::gap_within(1e-13, 100_000))?;
        let least = mean_of(&model.clamp(&visible)?.objective(&best.codes)?);
        let solvers: [(&str, &dyn SolveCodes); 3] =
            [("ista", &Ista), ("fista", &Fista), ("coordinate_descent", &CoordinateDescent)];
        let mut findings = Findings::default();
        let mut traces = Vec::new();
        for (index, (name, solver)) in solvers.into_iter().enumerate() {
            lab.at("solvers", index, solvers.len())?;
            let trace = solver.infer(&model, &visible, Until::after(self.iterations).traced())?.trace.objectives;
            let rises = trace.windows(2).filter(|pair| pair[1] > pair[0] * (1.0 + 1e-13)).count();
            findings.quantity(format!("{name}_rising_iterations"), rises as f64);
            let gaps: Nats = trace.iter().map(|objective| objective - least).collect();
            findings.quantity(format!("{name}_gap_nats_at_{}", self.compared_at), gaps[self.compared_at]);
            findings.series(name, "sparse/J_above_minimum_nats", (0..).zip(gaps.iter().copied()));
            traces.push((name, gaps));
        }
        let ratio = traces[1].1[self.compared_at] / traces[0].1[self.compared_at];
        findings.quantity("fista_over_ista_gap", ratio);
        findings.quantity("reference_duality_gap_nats_max", best.trace.gaps.iter().copied().fold(0.0, larger));
        let caption = format!(
            "After {} iterations FISTA is {:.4} times as far above the minimum as ISTA.",
            self.compared_at, ratio
        );
        let (x, y) = (Axis::log("iteration"), Axis::log("objective above its minimum, nats, mean over examples"));
        let figure = Figure::new("Solvers of sparse codes", caption, x, y);
        // Below this the differences are rounding.
        let seen =
            |gaps: Nats| (0..).map(f64::from).zip(gaps).skip(1).filter(|(_, gap)| *gap > 1e-13).collect::<Vec<_>>();
        findings.figure(
            traces.into_iter().fold(figure, |figure, (name, gaps)| figure.line(name.replace('_', " "), seen(gaps))),
        );
        Ok(findings)
    }
}
