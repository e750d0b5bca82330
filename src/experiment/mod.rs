//! Floor 6: experiment files, data, run folders, logs and checkpoints; all input and output, all errors of users.

pub mod checkpoint;
pub mod clock;
pub mod config;
pub mod data;
mod error;
pub mod judge;
pub mod model_file;
pub mod observe;
mod provenance;
pub mod results;
mod run_folder;
mod schemes;

pub use error::{Error, Result};
pub use provenance::{Git, Provenance, Status};
pub use run_folder::{RunFolder, list};
pub use schemes::Chosen;
