//! The variational auto-encoder (Kingma & Welling 2014; Rezende, Mohamed & Wierstra 2014): a decoder p(x | z) with z ~ N(0, I), and an
//! encoder that maps x straight to the mean and variance of q(z | x).
//!
//! ELBO = E_ε[ln p(x | μ + s ε)] - ½ Σ (s² + μ² - 1 - ln s²), ε ~ N(0, I). The encoder's last layer gives μ and ln s² side by side, the
//! decoder's last layer the inputs of Bernoulli units or the means of Gaussian ones, whose ln σ² is a parameter: one for all visible
//! units, or one for each.
//!
//! Tensors by name: `encoder.{l}.weight` `[out, in]`, `encoder.{l}.bias` for l from 0, `encoder.mean.weight`, `encoder.mean.bias`,
//! `encoder.log_variance.weight`, `encoder.log_variance.bias`, `decoder.{l}.weight`, `decoder.{l}.bias`, and, where the visible units
//! are Gaussian, `decoder.log_variance` `[1]` or `[visible]`.

use super::mlp::{Activation, Mlp};
use crate::math::{DType, Device, Result, Stream, Tensor, bail, sigmoid, soft_plus, sum_units};
use crate::posterior::DiagonalGaussian;
use candle_nn::Module;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;

/// What the visible units are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Visible {
    /// States 0 and 1, or probabilities, with mean σ(decoder).
    #[default]
    Bernoulli,
    /// Real numbers with the decoder's means and one variance for all.
    Gaussian,
}

/// Sizes of a variational auto-encoder.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VaeShape {
    /// Visible units.
    pub visible: usize,
    /// Units of the encoder's hidden layers, from x to z.
    pub encoder: Vec<usize>,
    /// Latents.
    pub latents: usize,
    /// Units of the decoder's hidden layers, from z to x.
    pub decoder: Vec<usize>,
    /// What follows every hidden layer.
    pub activation: Activation,
    /// What the visible units are.
    pub output: Visible,
}

/// Encoder and decoder.
#[derive(Clone, Debug)]
pub struct Vae {
    encoder: Mlp,
    decoder: Mlp,
    /// ln σ² of Gaussian visible units, `[1]` or `[visible]`; none for Bernoulli units.
    log_variance: Option<Tensor>,
}

impl Vae {
    /// From its parts; fails where their shapes do not fit.
    pub fn new(encoder: Mlp, decoder: Mlp, log_variance: Option<Tensor>) -> Result<Self> {
        let (visible, latents) = (encoder.inputs(), decoder.inputs());
        if encoder.outputs() != 2 * latents || decoder.outputs() != visible {
            bail!("an encoder {visible} to {} and a decoder {latents} to {}", encoder.outputs(), decoder.outputs());
        }
        if let Some(found) = log_variance.as_ref().map(Tensor::dims).filter(|dims| *dims != [1] && *dims != [visible]) {
            bail!("decoder.log_variance is {found:?}; it has one value, or one for each of {visible} units");
        }
        Ok(Self { encoder, decoder, log_variance })
    }

    /// Weights of variance 1 / in, biases of zero, variances of one.
    pub fn random(shape: &VaeShape, stream: Stream, dtype: DType, device: &Device) -> Result<Self> {
        let up = [&[shape.visible], shape.encoder.as_slice(), &[2 * shape.latents]].concat();
        let down = [&[shape.latents], shape.decoder.as_slice(), &[shape.visible]].concat();
        let of = |sizes: &[usize], name| Mlp::random(sizes, shape.activation, stream.named(name), dtype, device);
        let log_variance = match shape.output {
            Visible::Bernoulli => None,
            Visible::Gaussian => Some(Tensor::zeros(1, dtype, device)?),
        };
        Self::new(of(&up, "encoder")?, of(&down, "decoder")?, log_variance)
    }

    /// q(z | x) of each example, from `visible` `[examples, visible]`, in one pass.
    pub fn encode(&self, visible: &Tensor) -> Result<DiagonalGaussian> {
        let heads = self.encoder.forward(visible)?;
        let latents = self.latents();
        DiagonalGaussian::new(heads.narrow(1, 0, latents)?, heads.narrow(1, latents, latents)?)
    }

    /// Inputs of Bernoulli units, or means of Gaussian ones, at `latents` `[rows, latents]`: `[rows, visible]`.
    pub fn decode(&self, latents: &Tensor) -> Result<Tensor> {
        self.decoder.forward(latents)
    }

    /// Means of the visible units at `latents`, `[rows, visible]`.
    pub fn visible_means(&self, latents: &Tensor) -> Result<Tensor> {
        let decoded = self.decode(latents)?;
        if self.log_variance.is_some() { Ok(decoded) } else { sigmoid(&decoded) }
    }

    /// Each visible unit's part of ln p(x | z), `[rows, visible]`, nats, from as many rows of x and of the decoder's answers.
    fn log_likelihood_terms(&self, visible: &Tensor, decoded: &Tensor) -> Result<Tensor> {
        match &self.log_variance {
            None => (visible * decoded)? - soft_plus(decoded)?,
            Some(log_variance) => {
                let distance = (visible - decoded)?.sqr()?.broadcast_mul(&log_variance.neg()?.exp()?)?;
                distance.broadcast_add(&(log_variance + std::f64::consts::TAU.ln())?)? * -0.5
            }
        }
    }

    /// ln p(x | z) of each row, `[rows]`, nats, `f64`.
    pub fn log_likelihood(&self, visible: &Tensor, latents: &Tensor) -> Result<Tensor> {
        sum_units(&self.log_likelihood_terms(visible, &self.decode(latents)?)?)
    }

    /// ln p(x | z) of every example at every z, `[examples, points]`, from `[examples, visible]` and `[points, latents]`.
    pub fn log_likelihood_table(&self, visible: &Tensor, latents: &Tensor) -> Result<Tensor> {
        let decoded = self.decode(latents)?;
        let Some(log_variance) = &self.log_variance else {
            let own = soft_plus(&decoded)?.sum(1)?.unsqueeze(0)?;
            return visible.matmul(&decoded.t()?)?.broadcast_sub(&own);
        };
        let scale = (log_variance * -0.5)?.exp()?;
        let (visible, decoded) = (visible.broadcast_mul(&scale)?, decoded.broadcast_mul(&scale)?);
        let squares = visible.sqr()?.sum(1)?.unsqueeze(1)?.broadcast_add(&decoded.sqr()?.sum(1)?.unsqueeze(0)?)?;
        let share = visible.dim(1)? as f64 / log_variance.elem_count() as f64;
        let constant = ((log_variance + std::f64::consts::TAU.ln())?.sum_all()? * share)?;
        (squares - (visible.matmul(&decoded.t()?)? * 2.0)?)?.broadcast_add(&constant)? * -0.5
    }

    /// Mean over examples of the ELBO at one draw of `noise` `[examples, latents]` for each: a scalar to be differentiated, nats.
    pub fn mean_elbo_at(&self, visible: &Tensor, noise: &Tensor) -> Result<Tensor> {
        let q = self.encode(visible)?;
        let decoded = self.decode(&q.reparameterised(noise)?)?;
        let likelihood = self.log_likelihood_terms(visible, &decoded)?.sum_all()?;
        (likelihood - q.kl_terms()?.sum_all()?)? / visible.dim(0)? as f64
    }

    /// Number of latents.
    pub fn latents(&self) -> usize {
        self.decoder.inputs()
    }

    /// Number of visible units.
    pub fn visible(&self) -> usize {
        self.encoder.inputs()
    }

    /// The network from x to z.
    pub fn encoder(&self) -> &Mlp {
        &self.encoder
    }

    /// The network from z to x.
    pub fn decoder(&self) -> &Mlp {
        &self.decoder
    }

    /// ln σ² of Gaussian visible units, `[1]` or `[visible]`.
    pub fn log_variance(&self) -> Option<&Tensor> {
        self.log_variance.as_ref()
    }

    /// Everything p(x, z) is made of: the decoder's parameters, then ln σ² where there is one.
    pub fn generative_parameters(&self) -> Vec<Tensor> {
        self.decoder.parameters().into_iter().chain(self.log_variance.clone()).collect()
    }

    /// The same model with other parameters: of the encoder, and as `generative_parameters` gives them.
    pub fn with_parameters(&self, encoder: &[Tensor], generative: &[Tensor]) -> Result<Self> {
        let (decoder, log_variance) = match (self.log_variance.is_some(), generative) {
            (true, [decoder @ .., last]) => (decoder, Some(last.clone())),
            _ => (generative, None),
        };
        Self::new(self.encoder.with_parameters(encoder)?, self.decoder.with_parameters(decoder)?, log_variance)
    }

    /// Every tensor under its name, in a fixed order.
    pub fn named(&self) -> Result<Vec<(String, Tensor)>> {
        let mut named = layers("encoder", &self.encoder.parameters());
        let heads: Vec<Tensor> = named.drain(named.len() - 2..).map(|(_, tensor)| tensor).collect();
        for (place, head) in ["mean", "log_variance"].into_iter().enumerate() {
            for (what, both) in ["weight", "bias"].into_iter().zip(&heads) {
                let own = both.narrow(0, place * self.latents(), self.latents())?.contiguous()?;
                named.push((format!("encoder.{head}.{what}"), own));
            }
        }
        named.extend(layers("decoder", &self.decoder.parameters()));
        named.extend(self.log_variance.clone().map(|tensor| ("decoder.log_variance".to_string(), tensor)));
        Ok(named)
    }

    /// The inverse of `named`; the depth is read off the names, and the visible units are Gaussian where there is a
    /// `decoder.log_variance`.
    pub fn from_named(activation: Activation, tensors: &HashMap<String, Tensor>) -> Result<Self> {
        let get = |name: String| match tensors.get(&name) {
            Some(tensor) => Ok(tensor.clone()),
            None => bail!("there is no tensor {name}, which a variational auto-encoder has"),
        };
        let stack = |part: &str| -> Result<Vec<Tensor>> {
            let depth = (0..).take_while(|l| tensors.contains_key(&format!("{part}.{l}.weight"))).count();
            let names = (0..depth).flat_map(|l| ["weight", "bias"].map(|what| format!("{part}.{l}.{what}")));
            names.map(get).collect()
        };
        let mut encoder = stack("encoder")?;
        for what in ["weight", "bias"] {
            let heads = ["mean", "log_variance"].map(|head| get(format!("encoder.{head}.{what}")));
            encoder.push(Tensor::cat(&heads.into_iter().collect::<Result<Vec<_>>>()?, 0)?);
        }
        let decoder = Mlp::new(&stack("decoder")?, activation)?;
        Self::new(Mlp::new(&encoder, activation)?, decoder, tensors.get("decoder.log_variance").cloned())
    }
}

/// `{part}.{l}.weight`, `{part}.{l}.bias` of tensors that come in this order.
fn layers(part: &str, parameters: &[Tensor]) -> Vec<(String, Tensor)> {
    let name = |i: usize| format!("{part}.{}.{}", i / 2, ["weight", "bias"][i % 2]);
    parameters.iter().enumerate().map(|(i, tensor)| (name(i), tensor.clone())).collect()
}
