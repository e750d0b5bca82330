//! Floor 0: tensors, random streams and the element-wise functions everything above is made of.
//!
//! `[examples, units]` is the only array layout. Values are candle tensors in `f32` or `f64`; sums over many terms are taken
//! in `f64`, because single-precision reductions lose digits.

mod algebra;
pub mod composed;
mod elementwise;
pub mod kernels;
mod normal;
mod patches;
mod quadrature;
mod random;
mod reduce;
mod rows;
mod settle;
mod step;
mod tape;
mod weight;
mod whiten;

pub use algebra::{cholesky_factor, eigen_symmetric, log_determinant_positive, solve_positive, spectral_norm_squared};
pub use candle_core::{DType, Device, Result, Tensor, bail};
pub use elementwise::{
    entropy_of_binary, ln_one_plus_exp, sample_binary, sigmoid, total_entropy_of_binary, total_ln_one_plus_exp,
};
pub use normal::log_normal_density;
pub use patches::{patches, without_row_means};
pub use quadrature::{Grid, Quadrature};
pub use random::{Generator, Stream, philox};
pub use reduce::{
    Nats, differing, double, host, inner, larger, largest_change, log_mean_exp, log_sum_exp, mean_of,
    mean_over_examples, mean_square_differences, norm, smaller, sum_units,
};
pub use step::{AdamStep, Momentum, Term};
pub use tape::{soft_plus, tanh};
pub use weight::{Weight, panels, served, tensor};
pub use whiten::Whitening;

/// One tensor per layer, bottom first, each `[examples, units of the layer]`.
pub type Layers = Vec<Tensor>;
