//! Where EM may begin, given the data it will see.
//!
//! Mixtures begin at examples drawn at random, with the spread of all data (McLachlan & Krishnan 2008, section 2.12); linear models at
//! random weights and variances as large as those of the data.

use crate::math::{DType, Result, Stream, Tensor, bail, double, host, mean_over_examples};
use crate::models::{BinarySparseCoding, FactorAnalysis, GaussianComponents, Mixture, Noise};

/// Mean `[visible]` and covariance `[visible, visible]` (divided by the number of examples) of `[examples, visible]`.
fn spread(visible: &Tensor) -> Result<(Tensor, Tensor)> {
    let mean = mean_over_examples(visible)?;
    let centred = visible.broadcast_sub(&mean)?;
    Ok((mean, (centred.t()?.matmul(&centred)? / visible.dim(0)? as f64)?))
}

/// Variances of `[examples, visible]`, `[visible]`.
fn variances(visible: &Tensor) -> Result<Tensor> {
    let (_, covariance) = spread(visible)?;
    let own = Tensor::eye(covariance.dim(0)?, covariance.dtype(), covariance.device())?;
    (covariance * own)?.sum(1)
}

/// Equal weights, means at different examples, every covariance that of all the data.
pub fn gaussian_mixture_start(
    visible: &Tensor,
    components: usize,
    stream: Stream,
) -> Result<Mixture<GaussianComponents>> {
    let visible = double(visible)?;
    let examples = visible.dim(0)?;
    if components == 0 || components > examples {
        bail!("{components} components cannot begin at different ones of {examples} examples");
    }
    let draws = host(&stream.uniform(examples, 1, DType::F64, visible.device())?)?;
    let mut order: Vec<u32> = (0..examples as u32).collect();
    order.sort_by(|&a, &b| draws[a as usize].total_cmp(&draws[b as usize]));
    let means = visible.index_select(&Tensor::new(&order[..components], visible.device())?, 0)?;
    let (_, covariance) = spread(&visible)?;
    let weights = Tensor::zeros(components, DType::F64, visible.device())?;
    Mixture::new(&weights, GaussianComponents::new(means, vec![covariance; components])?)
}

/// Normal weights as large as the data, the mean and the variances of the data.
pub fn factor_analysis_start(visible: &Tensor, factors: usize, noise: Noise, stream: Stream) -> Result<FactorAnalysis> {
    let visible = double(visible)?;
    let variances = match noise {
        Noise::Diagonal => variances(&visible)?,
        Noise::Isotropic => {
            let variances = variances(&visible)?;
            variances.mean_all()?.broadcast_as(variances.shape())?.contiguous()?
        }
    };
    let weight = stream.normal(visible.dim(1)?, factors, DType::F64, visible.device())?;
    let weight = weight.broadcast_mul(&variances.sqrt()?.unsqueeze(1)?)?;
    FactorAnalysis::new(&mean_over_examples(&visible)?, &weight, &variances, noise)
}

/// Normal weights as large as the data, causes that are on half the time, the variances of the data as noise.
pub fn binary_sparse_coding_start(visible: &Tensor, hidden: usize, stream: Stream) -> Result<BinarySparseCoding> {
    let visible = double(visible)?;
    let variances = variances(&visible)?;
    let weight = stream.normal(visible.dim(1)?, hidden, DType::F64, visible.device())?;
    let weight = weight.broadcast_mul(&variances.sqrt()?.unsqueeze(1)?)?;
    BinarySparseCoding::new(weight, Tensor::zeros(hidden, DType::F64, visible.device())?, variances.recip()?)
}
