//! Where mean field converges, every mean is what its fixed-point equation says, and the bound is stationary.
//!
//! ∂L/∂μ_i = 0 gives μ_i = σ(b_i + Σ_j W_ij μ_j) (Goodfellow, Bengio & Courville 2016, sections 19.4.1 and 20.4.2). The residual is that
//! of all equations at once; the gradient of L in the log-odds is taken by central differences, which know nothing of the equations.

use super::instances::{binary_inputs, random_dbm, sizes_word};
use super::{Axis, Figure, Findings, Laboratory, Study};
use crate::inference::{Inference, MeanField, Refine, Stop, Uninformed};
use crate::math::{DType, Device, Nats, Result, Stream, Tensor, larger, largest_change, smaller};
use crate::models::{BinarySparseCoding, Conditionals, ExpectedJoint, LatentModel, Multilinear};
use crate::posterior::{Factorial, Posterior};
use serde::{Deserialize, Serialize};

/// Step of the central differences, in log-odds.
const STEP: f64 = 1e-4;

/// The models, and how they are converged.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FixedPoints {
    /// Boltzmann machines: units per layer, visible first.
    pub machines: Vec<Vec<usize>>,
    /// Visible and hidden units of binary sparse coding.
    pub sparse_coding: [usize; 2],
    /// Standard deviation of all weights.
    pub weight_std: f64,
    /// Most inputs of each model.
    pub inputs: usize,
    /// Most sweeps.
    pub sweeps: usize,
    /// No mean changes by more than this in the last sweep.
    pub tolerance: f64,
}

impl Default for FixedPoints {
    fn default() -> Self {
        Self {
            machines: vec![vec![8, 6, 4], vec![6, 6, 5, 4], vec![8, 6, 4, 2], vec![10, 6, 4]],
            sparse_coding: [12, 8],
            weight_std: 1.0,
            inputs: 32,
            sweeps: 20_000,
            tolerance: 1e-14,
        }
    }
}

/// One model, over all its inputs.
struct Case {
    name: String,
    /// Largest change of a mean in each sweep.
    changes: Vec<f64>,
    converged: usize,
    inputs: usize,
    residual: f64,
    gradient: f64,
    /// The gradient where mean field starts, for comparison.
    gradient_at_start: f64,
}

impl Study for FixedPoints {
    fn run(&self, stream: Stream, lab: &mut dyn Laboratory) -> Result<Findings> {
        let of = self.machines.len() + 1;
        let mut cases = Vec::new();
        for (index, sizes) in self.machines.iter().enumerate() {
            lab.at("models", index, of)?;
            let stream = stream.named("machine").at(index as u64);
            let dbm = random_dbm(sizes, self.weight_std, 0.5 * self.weight_std, stream)?;
            let visible = binary_inputs(sizes[0], self.inputs, stream.named("inputs"))?;
            cases.push(self.case(format!("DBM {}", sizes_word(sizes)), &dbm, &visible)?);
        }
        lab.at("models", of - 1, of)?;
        cases.push(self.binary_sparse_coding(stream.named("sparse coding"))?);
        Ok(findings(&cases))
    }
}

impl FixedPoints {
    fn binary_sparse_coding(&self, stream: Stream) -> Result<Case> {
        let [visible, hidden] = self.sparse_coding;
        let draw = |name: &str, rows, columns| stream.named(name).normal(rows, columns, DType::F64, &Device::Cpu);
        let weight = (draw("weights", visible, hidden)? * self.weight_std)?;
        let bias = draw("biases", 1, hidden)?.squeeze(0)?;
        let model = BinarySparseCoding::new(weight, bias, Tensor::ones(visible, DType::F64, &Device::Cpu)?)?;
        let (inputs, _) = model.sample(self.inputs, stream.named("inputs"))?;
        self.case(format!("sparse coding {visible}-{hidden}"), &model, &inputs)
    }

    fn case<M>(&self, name: String, model: &M, visible: &Tensor) -> Result<Case>
    where
        M: LatentModel + ExpectedJoint<Factorial>,
        M::Clamped: Multilinear,
    {
        let start = Uninformed.infer(model, visible, Stream::new(0))?.q;
        let gradient_at_start = gradient(model, visible, &start)?;
        let conditionals = model.clamp(visible)?;
        let stop = Stop::when_within(self.tolerance, self.sweeps);
        let inferred = MeanField::default().refine(&conditionals, start, stop, Stream::new(0))?;
        let converged = inferred.trace.converged.unwrap_or_default();
        Ok(Case {
            name,
            changes: inferred.trace.changes,
            inputs: converged.len(),
            converged: converged.into_iter().filter(|converged| *converged).count(),
            residual: residual(&conditionals, &inferred.q)?,
            gradient: gradient(model, visible, &inferred.q)?,
            gradient_at_start,
        })
    }
}

/// The largest |μ - σ(input)| of any unit of any example, every input read at the same means.
fn residual<C: Conditionals>(conditionals: &C, q: &Factorial) -> Result<f64> {
    let means = q.means()?;
    let mut largest: f64 = 0.0;
    for (layer, kind) in conditionals.units().iter().enumerate() {
        let expected = kind.mean(&conditionals.input(&means, layer)?)?;
        largest = largest_change(&means[layer], &expected)?.into_iter().fold(largest, larger);
    }
    Ok(largest)
}

/// The largest |∂L/∂ log-odds| of any unit of any example, by central differences.
fn gradient<M: LatentModel + ExpectedJoint<Factorial>>(model: &M, visible: &Tensor, q: &Factorial) -> Result<f64> {
    let mut largest: f64 = 0.0;
    for layer in 0..q.inputs().len() {
        for unit in 0..q.inputs()[layer].dim(1)? {
            let [up, down] = [STEP, -STEP].map(|step| bounds(model, visible, q, (layer, unit), step));
            let slopes = up?.into_iter().zip(down?).map(|(up, down)| ((up - down) / (2.0 * STEP)).abs());
            largest = slopes.fold(largest, larger);
        }
    }
    Ok(largest)
}

/// L of every example with the log-odds of one unit moved.
fn bounds<M: LatentModel + ExpectedJoint<Factorial>>(
    model: &M,
    visible: &Tensor,
    q: &Factorial,
    (layer, unit): (usize, usize),
    step: f64,
) -> Result<Nats> {
    let mut inputs = q.inputs().to_vec();
    let (rows, units) = inputs[layer].dims2()?;
    let moved: Vec<f64> = (0..units).map(|other| if other == unit { step } else { 0.0 }).collect();
    let moved = Tensor::from_vec(moved, (1, units), inputs[layer].device())?.broadcast_as((rows, units))?;
    inputs[layer] = (&inputs[layer] + moved)?;
    model.free_energy(visible, &Factorial::from_inputs(q.units().to_vec(), inputs))
}

fn findings(cases: &[Case]) -> Findings {
    let mut findings = Findings::default();
    let most = |of: fn(&Case) -> f64| cases.iter().map(of).fold(0.0, larger);
    let (residual, gradient) = (most(|case| case.residual), most(|case| case.gradient));
    let [converged, inputs] =
        [|case: &Case| case.converged, |case: &Case| case.inputs].map(|of| cases.iter().map(of).sum::<usize>());
    findings.quantity("residual_max", residual);
    findings.quantity("gradient_nats_max", gradient);
    findings
        .quantity("gradient_at_start_nats_min", cases.iter().map(|c| c.gradient_at_start).fold(f64::INFINITY, smaller));
    findings.quantity("converged_share", converged as f64 / inputs as f64);
    let caption = format!(
        "The largest change of any mean falls by a constant factor a sweep, down to rounding. There every mean meets its equation to \
         {residual:.0e}, and no derivative of the bound exceeds {gradient:.0e} nats."
    );
    let axes = (Axis::linear("sweep"), Axis::log("largest change of a mean, over inputs"));
    let mut figure = Figure::new("Mean field on its way to the fixed point", caption, axes.0, axes.1);
    for case in cases {
        figure = figure.line(&case.name, (1..).map(f64::from).zip(case.changes.iter().copied()));
        let changes = (1..).zip(case.changes.iter().copied());
        findings.series(&case.name, "inference/largest_change", changes);
    }
    findings.figure(figure);
    let row = |case: &Case| {
        let number = |value: f64| format!("{value:.1e}");
        let numbers = [case.residual, case.gradient, case.gradient_at_start].map(number);
        let counts = [format!("{} of {}", case.converged, case.inputs), case.changes.len().to_string()];
        std::iter::once(case.name.clone()).chain(counts).chain(numbers).collect()
    };
    let head = ["model", "converged", "sweeps", "residual", "|dL/d log-odds|", "the same at the start"];
    findings.sheet("At the fixed point.", &head, cases.iter().map(row).collect());
    findings
}
