//! A run from beginning to end, and the continuation of one that stopped.

use super::checkpoint::{Checkpoint, Checkpoints, Position};
use super::config::{Experiment, Loaded, VisibleBias, load, resolved};
use super::data::Dataset;
use super::driver::{Driver, TRAINER_PREFIX};
use super::judge::judge;
use super::model_file::plain;
use super::observe::{Ended, Progress, Verbosity};
use super::results::Results;
use super::stages::{JointTrainer, Stage, StageKind, joint, pretraining, stages};
use super::{Chosen, Error, Journal, Provenance, Result, RunFolder, Status, clock, setup};
use crate::inference::{Inference, Network};
use crate::learning::{Joint, RbmStack, SavedTensors, State, Trainer};
use crate::math::{Stream, Tensor};
use crate::models::Dbm;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

/// Examples whose inference is traced sweep by sweep.
const TRACED: usize = 1000;

/// How a run is made, beside what its experiment file says.
pub struct Options<'a> {
    /// Where run folders go.
    pub runs: PathBuf,
    /// How much is shown.
    pub verbosity: Verbosity,
    /// Set by Ctrl-C: finish the update, save, stop.
    pub interrupted: &'a AtomicBool,
}

/// A run that went through.
pub struct Finished {
    /// Its folder.
    pub folder: RunFolder,
    /// Its last comparison.
    pub results: Results,
}

/// Runs an experiment in a folder of its own. Nothing is written before the file and the data have been checked.
pub fn run(loaded: &Loaded, options: &Options) -> Result<Finished> {
    let experiment = &loaded.experiment;
    let mut progress = Progress::new(options.verbosity);
    let dataset = prepared(experiment, &mut progress)?;
    let folder = RunFolder::create(&options.runs, &label(loaded))?;
    folder.write_text(&folder.config(), &resolved(experiment))?;
    let _claim = folder.claim()?;
    let mut provenance = Provenance::begin(experiment.seed, dataset.files.clone(), dataset.notes.clone());
    folder.write_provenance(&provenance)?;
    progress.note(&format!("run folder: {}", folder.path().display()));
    let journal = Journal::open(&folder, experiment, None, progress)?;
    let work = Work { experiment, dataset: &dataset, folder: &folder, interrupted: options.interrupted };
    let results = work.accounted(&mut provenance, journal, None)?;
    Ok(Finished { folder, results })
}

/// Continues a run from its newest whole checkpoint; the result is that of an uninterrupted run, bit for bit.
pub fn resume(path: &Path, options: &Options) -> Result<Finished> {
    let folder = RunFolder::open(path)?;
    let _claim = folder.claim()?;
    let mut provenance = folder.provenance()?;
    let mut progress = Progress::new(options.verbosity);
    if provenance.status == Status::Finished {
        progress.note("this run is finished already; these are its results");
        return Ok(Finished { results: folder.read_json(&folder.results())?, folder });
    }
    let experiment = load(&folder.config(), &[])?.experiment;
    let dataset = prepared(&experiment, &mut progress)?;
    if dataset.files != provenance.data {
        return Err(Error::Model {
            path: path.to_path_buf(),
            problem: "the data files are not those the run was started with (run.json has their checksums)".into(),
            remedy: "put the old files back, or start a new run".into(),
        });
    }
    let checkpoints = Checkpoints::new(folder.path(), experiment.checkpoint.keep);
    let (checkpoint, warnings) = checkpoints.newest(&setup::device(experiment.device)?)?;
    warnings.iter().for_each(|warning| progress.note(&format!("warning: {warning}")));
    progress.note(&format!("resuming {} after step {}", folder.path().display(), checkpoint.position.step));
    provenance.resumed.push(clock::now().to_string());
    provenance.status = Status::Running;
    provenance.error = None;
    folder.write_provenance(&provenance)?;
    let journal = Journal::open(&folder, &experiment, Some(checkpoint.position.step), progress)?;
    let work = Work { experiment: &experiment, dataset: &dataset, folder: &folder, interrupted: options.interrupted };
    let results = work.accounted(&mut provenance, journal, Some(checkpoint))?;
    Ok(Finished { folder, results })
}

/// Loads the data and says what was done to it.
fn prepared(experiment: &Experiment, progress: &mut Progress) -> Result<Dataset> {
    let dataset = setup::dataset(experiment)?;
    setup::affordable(experiment, &dataset)?;
    progress.note(&format!("data: {}", dataset.name));
    dataset.notes.iter().for_each(|note| progress.note(&format!("  {note}")));
    Ok(dataset)
}

/// The experiment's name, what was changed on the command line, and the seed.
fn label(loaded: &Loaded) -> String {
    const MOST_BYTES: usize = 100;
    // The words of a change as they were typed, without the marks that a folder's name cannot have.
    let word = |change: &String| {
        let marks: String = change.chars().map(|c| if ",/:".contains(c) { '-' } else { c }).collect();
        marks.chars().filter(|c| c.is_alphanumeric() || "-_.=+".contains(*c)).collect::<String>()
    };
    let words = loaded.overrides.iter().map(word);
    let words = words.filter(|word| !word.starts_with("seed=") && !word.starts_with("name="));
    let changes: String = words.map(|word| format!("-{word}")).collect();
    let end = changes.char_indices().map(|(at, c)| at + c.len_utf8()).take_while(|end| *end <= MOST_BYTES).last();
    format!("{}{}-s{}", loaded.experiment.name, &changes[..end.unwrap_or(0)], loaded.experiment.seed)
}

/// What a run works on.
struct Work<'a> {
    experiment: &'a Experiment,
    dataset: &'a Dataset,
    folder: &'a RunFolder,
    interrupted: &'a AtomicBool,
}

impl Work<'_> {
    /// Does the work and writes down how it ended.
    fn accounted(&self, provenance: &mut Provenance, journal: Journal, from: Option<Checkpoint>) -> Result<Results> {
        let watch = clock::Stopwatch::start();
        let plan = stages(self.experiment);
        let mut driver = Driver {
            experiment: self.experiment,
            dataset: self.dataset,
            journal,
            checkpoints: Checkpoints::new(self.folder.path(), self.experiment.checkpoint.keep),
            root: Stream::new(self.experiment.seed),
            position: from.as_ref().map_or_else(Position::default, |checkpoint| checkpoint.position),
            last_stage: plan.len().saturating_sub(1),
            interrupted: self.interrupted,
            run: self.folder.path().to_path_buf(),
        };
        let outcome = self.work(&mut driver, &plan, from);
        let (status, ended) = match &outcome {
            Ok(_) => (Status::Finished, Ended::Finished),
            Err(Error::Interrupted { .. }) => (Status::Interrupted, Ended::Interrupted),
            Err(_) => (Status::Failed, Ended::Failed),
        };
        provenance.status = status;
        provenance.error = outcome.as_ref().err().map(ToString::to_string);
        provenance.ended = Some(clock::now().to_string());
        provenance.steps = driver.position.step;
        provenance.seconds += watch.seconds();
        let written = driver.journal.finish(ended).and(self.folder.write_provenance(provenance));
        // How the work itself ended says more than a last word that could not be written.
        outcome.and_then(|results| written.map(|()| results))
    }

    fn work(&self, driver: &mut Driver, plan: &[Stage], from: Option<Checkpoint>) -> Result<Results> {
        let mut at = match from {
            Some(checkpoint) => Phase::restore(&plan[checkpoint.position.stage.min(driver.last_stage)], checkpoint)?,
            None => self.first_phase(driver, &plan[0])?,
        };
        for (index, stage) in plan.iter().enumerate().skip(driver.position.stage) {
            if index > driver.position.stage {
                driver.position = Position { stage: index, stage_step: 0, ..driver.position };
                at = self.next_phase(at, index, stage, driver.root)?;
            }
            at = self.train(driver, stage, at)?;
        }
        match &at {
            Phase::Pretraining(state) => self.conclude(driver, state),
            Phase::Joint(state) => self.conclude(driver, state),
        }
    }

    /// The state before the first update, saved so that a run killed early can be resumed too.
    fn first_phase(&self, driver: &mut Driver, stage: &Stage) -> Result<Phase> {
        let dbm = initial(self.experiment, self.dataset, driver.root)?;
        let network = Network::from_dbm(&dbm)?;
        let phase = self.start(0, stage, dbm, network, driver.root)?;
        match &phase {
            Phase::Pretraining(state) => driver.save(state)?,
            Phase::Joint(state) => driver.save(state)?,
        }
        Ok(phase)
    }

    fn next_phase(&self, at: Phase, index: usize, stage: &Stage, root: Stream) -> Result<Phase> {
        match (at, stage.kind, pretraining(self.experiment)) {
            (Phase::Pretraining(stack), StageKind::Pretraining(_), Some(trainer)) => {
                Ok(Phase::Pretraining(trainer.next_layer(stack, root.named("initial").at(index as u64))?))
            }
            (Phase::Pretraining(stack), ..) => self.start(index, stage, stack.dbm()?, stack.network()?, root),
            (Phase::Joint(state), ..) => self.start(index, stage, state.dbm()?, state.network()?, root),
        }
    }

    /// The first state of a stage that begins with this machine and network.
    fn start(&self, index: usize, stage: &Stage, dbm: Dbm, network: Network, root: Stream) -> Result<Phase> {
        let stream = root.named("initial").at(index as u64);
        Ok(match (stage.kind, pretraining(self.experiment), joint(self.experiment)) {
            (StageKind::Pretraining(_), Some(trainer), _) => Phase::Pretraining(trainer.init(dbm, network, stream)?),
            (_, _, Some(JointTrainer::WakeSleep(trainer))) => Phase::Joint(trainer.init(dbm, network, stream)?),
            (_, _, Some(JointTrainer::MaximumLikelihood(trainer))) => Phase::Joint(trainer.init(dbm, network, stream)?),
            _ => return Err(no_such_stage()),
        })
    }

    fn train(&self, driver: &mut Driver, stage: &Stage, at: Phase) -> Result<Phase> {
        Ok(match (at, pretraining(self.experiment), joint(self.experiment)) {
            (Phase::Pretraining(state), Some(trainer), _) => Phase::Pretraining(driver.stage(stage, &trainer, state)?),
            (Phase::Joint(state), _, Some(JointTrainer::WakeSleep(trainer))) => {
                Phase::Joint(driver.stage(stage, &trainer, state)?)
            }
            (Phase::Joint(state), _, Some(JointTrainer::MaximumLikelihood(trainer))) => {
                Phase::Joint(driver.stage(stage, &trainer, state)?)
            }
            _ => return Err(no_such_stage()),
        })
    }

    /// Judges the trained model on all test examples.
    fn conclude<S: State>(&self, driver: &mut Driver, state: &S) -> Result<Results> {
        driver.journal.progress.finish();
        driver.journal.progress.note("comparing inference schemes on the test examples");
        let visible = setup::first(&self.dataset.test, usize::MAX, driver.root)?;
        let request = driver.request(&self.experiment.evaluate.final_log_partition);
        let stream = driver.root.named("final evaluation");
        let results = judge(&state.dbm()?, Some(&state.network()?), &visible, &request, stream, &mut |_| Ok(()))?;
        driver.last_may_be_best(state)?;
        // Written only now, all at once: a run killed while it judges judges again when resumed, and each value is logged once.
        let log = &self.experiment.log;
        driver.draw(state, log.histograms_every_epochs > 0, log.images_every_epochs > 0)?;
        driver.journal.compare(driver.position.step, &results)?;
        self.trace(driver, state, &visible)?;
        self.folder.write_json(&self.folder.results(), &results)?;
        Ok(results)
    }

    /// Writes how the sweeping schemes come to their answers, sweep by sweep.
    fn trace<S: State>(&self, driver: &mut Driver, state: &S, visible: &Tensor) -> Result<()> {
        let (dbm, network) = (state.dbm()?, state.network()?);
        let rows = visible.narrow(0, 0, visible.dim(0)?.min(TRACED))?;
        for scheme in &self.experiment.evaluate.schemes {
            if let Some(traced) = Chosen::traced(scheme, Some(&network), dbm.dtype())? {
                let stream = driver.root.named("trace");
                driver.journal.trace(&scheme.to_string(), &traced.infer(&dbm, &rows, stream)?.trace)?;
            }
        }
        Ok(())
    }
}

/// The state of whichever trainer is at work.
enum Phase {
    Pretraining(RbmStack),
    Joint(Joint),
}

impl Phase {
    fn restore(stage: &Stage, checkpoint: Checkpoint) -> Result<Self> {
        let model = checkpoint.model;
        let tensors: SavedTensors = model
            .other
            .into_iter()
            .filter_map(|(name, tensor)| Some((name.strip_prefix(TRAINER_PREFIX)?.to_string(), tensor)))
            .collect();
        let network = model.network.map_or_else(|| Network::from_dbm(&model.dbm), Ok)?;
        let restored = match stage.kind {
            StageKind::Pretraining(_) => RbmStack::restore(model.dbm, network, &tensors).map(Self::Pretraining),
            StageKind::Joint => Joint::restore(model.dbm, network, &tensors).map(Self::Joint),
        };
        restored.map_err(|error| Error::Model {
            path: checkpoint.path,
            problem: plain(error),
            remedy: "the checkpoint belongs to another experiment; start a new run".into(),
        })
    }
}

fn no_such_stage() -> Error {
    Error::Compute { problem: "a stage has no trainer".into() }
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
