//! Data sets: bundled, generated, and read from the user's files.
