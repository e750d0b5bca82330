//! `dbm compare`.

use super::{print, print_json, table};
use crate::experiment::config::{load, summary};
use crate::experiment::results::{Results, SchemeResult};
use crate::experiment::{Error, Result, RunFolder, quoted};
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
    /// Checksums of the data files.
    #[serde(skip)]
    files: Vec<String>,
}

impl Compare {
    pub fn execute(self) -> Result<()> {
        let mut sides = self.runs.iter().map(|run| side(run)).collect::<Result<Vec<_>>>()?;
        refuse_different_data(&sides)?;
        keep_differing(&mut sides);
        if self.json { print_json(&sides) } else { print(&text(&sides)) }
    }
}

fn side(path: &Path) -> Result<Side> {
    let run = RunFolder::open(path)?;
    if !run.results().exists() {
        return Err(Error::Model {
            path: path.to_path_buf(),
            problem: "has no results yet".into(),
            remedy: format!("finish it with: dbm resume {}", quoted(path)),
        });
    }
    Ok(Side {
        run: run.name(),
        settings: summary(&load(&run.config(), &[])?.experiment).into_iter().collect(),
        results: run.read_json(&run.results())?,
        files: run.provenance()?.data.into_iter().map(|file| file.sha256).collect(),
    })
}

/// ELBOs on different examples cannot be compared.
fn refuse_different_data(sides: &[Side]) -> Result<()> {
    let judged = |side: &Side| {
        let data = side.settings.iter().filter(|(path, _)| path.starts_with("data."));
        (
            side.results.examples,
            side.results.data.clone(),
            side.files.clone(),
            data.map(|(p, v)| (p.clone(), v.clone())).collect::<Vec<_>>(),
        )
    };
    match sides.windows(2).find(|pair| judged(&pair[0]) != judged(&pair[1])) {
        None => Ok(()),
        Some(pair) => Err(Error::Refused {
            problem: format!("{} and {} were judged on different data", pair[0].run, pair[1].run),
            remedy: "compare runs whose [data] sections are equal".into(),
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

fn text(sides: &[Side]) -> String {
    let mut head = vec![""];
    head.extend(sides.iter().map(|side| side.run.as_str()));
    let mut paths: Vec<&String> = sides.iter().flat_map(|side| side.settings.keys()).collect();
    paths.sort();
    paths.dedup();
    let settings = paths.iter().map(|path| {
        let cells = sides.iter().map(|side| side.settings.get(*path).map_or("–".into(), ToString::to_string));
        std::iter::once((*path).clone()).chain(cells).collect()
    });
    let mut names: Vec<&String> = Vec::new();
    for scheme in sides.iter().flat_map(|side| &side.results.schemes) {
        if !names.contains(&&scheme.name) {
            names.push(&scheme.name);
        }
    }
    let log_z = sides.iter().map(|side| {
        let z = &side.results.log_partition;
        z.error.map_or(format!("{:.3}", z.nats), |error| format!("{:.3} ± {error:.3}", z.nats))
    });
    let mut rows: Vec<Vec<String>> = vec![std::iter::once("log Z (nats)".to_string()).chain(log_z).collect()];
    rows.extend(names.iter().map(|name| {
        let cells = sides.iter().map(|side| {
            let scheme = side.results.schemes.iter().find(|scheme| scheme.name == **name);
            scheme.map_or("–".into(), elbo)
        });
        std::iter::once(format!("ELBO by {name}")).chain(cells).collect()
    }));
    let settings: Vec<Vec<String>> = settings.collect();
    let differing = if settings.is_empty() { "none".into() } else { table::table(&head, settings) };
    let first = &sides[0].results;
    format!(
        "settings that differ\n{differing}\n\nmean over {} examples of {}, nats; a higher ELBO is better\n{}",
        first.examples,
        first.data,
        table::table(&head, rows)
    )
}

fn elbo(scheme: &SchemeResult) -> String {
    let error = scheme.elbo_nats_error.map_or(String::new(), |error| format!(" ± {error:.2}"));
    format!("{:.3}{error} ({})", scheme.elbo_nats_mean, scheme.elbo_guarantee)
}
