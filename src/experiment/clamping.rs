//! Words that say which units of a machine are held: halves and stripes of a picture, a mask in a file, a class, single units.

use super::data::{FileOptions, load_examples};
use super::{Error, Result};
use crate::math::{DType, Device, Stream, Tensor, host};
use crate::models::{Dbm, Known};
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::str::FromStr;

/// What to hold.
#[derive(Clone, Debug, PartialEq)]
pub enum Clamp {
    /// This half of the picture, at the values of the data.
    Half(Side),
    /// These rows of the picture, counted from 0.
    Rows(RangeInclusive<usize>),
    /// These columns.
    Columns(RangeInclusive<usize>),
    /// The pixels that a mask marks, by a value of one half or more.
    Pixels(PathBuf),
    /// All label units, at this class.
    Label(usize),
    /// One unit, counted from 0, of a layer, the visible one being 0, at a value.
    Unit {
        /// The layer.
        layer: usize,
        /// Its unit.
        unit: usize,
        /// From 0 to 1, but of real-valued units.
        value: f64,
    },
}

/// A half of a picture; the middle row or column of an odd number belongs to the right or the bottom.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The columns on the left.
    Left,
    /// Those on the right.
    Right,
    /// The upper rows.
    Top,
    /// The lower rows.
    Bottom,
}

/// The words of a request.
pub const WORDS: &str = "left, right, top, bottom, rows=FIRST..LAST, columns=FIRST..LAST, pixels=FILE, label=CLASS, \
                         hidden.LAYER:UNIT=VALUE or visible:UNIT=VALUE";

impl FromStr for Clamp {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Self, String> {
        let (word, value) = text.trim().split_once('=').unwrap_or((text.trim(), ""));
        let parsed = match (word, value) {
            ("left", "") => Some(Self::Half(Side::Left)),
            ("right", "") => Some(Self::Half(Side::Right)),
            ("top", "") => Some(Self::Half(Side::Top)),
            ("bottom", "") => Some(Self::Half(Side::Bottom)),
            ("rows", range) => stretch(range).map(Self::Rows),
            ("columns", range) => stretch(range).map(Self::Columns),
            ("pixels", "") => None,
            ("pixels", file) => Some(Self::Pixels(file.into())),
            ("label", class) => class.trim().parse().ok().map(Self::Label),
            (unit, value) => single(unit, value),
        };
        parsed.ok_or_else(|| format!("expected {WORDS}"))
    }
}

/// `3..7`, both ends included, or `3`.
fn stretch(text: &str) -> Option<RangeInclusive<usize>> {
    let (first, last) = text.split_once("..").unwrap_or((text, text));
    let range = first.trim().parse().ok()?..=last.trim().trim_start_matches('=').parse().ok()?;
    (!range.is_empty()).then_some(range)
}

/// `hidden.2:17` or `visible:17`, and the value.
fn single(unit: &str, value: &str) -> Option<Clamp> {
    let (layer, unit) = unit.split_once(':')?;
    let layer = match layer {
        "visible" => 0,
        hidden => hidden.strip_prefix("hidden.")?.parse().ok().filter(|&layer| layer > 0)?,
    };
    let value = value.trim().parse().ok().filter(|value: &f64| value.is_finite())?;
    Some(Clamp::Unit { layer, unit: unit.trim().parse().ok()?, value })
}

impl Clamp {
    /// Whether it takes its values from examples.
    pub fn asks_for_data(&self) -> bool {
        !matches!(self, Self::Unit { .. } | Self::Label(_))
    }

    /// The pixels it holds of a picture of this shape; none for labels and single units.
    fn pixels(&self, shape: [usize; 2]) -> Result<Option<Vec<bool>>> {
        let [height, width] = shape;
        let (rows, columns) = match self {
            Self::Half(Side::Left) => (0..height, 0..width / 2),
            Self::Half(Side::Right) => (0..height, width / 2..width),
            Self::Half(Side::Top) => (0..height / 2, 0..width),
            Self::Half(Side::Bottom) => (height / 2..height, 0..width),
            Self::Rows(range) => (within("rows", range, height)?, 0..width),
            Self::Columns(range) => (0..height, within("columns", range, width)?),
            Self::Pixels(file) => return mask(file, shape).map(Some),
            Self::Label(_) | Self::Unit { .. } => return Ok(None),
        };
        let held = |pixel: usize| rows.contains(&(pixel / width)) && columns.contains(&(pixel % width));
        Ok(Some((0..height * width).map(held).collect()))
    }

    /// Layer, unit and value of what it holds by name; nothing for pixels.
    fn units(&self, dbm: &Dbm) -> Result<Vec<(usize, usize, f64)>> {
        match *self {
            Self::Unit { layer, unit, value } => {
                let real = dbm.units().get(layer).is_some_and(|kind| kind.precision().is_some());
                if !real && !(0.0..=1.0).contains(&value) {
                    return Err(Error::Refused {
                        problem: format!("--clamp holds a unit at {value}, whose states are 0 and 1"),
                        remedy: "give a value from 0 to 1".into(),
                    });
                }
                Ok(vec![(layer, unit, value)])
            }
            Self::Label(class) => {
                let classes = dbm.classes().ok_or_else(unlabelled)?;
                if class >= classes {
                    return Err(Error::Refused {
                        problem: format!("--clamp label={class} names a class of a machine that knows {classes}"),
                        remedy: format!("name a class from 0 to {}", classes - 1),
                    });
                }
                Ok((0..classes).map(|unit| (dbm.depth(), unit, f64::from(u8::from(unit == class)))).collect())
            }
            _ => Ok(Vec::new()),
        }
    }
}

fn unlabelled() -> Error {
    Error::Refused {
        problem: "--clamp holds a label, and the machine has no label units".into(),
        remedy: "train one that has: model.labels = \"softmax\"".into(),
    }
}

fn within(what: &str, range: &RangeInclusive<usize>, most: usize) -> Result<std::ops::Range<usize>> {
    if *range.end() < most {
        return Ok(*range.start()..range.end() + 1);
    }
    Err(Error::Refused {
        problem: format!("--clamp {what}={}..{} goes beyond the picture, which has {most}", range.start(), range.end()),
        remedy: format!("name {what} from 0 to {}", most.saturating_sub(1)),
    })
}

/// The mask of a file of as many values as a picture has pixels.
fn mask(file: &std::path::Path, [height, width]: [usize; 2]) -> Result<Vec<bool>> {
    let loaded = load_examples(file, &FileOptions::default(), Stream::new(0))?;
    let values = host(&loaded.examples.all(Stream::new(0))?)?;
    if values.len() == height * width {
        return Ok(values.iter().map(|&value| value >= 0.5).collect());
    }
    Err(Error::Data {
        file: file.to_path_buf(),
        problem: format!("has {} values; a mask of {height} x {width} pixels has {}", values.len(), height * width),
        remedy: "give one value for each pixel, 1 where it is held".into(),
    })
}

/// What requests come to together: what is held of each layer of the machine, visible first.
///
/// Pixels take their values from `data` `[examples, visible]`. Fails for units that are not there, for two values of one unit, for
/// label units of which not exactly one is on, and where pixels are asked for without data.
pub fn held(clamps: &[Clamp], dbm: &Dbm, shape: [usize; 2], data: Option<&Tensor>) -> Result<Vec<Option<Known>>> {
    let (sizes, like) = (dbm.sizes(), (dbm.dtype(), dbm.device()));
    let mut layers: Vec<Vec<Option<f64>>> = sizes.iter().map(|&units| vec![None; units]).collect();
    let mut pixels = vec![false; sizes.first().copied().unwrap_or(0)];
    for clamp in clamps {
        if let Some(held) = clamp.pixels(shape)? {
            pixels.iter_mut().zip(held).for_each(|(pixel, held)| *pixel |= held);
        }
        for (layer, unit, value) in clamp.units(dbm)? {
            let units = sizes.get(layer).copied().unwrap_or(0);
            let Some(place) = layers.get_mut(layer).and_then(|layer| layer.get_mut(unit)) else {
                return Err(missing(layer, unit, units, &sizes));
            };
            if place.replace(value).is_some_and(|other| other != value) {
                return Err(twice(layer, unit));
            }
        }
    }
    let labels = layers.last().filter(|units| dbm.classes().is_some() && units.iter().any(Option::is_some));
    let is = |units: &[Option<f64>], value: f64| units.iter().filter(|unit| **unit == Some(value)).count();
    if labels.is_some_and(|units| (is(units, 1.0), is(units, 0.0)) != (1, units.len() - 1)) {
        return Err(Error::Refused {
            problem: "--clamp does not hold all label units with exactly one of them on".into(),
            remedy: "hold a class: --clamp label=CLASS".into(),
        });
    }
    if let Some(unit) = (0..pixels.len()).find(|&unit| pixels[unit] && layers[0][unit].is_some()) {
        return Err(twice(0, unit));
    }
    let mut known = Vec::with_capacity(sizes.len());
    for (layer, values) in layers.iter().enumerate() {
        let of_data = (layer == 0 && pixels.contains(&true)).then_some(data).flatten();
        known.push(told(values, &pixels, of_data, like)?);
    }
    Ok(known)
}

/// One layer: values that are named, and those that data have where pixels are held.
fn told(
    values: &[Option<f64>],
    pixels: &[bool],
    data: Option<&Tensor>,
    like: (DType, &Device),
) -> Result<Option<Known>> {
    let named: Vec<f64> = values.iter().map(|value| value.unwrap_or(0.0)).collect();
    let row = Tensor::from_vec(named, (1, values.len()), like.1)?.to_dtype(like.0)?;
    let held: Vec<bool> = values.iter().map(Option::is_some).collect();
    Ok(match data {
        None => held.contains(&true).then_some(Known { held, states: row }),
        Some(data) => {
            let from_data: Vec<f64> = pixels.iter().map(|&held| f64::from(u8::from(held))).collect();
            let from_data = Tensor::from_vec(from_data, (1, values.len()), like.1)?.to_dtype(like.0)?;
            let states = data.broadcast_mul(&from_data)?.broadcast_add(&row)?;
            let held = held.iter().zip(pixels).map(|(&named, &pixel)| named || pixel).collect();
            Some(Known { held, states })
        }
    })
}

fn missing(layer: usize, unit: usize, units: usize, sizes: &[usize]) -> Error {
    let problem = match units {
        0 => format!("--clamp names hidden layer {layer} of {}", sizes.len().saturating_sub(1)),
        _ => format!("--clamp names unit {unit} of a layer whose units are numbered from 0 to {}", units - 1),
    };
    Error::Refused { problem, remedy: "name a unit that is there".into() }
}

fn twice(layer: usize, unit: usize) -> Error {
    let layer = if layer == 0 { "the visible layer".to_string() } else { format!("hidden layer {layer}") };
    Error::Refused {
        problem: format!("--clamp holds unit {unit} of {layer} at two values"),
        remedy: "leave one of them out".into(),
    }
}
