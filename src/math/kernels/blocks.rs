//! Weights cut into blocks of 32 x 32, in the two orders that products upwards and downwards read.

use super::panels::{columns_of, copy};
use super::{Line, WIDTH};
use rayon::prelude::*;

/// Weights `[below, above]`: block after block, a row of blocks after the other; padding is zero.
#[derive(Clone, Debug)]
pub struct Blocks {
    below: usize,
    above: usize,
    /// Blocks as they are: a line holds weights of one lower unit.
    up: Vec<Line>,
    /// Blocks transposed: a line holds weights of one upper unit.
    down: Vec<Line>,
}

/// Which way a product goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Towards {
    /// From the lower layer to the upper: x W.
    Above,
    /// From the upper layer to the lower: x Wᵀ.
    Below,
}

impl Blocks {
    /// From values row by row, a row for each lower unit.
    pub fn pack(values: &[f32], below: usize, above: usize) -> Self {
        let across = above.div_ceil(WIDTH);
        let mut up = vec![Line::ZERO; below.div_ceil(WIDTH) * across * WIDTH];
        let mut down = up.clone();
        let rows = values.par_chunks((WIDTH * above).max(1));
        let blocks = up.par_chunks_mut(across.max(1) * WIDTH).zip(down.par_chunks_mut(across.max(1) * WIDTH));
        blocks.zip(rows).for_each(|((up, down), rows)| {
            for (row, values) in rows.chunks(above).enumerate() {
                for panel in 0..across {
                    let columns = columns_of(panel, above);
                    copy(&values[columns.clone()], &mut up[panel * WIDTH + row].0[..columns.len()]);
                }
            }
            up.chunks(WIDTH).zip(down.chunks_mut(WIDTH)).for_each(|(up, down)| transpose(up, down));
        });
        Self { below, above, up, down }
    }

    /// Units a product in this direction reads, and units it reaches.
    pub(super) fn shape(&self, towards: Towards) -> (usize, usize) {
        match towards {
            Towards::Above => (self.below, self.above),
            Towards::Below => (self.above, self.below),
        }
    }

    /// Weights between 32 read and 32 reached units, a line for each unit read.
    #[inline(always)]
    pub(super) fn block(&self, towards: Towards, from: usize, to: usize) -> &[Line] {
        let across = self.above.div_ceil(WIDTH);
        let (lines, index) = match towards {
            Towards::Above => (&self.up, from * across + to),
            Towards::Below => (&self.down, to * across + from),
        };
        &lines[index * WIDTH..(index + 1) * WIDTH]
    }
}

fn transpose(from: &[Line], to: &mut [Line]) {
    for (row, line) in to.iter_mut().enumerate() {
        for (column, value) in line.0.iter_mut().enumerate() {
            *value = from[column].0[row];
        }
    }
}
