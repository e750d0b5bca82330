//! EM for mixtures (Dempster, Laird & Rubin 1977, section 4.3): every component is fitted to its share r of the examples.
//!
//! w_k = mean r_k; normal components: m_k = Σ r_k v / Σ r_k, C_k = Σ r_k (v - m_k)(v - m_k)ᵀ / Σ r_k; Bernoulli components: the mean of v by r_k. The
//! likelihood of a normal mixture has no maximum: a component that closes in on one example makes it infinite, which is reported.

use super::maximize::{exactly, log_odds};
use super::{ClosedForm, ExpectedGradient, Parametric};
use crate::math::{
    Result, Tensor, bail, cholesky_factor, double, eigen_symmetric, host, mean_over_examples, sigmoid, solve_positive,
};
use crate::models::{BernoulliComponents, Components, GaussianComponents, Mixture};
use crate::posterior::Responsibilities;

/// A component narrower than this share of the widest, in squared lengths, has collapsed.
const COLLAPSED: f64 = 1e-10;

/// A component that takes less than this share of the examples is empty.
const EMPTY: f64 = 1e-100;

/// Means by the responsibilities: the share of each component `[components]`, and Σ r v / Σ r `[components, visible]`.
fn weighted_means(visible: &Tensor, probs: &Tensor) -> Result<(Tensor, Tensor)> {
    let share = mean_over_examples(probs)?;
    let sums = (probs.t()?.matmul(visible)? / visible.dim(0)? as f64)?;
    let means = sums.broadcast_div(&share.maximum(EMPTY)?.unsqueeze(1)?)?;
    Ok((share, means))
}

/// Σ r (v - m)(v - m)ᵀ / N of one component, `[visible, visible]`.
fn scatter(visible: &Tensor, probs: &Tensor, component: usize, mean: &Tensor) -> Result<Tensor> {
    let centred = visible.broadcast_sub(mean)?;
    let weighed = centred.broadcast_mul(&probs.narrow(1, component, 1)?)?;
    centred.t()?.matmul(&weighed)? / visible.dim(0)? as f64
}

/// Gradient in the logarithms of unnormalised weights.
fn weight_slope<C: Components>(mixture: &Mixture<C>, probs: &Tensor) -> Result<Tensor> {
    mean_over_examples(probs)? - mixture.log_weights().exp()?
}

/// Unnormalised ln w `[components]`, m `[components, visible]` and the Cholesky factors L_k of the covariances `[visible, visible]`.
impl Parametric for Mixture<GaussianComponents> {
    fn parameters(&self) -> Result<Vec<Tensor>> {
        let mut parameters = vec![self.log_weights().clone(), self.components().means().clone()];
        for covariance in self.components().covariances() {
            // Of a covariance without a factor there is no parameter to move.
            parameters.push(cholesky_factor(covariance).or_else(|_| covariance * f64::NAN)?);
        }
        Ok(parameters)
    }

    fn with_parameters(&self, parameters: &[Tensor]) -> Result<Self> {
        let [log_weights, means, factors @ ..] = parameters else {
            bail!("a mixture has weights, means and covariances")
        };
        let covariances = factors.iter().map(|factor| factor.matmul(&factor.t()?)).collect::<Result<_>>()?;
        Self::new(log_weights, GaussianComponents::new(means.clone(), covariances)?)
    }

    fn degenerate(&self) -> Result<Option<String>> {
        let mut widths = Vec::new();
        for (component, (covariance, weight)) in
            self.components().covariances().iter().zip(host(self.log_weights())?).enumerate()
        {
            if weight < EMPTY.ln() {
                return Ok(Some(format!("component {component} takes no example")));
            }
            widths.push(eigen_symmetric(covariance)?.0);
        }
        let widest = widths.iter().flatten().copied().fold(0.0, f64::max);
        let collapsed = widths.iter().position(|widths| widths.iter().any(|&width| width <= COLLAPSED * widest));
        Ok(collapsed.map(|component| format!("component {component} collapses: its covariance is singular")))
    }
}

impl ClosedForm<Responsibilities> for Mixture<GaussianComponents> {
    fn maximized(&self, visible: &Tensor, q: &Responsibilities) -> Result<Self> {
        let (visible, probs) = (double(visible)?, q.probs()?);
        let (share, means) = weighted_means(&visible, &probs)?;
        let covariances = host(&share)?
            .iter()
            .enumerate()
            .map(|(component, share)| scatter(&visible, &probs, component, &means.get(component)?)? / share.max(EMPTY))
            .collect::<Result<_>>()?;
        Self::new(&share.log()?, GaussianComponents::new(means, covariances)?)
    }
}

impl ExpectedGradient<Responsibilities> for Mixture<GaussianComponents> {
    fn expected_gradient(&self, visible: &Tensor, q: &Responsibilities) -> Result<Vec<Tensor>> {
        let (visible, probs) = (double(visible)?, q.probs()?);
        let (share, centres) = weighted_means(&visible, &probs)?;
        let (mut means, mut factors) = (Vec::new(), Vec::new());
        for (component, covariance) in self.components().covariances().iter().enumerate() {
            let mean = self.components().means().get(component)?;
            let share = host(&share.narrow(0, component, 1)?)?[0];
            let ahead = ((centres.get(component)? - &mean)? * share)?;
            means.push(solve_positive(covariance, &ahead.unsqueeze(1)?)?.squeeze(1)?);
            // 1/2 C⁻¹ (scatter - share C) C⁻¹ in C becomes twice that times L in L, of which the lower triangle is free.
            let excess = (scatter(&visible, &probs, component, &mean)? - (covariance * share)?)?;
            let half = solve_positive(covariance, &excess)?.t()?.contiguous()?;
            let slope = solve_positive(covariance, &half)?.matmul(&cholesky_factor(covariance)?)?;
            let lower = Tensor::tril2(slope.dim(0)?, slope.dtype(), slope.device())?;
            factors.push((slope * lower)?);
        }
        let means = Tensor::stack(&means, 0)?;
        Ok([vec![weight_slope(self, &probs)?, means], factors].concat())
    }
}

/// Unnormalised ln w `[components]` and the inputs x `[components, visible]`.
impl Parametric for Mixture<BernoulliComponents> {
    fn parameters(&self) -> Result<Vec<Tensor>> {
        Ok(vec![self.log_weights().clone(), double(self.components().inputs())?])
    }

    fn with_parameters(&self, parameters: &[Tensor]) -> Result<Self> {
        let [log_weights, inputs] = exactly(parameters)?;
        Self::new(log_weights, BernoulliComponents::new(inputs.clone())?)
    }
}

impl ClosedForm<Responsibilities> for Mixture<BernoulliComponents> {
    fn maximized(&self, visible: &Tensor, q: &Responsibilities) -> Result<Self> {
        let (visible, probs) = (double(visible)?, q.probs()?);
        let on = probs.t()?.matmul(&visible)?;
        let off = probs.t()?.matmul(&(1.0 - &visible)?)?;
        let share = mean_over_examples(&probs)?.maximum(EMPTY)?;
        Self::new(&share.log()?, BernoulliComponents::new(log_odds(&on, &off)?)?)
    }
}

impl ExpectedGradient<Responsibilities> for Mixture<BernoulliComponents> {
    fn expected_gradient(&self, visible: &Tensor, q: &Responsibilities) -> Result<Vec<Tensor>> {
        let (visible, probs) = (double(visible)?, q.probs()?);
        let (share, centres) = weighted_means(&visible, &probs)?;
        let means = sigmoid(&double(self.components().inputs())?)?;
        let inputs = (centres - means)?.broadcast_mul(&share.unsqueeze(1)?)?;
        Ok(vec![weight_slope(self, &probs)?, inputs])
    }
}
