//! The one loop: batch, step, record; save, draw and evaluate at the ends of epochs.

use super::account::Account;
use super::batch::Batch;
use super::checkpoint::{Checkpoints, Position};
use super::config::{Course, Experiment, LogPartition};
use super::data::Dataset;
use super::fine_tuning::Tuning;
use super::judge::{Portion, Request};
use super::kinds::Seen;
use super::observe::{Occasion, Record};
use super::patience::Mark;
use super::phase::{Phase, Snapshot, TRAINER_PREFIX};
use super::profile::{Profiler, Share};
use super::results::Results;
use super::stages::Stage;
use super::{Error, Journal, Known, Result, RunFolder, setup};
use crate::learning::{Measurements, Moves, Update};
use crate::math::{Stream, Tensor, host};
use rand::seq::SliceRandom;
use std::sync::atomic::{AtomicBool, Ordering};

/// Held-out examples that pictures are of.
const PICTURED: usize = 100;

/// A run at work.
pub struct Driver<'a> {
    pub experiment: &'a Experiment,
    pub dataset: &'a Dataset,
    /// Mean of each visible unit over the training examples.
    pub visible_means: Vec<f64>,
    /// How many classes the model has label units for, where it has some.
    pub classes: Option<usize>,
    pub folder: &'a RunFolder,
    pub journal: Journal,
    pub account: Account<'a>,
    pub checkpoints: Checkpoints,
    /// The root of all random streams.
    pub root: Stream,
    pub position: Position,
    /// Whether the run goes on from a checkpoint, and has not moved yet.
    pub resumed: bool,
    /// Index of the last stage; what follows it judges and draws the end of the run.
    pub last_stage: usize,
    /// The step of the last evaluation on the way that this process made.
    pub judged: Option<u64>,
    /// Set by Ctrl-C.
    pub interrupted: &'a AtomicBool,
    /// Is told what the run is at.
    pub profiler: &'a Profiler,
    /// What fine-tuning works on, from its beginning on.
    pub tuning: Option<Tuning>,
}

impl<'a> Driver<'a> {
    /// Takes a phase through the rest of a stage.
    pub fn stage(&mut self, stage: &Stage, phase: &mut dyn Phase) -> Result<()> {
        let examples = self.dataset.train.len();
        let (per_epoch, steps, profiler) = (stage.steps_per_epoch(examples), stage.steps(examples), self.profiler);
        self.journal.progress.stage(&stage.name, steps, self.position.stage_step);
        profiler.during(Share::Data, || self.prepare(stage, phase))?;
        if std::mem::take(&mut self.resumed) {
            // A checkpoint is older than what is seen and judged at its step; the logs have dropped that.
            profiler.during(Share::Logging, || self.look(stage, phase))?;
        }
        let mut order = Vec::new();
        while !self.over(stage, phase) {
            let within = self.position.stage_step % per_epoch;
            if within == 0 || order.is_empty() {
                let epoch = self.position.stage_step / per_epoch;
                order = match stage.shuffled {
                    true => profiler.during(Share::Data, || self.order(examples, epoch)),
                    false => (0..examples).collect(),
                };
            }
            let from = within as usize * stage.batch_size;
            let rows = &order[from..from.saturating_add(stage.batch_size).min(examples)];
            let batch = profiler.during(Share::Data, || self.batch(stage, rows))?;
            let update = Update { beside: batch.beside(), ..self.update(stage, steps) };
            // The trainer tells of its parts itself.
            let measurements = profiler.during(Share::Other, || phase.step(&batch.visible, update))?;
            self.position.stage_step += 1;
            self.position.step += 1;
            profiler.during(Share::Logging, || {
                self.note(&update, &measurements)?;
                self.after_step(stage, phase)
            })?;
        }
        Ok(())
    }

    /// The examples at `rows`, as the present step sees them, with their labels where the model has units for them.
    fn batch(&self, stage: &Stage, rows: &[usize]) -> Result<Batch> {
        match self.tuning.as_ref().filter(|_| stage.finetune.is_some()) {
            Some(tuning) => tuning.train.batch(rows),
            None => {
                let mut batch =
                    Batch::of(self.dataset, rows, stage, self.root.named("presentation").at(self.position.step))?;
                batch.visible = setup::labels_of_rows(batch.visible, &self.dataset.train, rows, self.classes)?;
                Ok(batch)
            }
        }
    }

    /// The order of the examples in one epoch of the present stage.
    fn order(&self, examples: usize, epoch: u64) -> Vec<usize> {
        let stream = self.root.named("shuffle").at(self.position.stage as u64).at(epoch);
        let mut order: Vec<usize> = (0..examples).collect();
        order.shuffle(&mut stream.generator());
        order
    }

    fn update<'s>(&self, stage: &'s Stage, steps: u64) -> Update<'s>
    where
        'a: 's,
    {
        let done = self.position.stage_step as f64;
        // The rates of the last update are those that the course ends at.
        let along = done / steps.saturating_sub(1).max(1) as f64;
        let now = |course: Course| course.after(along, done / (steps as f64 / stage.epochs as f64));
        let every = self.experiment.log.every_steps as u64;
        Update {
            progress: done / steps.max(1) as f64,
            measured: every > 0 && (self.position.step + 1).is_multiple_of(every),
            listener: self.profiler.listener(),
            moves: Moves { momentum: Some(stage.momenta.map(now)), rules: stage.rules.as_ref() },
            ..Update::new(
                self.root.named("update").at(self.position.step),
                [now(stage.learning_rate), now(stage.network_learning_rate)],
            )
        }
    }

    /// Writes the measurements of an update; refuses to go on with values that are not numbers.
    fn note(&mut self, update: &Update, measurements: &Measurements) -> Result<()> {
        let step = self.position.step;
        if let Some((measure, value)) = measurements.0.iter().find(|(_, value)| !value.is_finite()) {
            return Err(Error::Diverged { step, measure: measure.clone(), value: *value });
        }
        let reconstruction = measurements.get("reconstruction_error_mean");
        let headline = reconstruction.map(|error| format!("reconstruction {error:.4}"));
        let cross_entropy = measurements.get("cross_entropy_nats_mean");
        let headline = headline.or(cross_entropy.map(|nats| format!("cross-entropy {nats:.4}")));
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

    /// Saves where that is due, and stops there if asked to; then draws and judges.
    fn after_step(&mut self, stage: &Stage, phase: &dyn Phase) -> Result<()> {
        let settings = &self.experiment.checkpoint;
        if self.due(stage, 1) {
            self.check_finite(&phase.snapshot()?)?;
        }
        let go_on = self.go_on();
        let by_steps = settings.every_steps as u64;
        let save = self.due(stage, settings.every_epochs)
            || (by_steps > 0 && self.position.stage_step.is_multiple_of(by_steps))
            || self.over(stage, phase)
            // Judging can be stopped too, or fail.
            || self.due(stage, self.experiment.evaluate.every_epochs);
        if save || go_on.is_err() {
            self.save(phase)?;
        }
        if go_on.is_err() {
            self.journal.progress.note(&format!("{}: stopping after this update", stage.name));
        }
        go_on.and_then(|()| self.look(stage, phase))
    }

    /// Whether what happens every so many epochs, 0 for never, happens now.
    fn due(&self, stage: &Stage, every: usize) -> bool {
        let (done, per_epoch) = (self.position.stage_step, stage.steps_per_epoch(self.dataset.train.len()));
        every > 0 && done > 0 && done.is_multiple_of(per_epoch * every as u64)
    }

    fn over(&self, stage: &Stage, phase: &dyn Phase) -> bool {
        let used_up = self.position.stage_step >= stage.steps(self.dataset.train.len());
        used_up || phase.finished() || self.lost_patience(stage)
    }

    /// Whether the bound has not risen for as many evaluations as the stage waits.
    fn lost_patience(&self, stage: &Stage) -> bool {
        stage.patience.is_some_and(|patience| self.position.standing.since >= patience)
    }

    /// Draws and judges what is due, except at the end of the last stage, which has a conclusion of its own.
    fn look(&mut self, stage: &Stage, phase: &dyn Phase) -> Result<()> {
        if self.over(stage, phase) && self.position.stage == self.last_stage {
            return Ok(());
        }
        if stage.finetune.is_some() {
            // The machine rests and is judged at the end.
            self.draw(stage, phase)?;
            return if self.due(stage, 1) { self.classify_held_out(phase) } else { Ok(()) };
        }
        let judged = self.due(stage, self.experiment.evaluate.every_epochs);
        if judged && stage.patience.is_some() {
            self.evaluate(phase)?;
            if self.lost_patience(stage) {
                let (name, since) = (&stage.name, self.position.standing.since);
                self.journal
                    .progress
                    .note(&format!("{name}: no better bound in {since} evaluations, so it stops here"));
                if self.position.stage == self.last_stage {
                    return Ok(());
                }
            }
            return self.draw(stage, phase);
        }
        self.draw(stage, phase)?;
        if judged { self.evaluate(phase) } else { Ok(()) }
    }

    /// Draws what is due.
    fn draw(&mut self, stage: &Stage, phase: &dyn Phase) -> Result<()> {
        let log = &self.experiment.log;
        let (histograms, images) =
            (self.due(stage, log.histograms_every_epochs), self.due(stage, log.images_every_epochs));
        if !histograms && !images {
            return Ok(());
        }
        let pictures = || self.pictures(&phase.snapshot()?, [histograms, images], false);
        let pictures = self.profiler.during(Share::Evaluation, pictures)?;
        self.journal.record(&pictures)
    }

    /// An error once Ctrl-C was pressed.
    fn go_on(&self) -> Result<()> {
        if self.interrupted.load(Ordering::Relaxed) {
            return Err(Error::Interrupted { run: self.folder.path().to_path_buf(), step: self.position.step });
        }
        Ok(())
    }

    /// Shows how far a piece of work on saved parameters is; an error once Ctrl-C was pressed.
    pub fn watch(&mut self, verb: &str, Portion { what, done, of }: Portion) -> Result<()> {
        self.journal.progress.aside(&format!("{verb} {what} {done}/{of}"));
        self.go_on()
    }

    /// Saves everything needed to go on from here, unless there is nothing to go on with: broken numbers must not push out whole
    /// checkpoints.
    pub fn save(&mut self, phase: &dyn Phase) -> Result<()> {
        let snapshot = phase.snapshot()?;
        self.check_finite(&snapshot)?;
        self.journal.flush()?;
        self.checkpoints.save(self.position, &tensors(&snapshot)?)?;
        self.account.saved(self.position.step)
    }

    fn check_finite(&self, snapshot: &Snapshot) -> Result<()> {
        match broken(snapshot)? {
            Some((measure, value)) => Err(Error::Diverged { step: self.position.step, measure, value }),
            None => Ok(()),
        }
    }

    /// Histograms and pictures; an empty record where neither is wanted.
    pub fn pictures(&self, snapshot: &Snapshot, [histograms, images]: [bool; 2], finished: bool) -> Result<Record> {
        let mut record = Record::new(self.position.step);
        if !histograms && !images {
            return Ok(record);
        }
        let visible = self.held_out(&setup::spread(self.dataset.held_out().len(), PICTURED))?;
        let stream = self.root.named("pictures");
        let shape = self.dataset.shape;
        let seen = Seen { visible: &visible, tensors: &snapshot.tensors, shape, stream, finished };
        if histograms {
            snapshot.model.kind().histograms(seen, &mut record)?;
        }
        if images {
            snapshot.model.kind().images(seen, &mut record)?;
        }
        Ok(record)
    }

    /// Judges the schemes on held-out examples and keeps the best model.
    fn evaluate(&mut self, phase: &dyn Phase) -> Result<()> {
        let results = self.profiler.during(Share::Evaluation, || self.judge_held_out(phase, &mut Known::default()))?;
        self.take_note(&results, phase)
    }

    /// Writes down an evaluation on the way and keeps the best model.
    pub fn take_note(&mut self, results: &Results, phase: &dyn Phase) -> Result<()> {
        self.judged = Some(self.position.step);
        self.journal.compare(Occasion::OnTheWay, self.position.step, results)?;
        for warning in results.warnings.iter().chain(&results.cautions) {
            self.journal.progress.note(&format!("step {}: {warning}", self.position.step));
        }
        self.keep_best(results, phase)
    }

    /// Judges on the held-out examples of the evaluations on the way.
    pub fn judge_held_out(&mut self, phase: &dyn Phase, known: &mut Known) -> Result<Results> {
        let (examples, most) = (self.dataset.held_out(), self.experiment.evaluate.examples);
        let rows = setup::spread(examples.len(), most);
        let visible = setup::labels_of_rows(self.held_out(&rows)?, examples, &rows, self.classes)?;
        self.judge(&phase.snapshot()?, &visible, &self.experiment.evaluate.log_partition, known)
    }

    /// Judges the schemes on `visible` `[examples, visible]`, which may have labels beside them; stops at once after Ctrl-C.
    ///
    /// ln Z is taken from what is `known` of this very state of the run, and is known afterwards.
    pub fn judge(
        &mut self,
        snapshot: &Snapshot,
        visible: &Tensor,
        log_partition: &LogPartition,
        known: &mut Known,
    ) -> Result<Results> {
        let request = self.request(log_partition);
        // The same draws for every evaluation of a run, the last one included: differences between steps are then those of the
        // models, less of the luck of an estimate.
        let stream = self.root.named("final evaluation");
        let watch = &mut |portion: Portion| self.watch("judging:", portion);
        let results = snapshot.model.kind().judge(visible, &request, known, stream, watch);
        self.journal.progress.aside_over();
        results
    }

    /// The schemes of the experiment.
    pub fn request(&self, log_partition: &LogPartition) -> Request<'a> {
        Request {
            data: &self.dataset.judged,
            schemes: self.experiment.evaluate.schemes.iter().map(|s| (s.to_string(), s.clone())).collect(),
            log_partition: log_partition.clone(),
            visible_means: Some(self.visible_means.clone()),
            per_example: false,
        }
    }

    /// Saves the model apart if it beats the best so far, by the highest score of any scheme, and counts the evaluations that are not
    /// clearly better.
    fn keep_best(&mut self, results: &Results, phase: &dyn Phase) -> Result<()> {
        let found = Mark::of(results);
        let best = self.position.best.map(|(score, _)| Mark { score, error: 0.0, doubtful: self.position.doubtful });
        let Mark { score, doubtful, .. } = found;
        self.position.standing = self.position.standing.after(found);
        if score.is_finite() && best.is_none_or(|best| found.beats(&best, 0.0)) {
            self.position = Position { best: Some((score, self.position.step)), doubtful, ..self.position };
            if self.experiment.checkpoint.best {
                self.checkpoints.save_best(self.position, &tensors(&phase.snapshot()?)?)?;
            }
        }
        Ok(())
    }

    /// These of the held-out examples: of validation where there are some, else of test.
    fn held_out(&self, rows: &[usize]) -> Result<Tensor> {
        self.dataset.held_out().batch(rows, self.root.named("held out"))
    }
}

/// The first parameter that is no finite number: the name of its tensor, and its value.
pub fn broken(snapshot: &Snapshot) -> Result<Option<(String, f64)>> {
    for (name, tensor) in snapshot.model.kind().tensors()? {
        if let Some(&value) = host(&tensor)?.iter().find(|value| !value.is_finite()) {
            return Ok(Some((name, value)));
        }
    }
    Ok(None)
}

/// Model and trainer state under the names of a checkpoint.
fn tensors(snapshot: &Snapshot) -> Result<Vec<(String, Tensor)>> {
    let mut tensors = snapshot.model.kind().tensors()?;
    let own = snapshot.tensors.iter();
    tensors.extend(own.map(|(name, tensor)| (format!("{TRAINER_PREFIX}{name}"), tensor.clone())));
    Ok(tensors)
}
