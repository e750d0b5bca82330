//! `table.toml`: which rows a collection has, what was published of each, and what must come out.

use crate::experiment::config::{Problem, Problems};
use crate::studies::Criterion;
use serde::{Deserialize, Serialize};

/// A collection: published tables, and the experiments that compute them again.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TableFile {
    /// What it is about, in one line.
    pub title: String,
    /// Who published the figures, and where: author, year, table.
    pub source: String,
    /// What must be known to compare them: data, binarisation, bounds and estimates, in sentences.
    pub note: String,
    /// Experiments that share a file.
    #[serde(default, rename = "experiment")]
    pub variants: Vec<Variant>,
    /// The tables, in order.
    #[serde(rename = "table")]
    pub tables: Vec<TableOfFigures>,
}

/// An experiment that is a file of the collection with some settings changed. A file that has variants is no experiment of its own.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Variant {
    /// What it is called; its run too.
    pub name: String,
    /// The file, without the ending.
    pub of: String,
    /// What is changed, each as on the command line: `train.epochs=60`.
    pub set: Vec<String>,
}

/// One table: the same quantity of several runs.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TableOfFigures {
    /// What it shows, in one line.
    pub title: String,
    /// The quantity of its rows: keys of a run's `results.json` from the outside in, parted by slashes. In a list of things with
    /// names, a name is a key: `schemes/mean-field/elbo_nats_mean`, `findings/quantities/nmse_db`.
    #[serde(default)]
    pub quantity: String,
    /// Unit of the quantity.
    pub unit: String,
    /// Which way is better.
    #[serde(default)]
    pub better: Better,
    /// Decimals that are shown.
    #[serde(default = "two")]
    pub decimals: usize,
    /// The label of a row whose number all others are given over: ratios, without errors.
    #[serde(default)]
    pub relative_to: Option<String>,
    /// Whether runs may lack the quantity; then the row is left out.
    #[serde(default)]
    pub optional: bool,
    /// What must be known to read this table, in sentences.
    #[serde(default)]
    pub note: String,
    /// The rows, in order.
    #[serde(rename = "row")]
    pub rows: Vec<Row>,
    /// Rows that must come out in an order.
    #[serde(default, rename = "order")]
    pub orders: Vec<Order>,
}

fn two() -> usize {
    2
}

/// Which way is better.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Better {
    /// The larger the better.
    #[default]
    Higher,
    /// The smaller the better.
    Lower,
}

impl Better {
    /// How much better `one` is than `other`.
    pub fn by(self, one: f64, other: f64) -> f64 {
        match self {
            Self::Higher => one - other,
            Self::Lower => other - one,
        }
    }
}

/// One figure.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Row {
    /// What it is called.
    pub label: String,
    /// The experiment whose run it is taken from: a variant, or a file without the ending.
    pub experiment: String,
    /// The quantity, where it is not that of the table.
    #[serde(default)]
    pub quantity: Option<String>,
    /// The figure that was published; none where there is nothing to compare with.
    #[serde(default)]
    pub published: Option<f64>,
    /// How much worse than published still counts as reached.
    #[serde(default)]
    pub within: f64,
    /// No less than this, in place of the published figure.
    #[serde(default)]
    pub at_least: Option<f64>,
    /// No more than this, in place of the published figure.
    #[serde(default)]
    pub at_most: Option<f64>,
    /// Why it is known to fall short here.
    #[serde(default)]
    pub short_because: Option<String>,
    /// What must come out at the quick size, which is of other data; nothing where this is left out.
    #[serde(default)]
    pub quick: Interval,
}

/// What a number must be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Interval {
    /// No less than this.
    pub at_least: Option<f64>,
    /// No more than this.
    pub at_most: Option<f64>,
}

/// Rows of which each is at least as good as the one before.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Order {
    /// Labels, the worst first.
    pub rows: Vec<String>,
    /// Why they are known to come out in another order here.
    #[serde(default)]
    pub refuted_because: Option<String>,
    /// Whether they must come out so at the quick size too.
    #[serde(default)]
    pub quick: bool,
}

impl TableOfFigures {
    /// The quantity of a row.
    pub fn quantity_of<'a>(&'a self, row: &'a Row) -> &'a str {
        row.quantity.as_deref().unwrap_or(&self.quantity)
    }

    /// What a row must be at one of the sizes; none where nothing is asked.
    pub fn criterion(&self, row: &Row, quick: bool) -> Option<Criterion> {
        let published = row.published.map(|figure| match self.better {
            Better::Higher => Interval { at_least: Some(figure - row.within), at_most: None },
            Better::Lower => Interval { at_least: None, at_most: Some(figure + row.within) },
        });
        let own = Interval { at_least: row.at_least, at_most: row.at_most };
        let asked = match quick {
            true => row.quick,
            false if own != Interval::default() => own,
            false => published.unwrap_or_default(),
        };
        let Interval { at_least, at_most } = asked;
        let quantity = row.label.clone();
        (asked != Interval::default()).then(|| Criterion::between(quantity, at_least, at_most))
    }
}

/// Every problem of a table file; none = it can be used.
pub fn check(file: &TableFile) -> Vec<Problem> {
    let mut problems = Problems::default();
    problems.require(!file.tables.is_empty(), "table", "is not there", "add [[table]], with rows");
    for (at, variant) in file.variants.iter().enumerate() {
        let twice = file.variants.iter().take(at).any(|other| other.name == variant.name);
        let message = format!("is {:?} a second time", variant.name);
        problems.require(!twice, format!("experiment.{at}.name"), message, "give every experiment a name of its own");
    }
    for (at, table) in file.tables.iter().enumerate() {
        let path = format!("table.{at}");
        problems.require(!table.rows.is_empty(), format!("{path}.row"), "is not there", "add [[table.row]]");
        for (index, row) in table.rows.iter().enumerate() {
            let path = format!("{path}.row.{index}");
            let twice = table.rows.iter().take(index).any(|other| other.label == row.label);
            let remedy = "give every row of a table a label of its own";
            problems.require(!twice, format!("{path}.label"), format!("is {:?} a second time", row.label), remedy);
            let some = !table.quantity_of(row).is_empty();
            problems.require(some, path.clone(), "has no quantity", "name one, here or for the whole table");
            problems.not_negative(format!("{path}.within"), row.within);
            let given = [row.published, row.at_least, row.at_most, row.quick.at_least, row.quick.at_most];
            let numbers = given.iter().flatten().all(|figure| figure.is_finite());
            problems.require(numbers, path, "holds something that is no number", "give numbers");
        }
        let named = |label: &String| table.rows.iter().any(|row| row.label == *label);
        if let Some(label) = table.relative_to.iter().find(|label| !named(label)) {
            let message = format!("is {label:?}, and no row has this label");
            problems.add(format!("{path}.relative_to"), message, "name the label of a row");
        }
        for (index, order) in table.orders.iter().enumerate() {
            let path = format!("{path}.order.{index}.rows");
            problems.require(order.rows.len() > 1, path.clone(), "is no order", "name two rows or more");
            for label in order.rows.iter().filter(|label| !named(label)) {
                problems.add(
                    path.clone(),
                    format!("names {label:?}, and no row has this label"),
                    "name labels of rows",
                );
            }
        }
    }
    problems.found()
}
