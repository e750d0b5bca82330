//! The structured family: q(h | v) = Π_B q_B(h_B), each block of hidden units a full table (Saul & Jordan 1996; book section
//! 19.4).
//!
//! Blocks of one unit are the factorial family, one block of all units is every distribution there is. Units are numbered
//! through all hidden layers, bottom first.

use super::Posterior;
use crate::math::{DType, Layers, Result, Tensor, bail, sum_units};

/// Which hidden units share a table; every unit is in exactly one block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Partition {
    sizes: Vec<usize>,
    blocks: Vec<Vec<usize>>,
}

impl Partition {
    /// From units of hidden layers of these `sizes`, numbered through; fails unless every unit is in exactly one block.
    pub fn new(sizes: &[usize], blocks: Vec<Vec<usize>>) -> Result<Self> {
        let mut units: Vec<usize> = blocks.concat();
        units.sort_unstable();
        if !units.iter().copied().eq(0..sizes.iter().sum()) || blocks.iter().any(Vec::is_empty) {
            bail!("blocks {blocks:?} do not hold every unit of layers {sizes:?} exactly once");
        }
        Ok(Self { sizes: sizes.to_vec(), blocks })
    }

    /// One unit of each layer in a block: the i-th of every layer that has one.
    pub fn columns(sizes: &[usize]) -> Result<Self> {
        let starts = starts(sizes);
        let column = |i: usize| {
            let layers = starts.iter().zip(sizes).filter(move |(_, units)| i < **units);
            layers.map(|(start, _)| start + i).collect()
        };
        Self::new(sizes, (0..sizes.iter().copied().max().unwrap_or(0)).map(column).collect())
    }

    /// Blocks of `size` units (the last may have fewer), filled column by column, so that they span layers: units of one layer
    /// do not interact, and a table over them alone would gain nothing.
    pub fn of_size(sizes: &[usize], size: usize) -> Result<Self> {
        let units = Self::columns(sizes)?.blocks.concat();
        Self::new(sizes, units.chunks(size.max(1)).map(<[usize]>::to_vec).collect())
    }

    /// Units per hidden layer.
    pub fn sizes(&self) -> &[usize] {
        &self.sizes
    }

    /// The units of each block, numbered through all layers.
    pub fn blocks(&self) -> &[Vec<usize>] {
        &self.blocks
    }

    /// Units of the largest block.
    pub fn largest(&self) -> usize {
        self.blocks.iter().map(Vec::len).max().unwrap_or(0)
    }

    /// The layer of a unit, and its place there.
    pub fn place(&self, unit: usize) -> (usize, usize) {
        let starts = starts(&self.sizes);
        let layer = starts.partition_point(|&start| start <= unit) - 1;
        (layer, unit - starts[layer])
    }

    /// For each unit in the order of the layers: where it stands in the order of the blocks.
    fn places(&self) -> Vec<u32> {
        let mut places = vec![0; self.sizes.iter().sum()];
        self.blocks.concat().iter().enumerate().for_each(|(place, &unit)| places[unit] = place as u32);
        places
    }
}

/// Number of the first unit of each layer; layers without units share theirs with the next.
fn starts(sizes: &[usize]) -> Vec<usize> {
    sizes.iter().scan(0, |next, units| Some(std::mem::replace(next, *next + units))).collect()
}

/// A table of each example over the states of one block.
#[derive(Clone, Debug)]
pub struct Block {
    /// `[states, units of the block]`, `f64`.
    pub states: Tensor,
    /// ln q of each state, `[examples, states]`, `f64`.
    pub log_probs: Tensor,
}

impl Block {
    /// From unnormalised log weights `[examples, states]`, `f64`.
    pub fn normalize(states: Tensor, log_weights: &Tensor) -> Result<Self> {
        let shifted = log_weights.broadcast_sub(&log_weights.max_keepdim(1)?)?;
        let log_probs = shifted.broadcast_sub(&shifted.exp()?.sum_keepdim(1)?.log()?)?;
        Ok(Self { states, log_probs })
    }

    /// q of each state, `[examples, states]`, `f64`.
    pub fn probs(&self) -> Result<Tensor> {
        self.log_probs.exp()
    }

    /// Expected states, `[examples, units of the block]`, `f64`.
    pub fn means(&self) -> Result<Tensor> {
        self.probs()?.matmul(&self.states)
    }

    /// -Σ q ln q of each example, `[examples]`, nats.
    fn entropy(&self) -> Result<Tensor> {
        // States of no mass have a finite ln q only by rounding; 0 ln 0 is 0.
        let finite = self.log_probs.maximum(f64::MIN)?;
        sum_units(&(self.probs()? * finite)?)?.neg()
    }
}

/// Independent blocks, one table of each per example.
#[derive(Clone, Debug)]
pub struct Blocks {
    partition: Partition,
    blocks: Vec<Block>,
    means_dtype: DType,
}

impl Blocks {
    /// One table for each block of the partition; the means are given in `means_dtype`.
    pub fn new(partition: Partition, blocks: Vec<Block>, means_dtype: DType) -> Result<Self> {
        if blocks.is_empty() || blocks.len() != partition.blocks.len() {
            bail!("{} tables for {} blocks", blocks.len(), partition.blocks.len());
        }
        Ok(Self { partition, blocks, means_dtype })
    }

    /// Which units share a table.
    pub fn partition(&self) -> &Partition {
        &self.partition
    }

    /// The tables, in the order of the partition.
    pub fn blocks(&self) -> &[Block] {
        &self.blocks
    }

    /// Expected states of every layer in `f64`.
    pub fn exact_means(&self) -> Result<Layers> {
        let of_blocks = self.blocks.iter().map(Block::means).collect::<Result<Vec<_>>>()?;
        let places = self.partition.places();
        let places = Tensor::from_slice(&places, places.len(), of_blocks[0].device())?;
        let all = Tensor::cat(&of_blocks, 1)?.index_select(&places, 1)?;
        let layers = starts(&self.partition.sizes).into_iter().zip(&self.partition.sizes);
        layers.map(|(start, &units)| all.narrow(1, start, units)?.contiguous()).collect()
    }
}

impl Posterior for Blocks {
    fn means(&self) -> Result<Layers> {
        self.exact_means()?.iter().map(|mean| mean.to_dtype(self.means_dtype)).collect()
    }

    fn entropy(&self) -> Result<Tensor> {
        let entropies = self.blocks.iter().map(Block::entropy).collect::<Result<Vec<_>>>()?;
        Tensor::stack(&entropies, 1)?.sum(1)
    }
}
