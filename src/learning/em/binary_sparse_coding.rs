//! EM for binary sparse coding (Henniges et al. 2010): with M = E_q[h] and S = mean of E_q[h hᵀ] under any q that knows them,
//!
//! W = (mean v Mᵀ) S⁻¹, b = logit(mean M), 1/β = diag of the mean of v² - 2 v W M + W S Wᵀ (from Goodfellow, Bengio & Courville 2016,
//! equation 19.36).

use super::factor_analysis::{Sums, vanishing};
use super::maximize::{exactly, log_odds};
use super::{ClosedForm, ExpectedGradient, Parametric};
use crate::math::{Result, Tensor, double, mean_over_examples, sigmoid};
use crate::models::BinarySparseCoding;
use crate::posterior::Moments;

/// W `[visible, hidden]`, b `[hidden]`, ln β `[visible]`.
impl Parametric for BinarySparseCoding {
    fn parameters(&self) -> Result<Vec<Tensor>> {
        Ok(vec![double(self.weight())?, double(self.bias())?, double(self.beta())?.log()?])
    }

    fn with_parameters(&self, parameters: &[Tensor]) -> Result<Self> {
        let [weight, bias, log_beta] = exactly(parameters)?;
        Self::new(weight.clone(), bias.clone(), log_beta.exp()?)
    }

    fn degenerate(&self) -> Result<Option<String>> {
        let unit = vanishing(&double(self.beta())?.recip()?, self.weight())?;
        Ok(unit.map(|unit| format!("the noise of visible unit {unit} vanishes: the causes explain it altogether")))
    }
}

impl<Q: Moments> ClosedForm<Q> for BinarySparseCoding {
    fn maximized(&self, visible: &Tensor, q: &Q) -> Result<Self> {
        let (means, pairs) = q.moments()?;
        let sums = Sums::of(&double(visible)?, &means, pairs)?;
        let weight = sums.weight()?;
        let beta = sums.errors(&weight)?.recip()?;
        let on = mean_over_examples(&means)?;
        let bias = log_odds(&on, &(1.0 - &on)?)?;
        Self::new(weight, bias, beta)
    }
}

impl<Q: Moments> ExpectedGradient<Q> for BinarySparseCoding {
    fn expected_gradient(&self, visible: &Tensor, q: &Q) -> Result<Vec<Tensor>> {
        let (means, pairs) = q.moments()?;
        let sums = Sums::of(&double(visible)?, &means, pairs)?;
        let (weight, bias, beta) = (double(self.weight())?, double(self.bias())?, double(self.beta())?);
        let errors = (sums.errors(&weight)? * &beta)?;
        Ok(vec![
            sums.slope(&weight)?.broadcast_mul(&beta.unsqueeze(1)?)?,
            (mean_over_examples(&means)? - sigmoid(&bias)?)?,
            ((1.0 - errors)? * 0.5)?,
        ])
    }
}
