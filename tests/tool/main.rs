//! Laws of the program: files, logs, errors, commands.

mod config;
mod config_messages;
