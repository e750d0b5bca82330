//! TensorBoard's page of combined charts ("Custom Scalars").

/// A group of charts.
#[derive(Clone, Debug, PartialEq)]
pub struct Section {
    /// What stands above the group.
    pub title: String,
    /// From left to right and top to bottom.
    pub charts: Vec<Chart>,
}

/// One chart; it is drawn for every selected run.
#[derive(Clone, Debug, PartialEq)]
pub struct Chart {
    pub(super) title: String,
    pub(super) curves: Curves,
}

/// What a chart draws, by the tags of scalars.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Curves {
    Lines(Vec<String>),
    Band { value: String, lower: String, upper: String },
}

impl Chart {
    /// Lines of all scalars whose whole tag matches one of these regular expressions.
    pub fn lines(title: &str, tags: &[&str]) -> Self {
        let tags = tags.iter().map(|tag| (*tag).into()).collect();
        Self { title: title.into(), curves: Curves::Lines(tags) }
    }

    /// One scalar with a shaded band between two others: an estimate and its error.
    pub fn band(title: &str, value: &str, lower: &str, upper: &str) -> Self {
        let curves = Curves::Band { value: value.into(), lower: lower.into(), upper: upper.into() };
        Self { title: title.into(), curves }
    }
}
