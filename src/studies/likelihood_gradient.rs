//! The gradient of ln p(v) is statistics of the data minus statistics of the model: by finite differences, and with chains.
//!
//! ∂/∂θ mean ln p(v) = E_data[E_posterior[s]] - E_model[s] (book equation 18.4), s = x_l x_{l+1}ᵀ for a weight and x_l for a bias. With any
//! other q held fixed, E_data[E_q[s]] - E_model[s] is the gradient of its ELBO.

use super::instances::{random_binary, random_dbm};
use super::training::mean_field;
use super::{Axis, Figure, Findings, Laboratory, Study};
use crate::evaluate::elbo;
use crate::inference::{Exact, Inference, Stop};
use crate::learning::{Chains, Gradient, Statistics, exact_gradient};
use crate::math::{Nats, Result, Stream, Tensor, host, larger, mean_of, smaller};
use crate::models::{Dbm, LatentModel};
use serde::{Deserialize, Serialize};

/// Exact sums run through at most 2^this states.
const MAX_BITS: f64 = 20.0;

/// Which machines, and how many chains.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LikelihoodGradient {
    /// Units per layer of each machine, visible first.
    pub machines: Vec<Vec<usize>>,
    /// Standard deviation of weights and biases.
    pub weight_std: f64,
    /// Examples, random bits.
    pub examples: usize,
    /// Step of the central differences.
    pub step: f64,
    /// Persistent chains.
    pub chains: usize,
    /// Gibbs sweeps of each before it is read.
    pub sweeps: usize,
}

impl Default for LikelihoodGradient {
    fn default() -> Self {
        let machines = vec![vec![6, 5, 4], vec![4, 3, 2]];
        Self { machines, weight_std: 1.0, examples: 10, step: 1e-4, chains: 10_000, sweeps: 300 }
    }
}

/// What was found with one machine: entries of gradients and their distances.
#[derive(Default)]
struct Found {
    /// (central difference, closed form) of each entry.
    likelihood: Vec<(f64, f64)>,
    variational: Vec<(f64, f64)>,
    /// (exact, by chains) of each entry, and the standard error of the second.
    sampled: Vec<(f64, f64)>,
    errors: Vec<f64>,
}

impl Study for LikelihoodGradient {
    fn run(&self, stream: Stream, lab: &mut dyn Laboratory) -> Result<Findings> {
        let mut found = Found::default();
        for (index, sizes) in self.machines.iter().enumerate() {
            lab.at("machines", index, self.machines.len())?;
            let stream = stream.at(index as u64);
            let dbm = random_dbm(sizes, self.weight_std, self.weight_std, stream.named("machine"))?;
            let data = random_binary(self.examples, sizes[0], stream.named("examples"))?;
            self.differences(&dbm, &data, &mut found)?;
            self.chains(&dbm, &data, stream.named("chains"), &mut found)?;
        }
        Ok(findings(&found))
    }
}

impl LikelihoodGradient {
    /// Closed forms against central differences.
    fn differences(&self, dbm: &Dbm, data: &Tensor, found: &mut Found) -> Result<()> {
        let exact = flat(&exact_gradient(&Exact { max_bits: MAX_BITS }, dbm, data, MAX_BITS, Stream::new(0))?)?;
        let ascent = mean_field(Stop::when_within(1e-10, 500));
        let variational = flat(&exact_gradient(&ascent, dbm, data, MAX_BITS, Stream::new(0))?)?;
        let q = ascent.infer(dbm, data, Stream::new(0))?.q;
        let objectives = |dbm: &Dbm| -> Result<[f64; 2]> {
            let log_partition = mean_of(&dbm.free()?.log_partition(MAX_BITS)?);
            let likelihood = mean_of(&dbm.clamp(data)?.log_partition(MAX_BITS)?) - log_partition;
            Ok([likelihood, mean_of(&elbo(dbm, data, &q, log_partition)?)])
        };
        for entry in 0..exact.len() {
            let (up, down) =
                (objectives(&nudged(dbm, entry, self.step)?)?, objectives(&nudged(dbm, entry, -self.step)?)?);
            let slope = |which: usize| (up[which] - down[which]) / (2.0 * self.step);
            found.likelihood.push((slope(0), exact[entry]));
            found.variational.push((slope(1), variational[entry]));
        }
        Ok(())
    }

    /// The model's side by chains, with the spread over chains of every entry.
    fn chains(&self, dbm: &Dbm, data: &Tensor, stream: Stream, found: &mut Found) -> Result<()> {
        let start = Chains::from_biases(dbm, self.chains, stream.named("start"))?;
        let (_, layers) = start.advance(dbm, self.sweeps, stream)?;
        let squares = layers.iter().map(Tensor::sqr).collect::<Result<Vec<_>>>()?;
        let (means, seconds) = (flat(&Statistics::of(&layers)?)?, flat(&Statistics::of(&squares)?)?);
        let exact_model = flat(&Statistics::of_model(dbm, MAX_BITS)?)?;
        let exact = flat(&exact_gradient(&Exact { max_bits: MAX_BITS }, dbm, data, MAX_BITS, Stream::new(0))?)?;
        for entry in 0..means.len() {
            // The data's side is the same exact one.
            found.sampled.push((exact[entry], exact[entry] + exact_model[entry] - means[entry]));
            found.errors.push(((seconds[entry] - means[entry].powi(2)) / self.chains as f64).sqrt());
        }
        Ok(())
    }
}

/// All entries in one list: weights, then biases.
fn flat(gradient: &Gradient) -> Result<Nats> {
    let dense = gradient.dense()?;
    let weights = dense.weights.iter().map(|weight| host(&weight.tensor()?));
    Ok(weights.chain(dense.biases.iter().map(host)).collect::<Result<Vec<_>>>()?.concat())
}

/// The machine with one parameter moved; they are counted as `flat` lists them.
fn nudged(dbm: &Dbm, entry: usize, by: f64) -> Result<Dbm> {
    let mut first = 0;
    let mut nudge = |tensor: &Tensor| -> Result<Tensor> {
        let mut values = host(tensor)?;
        if let Some(value) = entry.checked_sub(first).and_then(|place| values.get_mut(place)) {
            *value += by;
        }
        first += values.len();
        Tensor::from_vec(values, tensor.shape(), tensor.device())
    };
    let weights = dbm.weights().iter().map(|weight| nudge(&weight.tensor()?)).collect::<Result<Vec<_>>>()?;
    let biases = dbm.biases().iter().map(nudge).collect::<Result<Vec<_>>>()?;
    dbm.with_parameters(weights, biases)
}

/// Largest difference over the largest entry.
fn relative(pairs: &[(f64, f64)]) -> f64 {
    let scale = pairs.iter().map(|pair| pair.0.abs()).fold(0.0, larger);
    pairs.iter().map(|(left, right)| (left - right).abs()).fold(0.0, larger) / scale
}

fn findings(found: &Found) -> Findings {
    let mut findings = Findings::default();
    let off = found.sampled.iter().zip(&found.errors).map(|((exact, sampled), error)| (exact - sampled).abs() / error);
    let off = off.fold(0.0, larger);
    findings.quantity("likelihood_gradient_relative_error", relative(&found.likelihood));
    findings.quantity("variational_gradient_relative_error", relative(&found.variational));
    findings.quantity("sampled_gradient_errors_off_highest", off);
    let caption = format!(
        "{} entries of the gradient: central differences agree with the closed form to {:.0e} of the largest entry; long chains are at \
         most {off:.1} standard errors off.",
        found.likelihood.len(),
        relative(&found.likelihood)
    );
    let ends = found
        .likelihood
        .iter()
        .map(|pair| pair.0)
        .fold((f64::MAX, f64::MIN), |(low, high), x| (smaller(low, x), larger(high, x)));
    let (x, y) = (Axis::linear("exact gradient, nats per unit"), Axis::linear("other routes, nats per unit"));
    findings.figure(
        Figure::new("Data statistics minus model statistics", caption, x, y)
            .dashed("equal", [(ends.0, ends.0), (ends.1, ends.1)])
            .dots("central differences", found.likelihood.iter().map(|&(difference, exact)| (exact, difference)))
            .dots("model side by chains", found.sampled.iter().copied()),
    );
    findings
}
