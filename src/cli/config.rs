//! `dbm config`.

use super::{aside, print, print_json};
use crate::experiment::Result;
use crate::experiment::config::{AnyLoaded, load_any, marked};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::path::PathBuf;

/// Show or check an experiment file.
#[derive(Debug, clap::Subcommand)]
pub enum Config {
    /// Print the experiment with every default filled in, marking what differs from the defaults.
    Show(File),
    /// Check the experiment and say so.
    Check(File),
}

/// An experiment file and changes to it.
#[derive(Debug, clap::Args)]
pub struct File {
    /// The experiment file.
    experiment: PathBuf,
    /// Settings that replace those of the file.
    #[arg(value_name = "SETTING=VALUE")]
    overrides: Vec<String>,
    /// Print as JSON.
    #[arg(long)]
    json: bool,
}

impl Config {
    pub fn execute(self) -> Result<()> {
        let (Self::Show(file) | Self::Check(file)) = &self;
        match load_any(&file.experiment, &file.overrides)? {
            AnyLoaded::Training(loaded) => {
                loaded.experiment.notes().iter().for_each(|note| aside(note));
                self.tell(file, &loaded.experiment)
            }
            AnyLoaded::Study(loaded) => self.tell(file, &loaded.experiment),
        }
    }

    fn tell<E: Serialize + DeserializeOwned>(&self, file: &File, experiment: &E) -> Result<()> {
        match (self, file.json) {
            (_, true) => print_json(experiment),
            (Self::Show(_), false) => print(&marked(experiment)),
            (Self::Check(_), false) => print(&format!("{}: a valid experiment", file.experiment.display())),
        }
    }
}
