//! Floor 6: experiment files, data, run folders, logs and checkpoints; all input and output, all errors of users.

pub mod clock;
pub mod config;
pub mod data;
mod error;
pub mod observe;

pub use error::{Error, Result};
