//! One layer read: its inputs from its neighbours' states, and what is read off them, without leaving the cache.

use super::blocks::Towards;
use super::lit::{Lit, add_lit};
use super::panels::columns_of;
use super::{Blocks, Level, Line, Panelled, Panels, UNIT, WIDTH, lanes, spread};
use pulp::{Simd, WithSimd};

/// Rows that are taken through all columns before the next ones, so that they stay in the cache.
const ROWS_AT_ONCE: usize = 128;

/// What a layer adds to what its neighbours send.
#[derive(Clone, Copy, Debug)]
pub enum Own<'a> {
    /// The same for all rows, `[1, units]`.
    Same(&'a Panels),
    /// One for each row, `[rows, units]`.
    Each(&'a Panels),
}

/// A neighbour that sends its states through weights.
#[derive(Clone, Copy, Debug)]
pub struct Source<'a> {
    /// `[rows, units of the neighbour]`.
    pub states: &'a Panels,
    /// The weights between the two layers.
    pub weights: &'a Blocks,
    /// Where the layer lies that is read.
    pub towards: Towards,
}

/// What is read off an input x.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Read {
    /// σ(x).
    Mean,
    /// 1 with probability σ(x), by the draws of a stream.
    Sample {
        /// Key of the stream.
        key: [u32; 2],
        /// Row of the stream that belongs to the first row.
        first_row: u64,
    },
    /// 1 where x > 0.
    Mode,
}

/// Inputs own + scale Σ states · weights, and the states read off them, both `[rows, units]`. Shapes must agree.
pub fn read(
    level: Level,
    own: Own,
    scale: f32,
    sources: &[Source],
    read: Read,
    inputs: &mut Panels,
    states: &mut Panels,
) {
    debug_assert_eq!((inputs.rows(), inputs.columns()), (states.rows(), states.columns()));
    layer(level, own, scale, sources, Some(read), inputs, states.lines_mut());
}

/// The inputs alone, `[rows, units]`.
pub fn inputs(level: Level, own: Own, scale: f32, sources: &[Source], inputs: &mut Panels) {
    layer(level, own, scale, sources, None, inputs, &mut []);
}

fn layer(
    level: Level,
    own: Own,
    scale: f32,
    sources: &[Source],
    read: Option<Read>,
    inputs: &mut Panels,
    states: &mut [Line],
) {
    let (rows, columns) = (inputs.rows(), inputs.columns());
    let reached = |source: &Source| source.weights.shape(source.towards) == (source.states.columns(), columns);
    debug_assert!(sources.iter().all(|source| reached(source) && source.states.rows() == rows));
    let work = |source: &Source| source.states.columns() * columns * rows;
    sources.iter().for_each(|source| source.weights.ready(source.towards));
    // Sums go from source to source in their order, so the first ones alone can be taken by themselves.
    let lit = |source: &Source| source.weights.is_finite().then(|| Lit::of(level, source.states, work(source)))?;
    let lit: Vec<Lit> = sources.iter().map_while(lit).collect();
    let kernel = Kernel { own, scale, sources, lit: &lit, read, rows, first: 0, inputs: inputs.lines_mut(), states };
    spread(level, sources.iter().map(work).sum(), kernel);
}

/// The states read off given inputs, both `[rows, units]`.
pub fn read_off(level: Level, read: Read, inputs: &Panels, states: &mut Panels) {
    let work = inputs.rows() * inputs.columns() * UNIT;
    spread(level, work, Apply { read, inputs, first: 0, states: states.lines_mut() });
}

/// Some panels of a layer whose inputs are known.
struct Apply<'a> {
    read: Read,
    inputs: &'a Panels,
    first: usize,
    states: &'a mut [Line],
}

impl Panelled for Apply<'_> {
    fn panels(&self) -> usize {
        self.states.len() / self.inputs.rows().max(1)
    }

    fn cut(self, panels: usize) -> (Self, Self) {
        let (states, more) = self.states.split_at_mut(panels * self.inputs.rows());
        (Self { states, ..self }, Self { states: more, first: self.first + panels, ..self })
    }
}

impl WithSimd for Apply<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        for (panel, states) in self.states.chunks_mut(self.inputs.rows().max(1)).enumerate() {
            let panel = self.first + panel;
            self.read.apply(simd, panel, 0, self.inputs.panel(panel), states);
        }
    }
}

/// Some panels of a layer.
struct Kernel<'a> {
    own: Own<'a>,
    scale: f32,
    sources: &'a [Source<'a>],
    /// Of the first sources, where few units are on.
    lit: &'a [Lit],
    read: Option<Read>,
    rows: usize,
    first: usize,
    inputs: &'a mut [Line],
    /// Empty where nothing is read off.
    states: &'a mut [Line],
}

impl Panelled for Kernel<'_> {
    fn panels(&self) -> usize {
        self.inputs.len() / self.rows.max(1)
    }

    fn cut(self, panels: usize) -> (Self, Self) {
        let place = panels * self.rows;
        let (inputs, more_inputs) = self.inputs.split_at_mut(place);
        let (states, more_states) = self.states.split_at_mut(place.min(self.states.len()));
        let upper = Self { inputs: more_inputs, states: more_states, first: self.first + panels, ..self };
        (Self { inputs, states, ..self }, upper)
    }
}

impl WithSimd for Kernel<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        // Sums of a tile, a row of weights and one state fill the registers.
        let most = (S::REGISTER_COUNT.saturating_sub(4) / (WIDTH / S::F32_LANES)).clamp(1, 14);
        for first in (0..self.rows).step_by(ROWS_AT_ONCE) {
            let end = (first + ROWS_AT_ONCE).min(self.rows);
            for (at, inputs) in self.inputs.chunks_mut(self.rows).enumerate() {
                let panel = self.first + at;
                inputs[first..end].fill(Line::ZERO);
                for (source, lit) in self.sources.iter().zip(self.lit) {
                    match S::F32_LANES {
                        16 => source.send_lit::<S, 2>(simd, lit, panel, first, &mut inputs[first..end]),
                        8 => source.send_lit::<S, 4>(simd, lit, panel, first, &mut inputs[first..end]),
                        4 => source.send_lit::<S, 8>(simd, lit, panel, first, &mut inputs[first..end]),
                        _ => source.send_lit::<S, 32>(simd, lit, panel, first, &mut inputs[first..end]),
                    }
                }
                let tiles = (end - first).div_ceil(most);
                let mut row = first;
                for left in (1..=tiles).rev() {
                    let count = (end - row).div_ceil(left);
                    let sources = &self.sources[self.lit.len()..];
                    let tile = Tile { own: self.own, scale: self.scale, sources, panel, row };
                    tile.sum(simd, &mut inputs[row..row + count]);
                    row += count;
                }
                if let Some(read) = self.read {
                    let states = &mut self.states[at * self.rows..][first..end];
                    read.apply(simd, panel, first, &inputs[first..end], states);
                }
            }
        }
    }
}

impl Source<'_> {
    /// Adds what the units that are on send to one panel, to the sums of the rows from `first` on.
    #[inline(always)]
    fn send_lit<S: Simd, const VECTORS: usize>(
        &self,
        simd: S,
        lit: &Lit,
        panel: usize,
        first: usize,
        sums: &mut [Line],
    ) {
        for word in 0..lit.count() {
            let half = |from: usize| self.weights.block(self.towards, from.min(self.states.count() - 1), panel);
            let halves = [half(2 * word), half(2 * word + 1)];
            let words = &lit.words(word)[first..first + sums.len()];
            for (word, sums) in words.iter().zip(sums.iter_mut()) {
                let line = S::as_mut_simd_f32s(&mut sums.0).0;
                let mut sums = [simd.splat_f32s(0.0); VECTORS];
                sums.copy_from_slice(line);
                add_lit(simd, *word, halves, &mut sums);
                line.copy_from_slice(&sums);
            }
        }
    }
}

/// Some rows of one panel, few enough for their sums to stay in registers.
#[derive(Clone, Copy)]
struct Tile<'a> {
    own: Own<'a>,
    scale: f32,
    sources: &'a [Source<'a>],
    panel: usize,
    row: usize,
}

impl Tile<'_> {
    /// Goes on from the sums that are there.
    #[inline(always)]
    fn sum<S: Simd>(self, simd: S, out: &mut [Line]) {
        macro_rules! of_rows {
            ($vectors:literal: $($rows:literal)*) => {
                match out.len() { $($rows => self.sum_of::<S, $rows, $vectors>(simd, out),)* _ => {} }
            };
        }
        match S::F32_LANES {
            16 => of_rows!(2: 1 2 3 4 5 6 7 8 9 10 11 12 13 14),
            8 => of_rows!(4: 1 2 3),
            4 => of_rows!(8: 1 2 3),
            _ => of_rows!(32: 1),
        }
    }

    #[inline(always)]
    fn sum_of<S: Simd, const ROWS: usize, const VECTORS: usize>(self, simd: S, out: &mut [Line]) {
        let begun = S::as_simd_f32s(bytemuck::cast_slice::<Line, f32>(out)).0;
        // Copied as a whole, so that the compiler keeps it in registers.
        let Some(begun) = begun.as_chunks::<VECTORS>().0.first_chunk::<ROWS>() else { return };
        let mut sums = *begun;
        for source in self.sources {
            for from in 0..source.states.count() {
                let states = &source.states.panel(from)[self.row..self.row + ROWS];
                let width = columns_of(from, source.states.columns()).len();
                let weights = &source.weights.block(source.towards, from, self.panel)[..width];
                multiply_add::<S, ROWS, VECTORS, _>(simd, Rowwise(states), weights, &mut sums);
            }
        }
        let scale = simd.splat_f32s(self.scale);
        for row in 0..ROWS {
            let own = match self.own {
                Own::Same(own) => &own.panel(self.panel)[0],
                Own::Each(own) => &own.panel(self.panel)[self.row + row],
            };
            let (own, inputs) = (S::as_simd_f32s(&own.0).0, S::as_mut_simd_f32s(&mut out[row].0).0);
            for v in 0..VECTORS {
                inputs[v] = simd.mul_add_f32s(sums[row][v], scale, own[v]);
            }
        }
    }
}

/// The factors of a tile: that of its row and of the k-th line.
pub(super) trait Factors: Copy {
    fn at(self, row: usize, k: usize) -> f32;
}

/// A row of states for each row of the tile.
#[derive(Clone, Copy)]
struct Rowwise<'a>(&'a [Line]);

impl Factors for Rowwise<'_> {
    #[inline(always)]
    fn at(self, row: usize, k: usize) -> f32 {
        self.0[row].0[k % WIDTH]
    }
}

/// sums[row] += factor(row, k) lines[k], for every k in order.
#[inline(always)]
pub(super) fn multiply_add<S: Simd, const ROWS: usize, const VECTORS: usize, F: Factors>(
    simd: S,
    factors: F,
    lines: &[Line],
    sums: &mut [[S::f32s; VECTORS]; ROWS],
) {
    for (k, line) in lines.iter().enumerate() {
        let line = S::as_simd_f32s(&line.0).0;
        // The fewer of the two are held in registers, the others come from the cache.
        if ROWS < VECTORS {
            let mut held = [simd.splat_f32s(0.0); ROWS];
            for (row, held) in held.iter_mut().enumerate() {
                *held = simd.splat_f32s(factors.at(row, k));
            }
            for v in 0..VECTORS {
                for row in 0..ROWS {
                    sums[row][v] = simd.mul_add_f32s(held[row], line[v], sums[row][v]);
                }
            }
        } else {
            for (row, sums) in sums.iter_mut().enumerate() {
                let held = simd.splat_f32s(factors.at(row, k));
                for v in 0..VECTORS {
                    sums[v] = simd.mul_add_f32s(held, line[v], sums[v]);
                }
            }
        }
    }
}

impl Read {
    /// States of the rows from `first` on of one panel.
    #[inline(always)]
    fn apply<S: Simd>(self, simd: S, panel: usize, first: usize, inputs: &[Line], states: &mut [Line]) {
        let inputs = S::as_simd_f32s(bytemuck::cast_slice::<Line, f32>(inputs)).0;
        let states = S::as_mut_simd_f32s(bytemuck::cast_slice_mut::<Line, f32>(states)).0;
        match self {
            Self::Mean => {
                for (x, state) in inputs.iter().zip(states) {
                    *state = lanes::sigmoid(simd, *x);
                }
            }
            Self::Mode => {
                for (x, state) in inputs.iter().zip(states) {
                    *state = lanes::step(simd, *x);
                }
            }
            Self::Sample { key, first_row } => {
                let draws = lanes::Draws::new(simd, key, first_row + first as u64, panel);
                for (group, (inputs, states)) in inputs.chunks_exact(4).zip(states.chunks_exact_mut(4)).enumerate() {
                    let u = draws.uniform(simd, group);
                    for i in 0..4 {
                        states[i] = lanes::sample(simd, inputs[i], u[i]);
                    }
                }
                // Of an odd number of rows the widest registers leave half a group.
                let whole = inputs.len() / 4 * 4;
                if whole < inputs.len() {
                    let u = draws.uniform(simd, whole / 4);
                    for (i, (x, state)) in inputs[whole..].iter().zip(&mut states[whole..]).enumerate() {
                        *state = lanes::sample(simd, *x, u[i]);
                    }
                }
            }
        }
    }
}
