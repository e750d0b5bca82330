//! Expected statistics and gradients: of weights, sums of products that nobody multiplies out before they are looked at.

use super::Parameters;
use crate::math::{Result, Tensor, Term};

/// The direction in which an objective rises; or expected statistics, `E[x_lᵀ x_{l+1}]` in the place of W_l and `E[x_l]` in the
/// place of b_l.
#[derive(Clone, Debug)]
pub struct Gradient {
    /// The terms of each weight matrix, `[n_l, n_{l+1}]`.
    pub weights: Vec<Vec<Term>>,
    /// `[units]` each.
    pub biases: Vec<Tensor>,
}

/// What the parameters of ln p̃ multiply.
pub type Statistics = Gradient;

impl Gradient {
    /// Multiplied out.
    pub fn dense(&self) -> Result<Parameters> {
        let weights = self.weights.iter().map(|terms| Ok(Term::sum(terms)?.into())).collect::<Result<_>>()?;
        Ok(Parameters { weights, biases: self.biases.clone() })
    }

    /// `self + other`.
    pub fn plus(&self, other: &Self) -> Result<Self> {
        let both = self.weights.iter().zip(&other.weights);
        Ok(Self {
            weights: both.map(|(own, other)| own.iter().chain(other).cloned().collect()).collect(),
            biases: self.biases.iter().zip(&other.biases).map(|(own, other)| own + other).collect::<Result<_>>()?,
        })
    }

    /// `factor · self`.
    pub fn times(&self, factor: f64) -> Result<Self> {
        let scaled = |terms: &Vec<Term>| terms.iter().map(|term| term.times(factor)).collect::<Result<Vec<_>>>();
        Ok(Self {
            weights: self.weights.iter().map(scaled).collect::<Result<_>>()?,
            biases: self.biases.iter().map(|bias| bias * factor).collect::<Result<_>>()?,
        })
    }

    /// `self - other`.
    pub fn minus(&self, other: &Self) -> Result<Self> {
        self.plus(&other.times(-1.0)?)
    }
}
