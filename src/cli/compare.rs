//! `dbm compare`.

use super::{log_partition, print, print_json, table};
use crate::evaluate::Bounded;
use crate::experiment::config::{stored, summary};
use crate::experiment::results::{Results, SchemeResult};
use crate::experiment::study::refuse_study;
use crate::experiment::{Error, Result, RunFolder, Status, quoted};
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Set finished runs side by side. Reads what the runs wrote and computes nothing anew.
#[derive(Debug, clap::Args)]
pub struct Compare {
    /// Run folders.
    #[arg(required = true, num_args = 1..)]
    runs: Vec<PathBuf>,
    /// Print as JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Side {
    run: String,
    /// Settings in which the runs differ.
    settings: BTreeMap<String, toml::Value>,
    results: Results,
}

impl Compare {
    pub fn execute(self) -> Result<()> {
        let mut sides = self.runs.iter().map(|run| side(run)).collect::<Result<Vec<_>>>()?;
        refuse_different_examples(&sides)?;
        keep_differing(&mut sides);
        if self.json { print_json(&sides) } else { print(&text(&sides)) }
    }
}

fn side(path: &Path) -> Result<Side> {
    let run = RunFolder::open(path)?;
    refuse_study(&run, "a study judges no inference schemes of one model", "what it found is in RESULTS")?;
    let provenance = run.provenance()?;
    if !run.results().exists() {
        let at_work = provenance.status == Status::Running && !run.abandoned();
        let diverged = provenance.error.filter(|error| Error::tells_of_divergence(error));
        let (problem, remedy) = match diverged {
            Some(error) => (format!("has no results: {error}"), Error::AFTER_DIVERGENCE.to_string()),
            None if at_work => ("is still at work and has no results yet".into(), "wait for it to finish".into()),
            None => ("has no results yet".into(), format!("finish it with: dbm resume {}", quoted(path))),
        };
        return Err(Error::Model { path: path.to_path_buf(), problem, remedy });
    }
    Ok(Side {
        run: run.name(),
        settings: summary(&stored(&run.config())?).into_iter().collect(),
        results: run.read_json(&run.results())?,
    })
}

/// Numbers on different examples cannot be compared.
fn refuse_different_examples(sides: &[Side]) -> Result<()> {
    let judged = |side: &Side| side.results.examples_sha256.clone();
    match sides.windows(2).find(|pair| judged(&pair[0]) != judged(&pair[1])) {
        None => Ok(()),
        Some(pair) => Err(Error::Refused {
            problem: format!("{} and {} were judged on different examples", pair[0].run, pair[1].run),
            remedy: "compare runs whose test examples are equal (other data, splits, seeds or binarisations make others), or judge \
                     each on one file: dbm eval RUN --data FILE"
                .into(),
        }),
    }
}

fn keep_differing(sides: &mut [Side]) {
    let first = sides[0].settings.clone();
    let mut paths: Vec<String> = sides.iter().flat_map(|side| side.settings.keys().cloned()).collect();
    paths.retain(|path| sides.iter().any(|side| side.settings.get(path) != first.get(path)));
    for side in sides {
        side.settings.retain(|path, _| paths.contains(path));
    }
}

/// Columns are headed by numbers, as the names of runs are too long for that.
fn text(sides: &[Side]) -> String {
    let numbers: Vec<String> = (1..=sides.len()).map(|number| format!("[{number}]")).collect();
    let mut head = vec![""];
    head.extend(numbers.iter().map(String::as_str));
    let runs: String = sides.iter().zip(&numbers).map(|(side, number)| format!("{number} {}\n", side.run)).collect();
    let settings = settings(sides);
    let differing = if settings.is_empty() { "none".into() } else { table::table(&head, settings) };
    let first = &sides[0].results;
    format!(
        "{runs}\nsettings that differ\n{differing}\n\nmeans over {} of {}, nats; a higher ELBO is better\n{}\n{}",
        table::counted(first.examples, "example"),
        first.data,
        table::table(&head, quantities(sides)),
        warnings(sides, &numbers)
    )
}

/// Everything the reader of any side should know, under that side's number.
fn warnings(sides: &[Side], numbers: &[String]) -> String {
    let numbered = sides.iter().zip(numbers);
    let warnings = numbered.flat_map(|(side, number)| side.results.warnings.iter().map(move |text| (number, text)));
    warnings.map(|(number, text)| format!("{number} warning: {text}\n")).collect()
}

fn settings(sides: &[Side]) -> Vec<Vec<String>> {
    let mut paths: Vec<&String> = sides.iter().flat_map(|side| side.settings.keys()).collect();
    paths.sort();
    paths.dedup();
    let cell = |path: &str, side: &Side| side.settings.get(path).map_or("–".into(), ToString::to_string);
    paths.into_iter().map(|path| row(path, sides.iter().map(|side| cell(path, side)))).collect()
}

fn row(label: &str, cells: impl Iterator<Item = String>) -> Vec<String> {
    std::iter::once(label.to_string()).chain(cells).collect()
}

/// log Z, log p(v), and what there is to say of every scheme that any of the runs was judged by.
fn quantities(sides: &[Side]) -> Vec<Vec<String>> {
    let results = || sides.iter().map(|side| &side.results);
    let mut rows = vec![
        row("log Z", results().map(|results| log_partition::bounded(&results.log_partition).to_string())),
        row("log p(v)", results().map(log_likelihood)),
    ];
    let mut names: Vec<&String> = Vec::new();
    for scheme in results().flat_map(|results| &results.schemes) {
        if !names.contains(&&scheme.name) {
            names.push(&scheme.name);
        }
    }
    for name in names {
        rows.push(row(name, sides.iter().map(|_| String::new())));
        rows.extend(QUANTITIES.iter().map(|(quantity, text)| {
            let scheme = |results: &Results| results.schemes.iter().find(|scheme| scheme.name == *name).map(text);
            row(&format!("  {quantity}"), results().map(|results| scheme(results).unwrap_or_else(|| "–".into())))
        }));
    }
    rows
}

/// How one quantity of a scheme is shown.
type Shown = fn(&SchemeResult) -> String;

/// What a scheme is compared by.
const QUANTITIES: [(&str, Shown); 6] = [
    ("ELBO", |scheme| format!("{} ({})", table::elbo(scheme), scheme.elbo_guarantee)),
    ("gap to best", table::gap),
    ("KL to exact", table::kl),
    ("reconstruction error", |scheme| table::number(scheme.reconstruction_error_mean, 4)),
    ("sweeps", |scheme| table::number(scheme.sweeps_mean, 1)),
    ("µs/example", |scheme| table::number(scheme.time_us_per_example, 1)),
];

fn log_likelihood(results: &Results) -> String {
    match (results.log_likelihood_nats_mean, results.log_likelihood_guarantee) {
        (Some(nats), Some(guarantee)) => {
            format!("{:.3}", Bounded { nats, error: results.log_partition.error, guarantee })
        }
        _ => "–".into(),
    }
}
