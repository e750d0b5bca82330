//! `dbm runs`.

use super::{RunsFolder, print, print_json, table};
use crate::evaluate::Guarantee;
use crate::experiment::results::Results;
use crate::experiment::{Error, Provenance, Result, RunFolder, Status, list};
use crate::studies::Verdict;
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

#[derive(Clone, Default, Serialize)]
struct Row {
    name: String,
    path: PathBuf,
    /// As in `run.json`; besides, `killed`: it says running, but no process is at work on it; and `unreadable`.
    status: &'static str,
    steps: Option<u64>,
    seconds: Option<f64>,
    seed: Option<u64>,
    /// Of a study.
    verdict: Option<Verdict>,
    best_scheme: Option<String>,
    elbo_nats_mean: Option<f64>,
    elbo_guarantee: Option<Guarantee>,
    /// What the results warn of.
    warnings: Vec<String>,
    /// What is wrong with the run, or how it goes on.
    note: Option<String>,
}

impl Runs {
    pub fn execute(self) -> Result<()> {
        let rows: Vec<Row> = list(&self.folder.runs)?.iter().map(row).collect();
        if self.json {
            return print_json(&rows);
        }
        if rows.is_empty() {
            let folder = self.folder.runs.display();
            return print(&format!("no runs in {folder}; make one with: dbm run experiments/quickstart.toml"));
        }
        let cells = rows.iter().map(cells).collect();
        let mut text = table::table(&["run", "status", "steps", "seconds", "best ELBO (nats) or verdict", "by"], cells);
        for Row { name, status, note, .. } in &rows {
            text += &note.as_ref().map_or(String::new(), |note| format!("\n{name} is {status}: {note}"));
        }
        if rows.iter().any(|row| !row.warnings.is_empty()) {
            text += "\ndoubtful: the results carry a warning; it is shown by: dbm compare RUN";
        }
        print(&text)
    }
}

fn cells(row: &Row) -> Vec<String> {
    let or_dash = |text: Option<String>| text.unwrap_or_else(|| "–".into());
    vec![
        row.name.clone(),
        row.status.into(),
        or_dash(row.steps.map(|steps| steps.to_string())),
        or_dash(row.seconds.map(|seconds| format!("{seconds:.1}"))),
        or_dash(elbo(row).or(row.verdict.map(|verdict| verdict.to_string()))),
        or_dash(row.best_scheme.clone()),
    ]
}

/// What a listing needs of the results of a study.
#[derive(serde::Deserialize)]
struct OfStudy {
    verdict: Verdict,
}

/// The best ELBO with what it promises, less where the results carry a warning.
fn elbo(row: &Row) -> Option<String> {
    let doubtful = if row.warnings.is_empty() { "" } else { ", doubtful" };
    Some(format!("{} ({}{doubtful})", table::number(row.elbo_nats_mean?, 3), row.elbo_guarantee?))
}

/// One damaged run does not hide the others.
fn row(run: &RunFolder) -> Row {
    let row = Row { name: run.name(), path: run.path().to_path_buf(), ..Row::default() };
    let unreadable = |problem: String| Row { status: "unreadable", note: Some(problem), ..row.clone() };
    if !run.config().is_file() {
        return unreadable("it has no config.toml; it was stopped before it began".into());
    }
    let mut provenance = match run.provenance() {
        Ok(provenance) => provenance,
        Err(error) => return unreadable(error.to_string()),
    };
    let abandoned = run.abandoned();
    if provenance.status == Status::Running && abandoned {
        // Perhaps it ended since it was read; if it now says running still, it was killed.
        provenance = run.provenance().unwrap_or(provenance);
    }
    let (status, mut note) = status(run, &provenance, abandoned);
    // An unfinished run has no results yet.
    let results: Option<Result<Results>> = run.results().exists().then(|| run.read_json(&run.results()));
    let study = results.as_ref().is_some_and(Result::is_err).then(|| run.read_json::<OfStudy>(&run.results()));
    if let Some(Ok(OfStudy { verdict })) = study {
        let (steps, seconds, seed) = (Some(provenance.steps), Some(provenance.seconds), Some(provenance.seed));
        return Row { status, note, steps, seconds, seed, verdict: Some(verdict), ..row };
    }
    let (schemes, warnings) = match results {
        Some(Ok(results)) => (results.schemes, results.warnings),
        Some(Err(error)) => {
            note = Some(error.to_string());
            Default::default()
        }
        None => Default::default(),
    };
    // A number that is none must not pass for the largest.
    let numbers = schemes.into_iter().filter(|scheme| scheme.elbo_nats_mean.is_finite());
    let best = numbers.max_by(|a, b| a.elbo_nats_mean.total_cmp(&b.elbo_nats_mean));
    Row {
        status,
        note,
        steps: Some(provenance.steps),
        seconds: Some(provenance.seconds),
        seed: Some(provenance.seed),
        elbo_nats_mean: best.as_ref().map(|scheme| scheme.elbo_nats_mean),
        elbo_guarantee: best.as_ref().map(|scheme| scheme.elbo_guarantee),
        warnings,
        best_scheme: best.map(|scheme| scheme.name),
        ..row
    }
}

/// The word for how a run stands, and what to do about it.
fn status(run: &RunFolder, provenance: &Provenance, abandoned: bool) -> (&'static str, Option<String>) {
    match provenance.status {
        Status::Running if abandoned => ("killed", Some(run.next_command())),
        Status::Running => ("running", None),
        Status::Finished => ("finished", None),
        Status::Interrupted => ("interrupted", Some(run.next_command())),
        Status::Failed => {
            let error = provenance.error.clone().unwrap_or_default();
            let next = match Error::tells_of_divergence(&error) {
                true => Error::AFTER_DIVERGENCE.into(),
                false => format!("once that is mended, {}", run.next_command()),
            };
            ("failed", Some(format!("{error}; {next}")))
        }
    }
}
