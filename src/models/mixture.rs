//! Mixtures: one hidden variable that says which component an example comes from (Dempster, Laird & Rubin 1977, section 4.3).
//!
//! p(v, k) = w_k p(v | k). `log_weights` is ln w `[components]`; the components are normal with full covariances, `means` m
//! `[components, visible]` and `covariances` C_k `[visible, visible]`, or products of Bernoulli distributions, p(v_i = 1 | k) = σ(x_ki) with
//! `inputs` x `[components, visible]`.

use super::{Evidence, ExpectedJoint};
use crate::math::{
    Nats, Result, Stream, Tensor, bail, cholesky_factor, double, host, ln_one_plus_exp, log_normal_density,
    log_sum_exp, sample_binary, sum_units,
};
use crate::posterior::Responsibilities;

/// The distributions over v that a mixture mixes.
pub trait Components: Sized {
    /// ln p(v | k) of each example under each component, `[examples, components]`, nats, `f64`.
    fn log_densities(&self, visible: &Tensor) -> Result<Tensor>;
    /// How many there are.
    fn count(&self) -> usize;
    /// A draw from each component for each of `examples`: one tensor `[examples, visible]` per component.
    fn sample(&self, examples: usize, stream: Stream) -> Result<Vec<Tensor>>;
}

/// Weights and components.
#[derive(Clone, Debug)]
pub struct Mixture<C> {
    log_weights: Tensor,
    components: C,
}

impl<C: Components> Mixture<C> {
    /// From the weights up to a common factor, as logarithms `[components]`.
    pub fn new(log_weights: &Tensor, components: C) -> Result<Self> {
        if log_weights.dims() != [components.count()] {
            bail!("{} components ask for as many weights, not {:?}", components.count(), log_weights.dims());
        }
        let log_weights = double(log_weights)?;
        let total = log_sum_exp(&host(&log_weights)?);
        Ok(Self { log_weights: (log_weights - total)?, components })
    }

    /// ln w, `[components]`, `f64`; the weights sum to one.
    pub fn log_weights(&self) -> &Tensor {
        &self.log_weights
    }

    /// What is mixed.
    pub fn components(&self) -> &C {
        &self.components
    }

    /// p(k | v), and ln p(v) of each example, nats.
    pub fn posterior(&self, visible: &Tensor) -> Result<(Responsibilities, Nats)> {
        Responsibilities::normalize(&self.log_joints(visible)?)
    }

    /// ln p(v, k), `[examples, components]`, nats.
    fn log_joints(&self, visible: &Tensor) -> Result<Tensor> {
        self.components.log_densities(visible)?.broadcast_add(&self.log_weights)
    }

    /// Draws `examples` of v, `[examples, visible]`.
    pub fn sample(&self, examples: usize, stream: Stream) -> Result<Tensor> {
        let weights: Vec<f64> = host(&self.log_weights)?.iter().map(|weight| weight.exp()).collect();
        let (dtype, device) = (self.log_weights.dtype(), self.log_weights.device());
        let draws = host(&stream.named("component").uniform(examples, 1, dtype, device)?)?;
        let of_components = self.components.sample(examples, stream.named("visible"))?;
        let rows = draws.iter().enumerate().map(|(example, &draw)| {
            let mut up_to = 0.0;
            let chosen = weights.iter().position(|weight| {
                up_to += weight;
                draw < up_to
            });
            of_components[chosen.unwrap_or(weights.len() - 1)].narrow(0, example, 1)
        });
        Tensor::cat(&rows.collect::<Result<Vec<_>>>()?, 0)
    }
}

impl<C: Components> Evidence for Mixture<C> {
    fn log_evidence(&self, visible: &Tensor) -> Result<Nats> {
        Ok(self.posterior(visible)?.1)
    }
}

impl<C: Components> ExpectedJoint<Responsibilities> for Mixture<C> {
    fn expected_joint(&self, visible: &Tensor, q: &Responsibilities) -> Result<Nats> {
        q.average(&self.log_joints(visible)?)
    }
}

/// Normal distributions, each with a covariance of its own.
#[derive(Clone, Debug)]
pub struct GaussianComponents {
    means: Tensor,
    covariances: Vec<Tensor>,
}

impl GaussianComponents {
    /// From means `[components, visible]` and a covariance `[visible, visible]` for each.
    pub fn new(means: Tensor, covariances: Vec<Tensor>) -> Result<Self> {
        let (count, visible) = means.dims2()?;
        if covariances.len() != count || covariances.iter().any(|covariance| covariance.dims() != [visible, visible]) {
            bail!("means [{count}, {visible}] ask for {count} covariances [{visible}, {visible}]");
        }
        Ok(Self { means, covariances })
    }

    /// m, `[components, visible]`.
    pub fn means(&self) -> &Tensor {
        &self.means
    }

    /// C_k of each component, `[visible, visible]`.
    pub fn covariances(&self) -> &[Tensor] {
        &self.covariances
    }
}

impl Components for GaussianComponents {
    fn log_densities(&self, visible: &Tensor) -> Result<Tensor> {
        let of = |(component, covariance): (usize, &Tensor)| {
            let nats = log_normal_density(visible, &self.means.get(component)?, covariance)?;
            Tensor::from_slice(&nats, nats.len(), visible.device())
        };
        Tensor::stack(&self.covariances.iter().enumerate().map(of).collect::<Result<Vec<_>>>()?, 1)
    }

    fn count(&self) -> usize {
        self.covariances.len()
    }

    fn sample(&self, examples: usize, stream: Stream) -> Result<Vec<Tensor>> {
        let of = |(component, covariance): (usize, &Tensor)| {
            let (dtype, device) = (covariance.dtype(), covariance.device());
            let noise = stream.at(component as u64).normal(examples, covariance.dim(0)?, dtype, device)?;
            noise.matmul(&cholesky_factor(covariance)?.t()?)?.broadcast_add(&self.means.get(component)?)
        };
        self.covariances.iter().enumerate().map(of).collect()
    }
}

/// Products of Bernoulli distributions.
#[derive(Clone, Debug)]
pub struct BernoulliComponents {
    inputs: Tensor,
}

impl BernoulliComponents {
    /// From the log-odds of v_i = 1 under each component, `[components, visible]`.
    pub fn new(inputs: Tensor) -> Result<Self> {
        inputs.dims2()?;
        Ok(Self { inputs })
    }

    /// x, `[components, visible]`.
    pub fn inputs(&self) -> &Tensor {
        &self.inputs
    }
}

impl Components for BernoulliComponents {
    /// Σ_i v_i x_ki - ln(1 + e^x_ki): what saturates is never subtracted from one.
    fn log_densities(&self, visible: &Tensor) -> Result<Tensor> {
        let at_rest = sum_units(&ln_one_plus_exp(&double(&self.inputs)?)?)?;
        double(visible)?.matmul(&double(&self.inputs)?.t()?)?.broadcast_sub(&at_rest)
    }

    fn count(&self) -> usize {
        self.inputs.dims()[0]
    }

    fn sample(&self, examples: usize, stream: Stream) -> Result<Vec<Tensor>> {
        let of = |component: usize| {
            let inputs = self.inputs.narrow(0, component, 1)?.broadcast_as((examples, self.inputs.dim(1)?))?;
            sample_binary(&inputs.contiguous()?, stream.at(component as u64))
        };
        (0..self.count()).map(of).collect()
    }
}
