//! What came out of a collection: the `results.json` of its reproduction, and what is kept of it.

use super::table_file::Better;
use crate::experiment::{Origin, Status};
use crate::studies::Verdict;
use serde::{Deserialize, Serialize};

/// Published figures beside those obtained here.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Reproduced {
    /// The name of the collection.
    pub collection: String,
    /// What it is about.
    pub title: String,
    /// Who published the figures.
    pub source: String,
    /// What must be known to compare them.
    pub note: String,
    /// Whether at the quick size, of other data and smaller models: nothing to hold against what was published.
    pub quick: bool,
    /// What computes it again.
    pub command: String,
    /// The tables, in order.
    pub tables: Vec<TableResult>,
    /// The runs behind them, in the order in which they are made.
    pub runs: Vec<RunRecord>,
}

/// One table.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TableResult {
    /// What it shows.
    pub title: String,
    /// Unit of the quantity.
    pub unit: String,
    /// Which way is better.
    pub better: Better,
    /// Decimals that are shown.
    pub decimals: usize,
    /// What must be known to read it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub note: String,
    /// The rows, in order.
    pub rows: Vec<RowResult>,
    /// Rows that must come out in an order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub orders: Vec<OrderResult>,
}

impl TableResult {
    /// Label of each row that falls short, and by how much and why, as far as that is known.
    pub fn shortfalls(&self) -> impl Iterator<Item = (&str, String)> {
        self.rows.iter().filter(|row| row.verdict == Some(Verdict::Refuted)).filter_map(|row| {
            let by = row
                .published
                .zip(row.obtained.as_ref())
                .map(|(published, found)| self.better.by(published, found.value));
            let by = by.filter(|by| *by > 0.0).map(|by| format!("{by:.*} {} short", self.decimals, self.unit));
            let words: Vec<String> = by.into_iter().chain(row.short_because.clone()).collect();
            (!words.is_empty()).then(|| (row.label.as_str(), words.join(": ")))
        })
    }
}

/// One figure.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RowResult {
    /// What it is called.
    pub label: String,
    /// The run it is taken from.
    pub run: String,
    /// What was measured: keys of the run's `results.json`.
    pub quantity: String,
    /// What was published.
    pub published: Option<f64>,
    /// What came out here; none where the run is not through.
    pub obtained: Option<Obtained>,
    /// What had to come out, in words; none where nothing had to.
    pub expected: Option<String>,
    /// Whether it did.
    pub verdict: Option<Verdict>,
    /// Why it is known to fall short.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub short_because: Option<String>,
}

/// A number that came out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Obtained {
    /// The number.
    pub value: f64,
    /// Its standard error beside a number of the same test examples; none where there is none.
    pub error: Option<f64>,
    /// What it promises.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub guarantee: Option<String>,
}

/// Rows of which each must be at least as good as the one before.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OrderResult {
    /// Labels, the worst first.
    pub rows: Vec<String>,
    /// Whether they are; none where not all of them came out, or nothing is asked.
    pub verdict: Option<Verdict>,
    /// Why they are known not to be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refuted_because: Option<String>,
}

/// One run and how it stands.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunRecord {
    /// The name of its experiment file and of its folder.
    pub name: String,
    /// Master seed.
    pub seed: u64,
    /// The resolved experiment, but for the place of a run of the collection that it begins at.
    #[serde(default)]
    pub settings: String,
    /// SHA-256 of these.
    pub settings_sha256: String,
    /// How it stands; none where it was never begun with these settings.
    pub status: Option<Status>,
    /// Hours at work, over all resumptions.
    pub hours: f64,
    /// When it was started, UTC.
    pub started: Option<String>,
    /// When it ended, UTC.
    pub ended: Option<String>,
    /// The program and the machine that it was started by.
    pub origin: Option<Origin>,
    /// What the reader should know before trusting its numbers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
    /// What went wrong, where it did not go through.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

impl RunRecord {
    /// Whether it is through.
    pub fn is_finished(&self) -> bool {
        self.status == Some(Status::Finished)
    }
}

impl Reproduced {
    /// The run of a name.
    pub fn run(&self, name: &str) -> Option<&RunRecord> {
        self.runs.iter().find(|run| run.name == name)
    }

    /// Whether any row came out.
    pub fn has_any(&self) -> bool {
        self.tables.iter().flat_map(|table| &table.rows).any(|row| row.obtained.is_some())
    }

    /// Everything that is not as the files say; what is undecided, or not yet run, contradicts nothing.
    pub fn contradictions(&self) -> Vec<String> {
        let failed = self.runs.iter().filter_map(|run| Some(format!("{} failed: {}", run.name, run.error.as_ref()?)));
        let tables = self.tables.iter().flat_map(|table| {
            let rows = table.rows.iter().filter_map(|row| self.contradiction(row));
            rows.chain(table.orders.iter().filter_map(OrderResult::contradiction))
        });
        failed.chain(tables).collect()
    }

    fn contradiction(&self, row: &RowResult) -> Option<String> {
        let RowResult { label, quantity, expected, .. } = row;
        if row.obtained.is_none() && self.run(&row.run).is_some_and(RunRecord::is_finished) {
            return Some(format!("{label} has no number {quantity}"));
        }
        match (row.verdict?, &row.short_because) {
            (Verdict::Refuted, None) => Some(format!("{label} is not {}", expected.as_deref().unwrap_or_default())),
            (Verdict::Holds, Some(_)) => Some(format!("{label} is reached, though its file says why it should not be")),
            _ => None,
        }
    }
}

impl OrderResult {
    fn contradiction(&self) -> Option<String> {
        let rows = self.rows.join(", ");
        match (self.verdict?, &self.refuted_because) {
            (Verdict::Refuted, None) => Some(format!("{rows} do not come out in this order")),
            (Verdict::Holds, Some(_)) => {
                Some(format!("{rows} come out in this order, though their file says why they should not"))
            }
            _ => None,
        }
    }
}
