//! The command `dbm`.

use std::process::ExitCode;

fn main() -> ExitCode {
    dbm::cli::main()
}
