//! A run from beginning to end, and the continuation of one that stopped.

use super::account::Account;
use super::batch::refuse_unlabelled;
use super::checkpoint::{Checkpoints, Position};
use super::conclusion::conclude;
use super::config::{Experiment, Loaded, load, resolved};
use super::data::Dataset;
use super::driver::Driver;
use super::fine_tuning::refuse_untestable;
use super::observe::{Ended, Progress, Verbosity};
use super::phase::Phase;
use super::profile::{Profile, Profiler, Share};
use super::results::Results;
use super::stages::{Stage, stages};
use super::start::{Start, initial_stream};
use super::study::refuse_study;
use super::{Error, Journal, Provenance, Result, Resumed, RunFolder, Standing, Status, inherited, setup};
use crate::math::Stream;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

/// Said where what is chosen on the way and the final comparison rest on the same examples.
const OPTIMISTIC: &str = "no validation examples: the best checkpoint, and when to stop, are chosen on the test examples, so the score is \
                          optimistic; set data.split.validation";

/// How a run is made, beside what its experiment file says.
pub struct Options<'a> {
    /// Where run folders go.
    pub runs: PathBuf,
    /// How much is shown.
    pub verbosity: Verbosity,
    /// Set by Ctrl-C: finish the update, save, stop; an evaluation is broken off.
    pub interrupted: &'a AtomicBool,
    /// Whether to find out what the time is spent on.
    pub profile: bool,
}

/// A run that went through.
pub struct Finished {
    /// Its folder.
    pub folder: RunFolder,
    /// Its last comparison.
    pub results: Results,
    /// What its time was spent on, where that was asked for.
    pub profile: Option<Profile>,
}

/// A run that did not go through.
pub struct Stopped {
    /// What stopped it.
    pub error: Error,
    /// What its time was spent on up to there, where that was asked for and the run had begun.
    pub profile: Option<Profile>,
}

impl From<Error> for Stopped {
    fn from(error: Error) -> Self {
        Self { error, profile: None }
    }
}

/// How a run ended.
pub type Outcome = std::result::Result<Finished, Stopped>;

/// Runs an experiment in a folder of its own.
pub fn run(loaded: &Loaded, options: &Options) -> Outcome {
    let label = label(&loaded.experiment.name, loaded.experiment.seed, &loaded.overrides);
    run_in(loaded, options, || RunFolder::create(&options.runs, &label))
}

/// Runs an experiment in the folder that `create` makes. Nothing is written before the file and the data have been checked.
pub fn run_in(loaded: &Loaded, options: &Options, create: impl FnOnce() -> Result<RunFolder>) -> Outcome {
    let experiment = &loaded.experiment;
    setup::kernels(experiment.kernels)?;
    let (profiler, mut progress) = (Profiler::start(options.profile), Progress::new(options.verbosity));
    let dataset = profiler.during(Share::Data, || prepared(experiment, &mut progress))?;
    let start = Start::fresh(experiment, &dataset)?;
    let began_at = inherited::file(experiment.model.machine())?;
    let folder = create()?;
    // First: a folder with a config.toml is one that `dbm runs` can tell about.
    let account = Account::open(&folder, Provenance::begin(experiment, &dataset, began_at))?;
    folder.write_text(&folder.config(), &resolved(experiment))?;
    let _claim = folder.claim()?;
    progress.note(&format!("run folder: {}", folder.path().display()));
    let journal = Journal::open(&folder, experiment, None, progress)?;
    let interrupted = options.interrupted;
    Work { experiment, dataset: &dataset, folder: &folder, interrupted, profiler }.accounted(account, journal, start)
}

/// Continues a run from its newest whole checkpoint; the result is that of an uninterrupted run, bit for bit. `changes` are
/// settings of the machine, as in `device=cpu`, that replace those of the run's file.
pub fn resume(path: &Path, changes: &[String], options: &Options) -> Outcome {
    let folder = RunFolder::open(path)?;
    let nothing = "a study is computed in one go; there is nothing to resume";
    refuse_study(&folder, nothing, "compute it anew with: dbm run CONFIG")?;
    let _claim = folder.claim()?;
    let mut provenance = folder.provenance()?;
    let (profiler, mut progress) = (Profiler::start(options.profile), Progress::new(options.verbosity));
    if provenance.status == Status::Finished {
        progress.note("this run is finished already; these are its results");
        if !changes.is_empty() {
            let ignored = changes.join(" and ");
            progress.note(&format!("nothing is left to compute, so {ignored} changes nothing"));
        }
        let results = folder.read_json(&folder.results())?;
        return Ok(Finished { folder, results, profile: provenance.profile });
    }
    if let Some(problem) = provenance.error.as_ref().filter(|error| Error::tells_of_divergence(error)) {
        // Its bits being what they are, it would diverge again.
        return Err(Error::Model {
            path: path.to_path_buf(),
            problem: format!("cannot go on: {problem}"),
            remedy: Error::AFTER_DIVERGENCE.into(),
        }
        .into());
    }
    let experiment = load(&folder.config(), changes)?.experiment;
    setup::kernels(experiment.kernels)?;
    let dataset = profiler.during(Share::Data, || prepared(&experiment, &mut progress))?;
    dataset.expect_files(&provenance.data, path)?;
    let checkpoints = Checkpoints::new(folder.path(), experiment.checkpoint.keep);
    let (checkpoint, warnings) = checkpoints.newest(&setup::device(experiment.device)?)?;
    warnings.iter().for_each(|warning| progress.note(&format!("warning: {warning}")));
    let start = Start::at(checkpoint, &experiment, &dataset)?;
    let step = start.position.step;
    progress.note(&format!("resuming {} after step {step}", folder.path().display()));
    folder.remove_partial_files()?;
    let resumed = Resumed::now(&experiment);
    resumed.origin.differences(&provenance.origin).iter().for_each(|difference| progress.note(difference));
    provenance.resumed.push(resumed);
    provenance.steps = step;
    let account = Account::open(&folder, provenance)?;
    let journal = Journal::open(&folder, &experiment, Some(step), progress)?;
    let (experiment, interrupted) = (&experiment, options.interrupted);
    Work { experiment, dataset: &dataset, folder: &folder, interrupted, profiler }.accounted(account, journal, start)
}

/// Loads the data and says what was done to it.
fn prepared(experiment: &Experiment, progress: &mut Progress) -> Result<Dataset> {
    let mut dataset = setup::dataset(experiment)?;
    setup::affordable(experiment, &dataset)?;
    let plan = stages(experiment, &dataset);
    refuse_unlabelled(&plan, &dataset)?;
    refuse_untestable(&plan, &dataset)?;
    let stops = experiment.train.as_ref().is_some_and(|train| train.stop.is_some());
    let chooses = (experiment.checkpoint.best || stops) && experiment.evaluate.every_epochs > 0;
    if chooses && dataset.validation.is_none() {
        dataset.notes.push(OPTIMISTIC.into());
    }
    experiment.notes().iter().for_each(|note| progress.note(note));
    progress.note(&format!("data: {}", dataset.name));
    dataset.notes.iter().for_each(|note| progress.note(&format!("  {note}")));
    Ok(dataset)
}

/// The experiment's name, what was changed on the command line, and the seed.
pub fn label(name: &str, seed: u64, overrides: &[String]) -> String {
    const MOST_BYTES: usize = 100;
    // The words of a change as they were typed, without the marks that a folder's name cannot have.
    let word = |change: &String| {
        let marks: String = change.chars().map(|c| if ",/:".contains(c) { '-' } else { c }).collect();
        marks.chars().filter(|c| c.is_alphanumeric() || "-_.=+".contains(*c)).collect::<String>()
    };
    let words = overrides.iter().map(word);
    let words = words.filter(|word| !word.starts_with("seed=") && !word.starts_with("name="));
    let changes: String = words.map(|word| format!("-{word}")).collect();
    let end = changes.char_indices().map(|(at, c)| at + c.len_utf8()).take_while(|end| *end <= MOST_BYTES).last();
    format!("{name}{}-s{seed}", &changes[..end.unwrap_or(0)])
}

/// What a run works on.
struct Work<'a> {
    experiment: &'a Experiment,
    dataset: &'a Dataset,
    folder: &'a RunFolder,
    interrupted: &'a AtomicBool,
    profiler: Profiler,
}

impl Work<'_> {
    /// Does the work and writes down how it ended.
    fn accounted(&self, account: Account, journal: Journal, start: Start) -> Outcome {
        let mut driver = Driver {
            experiment: self.experiment,
            dataset: self.dataset,
            visible_means: self.profiler.during(Share::Data, || self.dataset.train.mean()),
            classes: self.dataset.classes().filter(|_| self.experiment.model.has_labels()),
            folder: self.folder,
            journal,
            account,
            checkpoints: Checkpoints::new(self.folder.path(), self.experiment.checkpoint.keep),
            root: Stream::new(self.experiment.seed),
            position: start.position,
            resumed: start.resumed,
            last_stage: start.plan.len().saturating_sub(1),
            judged: None,
            interrupted: self.interrupted,
            profiler: &self.profiler,
            tuning: None,
        };
        let outcome = work(&mut driver, &start.plan, start.phase);
        let ended = match &outcome {
            Ok(_) => Ended::Finished,
            // Once there is space on the disk again, the run can go on.
            Err(Error::Interrupted { .. } | Error::Io { .. }) => Ended::Interrupted,
            Err(_) => Ended::Failed,
        };
        let last_words = self.profiler.during(Share::Logging, || driver.journal.finish(ended));
        // How the work itself ended says more than last words that could not be written.
        let outcome = outcome.and_then(|results| last_words.map(|()| results));
        let profile = self.profiler.profile();
        let written = driver.account.close(driver.position.step, &outcome, profile.clone());
        match outcome.and_then(|results| written.map(|()| results)) {
            Ok(results) => Ok(Finished { folder: self.folder.clone(), results, profile }),
            Err(error) if self.folder.can_go_on() => Err(Stopped { error: error.of_run(self.folder.path()), profile }),
            Err(error) => Err(Stopped { error, profile }),
        }
    }
}

/// Every stage from where the run stands, then the conclusion.
fn work(driver: &mut Driver, plan: &[Stage], mut phase: Box<dyn Phase>) -> Result<Results> {
    if !driver.resumed {
        // So that a run killed early can be resumed too.
        driver.profiler.during(Share::Logging, || driver.save(phase.as_ref()))?;
    }
    for (index, stage) in plan.iter().enumerate().skip(driver.position.stage) {
        if index > driver.position.stage {
            let standing = Standing::default();
            driver.position = Position { stage: index, stage_step: 0, standing, ..driver.position };
            phase = stage.algorithm.begin(phase.snapshot()?, initial_stream(driver.root, index))?;
        }
        driver.stage(stage, phase.as_mut())?;
    }
    driver.profiler.during(Share::Evaluation, || conclude(driver, phase.as_ref()))
}
