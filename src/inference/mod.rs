//! Floor 4: schemes that turn (model, v) into a q, and the combinator that refines any start by any scheme.

mod ascent;
mod continuous;
mod coordinate_descent;
mod coupled_lista;
mod encoder;
mod exact;
mod fista;
mod gaussian_fit;
mod gibbs;
mod icm;
mod ista;
mod lista;
mod map;
mod maximum_entropy;
mod mean_field;
mod network;
mod recognition;
mod sparse;
mod start;
mod structured;
mod tap;

use crate::math::{Nats, Result, Stream, Tensor};
use crate::models::{Conditionals, LatentModel};
use crate::posterior::{Factorial, Posterior};
pub use continuous::{GaussianFactors, GaussianPosterior, OnGridAscent};
pub use coordinate_descent::CoordinateDescent;
pub use coupled_lista::CoupledLista;
pub use encoder::Encoder;
pub use exact::Exact;
pub use fista::Fista;
pub use gaussian_fit::{GaussianFit, OnLine, best_gaussian, elbo_slope_in_log_deviation, gaussian_elbo};
pub use gibbs::Gibbs;
pub use icm::IteratedModes;
pub use ista::Ista;
pub use lista::{Lista, Unrolled};
pub use map::Map;
pub use maximum_entropy::{MaximumEntropy, differential_entropy, maximum_entropy};
pub use mean_field::MeanField;
pub use network::Network;
pub use recognition::{Recognition, Recognized, repeat_rows};
pub use sparse::{CodeTrace, Coded, SolveCodes, Until, soft_threshold};
pub use start::{BottomUp, Random, Uninformed};
pub use structured::{Structured, Tables};
pub use tap::{Tap, TapEstimate};

/// A scheme: the approximate posterior of each example.
pub trait Inference<M> {
    /// The family q belongs to.
    type Posterior: Posterior;
    /// Infers q(h | v) for `visible` `[examples, visible]`; rows of draws are rows of `visible`.
    fn infer(&self, model: &M, visible: &Tensor, stream: Stream) -> Result<Inferred<Self::Posterior>>;
}

/// A scheme chosen at run time that yields a factorial q.
pub type AnyInference<M> = Box<dyn Inference<M, Posterior = Factorial> + Send + Sync>;

impl<M, Q: Posterior> Inference<M> for Box<dyn Inference<M, Posterior = Q> + Send + Sync> {
    type Posterior = Q;

    fn infer(&self, model: &M, visible: &Tensor, stream: Stream) -> Result<Inferred<Q>> {
        (**self).infer(model, visible, stream)
    }
}

/// The answer, and what it took.
#[derive(Clone, Debug)]
pub struct Inferred<Q> {
    /// The approximate posterior.
    pub q: Q,
    /// How it was reached.
    pub trace: Trace,
}

/// What an inference run did. Not converging is a result, not an error.
#[derive(Clone, Debug, Default)]
pub struct Trace {
    /// Sweeps made on each example.
    pub sweeps: Vec<u32>,
    /// Whether each example's last sweep changed no mean by the tolerance or more; none of a scheme without a tolerance.
    pub converged: Option<Vec<bool>>,
    /// Largest change of any mean in each sweep, over the examples still moving.
    pub changes: Vec<f64>,
    /// Mean over examples of E_q[ln p̃] + H(q) before the first and after each sweep, nats; empty unless asked for.
    pub elbos_unnormalized: Nats,
}

impl Trace {
    /// Of a scheme that makes the same number of sweeps on every example and does not look for convergence.
    pub fn fixed(examples: usize, sweeps: usize) -> Self {
        Self { sweeps: vec![sweeps as u32; examples], ..Self::default() }
    }
}

/// When a refinement ends.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Stop {
    /// Never more sweeps than this.
    pub max_sweeps: usize,
    /// An example is done once a sweep changes none of its means by this much; `None` makes exactly `max_sweeps`.
    pub tolerance: Option<f64>,
    /// Record the ELBO of every sweep in the trace.
    pub traced: bool,
}

impl Stop {
    /// Exactly this many sweeps.
    pub fn after(sweeps: usize) -> Self {
        Self { max_sweeps: sweeps, tolerance: None, traced: false }
    }

    /// When no mean changes by `tolerance`, at most `max_sweeps` sweeps.
    pub fn when_within(tolerance: f64, max_sweeps: usize) -> Self {
        Self { max_sweeps, tolerance: Some(tolerance), traced: false }
    }

    /// The same, recording the ELBO of every sweep.
    pub fn traced(self) -> Self {
        Self { traced: true, ..self }
    }
}

/// Something that improves a q given the conditionals of a clamped model.
pub trait Refine<C: Conditionals> {
    /// Refines `q` until `stop`.
    fn refine(&self, conditionals: &C, q: Factorial, stop: Stop, stream: Stream) -> Result<Inferred<Factorial>>;
}

/// Any start, refined by any scheme, until a stop rule: "network + 1 mean-field sweep" is one of these.
#[derive(Clone, Debug)]
pub struct Refined<S, R> {
    /// Where q comes from.
    pub start: S,
    /// What improves it.
    pub by: R,
    /// For how long.
    pub stop: Stop,
}

impl<M, S, R> Inference<M> for Refined<S, R>
where
    M: LatentModel,
    S: Inference<M, Posterior = Factorial>,
    R: Refine<M::Clamped>,
{
    type Posterior = Factorial;

    fn infer(&self, model: &M, visible: &Tensor, stream: Stream) -> Result<Inferred<Factorial>> {
        let start = self.start.infer(model, visible, stream.named("start"))?;
        self.by.refine(&model.clamp(visible)?, start.q, self.stop, stream)
    }
}
