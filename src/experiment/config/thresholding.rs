//! Settings of the solvers of sparse codes.

use serde::{Deserialize, Serialize};

/// Iterative soft thresholding.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Thresholding {
    /// Exactly so many iterations; left out = until the duality gap of every example is at most `gap`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub iterations: Option<usize>,
    /// Largest duality gap that counts as converged, nats.
    pub gap: f64,
    /// Never more iterations than this.
    pub max_iterations: usize,
}

impl Default for Thresholding {
    fn default() -> Self {
        Self { iterations: None, gap: 1e-3, max_iterations: 1000 }
    }
}
