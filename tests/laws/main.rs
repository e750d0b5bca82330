//! Laws of the mathematics: every approximation against its exact twin.

mod elementwise;
mod joints;
mod mean_field;
mod memory;
mod random;
mod reduce;
mod sampling;
mod schemes;
mod support;
mod tables;
mod units;
