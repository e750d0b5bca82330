//! Generated sets: every pattern once, small enough to know exactly what a model should learn, or random draws of any number.

use super::array::Pixels;
use super::prepare::Parts;
use super::{Examples, grouped};
use crate::math::Stream;
use rand::RngExt;

/// Images of whole rows (stripes) or whole columns (bars), all-off and all-on once: 2^height + 2^width - 2 patterns.
///
/// With `draws`, that many examples, every pattern with equal probability.
pub(super) fn bars_and_stripes(height: usize, width: usize, draws: Option<usize>, stream: Stream) -> Parts {
    let name = format!("bars and stripes {height} x {width}");
    let units = height * width;
    let stripes = |rows: Vec<bool>| (0..units).map(move |unit| u8::from(rows[unit / width]));
    let bars = |columns: Vec<bool>| (0..units).map(move |unit| u8::from(columns[unit % width]));
    let Some(draws) = draws else {
        let all_stripes = (0..1usize << height).flat_map(|mask| stripes(bits_of(mask, height)));
        // The first and the last bars would be the all-off and all-on images, which the stripes have already.
        let all_bars = (1..(1usize << width) - 1).flat_map(|mask| bars(bits_of(mask, width)));
        return every_pattern(name, [height, width], all_stripes.chain(all_bars).collect(), ONCE);
    };
    let mut random = stream.generator();
    let chance_of_stripes = 1.0 / (1.0 + (width as f64 - height as f64).exp2());
    let mut values = Vec::with_capacity(draws * units);
    for _ in 0..draws {
        loop {
            if random.random::<f64>() < chance_of_stripes {
                break values.extend(stripes((0..height).map(|_| random.random()).collect()));
            }
            let columns: Vec<bool> = (0..width).map(|_| random.random()).collect();
            // All-off and all-on bars are stripes; drawing them here too would make them twice as frequent.
            if columns.contains(&true) && columns.contains(&false) {
                break values.extend(bars(columns));
            }
        }
    }
    random_examples(name, [height, width], values)
}

/// Two rows of `bits`: any pattern, and the same shifted by one left, not at all, or right (cyclically): 3 · 2^bits examples. A
/// constant pattern is the same under all three shifts, an alternating one under left and right; so those come more than once.
///
/// With `draws`, that many examples of a random pattern and a random shift (Hinton and Sejnowski 1986).
pub(super) fn shifter(bits: usize, draws: Option<usize>, stream: Stream) -> Parts {
    let name = format!("shifter of {bits} bits");
    let shifts = [1, 0, bits.saturating_sub(1)];
    let rows = |first: Vec<bool>, ahead: usize| -> Vec<u8> {
        let second = (0..bits).map(|place| first[(place + ahead) % bits]);
        first.iter().copied().chain(second).map(u8::from).collect()
    };
    let Some(draws) = draws else {
        let patterns = (0..1usize << bits).map(|mask| bits_of(mask, bits));
        let values = patterns.flat_map(|first| shifts.map(|ahead| rows(first.clone(), ahead))).flatten().collect();
        // Two constant patterns come three times instead of once; two alternating ones, on an even ring, twice instead of once.
        let repeated = if bits.is_multiple_of(2) { 6 } else { 4 };
        let distinct = grouped((3usize << bits) - repeated);
        return every_pattern(
            name,
            [2, bits],
            values,
            &format!("every pattern under every shift; {distinct} are distinct"),
        );
    };
    let mut random = stream.generator();
    let mut draw = || {
        let first = (0..bits).map(|_| random.random()).collect();
        rows(first, shifts[random.random_range(0..shifts.len())])
    };
    let values = (0..draws).flat_map(|_| draw()).collect();
    random_examples(name, [2, bits], values)
}

/// A bar of `bar` pixels at each of the `pixels` positions of a ring; with `draws`, at that many random positions.
pub(super) fn shifting_bar(pixels: usize, bar: usize, draws: Option<usize>, stream: Stream) -> Parts {
    let name = format!("shifting bar of {bar} in {pixels} pixels");
    let at = |position: usize| (0..pixels).map(move |pixel| u8::from((pixel + pixels - position) % pixels < bar));
    let Some(draws) = draws else {
        return every_pattern(name, [1, pixels], (0..pixels).flat_map(at).collect(), ONCE);
    };
    let mut random = stream.generator();
    let values = (0..draws).flat_map(|_| at(random.random_range(0..pixels))).collect();
    random_examples(name, [1, pixels], values)
}

fn bits_of(mask: usize, count: usize) -> Vec<bool> {
    (0..count).map(|place| mask >> place & 1 == 1).collect()
}

/// How often every pattern comes.
const ONCE: &str = "every pattern once";

/// Training and test set are the same.
fn every_pattern(name: String, shape: [usize; 2], values: Vec<u8>, how_often: &str) -> Parts {
    let examples = Examples::new(Pixels::binary(values), shape[0] * shape[1]);
    let count = grouped(examples.len());
    let note = format!("{name}: training and test set are the same {count} examples, {how_often}");
    let test = Some(examples.clone());
    Parts {
        judged: name.clone(),
        name,
        shape,
        train: examples,
        validation: None,
        test,
        files: Vec::new(),
        notes: vec![note],
    }
}

fn random_examples(name: String, shape: [usize; 2], values: Vec<u8>) -> Parts {
    let examples = Examples::new(Pixels::binary(values), shape[0] * shape[1]);
    let notes = vec![format!("{name}: {} examples were drawn at random", grouped(examples.len()))];
    Parts { judged: name.clone(), name, shape, train: examples, validation: None, test: None, files: Vec::new(), notes }
}
