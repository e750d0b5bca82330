//! Laws of the mathematics: every approximation against its exact twin.

mod adam;
mod bounds;
mod centring;
mod devices;
mod elementwise;
mod exhaustive;
mod gradients;
mod instances;
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
