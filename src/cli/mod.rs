//! Floor 7: words and flags in, tables out.

mod bench;
mod compare;
mod compute;
mod config;
mod data;
mod eval;
mod examples;
mod line;
mod log_partition;
mod pictures;
mod published;
mod reproduce;
mod run;
mod runs;
mod sample;
mod table;
mod tensorboard;

use crate::experiment::data::sets::choose;
use crate::experiment::{Error, Result};
use clap::{Parser, Subcommand};
use std::path::PathBuf;
use std::process::ExitCode;

/// Deep Boltzmann machine research workbench: train, infer, compare and evaluate from one experiment file.
///
/// Exit codes: 0 fine, 1 a fault of the program or a claim that does not come out as its file says, 2 a bad experiment, command line or request, 3 bad data, 4 a bad run folder,
/// checkpoint or model file, 5 training diverged, 6 a file could not be read or written, 130 interrupted (saved, unless Ctrl-C was pressed twice).
#[derive(Debug, Parser)]
#[command(name = "dbm", version, max_term_width = 120)]
pub struct Cli {
    /// Threads to use; the default is one per physical core. Results do not depend on it.
    #[arg(long, global = true, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    threads: Option<u16>,
    /// Folder of the data sets; the default is what DBM_DATA names, else dbm in the user's own folder for data.
    #[arg(long, global = true, value_name = "FOLDER", value_parser = folder)]
    data_folder: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Run(run::Run),
    Resume(run::Resume),
    Reproduce(reproduce::Reproduce),
    Eval(Box<eval::Eval>),
    Compare(compare::Compare),
    Runs(runs::Runs),
    Sample(sample::Sample),
    Pictures(pictures::Pictures),
    #[command(subcommand)]
    Config(config::Config),
    #[command(subcommand)]
    Data(data::Data),
    Tensorboard(tensorboard::Tensorboard),
    Bench(bench::Bench),
}

/// Where run folders are, unless told otherwise.
#[derive(Clone, Debug, clap::Args)]
struct RunsFolder {
    /// Folder of the run folders.
    #[arg(long, value_name = "FOLDER", default_value = "runs", value_parser = folder)]
    runs: PathBuf,
}

/// A folder, or where one can be made.
fn folder(text: &str) -> std::result::Result<PathBuf, String> {
    let path = PathBuf::from(text);
    if path.exists() && !path.is_dir() { Err("this is a file, not a folder".into()) } else { Ok(path) }
}

/// Parses the command line; a wrong one ends the program with a usage message.
pub fn parse() -> Cli {
    Cli::parse()
}

impl Cli {
    /// Threads of the whole program.
    pub fn threads(&self) -> usize {
        self.threads.map_or_else(candle_core::utils::get_num_threads, usize::from)
    }

    /// Does what the command line says and reports errors.
    pub fn execute(self) -> ExitCode {
        if let Some(folder) = self.data_folder.clone() {
            choose(folder);
        }
        match with_threads(self.threads(), || dispatch(self.command)) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                report(&error);
                ExitCode::from(error.exit_code())
            }
        }
    }
}

fn dispatch(command: Command) -> Result<()> {
    match command {
        Command::Run(command) => command.execute(),
        Command::Resume(command) => command.execute(),
        Command::Reproduce(command) => command.execute(),
        Command::Eval(command) => command.execute(),
        Command::Compare(command) => command.execute(),
        Command::Runs(command) => command.execute(),
        Command::Sample(command) => command.execute(),
        Command::Pictures(command) => command.execute(),
        Command::Config(command) => command.execute(),
        Command::Data(command) => command.execute(),
        Command::Tensorboard(command) => command.execute(),
        Command::Bench(command) => command.execute(),
    }
}

/// Everything runs inside one pool of that many threads.
fn with_threads(threads: usize, work: impl FnOnce() -> Result<()> + Send) -> Result<()> {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
    let pool = pool.map_err(|error| Error::Refused {
        problem: format!("{threads} threads could not be started: {error}"),
        remedy: "ask for fewer: --threads 1".into(),
    })?;
    pool.install(work)
}

/// `error:` in one sentence, `help:` with one action; a closed terminal is not worth an error of its own.
fn report(error: &Error) {
    use std::io::Write;
    let mut out = std::io::stderr().lock();
    // What was asked for is no error.
    let head = if matches!(error, Error::Interrupted { .. } | Error::Broken { .. }) { "" } else { "error: " };
    let _ = writeln!(out, "{head}{error}");
    if let Some(remedy) = error.remedy() {
        let _ = writeln!(out, " help: {remedy}");
    }
}

/// Says something that is not what was asked for, on standard error.
fn aside(text: &str) {
    use std::io::Write;
    // A closed terminal is not worth an error of its own.
    let _ = writeln!(std::io::stderr().lock(), "{text}");
}

/// Prints to standard output; a closed pipe ends the program quietly.
fn print(text: &str) -> Result<()> {
    use std::io::Write;
    let mut out = std::io::stdout().lock();
    match writeln!(out, "{}", text.trim_end()).and_then(|()| out.flush()) {
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        outcome => outcome.map_err(Error::io("write to", std::path::Path::new("standard output"))),
    }
}

/// Prints a value as JSON.
fn print_json<T: serde::Serialize>(value: &T) -> Result<()> {
    let text = serde_json::to_string_pretty(value).map_err(|error| Error::Compute { problem: error.to_string() })?;
    print(&text)
}
