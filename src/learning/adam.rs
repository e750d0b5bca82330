//! Adam: gradient ascent whose step size follows running means of each gradient and of its square (Kingma & Ba 2015, algorithm 1).
//!
//! m ← β₁ m + (1 - β₁) g, v ← β₂ v + (1 - β₂) g², θ ← θ + ε m̂ / (√v̂ + δ), with m̂ = m / (1 - β₁ᵗ) and v̂ = v / (1 - β₂ᵗ), which
//! undo the bias of means that begin at zero. `beta1`, `beta2` are the β, `epsilon` is δ; the learning rate ε is an argument.

use super::SavedTensors;
use super::parameters::saved;
use crate::math::{AdamStep, DType, Result, Tensor, bail};

/// The settings, without the learning rate.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Adam {
    /// Share of the old mean of the gradient that is kept, in [0, 1).
    pub beta1: f64,
    /// Share of the old mean of its square that is kept, in [0, 1).
    pub beta2: f64,
    /// Keeps the step of a parameter that never had a gradient finite.
    pub epsilon: f64,
}

impl Default for Adam {
    fn default() -> Self {
        Self { beta1: 0.9, beta2: 0.999, epsilon: 1e-8 }
    }
}

/// What Adam remembers of a list of tensors.
#[derive(Clone, Debug)]
pub struct AdamState {
    /// Steps made.
    pub step: u64,
    /// Running mean of the gradient, in the shape of each tensor.
    pub first: Vec<Tensor>,
    /// Running mean of its square.
    pub second: Vec<Tensor>,
}

impl AdamState {
    /// Nothing remembered, for tensors of these shapes.
    pub fn new(parameters: &[Tensor]) -> Result<Self> {
        let zeros = || parameters.iter().map(Tensor::zeros_like).collect::<Result<Vec<_>>>();
        Ok(Self { step: 0, first: zeros()?, second: zeros()? })
    }

    /// Every tensor under a stable name: `{prefix}.step` (one number), `{prefix}.first.{i}`, `{prefix}.second.{i}`.
    pub fn named(&self, prefix: &str) -> Result<Vec<(String, Tensor)>> {
        let mut named = Vec::with_capacity(2 * self.first.len() + 1);
        if let Some(like) = self.first.first() {
            named.push((format!("{prefix}.step"), Tensor::new(&[self.step as f64], like.device())?));
        }
        for (what, tensors) in [("first", &self.first), ("second", &self.second)] {
            named
                .extend(tensors.iter().enumerate().map(|(i, tensor)| (format!("{prefix}.{what}.{i}"), tensor.clone())));
        }
        Ok(named)
    }

    /// The inverse of `named`, for tensors of the shapes of `parameters`.
    pub fn restore(parameters: &[Tensor], prefix: &str, tensors: &SavedTensors) -> Result<Self> {
        let pick = |what: &str| {
            let each = parameters.iter().enumerate();
            each.map(|(i, like)| saved(tensors, &format!("{prefix}.{what}.{i}"), like.dims())).collect::<Result<_>>()
        };
        let step = match parameters {
            [] => 0,
            _ => saved(tensors, &format!("{prefix}.step"), &[1])?.to_dtype(DType::F64)?.to_vec1::<f64>()?[0] as u64,
        };
        Ok(Self { step, first: pick("first")?, second: pick("second")? })
    }
}

impl Adam {
    /// One step along `uphill`, one tensor for each of `parameters` in the same shape: where it leads, and what is remembered.
    pub fn ascend(
        &self,
        parameters: Vec<Tensor>,
        state: AdamState,
        uphill: &[Tensor],
        rate: f64,
    ) -> Result<(Vec<Tensor>, AdamState)> {
        if [uphill.len(), state.first.len(), state.second.len()] != [parameters.len(); 3] {
            bail!("{} tensors, {} gradients, a state for {}", parameters.len(), uphill.len(), state.first.len());
        }
        let step = state.step + 1;
        let unbiased = |beta: f64| 1.0 - beta.powf(step as f64);
        let by = AdamStep {
            kept: [self.beta1, self.beta2],
            rate: rate / unbiased(self.beta1),
            unbias: 1.0 / unbiased(self.beta2),
            epsilon: self.epsilon,
        };
        let mut moved = (Vec::with_capacity(uphill.len()), AdamState { step, first: Vec::new(), second: Vec::new() });
        for (i, (at, uphill)) in parameters.iter().zip(uphill).enumerate() {
            let [at, first, second] = by.ascend([at, &state.first[i], &state.second[i]], uphill)?;
            moved.0.push(at);
            moved.1.first.push(first);
            moved.1.second.push(second);
        }
        Ok(moved)
    }
}
