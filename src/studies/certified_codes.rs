//! What a certified most probable code costs as latents are added, beside what the exact posterior would.
//!
//! The duality gap of `models/lasso.rs` bounds how far a code is from the best, so that a small gap is a proof. The posterior over m
//! binary causes has 2^m states (Goodfellow, Bengio & Courville 2016, sections 19.3 and 19.4).

use super::planted::Planted;
use super::{Axis, Figure, Findings, Laboratory, Study};
use crate::inference::{CoordinateDescent, Fista, SolveCodes, Until};
use crate::math::{Result, Stream, larger};
use crate::models::SparseCoding;
use serde::{Deserialize, Serialize};

/// Dictionaries of growing size, twice as many atoms as visible units.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CertifiedCodes {
    /// Atoms of each dictionary.
    pub atoms: Vec<usize>,
    /// Examples coded one by one for each.
    pub examples: usize,
    /// λ of the chapter's objective, λ ‖h‖₁ + ‖v - W h‖².
    pub lambda: f64,
    /// Share of the codes that are not zero.
    pub density: f64,
    /// Standard deviation of the noise.
    pub noise: f64,
    /// The duality gap that is asked for, nats.
    pub gap: f64,
    /// Iterations after which a solver gives up.
    pub max_iterations: usize,
    /// States of an exact posterior that a machine would visit in a second, for comparison.
    pub states_per_second: f64,
}

impl Default for CertifiedCodes {
    fn default() -> Self {
        Self {
            atoms: vec![8, 16, 32, 64, 128, 256],
            examples: 20,
            lambda: 0.1,
            density: 0.1,
            noise: 0.02,
            gap: 1e-6,
            max_iterations: 20_000,
            states_per_second: 1e9,
        }
    }
}

/// What one solver did at one size.
struct Timed {
    atoms: usize,
    /// Median over examples, milliseconds.
    milliseconds: f64,
    /// Largest gap over examples, nats.
    gap: f64,
    /// Most iterations over examples.
    iterations: usize,
}

impl Study for CertifiedCodes {
    fn run(&self, stream: Stream, lab: &mut dyn Laboratory) -> Result<Findings> {
        let solvers: [(&str, &dyn SolveCodes); 2] = [("coordinate_descent", &CoordinateDescent), ("fista", &Fista)];
        let mut found: [Vec<Timed>; 2] = [Vec::new(), Vec::new()];
        for (index, &atoms) in self.atoms.iter().enumerate() {
            lab.at("dictionaries", index, self.atoms.len())?;
            for ((_, solver), found) in solvers.iter().zip(&mut found) {
                found.push(self.timed(*solver, atoms, stream.at(atoms as u64), lab)?);
            }
        }
        let mut findings = Findings::default();
        let mut table = Vec::new();
        for ((name, _), found) in solvers.iter().zip(&found) {
            for Timed { atoms, milliseconds, gap, iterations } in found {
                findings.quantity(format!("{name}_ms_per_input_at_{atoms}"), *milliseconds);
                findings.quantity(format!("{name}_gap_nats_max_at_{atoms}"), *gap);
                let cells =
                    [name.replace('_', " "), atoms.to_string(), format!("{milliseconds:.3}"), format!("{gap:.1e}")];
                table.push([cells.as_slice(), &[iterations.to_string()]].concat());
            }
        }
        findings.sheet(
            "Codes with a certificate.",
            &["solver", "atoms", "ms per input", "largest gap (nats)", "most iterations"],
            table,
        );
        findings.figure(self.figure(&found));
        Ok(findings)
    }
}

impl CertifiedCodes {
    fn timed(&self, solver: &dyn SolveCodes, atoms: usize, stream: Stream, lab: &dyn Laboratory) -> Result<Timed> {
        let planted = Planted { visible: atoms / 2, atoms, density: self.density, noise: self.noise };
        let dictionary = planted.dictionary(stream)?;
        let visible = planted.examples(&dictionary, self.examples, stream)?;
        let model = SparseCoding::chapter(dictionary, self.lambda)?;
        let until = Until::gap_within(self.gap, self.max_iterations);
        let (mut times, mut gap, mut iterations) = (Vec::new(), 0.0_f64, 0);
        for example in 0..self.examples {
            let start = lab.seconds();
            let trace = solver.infer(&model, &visible.narrow(0, example, 1)?, until)?.trace;
            times.push(1e3 * (lab.seconds() - start));
            gap = trace.gaps.iter().copied().fold(gap, larger);
            iterations = iterations.max(trace.iterations);
        }
        times.sort_by(f64::total_cmp);
        Ok(Timed { atoms, milliseconds: times[times.len() / 2], gap, iterations })
    }

    fn figure(&self, [descent, fista]: &[Vec<Timed>; 2]) -> Figure {
        let last = descent.last().map_or((0, 0.0), |timed| (timed.atoms, timed.milliseconds));
        let caption = format!(
            "A code proved to be within {:.0e} nats of the best takes {:.2} ms with {} atoms by coordinate descent; at {:.0e} states a \
             second the exact posterior over as many binary causes is out of reach from some 50 on.",
            self.gap, last.1, last.0, self.states_per_second
        );
        let of =
            |found: &[Timed]| found.iter().map(|timed| (timed.atoms as f64, timed.milliseconds)).collect::<Vec<_>>();
        let exact = |atoms: &usize| (*atoms as f64, 1e3 * (*atoms as f64).exp2() / self.states_per_second);
        Figure::new("Time of a certified code", caption, Axis::log("latents"), Axis::log("milliseconds per input"))
            .line("MAP by coordinate descent", of(descent))
            .line("MAP by FISTA", of(fista))
            .dashed("exact posterior, 2^m states", self.atoms.iter().filter(|atoms| **atoms <= 64).map(exact))
    }
}
