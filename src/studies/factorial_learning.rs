//! Learning with a factorial q shapes the machine: its posterior becomes more factorial (book section 19.4.4).
//!
//! Two machines climb from the same start: one the exact likelihood, one the ELBO of converged mean field; the model's side is exact for
//! both. The gap ln p(v) - ELBO = KL(q ‖ p) of mean field after training is small where learning made it small, which does not show
//! that the approximation did no harm.

use super::instances::shifter;
use super::training::{Look, beginning, climb, mean_field};
use super::{Axis, Figure, Findings, Laboratory, Study};
use crate::inference::{Exact, Stop};
use crate::math::{Nats, Result, Stream, larger, mean_of};
use crate::models::Dbm;
use serde::{Deserialize, Serialize};

/// The machine and how it learns.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FactorialLearning {
    /// Bits of the shifter's pattern; an example has twice as many.
    pub bits: usize,
    /// Units of the hidden layers, bottom first.
    pub hidden: Vec<usize>,
    /// Standard deviation of the first weights.
    pub weight_std: f64,
    /// Independent starts.
    pub seeds: usize,
    /// Adam steps.
    pub steps: u64,
    /// Learning rate of Adam.
    pub learning_rate: f64,
    /// Mean-field sweeps from 1/2 at every step of the machine that learns with mean field.
    pub sweeps: usize,
    /// Looks, evenly spaced.
    pub looks: u64,
}

impl Default for FactorialLearning {
    fn default() -> Self {
        Self {
            bits: 4,
            hidden: vec![8, 4],
            weight_std: 0.1,
            seeds: 3,
            steps: 1200,
            learning_rate: 0.01,
            sweeps: 50,
            looks: 24,
        }
    }
}

/// How each of the two learns.
const WAYS: [&str; 2] = ["exact", "mean-field"];

impl Study for FactorialLearning {
    fn run(&self, stream: Stream, lab: &mut dyn Laboratory) -> Result<Findings> {
        let mut runs: [Vec<Vec<Look>>; 2] = Default::default();
        for seed in 0..self.seeds {
            for (way, runs) in runs.iter_mut().enumerate() {
                lab.at("training runs", seed * WAYS.len() + way, self.seeds * WAYS.len())?;
                runs.push(self.looks_of(way, stream.at(seed as u64))?);
            }
        }
        Ok(self.findings(&runs))
    }
}

impl FactorialLearning {
    fn looks_of(&self, way: usize, stream: Stream) -> Result<Vec<Look>> {
        let data = shifter(self.bits)?;
        let start = beginning(&self.hidden, self.weight_std, &data, stream)?;
        let every = (self.steps / self.looks.max(1)).max(1);
        let mut looks = Vec::new();
        let mut watch = |step: u64, dbm: &Dbm| {
            if step.is_multiple_of(every) || step == self.steps {
                looks.push(Look::at(step, dbm, &data)?);
            }
            Ok(())
        };
        let course = (self.steps, self.learning_rate);
        if way == 0 {
            climb(&Exact { max_bits: 20.0 }, start, &data, course, &mut watch)?;
        } else {
            climb(&mean_field(Stop::after(self.sweeps)), start, &data, course, &mut watch)?;
        }
        Ok(looks)
    }

    fn findings(&self, runs: &[Vec<Vec<Look>>; 2]) -> Findings {
        let mut findings = Findings::default();
        let ends = |way: usize, of: &dyn Fn(&Look) -> f64| -> Vec<f64> {
            runs[way].iter().filter_map(|looks| looks.last()).map(of).collect()
        };
        let gaps = [0, 1].map(|way| ends(way, &gap));
        let logs = [0, 1].map(|way| ends(way, &|look| look.log_likelihood));
        let apart = logs[0].iter().zip(&logs[1]).map(|(exact, mean_field)| (exact - mean_field).abs());
        findings.quantity("gap_nats_of_exact_learning_mean", mean_of(&gaps[0]));
        findings.quantity("gap_nats_of_mean_field_learning_mean", mean_of(&gaps[1]));
        findings.quantity("gap_of_mean_field_over_exact_learning", mean_of(&gaps[1]) / mean_of(&gaps[0]));
        findings.quantity("log_likelihood_nats_of_exact_learning_mean", mean_of(&logs[0]));
        findings.quantity("log_likelihood_nats_of_mean_field_learning_mean", mean_of(&logs[1]));
        findings.quantity("log_likelihoods_apart_nats_highest", apart.fold(0.0, larger));
        for (way, runs) in WAYS.iter().zip(runs) {
            for (seed, looks) in runs.iter().enumerate() {
                let run = format!("{way}-learning-{seed}");
                findings.series(&run, "train/gap_nats_mean", looks.iter().map(|look| (look.update, gap(look))));
                let logs = looks.iter().map(|look| (look.update, look.log_likelihood));
                findings.series(&run, "train/log_p_v_nats_mean", logs);
            }
        }
        self.figures(runs, &gaps, &logs, &mut findings);
        let row = |seed: usize| {
            let values = [logs[0][seed], logs[1][seed], gaps[0][seed], gaps[1][seed]];
            std::iter::once(seed.to_string()).chain(values.iter().map(|value| format!("{value:.4}"))).collect()
        };
        let head = ["start", "ln p, exact", "ln p, mean field", "gap, exact", "gap, mean field"];
        findings.sheet("Both numbers, nats.", &head, (0..self.seeds).map(row).collect());
        findings
    }

    fn figures(&self, runs: &[Vec<Vec<Look>>; 2], gaps: &[Nats; 2], logs: &[Nats; 2], findings: &mut Findings) {
        let [exact, mean_field] = [0, 1].map(|way| mean_of(&gaps[way]));
        let caption = format!(
            "Mean field misses {exact:.4} nats of a machine that learned with the exact posterior and {mean_field:.4} of one that \
             learned with mean field. Means over {} starts.",
            self.seeds
        );
        let axis = || Axis::linear("Adam steps");
        let label = Axis::log("ln p(v) - ELBO of mean field, nats");
        findings.figure(curves(Figure::new("The gap after learning", caption, axis(), label), runs, &gap));
        let caption = format!(
            "The exact log-likelihoods end at {:.3} and {:.3} nats: the gap does not tell which of the two machines is better.",
            mean_of(&logs[0]),
            mean_of(&logs[1])
        );
        let label = Axis::linear("mean ln p(v), nats");
        findings
            .figure(curves(Figure::new("What was learned", caption, axis(), label), runs, &|look| look.log_likelihood));
    }
}

/// KL(q ‖ p) of mean field, nats.
fn gap(look: &Look) -> f64 {
    look.log_likelihood - look.elbo
}

/// One line for each way to learn: the mean over its runs.
fn curves(figure: Figure, runs: &[Vec<Vec<Look>>; 2], of: &dyn Fn(&Look) -> f64) -> Figure {
    WAYS.iter().zip(runs).fold(figure, |figure, (way, runs)| {
        let looks = runs.first().map_or(0, Vec::len);
        let mean = |index: usize| {
            let values: Vec<f64> = runs.iter().map(|looks| of(&looks[index])).collect();
            (runs[0][index].update as f64, mean_of(&values))
        };
        figure.line(format!("learned with {way}"), (0..looks).map(mean).collect::<Vec<_>>())
    })
}
