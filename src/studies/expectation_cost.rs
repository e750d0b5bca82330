//! Under a factorial q the expected log joint of a machine is a polynomial of the means: one product a weight instead of a sum over all
//! states.
//!
//! E_q[ln p̃] + H(q) = b_0·v + Σ_l b_l·μ_l + Σ_l μ_lᵀ W_l μ_{l+1} + Σ H(μ) (Goodfellow, Bengio & Courville 2016, sections 19.4 and 20.4.2),
//! against Σ_h q(h) [ln p̃(v, h) - ln q(h)] over all 2^m states.

use super::direct_sums::{average, log_joints, log_probabilities};
use super::instances::{all_binary, random_binary, random_dbm};
use super::{Axis, Figure, Findings, Laboratory, Study};
use crate::inference::{Inference, Random};
use crate::math::{Result, Stream, Tensor, bail, larger};
use crate::models::{Dbm, ExpectedJoint, LatentModel};
use crate::posterior::Factorial;
use serde::{Deserialize, Serialize};

/// Which machines, and how often each is timed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ExpectationCost {
    /// Visible units of every machine.
    pub visible: usize,
    /// Hidden units, in two layers of half as many, where both ways are taken.
    pub hidden: Vec<usize>,
    /// Hidden units where only the formula is.
    pub hidden_more: Vec<usize>,
    /// From this many hidden units on the growth of the sum is judged: below, its fixed costs show.
    pub growth_from: usize,
    /// Hidden units between which the growth of the formula is judged: below, fixed costs show; above, the weights exceed the
    /// cache of the processor and each of them costs more.
    pub formula_growth: [usize; 2],
    /// Random q of each machine.
    pub posteriors: usize,
    /// Runs of which the shortest counts.
    pub repeats: usize,
}

impl Default for ExpectationCost {
    fn default() -> Self {
        Self {
            visible: 8,
            hidden: vec![4, 6, 8, 10, 12, 14, 16, 18],
            hidden_more: vec![64, 256, 1024, 1536, 2048, 4096],
            growth_from: 12,
            formula_growth: [1024, 2048],
            posteriors: 4,
            repeats: 5,
        }
    }
}

/// One machine: its size, seconds of both ways, and how far they are apart.
struct Timed {
    hidden: usize,
    weights: usize,
    formula: f64,
    sum: Option<f64>,
    apart: f64,
}

impl Study for ExpectationCost {
    fn run(&self, stream: Stream, lab: &mut dyn Laboratory) -> Result<Findings> {
        let sizes = self.hidden.iter().map(|&units| (units, true));
        let sizes: Vec<(usize, bool)> = sizes.chain(self.hidden_more.iter().map(|&units| (units, false))).collect();
        let mut timed = Vec::new();
        for (index, (hidden, summed)) in sizes.iter().enumerate() {
            lab.at("sizes", index, sizes.len())?;
            timed.push(self.time(*hidden, *summed, stream.at(index as u64), lab)?);
        }
        self.findings(&timed)
    }
}

impl ExpectationCost {
    fn time(&self, hidden: usize, summed: bool, stream: Stream, lab: &dyn Laboratory) -> Result<Timed> {
        let sizes = [self.visible, hidden.div_ceil(2), hidden / 2];
        // Inputs of units stay of the same size.
        let dbm = random_dbm(&sizes, 1.0 / (hidden as f64).sqrt(), 0.5, stream)?;
        let visible = random_binary(1, self.visible, stream.named("input"))?;
        let many = visible.broadcast_as((self.posteriors, self.visible))?.contiguous()?;
        let q = Random.infer(&dbm, &many, stream.named("q"))?.q;
        let (formula, closed) = self.shortest(lab, || dbm.free_energy(&many, &q))?;
        let (sum, apart) = match summed {
            false => (None, 0.0),
            true => {
                let (seconds, direct) = self.shortest(lab, || direct(&dbm, &visible, &q))?;
                let apart = closed.iter().zip(&direct).map(|(closed, direct)| (closed - direct).abs());
                (Some(seconds), apart.fold(0.0, larger))
            }
        };
        Ok(Timed { hidden, weights: sizes[0] * sizes[1] + sizes[1] * sizes[2], formula, sum, apart })
    }

    /// The shortest of some runs, and what they give.
    fn shortest<T>(&self, lab: &dyn Laboratory, mut run: impl FnMut() -> Result<T>) -> Result<(f64, T)> {
        let mut best: Option<(f64, T)> = None;
        for _ in 0..self.repeats {
            let from = lab.seconds();
            let value = run()?;
            let seconds = lab.seconds() - from;
            if best.as_ref().is_none_or(|(shortest, _)| seconds < *shortest) {
                best = Some((seconds, value));
            }
        }
        best.map_or_else(|| bail!("at least one run has to be timed"), Ok)
    }

    fn findings(&self, timed: &[Timed]) -> Result<Findings> {
        let mut findings = Findings::default();
        let sums: Vec<(f64, f64)> = timed.iter().filter_map(|t| Some((t.hidden as f64, t.sum?))).collect();
        let judged: Vec<(f64, f64)> =
            sums.iter().filter(|(units, _)| *units >= self.growth_from as f64).map(|(x, s)| (*x, s.log2())).collect();
        let growth = slope(&judged).exp2();
        let formulas = || timed.iter().map(|t| (t.hidden as f64, t.formula));
        let [from, to] = self.formula_growth;
        let large = timed.iter().filter(|t| (from..=to).contains(&t.hidden));
        let exponent = slope(&large.map(|t| ((t.weights as f64).ln(), t.formula.ln())).collect::<Vec<_>>());
        let apart = timed.iter().map(|t| t.apart).fold(0.0, larger);
        findings.quantity("difference_nats_max", apart);
        findings.quantity("sum_time_factor_per_unit", growth);
        findings.quantity("formula_time_exponent_of_weights", exponent);
        if let (Some((units, sum)), Some(at)) = (sums.last(), timed.iter().rfind(|t| t.sum.is_some())) {
            findings.quantity(format!("sum_over_formula_time_at_{units}_units"), sum / at.formula);
        }
        let caption = format!(
            "The sum takes {growth:.2} times as long for every unit more; the formula grows with the number of weights to the power of \
             {exponent:.2} from {from} to {to} units. Both give the same to {apart:.0e} nats."
        );
        let axes = (Axis::log("hidden units"), Axis::log("seconds"));
        findings.figure(
            Figure::new("The expected log joint, two ways", caption, axes.0, axes.1)
                .line("sum over all states", sums.clone())
                .line("formula", formulas()),
        );
        findings.series("sum over all states", "inference/time_ms", milliseconds(sums.iter().copied()));
        findings.series("formula", "inference/time_ms", milliseconds(formulas()));
        let row = |t: &Timed| {
            let sum = t.sum.map_or("–".into(), |sum| format!("{:.3}", 1e3 * sum));
            vec![t.hidden.to_string(), t.weights.to_string(), format!("{:.3}", 1e3 * t.formula), sum]
        };
        let head = ["hidden units", "weights", "formula, ms", "sum, ms"];
        findings.sheet("Time by size, the shortest of some runs.", &head, timed.iter().map(row).collect());
        Ok(findings)
    }
}

fn milliseconds(points: impl Iterator<Item = (f64, f64)>) -> impl Iterator<Item = (u64, f64)> {
    points.map(|(units, seconds)| (units as u64, 1e3 * seconds))
}

/// Σ_h q(h) [ln p̃(v, h) - ln q(h)] of each q.
fn direct(dbm: &Dbm, visible: &Tensor, q: &Factorial) -> Result<Vec<f64>> {
    let log_odds = Tensor::cat(q.inputs(), 1)?;
    let states = all_binary(log_odds.dim(1)?)?;
    let log_q = log_probabilities(&log_odds, &states)?;
    let joints = average(&log_q, &log_joints(&dbm.clamp(visible)?, &states)?)?;
    let entropies = (log_q.exp()? * &log_q)?.sum(1)?.to_vec1::<f64>()?;
    Ok(joints.iter().zip(entropies).map(|(joint, negative)| joint - negative).collect())
}

/// Slope of the line through points that leaves the smallest squares.
fn slope(points: &[(f64, f64)]) -> f64 {
    let count = points.len() as f64;
    let (x, y) = points.iter().fold((0.0, 0.0), |(a, b), (x, y)| (a + x / count, b + y / count));
    let pairs = points.iter().map(|(a, b)| ((a - x) * (b - y), (a - x) * (a - x)));
    let (together, own) = pairs.fold((0.0, 0.0), |(a, b), (together, own)| (a + together, b + own));
    together / own
}
