//! Floor 2: families of approximate posteriors q(h | v), each of which knows its own entropy and no model.

mod blocks;
mod diagonal_gaussian;
mod factorial;
mod gaussian;
mod moments;
mod on_grid;
mod point_mass;
mod responsibilities;
mod table;

use crate::math::{Layers, Result, Tensor};
pub use blocks::{Block, Blocks, Partition};
pub use diagonal_gaussian::DiagonalGaussian;
pub use factorial::Factorial;
pub use gaussian::Gaussian;
pub use moments::Moments;
pub use on_grid::OnGrid;
pub use point_mass::PointMass;
pub use responsibilities::Responsibilities;
pub use table::{FreeLayer, Table};

/// One q per example.
pub trait Posterior {
    /// Expected states, one tensor `[examples, units]` per hidden layer, bottom first.
    fn means(&self) -> Result<Layers>;
    /// Entropy of each example's q, `[examples]`, nats, `f64`.
    fn entropy(&self) -> Result<Tensor>;
}
