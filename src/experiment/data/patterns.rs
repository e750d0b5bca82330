//! Generated sets: small enough to enumerate, so that what a model should learn is known exactly.

use super::super::{Error, Result};
use super::array::Pixels;
use super::prepare::Parts;
use super::{Examples, grouped};
use crate::math::{DType, Device};
use crate::math::{Stream, host};

/// The most values a generated set may have.
const LIMIT: usize = 1 << 28;

/// Images of whole rows (stripes) or whole columns (bars), all-off and all-on once: 2^height + 2^width - 2 patterns.
///
/// With `draws`, that many training examples are drawn from the patterns with equal probability.
pub(super) fn bars_and_stripes(height: usize, width: usize, draws: Option<usize>, stream: Stream) -> Result<Parts> {
    let name = format!("bars and stripes {height} x {width}");
    if height == 0 || width == 0 || height > 24 || width > 24 {
        return refused(format!("{name}: both sides must lie between 1 and 24"));
    }
    let units = height * width;
    let count = (1usize << height) + (1 << width) - 2;
    affordable(&name, count.max(draws.unwrap_or(0)), units)?;
    let image = |on: &dyn Fn(usize, usize) -> bool| -> Vec<u8> {
        (0..units).map(|unit| u8::from(on(unit / width, unit % width))).collect()
    };
    let stripes = (0..1usize << height).map(|mask| image(&|row, _| mask >> row & 1 == 1));
    // The first and the last bars are the all-off and all-on images, which the stripes have already.
    let bars = (1..(1usize << width) - 1).map(|mask| image(&|_, column| mask >> column & 1 == 1));
    let patterns = stripes.chain(bars).flatten().collect();
    let mut parts = every_pattern(name, [height, width], patterns);
    if let Some(draws) = draws {
        if draws == 0 {
            return refused(format!("{}: no examples were asked for", parts.name));
        }
        let uniform = host(&stream.uniform(draws, 1, DType::F64, &Device::Cpu)?)?;
        let rows: Vec<usize> = uniform.iter().map(|u| ((u * count as f64) as usize).min(count - 1)).collect();
        parts.train = parts.train.select(&rows);
        parts.notes = vec![format!(
            "{} training examples were drawn from {} patterns; the test set is every pattern once",
            grouped(draws),
            grouped(count)
        )];
    }
    Ok(parts)
}

/// Two rows of `bits`: any pattern, and the same shifted by one left, not at all, or right (cyclically): 3 · 2^bits rows.
pub(super) fn shifter(bits: usize) -> Result<Parts> {
    let name = format!("shifter of {bits} bits");
    if bits == 0 || bits > 24 {
        return refused(format!("{name}: the number of bits must lie between 1 and 24"));
    }
    affordable(&name, 3 << bits, 2 * bits)?;
    let bit = |pattern: usize, place: usize| (pattern >> (place % bits) & 1) as u8;
    let mut values = Vec::with_capacity((3 << bits) * 2 * bits);
    for pattern in 0..1usize << bits {
        for ahead in [1, 0, bits - 1] {
            values.extend((0..bits).map(|place| bit(pattern, place)));
            values.extend((0..bits).map(|place| bit(pattern, place + ahead)));
        }
    }
    Ok(every_pattern(name, [2, bits], values))
}

/// A bar of `bar` pixels at each of the `pixels` positions of a ring.
pub(super) fn shifting_bar(pixels: usize, bar: usize) -> Result<Parts> {
    let name = format!("shifting bar of {bar} in {pixels} pixels");
    if bar == 0 || bar >= pixels {
        return refused(format!("{name}: the bar must have at least 1 pixel and fewer than the ring"));
    }
    affordable(&name, pixels, pixels)?;
    let on = |position: usize, pixel: usize| u8::from((pixel + pixels - position) % pixels < bar);
    let values = (0..pixels * pixels).map(|index| on(index / pixels, index % pixels)).collect();
    Ok(every_pattern(name, [1, pixels], values))
}

/// Training and test set are the same: each row once.
fn every_pattern(name: String, shape: [usize; 2], values: Vec<u8>) -> Parts {
    let examples = Examples::new(Pixels::binary(values), shape[0] * shape[1]);
    let note = format!("training and test set are the same {} patterns, each once", grouped(examples.len()));
    let test = Some(examples.clone());
    Parts { name, shape, train: examples, validation: None, test, files: Vec::new(), notes: vec![note] }
}

fn affordable(name: &str, examples: usize, units: usize) -> Result<()> {
    match examples.checked_mul(units) {
        Some(values) if values <= LIMIT => Ok(()),
        _ => refused(format!("{name}: {} examples of {units} pixels are too many", grouped(examples))),
    }
}

fn refused<T>(problem: String) -> Result<T> {
    Err(Error::Refused { problem, remedy: "choose another size".into() })
}
