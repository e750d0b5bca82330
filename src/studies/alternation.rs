//! Learning a dictionary by turns on examples whose dictionary is known: what each half step does to the objective, what is found
//! again, and whether the place to begin matters.
//!
//! J(H, W) = Σ λ ‖h‖₁ + Σ ‖v - W h‖² (Goodfellow, Bengio & Courville 2016, equation 19.16), atoms kept in the unit ball. It is convex in
//! H for fixed W and in W for fixed H, but not in both.

use super::atoms::matched_cosines;
use super::planted::Planted;
use super::{Axis, Figure, Findings, Laboratory, Mark, Study};
use crate::inference::{CoordinateDescent, SolveCodes, Until};
use crate::learning::{Columns, DictionaryLearning, Learned, Moments};
use crate::math::{DType, Device, Result, Stream, Tensor, bail, host, larger, smaller};
use crate::models::SparseCoding;
use serde::{Deserialize, Serialize};

/// Two atoms are the same if the cosine of their angle is larger, whatever its sign.
const SAME: f64 = 0.95;

/// Planted dictionaries and how they are learned.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Alternation {
    /// What examples are made of.
    pub planted: Planted,
    /// Examples of each planted dictionary.
    pub examples: usize,
    /// Planted dictionaries.
    pub dictionaries: usize,
    /// Dictionaries to begin with on the examples of the first planted one.
    pub starts: usize,
    /// Codes to begin with for one fixed dictionary.
    pub code_starts: usize,
    /// Rounds of codes and atoms.
    pub rounds: usize,
    /// λ of the chapter's objective.
    pub lambda: f64,
}

impl Default for Alternation {
    fn default() -> Self {
        Self {
            planted: Planted { visible: 12, atoms: 16, density: 0.15, noise: 0.02 },
            examples: 800,
            dictionaries: 3,
            starts: 5,
            code_starts: 10,
            rounds: 40,
            lambda: 0.2,
        }
    }
}

/// A planted dictionary, its examples and what was learned of it.
struct Run {
    planted: Tensor,
    visible: Tensor,
    learned: Learned,
}

impl Study for Alternation {
    fn run(&self, stream: Stream, lab: &mut dyn Laboratory) -> Result<Findings> {
        let of = self.dictionaries + self.starts - 1;
        let mut runs = Vec::new();
        for index in 0..self.dictionaries {
            lab.at("dictionaries", index, of)?;
            runs.push(self.learn(stream.at(index as u64), 0)?);
        }
        let Some(first) = runs.first() else { bail!("at least one dictionary has to be planted") };
        let mut ends = vec![self.last(first)?];
        for start in 1..self.starts {
            lab.at("dictionaries", self.dictionaries + start - 1, of)?;
            ends.push(self.last(&self.learn(stream.at(0), start as u64)?)?);
        }
        let mut findings = Findings::default();
        self.report_objectives(&mut findings, &runs)?;
        self.report_atoms(&mut findings, &runs)?;
        findings.quantity("normal_equations_error_relative", normal_equations_error(first)?);
        findings.quantity("objective_spread_over_code_starts_relative", self.spread_over_code_starts(first, stream)?);
        findings.quantity("objective_spread_over_atom_starts_relative", spread(&ends));
        let rows = ends.iter().enumerate().map(|(start, end)| vec![start.to_string(), format!("{end:.4}")]).collect();
        findings.sheet("The same examples from other atoms end elsewhere.", &["start", "J at the end"], rows);
        let bars = ends.iter().enumerate().map(|(start, end)| (format!("start {start}"), end - least(&ends)));
        let caption = format!(
            "Not convex jointly: from {} dictionaries J ends up to {:.2} % above the lowest, while for one dictionary codes from {} \
             starts end alike.",
            self.starts,
            100.0 * spread(&ends),
            self.code_starts
        );
        let (x, y) = (Axis::linear("dictionary to begin with"), Axis::linear("J above the lowest, nats"));
        findings.figure(Figure::new("Where alternation ends", caption, x, y).bars("J at the end", bars));
        Ok(findings)
    }
}

impl Alternation {
    fn learning(&self) -> DictionaryLearning<CoordinateDescent> {
        let until = Until::gap_within(1e-11, 5000);
        DictionaryLearning { solver: CoordinateDescent, until, columns: Columns::UnitBall { rounds: 20 } }
    }

    fn learn(&self, stream: Stream, start: u64) -> Result<Run> {
        let planted = self.planted.dictionary(stream)?;
        let visible = self.planted.examples(&planted, self.examples, stream)?;
        let (units, atoms) = planted.dims2()?;
        let begin = SparseCoding::random_atoms(units, atoms, stream.named("start").at(start), &planted)?;
        let learned = self.learning().learn(&SparseCoding::chapter(begin, self.lambda)?, &visible, self.rounds)?;
        Ok(Run { planted, visible, learned })
    }

    /// J of the last round.
    fn last(&self, run: &Run) -> Result<f64> {
        match run.learned.objectives.last() {
            Some(last) => Ok(*last),
            None => bail!("no half step was made"),
        }
    }

    fn report_objectives(&self, findings: &mut Findings, runs: &[Run]) -> Result<()> {
        let (mut rise, mut fall) = (f64::NEG_INFINITY, f64::INFINITY);
        let mut lines = Vec::new();
        for (index, run) in runs.iter().enumerate() {
            let found = &run.learned.objectives;
            rise = found.windows(2).map(|pair| pair[1] / pair[0] - 1.0).fold(rise, larger);
            fall = smaller(fall, 1.0 - self.last(run)? / found[0]);
            let name = format!("dictionary {index}");
            for (half, tag) in ["sparse/J_after_H_nats", "sparse/J_after_W_nats"].into_iter().enumerate() {
                let points = found.iter().skip(half).step_by(2).zip(1..).map(|(value, round)| (round, *value));
                findings.series(name.replace(' ', "-"), tag, points);
            }
            lines
                .push((name, found.iter().zip(1..).map(|(value, half)| (f64::from(half), *value)).collect::<Vec<_>>()));
        }
        findings.quantity("objective_rise_relative_max", rise);
        findings.quantity("objective_fall_relative_min", fall);
        let caption = format!(
            "J falls at every half step, by {:.0} % or more in all, from the first codes to the last atoms.",
            100.0 * fall
        );
        let (x, y) = (Axis::log("half step (codes, atoms, codes, …)"), Axis::linear("J, nats, summed over examples"));
        let figure = Figure::new("The objective of dictionary learning", caption, x, y);
        findings.figure(lines.into_iter().fold(figure, |figure, (name, points)| figure.line(name, points)));
        Ok(())
    }

    fn report_atoms(&self, findings: &mut Findings, runs: &[Run]) -> Result<()> {
        let mut shares = Vec::new();
        let mut first = None;
        for run in runs {
            let cosines = matched_cosines(&run.planted, run.learned.model.weight())?;
            let found = (0..cosines.len()).filter(|&atom| cosines[atom][atom] > SAME).count();
            shares.push(found as f64 / cosines.len() as f64);
            first.get_or_insert(cosines);
        }
        for (index, share) in shares.iter().enumerate() {
            findings.quantity(format!("atoms_recovered_share_{index}"), *share);
        }
        let least = shares.iter().copied().fold(1.0, smaller);
        findings.quantity("atoms_recovered_share_min", least);
        let caption = format!(
            "Each planted atom against the learned one it matches (the diagonal): |cos| above {SAME} for {:.0} % of the atoms of this \
             dictionary, and for {:.0} % or more of those of every one.",
            100.0 * shares[0],
            100.0 * least
        );
        let (x, y) = (Axis::linear("learned atom"), Axis::linear("planted atom"));
        let figure = Figure::new("Planted and learned atoms, |cos|", caption, x, y);
        findings.figure(figure.with(Mark::Heat { rows: first.unwrap_or_default() }));
        Ok(())
    }

    /// Largest relative difference of J over codes that begin anywhere, for the learned dictionary.
    fn spread_over_code_starts(&self, run: &Run, stream: Stream) -> Result<f64> {
        let lasso = run.learned.model.clamp(&run.visible)?;
        let (examples, atoms) = run.learned.codes.dims2()?;
        let end = |start: usize| {
            let begin = stream.named("codes").at(start as u64).normal(examples, atoms, DType::F64, &Device::Cpu)?;
            let codes = CoordinateDescent.solve(&lasso, Some(&begin), self.learning().until)?.codes;
            Ok(lasso.objective(&codes)?.iter().sum::<f64>())
        };
        Ok(spread(&(0..self.code_starts).map(end).collect::<Result<Vec<f64>>>()?))
    }
}

fn least(values: &[f64]) -> f64 {
    values.iter().copied().fold(f64::INFINITY, smaller)
}

/// (largest - smallest) / smallest.
fn spread(values: &[f64]) -> f64 {
    values.iter().copied().fold(f64::NEG_INFINITY, larger) / least(values) - 1.0
}

/// How far the step of the atoms without constraint is from W Σ h hᵀ = Σ v hᵀ, relative to the right side.
fn normal_equations_error(run: &Run) -> Result<f64> {
    let moments = Moments::of(&run.visible, &run.learned.codes)?;
    let free = Columns::Free.step(&run.learned.model, &moments)?;
    let away = host(&(free.weight().matmul(&moments.codes_by_codes)? - &moments.visible_by_codes)?)?;
    let size = |values: &[f64]| values.iter().fold(0.0_f64, |largest, value| larger(largest, value.abs()));
    Ok(size(&away) / size(&host(&moments.visible_by_codes)?))
}
