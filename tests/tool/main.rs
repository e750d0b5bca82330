//! Laws of the program: files, logs, errors, commands.

mod account;
mod bench;
mod best;
mod built;
mod by_hand;
mod checkpoint;
mod commands;
mod compare;
mod compute;
mod config;
mod config_messages;
mod data;
mod eval;
mod events;
mod faults;
mod honest;
mod judging;
mod metrics;
mod profile;
mod progress;
mod resume;
mod runs;
mod sizes;
mod speed;
mod stopping;
mod tidy;
