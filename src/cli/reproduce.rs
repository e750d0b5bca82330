//! `dbm reproduce`.

use super::run::listen_for_ctrl_c;
use super::{RunsFolder, folder, print, print_json, table};
use crate::experiment::config::suggestion;
use crate::experiment::observe::Verbosity;
use crate::experiment::reproduce::{CHAPTER, Claim, Files, Reproduction, reproduce};
use crate::experiment::run::Options;
use crate::experiment::{Error, Result};
use std::path::PathBuf;

/// Compute the claims of a chapter, hold each against its criteria and write a report.
///
/// The exit code is 1 if a claim is refuted whose experiment file does not say why, if one holds whose file says that it does not,
/// or if the computation of one fails; 130 if Ctrl-C stops it, with a report on what was done until then; else 0.
#[derive(Debug, clap::Args)]
pub struct Reproduce {
    /// The collection: chapter19.
    #[arg(required_unless_present = "list")]
    collection: Option<String>,
    /// Some of its claims, such as F4 A5; without any, all.
    claims: Vec<String>,
    /// List the claims and compute nothing.
    #[arg(long)]
    list: bool,
    /// Compute at the reduced sizes that the files name; the criteria stay.
    #[arg(long)]
    quick: bool,
    /// Folder of the experiment files; the default is experiments/chapter19 here, or else the files that the program carries.
    #[arg(long, value_name = "FOLDER", value_parser = folder)]
    experiments: Option<PathBuf>,
    #[command(flatten)]
    folder: RunsFolder,
    /// Show nothing but the results.
    #[arg(long, short)]
    quiet: bool,
    /// Print as JSON.
    #[arg(long)]
    json: bool,
}

/// A claim as it is listed.
#[derive(serde::Serialize)]
struct Listed {
    id: String,
    section: &'static str,
    statement: String,
}

impl Reproduce {
    pub fn execute(self) -> Result<()> {
        self.collection.iter().try_for_each(|word| known(word))?;
        let files = Files::choose(self.experiments.clone());
        let claims = files.claims(&self.claims)?;
        if self.list {
            return self.show(&claims);
        }
        listen_for_ctrl_c()?;
        let verbosity = if self.quiet { Verbosity::Quiet } else { Verbosity::Normal };
        let interrupted = &super::run::INTERRUPTED;
        let options = Options { runs: self.folder.runs.clone(), verbosity, interrupted, profile: false };
        let reproduction = reproduce(claims, &files, self.quick, &options)?;
        match self.json {
            true => print_json(&reproduction)?,
            false => print(&table::reproduction(&reproduction))?,
        }
        conclude(&reproduction)
    }

    fn show(&self, claims: &[Claim]) -> Result<()> {
        let list = claims.iter().map(|claim| Listed {
            id: claim.id.clone(),
            section: claim.section(),
            statement: claim.statement(),
        });
        let list: Vec<Listed> = list.collect();
        if self.json {
            return print_json(&list);
        }
        let mut text = String::new();
        for group in list.chunk_by(|a, b| a.section == b.section) {
            text += &group.first().map_or(String::new(), |first| format!("{}\n", first.section));
            for Listed { id, statement, .. } in group {
                text += &format!("  {id:<8} {statement}\n");
            }
        }
        print(&text)
    }
}

/// There is one collection.
fn known(word: &str) -> Result<()> {
    if word == CHAPTER {
        return Ok(());
    }
    let remedy = match suggestion(word, &[CHAPTER]) {
        Some(near) => format!("did you mean {near}?"),
        None => format!("the collection comes first, then its claims: dbm reproduce {CHAPTER} {word}"),
    };
    Err(Error::Refused { problem: format!("there is no collection {word}"), remedy })
}

/// What the exit code says.
fn conclude(reproduction: &Reproduction) -> Result<()> {
    let remedy = format!("read why in {}", reproduction.report.display());
    let contradictions = reproduction.contradictions();
    if reproduction.claims.len() < reproduction.asked {
        let problem = format!("interrupted: {}", reproduction.totals());
        return Err(Error::Broken {
            problem,
            remedy: format!("the report on those is {}", reproduction.report.display()),
        });
    }
    if contradictions.is_empty() {
        return Ok(());
    }
    Err(Error::Contradicted { problem: format!("not as the files say: {}", contradictions.join("; ")), remedy })
}
