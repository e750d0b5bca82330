//! Laws of the mathematics: every approximation against its exact twin.

mod joints;
mod support;
mod units;
