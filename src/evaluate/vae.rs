//! How good is a variational auto-encoder: its ELBO, the bound of K samples, and, with at most two latents, both ELBO and ln p(x) by
//! quadrature.
//!
//! L_K = E[ln 1/K Σ_k p(x, z_k) / q(z_k | x)], z_k ~ q, rises from the ELBO at K = 1 to ln p(x) (Burda, Grosse & Salakhutdinov 2016,
//! theorem 1). ln p(x) = ln ∫ p(x | z) N(z; 0, I) dz on a grid over [-9, 9] in each latent, beyond which N(0, I) holds 2 · 10⁻¹⁹.

use crate::math::{Grid, Nats, Quadrature, Result, Stream, Tensor, bail, double, host, log_mean_exp, sum_units};
use crate::models::Vae;

/// How far the grids reach, in standard deviations.
const REACH: f64 = 9.0;

/// The bound of K `samples` of each example, one draw of it, `[examples]`, nats.
pub fn importance_weighted(vae: &Vae, visible: &Tensor, samples: usize, stream: Stream) -> Result<Nats> {
    let (examples, q) = (visible.dim(0)?, vae.encode(visible)?);
    if samples == 0 {
        bail!("a bound of no samples is none");
    }
    let mut log_weights = vec![Vec::with_capacity(samples); examples];
    for sample in 0..samples as u64 {
        let noise = stream.at(sample).normal(examples, vae.latents(), visible.dtype(), visible.device())?;
        let latents = q.reparameterised(&noise)?;
        let weights = ((vae.log_likelihood(visible, &latents)? + log_prior(&latents)?)? - q.log_density(&latents)?)?;
        log_weights.iter_mut().zip(host(&weights)?).for_each(|(all, weight)| all.push(weight));
    }
    Ok(log_weights.iter().map(|weights| log_mean_exp(weights)).collect())
}

/// The ELBO of each example with the mean of `draws` draws in the place of the expectation of ln p(x | z), `[examples]`, nats.
pub fn sampled_elbo(vae: &Vae, visible: &Tensor, draws: usize, stream: Stream) -> Result<Nats> {
    let (examples, q) = (visible.dim(0)?, vae.encode(visible)?);
    if draws == 0 {
        bail!("a mean of no draws is none");
    }
    let mut total = q.kl_to_standard()?.neg()?;
    for draw in 0..draws as u64 {
        let noise = stream.at(draw).normal(examples, vae.latents(), visible.dtype(), visible.device())?;
        total = (total + (vae.log_likelihood(visible, &q.reparameterised(&noise)?)? / draws as f64)?)?;
    }
    host(&total)
}

/// The ELBO of each example by quadrature over ε with this many points per latent, `[examples]`, nats.
pub fn elbo_by_quadrature(vae: &Vae, visible: &Tensor, points: usize) -> Result<Nats> {
    let (grid, log_prior) = grid(vae, visible, points)?;
    let masses: Vec<f64> =
        grid.log_weights.iter().zip(&log_prior).map(|(weight, prior)| (weight + prior).exp()).collect();
    let q = vae.encode(visible)?;
    let (mean, deviation, kl) = (q.mean(), q.deviation()?, host(&q.kl_to_standard()?)?);
    let each = |(example, kl): (usize, &f64)| {
        let row = |of: &Tensor| of.narrow(0, example, 1);
        let latents = grid.points.broadcast_mul(&row(&deviation)?)?.broadcast_add(&row(mean)?)?;
        let likelihoods = host(&vae.log_likelihood_table(&row(visible)?, &latents)?)?;
        Ok(masses.iter().zip(likelihoods).map(|(mass, likelihood)| mass * likelihood).sum::<f64>() - kl)
    };
    kl.iter().enumerate().map(each).collect()
}

/// ln p(x) of each example by quadrature with this many points per latent, `[examples]`, nats.
pub fn log_evidence_by_quadrature(vae: &Vae, visible: &Tensor, points: usize) -> Result<Nats> {
    let (grid, log_prior) = grid(vae, visible, points)?;
    let table = double(&vae.log_likelihood_table(visible, &grid.points)?)?.to_vec2::<f64>()?;
    let of = |likelihoods: &Vec<f64>| {
        let joint: Vec<f64> =
            likelihoods.iter().zip(&log_prior).map(|(likelihood, prior)| likelihood + prior).collect();
        grid.log_integral(&joint)
    };
    Ok(table.iter().map(of).collect())
}

/// A grid over the latents and ln N(z; 0, I) at its points.
fn grid(vae: &Vae, visible: &Tensor, points: usize) -> Result<(Grid, Nats)> {
    if vae.latents() > 2 {
        bail!("quadrature over {} latents; it is done over two at most", vae.latents());
    }
    let rule = Quadrature::trapezoid(-REACH, REACH, points)?;
    let mut grid = Grid::product(&vec![rule; vae.latents()], visible.device())?;
    let log_prior = host(&log_prior(&grid.points)?)?;
    grid.points = grid.points.to_dtype(visible.dtype())?;
    Ok((grid, log_prior))
}

/// ln N(z; 0, I) of each row, `[rows]`, nats, `f64`.
fn log_prior(latents: &Tensor) -> Result<Tensor> {
    let constant = latents.dim(1)? as f64 * std::f64::consts::TAU.ln();
    (sum_units(&latents.sqr()?)? + constant)? * -0.5
}
