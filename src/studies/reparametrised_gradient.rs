//! The gradient of the reparameterised ELBO by back-propagation, against finite differences of the ELBO at the same draws.
//!
//! With ε held, L(θ, φ) is an ordinary function of the parameters, so its slope along any direction is
//! (L(x + t d) - L(x - t d)) / 2t + O(t²); Richardson's combination of t and t/2 leaves O(t⁴).

use super::{Axis, Figure, Findings, Laboratory, Study};
use crate::learning::vae_gradient;
use crate::math::{DType, Device, Result, Stream, Tensor, host, larger, norm, smaller};
use crate::models::{Activation, Vae, VaeShape, Visible};
use serde::{Deserialize, Serialize};

/// The model whose gradient is looked at.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ReparametrisedGradient {
    /// Units.
    pub visible: usize,
    /// Hidden units of encoder and decoder.
    pub hidden: usize,
    /// Latents.
    pub latents: usize,
    /// Examples.
    pub examples: usize,
    /// Length t of a difference.
    pub step: f64,
}

impl Default for ReparametrisedGradient {
    fn default() -> Self {
        Self { visible: 6, hidden: 5, latents: 2, examples: 8, step: 1e-3 }
    }
}

impl Study for ReparametrisedGradient {
    fn run(&self, stream: Stream, lab: &mut dyn Laboratory) -> Result<Findings> {
        let mut findings = Findings::default();
        let outputs = [("bernoulli", Visible::Bernoulli), ("gaussian", Visible::Gaussian)];
        let mut pairs: Vec<(f64, f64)> = Vec::new();
        let (mut double, mut single) = (0.0_f64, 0.0_f64);
        for (index, (name, output)) in outputs.into_iter().enumerate() {
            lab.at("kinds of visible units", index, outputs.len())?;
            let found = self.compare(output, stream.named(name))?;
            findings.quantity(format!("{name}_gradient_error_relative"), found.double);
            double = larger(double, found.double);
            single = larger(single, found.single);
            pairs.extend(found.pairs);
        }
        findings.quantity("gradient_error_relative_max", double);
        findings.quantity("gradient_error_relative_f32_max", single);
        let caption = format!(
            "All {} slopes by back-propagation lie on those by finite differences: the error is {double:.1e} of the gradient's length \
             in double precision, {single:.1e} in single.",
            pairs.len()
        );
        let range =
            pairs.iter().fold([f64::INFINITY, f64::NEG_INFINITY], |[a, b], (x, _)| [smaller(a, *x), larger(b, *x)]);
        let axes = (Axis::linear("slope by finite differences, nats"), Axis::linear("slope by back-propagation, nats"));
        let figure = Figure::new("The gradient of the reparameterised ELBO", caption, axes.0, axes.1)
            .dashed("equal", range.map(|at| (at, at)))
            .dots("one parameter each", pairs);
        findings.figure(figure);
        Ok(findings)
    }
}

/// Errors of a gradient, relative to its length, and (expected, found) of every parameter.
struct Comparison {
    double: f64,
    single: f64,
    pairs: Vec<(f64, f64)>,
}

impl ReparametrisedGradient {
    fn compare(&self, output: Visible, stream: Stream) -> Result<Comparison> {
        let shape = VaeShape {
            visible: self.visible,
            encoder: vec![self.hidden],
            latents: self.latents,
            decoder: vec![self.hidden],
            activation: Activation::Tanh,
            output,
        };
        let vae = Vae::random(&shape, stream.named("weights"), DType::F64, &Device::Cpu)?;
        let uniform = stream.named("data").uniform(self.examples, self.visible, DType::F64, &Device::Cpu)?;
        let data = uniform.gt(0.5)?.to_dtype(DType::F64)?;
        let noise = stream.named("noise").normal(self.examples, self.latents, DType::F64, &Device::Cpu)?;
        let found = gradient(&vae, &data, &noise)?;
        let expected = self.differences(&vae, &data, &noise)?;
        let narrow = |tensors: Vec<Tensor>| tensors.iter().map(|t| t.to_dtype(DType::F32)).collect::<Result<Vec<_>>>();
        let small = vae.with_parameters(&narrow(vae.encoder().parameters())?, &narrow(vae.generative_parameters())?)?;
        let single = gradient(&small, &data.to_dtype(DType::F32)?, &noise.to_dtype(DType::F32)?)?;
        Ok(Comparison {
            double: distance(&found, &expected)?,
            single: distance(&single, &expected)?,
            pairs: expected.into_iter().zip(found).collect(),
        })
    }

    /// Slopes in every single parameter by differences of the ELBO.
    fn differences(&self, vae: &Vae, data: &Tensor, noise: &Tensor) -> Result<Vec<f64>> {
        let parts = [vae.encoder().parameters(), vae.generative_parameters()];
        let mut slopes = Vec::new();
        for part in 0..parts.len() {
            for tensor in 0..parts[part].len() {
                for place in 0..parts[part][tensor].elem_count() {
                    let at = |shift: f64| -> Result<f64> {
                        let mut moved = parts.clone();
                        moved[part][tensor] = shifted(&parts[part][tensor], place, shift)?;
                        host(&vae.with_parameters(&moved[0], &moved[1])?.mean_elbo_at(data, noise)?).map(|elbo| elbo[0])
                    };
                    let slope = |t: f64| Ok::<f64, candle_core::Error>((at(t)? - at(-t)?) / (2.0 * t));
                    slopes.push((4.0 * slope(self.step / 2.0)? - slope(self.step)?) / 3.0);
                }
            }
        }
        Ok(slopes)
    }
}

/// All slopes by back-propagation, one after the other.
fn gradient(vae: &Vae, data: &Tensor, noise: &Tensor) -> Result<Vec<f64>> {
    let slopes = vae_gradient(vae, data, noise, [true, true])?;
    Ok(slopes.encoder.iter().chain(&slopes.generative).map(host).collect::<Result<Vec<_>>>()?.concat())
}

/// A tensor with one of its values moved.
fn shifted(tensor: &Tensor, place: usize, shift: f64) -> Result<Tensor> {
    let mut values = host(tensor)?;
    values[place] += shift;
    Tensor::from_vec(values, tensor.shape(), tensor.device())
}

/// Length of the difference over the length of what is expected.
fn distance(found: &[f64], expected: &[f64]) -> Result<f64> {
    let differences: Vec<f64> = found.iter().zip(expected).map(|(found, expected)| found - expected).collect();
    let length = |values: &[f64]| norm(&Tensor::new(values, &Device::Cpu)?);
    Ok(length(&differences)? / length(expected)?)
}
