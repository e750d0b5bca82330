//! The factorial family: q(h | v) = Π q(h_i | v), stored as the input each unit receives.

use super::Posterior;
use crate::math::{Layers, Result, Tensor};
use crate::units::Kind;

/// Independent units. Inputs (log-odds for binary units) never meet ln 0; means are read off on demand.
#[derive(Clone, Debug)]
pub struct Factorial {
    units: Vec<Kind>,
    inputs: Layers,
}

impl Factorial {
    /// From the inputs of each hidden layer, `[examples, units]`, bottom first.
    pub fn from_inputs(units: Vec<Kind>, inputs: Layers) -> Self {
        debug_assert_eq!(units.len(), inputs.len());
        Self { units, inputs }
    }

    /// From the means of each hidden layer, `[examples, units]`, bottom first.
    pub fn from_means(units: Vec<Kind>, means: &[Tensor]) -> Result<Self> {
        let inputs = units.iter().zip(means).map(|(kind, mean)| kind.input_of_mean(mean)).collect::<Result<_>>()?;
        Ok(Self { units, inputs })
    }

    /// The kind of each layer.
    pub fn units(&self) -> &[Kind] {
        &self.units
    }

    /// The input of each layer, `[examples, units]`.
    pub fn inputs(&self) -> &[Tensor] {
        &self.inputs
    }

    /// The q of some of the examples; `rows` holds `u32` indices.
    pub fn select(&self, rows: &Tensor) -> Result<Self> {
        let inputs = self.inputs.iter().map(|input| input.index_select(rows, 0)).collect::<Result<_>>()?;
        Ok(Self { units: self.units.clone(), inputs })
    }
}

impl Posterior for Factorial {
    fn means(&self) -> Result<Layers> {
        self.units.iter().zip(&self.inputs).map(|(kind, input)| kind.mean(input)).collect()
    }

    fn entropy(&self) -> Result<Tensor> {
        let mut layers = self.units.iter().zip(&self.inputs).map(|(kind, input)| kind.total_entropy(input));
        let first = layers.next().unwrap_or_else(|| candle_core::bail!("a posterior has at least one layer"))?;
        layers.try_fold(first, |total, layer| total + layer?)
    }
}
