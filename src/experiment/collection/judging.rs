//! Numbers of finished runs held against what was published.

use super::outcome::{Obtained, OrderResult, RowResult, TableResult};
use super::quantity::obtained;
use super::table_file::{Order, Row, TableOfFigures};
use crate::studies::{Criterion, Findings, Verdict};
use serde_json::Value;
use std::collections::BTreeMap;

/// What there is to be judged.
pub struct Known {
    /// The `results.json` of every run that is through.
    pub results: BTreeMap<String, Value>,
    /// Figures of runs that are not there.
    pub kept: Vec<TableResult>,
}

/// One table.
pub fn judged(table: &TableOfFigures, quick: bool, known: &Known) -> TableResult {
    let rows: Vec<RowResult> = table.rows.iter().filter_map(|row| result(table, row, quick, known)).collect();
    let orders = table.orders.iter().filter(|order| !quick || order.quick);
    let orders = orders.map(|order| ordered(table, order, quick, &rows)).collect();
    TableResult {
        title: table.title.clone(),
        unit: table.unit.clone(),
        better: table.better,
        decimals: table.decimals,
        note: table.note.clone(),
        rows,
        orders,
    }
}

/// One row; none where there is no such number, and none is asked for.
fn result(table: &TableOfFigures, row: &Row, quick: bool, known: &Known) -> Option<RowResult> {
    let quantity = table.quantity_of(row).to_string();
    let found = number(table, row, &known.results).or_else(|| kept(table, row, &known.kept));
    let criterion = table.criterion(row, quick);
    let asked = if quick { criterion.is_some() } else { !table.optional };
    if found.is_none() && !asked {
        return None;
    }
    let verdict = criterion.as_ref().zip(found.as_ref()).map(|(criterion, found)| held(criterion, found));
    Some(RowResult {
        label: row.label.clone(),
        run: row.experiment.clone(),
        quantity,
        published: row.published.filter(|_| !quick),
        obtained: found,
        expected: criterion.map(|criterion| criterion.to_string()),
        verdict,
        short_because: row.short_because.clone().filter(|_| !quick),
    })
}

/// The number of a row, over that of the row that the table names, if it names one.
fn number(table: &TableOfFigures, row: &Row, results: &BTreeMap<String, Value>) -> Option<Obtained> {
    let of = |row: &Row| obtained(results.get(&row.experiment)?, table.quantity_of(row));
    let found = of(row)?;
    let Some(label) = &table.relative_to else { return Some(found) };
    let one = of(table.rows.iter().find(|row| row.label == *label)?)?;
    Some(Obtained { value: found.value / one.value, error: None, guarantee: None })
}

/// The number that is kept of a row.
fn kept(table: &TableOfFigures, row: &Row, tables: &[TableResult]) -> Option<Obtained> {
    let same = |kept: &&RowResult| {
        (&kept.label, &kept.run, kept.quantity.as_str()) == (&row.label, &row.experiment, table.quantity_of(row))
    };
    let tables = tables.iter().filter(|kept| kept.title == table.title);
    tables.flat_map(|kept| &kept.rows).find(same)?.obtained.clone()
}

/// A criterion held against one number.
fn held(criterion: &Criterion, Obtained { value, error, .. }: &Obtained) -> Verdict {
    let mut findings = Findings::default();
    match error {
        Some(error) => findings.estimate(criterion.quantity.clone(), *value, *error),
        None => findings.quantity(criterion.quantity.clone(), *value),
    }
    criterion.judge(&findings).verdict
}

/// Whether each row is at least as good as the one before, give or take their errors.
fn ordered(table: &TableOfFigures, order: &Order, quick: bool, rows: &[RowResult]) -> OrderResult {
    let number = |label: &String| rows.iter().find(|row| row.label == *label)?.obtained.as_ref();
    let numbers: Option<Vec<&Obtained>> = order.rows.iter().map(number).collect();
    let better = |pair: &[&Obtained]| {
        let square = |one: &Obtained| one.error.unwrap_or(0.0).powi(2);
        let error = (square(pair[0]) + square(pair[1])).sqrt();
        let by = Obtained { value: table.better.by(pair[1].value, pair[0].value), error: Some(error), guarantee: None };
        let quantity = "better by".to_string();
        held(&Criterion::between(quantity, Some(0.0), None), &by)
    };
    let verdict = numbers.and_then(|numbers| numbers.windows(2).map(better).max());
    let refuted_because = order.refuted_because.clone().filter(|_| !quick);
    OrderResult { rows: order.rows.clone(), verdict, refuted_because }
}
