//! Fisher's identity: at q = p(h | v; θ) the gradient of E_q[ln p(v, h; θ)] with q held fixed is the gradient of ln p(v; θ).
//!
//! So stochastic gradient ascent on the likelihood is EM whose M step is a single gradient step (Goodfellow, Bengio & Courville 2016,
//! section 19.2). Held against central differences of ln p(v) along random directions.

use super::em_instances::{bars, clusters, two_factors};
use super::instances::{random_binary, random_dbm};
use super::{Axis, Figure, Findings, Laboratory, Study};
use crate::inference::Exact;
use crate::learning::{
    Expect, ExpectedGradient, ExpectedStatistics, Parameters, Parametric, binary_sparse_coding_start,
    factor_analysis_start, gaussian_mixture_start,
};
use crate::math::{DType, Device, Nats, Result, Stream, Tensor, host, larger, log_sum_exp, mean_of};
use crate::models::{BeliefNet, Conditionals, Dbm, Evidence, LatentModel, Noise};
use crate::posterior::Posterior;
use serde::{Deserialize, Serialize};

/// How the gradients are compared.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FisherIdentity {
    /// Random directions in the space of parameters, each of a length of one.
    pub directions: usize,
    /// Half the step of the central difference.
    pub step: f64,
    /// Examples that the mean is taken over.
    pub examples: usize,
}

impl Default for FisherIdentity {
    fn default() -> Self {
        Self { directions: 20, step: 1e-4, examples: 20 }
    }
}

/// Slopes along the directions: of E_q[ln p(v, h)], and of ln p(v) by differences.
type Slopes = Vec<(f64, f64)>;

const EXACT: Exact = Exact { max_bits: 12.0 };

impl Study for FisherIdentity {
    fn run(&self, stream: Stream, lab: &mut dyn Laboratory) -> Result<Findings> {
        let n = self.examples;
        let (factors, points) = (two_factors(n, stream.named("factors"))?, clusters(n, stream.named("clusters"))?);
        let (images, _) = bars()?.sample(n, stream.named("bars"))?;
        let binary = random_binary(n, 6, stream.named("binary"))?;
        let start = stream.named("start");
        let net = BeliefNet::random(&[6, 4, 3], 1.0, start, DType::F64, &Device::Cpu)?;
        lab.at("models", 0, 2)?;
        let mut found: Vec<(&str, &str, Slopes)> = vec![
            ("factor_analysis", "factor analysis", {
                self.slopes(&factor_analysis_start(&factors, 2, Noise::Diagonal, start)?, &factors, stream)?
            }),
            ("gaussian_mixture", "Gaussian mixture", {
                self.slopes(&gaussian_mixture_start(&points, 3, start)?, &points, stream)?
            }),
            ("binary_sparse_coding", "binary sparse coding", {
                self.slopes(&binary_sparse_coding_start(&images, 6, start)?, &images, stream)?
            }),
            ("belief_net", "belief net", self.slopes(&net, &binary, stream)?),
        ];
        lab.at("models", 1, 2)?;
        found.push(("dbm", "deep Boltzmann machine", self.machine(&binary, stream)?));
        Ok(findings(found))
    }
}

impl FisherIdentity {
    fn slopes<M, Q>(&self, model: &M, data: &Tensor, stream: Stream) -> Result<Slopes>
    where
        Exact: Expect<M, Posterior = Q>,
        Q: Posterior,
        M: Parametric + Evidence + ExpectedGradient<Q>,
    {
        let q = Expect::expect(&EXACT, model, data, None)?;
        let gradient = model.expected_gradient(data, &q)?;
        let evidence = |parameters: &[Tensor]| {
            let moved = model.with_parameters(parameters)?;
            Ok(mean_of(&moved.log_evidence(data)?))
        };
        self.along(&model.parameters()?, &gradient, evidence, stream)
    }

    /// A deep Boltzmann machine: statistics under the posterior less those under the model.
    fn machine(&self, data: &Tensor, stream: Stream) -> Result<Slopes> {
        let dbm = random_dbm(&[6, 4, 3], 1.0, 0.5, stream.named("machine"))?;
        let (q, _) = dbm.clamp(data)?.tabulate(12.0)?;
        let positive = q.statistics(data, &q.means()?)?.dense()?;
        let gradient = positive.minus(&of_model(&dbm)?)?.tensors()?;
        let parameters = Parameters::of_dbm(&dbm).tensors()?;
        let evidence = |parameters: &[Tensor]| {
            let (weights, biases) = parameters.split_at(dbm.depth());
            let moved = dbm.with_parameters(weights.to_vec(), biases.to_vec())?;
            let log_partition = moved.free()?.log_partition(20.0)?[0];
            Ok(mean_of(&moved.clamp(data)?.log_partition(12.0)?) - log_partition)
        };
        self.along(&parameters, &gradient, evidence, stream)
    }

    fn along(
        &self,
        parameters: &[Tensor],
        gradient: &[Tensor],
        evidence: impl Fn(&[Tensor]) -> Result<f64>,
        stream: Stream,
    ) -> Result<Slopes> {
        (0..self.directions as u64)
            .map(|direction| {
                let draws = direction_like(parameters, gradient, stream.named("direction").at(direction))?;
                let moved = |by: f64| {
                    let pairs = parameters.iter().zip(&draws);
                    pairs.map(|(value, draw)| value + (draw * by)?).collect::<Result<Vec<_>>>()
                };
                let difference = (evidence(&moved(self.step)?)? - evidence(&moved(-self.step)?)?) / (2.0 * self.step);
                let mut slope = 0.0;
                for (gradient, draw) in gradient.iter().zip(&draws) {
                    slope += host(&(gradient * draw)?)?.iter().sum::<f64>();
                }
                Ok((slope, difference))
            })
            .collect()
    }
}

/// A random direction of length one. Where a gradient is exactly zero the parameter is not free, such as what lies above the diagonal of
/// a Cholesky factor, and does not move.
fn direction_like(parameters: &[Tensor], gradient: &[Tensor], stream: Stream) -> Result<Vec<Tensor>> {
    let mut draws = Vec::new();
    for (place, (parameter, gradient)) in parameters.iter().zip(gradient).enumerate() {
        let (count, device) = (parameter.elem_count(), parameter.device());
        let draw = stream.at(place as u64).normal(1, count, DType::F64, device)?.reshape(parameter.shape())?;
        draws.push((draw * gradient.ne(0.0)?.to_dtype(DType::F64)?)?);
    }
    let mut squares = 0.0;
    for draw in &draws {
        squares += host(&draw.sqr()?)?.iter().sum::<f64>();
    }
    draws.into_iter().map(|draw| draw / squares.sqrt()).collect()
}

/// Expected statistics of a machine by a sum over the joint states of all its layers.
fn of_model(dbm: &Dbm) -> Result<Parameters> {
    let (free, sizes) = (dbm.free()?, dbm.sizes());
    let all = super::instances::all_binary(sizes.iter().sum())?;
    let mut from = 0;
    let mut layers = Vec::new();
    for units in sizes {
        layers.push(all.narrow(1, from, units)?.contiguous()?);
        from += units;
    }
    let log_joints: Nats = host(&free.log_joint(&layers)?)?;
    let log_partition = log_sum_exp(&log_joints);
    let probs: Vec<f64> = log_joints.iter().map(|nats| (nats - log_partition).exp()).collect();
    let probs = Tensor::from_slice(&probs, (probs.len(), 1), all.device())?;
    let weighed = layers.iter().map(|layer| layer.broadcast_mul(&probs)).collect::<Result<Vec<_>>>()?;
    let weights = weighed.iter().zip(&layers[1..]);
    Ok(Parameters {
        weights: weights.map(|(below, above)| Ok(below.t()?.matmul(above)?.into())).collect::<Result<_>>()?,
        biases: weighed.iter().map(|layer| layer.sum(0)).collect::<Result<_>>()?,
    })
}

fn findings(found: Vec<(&str, &str, Slopes)>) -> Findings {
    let mut findings = Findings::default();
    let mut worst = 0.0_f64;
    let mut figure = Figure::new(
        "Fisher's identity",
        "",
        Axis::linear("slope of E_q[ln p(v, h)] at q = p(h|v), nats"),
        Axis::linear("slope of ln p(v) by differences, nats"),
    );
    for (name, shown, slopes) in found {
        let scale = slopes.iter().fold(0.0_f64, |scale, pair| larger(scale, pair.0.abs()));
        let error = slopes.iter().fold(0.0_f64, |error, pair| larger(error, (pair.0 - pair.1).abs())) / scale;
        // What is no number must never count as a small error.
        worst = if error.is_nan() { f64::NAN } else { larger(worst, error) };
        findings.quantity(format!("{name}_relative_error_max"), error);
        figure = figure.dots(shown, slopes);
    }
    findings.quantity("relative_error_max", worst);
    figure.caption = format!(
        "On five models the gradient of the expected log joint under the posterior is the gradient of the likelihood: the largest \
         difference is {worst:.0e} of the largest slope."
    );
    findings.figure(figure);
    findings
}
