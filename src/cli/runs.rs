//! `dbm runs`.

use super::{RunsFolder, print, print_json, table};
use crate::experiment::results::Results;
use crate::experiment::{Result, RunFolder, Status, list};
use serde::Serialize;
use std::path::PathBuf;

/// List the runs.
#[derive(Debug, clap::Args)]
pub struct Runs {
    #[command(flatten)]
    folder: RunsFolder,
    /// Print as JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Row {
    name: String,
    path: PathBuf,
    status: Status,
    steps: u64,
    seconds: f64,
    seed: u64,
    best_scheme: Option<String>,
    elbo_nats_mean: Option<f64>,
}

impl Runs {
    pub fn execute(self) -> Result<()> {
        let rows = list(&self.folder.runs)?.iter().map(row).collect::<Result<Vec<_>>>()?;
        if self.json {
            return print_json(&rows);
        }
        if rows.is_empty() {
            let folder = self.folder.runs.display();
            return print(&format!("no runs in {folder}; make one with: dbm run experiments/quickstart.toml"));
        }
        let cells = rows.into_iter().map(|row| {
            let elbo = row.elbo_nats_mean.map_or("–".into(), |elbo| format!("{elbo:.3}"));
            let status = format!("{:?}", row.status).to_lowercase();
            let scheme = row.best_scheme.unwrap_or_else(|| "–".into());
            vec![row.name, status, row.steps.to_string(), format!("{:.1}", row.seconds), elbo, scheme]
        });
        print(&table::table(&["run", "status", "steps", "seconds", "best ELBO (nats)", "by"], cells.collect()))
    }
}

fn row(run: &RunFolder) -> Result<Row> {
    let provenance = run.provenance()?;
    // An unfinished run has no results yet.
    let results: Option<Results> = run.read_json(&run.results()).ok();
    let schemes = results.into_iter().flat_map(|results| results.schemes);
    let best = schemes.max_by(|a, b| a.elbo_nats_mean.total_cmp(&b.elbo_nats_mean));
    Ok(Row {
        name: run.name(),
        path: run.path().to_path_buf(),
        status: provenance.status,
        steps: provenance.steps,
        seconds: provenance.seconds,
        seed: provenance.seed,
        elbo_nats_mean: best.as_ref().map(|scheme| scheme.elbo_nats_mean),
        best_scheme: best.map(|scheme| scheme.name),
    })
}
