//! Products over rows: belowᵀ above, the statistics of a pair of layers.

use super::panels::columns_of;
use super::read::{Factors, multiply_add};
use super::{Level, Line, PARALLEL_FROM, Panels, WIDTH};
use pulp::{Simd, WithSimd};

/// Rows of a tile that divide a panel and keep all sums in registers, by values in a register.
const fn tile_rows(lanes: usize) -> usize {
    match lanes {
        16 => 8,
        8 | 4 => 2,
        _ => 1,
    }
}

/// share · belowᵀ above, `[units below, units above]` row by row, from `[rows, units]` each.
pub fn outer(level: Level, below: &Panels, above: &Panels, share: f32) -> Vec<f32> {
    debug_assert_eq!(below.rows(), above.rows());
    let (height, width) = (below.columns(), above.columns());
    let mut out = vec![0.0; height * width];
    let threads = if below.rows() * height * width < PARALLEL_FROM { 1 } else { rayon::current_num_threads() };
    Kernel { below, above, share, first: 0, out: &mut out }.split(level, threads);
    out
}

/// Some panels of the lower layer.
struct Kernel<'a> {
    below: &'a Panels,
    above: &'a Panels,
    share: f32,
    first: usize,
    out: &'a mut [f32],
}

impl Kernel<'_> {
    fn split(self, level: Level, threads: usize) {
        let row = WIDTH * self.above.columns();
        let panels = self.out.len().div_ceil(row.max(1));
        if threads < 2 || panels < 2 {
            return level.run(self);
        }
        let left = panels * (threads / 2) / threads;
        let (out, more) = self.out.split_at_mut(left * row);
        let lower = Kernel { out, ..self };
        let upper = Kernel { out: more, first: self.first + left, ..self };
        rayon::join(|| lower.split(level, threads / 2), || upper.split(level, threads - threads / 2));
    }
}

impl WithSimd for Kernel<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { below, above, share, .. } = self;
        let width = above.columns();
        for (panel, out) in self.out.chunks_mut((WIDTH * width).max(1)).enumerate() {
            for (tile, out) in out.chunks_mut(tile_rows(S::F32_LANES) * width).enumerate() {
                let (below, first) = (below.panel(self.first + panel), tile * tile_rows(S::F32_LANES));
                for to in 0..above.count() {
                    let tile = Tile { below, first, above, to, share };
                    match S::F32_LANES {
                        16 => tile.sum::<S, 8, 2>(simd, out),
                        8 => tile.sum::<S, 2, 4>(simd, out),
                        4 => tile.sum::<S, 2, 8>(simd, out),
                        _ => tile.sum::<S, 1, 32>(simd, out),
                    }
                }
            }
        }
    }
}

/// Some lower units, from `first` of their panel on, with a panel of upper ones.
struct Tile<'a> {
    below: &'a [Line],
    first: usize,
    above: &'a Panels,
    to: usize,
    share: f32,
}

impl Tile<'_> {
    /// Rows beyond those of `out` are padding.
    #[inline(always)]
    fn sum<S: Simd, const ROWS: usize, const VECTORS: usize>(self, simd: S, out: &mut [f32]) {
        let mut sums = [[simd.splat_f32s(0.0); VECTORS]; ROWS];
        let units = Columnwise { lines: self.below, first: self.first };
        multiply_add::<S, ROWS, VECTORS, _>(simd, units, self.above.panel(self.to), &mut sums);
        let to = self.to;
        let columns = columns_of(to, self.above.columns());
        for (row, sums) in out.chunks_mut(self.above.columns()).zip(&sums) {
            let mut line = Line::ZERO;
            let scaled = S::as_mut_simd_f32s(&mut line.0).0;
            for v in 0..VECTORS {
                scaled[v] = simd.mul_f32s(sums[v], simd.splat_f32s(self.share));
            }
            row[columns.clone()].copy_from_slice(&line.0[..columns.len()]);
        }
    }
}

/// A column of states for each row of the tile, from the column `first` of a panel on.
#[derive(Clone, Copy)]
struct Columnwise<'a> {
    lines: &'a [Line],
    first: usize,
}

impl Factors for Columnwise<'_> {
    #[inline(always)]
    fn at(self, row: usize, k: usize) -> f32 {
        self.lines[k].0[(self.first + row) % WIDTH]
    }
}
