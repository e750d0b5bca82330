//! `dbm run` and `dbm resume`.

use super::compute::Elsewhere;
use super::{RunsFolder, aside, print, print_json, table, tensorboard};
use crate::experiment::RunFolder;
use crate::experiment::config::{AnyLoaded, load_any, marked};
use crate::experiment::observe::Verbosity;
use crate::experiment::profile::Profile;
use crate::experiment::results::Results;
use crate::experiment::run::{Options, Outcome, Stopped, resume, run};
use crate::experiment::study::{FinishedStudy, run_study};
use crate::experiment::{Error, Result, quoted};
use std::io::Write;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};

/// Set by the first Ctrl-C.
pub static INTERRUPTED: AtomicBool = AtomicBool::new(false);

/// Run an experiment file.
#[derive(Debug, clap::Args)]
pub struct Run {
    /// The experiment file; a run folder's config.toml repeats that run.
    experiment: PathBuf,
    /// Settings that replace those of the file, such as train.learning_rate=0.01
    #[arg(value_name = "SETTING=VALUE")]
    overrides: Vec<String>,
    #[command(flatten)]
    folder: RunsFolder,
    /// Print the resolved experiment, marking what differs from the defaults, and do nothing else.
    #[arg(long)]
    print_config: bool,
    #[command(flatten)]
    show: Show,
}

/// Continue a run.
#[derive(Debug, clap::Args)]
pub struct Resume {
    /// The run folder.
    run: PathBuf,
    #[command(flatten)]
    elsewhere: Elsewhere,
    #[command(flatten)]
    show: Show,
}

/// What the user sees.
#[derive(Debug, clap::Args)]
struct Show {
    /// Show nothing but the results.
    #[arg(long, short)]
    quiet: bool,
    /// Print the results as JSON.
    #[arg(long)]
    json: bool,
    /// Print at the end, however the run ends, what the wall time was spent on, phase by phase; run.json has it too.
    #[arg(long)]
    profile: bool,
}

/// The results, and the profile where it was asked for.
#[derive(serde::Serialize)]
struct Told<'a> {
    #[serde(flatten)]
    results: &'a Results,
    #[serde(skip_serializing_if = "Option::is_none")]
    profile: Option<&'a Profile>,
}

impl Run {
    pub fn execute(self) -> Result<()> {
        let loaded = load_any(&self.experiment, &self.overrides)?;
        if self.print_config {
            return print(&match &loaded {
                AnyLoaded::Training(loaded) => marked(&loaded.experiment),
                AnyLoaded::Study(loaded) => marked(&loaded.experiment),
            });
        }
        let options = self.show.options(self.folder.runs.clone())?;
        match loaded {
            AnyLoaded::Training(loaded) => self.show.finish(run(&loaded, &options)),
            AnyLoaded::Study(loaded) => self.show.finish_study(&run_study(&loaded, &options)?),
        }
    }
}

impl Resume {
    pub fn execute(self) -> Result<()> {
        let options = self.show.options(PathBuf::new())?;
        self.show.finish(resume(&self.run, &self.elsewhere.changes(), &options))
    }
}

impl Show {
    fn options(&self, runs: PathBuf) -> Result<Options<'static>> {
        listen_for_ctrl_c()?;
        let verbosity = if self.quiet { Verbosity::Quiet } else { Verbosity::Normal };
        Ok(Options { runs, verbosity, interrupted: &INTERRUPTED, profile: self.profile })
    }

    fn finish_study(&self, finished: &FinishedStudy) -> Result<()> {
        if self.json {
            print_json(&finished.results)?;
        } else {
            print(&table::study(&finished.results))?;
            self.show_folder(&finished.folder)?;
        }
        finished.results.contradiction().map_or(Ok(()), |problem| {
            Err(Error::Contradicted {
                problem: format!("not as the file says: {problem}"),
                remedy: format!("look at {}", quoted(&finished.folder.results())),
            })
        })
    }

    /// Where the run is and how to look at it.
    fn show_folder(&self, folder: &RunFolder) -> Result<()> {
        if self.quiet {
            return Ok(());
        }
        let command = tensorboard::command(folder.path()).join(" ");
        print(&format!("\nrun folder: {}\nlook at it:  {command}", folder.path().display()))
    }

    fn finish(&self, outcome: Outcome) -> Result<()> {
        let finished = outcome.map_err(stopped)?;
        let profile = finished.profile.as_ref().filter(|_| self.profile);
        if self.profile && profile.is_none() {
            aside("no profile was recorded: a run is profiled while it is at work, and this one was finished already");
        }
        if self.json {
            return print_json(&Told { results: &finished.results, profile });
        }
        print(&table::results(&finished.results))?;
        self.show_folder(&finished.folder)?;
        profile.map_or(Ok(()), |profile| print(&format!("\n{}", table::profile(profile))))
    }
}

/// Shows where the time of a run went that did not go through; its results are missing, so this is no output of its own.
fn stopped(Stopped { error, profile }: Stopped) -> Error {
    profile.iter().for_each(|profile| aside(&table::profile(profile)));
    error
}

/// The first Ctrl-C asks the run to finish its update or to break off an evaluation, save and stop; the second ends the program at once.
pub fn listen_for_ctrl_c() -> Result<()> {
    ctrlc::set_handler(|| {
        // Nobody may be there to read it; that must not keep the program from stopping.
        let mut out = std::io::stderr();
        if INTERRUPTED.swap(true, Ordering::Relaxed) {
            let _ = writeln!(out, "stopped at once; `dbm runs` says what is saved and how to go on");
            std::process::exit(130);
        }
        let _ = writeln!(out, "stopping as soon as everything is saved; Ctrl-C again stops at once, without saving");
    })
    .map_err(|error| Error::Compute { problem: format!("listening for Ctrl-C: {error}") })
}
