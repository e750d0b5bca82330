//! The one loop: batch, step, record; evaluate, draw and save at the ends of epochs.

use super::checkpoint::{Checkpoints, Position};
use super::config::{Experiment, LogPartition};
use super::data::Dataset;
use super::judge::{Request, judge};
use super::model_file::public_tensors;
use super::observe::Record;
use super::pictures::View;
use super::results::Results;
use super::stages::Stage;
use super::{Error, Journal, Result, setup};
use crate::learning::{Measurements, State, Trainer, Update};
use crate::math::{Layers, Stream, Tensor, host};
use rand::seq::SliceRandom;
use std::sync::atomic::{AtomicBool, Ordering};

/// Prefix of a trainer's own tensors in a checkpoint.
pub const TRAINER_PREFIX: &str = "trainer.";

/// A run at work.
pub struct Driver<'a> {
    pub experiment: &'a Experiment,
    pub dataset: &'a Dataset,
    pub journal: Journal,
    pub checkpoints: Checkpoints,
    /// The root of all random streams.
    pub root: Stream,
    pub position: Position,
    /// Index of the last stage; what follows it judges and draws the end of the run.
    pub last_stage: usize,
    /// Set by Ctrl-C.
    pub interrupted: &'a AtomicBool,
    /// Where to go on, for the message of an interruption.
    pub run: std::path::PathBuf,
}

impl Driver<'_> {
    /// Takes a trainer through the rest of a stage.
    pub fn stage<T: Trainer>(&mut self, stage: &Stage, trainer: &T, mut state: T::State) -> Result<T::State> {
        let examples = self.dataset.train.len();
        let (per_epoch, steps) = (stage.steps_per_epoch(examples), stage.steps(examples));
        self.journal.progress.stage(&stage.name, steps, self.position.stage_step);
        let mut order = Vec::new();
        while self.position.stage_step < steps {
            let within = self.position.stage_step % per_epoch;
            if within == 0 || order.is_empty() {
                order = self.order(examples, self.position.stage_step / per_epoch);
            }
            let from = within as usize * stage.batch_size;
            let rows = &order[from..(from + stage.batch_size).min(examples)];
            let batch = self.dataset.train.batch(rows, self.root.named("presentation").at(self.position.step))?;
            let update = self.update(stage, steps);
            let (next, measurements) = trainer.step(state, &batch, update)?;
            state = next;
            self.position.stage_step += 1;
            self.position.step += 1;
            self.note(&update, &measurements)?;
            self.after_step(stage, per_epoch, steps, &state)?;
        }
        Ok(state)
    }

    /// The order of the examples in one epoch of the present stage.
    fn order(&self, examples: usize, epoch: u64) -> Vec<usize> {
        let stream = self.root.named("shuffle").at(self.position.stage as u64).at(epoch);
        let mut order: Vec<usize> = (0..examples).collect();
        order.shuffle(&mut stream.generator());
        order
    }

    fn update(&self, stage: &Stage, steps: u64) -> Update {
        let progress = self.position.stage_step as f64 / steps.saturating_sub(1).max(1) as f64;
        let every = self.experiment.log.every_steps as u64;
        Update {
            stream: self.root.named("update").at(self.position.step),
            learning_rate: stage.learning_rate.at(progress),
            network_learning_rate: stage.network_learning_rate.at(progress),
            measured: every > 0 && (self.position.step + 1).is_multiple_of(every),
        }
    }

    /// Writes the measurements of an update; refuses to go on with values that are not numbers.
    fn note(&mut self, update: &Update, measurements: &Measurements) -> Result<()> {
        let step = self.position.step;
        if let Some((measure, value)) = measurements.0.iter().find(|(_, value)| !value.is_finite()) {
            return Err(Error::Diverged { step, measure: measure.clone(), value: *value });
        }
        let headline = measurements.get("reconstruction_error_mean").map(|error| format!("reconstruction {error:.4}"));
        self.journal.progress.advance(self.position.stage_step, headline.as_deref());
        if !update.measured {
            return Ok(());
        }
        let mut record = Record::new(step);
        record.scalar("train/learning_rate", update.learning_rate);
        for (name, value) in &measurements.0 {
            record.scalar(format!("train/{name}"), *value);
        }
        self.journal.record(&record)
    }

    fn after_step<S: State>(&mut self, stage: &Stage, per_epoch: u64, steps: u64, state: &S) -> Result<()> {
        let (done, settings) = (self.position.stage_step, self.experiment);
        let epoch_ended = done.is_multiple_of(per_epoch);
        let epoch = done / per_epoch;
        let due = |every: usize| every > 0 && epoch_ended && epoch.is_multiple_of(every as u64);
        if epoch_ended {
            self.check_finite(state)?;
        }
        // The end of the last stage is drawn and judged on everything, by the caller.
        if done < steps || self.position.stage < self.last_stage {
            self.draw(state, due(settings.log.histograms_every_epochs), due(settings.log.images_every_epochs))?;
            if due(settings.evaluate.every_epochs) {
                self.evaluate(state)?;
            }
        }
        let by_steps = settings.checkpoint.every_steps as u64;
        let save = due(settings.checkpoint.every_epochs) || (by_steps > 0 && done.is_multiple_of(by_steps));
        let interrupted = self.interrupted.load(Ordering::Relaxed);
        if save || done == steps || interrupted {
            self.save(state)?;
        }
        if interrupted {
            self.journal.progress.note(&format!("{}: stopping after this update", stage.name));
            return Err(Error::Interrupted { run: self.run.clone(), step: self.position.step });
        }
        Ok(())
    }

    /// Saves everything needed to go on from here, unless there is nothing to go on with: broken numbers must not push out whole
    /// checkpoints.
    pub fn save<S: State>(&mut self, state: &S) -> Result<()> {
        self.check_finite(state)?;
        self.journal.flush()?;
        let tensors = checkpoint_tensors(state)?;
        self.checkpoints.save(self.position, &tensors)?;
        Ok(())
    }

    fn check_finite<S: State>(&self, state: &S) -> Result<()> {
        for (name, tensor) in public_tensors(&state.dbm()?, Some(&state.network()?)) {
            if let Some(&value) = host(&tensor)?.iter().find(|value| !value.is_finite()) {
                return Err(Error::Diverged { step: self.position.step, measure: name, value });
            }
        }
        Ok(())
    }

    /// Writes histograms and pictures.
    pub fn draw<S: State>(&mut self, state: &S, histograms: bool, images: bool) -> Result<()> {
        if !histograms && !images {
            return Ok(());
        }
        let (dbm, network) = (state.dbm()?, state.network()?);
        let visible = self.held_out(100)?;
        let view = View {
            dbm: &dbm,
            network: &network,
            visible: &visible,
            chains: chains(state, dbm.depth())?,
            shape: self.dataset.shape,
        };
        let mut record = Record::new(self.position.step);
        if histograms {
            view.histograms(&mut record)?;
        }
        if images {
            view.images(&mut record)?;
        }
        self.journal.record(&record)
    }

    /// Judges the schemes on held-out examples and keeps the best model.
    fn evaluate<S: State>(&mut self, state: &S) -> Result<()> {
        let results = self.judge_held_out(state)?;
        self.journal.compare(self.position.step, &results)?;
        for warning in &results.warnings {
            self.journal.progress.note(&format!("step {}: {warning}", self.position.step));
        }
        self.keep_best(&results, state)
    }

    fn judge_held_out<S: State>(&self, state: &S) -> Result<Results> {
        let (dbm, network) = (state.dbm()?, state.network()?);
        let visible = self.held_out(self.experiment.evaluate.examples)?;
        let request = self.request(&self.experiment.evaluate.log_partition);
        let stream = self.root.named("evaluation").at(self.position.step);
        judge(&dbm, Some(&network), &visible, &request, stream, &mut |_| Ok(()))
    }

    /// Compares the model at the end with the best on the way, on the same held-out examples.
    pub fn last_may_be_best<S: State>(&mut self, state: &S) -> Result<()> {
        if self.experiment.evaluate.every_epochs == 0 || !self.experiment.checkpoint.best {
            return Ok(());
        }
        let results = self.judge_held_out(state)?;
        self.keep_best(&results, state)
    }

    /// Saves the model apart if no earlier one had a higher ELBO by any scheme.
    fn keep_best<S: State>(&mut self, results: &Results, state: &S) -> Result<()> {
        let score = results.schemes.iter().map(|scheme| scheme.elbo_nats_mean).fold(f64::NEG_INFINITY, f64::max);
        let better = self.position.best.is_none_or(|(best, _)| score > best);
        if better && score.is_finite() {
            self.position.best = Some((score, self.position.step));
            if self.experiment.checkpoint.best {
                let tensors = checkpoint_tensors(state)?;
                self.checkpoints.save_best(self.position, &tensors)?;
            }
        }
        Ok(())
    }

    /// What the schemes are asked for.
    pub fn request(&self, log_partition: &LogPartition) -> Request<'_> {
        let schemes = self.experiment.evaluate.schemes.iter();
        Request {
            data: &self.dataset.judged,
            schemes: schemes.map(|scheme| (scheme.to_string(), scheme.clone())).collect(),
            log_partition: log_partition.clone(),
            visible_means: Some(self.dataset.train.mean()),
            per_example: false,
        }
    }

    /// The first held-out examples: validation where there is one, else test.
    fn held_out(&self, most: usize) -> Result<Tensor> {
        let examples = self.dataset.validation.as_ref().unwrap_or(&self.dataset.test);
        setup::first(examples, most, self.root)
    }
}

/// Model and trainer state under the names of a checkpoint.
fn checkpoint_tensors<S: State>(state: &S) -> Result<Vec<(String, Tensor)>> {
    let mut tensors = public_tensors(&state.dbm()?, Some(&state.network()?));
    tensors.extend(state.tensors()?.into_iter().map(|(name, tensor)| (format!("{TRAINER_PREFIX}{name}"), tensor)));
    Ok(tensors)
}

/// The persistent chains of a trainer that has them, visible first.
fn chains<S: State>(state: &S, depth: usize) -> Result<Option<Layers>> {
    let tensors = state.tensors()?;
    let layer = |l: usize| tensors.iter().find(|(name, _)| *name == format!("chains.{l}")).map(|(_, t)| t.clone());
    Ok((0..=depth).map(layer).collect())
}
