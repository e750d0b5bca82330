//! One look for all figures: colours that the colour-blind tell apart (Okabe & Ito 2008), sizes of type, legends.

use super::svg::{Anchor, Type, width_of};
use crate::studies::Mark;

/// Text that is read first.
pub const INK: &str = "#1c2126";
/// Text and lines beside it.
pub const QUIET: &str = "#5a636b";
/// Lines of the grid.
pub const GRID: &str = "#e4e7ea";
/// Lines of the grid between those with a value.
pub const FAINT: &str = "#f1f3f4";
/// Where nothing is known.
pub const NOTHING: &str = "#c9ced3";
/// Series, in the order of their appearance.
const SERIES: [&str; 7] = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00", "#444c54"];
/// Dashes of levels, in the order of their appearance.
const LEVELS: [&str; 3] = ["7 4", "2 3", "9 3 2 3"];

/// A title.
pub const TITLE: Type = Type { size: 15.0, colour: INK, bold: true, anchor: Anchor::Start };
/// Names of series and points.
pub const NAME: Type = Type { size: 13.0, colour: INK, bold: false, anchor: Anchor::Start };
/// What an axis measures.
pub const AXIS: Type = Type { size: 13.0, colour: QUIET, bold: false, anchor: Anchor::Start };
/// Values on an axis.
pub const VALUE: Type = Type { size: 12.0, colour: QUIET, bold: false, anchor: Anchor::Middle };

/// What a legend shows before a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sample {
    /// A line, whole or with these dashes.
    Line(&'static str),
    /// A point.
    Dot,
    /// An area, as of bars.
    Area,
    /// A pale area.
    Band,
}

/// How one mark looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Look {
    /// Its colour.
    pub colour: &'static str,
    /// Dashes of its line, if it has one.
    pub dashes: &'static str,
    /// Its number among the series, from which the shape of points follows.
    pub number: usize,
}

/// A line of a legend: marks of the same name share it.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// The name.
    pub name: String,
    /// What stands before it.
    pub sample: Sample,
    /// The look of the marks.
    pub look: Look,
}

/// The look of every mark, and the legend. Marks of one name have one colour.
pub fn looks(marks: &[Mark]) -> (Vec<Look>, Vec<Entry>) {
    let (mut looks, mut entries): (Vec<Look>, Vec<Entry>) = (Vec::new(), Vec::new());
    let (mut series, mut levels) = (0, 0);
    for mark in marks {
        let Some((name, sample)) = named(mark) else {
            looks.push(Look { colour: INK, dashes: "", number: 0 });
            continue;
        };
        let level = matches!(mark, Mark::Level { .. });
        let known = entries.iter().find(|entry| !name.is_empty() && entry.name == name).map(|entry| entry.look);
        let look = known.unwrap_or_else(|| match level {
            true => {
                levels += 1;
                Look { colour: QUIET, dashes: LEVELS[(levels - 1) % LEVELS.len()], number: 0 }
            }
            false => {
                series += 1;
                Look { colour: SERIES[(series - 1) % SERIES.len()], dashes: "", number: series - 1 }
            }
        });
        let look = if let Sample::Line(dashes) = sample
            && !level
        {
            Look { dashes, ..look }
        } else {
            look
        };
        if known.is_none() && !name.is_empty() {
            let sample = if level { Sample::Line(look.dashes) } else { sample };
            entries.push(Entry { name: name.into(), sample, look });
        }
        looks.push(look);
    }
    (looks, entries)
}

/// The name of a mark that can have one, and how a legend shows it.
fn named(mark: &Mark) -> Option<(&str, Sample)> {
    match mark {
        Mark::Line { name, dashed, .. } => Some((name, Sample::Line(if *dashed { "7 4" } else { "" }))),
        Mark::Dots { name, .. } => Some((name, Sample::Dot)),
        Mark::Bars { name, .. } => Some((name, Sample::Area)),
        Mark::Band { name, .. } => Some((name, Sample::Band)),
        Mark::Level { name, .. } => Some((name, Sample::Line(""))),
        Mark::Labels { .. } | Mark::Heat { .. } | Mark::Tiles { .. } => None,
    }
}

/// Length of the sample before a name, and the gaps around both.
pub const SAMPLE: f64 = 24.0;
const GAP: f64 = 7.0;

/// Rows of a legend no wider than this: in each the place of every entry, from the left.
pub fn rows(entries: &[Entry], width: f64) -> Vec<Vec<(f64, &Entry)>> {
    let mut rows: Vec<Vec<(f64, &Entry)>> = Vec::new();
    let mut end = f64::INFINITY;
    for entry in entries {
        let own = SAMPLE + GAP + width_of(&entry.name, NAME.size) + 2.6 * GAP;
        if end + own > width {
            rows.push(Vec::new());
            end = 0.0;
        }
        if let Some(row) = rows.last_mut() {
            row.push((end, entry));
        }
        end += own;
    }
    rows
}

/// The place of a name after its sample.
pub fn after_sample(place: f64) -> f64 {
    place + SAMPLE + GAP
}
