#![doc = include_str!("ARCHITECTURE.md")]

pub mod math;

pub mod units;

pub mod posterior;

pub mod models;

pub mod inference;

pub mod evaluate;
pub mod learning;

pub mod studies;

pub mod experiment;

pub mod cli;
