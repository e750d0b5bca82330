//! The bound that a point of most probable codes gives: none.
//!
//! ELBO = E_q[ln p(h, v)] + H(q). For q all at one point of a continuum the first term is ln p(h*, v), which choosing h* maximises, and
//! the differential entropy is -∞: the bound holds and is infinitely loose (Goodfellow, Bengio & Courville 2016, section 19.3).

use super::Bounded;
use crate::math::{Result, Tensor};
use crate::models::SparseCoding;

/// H(q) of a point on a continuum, nats.
pub const ENTROPY_OF_A_POINT: f64 = f64::NEG_INFINITY;

/// ELBO of q all at the codes `[examples, atoms]` of `visible` `[examples, visible]`: minus infinity, whatever the codes.
pub fn elbo_of_point(model: &SparseCoding, visible: &Tensor, codes: &Tensor) -> Result<Vec<Bounded>> {
    let joints = model.log_joint(visible, codes)?;
    Ok(joints.into_iter().map(|joint| Bounded::lower_bound(joint + ENTROPY_OF_A_POINT)).collect())
}
