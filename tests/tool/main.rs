//! Laws of the program: files, logs, errors, commands.

mod config;
mod events;
mod metrics;
mod progress;
mod tidy;
mod config_messages;
mod data;
