//! Laws of the mathematics: every approximation against its exact twin.

mod joints;
mod bounds;
mod partition;
mod gradients;
mod learning;
mod support;
