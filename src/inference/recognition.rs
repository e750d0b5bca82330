//! The recognition net of a Helmholtz machine: q(h | v) = Π_l q(h_{l+1} | h_l), sampled from the bottom up (Hinton, Dayan, Frey & Neal 1995).
//!
//! Every unit of layer l + 1 is 1 with probability σ(r_l + h_l R_l), with h_0 = v. `weights[l]` is R_l, `biases[l]` is r_l. Given one sample
//! below, the units of a layer are independent; given v alone, those above the first hidden layer are not.

use crate::math::{DType, Device, Layers, Result, Stream, Tensor, Weight, bail, double};
use crate::models::{layers_named, log_prob, named_layers};
use crate::units::{Binary, Units};
use std::collections::HashMap;

/// Recognition weights `[n_l, n_{l+1}]` and biases `[n_{l+1}]` for l = 0 … L - 1.
#[derive(Clone, Debug)]
pub struct Recognition {
    weights: Vec<Weight>,
    biases: Vec<Tensor>,
}

/// Samples of the hidden layers, first hidden layer first, and the input that each was drawn at; `[rows, n_l]`.
#[derive(Clone, Debug)]
pub struct Recognized {
    /// The samples.
    pub states: Layers,
    /// What their units received.
    pub inputs: Layers,
}

impl Recognition {
    /// From parameters; fails where the shapes do not chain.
    pub fn new(weights: Vec<impl Into<Weight>>, biases: Vec<Tensor>) -> Result<Self> {
        let weights: Vec<Weight> = weights.into_iter().map(Into::into).collect();
        if weights.is_empty() || weights.len() != biases.len() {
            bail!("{} weight and {} bias tensors do not make a recognition net", weights.len(), biases.len());
        }
        for (l, (weight, bias)) in weights.iter().zip(&biases).enumerate() {
            let &[from, to] = weight.dims() else {
                bail!("recognition.{l}.weight is {:?}, not a matrix", weight.dims())
            };
            let below = if l == 0 { from } else { biases[l - 1].dims1()? };
            if (from, to) != (below, bias.dims1()?) {
                bail!("recognition.{l}.weight is {:?}, not [{below}, {}]", weight.dims(), bias.dims1()?);
            }
        }
        Ok(Self { weights, biases })
    }

    /// Normal weights of standard deviation `weight_std`, zero biases; `sizes` starts with the visible layer.
    pub fn random(sizes: &[usize], weight_std: f64, stream: Stream, dtype: DType, device: &Device) -> Result<Self> {
        let weights = sizes
            .windows(2)
            .enumerate()
            .map(|(l, pair)| stream.at(l as u64).normal(pair[0], pair[1], dtype, device)? * weight_std)
            .collect::<Result<Vec<_>>>()?;
        let biases = sizes.iter().skip(1).map(|&units| Tensor::zeros(units, dtype, device)).collect::<Result<_>>()?;
        Self::new(weights, biases)
    }

    /// Every parameter under its name in files: `recognition.{l}.weight`, `recognition.{l}.bias`.
    pub fn named(&self) -> Result<Vec<(String, Tensor)>> {
        named_layers("recognition", &self.weights, &self.biases)
    }

    /// The inverse of `named`; more tensors may be there.
    pub fn from_named(tensors: &HashMap<String, Tensor>) -> Result<Self> {
        let (weights, biases) = layers_named("recognition", tensors);
        Self::new(weights, biases)
    }

    /// Its parts, to be moved: weights that nobody shares are moved in place.
    pub fn into_parts(self) -> (Vec<Weight>, Vec<Tensor>) {
        (self.weights, self.biases)
    }

    /// `weights()[l]` is `[n_l, n_{l+1}]`.
    pub fn weights(&self) -> &[Weight] {
        &self.weights
    }

    /// `biases()[l]` is `[n_{l+1}]`.
    pub fn biases(&self) -> &[Tensor] {
        &self.biases
    }

    /// Units per layer, visible first.
    pub fn sizes(&self) -> Vec<usize> {
        let visible = self.weights[0].dims()[0];
        std::iter::once(visible).chain(self.biases.iter().map(Tensor::elem_count)).collect()
    }

    /// Input of layer `l + 1` given the states of layer `l`, `[examples, n_{l+1}]`.
    pub fn input_above(&self, l: usize, below: &Tensor) -> Result<Tensor> {
        self.weights[l].inputs_above(below, 1.0, &self.biases[l])
    }

    /// Inputs of every hidden layer given the states of all layers, visible first; `[examples, n_{l+1}]`.
    pub fn inputs(&self, states: &[Tensor]) -> Result<Layers> {
        if states.len() != self.weights.len() + 1 {
            bail!("states of {} layers were given to a recognition net of {}", states.len(), self.weights.len() + 1);
        }
        (0..self.weights.len()).map(|l| self.input_above(l, &states[l])).collect()
    }

    /// ln q(h | v) of states of all layers, visible first: `[examples]`, nats, `f64`.
    pub fn log_prob(&self, states: &[Tensor]) -> Result<Tensor> {
        log_prob(&states[1..], &self.inputs(states)?)
    }

    /// `particles` samples for each row of `visible` `[examples, visible]`: rows `particles · e` to `particles · (e + 1)` are those of
    /// example e.
    pub fn sample(&self, visible: &Tensor, particles: usize, stream: Stream) -> Result<Recognized> {
        // All particles of an example receive the same from v: it is worked out once.
        let mut inputs = vec![repeat_rows(&self.input_above(0, visible)?, particles)?];
        let mut states: Layers = Vec::with_capacity(self.weights.len());
        for l in 0..self.weights.len() {
            states.push(Binary.sample(&inputs[l], stream.at(l as u64))?);
            if l + 1 < self.weights.len() {
                inputs.push(self.input_above(l + 1, &states[l])?);
            }
        }
        Ok(Recognized { states, inputs })
    }

    /// ln q(h | v) of every row of `hidden` (first hidden layer first) for every row of `visible`: `[examples, states]`, nats, `f64`.
    pub fn log_prob_table(&self, visible: &Tensor, hidden: &[Tensor]) -> Result<Tensor> {
        let hidden: Layers = hidden.iter().map(double).collect::<Result<_>>()?;
        let weights = self.weights.iter().map(Weight::doubled).collect::<Result<Vec<_>>>()?;
        let net = Self::new(weights, self.biases.iter().map(double).collect::<Result<_>>()?)?;
        let first = net.input_above(0, &double(visible)?)?;
        let of_first = first.matmul(&hidden[0].t()?)?;
        let of_first = of_first.broadcast_sub(&Binary.total_log_normalizer(&first)?.unsqueeze(1)?)?;
        if hidden.len() == 1 {
            return Ok(of_first);
        }
        let inputs = (1..hidden.len()).map(|l| net.input_above(l, &hidden[l - 1])).collect::<Result<Layers>>()?;
        of_first.broadcast_add(&log_prob(&hidden[1..], &inputs)?.unsqueeze(0)?)
    }
}

impl Recognized {
    /// ln q of the samples, `[rows]`, nats, `f64`.
    pub fn log_prob(&self) -> Result<Tensor> {
        log_prob(&self.states, &self.inputs)
    }
}

/// Every row `times` times, one after the other: `[rows · times, columns]`.
pub fn repeat_rows(rows: &Tensor, times: usize) -> Result<Tensor> {
    if times == 1 {
        return Ok(rows.clone());
    }
    let (count, columns) = rows.dims2()?;
    rows.unsqueeze(1)?.broadcast_as((count, times, columns))?.contiguous()?.reshape((count * times, columns))
}
