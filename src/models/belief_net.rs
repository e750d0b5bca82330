//! The sigmoid belief net of any depth (Neal 1992; the generative model of Hinton, Dayan, Frey & Neal 1995).
//!
//! p(v, h) = p(h_L) Π_l p(h_l | h_{l+1}) with h_0 = v; every unit is 1 with probability σ(b_l + h_{l+1} W_lᵀ), the units of the top layer
//! with probability σ(b_L). `weights[l]` is W_l, `biases[l]` is b_l. The joint is normalised: there is no ln Z.

use crate::math::{DType, Device, Layers, Result, Stream, Tensor, Weight, bail, inner};
use crate::units::{Binary, Units};
use std::collections::HashMap;

/// Layers 0 (visible) to L of binary units; `weights[l]` sends from layer l + 1 down to layer l.
#[derive(Clone, Debug)]
pub struct BeliefNet {
    weights: Vec<Weight>,
    biases: Vec<Tensor>,
}

impl BeliefNet {
    /// From weights `[n_l, n_{l+1}]` and biases `[n_l]`, the last of which is that of the top layer; fails where the shapes do not chain.
    pub fn new(weights: Vec<impl Into<Weight>>, biases: Vec<Tensor>) -> Result<Self> {
        let weights: Vec<Weight> = weights.into_iter().map(Into::into).collect();
        if weights.is_empty() || biases.len() != weights.len() + 1 {
            bail!("{} weight and {} bias tensors do not make a belief net", weights.len(), biases.len());
        }
        for (l, weight) in weights.iter().enumerate() {
            let (below, above) = (biases[l].dims1()?, biases[l + 1].dims1()?);
            if weight.dims() != [below, above] {
                bail!("generative.{l}.weight is {:?}; the biases beside it ask for [{below}, {above}]", weight.dims());
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
        let biases = sizes.iter().map(|&units| Tensor::zeros(units, dtype, device)).collect::<Result<_>>()?;
        Self::new(weights, biases)
    }

    /// Every parameter under its name in files: `generative.{l}.weight`, `generative.{l}.bias`.
    pub fn named(&self) -> Result<Vec<(String, Tensor)>> {
        named_layers("generative", &self.weights, &self.biases)
    }

    /// The inverse of `named`; more tensors may be there.
    pub fn from_named(tensors: &HashMap<String, Tensor>) -> Result<Self> {
        let (weights, biases) = layers_named("generative", tensors);
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

    /// `biases()[l]` is `[n_l]`; 0 is the visible layer.
    pub fn biases(&self) -> &[Tensor] {
        &self.biases
    }

    /// Units per layer, visible first.
    pub fn sizes(&self) -> Vec<usize> {
        self.biases.iter().map(Tensor::elem_count).collect()
    }

    /// Number of hidden layers.
    pub fn depth(&self) -> usize {
        self.weights.len()
    }

    /// Type of all parameters.
    pub fn dtype(&self) -> DType {
        self.biases[0].dtype()
    }

    /// Where the parameters are.
    pub fn device(&self) -> &Device {
        self.biases[0].device()
    }

    /// The same numbers in `f64`.
    pub fn doubled(&self) -> Result<Self> {
        let biases = self.biases.iter().map(|bias| bias.to_dtype(DType::F64)).collect::<Result<_>>()?;
        Self::new(self.weights.iter().map(Weight::doubled).collect::<Result<Vec<_>>>()?, biases)
    }

    /// Input of layer `l` given the states of the layer above it, `[examples, n_l]`.
    pub fn input_below(&self, l: usize, above: &Tensor) -> Result<Tensor> {
        self.weights[l].inputs_below(above, 1.0, &self.biases[l])
    }

    /// Input of every layer given the states of all of them, `[examples, n_l]`, visible first; `[1, n_L]` of the top layer.
    pub fn inputs(&self, states: &[Tensor]) -> Result<Layers> {
        let depth = self.depth();
        if states.len() != depth + 1 {
            bail!("states of {} layers were given to a belief net of {}", states.len(), depth + 1);
        }
        let mut inputs: Layers = (0..depth).map(|l| self.input_below(l, &states[l + 1])).collect::<Result<_>>()?;
        inputs.push(self.biases[depth].unsqueeze(0)?);
        Ok(inputs)
    }

    /// ln p(v, h) of complete states `[examples, n_l]`, visible first: `[examples]`, nats, `f64`.
    pub fn log_joint(&self, states: &[Tensor]) -> Result<Tensor> {
        log_prob(states, &self.inputs(states)?)
    }

    /// `count` samples from the top layer down, `[count, n_l]`, visible first, and the input of every layer.
    pub fn sample(&self, count: usize, stream: Stream) -> Result<(Layers, Layers)> {
        let depth = self.depth();
        let prior = self.biases[depth].unsqueeze(0)?.broadcast_as((count, self.biases[depth].elem_count()))?;
        let mut inputs = vec![prior.contiguous()?];
        let mut states: Layers = Vec::with_capacity(depth + 1);
        for l in (0..=depth).rev() {
            states.push(Binary.sample(&inputs[depth - l], stream.at(l as u64))?);
            if l > 0 {
                inputs.push(self.input_below(l - 1, &states[depth - l])?);
            }
        }
        states.reverse();
        inputs.reverse();
        Ok((states, inputs))
    }

    /// Means of the visible units given states of the first hidden layer, `[examples, visible]`.
    pub fn reconstruct(&self, first_hidden: &Tensor) -> Result<Tensor> {
        Binary.mean(&self.input_below(0, first_hidden)?)
    }
}

/// Σ over layers of ln p(state | input) of binary units: `[examples]`, nats, `f64`; one row of inputs serves all examples.
pub fn log_prob(states: &[Tensor], inputs: &[Tensor]) -> Result<Tensor> {
    let mut total: Option<Tensor> = None;
    for (states, input) in states.iter().zip(inputs) {
        let nats = inner(states, input)?.broadcast_sub(&Binary.total_log_normalizer(input)?)?;
        total = Some(match total {
            Some(total) => (total + nats)?,
            None => nats,
        });
    }
    total.map_or_else(|| bail!("the probability of no layer was asked for"), Ok)
}

/// `{net}.{l}.weight` and `{net}.{l}.bias` of every layer.
pub fn named_layers(net: &str, weights: &[Weight], biases: &[Tensor]) -> Result<Vec<(String, Tensor)>> {
    let weights = weights.iter().enumerate().map(|(l, weight)| Ok((format!("{net}.{l}.weight"), weight.tensor()?)));
    let biases = biases.iter().enumerate().map(|(l, bias)| Ok((format!("{net}.{l}.bias"), bias.clone())));
    weights.chain(biases).collect()
}

/// The weights and the biases of a net, from layer 0 up to the first that is not there.
pub fn layers_named(net: &str, tensors: &HashMap<String, Tensor>) -> (Vec<Tensor>, Vec<Tensor>) {
    let all = |what: &str| (0..).map_while(|l| tensors.get(&format!("{net}.{l}.{what}")).cloned()).collect();
    (all("weight"), all("bias"))
}
