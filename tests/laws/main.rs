//! Laws of the mathematics: every approximation against its exact twin.

mod elementwise;
mod joints;
mod random;
mod support;
mod units;
