//! Published figures beside those obtained here: as tables for people, and as the section of README.

use super::table::{number, table, with_error};
use crate::experiment::collection::{
    Collection, Obtained, OrderResult, Reproduced, Row, RowResult, RunRecord, TableOfFigures, TableResult, names,
    read_saved,
};
use crate::experiment::{ProgramCommit, Result};
use crate::studies::Verdict;
use std::path::Path;

/// A figure as it is listed.
#[derive(serde::Serialize)]
pub struct Listed {
    table: String,
    label: String,
    file: String,
    quantity: String,
    unit: String,
    published: Option<f64>,
}

/// Every figure of a collection.
pub fn listed(collection: &Collection) -> Vec<Listed> {
    let of_table = |table: &TableOfFigures| {
        let row = |row: &Row| Listed {
            table: table.title.clone(),
            label: row.label.clone(),
            file: row.experiment.clone(),
            quantity: table.quantity_of(row).to_string(),
            unit: table.unit.clone(),
            published: row.published,
        };
        table.rows.iter().map(row).collect::<Vec<_>>()
    };
    collection.table.tables.iter().flat_map(of_table).collect()
}

/// A collection in one line.
pub fn line(collection: &Collection) -> String {
    format!("{:<30} {} ({})\n", collection.name, collection.table.title, collection.table.source)
}

/// The rows of a collection, before any is computed.
pub fn rows(collection: &Collection) -> String {
    let file = &collection.table;
    let mut text = format!("{}\n{}\n{}\n", file.title, file.source, file.note);
    for figures in &file.tables {
        let row = |row: &Row| {
            let figure = row.published.map_or("–".into(), |figure| number(figure, figures.decimals));
            vec![row.label.clone(), row.experiment.clone(), figure]
        };
        let head = ["row", "experiment", &format!("published, {}", figures.unit)];
        text += &format!("\n{}\n{}\n", figures.title, table(&head, figures.rows.iter().map(row).collect()));
    }
    text
}

/// What came out, for people.
pub fn tables(reproduced: &Reproduced, report: &Path) -> String {
    let size = if reproduced.quick { " at the quick size, where no published figure belongs" } else { "" };
    let mut text = format!("{}{size}\n{}\n", reproduced.title, reproduced.source);
    for figures in &reproduced.tables {
        let title = &figures.title;
        text += &format!("\n{title}\n{}\n", grid(reproduced, figures, true));
        text += &orders(figures);
        text += &figures.shortfalls().map(|(label, words)| format!("{label}: {words}\n")).collect::<String>();
    }
    text += &shared(reproduced);
    text += &warnings(reproduced).map(|(name, warning)| format!("warning: {name}: {warning}\n")).collect::<String>();
    format!("{text}report: {}", report.display())
}

/// README's section: what is kept in a folder.
pub fn kept(folder: &Path) -> Result<String> {
    let saved = read_saved(folder)?;
    let mut text = String::new();
    for reproduced in saved.iter().filter(|reproduced| reproduced.has_any()) {
        text += &section(reproduced);
    }
    let there = |name: &&String| saved.iter().any(|one| one.collection == **name && one.has_any());
    let missing: Vec<String> = names().iter().filter(|name| !there(name)).map(|name| format!("`{name}`")).collect();
    if !missing.is_empty() {
        text += &format!("Not yet run at full size: {}.\n", missing.join(", "));
    }
    Ok(text)
}

/// One collection in Markdown.
fn section(reproduced: &Reproduced) -> String {
    let Reproduced { title, source, note, command, .. } = reproduced;
    let mut text = format!("**{title}** ({source}). {note}\n\n");
    for figures in &reproduced.tables {
        let short: String = figures.shortfalls().map(|(label, words)| format!("* {label}: {words}\n")).collect();
        let title = format!("{}:", figures.title);
        let parts = [title, grid(reproduced, figures, false), orders(figures), short, figures.note.clone()];
        let parts = parts.iter().map(|part| part.trim_end()).filter(|part| !part.is_empty());
        text += &parts.map(|part| format!("{part}\n\n")).collect::<String>();
    }
    text += &warnings(reproduced).map(|(name, warning)| format!("`{name}`: {warning}\n\n")).collect::<String>();
    let hours: f64 = reproduced.runs.iter().map(|run| run.hours).sum();
    let shared = shared(reproduced);
    let shared = if shared.is_empty() { String::new() } else { format!("{}; ", shared.trim_end()) };
    format!("{text}(`{command}`; {shared}{} hours in all; {})\n\n", number(hours, 1), made_by(&reproduced.runs))
}

/// What the reader should know before trusting the numbers of a run, and what went wrong in it; of log Z only where a number in nats is
/// shown.
fn warnings(reproduced: &Reproduced) -> impl Iterator<Item = (&String, &String)> {
    let in_nats = |run: &RunRecord| {
        let tables = reproduced.tables.iter().filter(|table| table.unit == "nats");
        tables.flat_map(|table| &table.rows).any(|row| row.run == run.name)
    };
    reproduced.runs.iter().flat_map(move |run| {
        let told = run.warnings.iter().filter(move |warning| in_nats(run) || !warning.contains("log Z"));
        told.chain(&run.error).map(|text| (&run.name, text))
    })
}

/// The columns that every table has.
fn grid(reproduced: &Reproduced, figures: &TableResult, expected: bool) -> String {
    let (unit, published) = (&figures.unit, figures.rows.iter().any(|row| row.published.is_some()));
    let mut head = vec!["".to_string()];
    head.extend(published.then(|| format!("published, {unit}")));
    head.push(format!("obtained, {unit}"));
    head.extend(expected.then(|| "expected".to_string()));
    head.extend(["reached".to_string(), "hours".to_string()]);
    let rows = figures.rows.iter().map(|row| {
        let RowResult { label, verdict, .. } = row;
        let mut cells = vec![label.clone()];
        cells.extend(published.then(|| row.published.map_or("–".into(), |figure| number(figure, figures.decimals))));
        cells.push(row.obtained.as_ref().map_or("not yet run".into(), |found| obtained(found, figures.decimals)));
        cells.extend(expected.then(|| row.expected.clone().unwrap_or("–".into())));
        cells.push(verdict.map_or("–", reached).into());
        let run = reproduced.run(&row.run).filter(|run| run.is_finished());
        cells.push(run.map_or("–".into(), |run| number(run.hours, 2)));
        cells
    });
    let head: Vec<&str> = head.iter().map(String::as_str).collect();
    table(&head, rows.collect())
}

fn obtained(Obtained { value, error, .. }: &Obtained, decimals: usize) -> String {
    with_error(*value, decimals, *error, decimals)
}

fn reached(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Holds => "yes",
        Verdict::Undecided => "within the error",
        Verdict::Refuted => "no",
    }
}

/// A sentence for each order that was asked for.
fn orders(figures: &TableResult) -> String {
    let sentence = |order: &OrderResult| {
        let how = match order.verdict {
            None => "not yet known",
            Some(verdict) => reached(verdict),
        };
        let because = order.refuted_because.as_ref().map_or(String::new(), |reason| format!(" ({reason})"));
        format!("In this order, the worst first: {}: {how}{because}\n", order.rows.join(" < "))
    };
    figures.orders.iter().map(sentence).collect()
}

/// Runs that no row shown is taken from, such as those that others begin at.
fn shared(reproduced: &Reproduced) -> String {
    let rows = || reproduced.tables.iter().flat_map(|table| &table.rows);
    let runs = reproduced.runs.iter().filter(|run| run.is_finished() && !rows().any(|row| row.run == run.name));
    let runs: Vec<String> = runs.map(|run| format!("{} {} h", run.name, number(run.hours, 2))).collect();
    if runs.is_empty() { String::new() } else { format!("beside the rows: {}\n", runs.join(", ")) }
}

/// Seeds, versions and threads of the runs that are through, each named once.
fn made_by(runs: &[RunRecord]) -> String {
    let mut seeds: Vec<String> = Vec::new();
    let mut versions: Vec<String> = Vec::new();
    let mut threads: Vec<String> = Vec::new();
    let once = |list: &mut Vec<String>, word: String| {
        if !list.contains(&word) {
            list.push(word);
        }
    };
    for run in runs.iter().filter(|run| run.is_finished()) {
        once(&mut seeds, run.seed.to_string());
        let Some(origin) = &run.origin else { continue };
        let commit = origin.program_commit.as_ref().map_or(String::new(), |ProgramCommit { hash, changed }| {
            format!(" ({}{})", hash.get(..10).unwrap_or(hash), if *changed { ", changed" } else { "" })
        });
        once(&mut versions, format!("{}{commit}", origin.version));
        once(&mut threads, origin.threads.to_string());
    }
    let [seeds, versions, threads] = [seeds, versions, threads].map(|list| list.join(" and "));
    format!("seed {seeds}, version {versions}, threads {threads}")
}
