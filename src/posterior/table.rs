//! A table over the states of some layers; the units of the others are independent once a state is given.

use super::{Moments, Posterior};
use crate::math::{DType, Layers, Nats, Result, Stream, Tensor, bail, double, host, log_sum_exp, mean_over_examples};
use crate::units::Kind;

/// q(h | v) = q(tabulated layers | v) Π q(h_i | tabulated layers, v).
///
/// Alternate layers of a Boltzmann machine are independent given the ones between them, so the exact posterior has this form
/// with a table over only the smaller half of the layers.
#[derive(Clone, Debug)]
pub struct Table {
    units: Vec<Kind>,
    tabulated: Vec<(usize, Tensor)>,
    free: Vec<FreeLayer>,
    log_probs: Tensor,
    means_dtype: DType,
}

/// A layer outside the table: the input of its units is `own` plus what the tabulated state sends.
#[derive(Clone, Debug)]
pub struct FreeLayer {
    /// Index among the hidden layers.
    pub layer: usize,
    /// `[examples, units]`, or one row for all examples.
    pub own: Tensor,
    /// `[states, units]`.
    pub from_state: Tensor,
}

impl Table {
    /// From unnormalised log weights `[examples, states]` (`f64`) of tabulated states `(layer, [states, units])`; also returns
    /// each example's log normaliser, nats. The means are given in `means_dtype`.
    pub fn normalize(
        units: Vec<Kind>,
        tabulated: Vec<(usize, Tensor)>,
        free: Vec<FreeLayer>,
        log_weights: &Tensor,
        means_dtype: DType,
    ) -> Result<(Self, Nats)> {
        let log_normalizers: Nats = log_weights.to_vec2::<f64>()?.iter().map(|row| log_sum_exp(row)).collect();
        let column = Tensor::from_slice(&log_normalizers, (log_normalizers.len(), 1), log_weights.device())?;
        let log_probs = log_weights.broadcast_sub(&column)?;
        Ok((Self { units, tabulated, free, log_probs, means_dtype }, log_normalizers))
    }

    /// Number of examples.
    pub fn examples(&self) -> Result<usize> {
        self.log_probs.dim(0)
    }

    /// ln q of each tabulated state, `[examples, states]`, `f64`.
    pub fn log_probs(&self) -> &Tensor {
        &self.log_probs
    }

    /// q of the tabulated states of one example, `[1, states]`, `f64`.
    fn probs(&self, example: usize) -> Result<Tensor> {
        self.log_probs.narrow(0, example, 1)?.exp()
    }

    /// Inputs of a free layer of one example in every tabulated state, `[states, units]`.
    fn free_inputs(&self, free: &FreeLayer, example: usize) -> Result<Tensor> {
        let row = if free.own.dim(0)? == 1 { 0 } else { example };
        free.from_state.broadcast_add(&free.own.narrow(0, row, 1)?)
    }

    /// Every layer's state in every tabulated state of one example, `[states, units]`: the means where a layer is free.
    pub fn states(&self, example: usize) -> Result<Layers> {
        let mut layers: Vec<(usize, Tensor)> = self.tabulated.clone();
        for free in &self.free {
            layers.push((free.layer, self.units[free.layer].mean(&self.free_inputs(free, example)?)?));
        }
        layers.sort_by_key(|(layer, _)| *layer);
        Ok(layers.into_iter().map(|(_, states)| states).collect())
    }

    /// Σ_state q(state) f(state) of one example, for values `[states, columns]`; `[1, columns]` in `f64`.
    pub fn average(&self, example: usize, values: &Tensor) -> Result<Tensor> {
        self.probs(example)?.matmul(&double(values)?)
    }

    /// E_q[x_{above-1} x_aboveᵀ] of one example, where `states` are those of all layers; `f64`. One layer of the pair is tabulated.
    pub fn pairs(&self, example: usize, states: &[Tensor], above: usize) -> Result<Tensor> {
        let weighted = double(&states[above - 1])?.broadcast_mul(&self.probs(example)?.t()?)?;
        weighted.t()?.matmul(&double(&states[above])?)
    }

    /// `count` independent states of all layers of one example, `[count, units]` each.
    pub fn draw(&self, example: usize, count: usize, stream: Stream) -> Result<Layers> {
        let picked = stream.named("states").pick(&host(&self.probs(example)?)?, count)?;
        let picked: Vec<u32> = picked.into_iter().map(|state| state as u32).collect();
        let picked = Tensor::from_vec(picked, count, self.log_probs.device())?;
        let mut layers = self.tabulated.clone();
        for (_, states) in &mut layers {
            *states = states.index_select(&picked, 0)?.to_dtype(self.means_dtype)?;
        }
        for free in &self.free {
            let input = self.free_inputs(free, example)?.index_select(&picked, 0)?;
            let states = self.units[free.layer].sample(&input, stream.at(free.layer as u64))?;
            layers.push((free.layer, states.to_dtype(self.means_dtype)?));
        }
        layers.sort_by_key(|(layer, _)| *layer);
        Ok(layers.into_iter().map(|(_, states)| states).collect())
    }

    /// Means and expected entropy of the free units come from the same loop over examples.
    fn per_example<T>(&self, each: impl Fn(usize) -> Result<T>) -> Result<Vec<T>> {
        (0..self.examples()?).map(each).collect()
    }
}

impl Posterior for Table {
    fn means(&self) -> Result<Layers> {
        let rows = self.per_example(|example| {
            self.states(example)?.iter().map(|states| self.average(example, states)).collect::<Result<Layers>>()
        })?;
        (0..self.units.len())
            .map(|layer| {
                Tensor::cat(&rows.iter().map(|row| &row[layer]).collect::<Vec<_>>(), 0)?.to_dtype(self.means_dtype)
            })
            .collect()
    }

    fn entropy(&self) -> Result<Tensor> {
        let entropies = self.per_example(|example| {
            let log_probs = host(&self.log_probs.narrow(0, example, 1)?)?;
            let mut entropy =
                -log_probs.iter().map(|&l| if l == f64::NEG_INFINITY { 0.0 } else { l * l.exp() }).sum::<f64>();
            for free in &self.free {
                let given = self.units[free.layer].total_entropy(&self.free_inputs(free, example)?)?;
                entropy += host(&self.average(example, &given.unsqueeze(1)?)?)?[0];
            }
            Ok(entropy)
        })?;
        Tensor::from_slice(&entropies, entropies.len(), self.log_probs.device())
    }
}

/// For tables over the states of all layers; fails where some are free.
impl Moments for Table {
    fn moments(&self) -> Result<(Tensor, Tensor)> {
        if !self.free.is_empty() {
            bail!("second moments are taken of tables over all layers; {} are free here", self.free.len());
        }
        let states = double(&Tensor::cat(&self.states(0)?, 1)?)?;
        let probs = self.log_probs.exp()?;
        let share = mean_over_examples(&probs)?.unsqueeze(1)?;
        let pairs = states.t()?.matmul(&states.broadcast_mul(&share)?)?;
        Ok((probs.matmul(&states)?, pairs))
    }
}
