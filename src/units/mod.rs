//! Floor 1: one kind of unit, given the input it receives.
//!
//! p(state | input) ∝ exp(state · input + log_base(state)). A kind is known by its log-normaliser: the mean is its slope, the
//! variance its curvature. Reading the mean gives mean field, a sample gives Gibbs sampling, the mode gives iterated
//! conditional modes.

mod binary;
mod gaussian;
mod softmax;

use crate::math::{Result, Stream, Tensor, bail, sum_units};
pub use binary::Binary;
pub use gaussian::Gaussian;
pub use softmax::Softmax;
use std::fmt::Debug;
use std::sync::Arc;

/// What the units of one layer are; arguments and results are `[examples, units]`, unless a result says otherwise.
///
/// A part of a layer is what is independent of the rest of it: one unit, or all of them where they are one group.
pub trait Units: Debug + Send + Sync {
    /// The word for this kind in files and tables.
    fn name(&self) -> &'static str;
    /// ln Σ_state exp(state · input + log_base(state)) of each part, `[examples, parts]`, nats.
    fn log_normalizer(&self, input: &Tensor) -> Result<Tensor>;
    /// Expected state.
    fn mean(&self, input: &Tensor) -> Result<Tensor>;
    /// Variance of the state.
    fn variance(&self, input: &Tensor) -> Result<Tensor>;
    /// Most probable state.
    fn mode(&self, input: &Tensor) -> Result<Tensor>;
    /// One state drawn from `stream`.
    fn sample(&self, input: &Tensor, stream: Stream) -> Result<Tensor>;
    /// ln of the base measure at a state, nats.
    fn log_base(&self, state: &Tensor) -> Result<Tensor>;
    /// Expectation of `log_base` at the given input, nats.
    fn expected_log_base(&self, input: &Tensor) -> Result<Tensor>;
    /// Entropy of each part, `[examples, parts]`, nats.
    fn entropy(&self, input: &Tensor) -> Result<Tensor>;
    /// Sum of `log_normalizer` over the units of each example, `[examples]`, nats, `f64`.
    fn total_log_normalizer(&self, input: &Tensor) -> Result<Tensor> {
        sum_units(&self.log_normalizer(input)?)
    }
    /// Entropy of all units of each example, `[examples]`, nats, `f64`.
    fn total_entropy(&self, input: &Tensor) -> Result<Tensor> {
        sum_units(&self.entropy(input)?)
    }
    /// The input at which the mean is `share` of the mean at `old` and the rest that at `new` (damping).
    fn mix(&self, old: &Tensor, new: &Tensor, share: f64) -> Result<Tensor>;
    /// The input at which a unit has this mean; finite for means at the edge of the range.
    fn input_of_mean(&self, mean: &Tensor) -> Result<Tensor>;
    /// Whether states are 0 and 1 with mean σ(input), so that the fused kernels read them.
    fn is_logistic(&self) -> bool {
        false
    }
    /// Whether all units of a layer are one group, of which exactly one is 1 and the others are 0.
    fn is_group(&self) -> bool {
        false
    }
    /// Every state of one unit, if there are finitely many.
    fn states(&self) -> Option<&'static [f64]>;
    /// What the values of a layer are multiplied by on the way to other layers, `[units]`, where units have a noise of their own.
    fn precision(&self) -> Option<&Tensor> {
        None
    }
    /// ln σ² of that noise, `[units]`.
    fn log_variance(&self) -> Option<&Tensor> {
        None
    }
    /// Whether training moves it.
    fn learns_variance(&self) -> bool {
        false
    }
    /// The same kind with other noise, ln σ² `[units]`; fails for kinds without any.
    fn with_log_variance(&self, _: &Tensor) -> Result<Kind> {
        bail!("{} units have no variance of their own", self.name())
    }
}

/// A shared kind of unit.
pub type Kind = Arc<dyn Units>;

/// Every kind with finitely many states; the unit laws run on each.
pub fn all_kinds() -> Vec<Kind> {
    vec![Arc::new(Binary), Arc::new(Softmax)]
}
