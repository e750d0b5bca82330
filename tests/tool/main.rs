//! Laws of the program: files, logs, errors, commands.

mod events;
mod progress;
mod config;
