//! Figures as data: axes with units and marks; how they are drawn is decided elsewhere.

use serde::{Deserialize, Serialize};

/// One picture with its axes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Figure {
    /// A short name.
    pub title: String,
    /// A sentence that states the finding.
    pub caption: String,
    /// The horizontal axis.
    pub x: Axis,
    /// The vertical axis.
    pub y: Axis,
    /// What is drawn, in order.
    pub marks: Vec<Mark>,
}

/// An axis: what is measured and in which unit.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Axis {
    /// Such as `sweeps` or `KL(q‖p), nats`.
    pub label: String,
    /// How values become lengths.
    pub scale: Scale,
}

/// How values become lengths.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scale {
    /// In proportion.
    #[default]
    Linear,
    /// By the logarithm; values that have none are left out.
    Log,
}

/// Something drawn.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mark {
    /// A line through points.
    Line {
        /// Name in the legend; empty for none.
        name: String,
        /// (x, y).
        points: Vec<(f64, f64)>,
        /// Broken instead of whole.
        dashed: bool,
    },
    /// Single points.
    Dots {
        /// Name in the legend; empty for none.
        name: String,
        /// (x, y).
        points: Vec<(f64, f64)>,
        /// Standard error of each y; empty for none.
        errors: Vec<f64>,
    },
    /// Points with a word beside each.
    Labels {
        /// (x, y, word).
        points: Vec<(f64, f64, String)>,
    },
    /// A bar for each category, side by side where there are several marks of this kind.
    Bars {
        /// Name in the legend; empty for none.
        name: String,
        /// (category, height).
        bars: Vec<(String, f64)>,
    },
    /// The area between two curves.
    Band {
        /// Name in the legend; empty for none.
        name: String,
        /// (x, low, high).
        points: Vec<(f64, f64, f64)>,
    },
    /// A horizontal line at a value, such as the exact answer.
    Level {
        /// Name in the legend; empty for none.
        name: String,
        /// Its y.
        at: f64,
    },
    /// A matrix as shades, its first row on top; the axes name its columns and rows.
    Heat {
        /// Rows of equal length.
        rows: Vec<Vec<f64>>,
    },
    /// Small pictures in a grid, such as atoms, each `[height · width]`; the axes are not drawn.
    Tiles {
        /// The pictures.
        pictures: Vec<Vec<f64>>,
        /// Height and width of each.
        shape: [usize; 2],
        /// Pictures in a row.
        columns: usize,
        /// Whether 0 is mid grey (weights) or black (means, pixels in [0, 1]).
        signed: bool,
    },
}

impl Figure {
    /// A figure without marks.
    pub fn new(title: impl Into<String>, caption: impl Into<String>, x: Axis, y: Axis) -> Self {
        Self { title: title.into(), caption: caption.into(), x, y, marks: Vec::new() }
    }

    /// Small pictures alone, which need no axes.
    pub fn tiles(
        title: impl Into<String>,
        caption: impl Into<String>,
        pictures: Vec<Vec<f64>>,
        shape: [usize; 2],
        columns: usize,
        signed: bool,
    ) -> Self {
        let figure = Self::new(title, caption, Axis::default(), Axis::default());
        figure.with(Mark::Tiles { pictures, shape, columns, signed })
    }

    /// With one mark more.
    pub fn with(mut self, mark: Mark) -> Self {
        self.marks.push(mark);
        self
    }

    /// With a whole line more.
    pub fn line(self, name: impl Into<String>, points: impl IntoIterator<Item = (f64, f64)>) -> Self {
        self.with(Mark::Line { name: name.into(), points: points.into_iter().collect(), dashed: false })
    }

    /// With a broken line more.
    pub fn dashed(self, name: impl Into<String>, points: impl IntoIterator<Item = (f64, f64)>) -> Self {
        self.with(Mark::Line { name: name.into(), points: points.into_iter().collect(), dashed: true })
    }

    /// With points more.
    pub fn dots(self, name: impl Into<String>, points: impl IntoIterator<Item = (f64, f64)>) -> Self {
        self.with(Mark::Dots { name: name.into(), points: points.into_iter().collect(), errors: Vec::new() })
    }

    /// With bars more.
    pub fn bars<C: Into<String>>(self, name: impl Into<String>, bars: impl IntoIterator<Item = (C, f64)>) -> Self {
        let bars = bars.into_iter().map(|(category, height)| (category.into(), height)).collect();
        self.with(Mark::Bars { name: name.into(), bars })
    }

    /// With a horizontal line more.
    pub fn level(self, name: impl Into<String>, at: f64) -> Self {
        self.with(Mark::Level { name: name.into(), at })
    }
}

impl Axis {
    /// In proportion.
    pub fn linear(label: impl Into<String>) -> Self {
        Self { label: label.into(), scale: Scale::Linear }
    }

    /// By the logarithm.
    pub fn log(label: impl Into<String>) -> Self {
        Self { label: label.into(), scale: Scale::Log }
    }
}
