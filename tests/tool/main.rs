//! Laws of the program: files, logs, errors, commands.

mod events;
mod tidy;
mod progress;
mod config;
