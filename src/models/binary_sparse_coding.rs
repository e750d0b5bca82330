//! Binary sparse coding (Henniges et al. 2010; Goodfellow, Bengio & Courville 2016, equations 19.19 and 19.20).
//!
//! p(h_i = 1) = σ(b_i) and p(v | h) = N(v; W h, diag(1/β)). `weight` is W `[visible, hidden]`, `bias` is b `[hidden]`, `beta` is the
//! precision β `[visible]`. With v given, the hidden units are a Boltzmann machine without layers: ln p(v, h) = offset(v) +
//! Σ_i h_i (b_i + vᵀβ W_:i - 1/2 G_ii) - Σ_{i<j} G_ij h_i h_j with G = WᵀβW (equation 19.43). Units that explain the same part of v
//! inhibit each other, so **every hidden unit is a layer of its own**: sweeps go unit by unit and ascend; the parallel schedule moves
//! all units at once from old values, which is no ascent and may oscillate for ever (section 19.4.1).

use super::{Conditionals, Enumeration, Evidence, LatentModel, Mode, Multilinear, Pairwise, Reconstruct};
use crate::math::{
    DType, Nats, Result, Stream, Tensor, bail, double, host, inner, ln_one_plus_exp, log_sum_exp, sample_binary,
    sum_units,
};
use crate::posterior::Table;
use crate::units::{Binary, Kind};
use std::collections::HashMap;
use std::f64::consts::TAU;
use std::sync::Arc;

/// States summed in one go.
const CHUNK: u64 = 4096;

/// log2 of the largest number of states that [`Evidence::log_evidence`] sums.
const MAX_BITS: f64 = 24.0;

/// Binary causes that add up to the mean of v.
#[derive(Clone, Debug)]
pub struct BinarySparseCoding {
    weight: Tensor,
    bias: Tensor,
    beta: Tensor,
}

impl BinarySparseCoding {
    /// From W `[visible, hidden]`, b `[hidden]` and the precisions β `[visible]`, all positive; fails where they do not fit.
    pub fn new(weight: Tensor, bias: Tensor, beta: Tensor) -> Result<Self> {
        let (visible, hidden) = weight.dims2()?;
        if bias.dims() != [hidden] || beta.dims() != [visible] {
            bail!(
                "weight [{visible}, {hidden}] asks for bias [{hidden}] and beta [{visible}], not {bias:?} and {beta:?}"
            );
        }
        if hidden == 0 || !host(&beta)?.iter().all(|&beta| beta > 0.0 && beta.is_finite()) {
            bail!("binary sparse coding needs at least one hidden unit and precisions beta above zero");
        }
        Ok(Self { weight, bias, beta })
    }

    /// Every parameter under its name in files: `weight`, `bias`, `beta`.
    pub fn named(&self) -> Vec<(String, Tensor)> {
        let all = [("weight", &self.weight), ("bias", &self.bias), ("beta", &self.beta)];
        all.map(|(name, tensor)| (name.to_string(), tensor.clone())).to_vec()
    }

    /// The inverse of `named`; more tensors may be there.
    pub fn from_named(tensors: &HashMap<String, Tensor>) -> Result<Self> {
        let [weight, bias, beta] = ["weight", "bias", "beta"].map(|name| match tensors.get(name) {
            Some(tensor) => Ok(tensor.clone()),
            None => bail!("binary sparse coding needs a tensor {name}"),
        });
        Self::new(weight?, bias?, beta?)
    }

    /// W, `[visible, hidden]`.
    pub fn weight(&self) -> &Tensor {
        &self.weight
    }

    /// b, `[hidden]`.
    pub fn bias(&self) -> &Tensor {
        &self.bias
    }

    /// β, `[visible]`.
    pub fn beta(&self) -> &Tensor {
        &self.beta
    }

    /// ln p(v) of each example, nats, by enumeration; fails above 2^`max_bits` states.
    pub fn log_evidence_within(&self, visible: &Tensor, max_bits: f64) -> Result<Nats> {
        self.clamp(visible)?.log_evidence(max_bits)
    }

    /// Draws `examples` of v and h: `[examples, visible]` and `[examples, hidden]`.
    pub fn sample(&self, examples: usize, stream: Stream) -> Result<(Tensor, Tensor)> {
        let (visible, hidden) = self.weight.dims2()?;
        let (dtype, device) = (self.weight.dtype(), self.weight.device());
        let inputs = self.bias.unsqueeze(0)?.broadcast_as((examples, hidden))?.contiguous()?;
        let causes = sample_binary(&inputs, stream.named("hidden"))?;
        let noise = stream.named("visible").normal(examples, visible, dtype, device)?;
        let noise = noise.broadcast_div(&self.beta.sqrt()?)?;
        Ok(((causes.matmul(&self.weight.t()?)? + noise)?, causes))
    }
}

impl Evidence for BinarySparseCoding {
    fn log_evidence(&self, visible: &Tensor) -> Result<Nats> {
        self.log_evidence_within(visible, MAX_BITS)
    }
}

impl LatentModel for BinarySparseCoding {
    type Clamped = Causes;

    /// As many layers of one unit as there are hidden units.
    fn hidden(&self) -> Vec<(Kind, usize)> {
        (0..self.bias.elem_count()).map(|_| (Arc::new(Binary) as Kind, 1)).collect()
    }

    fn clamp(&self, visible: &Tensor) -> Result<Causes> {
        let (_, units) = visible.dims2()?;
        if units != self.beta.elem_count() {
            bail!("examples have {units} values, the model has {} visible units", self.beta.elem_count());
        }
        let (weight, bias, beta) = (double(&self.weight)?, double(&self.bias)?, double(&self.beta)?);
        let visible = double(visible)?;
        let weighed = weight.broadcast_mul(&beta.unsqueeze(1)?)?;
        let couplings = weight.t()?.matmul(&weighed)?;
        let identity = Tensor::eye(bias.elem_count(), DType::F64, weight.device())?;
        let own_couplings = (&couplings * &identity)?;
        let own = (bias - (own_couplings.sum(0)? * 0.5)?)?;
        let at_rest = sum_units(&ln_one_plus_exp(&double(&self.bias)?.unsqueeze(0)?)?)?;
        let noise = (sum_units(&beta.log()?.unsqueeze(0)?)? - self.beta.elem_count() as f64 * TAU.ln())?;
        let squares = inner(&visible.sqr()?, &beta.unsqueeze(0)?)?;
        Ok(Causes {
            units: self.hidden().into_iter().map(|(kind, _)| kind).collect(),
            own: visible.matmul(&weighed)?.broadcast_add(&own)?,
            couplings: (couplings - own_couplings)?,
            offset: (squares * -0.5)?.broadcast_add(&((noise * 0.5)? - at_rest)?)?,
            dtype: self.weight.dtype(),
        })
    }
}

impl Reconstruct for BinarySparseCoding {
    fn reconstruct(&self, hidden: &[Tensor]) -> Result<Tensor> {
        Tensor::cat(hidden, 1)?.matmul(&self.weight.t()?)
    }
}

/// The hidden units with v given, each a layer of its own; all of it in `f64`.
#[derive(Clone, Debug)]
pub struct Causes {
    units: Vec<Kind>,
    /// Input of each unit while all others are 0, `[examples, hidden]`.
    own: Tensor,
    /// G without its diagonal, `[hidden, hidden]`.
    couplings: Tensor,
    /// ln p(v, h = 0), `[examples]`.
    offset: Tensor,
    /// Type of the means of an exact table.
    dtype: DType,
}

impl Causes {
    /// Inhibition of each pair of units, G = WᵀβW with a diagonal of zeros, `[hidden, hidden]`.
    pub fn couplings(&self) -> &Tensor {
        &self.couplings
    }

    /// ln p(v, h) of every one of the states `[states, hidden]`, `[examples, states]`, nats.
    fn log_joints(&self, states: &Tensor) -> Result<Tensor> {
        let pairs = (inner(states, &states.matmul(&self.couplings)?)? * 0.5)?;
        self.own.matmul(&states.t()?)?.broadcast_sub(&pairs.unsqueeze(0)?)?.broadcast_add(&self.offset.unsqueeze(1)?)
    }

    fn enumeration(&self, max_bits: f64) -> Result<Enumeration> {
        let layers: Vec<(&Kind, usize)> = self.units.iter().map(|kind| (kind, 1)).collect();
        let states = Enumeration::new(&layers)?;
        if states.bits() > max_bits {
            bail!("an exact sum over 2^{:.0} states was asked for; the limit is 2^{max_bits:.0}", states.bits());
        }
        Ok(states)
    }

    fn chunk(&self, states: &Enumeration, from: u64, count: u64) -> Result<Tensor> {
        states.chunk(from, count as usize, DType::F64, self.own.device())
    }

    /// ln Σ_h p(v, h) of each example, nats; fails above 2^`max_bits` states.
    pub fn log_evidence(&self, max_bits: f64) -> Result<Nats> {
        let states = self.enumeration(max_bits)?;
        let mut chunks = vec![Vec::new(); self.own.dim(0)?];
        for from in (0..states.count()?).step_by(CHUNK as usize) {
            let count = CHUNK.min(states.count()? - from);
            let joints = self.log_joints(&self.chunk(&states, from, count)?)?.to_vec2::<f64>()?;
            chunks.iter_mut().zip(&joints).for_each(|(chunks, row)| chunks.push(log_sum_exp(row)));
        }
        Ok(chunks.iter().map(|chunks| log_sum_exp(chunks)).collect())
    }

    /// p(h | v) of each example as a table over all states, and ln p(v), nats; fails above 2^`max_bits` states.
    pub fn tabulate(&self, max_bits: f64) -> Result<(Table, Nats)> {
        let states = self.enumeration(max_bits)?;
        let all = self.chunk(&states, 0, states.count()?)?;
        let log_joints = self.log_joints(&all)?;
        let tabulated =
            (0..self.units.len()).map(|unit| Ok((unit, column(&all, unit)?))).collect::<Result<Vec<_>>>()?;
        Table::normalize(self.units.clone(), tabulated, Vec::new(), &log_joints, self.dtype)
    }

    /// The states of all layers side by side, `[rows, hidden]`, `f64`.
    fn joined(&self, states: &[Tensor]) -> Result<Tensor> {
        double(&Tensor::cat(states, 1)?)
    }
}

/// One column, `[rows, 1]`.
fn column(values: &Tensor, at: usize) -> Result<Tensor> {
    values.narrow(1, at, 1)?.contiguous()
}

impl Conditionals for Causes {
    fn units(&self) -> &[Kind] {
        &self.units
    }

    fn sizes(&self) -> Vec<usize> {
        vec![1; self.units.len()]
    }

    fn examples(&self) -> Result<usize> {
        self.own.dim(0)
    }

    fn input(&self, states: &[Tensor], layer: usize) -> Result<Tensor> {
        let inhibition = self.joined(states)?.matmul(&column(&self.couplings, layer)?)?;
        column(&self.own, layer)?.broadcast_sub(&inhibition)?.to_dtype(states[layer].dtype())
    }

    fn log_joint(&self, states: &[Tensor]) -> Result<Tensor> {
        let states = self.joined(states)?;
        let pairs = (inner(&states, &states.matmul(&self.couplings)?)? * 0.5)?;
        (inner(&states, &self.own)? - pairs)?.broadcast_add(&self.offset)
    }

    fn select(&self, rows: &Tensor) -> Result<Self> {
        if self.own.dim(0)? == 1 {
            return Ok(self.clone());
        }
        let (own, offset) = (self.own.index_select(rows, 0)?, self.offset.index_select(rows, 0)?);
        Ok(Self { own, offset, ..self.clone() })
    }
}

/// Each unit's input is linear in every other unit and does not depend on itself.
impl Multilinear for Causes {}

impl Pairwise for Causes {}

impl Mode for Causes {}
