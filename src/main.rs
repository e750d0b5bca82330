//! The command `dbm`.

fn main() {}
