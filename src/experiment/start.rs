//! Where a run begins: at small random weights, or at a checkpoint.

use super::checkpoint::{Checkpoint, Position};
use super::config::{Algorithm, Experiment, Machine, Model, Variances, VisibleBias, VisibleUnits};
use super::data::Dataset;
use super::driver::broken;
use super::kinds::Trained;
use super::model_file::plain;
use super::phase::{Phase, Snapshot};
use super::stages::{Stage, stages};
use super::{Error, Result, inherited, setup};
use crate::inference::{Encoder, Recognition};
use crate::learning::{DbmWithNetwork, HelmholtzMachine, Predictive, SavedTensors};
use crate::math::{DType, Stream, Tensor, double, host};
use crate::models::{
    BeliefNet, BernoulliComponents, BinarySparseCoding, Dbm, FactorAnalysis, GaussianComponents, Mixture, Noise,
    SparseCoding, Vae, VaeShape,
};
use rand::seq::SliceRandom;

/// Where a run begins or goes on.
pub struct Start {
    /// All stages, those that are done too.
    pub plan: Vec<Stage>,
    /// The trainer of the present stage.
    pub phase: Box<dyn Phase>,
    pub position: Position,
    /// Whether from a checkpoint.
    pub resumed: bool,
}

impl Start {
    /// Before the first update; refuses parameters that are no finite numbers.
    pub fn fresh(experiment: &Experiment, dataset: &Dataset) -> Result<Self> {
        let (plan, root) = (stages(experiment, dataset), Stream::new(experiment.seed));
        let before = Snapshot { model: initial(experiment, dataset, root)?, tensors: SavedTensors::new() };
        if let Some((name, value)) = broken(&before)? {
            return Err(Error::Refused {
                problem: format!("the run would begin with {name} holding {value}"),
                remedy: "set model.weight_std lower".into(),
            });
        }
        let phase = plan[0].algorithm.begin(before, initial_stream(root, 0))?;
        Ok(Self { plan, phase, position: Position::default(), resumed: false })
    }

    /// After the update a checkpoint was saved at.
    pub fn at(checkpoint: Checkpoint, experiment: &Experiment, dataset: &Dataset) -> Result<Self> {
        let Checkpoint { position, model, path } = checkpoint;
        let foreign = |problem: String| Error::Model {
            path,
            problem,
            remedy: "the checkpoint belongs to another experiment; start a new run".into(),
        };
        let plan = stages(experiment, dataset);
        let Some(stage) = plan.get(position.stage) else {
            return Err(foreign(format!("was saved in stage {} of {}", position.stage + 1, plan.len())));
        };
        let phase = stage.algorithm.restore(Snapshot::of(model)).map_err(|error| foreign(plain(error)))?;
        Ok(Self { plan, phase, position, resumed: true })
    }
}

/// Draws that the first state of a stage needs.
pub fn initial_stream(root: Stream, stage: usize) -> Stream {
    root.named("initial").at(stage as u64)
}

/// Small random weights; visible biases from the data's means or zero.
fn initial(experiment: &Experiment, dataset: &Dataset, root: Stream) -> Result<Trained> {
    let (dtype, device) = (setup::dtype(experiment.dtype), setup::device(experiment.device)?);
    let sizes = [vec![dataset.train.units()], experiment.model.hidden()].concat();
    let stream = root.named("initial weights");
    let visible_bias = |how: VisibleBias, zero: &Tensor| match how {
        VisibleBias::Zero => Ok(zero.clone()),
        VisibleBias::Data => Ok::<_, Error>(Tensor::new(log_odds(dataset), &device)?.to_dtype(dtype)?),
    };
    match &experiment.model {
        Model::Machine(settings @ Machine { from: Some(from), .. }) => {
            inherited::machine(settings, from, &sizes, dtype, &device)
        }
        Model::Machine(settings) => {
            let dbm = Dbm::random(&sizes, settings.weight_std, stream, dtype, &device)?;
            let mut biases = dbm.biases().to_vec();
            biases[0] = match (settings.visible, settings.visible_bias) {
                (VisibleUnits::Gaussian, VisibleBias::Data) => {
                    Tensor::new(dataset.train.mean(), &device)?.to_dtype(dtype)?
                }
                (_, how) => visible_bias(how, &biases[0])?,
            };
            let mut dbm = dbm.with_parameters(dbm.weights().to_vec(), biases)?;
            if settings.visible == VisibleUnits::Gaussian {
                let log_variance = variances(&setup::first(&dataset.train, SAMPLED, root)?)?.log()?.to_dtype(dtype)?;
                dbm = dbm.gaussian(&log_variance, settings.variances == Variances::Learned)?;
            }
            if let Some(classes) = setup::classes(experiment, dataset)? {
                let top = sizes.last().copied().unwrap_or_default();
                let weight = (stream.named("labels").normal(top, classes, dtype, &device)? * settings.weight_std)?;
                dbm = dbm.labelled(weight, Tensor::zeros(classes, dtype, &device)?)?;
            }
            Ok(DbmWithNetwork::from_dbm(dbm)?.into())
        }
        Model::BeliefNet(settings) => {
            let std = settings.weight_std;
            let net = BeliefNet::random(&sizes, std, stream.named("generative"), dtype, &device)?;
            let recognition = Recognition::random(&sizes, std, stream.named("recognition"), dtype, &device)?;
            let mut biases = net.biases().to_vec();
            biases[0] = visible_bias(settings.visible_bias, &biases[0])?;
            let generative = BeliefNet::new(net.weights().to_vec(), biases)?;
            Ok(HelmholtzMachine { generative, recognition }.into())
        }
        Model::Vae(settings) => {
            let decoder = settings.hidden.iter().rev().copied().collect();
            let shape = VaeShape {
                visible: sizes[0],
                encoder: settings.hidden.clone(),
                latents: settings.latents,
                decoder,
                activation: settings.activation,
                output: settings.output,
            };
            Ok(Vae::random(&shape, stream, dtype, &device)?.into())
        }
        Model::SparseCoding(settings) => {
            let like = Tensor::zeros(1, dtype, &device)?;
            let weight = SparseCoding::random_atoms(sizes[0], settings.atoms, stream.named("atoms"), &like)?;
            let model = SparseCoding::new(weight, settings.lambda, settings.precision)?;
            let algorithm = experiment.train.as_ref().map(|train| &train.algorithm);
            Ok(match algorithm {
                Some(Algorithm::PredictiveSparseDecomposition(_)) => {
                    Predictive { encoder: Encoder::random(&model, stream.named("encoder"))?, model }.into()
                }
                _ => model.into(),
            })
        }
        _ => from_moments(experiment, dataset, stream),
    }
}

/// Most examples that the first moments of a model are taken of.
const SAMPLED: usize = 10_000;

/// Variance of each value over the examples, `f64`, a little more so that none is zero.
fn variances(examples: &Tensor) -> Result<Tensor> {
    let examples = double(examples)?;
    let centred = examples.broadcast_sub(&examples.mean(0)?)?;
    Ok((centred.sqr()?.mean(0)? + 1e-3)?)
}

/// Models in `f64` that EM begins at the moments of the data, and small random departures from them.
fn from_moments(experiment: &Experiment, dataset: &Dataset, stream: Stream) -> Result<Trained> {
    let device = setup::device(experiment.device)?;
    let examples = setup::first(&dataset.train, SAMPLED, stream)?.to_dtype(DType::F64)?;
    let (count, visible) = examples.dims2()?;
    let normal =
        |name: &str, rows: usize, columns: usize| stream.named(name).normal(rows, columns, DType::F64, &device);
    let mean = examples.mean(0)?;
    let variances = variances(&examples)?;
    let level = Tensor::full(host(&variances.mean_all()?)?[0], visible, &device)?;
    let even = |components: usize| Tensor::zeros(components, DType::F64, &device);
    Ok(match &experiment.model {
        Model::GaussianMixture(settings) => {
            let mut rows: Vec<u32> = (0..count as u32).collect();
            rows.shuffle(&mut stream.named("centres").generator());
            rows.truncate(settings.components);
            if rows.len() < settings.components {
                return Err(Error::Refused {
                    problem: format!("model.gaussian_mixture has more components than the {count} training examples"),
                    remedy: "use fewer components".into(),
                });
            }
            let chosen = Tensor::from_vec(rows, settings.components, &device)?;
            let covariance = Tensor::eye(visible, DType::F64, &device)?.broadcast_mul(&variances)?;
            let covariances = vec![covariance; settings.components];
            let components = GaussianComponents::new(examples.index_select(&chosen, 0)?, covariances)?;
            Mixture::new(&even(settings.components)?, components)?.into()
        }
        Model::BernoulliMixture(settings) => {
            let log_odds = Tensor::new(log_odds(dataset), &device)?;
            let inputs = normal("inputs", settings.components, visible)?.broadcast_add(&log_odds)?;
            Mixture::new(&even(settings.components)?, BernoulliComponents::new(inputs)?)?.into()
        }
        Model::BinarySparseCoding(settings) => {
            let scale = variances.sqrt()?.unsqueeze(1)?;
            let weight = normal("weight", visible, settings.hidden)?.broadcast_mul(&scale)?;
            BinarySparseCoding::new(weight, even(settings.hidden)?, variances.recip()?)?.into()
        }
        other => {
            let factors = other.hidden()[0];
            let weight = (normal("weight", visible, factors)? * 0.1)?;
            let (noise, variances) = match other {
                Model::ProbabilisticPca(_) => (Noise::Isotropic, level),
                _ => (Noise::Diagonal, variances),
            };
            FactorAnalysis::new(&mean, &weight, &variances, noise)?.into()
        }
    })
}

/// The log-odds of each pixel's mean; add-one estimates, so that a pixel that never changes keeps a finite bias.
fn log_odds(dataset: &Dataset) -> Vec<f64> {
    let examples = dataset.train.len() as f64;
    let log_odds = |mean: f64| ((mean * examples + 1.0) / ((1.0 - mean) * examples + 1.0)).ln();
    dataset.train.mean().into_iter().map(log_odds).collect()
}
