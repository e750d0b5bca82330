//! Laws of the mathematics: every approximation against its exact twin.

mod gradients;
mod learning;
mod pretraining;
mod support;
