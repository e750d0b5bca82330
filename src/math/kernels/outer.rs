//! Products over rows, belowᵀ above, which are the statistics of a pair of layers; and steps along sums of them, which never
//! leave the registers.

use super::panels::{columns_of, copy};
use super::read::{Factors, multiply_add};
use super::{Level, Line, Panelled, Panels, WIDTH, spread};
use pulp::{Simd, WithSimd};

/// share · belowᵀ above, from `[rows, units]` each.
#[derive(Clone, Copy, Debug)]
pub struct Outer<'a> {
    /// The lower layer.
    pub below: &'a Panels,
    /// The upper layer; as many rows.
    pub above: &'a Panels,
    /// What the product counts.
    pub share: f32,
}

/// A step with momentum: Δ ← momentum Δ + rate · uphill - pull · at, at ← at + Δ.
#[derive(Clone, Copy, Debug)]
pub struct Step {
    /// Share of the last Δ that is repeated.
    pub momentum: f32,
    /// Step size.
    pub rate: f32,
    /// Step size times decay.
    pub pull: f32,
}

/// The sum of the products, `[units below, units above]` row by row. There must be one, all of the same shape.
pub fn outer(level: Level, products: &[Outer]) -> Vec<f32> {
    let mut sum = vec![0.0; size(products)];
    run(level, products, Out::Sum(&mut sum));
    sum
}

/// A step uphill along the sum of the products from `at`, after the step `last`, row by row; the new values and the new Δ.
pub fn ascend(level: Level, products: &[Outer], by: Step, at: &[f32], last: &[f32]) -> (Vec<f32>, Vec<f32>) {
    let (mut to, mut moves) = (vec![0.0; size(products)], vec![0.0; size(products)]);
    run(level, products, Out::Step { by, at, last, to: &mut to, moves: &mut moves });
    (to, moves)
}

fn size(products: &[Outer]) -> usize {
    products.first().map_or(0, |product| product.below.columns() * product.above.columns())
}

fn run(level: Level, products: &[Outer], out: Out) {
    let Some(first) = products.first() else { return };
    let rows: usize = products.iter().map(|product| product.below.rows()).sum();
    let kernel = Kernel { products, width: first.above.columns(), panels: first.below.count(), first: 0, out };
    spread(level, rows * size(products), kernel);
}

/// Where sums go.
enum Out<'a> {
    Sum(&'a mut [f32]),
    Step { by: Step, at: &'a [f32], last: &'a [f32], to: &'a mut [f32], moves: &'a mut [f32] },
}

impl Out<'_> {
    fn split(self, place: usize) -> (Self, Self) {
        match self {
            Self::Sum(sum) => {
                let (sum, more) = sum.split_at_mut(place);
                (Self::Sum(sum), Self::Sum(more))
            }
            Self::Step { by, at, last, to, moves } => {
                let ((at, more_at), (last, more_last)) = (at.split_at(place), last.split_at(place));
                let ((to, more_to), (moves, more_moves)) = (to.split_at_mut(place), moves.split_at_mut(place));
                let more = Self::Step { by, at: more_at, last: more_last, to: more_to, moves: more_moves };
                (Self::Step { by, at, last, to, moves }, more)
            }
        }
    }

    fn len(&self) -> usize {
        match self {
            Self::Sum(sum) => sum.len(),
            Self::Step { to, .. } => to.len(),
        }
    }

    /// Takes a line of sums that begins at `place`.
    #[inline(always)]
    fn take<S: Simd>(&mut self, simd: S, place: usize, count: usize, uphill: &Line) {
        match self {
            Self::Sum(sum) => copy(&uphill.0[..count], &mut sum[place..place + count]),
            Self::Step { by, at, last, to, moves } => {
                let (mut from, mut before) = (Line::ZERO, Line::ZERO);
                copy(&at[place..place + count], &mut from.0[..count]);
                copy(&last[place..place + count], &mut before.0[..count]);
                let (momentum, rate) = (simd.splat_f32s(by.momentum), simd.splat_f32s(by.rate));
                let pull = simd.splat_f32s(-by.pull);
                let (values, deltas) = (S::as_mut_simd_f32s(&mut from.0).0, S::as_mut_simd_f32s(&mut before.0).0);
                let uphill = S::as_simd_f32s(&uphill.0).0;
                for v in 0..WIDTH / S::F32_LANES {
                    let delta = simd.mul_add_f32s(rate, uphill[v], simd.mul_f32s(momentum, deltas[v]));
                    deltas[v] = simd.mul_add_f32s(pull, values[v], delta);
                    values[v] = simd.add_f32s(values[v], deltas[v]);
                }
                copy(&from.0[..count], &mut to[place..place + count]);
                copy(&before.0[..count], &mut moves[place..place + count]);
            }
        }
    }
}

/// Some panels of the lower layer.
struct Kernel<'a> {
    products: &'a [Outer<'a>],
    width: usize,
    panels: usize,
    first: usize,
    out: Out<'a>,
}

impl Panelled for Kernel<'_> {
    fn panels(&self) -> usize {
        self.panels
    }

    fn cut(self, panels: usize) -> (Self, Self) {
        let (out, more) = self.out.split(panels * WIDTH * self.width);
        let upper = Self { panels: self.panels - panels, first: self.first + panels, out: more, ..self };
        (Self { panels, out, ..self }, upper)
    }
}

/// Rows of a tile: they divide a panel, and their sums stay in registers.
const fn tile_rows(lanes: usize) -> usize {
    match lanes {
        16 => 8,
        8 | 4 => 2,
        _ => 1,
    }
}

impl WithSimd for Kernel<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, simd: S) {
        let rows = self.out.len() / self.width.max(1);
        for row in (0..rows).step_by(tile_rows(S::F32_LANES)) {
            for to in 0..self.width.div_ceil(WIDTH) {
                match S::F32_LANES {
                    16 => self.tile::<S, 8, 2>(simd, row, to),
                    8 => self.tile::<S, 2, 4>(simd, row, to),
                    4 => self.tile::<S, 2, 8>(simd, row, to),
                    _ => self.tile::<S, 1, 32>(simd, row, to),
                }
            }
        }
    }
}

impl Kernel<'_> {
    /// Some lower units, from `row` on, with a panel of upper ones; lower units beyond the last are padding.
    #[inline(always)]
    fn tile<S: Simd, const ROWS: usize, const VECTORS: usize>(&mut self, simd: S, row: usize, to: usize) {
        let mut totals = [Line::ZERO; ROWS];
        for product in self.products {
            let mut sums = [[simd.splat_f32s(0.0); VECTORS]; ROWS];
            let below = product.below.panel(self.first + row / WIDTH);
            let units = Columnwise { lines: below, first: row % WIDTH };
            multiply_add::<S, ROWS, VECTORS, _>(simd, units, product.above.panel(to), &mut sums);
            let share = simd.splat_f32s(product.share);
            for (total, sums) in totals.iter_mut().zip(&sums) {
                let total = S::as_mut_simd_f32s(&mut total.0).0;
                for v in 0..VECTORS {
                    total[v] = simd.mul_add_f32s(sums[v], share, total[v]);
                }
            }
        }
        let (columns, rows) = (columns_of(to, self.width), self.out.len() / self.width.max(1));
        for (at, total) in totals.iter().enumerate().take(rows - row) {
            self.out.take(simd, (row + at) * self.width + columns.start, columns.len(), total);
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
