//! The command `dbm`.

use std::process::ExitCode;

fn main() -> ExitCode {
    let cli = dbm::cli::parse();
    // candle looks this variable up at every matrix product, and counts the processor's cores anew where it is not set.
    #[expect(unsafe_code, reason = "no other thread has been started that could read the environment")]
    unsafe {
        std::env::set_var("RAYON_NUM_THREADS", cli.threads().to_string());
    }
    cli.execute()
}
