//! Models whose hidden units interact in pairs: ln p̃ = offset + Σ_i a_i h_i + Σ_{i<j} W_ij h_i h_j + base measures.
//!
//! Such a model is known by the inputs of its units: a_i is the input of unit i where every state is 0, and W_ij what unit j
//! adds to it. Hidden units are numbered through all layers, bottom first.

use super::{Conditionals, ExpectedLogJoint, Multilinear};
use crate::math::{Layers, Nats, Result, Tensor, bail, double, host, sum_units};
use crate::posterior::{Blocks, Partition, Posterior};
use crate::units::Kind;

/// Conditionals whose inputs are affine in the states, with coefficients that are the same for every example.
pub trait Pairwise: Multilinear {
    /// The coefficients; `like` has the precision and the device of the states.
    fn couplings(&self, like: &Tensor) -> Result<Couplings> {
        if let Some(kind) = self.units().iter().find(|kind| kind.is_group()) {
            bail!("the units of a {} group do not move one by one, as this inference needs", kind.name());
        }
        let sizes = self.sizes();
        let units: usize = sizes.iter().sum();
        let none = states(&sizes, &[None], like)?;
        let examples = self.examples()?;
        let off = none.iter().map(|layer| layer.broadcast_as((examples, layer.dim(1)?))?.contiguous());
        let own = side_by_side(self, &off.collect::<Result<Layers>>()?)?;
        let first = self.select(&Tensor::new(&[0_u32], like.device())?)?;
        let one_each: Vec<Option<usize>> = (0..units).map(Some).collect();
        let lit = side_by_side(&first, &states(&sizes, &one_each, like)?)?;
        let weights = lit.broadcast_sub(&own.narrow(0, 0, 1)?)?;
        Ok(Couplings { units: self.units().to_vec(), sizes, own, weights })
    }
}

/// Rows of states of all layers, each with one unit at 1 or none.
fn states(sizes: &[usize], lit: &[Option<usize>], like: &Tensor) -> Result<Layers> {
    let mut start = 0;
    let mut layers = Vec::with_capacity(sizes.len());
    for &units in sizes {
        let mut values = vec![0_f64; lit.len() * units];
        for (row, lit) in lit.iter().enumerate() {
            if let Some(unit) = lit.and_then(|unit| unit.checked_sub(start)).filter(|&unit| unit < units) {
                values[row * units + unit] = 1.0;
            }
        }
        layers.push(Tensor::from_vec(values, (lit.len(), units), like.device())?.to_dtype(like.dtype())?);
        start += units;
    }
    Ok(layers)
}

/// Inputs of all units, `[rows, units]`, `f64`.
fn side_by_side<C: Conditionals>(conditionals: &C, states: &[Tensor]) -> Result<Tensor> {
    let inputs = (0..states.len()).map(|layer| double(&conditionals.input(states, layer)?));
    Tensor::cat(&inputs.collect::<Result<Vec<_>>>()?, 1)
}

/// The coefficients of a pairwise model, `f64`.
#[derive(Clone, Debug)]
pub struct Couplings {
    /// Kind of each layer.
    pub units: Vec<Kind>,
    /// Units per layer.
    pub sizes: Vec<usize>,
    /// a, `[1 or examples, units]`.
    pub own: Tensor,
    /// W, `[units, units]`: symmetric, zero on the diagonal.
    pub weights: Tensor,
}

impl Couplings {
    /// What the units of one block add to ln p̃ among themselves, less Σ a_i h_i: Σ_{i<j in B} W_ij h_i h_j + base measures, of
    /// `states` `[rows, units of the block]`, `[rows]`.
    pub fn within(&self, partition: &Partition, block: usize, states: &Tensor) -> Result<Tensor> {
        let units = index(&partition.blocks()[block], states)?;
        let inner = self.weights.index_select(&units, 0)?.index_select(&units, 1)?;
        let pairs = (sum_units(&(states.matmul(&inner)? * states)?)? * 0.5)?;
        partition.blocks()[block].iter().enumerate().try_fold(pairs, |total, (place, &unit)| {
            let state = states.narrow(1, place, 1)?.contiguous()?;
            total + sum_units(&self.units[partition.place(unit).0].log_base(&state)?)?
        })
    }
}

/// Numbers of units as a tensor beside `like`.
pub fn index(units: &[usize], like: &Tensor) -> Result<Tensor> {
    Tensor::from_vec(units.iter().map(|&unit| unit as u32).collect::<Vec<_>>(), units.len(), like.device())
}

impl<C: Pairwise> ExpectedLogJoint<Blocks> for C {
    /// ln p̃ at the means has m_i m_j in the place of E[h_i h_j]; inside a block they differ.
    fn expected_log_joint(&self, q: &Blocks) -> Result<Nats> {
        let means = q.exact_means()?;
        let Some(first) = means.first() else { bail!("a posterior has at least one layer") };
        let couplings = self.couplings(&q.means()?[0])?;
        let mut total = self.log_joint(&means)?.broadcast_as(first.dim(0)?)?;
        for (place, block) in q.blocks().iter().enumerate() {
            let of_states = couplings.within(q.partition(), place, &block.states)?.unsqueeze(1)?;
            let expected = block.probs()?.matmul(&of_states)?.squeeze(1)?;
            total = (total + (expected - couplings.within(q.partition(), place, &block.means()?)?)?)?;
        }
        host(&total)
    }
}
