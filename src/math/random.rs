//! Counter-based random streams: a draw is a pure function of (seed, stream, step, row, column).
//!
//! The generator is Philox4x32-10 (Salmon, Moraes, Dror, Shaw 2011, "Parallel random numbers: as easy as 1, 2, 3"). A [`Stream`]
//! is a value, not a state: copying it repeats its draws, [`Stream::at`] and [`Stream::named`] derive independent ones. So no
//! result can depend on threads, on how rows are cut into batches, or on where a run was interrupted.

use super::{DType, Device, Result, Tensor};
use rand::TryRng;
use rayon::prelude::*;
use std::convert::Infallible;

/// Below this many values a second thread costs more than it saves.
pub(super) const PARALLEL_FROM: usize = 1 << 15;

/// What a counter is used for; keeps draws, sub-streams and names from ever sharing one.
#[derive(Clone, Copy)]
enum Purpose {
    Draw = 0,
    Index = 1,
    Name = 2,
}

/// A family of draws addressed by row and column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stream {
    key: [u32; 2],
    first_row: u64,
}

impl Stream {
    /// The root of all streams of a run.
    pub fn new(seed: u64) -> Self {
        Self { key: halves(seed), first_row: 0 }
    }

    /// The stream for one purpose (`"chains"`, `"shuffle"`, …): adding a purpose does not shift the others.
    pub fn named(self, name: &str) -> Self {
        // FNV-1a folds the name into the 64 bits that address the sub-stream.
        let hash =
            name.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |h, b| (h ^ u64::from(b)).wrapping_mul(0x100_0000_01b3));
        self.derive(hash, Purpose::Name)
    }

    /// The stream of one step, sweep or layer.
    pub fn at(self, index: u64) -> Self {
        self.derive(index, Purpose::Index)
    }

    /// The same draws, seen from row `first_row` on: row 0 of a batch is then row `first_row` of the whole.
    pub fn from_row(self, first_row: u64) -> Self {
        Self { first_row: self.first_row + first_row, ..self }
    }

    /// Key of the generator and row of the first draw, for kernels that draw by themselves: the word of (row, column) is number
    /// column % 4 of the block with the counter [column / 4, row, row >> 32, 0].
    pub fn counter(self) -> ([u32; 2], u64) {
        (self.key, self.first_row)
    }

    fn derive(self, index: u64, purpose: Purpose) -> Self {
        let [low, high] = halves(index);
        let words = philox([low, high, 0, purpose as u32], self.key);
        Self { key: [words[0], words[1]], first_row: self.first_row }
    }

    /// Uniform draws in (0, 1), `[rows, columns]`; the same numbers for `f32` and `f64`.
    pub fn uniform(self, rows: usize, columns: usize, dtype: DType, device: &Device) -> Result<Tensor> {
        let mut values = vec![0f32; rows * columns];
        self.fill_rows(&mut values, columns, |_, word| unit_interval(word));
        Tensor::from_vec(values, (rows, columns), &Device::Cpu)?.to_dtype(dtype)?.to_device(device)
    }

    /// `count` indices, each with a probability in proportion to its weight, by the inverse of their cumulative distribution.
    pub fn pick(self, weights: &[f64], count: usize) -> Result<Vec<usize>> {
        let mut total = 0.0;
        let cumulative: Vec<f64> = weights
            .iter()
            .map(|weight| {
                total += weight;
                total
            })
            .collect();
        let last = cumulative.len().saturating_sub(1);
        // One draw picks a cell of (0, 1), a second a place in it: single draws are too coarse for large tables.
        let draws = self.uniform(count, 2, DType::F64, &Device::Cpu)?.flatten_all()?.to_vec1::<f64>()?;
        let place = |pair: &[f64]| total * (pair[0] + (pair[1] - 0.5) / f64::from(1 << 23));
        let index = |pair: &[f64]| cumulative.partition_point(|&below| below < place(pair)).min(last);
        Ok(draws.chunks(2).map(index).collect())
    }

    /// Standard normal draws, `[rows, columns]` (Box-Muller, computed in `f64`).
    pub fn normal(self, rows: usize, columns: usize, dtype: DType, device: &Device) -> Result<Tensor> {
        let angles = self.named("angle");
        let mut values = vec![0f64; rows * columns];
        self.fill_rows(&mut values, columns, |_, word| (-2.0 * f64::from(unit_interval(word)).ln()).sqrt());
        angles.fill_rows(&mut values, columns, |radius, word| {
            radius * (std::f64::consts::TAU * f64::from(unit_interval(word))).cos()
        });
        Tensor::from_vec(values, (rows, columns), &Device::Cpu)?.to_dtype(dtype)?.to_device(device)
    }

    /// Replaces every value by `draw(value, word of its row and column)`; `values` holds rows of `columns` values.
    pub(super) fn fill_rows<T: Copy + Send>(self, values: &mut [T], columns: usize, draw: impl Fn(T, u32) -> T + Sync) {
        if columns == 0 {
            return;
        }
        let fill = |(row, values): (usize, &mut [T])| {
            for (block, four) in values.chunks_mut(4).enumerate() {
                let words = self.words(row as u64, block as u32);
                four.iter_mut().zip(words).for_each(|(value, word)| *value = draw(*value, word));
            }
        };
        if values.len() < PARALLEL_FROM {
            values.chunks_mut(columns).enumerate().for_each(fill);
        } else {
            values.par_chunks_mut(columns).enumerate().for_each(fill);
        }
    }

    /// The words of columns `4 block` to `4 block + 3`.
    fn words(self, row: u64, block: u32) -> [u32; 4] {
        let [low, high] = halves(self.first_row + row);
        philox([block, low, high, Purpose::Draw as u32], self.key)
    }

    /// The stream read one word after the other, for shuffles and other uses of the `rand` crate.
    pub fn generator(self) -> Generator {
        Generator { stream: self, next: 0 }
    }
}

/// A [`Stream`] read in order; implements the traits of the `rand` crate.
#[derive(Clone, Debug)]
pub struct Generator {
    stream: Stream,
    next: u64,
}

impl TryRng for Generator {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> std::result::Result<u32, Infallible> {
        let words = self.stream.words(self.next / 4, 0);
        let word = words[(self.next % 4) as usize];
        self.next += 1;
        Ok(word)
    }

    fn try_next_u64(&mut self) -> std::result::Result<u64, Infallible> {
        let (low, high) = (self.try_next_u32()?, self.try_next_u32()?);
        Ok(u64::from(low) | u64::from(high) << 32)
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> std::result::Result<(), Infallible> {
        for four in bytes.chunks_mut(4) {
            let word = self.try_next_u32()?.to_le_bytes();
            four.copy_from_slice(&word[..four.len()]);
        }
        Ok(())
    }
}

/// The midpoint of one of 2^23 cells of (0, 1): exact in `f32`, never 0 and never 1.
pub(super) fn unit_interval(word: u32) -> f32 {
    ((word >> 9) as f32 + 0.5) / (1 << 23) as f32
}

fn halves(value: u64) -> [u32; 2] {
    [value as u32, (value >> 32) as u32]
}

/// Philox4x32-10 (Salmon, Moraes, Dror & Shaw 2011): four random words for each counter and key.
pub fn philox(mut counter: [u32; 4], mut key: [u32; 2]) -> [u32; 4] {
    for _ in 0..10 {
        let [low0, high0] = halves(u64::from(counter[0]) * 0xD251_1F53);
        let [low1, high1] = halves(u64::from(counter[2]) * 0xCD9E_8D57);
        counter = [high1 ^ counter[1] ^ key[0], low1, high0 ^ counter[3] ^ key[1], low0];
        key = [key[0].wrapping_add(0x9E37_79B9), key[1].wrapping_add(0xBB67_AE85)];
    }
    counter
}
