//! Floor 6: experiment files, data, run folders, logs and checkpoints; all input and output, all errors of users.

mod account;
mod blocks;
pub mod checkpoint;
pub mod clock;
mod conclusion;
pub mod config;
pub mod data;
mod driver;
mod error;
mod journal;
pub mod judge;
pub mod kinds;
mod log_partition;
pub mod model_file;
pub mod observe;
mod phase;
mod pictures;
mod presented;
pub mod profile;
mod provenance;
pub mod results;
pub mod run;
mod run_folder;
mod schemes;
pub mod setup;
mod stages;
mod start;
pub mod study;
mod verdict;

pub use error::{Error, Result, quoted};
pub use journal::Journal;
pub use log_partition::Known;
pub use provenance::{Origin, ProgramCommit, Provenance, Resumed, Status};
pub use run_folder::{RunFolder, list};
pub use schemes::Chosen;
