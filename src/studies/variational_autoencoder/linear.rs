//! The linear auto-encoder against the closed form of probabilistic PCA.

use super::{Run, VariationalAutoencoder};
use crate::evaluate::{elbo_by_quadrature, log_evidence_by_quadrature};
use crate::math::{DType, Device, Result, Stream, Tensor, eigen_symmetric, larger, mean_of, mean_over_examples};
use crate::models::{Activation, Vae, VaeShape, Visible};
use crate::studies::{Axis, Figure, Findings, Laboratory};

const LATENTS: usize = 2;

/// Points per latent of the two integrals: a Gaussian times a square needs few, a likelihood as narrow as the noise needs more.
const POINTS: [usize; 2] = [37, 121];

impl VariationalAutoencoder {
    pub(super) fn linear(&self, stream: Stream, lab: &mut dyn Laboratory, findings: &mut Findings) -> Result<()> {
        let data = self.plane_with_noise(stream.named("data"))?;
        let optimum = ppca_optimum(&data, LATENTS)?;
        let shape = VaeShape {
            visible: self.linear_visible,
            encoder: Vec::new(),
            latents: LATENTS,
            decoder: Vec::new(),
            activation: Activation::Tanh,
            output: Visible::Gaussian,
        };
        let [first, last] = self.linear_learning_rates;
        let rate = |step: usize| first * (last / first).powf(step as f64 / self.linear_steps.max(2) as f64);
        let rates = |step: usize| [rate(step); 2];
        let run = Run { data: &data, steps: self.linear_steps, evaluations: self.evaluations, rates: &rates };
        let mut curve: Vec<(f64, f64, f64)> = Vec::new();
        run.train(&shape, stream.named("run"), &mut |step: usize, vae: &Vae| {
            lab.at("updates of the linear auto-encoder", step, self.linear_steps)?;
            let elbo = mean_of(&elbo_by_quadrature(vae, &data, POINTS[0])?);
            curve.push((step as f64, elbo, mean_of(&log_evidence_by_quadrature(vae, &data, POINTS[1])?)));
            Ok(())
        })?;
        report(&curve, optimum, findings);
        Ok(())
    }

    /// Points near a random plane, each unit with noise of its own strength.
    fn plane_with_noise(&self, stream: Stream) -> Result<Tensor> {
        let normal = |name: &str, rows, columns| stream.named(name).normal(rows, columns, DType::F64, &Device::Cpu);
        let plane = normal("latents", self.linear_examples, LATENTS)?.matmul(&normal(
            "weights",
            LATENTS,
            self.linear_visible,
        )?)?;
        let strengths = stream.named("strengths").uniform(1, self.linear_visible, DType::F64, &Device::Cpu)?;
        let noise = normal("noise", self.linear_examples, self.linear_visible)?;
        let data = (plane + noise.broadcast_mul(&(strengths + 0.3)?)?)?;
        data.broadcast_sub(&mean_over_examples(&data)?.unsqueeze(0)?)
    }
}

/// Largest mean log-likelihood of probabilistic PCA on centred examples, nats (Tipping & Bishop 1999): with the eigenvalues λ of their
/// covariance and σ² the mean of the n - k smallest, -½ (n ln 2π + Σ_{i≤k} ln λ_i + (n - k) ln σ² + n).
fn ppca_optimum(centred: &Tensor, latents: usize) -> Result<f64> {
    let (examples, units) = centred.dims2()?;
    let (ascending, _) = eigen_symmetric(&(centred.t()?.matmul(centred)? / examples as f64)?)?;
    let (noise, signal) = ascending.split_at(units - latents);
    let logarithms = signal.iter().map(|value| value.ln()).sum::<f64>() + noise.len() as f64 * mean_of(noise).ln();
    Ok(-0.5 * (units as f64 * (std::f64::consts::TAU.ln() + 1.0) + logarithms))
}

fn report(curve: &[(f64, f64, f64)], optimum: f64, findings: &mut Findings) {
    let (_, elbo, likelihood) = curve.last().copied().unwrap_or_default();
    let highest = curve.iter().map(|(_, elbo, likelihood)| larger(*elbo, *likelihood)).fold(f64::NEG_INFINITY, larger);
    findings.quantity("linear_ppca_log_likelihood_nats_mean", optimum);
    findings.quantity("linear_log_likelihood_nats_mean", likelihood);
    findings.quantity("linear_elbo_nats_mean", elbo);
    findings.quantity("linear_log_likelihood_shortfall_nats", optimum - likelihood);
    findings.quantity("linear_elbo_shortfall_nats", optimum - elbo);
    findings.quantity("linear_above_optimum_nats_max", highest - optimum);
    let steps = |value: fn(&(f64, f64, f64)) -> f64| curve.iter().map(move |point| (point.0 as u64, value(point)));
    findings.series("linear", "vae/elbo_nats_mean", steps(|point| point.1));
    findings.series("linear", "vae/log_p_nats_mean", steps(|point| point.2));
    let caption = format!(
        "The linear auto-encoder climbs to the maximum likelihood of probabilistic PCA: ln p(x) ends {:.1e} and the ELBO {:.1e} nats \
         below it.",
        optimum - likelihood,
        optimum - elbo
    );
    let axes = (Axis::linear("updates"), Axis::linear("nats per example"));
    // The first evaluations are so low that nothing else could be seen beside them.
    let shown = || curve.iter().filter(|point| point.1 > optimum - 3.0);
    let figure = Figure::new("A linear VAE is probabilistic PCA", caption, axes.0, axes.1)
        .line("exact ln p(x)", shown().map(|point| (point.0, point.2)))
        .line("ELBO", shown().map(|point| (point.0, point.1)))
        .level("maximum likelihood of pPCA", optimum);
    findings.figure(figure);
}
