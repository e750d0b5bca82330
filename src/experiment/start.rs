//! Where a run begins: at small random weights, or at a checkpoint.

use super::checkpoint::{Checkpoint, Position};
use super::config::{Experiment, VisibleBias};
use super::data::Dataset;
use super::driver::{TRAINER_PREFIX, broken};
use super::model_file::plain;
use super::phase::{Phase, Snapshot};
use super::stages::{Stage, stages};
use super::{Error, Result, setup};
use crate::inference::Network;
use crate::learning::SavedTensors;
use crate::math::{Stream, Tensor};
use crate::models::Dbm;

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
        let (plan, root) = (stages(experiment), Stream::new(experiment.seed));
        let dbm = initial(experiment, dataset, root)?;
        let before = Snapshot { network: Network::from_dbm(&dbm)?, dbm, tensors: SavedTensors::new() };
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
    pub fn at(checkpoint: Checkpoint, experiment: &Experiment) -> Result<Self> {
        let Checkpoint { position, model, path } = checkpoint;
        let foreign = |problem: String| Error::Model {
            path,
            problem,
            remedy: "the checkpoint belongs to another experiment; start a new run".into(),
        };
        let plan = stages(experiment);
        let Some(stage) = plan.get(position.stage) else {
            return Err(foreign(format!("was saved in stage {} of {}", position.stage + 1, plan.len())));
        };
        let own = |(name, tensor): (String, Tensor)| Some((name.strip_prefix(TRAINER_PREFIX)?.to_string(), tensor));
        let network = model.network.map_or_else(|| Network::from_dbm(&model.dbm), Ok)?;
        let saved = Snapshot { dbm: model.dbm, network, tensors: model.other.into_iter().filter_map(own).collect() };
        let phase = stage.algorithm.restore(saved).map_err(|error| foreign(plain(error)))?;
        Ok(Self { plan, phase, position, resumed: true })
    }
}

/// Draws that the first state of a stage needs.
pub fn initial_stream(root: Stream, stage: usize) -> Stream {
    root.named("initial").at(stage as u64)
}

/// Small random weights; visible biases from the data's means or zero.
fn initial(experiment: &Experiment, dataset: &Dataset, root: Stream) -> Result<Dbm> {
    let (dtype, device) = (setup::dtype(experiment.dtype), setup::device(experiment.device)?);
    let mut sizes = vec![dataset.train.units()];
    sizes.extend(&experiment.model.hidden);
    let stream = root.named("initial weights");
    let dbm = Dbm::random(&sizes, experiment.model.weight_std, stream, dtype, &device)?;
    if experiment.model.visible_bias == VisibleBias::Zero {
        return Ok(dbm);
    }
    // Add-one estimates, so that a pixel that never changes keeps a finite bias.
    let examples = dataset.train.len() as f64;
    let log_odds = |mean: f64| ((mean * examples + 1.0) / ((1.0 - mean) * examples + 1.0)).ln();
    let bias: Vec<f64> = dataset.train.mean().into_iter().map(log_odds).collect();
    let mut biases = dbm.biases().to_vec();
    biases[0] = Tensor::new(bias, &device)?.to_dtype(dtype)?;
    Ok(dbm.with_parameters(dbm.weights().to_vec(), biases)?)
}
