//! Laws of the mathematics: every approximation against its exact twin.

mod bounds;
mod elementwise;
mod gradients;
mod joints;
mod learning;
mod partition;
mod random;
mod pretraining;
mod support;
mod units;
