//! Products over rows, belowᵀ above, which are the statistics of a pair of layers; and steps along sums of them, which never
//! leave the registers.

use super::blocks::transpose;
use super::lit::{Lit, WORD, add_lit, is_finite};
use super::panels::{columns_of, copy};
use super::read::{Factors, multiply_add};
use super::{Blocks, Level, Line, Panelled, Panels, WIDTH, spread};
use pulp::{Simd, WithSimd};
use std::sync::atomic::{AtomicBool, Ordering};

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
    let size = products.first().map_or(0, |product| product.below.columns() * product.above.columns());
    let mut sum = vec![0.0; size];
    run(level, products, Out::Sum(&mut sum));
    sum
}

/// A step uphill along the sum of the products, which moves `at`, both orders of it, and the last step. All of one shape.
pub fn ascend(level: Level, products: &[Outer], by: Step, at: &mut Blocks, last: &mut Blocks) {
    debug_assert!(products.iter().all(|product| (product.below.columns(), product.above.columns()) == at.dims()));
    debug_assert_eq!(at.dims(), last.dims());
    at.change(|up, down| {
        let broken = AtomicBool::new(false);
        last.change(|last, _| {
            run(level, products, Out::Step { by, up, down, last, broken: &broken });
            true
        });
        !broken.into_inner()
    });
}

fn run(level: Level, products: &[Outer], out: Out) {
    let Some(first) = products.first() else { return };
    let rows: usize = products.iter().map(|product| product.below.rows()).sum();
    let (units, width) = (first.below.columns(), first.above.columns());
    let work = rows * units * width;
    let lit = |product: &Outer| {
        let lit = Lit::of(level, product.below, work).filter(|_| is_finite(level, product.above))?;
        Some(lit.by_unit())
    };
    let lit: Vec<_> = products.iter().map(lit).collect();
    spread(level, work, Kernel { products, lit: &lit, width, first: 0, units, out });
}

/// Where sums go.
enum Out<'a> {
    /// Row by row.
    Sum(&'a mut [f32]),
    /// Block by block; `down` is empty where there are no transposed blocks, `broken` tells of a value that is not finite.
    Step { by: Step, up: &'a mut [Line], down: &'a mut [Line], last: &'a mut [Line], broken: &'a AtomicBool },
}

impl Out<'_> {
    /// The part of so many panels of lower units, and the rest.
    fn split(self, panels: usize, width: usize) -> (Self, Self) {
        match self {
            Self::Sum(sum) => {
                let (sum, more) = sum.split_at_mut(panels * WIDTH * width);
                (Self::Sum(sum), Self::Sum(more))
            }
            Self::Step { by, up, down, last, broken } => {
                let place = panels * width.div_ceil(WIDTH) * WIDTH;
                let ((up, more_up), (last, more_last)) = (up.split_at_mut(place), last.split_at_mut(place));
                let (down, more_down) = down.split_at_mut(place.min(down.len()));
                let more = Self::Step { by, up: more_up, down: more_down, last: more_last, broken };
                (Self::Step { by, up, down, last, broken }, more)
            }
        }
    }
}

/// Some panels of the lower layer.
struct Kernel<'a> {
    products: &'a [Outer<'a>],
    /// For each product whether each lower unit is on, 64 rows to a word, where few are.
    lit: &'a [Option<Vec<u64>>],
    /// Upper units.
    width: usize,
    first: usize,
    /// Lower units.
    units: usize,
    out: Out<'a>,
}

impl Panelled for Kernel<'_> {
    fn panels(&self) -> usize {
        self.units.div_ceil(WIDTH)
    }

    fn cut(self, panels: usize) -> (Self, Self) {
        let (out, more) = self.out.split(panels, self.width);
        let units = panels * WIDTH;
        let upper = Self { first: self.first + panels, units: self.units - units, out: more, ..self };
        (Self { units, out, ..self }, upper)
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
        for panel in 0..self.panels() {
            for to in 0..self.width.div_ceil(WIDTH) {
                for row in (0..columns_of(panel, self.units).len()).step_by(tile_rows(S::F32_LANES)) {
                    match S::F32_LANES {
                        16 => self.tile::<S, 8, 2>(simd, panel, row, to),
                        8 => self.tile::<S, 2, 4>(simd, panel, row, to),
                        4 => self.tile::<S, 2, 8>(simd, panel, row, to),
                        _ => self.tile::<S, 1, 32>(simd, panel, row, to),
                    }
                }
                self.turn(panel, to);
            }
        }
    }
}

impl Kernel<'_> {
    /// Some lower units of a panel, from `row` on, with a panel of upper ones; lower units beyond the last are padding.
    #[inline(always)]
    fn tile<S: Simd, const ROWS: usize, const VECTORS: usize>(&mut self, simd: S, panel: usize, row: usize, to: usize) {
        let mut totals = [Line::ZERO; ROWS];
        for (product, lit) in self.products.iter().zip(self.lit) {
            let mut sums = [[simd.splat_f32s(0.0); VECTORS]; ROWS];
            let above = product.above.panel(to);
            match lit {
                Some(lit) => add_lit_rows(simd, lit, (self.first + panel) * WIDTH + row, above, &mut sums),
                None => {
                    let units = Columnwise { lines: product.below.panel(self.first + panel), first: row };
                    multiply_add::<S, ROWS, VECTORS, _>(simd, units, above, &mut sums);
                }
            }
            let share = simd.splat_f32s(product.share);
            for (total, sums) in totals.iter_mut().zip(&sums) {
                let total = S::as_mut_simd_f32s(&mut total.0).0;
                for v in 0..VECTORS {
                    total[v] = simd.mul_add_f32s(sums[v], share, total[v]);
                }
            }
        }
        let rows = (columns_of(panel, self.units).len() - row).min(ROWS);
        let first = self.block(panel, to) + row;
        match &mut self.out {
            Out::Sum(sum) => {
                let columns = columns_of(to, self.width);
                for (at, total) in totals[..rows].iter().enumerate() {
                    let place = (panel * WIDTH + row + at) * self.width + columns.start;
                    copy(&total.0[..columns.len()], &mut sum[place..place + columns.len()]);
                }
            }
            Out::Step { by, up, last, broken, .. } => {
                let (up, last) = (&mut up[first..first + rows], &mut last[first..first + rows]);
                if !by.take(simd, &totals[..rows], up, last) {
                    broken.store(true, Ordering::Relaxed);
                }
            }
        }
    }

    /// Brings the transposed block up to date.
    #[inline(always)]
    fn turn(&mut self, panel: usize, to: usize) {
        let first = self.block(panel, to);
        if let Out::Step { up, down, .. } = &mut self.out
            && !down.is_empty()
        {
            transpose(&up[first..first + WIDTH], &mut down[first..first + WIDTH]);
        }
    }

    /// First line of a block.
    fn block(&self, panel: usize, to: usize) -> usize {
        (panel * self.width.div_ceil(WIDTH) + to) * WIDTH
    }
}

impl Step {
    /// Moves lines of values and of last steps; false if a value is not finite any more.
    #[inline(always)]
    fn take<S: Simd>(self, simd: S, uphill: &[Line], values: &mut [Line], last: &mut [Line]) -> bool {
        let (momentum, rate) = (simd.splat_f32s(self.momentum), simd.splat_f32s(self.rate));
        let pull = simd.splat_f32s(-self.pull);
        let mut nothing = simd.splat_f32s(0.0);
        for (uphill, (values, last)) in uphill.iter().zip(values.iter_mut().zip(last)) {
            let uphill = S::as_simd_f32s(&uphill.0).0;
            let (values, deltas) = (S::as_mut_simd_f32s(&mut values.0).0, S::as_mut_simd_f32s(&mut last.0).0);
            for v in 0..WIDTH / S::F32_LANES {
                let delta = simd.mul_add_f32s(rate, uphill[v], simd.mul_f32s(momentum, deltas[v]));
                deltas[v] = simd.mul_add_f32s(pull, values[v], delta);
                values[v] = simd.add_f32s(values[v], deltas[v]);
                // Zero, and no number from the first value on that is not finite.
                nothing = simd.mul_add_f32s(values[v], simd.splat_f32s(0.0), nothing);
            }
        }
        !simd.reduce_sum_f32s(nothing).is_nan()
    }
}

/// sums[unit] += lines of the rows in which a lower unit is on, for the units from `first` on.
#[inline(always)]
fn add_lit_rows<S: Simd, const ROWS: usize, const VECTORS: usize>(
    simd: S,
    lit: &[u64],
    first: usize,
    lines: &[Line],
    sums: &mut [[S::f32s; VECTORS]; ROWS],
) {
    let across = lines.len().div_ceil(WORD);
    for (at, sums) in sums.iter_mut().enumerate() {
        let words = &lit[(first + at) * across..(first + at + 1) * across];
        // In registers, which a row of an array need not be.
        let mut own = [simd.splat_f32s(0.0); VECTORS];
        for (word, lines) in words.iter().zip(lines.chunks(WORD)) {
            add_lit(simd, *word, [lines, lines.get(WIDTH..).unwrap_or_default()], &mut own);
        }
        *sums = own;
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
