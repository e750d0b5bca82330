//! `dbm data`.

use super::{print, print_json, table};
use crate::experiment::Result;
use crate::experiment::data::catalogue;

/// What data there is.
#[derive(Debug, clap::Subcommand)]
pub enum Data {
    /// List the data sets that need no file, and the formats of files.
    List {
        /// Print as JSON.
        #[arg(long)]
        json: bool,
    },
}

impl Data {
    pub fn execute(self) -> Result<()> {
        let Self::List { json } = self;
        let entries = catalogue();
        if json {
            return print_json(&entries);
        }
        let rows = entries
            .into_iter()
            .map(|e| vec![e.description.into(), e.toml.into(), e.examples.into(), e.shape.into(), e.licence.into()]);
        print(&table::table(&["what", "in the section [data]", "examples", "shape", "licence"], rows.collect()))
    }
}
