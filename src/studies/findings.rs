//! What a study found: numbers with names, curves, figures and tables.

use super::Figure;
use serde::{Deserialize, Serialize};

/// Everything a study hands back.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Findings {
    /// Named numbers: what criteria speak of.
    pub quantities: Vec<Quantity>,
    /// Curves for TensorBoard and the archive.
    pub series: Vec<Series>,
    /// Pictures.
    pub figures: Vec<Figure>,
    /// Tables.
    pub sheets: Vec<Sheet>,
    /// Sentences the reader should know beside the numbers.
    pub remarks: Vec<String>,
}

/// A number and its name, `quantity_unit_statistic` in snake case.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Quantity {
    /// What was measured.
    pub name: String,
    /// The number; may be infinite.
    #[serde(with = "super::number")]
    pub value: f64,
    /// Its standard error, where it is an estimate.
    pub error: Option<f64>,
}

/// One curve: curves of the same tag in different runs are drawn over each other.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Series {
    /// The TensorBoard run, such as the name of a scheme; empty for the study's own.
    pub run: String,
    /// What is measured and its unit: `inference/kl_nats_mean`.
    pub tag: String,
    /// (step, value).
    pub points: Vec<(u64, f64)>,
}

/// A table: its head and its rows.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Sheet {
    /// A sentence about it.
    pub caption: String,
    /// Names of the columns.
    pub head: Vec<String>,
    /// Cells, as they are shown.
    pub rows: Vec<Vec<String>>,
}

impl Findings {
    /// Adds an exact or deterministic number.
    pub fn quantity(&mut self, name: impl Into<String>, value: f64) {
        self.quantities.push(Quantity { name: name.into(), value, error: None });
    }

    /// Adds an estimate and its standard error.
    pub fn estimate(&mut self, name: impl Into<String>, value: f64, error: f64) {
        self.quantities.push(Quantity { name: name.into(), value, error: Some(error) });
    }

    /// Adds a curve: one value a step, from `points`.
    pub fn series(
        &mut self,
        run: impl Into<String>,
        tag: impl Into<String>,
        points: impl IntoIterator<Item = (u64, f64)>,
    ) {
        self.series.push(Series { run: run.into(), tag: tag.into(), points: points.into_iter().collect() });
    }

    /// Adds a picture.
    pub fn figure(&mut self, figure: Figure) {
        self.figures.push(figure);
    }

    /// Adds a table.
    pub fn sheet(&mut self, caption: impl Into<String>, head: &[&str], rows: Vec<Vec<String>>) {
        let head = head.iter().map(ToString::to_string).collect();
        self.sheets.push(Sheet { caption: caption.into(), head, rows });
    }

    /// Adds a sentence.
    pub fn remark(&mut self, sentence: impl Into<String>) {
        self.remarks.push(sentence.into());
    }

    /// The number of a name.
    pub fn get(&self, name: &str) -> Option<&Quantity> {
        self.quantities.iter().find(|quantity| quantity.name == name)
    }
}
