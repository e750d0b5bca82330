//! TensorBoard's page of combined charts ("Custom Scalars").

/// A titled group of charts.
#[derive(Clone, Debug, PartialEq)]
pub struct Section {
    pub title: String,
    pub charts: Vec<Chart>,
}

/// One chart; it is drawn for every selected run.
#[derive(Clone, Debug, PartialEq)]
pub enum Chart {
    /// Lines of all scalars whose whole name matches one of these regular expressions.
    Lines { title: String, tags: Vec<String> },
    /// One scalar with a shaded band between two others: an estimate and its error.
    Band { title: String, value: String, lower: String, upper: String },
}

impl Chart {
    /// A chart of lines.
    pub fn lines(title: &str, tags: &[&str]) -> Self {
        Self::Lines { title: title.into(), tags: tags.iter().map(|tag| (*tag).into()).collect() }
    }

    /// A chart of an estimate between its bounds.
    pub fn band(title: &str, value: &str, lower: &str, upper: &str) -> Self {
        Self::Band { title: title.into(), value: value.into(), lower: lower.into(), upper: upper.into() }
    }
}
