//! Structured mean field: coordinate ascent on the ELBO over blocks of hidden units, each a full table (Saul & Jordan 1996).
//!
//! q_B(h_B) ∝ exp(Σ_{i∈B} a_i h_i + Σ_{i<j in B} W_ij h_i h_j), a_i = own input + Σ_{j∉B} W_ij m_j. Blocks of one unit are mean
//! field; one block of all units is exact.

use super::ascent::{Sweeping, until};
use super::{Inference, Inferred, Stop};
use crate::math::{DType, Layers, Nats, Result, Stream, Tensor, bail, double, host, sum_units};
use crate::models::{Conditionals, Couplings, Enumeration, ExpectedLogJoint, LatentModel, Pairwise, index};
use crate::posterior::{Block, Blocks, Factorial, Partition, Posterior};
use crate::units::Kind;

/// Which hidden units share a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tables {
    /// One unit of each layer.
    Columns,
    /// So many units, filled column by column.
    OfSize(usize),
    /// These.
    Of(Partition),
}

/// Tables from a factorial start, refined block by block.
#[derive(Clone, Debug)]
pub struct Structured<S> {
    /// Where the first q comes from; from a solution of mean field the answer can only be better.
    pub start: S,
    /// Which units share a table.
    pub tables: Tables,
    /// Fails where a block would have more than 2^`max_bits` states.
    pub max_bits: f64,
    /// For how long.
    pub stop: Stop,
}

impl Tables {
    /// The blocks of hidden layers of these sizes.
    pub fn partition(&self, sizes: &[usize]) -> Result<Partition> {
        match self {
            Self::Columns => Partition::columns(sizes),
            Self::OfSize(size) => Partition::of_size(sizes, *size),
            Self::Of(partition) if partition.sizes() == sizes => Ok(partition.clone()),
            Self::Of(partition) => bail!("blocks of layers {:?} do not fit layers {sizes:?}", partition.sizes()),
        }
    }
}

impl<M, S> Inference<M> for Structured<S>
where
    M: LatentModel,
    S: Inference<M, Posterior = Factorial>,
    M::Clamped: Pairwise,
{
    type Posterior = Blocks;

    fn infer(&self, model: &M, visible: &Tensor, stream: Stream) -> Result<Inferred<Blocks>> {
        let start = self.start.infer(model, visible, stream.named("start"))?.q;
        let clamped = model.clamp(visible)?;
        let partition = self.tables.partition(&clamped.sizes())?;
        let plan = Plan::new(partition, &clamped.couplings(&start.inputs()[0])?, self.max_bits)?;
        let settled = until(Batch::new(&plan, clamped, &start)?, self.stop)?;
        let blocks = plan.blocks.iter().enumerate().map(|(place, block)| {
            let log_probs = settled.gather(|part| Ok(part.tables[place].log_probs.clone()))?;
            Ok(Block { states: block.states.clone(), log_probs })
        });
        let blocks = blocks.collect::<Result<_>>()?;
        Ok(Inferred { q: Blocks::new(plan.partition.clone(), blocks, visible.dtype())?, trace: settled.trace })
    }
}

/// What an update of each block needs, which is the same for all examples but for `own`.
struct Plan {
    partition: Partition,
    blocks: Vec<Constant>,
    own: Tensor,
}

/// What is constant about one block.
struct Constant {
    /// Its layer and its place there, of each unit.
    kinds: Vec<Kind>,
    /// `[states, units of the block]`.
    states: Tensor,
    /// What the units add to ln p̃ among themselves, `[1, states]`.
    within: Tensor,
    /// W towards the block, from all units in the order of the blocks, zero from its own; `[units, units of the block]`.
    towards: Tensor,
    /// Where its units begin in the order of the blocks.
    first: usize,
}

impl Plan {
    fn new(partition: Partition, couplings: &Couplings, max_bits: f64) -> Result<Self> {
        let order = index(&partition.blocks().concat(), &couplings.own)?;
        let from_all = couplings.weights.index_select(&order, 0)?;
        let (mut blocks, mut first) = (Vec::new(), 0);
        for (place, units) in partition.blocks().iter().enumerate() {
            let kinds: Vec<Kind> = units.iter().map(|&unit| couplings.units[partition.place(unit).0].clone()).collect();
            let states = every_state(&kinds, max_bits, &couplings.own)?;
            let within = couplings.within(&partition, place, &states)?.unsqueeze(0)?;
            let towards = from_all.index_select(&index(units, &couplings.own)?, 1)?;
            let none = Tensor::zeros((units.len(), units.len()), DType::F64, towards.device())?;
            let towards = towards.slice_assign(&[first..first + units.len(), 0..units.len()], &none)?;
            blocks.push(Constant { kinds, states, within, towards, first });
            first += units.len();
        }
        Ok(Self { own: couplings.own.index_select(&order, 1)?, partition, blocks })
    }
}

fn every_state(kinds: &[Kind], max_bits: f64, like: &Tensor) -> Result<Tensor> {
    let states = Enumeration::new(&kinds.iter().map(|kind| (kind, 1)).collect::<Vec<_>>())?;
    if states.bits() > max_bits {
        bail!("a block of 2^{:.0} states was asked for; the limit is 2^{max_bits:.0}", states.bits());
    }
    states.chunk(0, states.count()? as usize, DType::F64, like.device())
}

/// Examples on their way.
struct Batch<'a, C> {
    plan: &'a Plan,
    conditionals: C,
    /// Own inputs in the order of the blocks, `[examples, units]`.
    own: Tensor,
    tables: Vec<Block>,
    /// Means of each block, `[examples, units of the block]`.
    means: Layers,
}

impl<'a, C: Pairwise> Batch<'a, C> {
    /// The tables that the independent units of `start` make.
    fn new(plan: &'a Plan, conditionals: C, start: &Factorial) -> Result<Self> {
        let inputs = start.inputs().iter().map(double).collect::<Result<Vec<_>>>()?;
        let order = index(&plan.partition.blocks().concat(), &inputs[0])?;
        let inputs = Tensor::cat(&inputs, 1)?.index_select(&order, 1)?;
        let tables = plan.blocks.iter().map(|block| {
            let own = inputs.narrow(1, block.first, block.kinds.len())?.contiguous()?;
            let base = block.kinds.iter().enumerate().try_fold(block.within.zeros_like()?, |base, (place, kind)| {
                base + sum_units(&kind.log_base(&block.states.narrow(1, place, 1)?.contiguous()?)?)?.unsqueeze(0)?
            })?;
            Block::normalize(block.states.clone(), &own.matmul(&block.states.t()?)?.broadcast_add(&base)?)
        });
        let tables = tables.collect::<Result<Vec<_>>>()?;
        let means = tables.iter().map(Block::means).collect::<Result<_>>()?;
        Ok(Self { plan, conditionals, own: plan.own.clone(), tables, means })
    }
}

impl<C: Pairwise> Sweeping for Batch<'_, C> {
    fn means(&self) -> &[Tensor] {
        &self.means
    }

    fn swept(mut self) -> Result<Self> {
        for (place, block) in self.plan.blocks.iter().enumerate() {
            let own = self.own.narrow(1, block.first, block.kinds.len())?;
            let input = (Tensor::cat(&self.means, 1)?.matmul(&block.towards)? + own)?;
            let log_weights = input.matmul(&block.states.t()?)?.broadcast_add(&block.within)?;
            self.tables[place] = Block::normalize(block.states.clone(), &log_weights)?;
            self.means[place] = self.tables[place].means()?;
        }
        Ok(self)
    }

    fn select(&self, rows: &Tensor) -> Result<Self> {
        let tables = self
            .tables
            .iter()
            .map(|table| Ok(Block { states: table.states.clone(), log_probs: table.log_probs.index_select(rows, 0)? }));
        Ok(Self {
            conditionals: self.conditionals.select(rows)?,
            own: self.own.index_select(rows, 0)?,
            tables: tables.collect::<Result<_>>()?,
            means: self.means.iter().map(|means| means.index_select(rows, 0)).collect::<Result<_>>()?,
            ..*self
        })
    }

    fn objective(&self) -> Result<Nats> {
        let q = Blocks::new(self.plan.partition.clone(), self.tables.clone(), DType::F64)?;
        let entropies = host(&q.entropy()?)?;
        let joints = self.conditionals.expected_log_joint(&q)?;
        Ok(joints.iter().zip(entropies).map(|(joint, entropy)| joint + entropy).collect())
    }
}
