//! Fast iterative soft thresholding: the same step, from a point ahead of the codes.
//!
//! h_{k+1} = S(y_k + Wᵀ (v - W y_k) / L, κ / L), y_{k+1} = h_{k+1} + (t_k - 1) / t_{k+1} (h_{k+1} - h_k), t_{k+1} = (1 + √(1 + 4 t_k²)) / 2,
//! with t_1 = 1 and y_1 = h_0 (Beck & Teboulle 2009, section 4). ½ ‖v - W h_k‖² + κ ‖h_k‖₁ is above its minimum by at most
//! 2 L ‖h_0 - h*‖² / (k + 1)²; on the way it may rise.

use super::ista::step;
use super::sparse::{Coded, SolveCodes, Until, Watch};
use crate::math::{Result, Tensor};
use crate::models::Lasso;

/// Fast iterative soft thresholding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fista;

impl SolveCodes for Fista {
    fn solve(&self, lasso: &Lasso, start: Option<&Tensor>, until: Until) -> Result<Coded> {
        let lipschitz = lasso.lipschitz()?;
        let mut codes = start.map_or_else(|| lasso.zeros(), |start| Ok(start.clone()))?;
        let (mut ahead, mut momentum) = (codes.clone(), 1.0_f64);
        let (mut watch, mut iteration) = (Watch::new(lasso, until), 0);
        while !watch.enough(&codes, iteration)? {
            let next = step(lasso, &ahead, lipschitz)?;
            let grown = 0.5 * (1.0 + (1.0 + 4.0 * momentum * momentum).sqrt());
            ahead = (&next + ((&next - &codes)? * ((momentum - 1.0) / grown))?)?;
            (codes, momentum) = (next, grown);
            iteration += 1;
        }
        watch.coded(codes, iteration)
    }
}
