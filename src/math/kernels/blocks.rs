//! Weights cut into blocks of 32 x 32, in the two orders that products upwards and downwards read.

use super::panels::{columns_of, copy};
use super::{Line, WIDTH};
use rayon::prelude::*;
use std::sync::OnceLock;

/// Weights `[below, above]`: block after block, a row of blocks after the other. What pads the last blocks is never read.
#[derive(Clone, Debug)]
pub struct Blocks {
    below: usize,
    above: usize,
    /// Blocks as they are: a line holds weights of one lower unit.
    up: Vec<Line>,
    /// Whether all weights are finite: only then does a state of 0 send nothing.
    finite: bool,
    /// Blocks transposed, a line holds weights of one upper unit; made when a product downwards first asks.
    down: OnceLock<Vec<Line>>,
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
        let rows = values.par_chunks((WIDTH * above).max(1));
        up.par_chunks_mut(across.max(1) * WIDTH).zip(rows).for_each(|(blocks, rows)| {
            for (row, values) in rows.chunks(above).enumerate() {
                for panel in 0..across {
                    let columns = columns_of(panel, above);
                    copy(&values[columns.clone()], &mut blocks[panel * WIDTH + row].0[..columns.len()]);
                }
            }
        });
        let finite = values.par_chunks(1 << 14).all(|values| values.iter().all(|value| value.is_finite()));
        Self { below, above, up, finite, down: OnceLock::new() }
    }

    /// Values row by row.
    pub fn unpack(&self) -> Vec<f32> {
        let (above, across) = (self.above, self.above.div_ceil(WIDTH));
        let mut values = vec![0.0; self.below * above];
        let blocks = self.up.par_chunks(across.max(1) * WIDTH);
        values.par_chunks_mut((WIDTH * above).max(1)).zip(blocks).for_each(|(rows, blocks)| {
            for (row, values) in rows.chunks_mut(above).enumerate() {
                for panel in 0..across {
                    let columns = columns_of(panel, above);
                    copy(&blocks[panel * WIDTH + row].0[..columns.len()], &mut values[columns]);
                }
            }
        });
        values
    }

    /// Units of the lower and of the upper layer.
    pub fn dims(&self) -> (usize, usize) {
        (self.below, self.above)
    }

    /// Whether all weights are finite.
    pub(super) fn is_finite(&self) -> bool {
        self.finite
    }

    /// Units a product in this direction reads, and units it reaches.
    pub(super) fn shape(&self, towards: Towards) -> (usize, usize) {
        match towards {
            Towards::Above => (self.below, self.above),
            Towards::Below => (self.above, self.below),
        }
    }

    /// Weights between 32 read and 32 reached units, a line for each unit read; they must be ready.
    #[inline(always)]
    pub(super) fn block(&self, towards: Towards, from: usize, to: usize) -> &[Line] {
        let across = self.above.div_ceil(WIDTH);
        let (lines, index) = match towards {
            Towards::Above => (self.up.as_slice(), from * across + to),
            Towards::Below => (self.down.get().map_or_else(Default::default, Vec::as_slice), to * across + from),
        };
        &lines[index * WIDTH..(index + 1) * WIDTH]
    }

    /// Makes what a product in this direction reads.
    pub(super) fn ready(&self, towards: Towards) {
        if towards == Towards::Below && self.down.get().is_none() {
            // Made before it is put in place: a thread that waits for a lock does not share work.
            let mut down = vec![Line::ZERO; self.up.len()];
            self.up.par_chunks(WIDTH).zip(down.par_chunks_mut(WIDTH)).for_each(|(up, down)| transpose(up, down));
            self.down.get_or_init(|| down);
        }
    }

    /// Moves every weight the same share of its way to that of `to`, which has the same shape.
    pub fn approach(&mut self, to: &Self, share: f32) {
        debug_assert_eq!(self.dims(), to.dims());
        self.down = OnceLock::new();
        self.up.par_iter_mut().zip(&to.up).with_min_len(1 << 10).for_each(|(own, to)| {
            for (own, to) in own.0.iter_mut().zip(to.0) {
                *own += share * (to - *own);
            }
        });
        self.finite &= to.finite;
    }

    /// Lets `change` have the blocks and the transposed ones, none of these if nobody has asked for them, to be changed together; it
    /// says whether all weights are finite.
    pub(super) fn change(&mut self, change: impl FnOnce(&mut [Line], &mut [Line]) -> bool) {
        self.finite = change(&mut self.up, self.down.get_mut().map_or(&mut [], Vec::as_mut_slice));
    }
}

/// Rows to columns, of one block.
pub(super) fn transpose(from: &[Line], to: &mut [Line]) {
    for (row, line) in to.iter_mut().enumerate() {
        for (column, value) in line.0.iter_mut().enumerate() {
            *value = from[column].0[row];
        }
    }
}
