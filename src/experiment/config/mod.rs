//! Experiment files: TOML in, a checked experiment out.
