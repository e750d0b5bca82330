//! Sigmoid belief nets under EM: the M step has no closed form, so it is some steps up the gradient (generalised EM).
//!
//! With q a table over all hidden states, ∇ E_q[ln p(v, h)] is a sum over them: σ-slopes of each layer times the states above it
//! (Neal 1992, section 3; Goodfellow, Bengio & Courville 2016, section 19.2).

use super::{ExpectedGradient, Parametric};
use crate::learning::Parameters;
use crate::learning::belief_gradient::table_gradient;
use crate::math::{Result, Tensor};
use crate::models::BeliefNet;
use crate::posterior::Table;

/// Weights of every layer, `[n_l, n_{l+1}]`, then biases, `[n_l]`.
impl Parametric for BeliefNet {
    fn parameters(&self) -> Result<Vec<Tensor>> {
        Parameters::new(self.weights(), self.biases()).tensors()
    }

    fn with_parameters(&self, parameters: &[Tensor]) -> Result<Self> {
        let (weights, biases) = parameters.split_at(self.depth().min(parameters.len()));
        Self::new(weights.to_vec(), biases.to_vec())
    }
}

impl ExpectedGradient<Table> for BeliefNet {
    fn expected_gradient(&self, visible: &Tensor, q: &Table) -> Result<Vec<Tensor>> {
        table_gradient(self, visible, q)?.dense()?.tensors()
    }
}
