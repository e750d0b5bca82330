//! What happens to a dictionary that nothing keeps from growing: the codes shrink, the atoms swell and the objective sinks to nothing.
//!
//! J(H/a, aW) has the same squared error and an L1 term smaller by the factor a (Goodfellow, Bengio & Courville 2016, section 19.3:
//! hence the constraint, or weight decay).

use super::planted::Planted;
use super::{Axis, Figure, Findings, Laboratory, Study};
use crate::inference::{CoordinateDescent, SolveCodes, Until};
use crate::learning::{Columns, Moments};
use crate::math::{Result, Stream, Tensor, bail, host, norm};
use crate::models::SparseCoding;
use serde::{Deserialize, Serialize};

/// Alternation without a constraint and with decay.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Scale {
    /// What examples are made of.
    pub planted: Planted,
    /// Examples.
    pub examples: usize,
    /// Rounds of codes and atoms.
    pub rounds: usize,
    /// λ of the chapter's objective.
    pub lambda: f64,
    /// δ of δ ‖W‖².
    pub decay: f64,
    /// Factors a of (H/a, aW).
    pub factors: Vec<f64>,
}

impl Default for Scale {
    fn default() -> Self {
        Self {
            planted: Planted { visible: 10, atoms: 12, density: 0.15, noise: 0.02 },
            examples: 200,
            rounds: 200,
            lambda: 0.2,
            decay: 0.1,
            factors: vec![0.5, 1.0, 2.0, 4.0, 8.0, 16.0],
        }
    }
}

/// After every round.
#[derive(Default)]
struct History {
    /// Σ ‖h‖₁.
    sizes: Vec<f64>,
    /// ‖W‖.
    norms: Vec<f64>,
    /// J.
    objectives: Vec<f64>,
}

impl Study for Scale {
    fn run(&self, stream: Stream, lab: &mut dyn Laboratory) -> Result<Findings> {
        if self.rounds < 2 {
            bail!("at least two rounds have to be made");
        }
        let dictionary = self.planted.dictionary(stream)?;
        let visible = self.planted.examples(&dictionary, self.examples, stream)?;
        let (units, atoms) = dictionary.dims2()?;
        let begin = SparseCoding::random_atoms(units, atoms, stream.named("start"), &dictionary)?;
        let model = SparseCoding::chapter(begin, self.lambda)?;
        let free = self.history(&model, &visible, Columns::Free, "without constraint", lab)?;
        let decayed = self.history(&model, &visible, Columns::Decay(self.decay), "with decay", lab)?;
        let mut findings = Findings::default();
        let (first, last) = (0, self.rounds - 1);
        findings.quantity("free_l1_rising_rounds", rising(&free.sizes));
        findings.quantity("free_norm_falling_rounds", rising(&free.norms.iter().map(|norm| -norm).collect::<Vec<_>>()));
        findings.quantity("free_objective_rising_rounds", rising(&free.objectives));
        findings.quantity("free_objective_last_over_first", free.objectives[last] / free.objectives[first]);
        findings.quantity("free_l1_last_over_first", free.sizes[last] / free.sizes[first]);
        findings.quantity("free_norm_last_over_first", free.norms[last] / free.norms[first]);
        let late = decayed.norms[last] / decayed.norms[last / 2] - 1.0;
        findings.quantity("decay_norm_change_in_second_half_relative", late.abs());
        let rescaled = self.rescaled(&model, &visible)?;
        findings.quantity("rescaled_objective_rising_steps", rising(&rescaled));
        for (name, history) in [("free", &free), ("decay", &decayed)] {
            for (tag, values) in [("L1", &history.sizes), ("w_norm", &history.norms), ("J_nats", &history.objectives)] {
                findings.series(name, format!("sparse/{tag}"), (1..).zip(values.iter().copied()));
            }
        }
        findings.figure(figure(&free, &decayed));
        findings.figure(self.rescaling(&rescaled));
        Ok(findings)
    }
}

impl Scale {
    fn history(
        &self,
        model: &SparseCoding,
        visible: &Tensor,
        columns: Columns,
        what: &str,
        lab: &mut dyn Laboratory,
    ) -> Result<History> {
        let until = Until::gap_within(1e-10, 5000);
        let (mut model, mut codes, mut history) = (model.clone(), None::<Tensor>, History::default());
        for round in 0..self.rounds {
            lab.at(what, round, self.rounds)?;
            let found = CoordinateDescent.solve(&model.clamp(visible)?, codes.as_ref(), until)?.codes;
            model = columns.step(&model, &Moments::of(visible, &found)?)?;
            history.sizes.push(host(&found)?.iter().map(|code| code.abs()).sum());
            history.norms.push(norm(model.weight())?);
            history.objectives.push(columns.objective(&model, visible, &found)?);
            codes = Some(found);
        }
        Ok(history)
    }

    /// J(H/a, aW) for every a, at the best codes of the dictionary.
    fn rescaled(&self, model: &SparseCoding, visible: &Tensor) -> Result<Vec<f64>> {
        let codes = CoordinateDescent.infer(model, visible, Until::gap_within(1e-10, 5000))?.codes;
        let at = |factor: &f64| {
            let larger = model.with_weight((model.weight() * *factor)?)?;
            Columns::Free.objective(&larger, visible, &(&codes / *factor)?)
        };
        self.factors.iter().map(at).collect()
    }

    fn rescaling(&self, objectives: &[f64]) -> Figure {
        let caption = "Larger atoms and smaller codes that explain exactly as much cost less: the objective alone has no best scale.";
        let (x, y) = (Axis::log("a"), Axis::linear("J(H/a, aW), nats, summed over examples"));
        Figure::new("The scale of a dictionary is free", caption, x, y)
            .line("J", self.factors.iter().copied().zip(objectives.iter().copied()))
    }
}

/// In how many steps a number does not fall.
fn rising(values: &[f64]) -> f64 {
    values.windows(2).filter(|pair| pair[1] >= pair[0]).count() as f64
}

fn figure(free: &History, decayed: &History) -> Figure {
    let points = |values: &[f64]| (1..).map(f64::from).zip(values.iter().copied()).collect::<Vec<_>>();
    let last = |values: &[f64]| values.last().copied().unwrap_or(f64::NAN);
    let caption = format!(
        "Without a constraint ‖W‖ grows every round, to {:.0}, and Σ‖h‖₁ sinks to {:.1}; with decay ‖W‖ levels off at {:.2}.",
        last(&free.norms),
        last(&free.sizes),
        last(&decayed.norms)
    );
    Figure::new("Atoms without a constraint", caption, Axis::log("round"), Axis::log("‖W‖, Σ‖h‖₁ and J"))
        .line("‖W‖, no constraint", points(&free.norms))
        .line("Σ‖h‖₁, no constraint", points(&free.sizes))
        .line("J, no constraint", points(&free.objectives))
        .dashed("‖W‖, decay", points(&decayed.norms))
        .dashed("Σ‖h‖₁, decay", points(&decayed.sizes))
}
