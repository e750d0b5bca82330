//! Mean field for continuous latents by the general update: q_i(h_i) ∝ exp(E_{q_-i}[ln p̃(v, h)]) (book equation 19.56), on a grid.
//!
//! No form of the factors is assumed: where a factor comes out as a Gaussian, that follows from the model. For a Gaussian prior the
//! same fixed point has a closed form, q_i = N(h_i; β w_iᵀ(v - Σ_{j≠i} w_j μ_j) / (1 + β w_iᵀw_i), 1 / (1 + β w_iᵀw_i)), which is the twin.

use crate::math::{Grid, Nats, Quadrature, Result, Tensor, bail, log_determinant_positive, solve_positive};
use crate::models::{LogJoint, Observed, Prior};
use crate::posterior::OnGrid;

/// ln p̃(v, h) at every point of a product of axes, with the updates of one factor after the other.
#[derive(Clone, Debug)]
pub struct OnGridAscent {
    axes: Vec<Quadrature>,
    grid: Grid,
    log_joint: Nats,
    /// The same, `[points of the first axis, …, points of the last]`.
    table: Tensor,
}

impl OnGridAscent {
    /// Evaluates `joint` on the product of `axes`, one for each latent.
    pub fn new(joint: &impl LogJoint, axes: Vec<Quadrature>) -> Result<Self> {
        if axes.len() != joint.latents() {
            bail!("{} axes for {} latents", axes.len(), joint.latents());
        }
        let grid = Grid::product(&axes, joint.device())?;
        let log_joint = joint.log_joint(&grid.points)?;
        let shape: Vec<usize> = axes.iter().map(|axis| axis.points().len()).collect();
        let table = Tensor::from_slice(&log_joint, shape, joint.device())?;
        Ok(Self { axes, grid, log_joint, table })
    }

    /// The factors that are flat on their axes.
    pub fn flat(&self) -> Result<OnGrid> {
        let factors: Vec<Vec<f64>> = self.axes.iter().map(|axis| vec![0.0; axis.points().len()]).collect();
        OnGrid::normalize(self.axes.clone(), &factors, self.table.device())
    }

    /// Every factor set to its optimum given the newest of the others, the first one first.
    pub fn sweep(&self, q: &OnGrid) -> Result<OnGrid> {
        (0..self.axes.len()).try_fold(q.clone(), |q, i| Ok(q.with_factor(i, &self.expected_without(&q, i)?)))
    }

    /// E_{q_-i}[ln p̃] at every point of axis i, nats.
    pub fn expected_without(&self, q: &OnGrid, i: usize) -> Result<Nats> {
        let mut table = self.table.clone();
        let masses = |j: usize, shape: (usize, usize)| Tensor::from_vec(q.masses(j), shape, self.table.device());
        for j in (i + 1..self.axes.len()).rev() {
            let points = self.axes[j].points().len();
            table = table.reshape(((), points))?.matmul(&masses(j, (points, 1))?)?;
        }
        for j in 0..i {
            let points = self.axes[j].points().len();
            table = masses(j, (1, points))?.matmul(&table.reshape((points, ()))?)?;
        }
        table.flatten_all()?.to_vec1()
    }

    /// E_q[ln p̃] + H(q), nats: never above `log_evidence`.
    pub fn elbo(&self, q: &OnGrid) -> Result<f64> {
        let expected = self.expected_without(q, 0)?;
        Ok(q.masses(0).iter().zip(expected).map(|(mass, value)| mass * value).sum::<f64>() + q.total_entropy())
    }

    /// ln ∫ p̃(v, h) dh, nats.
    pub fn log_evidence(&self) -> f64 {
        self.grid.log_integral(&self.log_joint)
    }

    /// The exact posterior mean of every latent, by quadrature.
    pub fn exact_means(&self) -> Result<Vec<f64>> {
        let evidence = self.log_evidence();
        let points = self.grid.points.to_vec2::<f64>()?;
        let mut means = vec![0.0; self.axes.len()];
        for ((point, weight), joint) in points.iter().zip(&self.grid.log_weights).zip(&self.log_joint) {
            let mass = (weight + joint - evidence).exp();
            means.iter_mut().zip(point).for_each(|(mean, value)| *mean += mass * value);
        }
        Ok(means)
    }
}

/// Gaussian factors in closed form, for a Gaussian prior.
#[derive(Clone, Debug, PartialEq)]
pub struct GaussianFactors {
    /// μ_i.
    pub means: Vec<f64>,
    /// 1 / (1 + β w_iᵀw_i): no sweep changes them.
    pub variances: Vec<f64>,
}

impl GaussianFactors {
    /// Means of `start` and the variances of the optimum; fails where the prior is not Gaussian.
    pub fn new(observed: &Observed, start: Vec<f64>) -> Result<Self> {
        if observed.prior() != Prior::Gaussian || start.len() != observed.latents() {
            bail!("closed Gaussian factors are those of {} latents with a Gaussian prior", observed.latents());
        }
        let variances = (0..start.len()).map(|i| 1.0 / (1.0 + observed.curvature()[i][i])).collect();
        Ok(Self { means: start, variances })
    }

    /// Every mean set to its optimum given the newest of the others.
    pub fn sweep(mut self, observed: &Observed) -> Self {
        for i in 0..self.means.len() {
            self.means[i] = self.variances[i] * observed.pull_on(i, &self.means);
        }
        self
    }
}

/// The exact posterior of latents with a Gaussian prior: precision Λ = I + β WᵀW, mean Λ⁻¹ β Wᵀv.
#[derive(Clone, Debug, PartialEq)]
pub struct GaussianPosterior {
    /// Λ⁻¹ β Wᵀv.
    pub means: Vec<f64>,
    /// KL(q ‖ p) of the mean-field optimum, ½ (Σ ln Λ_ii - ln det Λ), nats.
    pub mean_field_kl: f64,
}

impl GaussianPosterior {
    /// Solves for the mean; the prior is taken to be Gaussian.
    pub fn of(observed: &Observed) -> Result<Self> {
        let latents = observed.latents();
        let entry = |i: usize, j: usize| observed.curvature()[i][j] + f64::from(u8::from(i == j));
        let precision: Vec<f64> = (0..latents * latents).map(|k| entry(k / latents, k % latents)).collect();
        let diagonal: f64 = (0..latents).map(|i| entry(i, i).ln()).sum();
        let precision = Tensor::from_vec(precision, (latents, latents), observed.device())?;
        let pull = Tensor::from_slice(observed.pull(), (latents, 1), observed.device())?;
        let means = solve_positive(&precision, &pull)?.flatten_all()?.to_vec1()?;
        Ok(Self { means, mean_field_kl: 0.5 * (diagonal - log_determinant_positive(&precision)?) })
    }
}
