//! Data drawn from planted models, for the statements about EM: three normal clusters, two factors, and images of bars.
//!
//! All `f64` on the processor; the planted parameters are written out here, the draws follow from the stream.

use crate::math::{DType, Device, Result, Stream, Tensor};
use crate::models::{BernoulliComponents, BinarySparseCoding, FactorAnalysis, GaussianComponents, Mixture, Noise};

fn matrix<const C: usize>(rows: &[[f64; C]]) -> Result<Tensor> {
    Tensor::from_vec(rows.concat(), (rows.len(), C), &Device::Cpu)
}

fn vector(values: &[f64]) -> Result<Tensor> {
    Tensor::from_slice(values, values.len(), &Device::Cpu)
}

/// Points of three normal clusters in the plane, `[examples, 2]`.
pub fn clusters(examples: usize, stream: Stream) -> Result<Tensor> {
    let means = matrix(&[[-2.5, 0.0], [2.0, 1.5], [0.5, -2.5]])?;
    let covariances = vec![
        matrix(&[[1.0, 0.5], [0.5, 0.8]])?,
        matrix(&[[0.6, -0.3], [-0.3, 1.0]])?,
        matrix(&[[0.8, 0.0], [0.0, 0.4]])?,
    ];
    let weights = vector(&[0.4_f64.ln(), 0.35_f64.ln(), 0.25_f64.ln()])?;
    Mixture::new(&weights, GaussianComponents::new(means, covariances)?)?.sample(examples, stream)
}

/// Six measurements of two factors, `[examples, 6]`.
pub fn two_factors(examples: usize, stream: Stream) -> Result<Tensor> {
    let mean = vector(&[1.0, -0.5, 0.0, 2.0, 0.3, -1.0])?;
    let weight = matrix(&[[1.2, 0.0], [0.9, 0.4], [0.7, -0.6], [0.0, 1.0], [0.3, 0.9], [-0.5, 0.8]])?;
    let variances = vector(&[0.5, 0.8, 0.6, 0.7, 0.4, 0.9])?;
    FactorAnalysis::new(&mean, &weight, &variances, Noise::Diagonal)?.sample(examples, stream)
}

/// Binary rows of two kinds, `[examples, 8]`: one has its first half on, the other its second.
pub fn two_kinds(examples: usize, stream: Stream) -> Result<Tensor> {
    let inputs = matrix(&[[1.5, 1.5, 1.5, 1.5, -1.5, -1.5, -1.5, -1.5], [-1.5, -1.5, -1.5, -1.5, 1.5, 1.5, 1.5, 1.5]])?;
    Mixture::new(&vector(&[0.0, 0.5])?, BernoulliComponents::new(inputs)?)?.sample(examples, stream)
}

/// A mixture of Bernoullis to begin at, with inputs of standard deviation one half.
pub fn bernoulli_start(components: usize, units: usize, stream: Stream) -> Result<Mixture<BernoulliComponents>> {
    let inputs = (stream.normal(components, units, DType::F64, &Device::Cpu)? * 0.5)?;
    Mixture::new(&Tensor::zeros(components, DType::F64, &Device::Cpu)?, BernoulliComponents::new(inputs)?)
}

/// The model that images of 3 x 3 pixels with bars are drawn from: a cause for each row and column, each on one time in three.
pub fn bars() -> Result<BinarySparseCoding> {
    let pixel = |pixel: usize| {
        [0, 1, 2, 3, 4, 5].map(|bar| {
            let line = if bar < 3 { pixel / 3 } else { pixel % 3 };
            f64::from(u8::from(line == bar % 3))
        })
    };
    let weight: Vec<[f64; 6]> = (0..9).map(pixel).collect();
    let bias = Tensor::full(0.5_f64.ln(), 6, &Device::Cpu)?;
    BinarySparseCoding::new(matrix(&weight)?, bias, Tensor::full(16.0, 9, &Device::Cpu)?)
}

/// Two causes that are nearly the same: columns (1, 1, 1, 1) ± `difference` (1, -1, 1, -1), precision `beta`.
pub fn aligned(difference: f64, beta: f64) -> Result<BinarySparseCoding> {
    let (plus, minus) = (1.0 + difference, 1.0 - difference);
    let weight = matrix(&[[plus, minus], [minus, plus], [plus, minus], [minus, plus]])?;
    BinarySparseCoding::new(weight, vector(&[0.0, 0.0])?, Tensor::full(beta, 4, &Device::Cpu)?)
}
