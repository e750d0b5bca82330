//! Laws of the program: files, logs, errors, commands.

mod config;
mod events;
mod progress;
mod tidy;
