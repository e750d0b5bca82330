//! Floor 3: joints over visible and hidden units, known up to a constant.

mod belief_net;
mod belief_sums;
mod binary_sparse_coding;
mod classifier;
mod dbm;
mod enumeration;
mod evidence;
mod exact;
mod factor_analysis;
mod fused;
mod heated;
mod labels;
mod lasso;
mod linear_latents;
mod mixture;
mod mlp;
mod mode;
mod pairwise;
mod partial;
mod sparse_coding;
mod stack;
mod vae;

use crate::math::{Layers, Nats, Result, Stream, Tensor, host, sum_units};
use crate::posterior::{Factorial, PointMass, Posterior, Table};
use crate::units::Kind;
pub use belief_net::{BeliefNet, layers_named, log_prob, named_layers};
pub use binary_sparse_coding::{BinarySparseCoding, Causes};
pub use classifier::{Classifier, Pass};
pub use dbm::Dbm;
pub use enumeration::Enumeration;
pub use evidence::{Evidence, ExpectedJoint};
pub use factor_analysis::{FactorAnalysis, Noise};
pub use heated::Heated;
pub use labels::one_hot;
pub use lasso::{CodeSums, Lasso};
pub use linear_latents::{Expected, GaussianExpectation, LinearLatents, LogJoint, Observed, Prior};
pub use mixture::{BernoulliComponents, Components, GaussianComponents, Mixture};
pub use mlp::{Activation, Mlp};
pub use mode::{Mode, best_of_all};
pub use pairwise::{Couplings, Pairwise, index};
pub use partial::{Known, Rest};
pub use sparse_coding::{SparseCoding, lengths, unit_columns};
pub use stack::Stack;
pub use vae::{Vae, VaeShape, Visible};

/// A joint p̃(v, h) whose hidden units, once v is given, are a set of conditionals.
pub trait LatentModel {
    /// The hidden units with v clamped.
    type Clamped: Conditionals;
    /// Kind and number of units of every hidden layer, bottom first.
    fn hidden(&self) -> Vec<(Kind, usize)>;
    /// Fixes the visible units, `[examples, visible]`.
    fn clamp(&self, visible: &Tensor) -> Result<Self::Clamped>;
    /// `q` with what `examples` tell of the hidden units themselves, where they tell anything.
    fn informed(&self, examples: &Tensor, q: Factorial) -> Result<Factorial> {
        let _ = examples;
        Ok(q)
    }
}

/// Models that can say what the visible units would be.
pub trait Reconstruct: LatentModel {
    /// Means of the visible units given the means (or states) of the hidden layers, bottom first, `[examples, visible]`.
    fn reconstruct(&self, hidden: &[Tensor]) -> Result<Tensor>;
}

/// Units in layers, each of which knows the input it receives from all the others.
///
/// Reading the mean off the input is mean field, a sample Gibbs sampling, the mode iterated conditional modes: one sweep,
/// three readings.
pub trait Conditionals: Sized {
    /// The kind of each layer.
    fn units(&self) -> &[Kind];
    /// Units per layer.
    fn sizes(&self) -> Vec<usize>;
    /// Number of examples: rows of the states this goes with; 1 if every example sees the same conditionals.
    fn examples(&self) -> Result<usize>;
    /// Input of one layer given the states of all, `[examples, units of the layer]`.
    fn input(&self, states: &[Tensor], layer: usize) -> Result<Tensor>;
    /// ln p̃ of complete states, `[examples]`, nats, `f64`.
    fn log_joint(&self, states: &[Tensor]) -> Result<Tensor>;
    /// The conditionals of some of the examples; `rows` holds `u32` indices.
    fn select(&self, rows: &Tensor) -> Result<Self>;

    /// `count` sweeps from `start`.
    fn sweeps(&self, start: Swept, schedule: Schedule, reading: Reading, count: usize) -> Result<Swept> {
        (0..count as u64).try_fold(start, |swept, sweep| self.sweep(swept, schedule, reading.at(sweep)))
    }

    /// One sweep: every layer read once, in the order of the schedule.
    fn sweep(&self, swept: Swept, schedule: Schedule, reading: Reading) -> Result<Swept> {
        composed_sweep(self, swept, schedule, reading)
    }
}

/// One sweep made of tensor operations: the twin of every faster one.
pub fn composed_sweep<C: Conditionals>(
    conditionals: &C,
    mut swept: Swept,
    schedule: Schedule,
    reading: Reading,
) -> Result<Swept> {
    let old = swept.states.clone();
    for layer in schedule.order(conditionals.sizes().len()) {
        let states = if schedule == Schedule::Parallel { &old } else { &swept.states };
        let (kind, input) = (&conditionals.units()[layer], conditionals.input(states, layer)?);
        (swept.inputs[layer], swept.states[layer]) = reading.read(kind, &swept.inputs[layer], input, layer)?;
    }
    Ok(swept)
}

/// Pairs (model, q) whose E_q[ln p̃] has a closed form; other pairs do not compile.
pub trait ExpectedLogJoint<Q>: Conditionals {
    /// E_q[ln p̃(v, h)] of each example, nats.
    fn expected_log_joint(&self, q: &Q) -> Result<Nats>;
}

/// Conditionals whose `input` at the means is the mean of `input`, so that mean field applies: Boltzmann machines, not
/// sigmoid belief nets.
pub trait Multilinear: Conditionals {}

impl<C: Multilinear> ExpectedLogJoint<Factorial> for C {
    fn expected_log_joint(&self, q: &Factorial) -> Result<Nats> {
        let means = q.means()?;
        let mut total = self.log_joint(&means)?;
        for (kind, (input, mean)) in self.units().iter().zip(q.inputs().iter().zip(&means)) {
            let base = (sum_units(&kind.expected_log_base(input)?)? - sum_units(&kind.log_base(mean)?)?)?;
            total = (total + base)?;
        }
        host(&total)
    }
}

impl<C: Conditionals> ExpectedLogJoint<PointMass> for C {
    fn expected_log_joint(&self, q: &PointMass) -> Result<Nats> {
        host(&self.log_joint(q.states())?)
    }
}

impl<C: Multilinear> ExpectedLogJoint<Table> for C {
    fn expected_log_joint(&self, q: &Table) -> Result<Nats> {
        (0..q.examples()?)
            .map(|example| {
                let row = Tensor::new(&[example as u32], q.log_probs().device())?;
                let conditionals =
                    if self.examples()? == 1 { self.select(&row.zeros_like()?)? } else { self.select(&row)? };
                let log_joint = conditionals.log_joint(&q.states(example)?)?;
                Ok(host(&q.average(example, &log_joint.unsqueeze(1)?)?)?[0])
            })
            .collect()
    }
}

/// Which layers move when. Layers whose units all read newest values make a sweep coordinate ascent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Schedule {
    /// Bottom to top, each reading the newest values.
    Ascending,
    /// Layers 1, 3, … then 2, 4, …, counted from the first: two blocks.
    OddEven,
    /// All at once from the old values: not coordinate ascent, may oscillate.
    Parallel,
}

impl Schedule {
    /// The order in which `layers` layers are read.
    fn order(self, layers: usize) -> Vec<usize> {
        match self {
            Self::Ascending | Self::Parallel => (0..layers).collect(),
            Self::OddEven => (0..layers).step_by(2).chain((1..layers).step_by(2)).collect(),
        }
    }
}

/// What a sweep reads off each unit's input.
#[derive(Clone, Copy, Debug)]
pub enum Reading {
    /// Mean field.
    Mean,
    /// Mean field that keeps this share of the old mean (book section 19.4.1: a heuristic without a guarantee).
    DampedMean(f64),
    /// Gibbs sampling.
    Sample(Stream),
    /// Iterated conditional modes.
    Mode,
}

impl Reading {
    /// The reading of one sweep: a fresh sub-stream where there is one.
    pub fn at(self, sweep: u64) -> Self {
        match self {
            Self::Sample(stream) => Self::Sample(stream.at(sweep)),
            other => other,
        }
    }

    /// The input a unit ends up with and the state read off it.
    fn read(self, kind: &Kind, old: &Tensor, input: Tensor, layer: usize) -> Result<(Tensor, Tensor)> {
        let input = match self {
            Self::DampedMean(share) => kind.mix(old, &input, share)?,
            _ => input,
        };
        let state = match self {
            Self::Mean | Self::DampedMean(_) => kind.mean(&input)?,
            Self::Sample(stream) => kind.sample(&input, stream.at(layer as u64))?,
            Self::Mode => kind.mode(&input)?,
        };
        Ok((input, state))
    }
}

/// States after some sweeps, and the inputs they were read from; both `[examples, units]` per layer.
#[derive(Clone, Debug)]
pub struct Swept {
    /// Input each layer had when it was last read.
    pub inputs: Layers,
    /// Newest states.
    pub states: Layers,
}

impl Swept {
    /// States that come from nowhere; their inputs are unknown, and only damping would read them.
    pub fn from_states(states: Layers) -> Self {
        Self { inputs: states.clone(), states }
    }

    /// The inputs and means of a factorial q.
    pub fn from_posterior(q: &Factorial) -> Result<Self> {
        Ok(Self { inputs: q.inputs().to_vec(), states: q.means()? })
    }
}
