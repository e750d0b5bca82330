//! Laws of the program: files, logs, errors, commands.

mod config;
mod config_messages;
mod data;
mod events;
mod metrics;
mod progress;
mod tidy;
