//! Exact sums over the hidden units of a sigmoid belief net, in `f64` whatever the precision of the net.
//!
//! p(h_l) = Σ_{h_{l+1}} p(h_l | h_{l+1}) p(h_{l+1}) goes from the top down one layer at a time, so ln p(v) takes 2^(n_l + n_{l+1}) terms a
//! step and never a sum over all hidden units at once. The posterior is a table over all of them.

use super::{BeliefNet, Enumeration, Evidence, ExpectedJoint, log_prob};
use crate::math::{DType, Layers, Nats, Result, Tensor, bail, double, host, log_sum_exp};
use crate::posterior::Table;
use crate::units::{Binary, Kind, Units};
use std::sync::Arc;

/// Examples whose sums are held in memory at once, times the states of the first hidden layer.
const CELLS: usize = 1 << 21;

/// log2 of the largest number of terms that [`Evidence`] sums.
const EVIDENCE_BITS: f64 = 24.0;

impl BeliefNet {
    /// log2 of the number of terms of the largest sum behind [`Self::log_evidence`].
    pub fn evidence_bits(&self) -> f64 {
        let hidden = &self.sizes()[1..];
        hidden.windows(2).map(|pair| pair[0] + pair[1]).fold(hidden[0], usize::max) as f64
    }

    /// log2 of the number of joint states of the hidden units: of the table of [`Self::posterior`].
    pub fn posterior_bits(&self) -> f64 {
        self.sizes()[1..].iter().sum::<usize>() as f64
    }

    /// ln p(v) of each row of `visible` `[examples, visible]`, nats. Fails above `max_bits`.
    pub fn log_evidence(&self, visible: &Tensor, max_bits: f64) -> Result<Nats> {
        within(self.evidence_bits(), max_bits)?;
        let net = self.doubled()?;
        let hidden = net.log_marginal(1)?.unsqueeze(0)?;
        let states = net.all_states(1..2)?;
        let examples = visible.dim(0)?;
        let at_once = (CELLS >> self.sizes()[1]).max(1);
        let mut nats = Vec::with_capacity(examples);
        for from in (0..examples).step_by(at_once) {
            let rows = visible.narrow(0, from, at_once.min(examples - from))?;
            nats.extend(log_sums(&cross(&rows, &net.input_below(0, &states[0])?)?.broadcast_add(&hidden)?)?);
        }
        Ok(nats)
    }

    /// Every joint state of the hidden layers, `[2^hidden, n_l]`, first hidden layer first; its first unit changes fastest.
    /// Fails above `max_bits`.
    pub fn hidden_states(&self, max_bits: f64) -> Result<Layers> {
        within(self.posterior_bits(), max_bits)?;
        self.all_states(1..self.depth() + 1)
    }

    /// Every joint state of all layers, `[2^units, n_l]`, visible first, in the precision of the net. Fails above `max_bits`.
    pub fn joint_states(&self, max_bits: f64) -> Result<Layers> {
        within(self.posterior_bits() + self.sizes()[0] as f64, max_bits)?;
        self.all_states(0..self.depth() + 1)?.iter().map(|states| states.to_dtype(self.dtype())).collect()
    }

    /// ln p(v, h) of every row of `visible` with every row of `hidden` (first hidden layer first): `[examples, states]`, nats, `f64`.
    pub fn log_joint_table(&self, visible: &Tensor, hidden: &[Tensor]) -> Result<Tensor> {
        let net = self.doubled()?;
        let hidden: Layers = hidden.iter().map(double).collect::<Result<_>>()?;
        let inputs = (1..net.depth()).map(|l| net.input_below(l, &hidden[l])).collect::<Result<Layers>>()?;
        let above = [inputs, vec![net.biases()[net.depth()].unsqueeze(0)?]].concat();
        let own = log_prob(&hidden, &above)?;
        cross(visible, &net.input_below(0, &hidden[0])?)?.broadcast_add(&own.unsqueeze(0)?)
    }

    /// p(h | v) of each row of `visible`, and ln p(v), nats. Fails above `max_bits`.
    pub fn posterior(&self, visible: &Tensor, max_bits: f64) -> Result<(Table, Nats)> {
        let hidden = self.hidden_states(max_bits)?;
        let log_joints = self.log_joint_table(visible, &hidden)?;
        let kinds = hidden.iter().map(|_| Arc::new(Binary) as Kind).collect();
        let tabulated = hidden.into_iter().enumerate().collect();
        Table::normalize(kinds, tabulated, Vec::new(), &log_joints, self.dtype())
    }

    /// ln p of every state of layer `l`, `[2^n_l]`.
    fn log_marginal(&self, l: usize) -> Result<Tensor> {
        let states = self.all_states(l..l + 1)?;
        if l == self.depth() {
            return log_prob(&states, &[self.biases()[l].unsqueeze(0)?]);
        }
        let above = self.log_marginal(l + 1)?.unsqueeze(0)?;
        let given = cross(&states[0], &self.input_below(l, &self.all_states(l + 1..l + 2)?[0])?)?;
        let nats = log_sums(&given.broadcast_add(&above)?)?;
        Tensor::from_slice(&nats, nats.len(), self.device())
    }

    /// Every joint state of some layers, one tensor `[states, n_l]` per layer, `f64`.
    fn all_states(&self, layers: std::ops::Range<usize>) -> Result<Layers> {
        let (sizes, kind) = (&self.sizes()[layers], Arc::new(Binary) as Kind);
        let all = Enumeration::new(&sizes.iter().map(|&units| (&kind, units)).collect::<Vec<_>>())?;
        let joint = all.chunk(0, all.count()? as usize, DType::F64, self.device())?;
        let starts = sizes.iter().scan(0, |next, units| Some(std::mem::replace(next, *next + units)));
        starts.zip(sizes).map(|(from, &units)| joint.narrow(1, from, units)?.contiguous()).collect()
    }
}

/// Sums over at most 2^24 states.
impl Evidence for BeliefNet {
    fn log_evidence(&self, visible: &Tensor) -> Result<Nats> {
        self.log_evidence(visible, EVIDENCE_BITS)
    }
}

/// For tables over the states of all hidden layers.
impl ExpectedJoint<Table> for BeliefNet {
    fn expected_joint(&self, visible: &Tensor, q: &Table) -> Result<Nats> {
        let log_joints = self.log_joint_table(visible, &q.states(0)?)?;
        host(&(q.log_probs().exp()? * log_joints)?.sum(1)?)
    }
}

/// ln p(row of `states` | row of `inputs`) for every pair: `[rows of states, rows of inputs]`, `f64`.
fn cross(states: &Tensor, inputs: &Tensor) -> Result<Tensor> {
    let normalizers = Binary.total_log_normalizer(inputs)?.unsqueeze(0)?;
    double(states)?.matmul(&inputs.t()?)?.broadcast_sub(&normalizers)
}

/// ln Σ exp of each row.
fn log_sums(rows: &Tensor) -> Result<Nats> {
    Ok(rows.to_vec2::<f64>()?.iter().map(|row| log_sum_exp(row)).collect())
}

fn within(bits: f64, max_bits: f64) -> Result<()> {
    if bits > max_bits {
        bail!(
            "an exact sum over 2^{bits:.0} states of the belief net was asked for; the limit is 2^{max_bits:.0}: \
             estimate it by importance sampling"
        );
    }
    Ok(())
}
