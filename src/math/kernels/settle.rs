//! What is done to weights in place once they have moved: columns held short, every weight drawn towards zero.

use super::{Blocks, Line, WIDTH};
use rayon::prelude::*;

impl Blocks {
    /// Shortens every column, the weights into one upper unit, that is longer than `most` to that length.
    pub fn hold(&mut self, most: f64) {
        let ((below, above), finite) = (self.dims(), self.is_finite());
        let across = above.div_ceil(WIDTH).max(1);
        self.change(|up, down| {
            let factors: Vec<[f32; WIDTH]> =
                squares(up, below, across).iter().map(|sums| sums.map(|sum| factor(sum, most))).collect();
            if factors.iter().flatten().any(|factor| *factor < 1.0) {
                let rows = up.par_chunks_mut(across * WIDTH);
                rows.for_each(|row| scale(row, &factors, |line, factors, _| by_lane(line, factors)));
                let rows = down.par_chunks_mut(across * WIDTH);
                // A line of a transposed block belongs to one upper unit.
                rows.for_each(|row| scale(row, &factors, |line, factors, unit| by_lane(line, &[factors[unit]; WIDTH])));
            }
            finite
        });
    }

    /// Draws every weight towards zero by so much, and no further than zero.
    pub fn shrink(&mut self, by: f32) {
        let finite = self.is_finite();
        self.change(|up, down| {
            for lines in [up, down] {
                lines.par_iter_mut().with_min_len(1 << 10).for_each(|line| {
                    line.0 = line.0.map(|value| value - value.clamp(-by, by));
                });
            }
            finite
        });
    }
}

/// Sums of squares of the columns, added up in one order whatever the number of threads; a row of blocks is `across` of them.
fn squares(up: &[Line], below: usize, across: usize) -> Vec<[f64; WIDTH]> {
    let mut sums = vec![[0.0; WIDTH]; across];
    for (row, blocks) in up.chunks(across * WIDTH).enumerate() {
        for (block, sums) in blocks.chunks(WIDTH).zip(&mut sums) {
            // What pads the last row of blocks is no weight.
            for line in block.iter().take(below - row * WIDTH) {
                for (sum, value) in sums.iter_mut().zip(line.0) {
                    *sum += f64::from(value) * f64::from(value);
                }
            }
        }
    }
    sums
}

/// What brings a column of this squared length down to `most`: 1 for one that is short enough or no finite number.
fn factor(square: f64, most: f64) -> f32 {
    let length = square.sqrt();
    if length > most && length.is_finite() { (most / length) as f32 } else { 1.0 }
}

/// Goes over a row of blocks with the factors of each; the line's place in its block is told too.
fn scale(row: &mut [Line], factors: &[[f32; WIDTH]], each: impl Fn(&mut Line, &[f32; WIDTH], usize)) {
    for (block, factors) in row.chunks_mut(WIDTH).zip(factors) {
        for (place, line) in block.iter_mut().enumerate() {
            each(line, factors, place);
        }
    }
}

fn by_lane(line: &mut Line, factors: &[f32; WIDTH]) {
    for (value, factor) in line.0.iter_mut().zip(factors) {
        *value *= factor;
    }
}
