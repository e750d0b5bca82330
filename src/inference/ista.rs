//! Iterative soft thresholding: a step down the squared error, then the soft threshold, again and again.
//!
//! h ← S(h + Wᵀ (v - W h) / L, κ / L), with L the largest eigenvalue of Wᵀ W and κ = λ/β (Daubechies, Defrise & De Mol 2004). Every step
//! lowers the objective.

use super::sparse::{Coded, SolveCodes, Until, Watch, soft_threshold};
use crate::math::{Result, Tensor};
use crate::models::Lasso;

/// Iterative soft thresholding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ista;

impl SolveCodes for Ista {
    fn solve(&self, lasso: &Lasso, start: Option<&Tensor>, until: Until) -> Result<Coded> {
        let lipschitz = lasso.lipschitz()?;
        let mut codes = start.map_or_else(|| lasso.zeros(), |start| Ok(start.clone()))?;
        let (mut watch, mut iteration) = (Watch::new(lasso, until), 0);
        while !watch.enough(&codes, iteration)? {
            codes = step(lasso, &codes, lipschitz)?;
            iteration += 1;
        }
        watch.coded(codes, iteration)
    }
}

/// One step from `codes`.
pub(super) fn step(lasso: &Lasso, codes: &Tensor, lipschitz: f64) -> Result<Tensor> {
    let moved = (codes + (lasso.pull(codes)? / lipschitz)?)?;
    soft_threshold(&moved, lasso.penalty() / lipschitz)
}
