//! Laws of the mathematics: every approximation against its exact twin.

mod bounds;
mod criteria;
mod devices;
mod elementwise;
mod gradients;
mod joints;
mod kernels;
mod learning;
mod lit;
mod mean_field;
mod memory;
mod partition;
mod parts;
mod precision;
mod pretraining;
mod random;
mod reduce;
mod sampling;
mod schemes;
mod support;
mod tables;
mod units;
