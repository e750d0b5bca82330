//! EM for factor analysis and probabilistic PCA, and the closed-form maximum of the latter.
//!
//! With x = v - m, M = E_q[h] and S = mean of E_q[h hᵀ] (Rubin & Thayer 1982): W = (mean x Mᵀ) S⁻¹, ψ = diag of the mean of
//! x² - 2 x W M + W S Wᵀ, averaged over units for probabilistic PCA; covariances are divided by the number of examples. The maximum of
//! probabilistic PCA (Tipping & Bishop 1999, equations 7 and 8): σ² = mean of the smallest eigenvalues, W = U (Λ - σ² I)^1/2.

use super::maximize::exactly;
use super::{ClosedForm, ExpectedGradient, Parametric};
use crate::math::{Result, Tensor, bail, double, eigen_symmetric, host, mean_over_examples, solve_positive};
use crate::models::{FactorAnalysis, Noise};
use crate::posterior::{Gaussian, Moments};

/// Noise that is this share of the variance of its unit is heading for zero, and the likelihood for infinity.
const VANISHING: f64 = 1e-10;

/// Sums that a regression of v on h is made of: means over examples.
pub(super) struct Sums {
    /// Mean of v hᵀ, `[visible, hidden]`.
    pub cross: Tensor,
    /// Mean of E_q[h hᵀ], `[hidden, hidden]`.
    pub pairs: Tensor,
    /// Mean of v², `[visible]`.
    pub squares: Tensor,
}

impl Sums {
    /// Of v `[examples, visible]`, E_q[h] `[examples, hidden]` and the mean of E_q[h hᵀ].
    pub fn of(visible: &Tensor, means: &Tensor, pairs: Tensor) -> Result<Self> {
        let cross = (visible.t()?.matmul(means)? / visible.dim(0)? as f64)?;
        Ok(Self { cross, pairs, squares: mean_over_examples(&visible.sqr()?)? })
    }

    /// The W that leaves the smallest squared errors.
    pub fn weight(&self) -> Result<Tensor> {
        solve_positive(&self.pairs, &self.cross.t()?.contiguous()?)?.t()?.contiguous()
    }

    /// Mean squared error of each visible unit under W, `[visible]`.
    pub fn errors(&self, weight: &Tensor) -> Result<Tensor> {
        let explained = (weight * &self.cross)?.sum(1)?;
        let spread = (weight.matmul(&self.pairs)? * weight)?.sum(1)?;
        // Rounding must not make a square negative.
        ((&self.squares - (explained * 2.0)?)? + spread)?.maximum(f64::MIN_POSITIVE)
    }

    /// Slope of -1/2 the squared errors in W, not yet divided by the variances: mean of x hᵀ less W S.
    pub fn slope(&self, weight: &Tensor) -> Result<Tensor> {
        &self.cross - weight.matmul(&self.pairs)?
    }
}

/// `[1]`: the mean of all values.
fn level(values: &Tensor) -> Result<Tensor> {
    values.mean_all()?.reshape(1)
}

/// A visible unit whose noise `[visible]` has all but vanished beside what W `[visible, hidden]` brings to it.
pub(super) fn vanishing(variances: &Tensor, weight: &Tensor) -> Result<Option<usize>> {
    let (noise, signal) = (host(variances)?, host(&double(weight)?.sqr()?.sum(1)?)?);
    let gone = |(noise, signal): (&f64, &f64)| noise.is_nan() || *noise <= VANISHING * (signal + noise);
    Ok(noise.iter().zip(&signal).position(gone))
}

/// m `[visible]`, W `[visible, factors]` and ln ψ, `[visible]`, or `[1]` where it is one for all.
impl Parametric for FactorAnalysis {
    fn parameters(&self) -> Result<Vec<Tensor>> {
        let log_variances = self.variances().log()?;
        let log_variances = match self.noise() {
            Noise::Diagonal => log_variances,
            Noise::Isotropic => log_variances.narrow(0, 0, 1)?,
        };
        Ok(vec![self.mean().clone(), self.weight().clone(), log_variances])
    }

    fn with_parameters(&self, parameters: &[Tensor]) -> Result<Self> {
        let [mean, weight, log_variances] = exactly(parameters)?;
        let variances = log_variances.exp()?.broadcast_as(mean.shape())?.contiguous()?;
        Self::new(mean, weight, &variances, self.noise())
    }

    fn degenerate(&self) -> Result<Option<String>> {
        let unit = vanishing(self.variances(), self.weight())?;
        Ok(unit.map(|unit| format!("the variance of visible unit {unit} vanishes: the factors explain it altogether")))
    }
}

impl ClosedForm<Gaussian> for FactorAnalysis {
    /// Over m, W and ψ together: m = v̄ - W M̄, which is v̄ once it has been v̄.
    fn maximized(&self, visible: &Tensor, q: &Gaussian) -> Result<Self> {
        let visible = double(visible)?;
        let (means, pairs) = q.moments()?;
        let (centre, middle) = (mean_over_examples(&visible)?, mean_over_examples(&means)?.unsqueeze(0)?);
        let pairs = (pairs - middle.t()?.matmul(&middle)?)?;
        let sums = Sums::of(&visible.broadcast_sub(&centre)?, &means.broadcast_sub(&middle)?, pairs)?;
        let weight = sums.weight()?;
        let errors = sums.errors(&weight)?;
        let variances = match self.noise() {
            Noise::Diagonal => errors,
            Noise::Isotropic => level(&errors)?.broadcast_as(centre.shape())?.contiguous()?,
        };
        let mean = (centre - middle.matmul(&weight.t()?)?.squeeze(0)?)?;
        Self::new(&mean, &weight, &variances, self.noise())
    }
}

impl ExpectedGradient<Gaussian> for FactorAnalysis {
    fn expected_gradient(&self, visible: &Tensor, q: &Gaussian) -> Result<Vec<Tensor>> {
        let centred = double(visible)?.broadcast_sub(self.mean())?;
        let (means, pairs) = q.moments()?;
        let sums = Sums::of(&centred, &means, pairs)?;
        let middle = mean_over_examples(&(&centred - means.matmul(&self.weight().t()?)?)?)?;
        let weight = sums.slope(self.weight())?.broadcast_div(&self.variances().unsqueeze(1)?)?;
        let log_variances = (((sums.errors(self.weight())? / self.variances())? - 1.0)? * 0.5)?;
        let log_variances = match self.noise() {
            Noise::Diagonal => log_variances,
            Noise::Isotropic => log_variances.sum_all()?.reshape(1)?,
        };
        Ok(vec![(middle / self.variances())?, weight, log_variances])
    }
}

/// The maximum-likelihood probabilistic PCA of `visible` `[examples, visible]` with `factors` factors.
pub fn principal_components(visible: &Tensor, factors: usize) -> Result<FactorAnalysis> {
    let visible = double(visible)?;
    let (examples, units) = visible.dims2()?;
    if factors == 0 || factors >= units {
        bail!("{factors} factors of {units} visible units leave nothing to call noise");
    }
    let mean = mean_over_examples(&visible)?;
    let centred = visible.broadcast_sub(&mean)?;
    let (eigenvalues, vectors) = eigen_symmetric(&(centred.t()?.matmul(&centred)? / examples as f64)?)?;
    let (rest, leading) = eigenvalues.split_at(units - factors);
    let noise = rest.iter().sum::<f64>() / rest.len() as f64;
    let lengths: Vec<f64> = leading.iter().map(|eigenvalue| (eigenvalue - noise).max(0.0).sqrt()).collect();
    let lengths = Tensor::from_vec(lengths, factors, visible.device())?;
    let weight = vectors.narrow(1, units - factors, factors)?.broadcast_mul(&lengths)?;
    let variances = Tensor::full(noise, units, visible.device())?;
    FactorAnalysis::new(&mean, &weight, &variances, Noise::Isotropic)
}
