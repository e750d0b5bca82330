//! Laws of the mathematics: every approximation against its exact twin.

mod elementwise;
mod joints;
mod bounds;
mod partition;
mod gradients;
mod learning;
mod random;
mod support;
mod units;
