//! Sparse activity: units are drawn to be on for a small share of the examples.
//!
//! For each hidden unit a running mean of its activity under the data, q ← damping · q + (1 - damping) · mean, is held against a target t
//! (Lee, Ekanadham & Ng 2008; Nair & Hinton 2009; Hinton 2010, section 11). The penalty is cost · Σ_j (q_j - t_j) ā_j, where
//! ā_j = b_j + v̄ · W_j is the unit's input from its bias and the mean of the layer below, and q counts as given. Its gradient is
//! cost (q - t) for biases and cost v̄ᵀ (q - t) for the weights from below. For a unit that is on as much at every example, and no
//! damping, it is the gradient of the cross-entropy of t and q.

use super::parameters::saved;
use super::{SavedTensors, Statistics};
use crate::math::{Layers, Result, Tensor, Term};

/// How much units should be on, and how strongly they are drawn there.
#[derive(Clone, Debug, PartialEq)]
pub struct Sparsity {
    /// Share of the examples at which a unit of each hidden layer should be on, bottom first; layers beyond the list are free.
    pub targets: Vec<f64>,
    /// Strength, per unit of learning rate.
    pub cost: f64,
    /// Share of the running mean that an update keeps.
    pub damping: f64,
}

impl Sparsity {
    /// The running means after another mean over examples of each hidden layer, `[units]` each; they begin at the targets.
    pub fn follow(&self, activity: Option<Layers>, means: &[Tensor]) -> Result<Layers> {
        let at_targets = || self.targets.iter().zip(means).map(|(target, mean)| mean.zeros_like()? + *target);
        let activity = activity.map_or_else(|| at_targets().collect::<Result<_>>(), Ok)?;
        let step = |(old, mean): (&Tensor, &Tensor)| (old * self.damping)? + (mean * (1.0 - self.damping))?;
        activity.iter().zip(means).map(step).collect()
    }

    /// The statistics of the data less the gradient of the penalty, where the running means are `activity`.
    pub fn press(&self, activity: &[Tensor], positive: &Statistics) -> Result<Statistics> {
        let mut pressed = positive.clone();
        for (l, (activity, target)) in activity.iter().zip(&self.targets).enumerate() {
            let push = ((activity * -self.cost)? + self.cost * target)?;
            pressed.biases[l + 1] = (&pressed.biases[l + 1] + &push)?;
            pressed.weights[l] = pushed(&positive.weights[l], &positive.biases[l], &push)?;
        }
        Ok(pressed)
    }
}

/// The terms with the outer product of a layer's mean `[units below]` and of `push` `[units above]`.
fn pushed(terms: &[Term], mean_below: &Tensor, push: &Tensor) -> Result<Vec<Term>> {
    if let [Term::Outer { below, above, share }] = terms
        && *share == 1.0 / below.dim(0)? as f64
    {
        // The mean over rows is in the product already: a push that is the same for all rows goes with it, and the kernels serve.
        return Ok(vec![Term::Outer { below: below.clone(), above: above.broadcast_add(push)?, share: *share }]);
    }
    let apart = Term::Outer { below: mean_below.unsqueeze(0)?, above: push.unsqueeze(0)?, share: 1.0 };
    Ok([terms, &[apart]].concat())
}

/// Running means under stable names: `sparsity.activity.{l}`, 0 the first hidden layer.
pub(super) fn named(activity: Option<&Layers>) -> Vec<(String, Tensor)> {
    let layers = activity.into_iter().flatten().enumerate();
    layers.map(|(l, layer)| (format!("sparsity.activity.{l}"), layer.clone())).collect()
}

/// The inverse of `named`, for hidden layers of these sizes; none where nothing was held against a target.
pub(super) fn restore(hidden: &[usize], tensors: &SavedTensors) -> Result<Option<Layers>> {
    let name = |l: usize| format!("sparsity.activity.{l}");
    let there = hidden.iter().enumerate().take_while(|(l, _)| tensors.contains_key(&name(*l)));
    let layers = there.map(|(l, units)| saved(tensors, &name(l), &[*units])).collect::<Result<Layers>>()?;
    Ok((!layers.is_empty()).then_some(layers))
}
