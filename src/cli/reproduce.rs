//! `dbm reproduce`.

use super::run::{INTERRUPTED, listen_for_ctrl_c};
use super::{RunsFolder, folder, print, print_json, published, table};
use crate::experiment::collection::{self, Collection, FOLDER, Wanted, names, reproduce_tables, save};
use crate::experiment::observe::Verbosity;
use crate::experiment::reproduce::{CHAPTER, Claim, Files, Reproduction, reproduce};
use crate::experiment::run::Options;
use crate::experiment::{Error, Result, quoted};
use std::path::PathBuf;

/// Compute a collection again, published tables or the claims of a chapter, and hold it against what it says must come out.
///
/// A collection of published tables is a folder of experiment files and a table.toml. Its runs lie in
/// RUNS/reproduce-COLLECTION/: the same command goes on where it was stopped, and makes nothing twice.
///
/// The exit code is 1 if something comes out otherwise than the files say (a claim is refuted, or a figure falls short, and the file
/// does not say why; or it holds where the file says why it does not), or if the computation of a claim fails; that of the run of a
/// table that fails, such as 3 where its data are missing; 130 if Ctrl-C stops it, with a report on what was done until then; else 0.
#[derive(Debug, clap::Args)]
pub struct Reproduce {
    /// The collection: chapter19, or one with published tables.
    #[arg(required_unless_present_any = ["list", "table"])]
    collection: Option<String>,
    /// Some of its claims, such as F4 A5, or of its rows; without any, all.
    claims: Vec<String>,
    /// List the claims or rows of the collection, or the collections, and compute nothing.
    #[arg(long)]
    list: bool,
    /// Compute at the reduced sizes that the files name; published figures belong to the full size.
    #[arg(long)]
    quick: bool,
    /// Folder of the experiment files; the default is experiments/COLLECTION here, or else the files that the program carries.
    #[arg(long, value_name = "FOLDER", value_parser = folder)]
    experiments: Option<PathBuf>,
    /// Keep what came out of published tables in FOLDER/COLLECTION.json: what README's table is made of. What is kept there of runs
    /// that are not here stays, and counts as theirs, as long as the settings are the same.
    #[arg(long, value_name = "FOLDER", value_parser = folder, conflicts_with_all = ["list", "table", "quick"])]
    save: Option<PathBuf>,
    /// Compute nothing: show what runs of published tables there are.
    #[arg(long, conflicts_with_all = ["list", "table"])]
    collect: bool,
    /// Print what is kept in FOLDER as README's table, and do nothing else.
    #[arg(long, value_name = "FOLDER", num_args = 0..=1, default_missing_value = FOLDER, value_parser = folder, conflicts_with_all = ["collection", "list", "quick", "json"])]
    table: Option<PathBuf>,
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
        if let Some(folder) = &self.table {
            return print(&published::kept(folder)?);
        }
        match self.collection.as_deref() {
            None => self.collections(),
            Some(CHAPTER) => self.chapter(),
            Some(name) => self.tables(&Collection::open(name, self.experiments.as_deref())?),
        }
    }

    fn options(&self) -> Result<Options<'static>> {
        listen_for_ctrl_c()?;
        let verbosity = if self.quiet { Verbosity::Quiet } else { Verbosity::Normal };
        Ok(Options { runs: self.folder.runs.clone(), verbosity, interrupted: &INTERRUPTED, profile: false })
    }

    /// The claims of the chapter.
    fn chapter(&self) -> Result<()> {
        if self.save.is_some() || self.collect {
            return Err(Error::Refused {
                problem: format!("--save and --collect are of published tables, and {CHAPTER} has none"),
                remedy: "leave them out".into(),
            });
        }
        let files = Files::choose(self.experiments.clone());
        let claims = files.claims(&self.claims)?;
        if self.list {
            return self.show(&claims);
        }
        let reproduction = reproduce(claims, &files, self.quick, &self.options()?)?;
        match self.json {
            true => print_json(&reproduction)?,
            false => print(&table::reproduction(&reproduction))?,
        }
        conclude(&reproduction)
    }

    /// Published tables.
    fn tables(&self, collection: &Collection) -> Result<()> {
        if self.list {
            return if self.json {
                print_json(&published::listed(collection))
            } else {
                print(&published::rows(collection))
            };
        }
        let (rows, kept) = (self.claims.clone(), self.save.clone());
        let wanted = Wanted { rows, quick: self.quick, only_look: self.collect, kept };
        let reproduction = reproduce_tables(collection, &wanted, &self.options()?)?;
        let reproduced = &reproduction.reproduced;
        match self.json {
            true => print_json(reproduced)?,
            false => print(&published::tables(reproduced, &reproduction.report()))?,
        }
        self.save.iter().try_for_each(|folder| save(folder, reproduced).map(|_| ()))?;
        if reproduction.interrupted {
            return Err(collection::stopped(&reproduction));
        }
        if let Some(failure) = reproduction.failure {
            return Err(failure);
        }
        let contradictions = reproduced.contradictions();
        if contradictions.is_empty() {
            return Ok(());
        }
        let remedy = format!("look at {}", quoted(&reproduction.report()));
        Err(Error::Contradicted { problem: format!("not as the files say: {}", contradictions.join("; ")), remedy })
    }

    /// Which collections there are.
    fn collections(&self) -> Result<()> {
        let collections = names().into_iter().map(|name| Collection::open(&name, None));
        let collections = collections.collect::<Result<Vec<_>>>()?;
        let claims = Files::choose(None).claims(&[])?.len();
        if self.json {
            let tables = collections.iter().map(|one| (one.name.clone(), one.table.title.clone()));
            let chapter = (CHAPTER.to_string(), format!("{claims} claims"));
            return print_json(&std::collections::BTreeMap::from_iter(tables.chain([chapter])));
        }
        let of_claims = format!("{CHAPTER:<30} {claims} claims of the chapter \"Approximate Inference\"\n");
        print(&(of_claims + &collections.iter().map(published::line).collect::<String>()))
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
