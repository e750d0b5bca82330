//! Few units on: of states 0 and 1 a product is the sum of some lines, taken in the order of the dense one. Where the lines are finite,
//! leaving out what a 0 would add changes no bit, so nobody can tell which of the two was made; where not, it is not made.

use super::panels::columns_of;
use super::{Level, Line, Panels, WIDTH};
use pulp::{Simd, WithSimd};
use rayon::prelude::*;

/// Columns to a word.
pub(super) const WORD: usize = 2 * WIDTH;

/// Multiply-adds below which it is not worth looking for states that are 0.
const FROM: usize = 1 << 20;

/// Share of the units that are on, up to which sums of lines are faster, in products and in statistics.
const MOST_ON: f64 = 0.4;

/// Which units of each row are on: word after word of 64 columns, each for all rows.
pub(super) struct Lit {
    rows: usize,
    words: Vec<u64>,
}

impl Lit {
    /// None unless all states are 0 or 1, few of them 1, and a product of so many multiply-adds is long enough to gain by it.
    pub fn of(level: Level, states: &Panels, work: usize) -> Option<Self> {
        if work < FROM {
            return None;
        }
        let (rows, columns) = (states.rows(), states.columns());
        let mut words = vec![0; rows * columns.div_ceil(WORD)];
        let look = |(word, words): (usize, &mut [u64])| level.run(Look { states, word, words });
        // Of means, and of layers half on, the first columns tell enough.
        let first = look((0, &mut words[..rows]))?;
        if first as f64 > MOST_ON * (rows * columns.min(WORD)) as f64 {
            return None;
        }
        let others = words[rows..].par_chunks_mut(rows).enumerate().map(|(at, words)| look((at + 1, words)));
        let on = first + others.try_reduce(|| 0, |one, other| Some(one + other))?;
        (on as f64 <= MOST_ON * (rows * columns) as f64).then_some(Self { rows, words })
    }

    /// Words of a row each, of the columns from `word * 64` on.
    #[inline(always)]
    pub fn words(&self, word: usize) -> &[u64] {
        &self.words[word * self.rows..(word + 1) * self.rows]
    }

    /// Words of 64 columns.
    #[inline(always)]
    pub fn count(&self) -> usize {
        self.words.len() / self.rows.max(1)
    }

    /// Which rows of each unit are on: a unit after the other, 64 rows to a word.
    pub fn by_unit(&self) -> Vec<u64> {
        let across = self.rows.div_ceil(WORD);
        let mut turned = vec![0; self.count() * WORD * across];
        for (at, &word) in self.words.iter().enumerate() {
            let (first, row) = (at / self.rows * WORD, at % self.rows);
            let mut on = word;
            while on != 0 {
                let unit = first + on.trailing_zeros() as usize;
                turned[unit * across + row / WORD] |= 1 << (row % WORD);
                on &= on - 1;
            }
        }
        turned
    }
}

/// Notes which states of 64 columns are 1 and counts them; none if a state is neither 0 nor 1.
struct Look<'a> {
    states: &'a Panels,
    word: usize,
    words: &'a mut [u64],
}

impl WithSimd for Look<'_> {
    type Output = Option<usize>;

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) -> Option<usize> {
        let (mut count, mut strange) = (0, 0);
        for half in 0..2 {
            let panel = 2 * self.word + half;
            if panel == self.states.count() {
                break;
            }
            // What pads a panel may be anything.
            let kept = u32::MAX >> (WIDTH - columns_of(panel, self.states.columns()).len());
            for (line, word) in self.states.panel(panel).iter().zip(self.words.iter_mut()) {
                let (mut on, mut other) = (0_u32, 0_u32);
                for (column, value) in line.0.iter().enumerate() {
                    let bits = value.to_bits();
                    on |= u32::from(bits == ONE) << column;
                    other |= u32::from(bits != ONE && bits != 0) << column;
                }
                strange |= other & kept;
                count += (on & kept).count_ones() as usize;
                *word |= u64::from(on & kept) << (half * WIDTH);
            }
        }
        (strange == 0).then_some(count)
    }
}

/// Whether all values are finite.
pub(super) fn is_finite(level: Level, panels: &Panels) -> bool {
    (0..panels.count()).into_par_iter().all(|panel| level.run(Finite(panels.panel(panel))))
}

struct Finite<'a>(&'a [Line]);

impl WithSimd for Finite<'_> {
    type Output = bool;

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> bool {
        let mut nothing = simd.splat_f32s(0.0);
        for value in S::as_simd_f32s(bytemuck::cast_slice::<Line, f32>(self.0)).0 {
            nothing = simd.mul_add_f32s(*value, simd.splat_f32s(0.0), nothing);
        }
        !simd.reduce_sum_f32s(nothing).is_nan()
    }
}

/// The bits of 1.
const ONE: u32 = 1.0_f32.to_bits();

/// sums += lines of the units that are on, in their order; the first 32 of a word are in the first half.
#[inline(always)]
pub(super) fn add_lit<S: Simd, const VECTORS: usize>(
    simd: S,
    word: u64,
    halves: [&[Line]; 2],
    sums: &mut [S::f32s; VECTORS],
) {
    let mut on = word;
    while on != 0 {
        let unit = on.trailing_zeros() as usize;
        on &= on - 1;
        let line = S::as_simd_f32s(&halves[unit / WIDTH][unit % WIDTH].0).0;
        for v in 0..VECTORS {
            sums[v] = simd.add_f32s(sums[v], line[v]);
        }
    }
}
