//! Examples whose dictionary is known: few Laplace-distributed causes each, and a little noise.

use crate::math::{DType, Device, Result, Stream, Tensor, host};
use crate::models::SparseCoding;
use serde::{Deserialize, Serialize};

/// What examples are made of.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Planted {
    /// Visible units.
    pub visible: usize,
    /// Atoms, normal and of length 1.
    pub atoms: usize,
    /// Share of the codes that are not zero; those are Laplace-distributed with scale 1.
    pub density: f64,
    /// Standard deviation of the noise.
    pub noise: f64,
}

impl Default for Planted {
    fn default() -> Self {
        Self { visible: 16, atoms: 32, density: 0.15, noise: 0.02 }
    }
}

impl Planted {
    /// The dictionary, `[visible, atoms]`.
    pub fn dictionary(&self, stream: Stream) -> Result<Tensor> {
        let like = Tensor::zeros(1, DType::F64, &Device::Cpu)?;
        SparseCoding::random_atoms(self.visible, self.atoms, stream.named("dictionary"), &like)
    }

    /// `examples` examples of a dictionary, `[examples, visible]`.
    pub fn examples(&self, dictionary: &Tensor, examples: usize, stream: Stream) -> Result<Tensor> {
        let (rows, columns) = (examples, self.atoms);
        let uniform = |name: &str| host(&stream.named(name).uniform(rows, columns, DType::F64, &Device::Cpu)?);
        let laplace = |share: f64| -(share - 0.5).signum() * (1.0 - 2.0 * (share - 0.5).abs()).ln();
        let codes = uniform("codes")?.into_iter().zip(uniform("present")?);
        let codes: Vec<f64> =
            codes.map(|(code, present)| if present < self.density { laplace(code) } else { 0.0 }).collect();
        let noise = stream.named("noise").normal(examples, self.visible, DType::F64, &Device::Cpu)?;
        Tensor::from_vec(codes, (rows, columns), &Device::Cpu)?.matmul(&dictionary.t()?)? + (noise * self.noise)?
    }
}

/// Rows of a batch, drawn with replacement from so many examples: `[count]`, `u32`.
pub fn batch_rows(examples: usize, count: usize, stream: Stream) -> Result<Tensor> {
    let draws = host(&stream.uniform(count, 1, DType::F64, &Device::Cpu)?)?;
    let rows: Vec<u32> = draws.iter().map(|draw| (draw * examples as f64) as u32).collect();
    Tensor::new(rows.as_slice(), &Device::Cpu)
}
