//! Multilayer perceptrons: x_{l+1} = f(W_l x_l + b_l), without f after the last layer.
//!
//! Layers are candle's own (`candle_nn::Linear`, whose `weight` is `[out, in]`), made of tensors that we own: in a fixed order, with
//! initial values from a stream.

use crate::math::{DType, Device, Result, Stream, Tensor, bail, sigmoid, soft_plus, tanh};
use candle_nn::{Linear, Module};
use serde::{Deserialize, Serialize};

/// What follows every layer but the last.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Activation {
    /// tanh x.
    #[default]
    Tanh,
    /// max(x, 0).
    Relu,
    /// ln(1 + e^x).
    SoftPlus,
    /// 1 / (1 + e^-x).
    Logistic,
}

impl Module for Activation {
    fn forward(&self, input: &Tensor) -> Result<Tensor> {
        match self {
            Self::Tanh => tanh(input),
            Self::Relu => input.relu(),
            Self::SoftPlus => soft_plus(input),
            Self::Logistic if input.track_op() => candle_nn::ops::sigmoid(input),
            Self::Logistic => sigmoid(input),
        }
    }
}

/// Layers one after the other.
#[derive(Clone, Debug)]
pub struct Mlp {
    layers: Vec<Linear>,
    activation: Activation,
}

impl Mlp {
    /// From (weight `[out, in]`, bias `[out]`) of each layer; fails where the shapes do not chain.
    pub fn new(parameters: &[Tensor], activation: Activation) -> Result<Self> {
        let (pairs, rest) = parameters.as_chunks::<2>();
        if pairs.is_empty() || !rest.is_empty() {
            bail!("{} tensors make no layers of a weight and a bias each", parameters.len());
        }
        let mut below = pairs[0][0].dim(1)?;
        for (l, [weight, bias]) in pairs.iter().enumerate() {
            if weight.dims() != [bias.dims1()?, below] {
                bail!("layer {l} has a weight {:?} and a bias {:?} on {below} units", weight.dims(), bias.dims());
            }
            below = weight.dim(0)?;
        }
        let layers = pairs.iter().map(|[weight, bias]| Linear::new(weight.clone(), Some(bias.clone()))).collect();
        Ok(Self { layers, activation })
    }

    /// Normal weights of variance 1 / in, zero biases; `sizes` from the input to the output.
    pub fn random(
        sizes: &[usize],
        activation: Activation,
        stream: Stream,
        dtype: DType,
        device: &Device,
    ) -> Result<Self> {
        let mut parameters = Vec::with_capacity(2 * sizes.len());
        for (l, pair) in sizes.windows(2).enumerate() {
            let scale = (1.0 / pair[0] as f64).sqrt();
            parameters.push((stream.at(l as u64).normal(pair[1], pair[0], dtype, device)? * scale)?);
            parameters.push(Tensor::zeros(pair[1], dtype, device)?);
        }
        Self::new(&parameters, activation)
    }

    /// Weight `[out, in]` and bias `[out]` of each layer, the first layer first.
    pub fn parameters(&self) -> Vec<Tensor> {
        let of = |layer: &Linear| std::iter::once(layer.weight().clone()).chain(layer.bias().cloned());
        self.layers.iter().flat_map(of).collect()
    }

    /// The same network with other parameters.
    pub fn with_parameters(&self, parameters: &[Tensor]) -> Result<Self> {
        Self::new(parameters, self.activation)
    }

    /// Where the parameters are.
    pub fn device(&self) -> &Device {
        self.layers[0].weight().device()
    }

    /// What follows every layer but the last.
    pub fn activation(&self) -> Activation {
        self.activation
    }

    /// Number of layers.
    pub fn depth(&self) -> usize {
        self.layers.len()
    }

    /// Units of the input.
    pub fn inputs(&self) -> usize {
        self.layers[0].weight().dims()[1]
    }

    /// Units of the output.
    pub fn outputs(&self) -> usize {
        self.layers[self.layers.len() - 1].weight().dims()[0]
    }
}

impl Module for Mlp {
    /// `[examples, inputs]` to `[examples, outputs]`.
    fn forward(&self, input: &Tensor) -> Result<Tensor> {
        let mut values = input.clone();
        for (l, layer) in self.layers.iter().enumerate() {
            values = layer.forward(&values)?;
            if l + 1 < self.layers.len() {
                values = self.activation.forward(&values)?;
            }
        }
        Ok(values)
    }
}
