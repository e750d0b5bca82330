//! Laws of the program: files, logs, errors, commands.

mod events;
mod metrics;
mod progress;
