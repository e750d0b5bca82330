//! Laws of the mathematics: every approximation against its exact twin.

mod bounds;
mod partition;
mod support;
