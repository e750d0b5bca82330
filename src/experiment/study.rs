//! A study as a run: in a folder of its own, with the logs of every run, and its statement judged at the end.

use super::account::Account;
use super::clock::Stopwatch;
use super::config::{Loaded, StudyExperiment, holds_study, resolved, text_of};
use super::journal::file_name;
use super::observe::{Ended, Metrics, Observe, Progress, Record, TensorBoard, Value};
use super::run::{Options, label};
use super::{Error, Provenance, Result, RunFolder, data, quoted, report};
use crate::math::{self, Stream};
use crate::studies::{Bundled, Figure, Findings, Judgement, Laboratory, Mark, Study, Verdict, verdict};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs::File;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};

/// What a study found and what that says of its statement: the `results.json` of its run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StudyResults {
    /// The name of the experiment.
    pub name: String,
    /// The statement: the comment that the experiment file opens with.
    pub statement: String,
    /// Seed of the run.
    pub seed: u64,
    /// Every criterion and what was obtained.
    pub judgements: Vec<Judgement>,
    /// The verdict over all of them.
    pub verdict: Verdict,
    /// Why the statement is known not to hold here.
    pub refuted_because: Option<String>,
    /// Seconds that the study took.
    pub seconds: f64,
    /// Everything found.
    pub findings: Findings,
}

impl StudyResults {
    /// Holds what was found against what was expected.
    pub fn judge(loaded: &Loaded<StudyExperiment>, findings: Findings, seconds: f64) -> Self {
        let experiment = &loaded.experiment;
        let judgements: Vec<Judgement> = experiment.expect.iter().map(|criterion| criterion.judge(&findings)).collect();
        Self {
            name: experiment.name.clone(),
            statement: statement(&loaded.text),
            seed: experiment.seed,
            verdict: verdict(&judgements),
            judgements,
            refuted_because: experiment.refuted_because.clone(),
            seconds,
            findings,
        }
    }
}

impl StudyResults {
    /// What is wrong with how the statement came out; none where that is as its file says. An undecided one contradicts nothing,
    /// and neither does a measure of time.
    pub fn contradiction(&self) -> Option<String> {
        let name = &self.name;
        for Judgement { criterion, obtained, .. } in &self.judgements {
            let quantity = &criterion.quantity;
            match obtained {
                None => return Some(format!("{name} expects {quantity}, which its study does not find")),
                Some(obtained) if obtained.value.is_nan() => return Some(format!("{name}: {quantity} is no number")),
                Some(_) => {}
            }
        }
        match (self.verdict, &self.refuted_because) {
            (Verdict::Refuted, None) if self.judgements.iter().any(Judgement::contradicts) => {
                Some(format!("{name} is refuted"))
            }
            (Verdict::Holds, Some(_)) => Some(format!("{name} holds, though its file says why it should not")),
            _ => None,
        }
    }
}

/// Refuses a run of a study where only one that trains a model will do.
pub fn refuse_study(folder: &RunFolder, problem: &str, remedy: &str) -> Result<()> {
    let path = folder.config();
    if !holds_study(&text_of(&path)?) {
        return Ok(());
    }
    let here = folder.path().display();
    let remedy = remedy.replace("CONFIG", &quoted(&path)).replace("RESULTS", &quoted(&folder.results()));
    Err(Error::Refused { problem: format!("{here}: {problem}"), remedy })
}

/// A study that went through.
pub struct FinishedStudy {
    /// Its folder.
    pub folder: RunFolder,
    /// What came out.
    pub results: StudyResults,
}

/// Runs a study in a folder of its own.
pub fn run_study(loaded: &Loaded<StudyExperiment>, options: &Options) -> Result<FinishedStudy> {
    let experiment = &loaded.experiment;
    let mut progress = Progress::new(options.verbosity);
    let folder = RunFolder::create(&options.runs, &label(&experiment.name, experiment.seed, &loaded.overrides))?;
    let opened = Opened::begin(&folder, loaded)?;
    progress.note(&format!("run folder: {}", folder.path().display()));
    let found = compute(experiment, &mut progress, options.interrupted);
    progress.finish();
    let results = opened.end(found)?;
    Ok(FinishedStudy { folder, results })
}

/// A run of a study that has begun.
pub struct Opened<'a> {
    folder: &'a RunFolder,
    loaded: &'a Loaded<StudyExperiment>,
    account: Account<'a>,
    /// Held until the run is over.
    _claim: File,
}

impl<'a> Opened<'a> {
    /// Writes down what is going to be run.
    pub fn begin(folder: &'a RunFolder, loaded: &'a Loaded<StudyExperiment>) -> Result<Self> {
        let account = Account::open(folder, Provenance::of_study(loaded.experiment.seed))?;
        let text = format!("{}\n{}", opening(&loaded.text), resolved(&loaded.experiment));
        folder.write_text(&folder.config(), &text)?;
        Ok(Self { folder, loaded, account, _claim: folder.claim()? })
    }

    /// Judges and writes down what was found in so many seconds, or that nothing was.
    pub fn end(self, found: Result<(Findings, f64)>) -> Result<StudyResults> {
        let outcome = found.and_then(|(findings, seconds)| {
            let results = StudyResults::judge(self.loaded, findings, seconds);
            record(self.folder, &results).map(|()| results)
        });
        self.account.close(0, &outcome, None)?;
        outcome
    }
}

/// Computes a study without writing anything: what it found, and in how many seconds.
pub fn compute(
    experiment: &StudyExperiment,
    progress: &mut Progress,
    interrupted: &AtomicBool,
) -> Result<(Findings, f64)> {
    let clock = Stopwatch::start();
    let mut lab = Workbench { progress, interrupted, clock, stage: String::new(), of: 0 };
    let run = AssertUnwindSafe(|| experiment.study.run(Stream::new(experiment.seed), &mut lab));
    // Settings that a study was not made for can break it anywhere, libraries included.
    let outcome = catch_unwind(run).unwrap_or_else(|_| math::bail!("it broke down; see above"));
    if outcome.is_err() && interrupted.load(Ordering::Relaxed) {
        let name = &experiment.name;
        return Err(Error::Broken {
            problem: format!("{name} was interrupted; a study is computed in one go and nothing of it is kept"),
            remedy: "run it again".into(),
        });
    }
    let findings = outcome.map_err(|error| Error::Refused {
        problem: format!("{} cannot be computed with these settings: {}", experiment.name, Error::from(error)),
        remedy: "go back towards the defaults, which `dbm config show` marks; if none were changed, please report this"
            .into(),
    })?;
    lab.over();
    Ok((findings, clock.seconds()))
}

/// The comment lines that a file opens with, as they stand.
fn opening(text: &str) -> String {
    text.lines().take_while(|line| line.starts_with('#')).map(|line| format!("{line}\n")).collect()
}

/// The first comment line of a file, as a sentence.
pub fn statement(text: &str) -> String {
    text.lines().next().and_then(|line| line.strip_prefix('#')).unwrap_or_default().trim().to_string()
}

/// Writes the findings: `results.json`, the figures, the archive, and one TensorBoard run for each run that the curves name.
fn record(folder: &RunFolder, results: &StudyResults) -> Result<()> {
    let mut archive = Metrics::create(&folder.metrics())?;
    let mut boards: BTreeMap<&str, BTreeMap<u64, Record>> = BTreeMap::new();
    for series in &results.findings.series {
        let board = boards.entry(series.run.as_str()).or_default();
        for (step, value) in &series.points {
            board.entry(*step).or_insert_with(|| Record::new(*step)).scalar(series.tag.clone(), *value);
            let prefix = if series.run.is_empty() { String::new() } else { format!("{}/", series.run) };
            let mut line = Record::new(*step);
            line.scalar(format!("{prefix}{}", series.tag), *value);
            archive.record(&line)?;
        }
    }
    let mut own = Record::new(0);
    for quantity in &results.findings.quantities {
        own.scalar(format!("findings/{}", quantity.name), quantity.value);
    }
    archive.record(&own)?;
    archive.finish(Ended::Finished)?;
    let last = boards.get("").and_then(|records| records.keys().last()).copied().unwrap_or(0);
    let own = boards.entry("").or_default().entry(last).or_insert_with(|| Record::new(last));
    for figure in &results.findings.figures {
        for mark in figure.marks.iter().filter(|mark| matches!(mark, Mark::Tiles { .. })) {
            own.push(format!("figures/{}", figure.title), Value::Image(report::picture(mark)?));
        }
    }
    boards.retain(|_, records| records.values().any(|record| !record.entries.is_empty()));
    for (run, records) in boards {
        let path = if run.is_empty() { folder.path().to_path_buf() } else { folder.scheme_events(&file_name(run)) };
        let mut board = TensorBoard::create(&path, 0)?;
        records.values().try_for_each(|record| board.record(record))?;
        board.finish(Ended::Finished)?;
    }
    draw(folder, &results.findings.figures)?;
    folder.write_json(&folder.results(), results)
}

/// Writes every figure as a file of its own.
fn draw(folder: &RunFolder, figures: &[Figure]) -> Result<()> {
    if figures.is_empty() {
        return Ok(());
    }
    let place = folder.figures();
    std::fs::create_dir_all(&place).map_err(Error::io("create the folder", &place))?;
    for (at, figure) in figures.iter().enumerate() {
        let letter = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { ' ' };
        let words: String = figure.title.chars().map(letter).collect();
        let name: Vec<&str> = words.split_whitespace().take(8).collect();
        let path = place.join(format!("{}-{}.svg", at + 1, name.join("-")));
        folder.write_text(&path, &report::svg(figure)?)?;
    }
    Ok(())
}

/// The surroundings of a study in this program.
struct Workbench<'a> {
    progress: &'a mut Progress,
    interrupted: &'a AtomicBool,
    clock: Stopwatch,
    stage: String,
    /// Pieces of the stage.
    of: usize,
}

impl Workbench<'_> {
    /// Shows that the last stage is done.
    fn over(&mut self) {
        self.progress.advance(self.of as u64, None);
    }
}

impl Laboratory for Workbench<'_> {
    fn at(&mut self, what: &str, done: usize, of: usize) -> math::Result<()> {
        if self.interrupted.load(Ordering::Relaxed) {
            math::bail!("interrupted");
        }
        if self.stage != what {
            self.stage = what.to_string();
            self.progress.stage(what, of as u64, done as u64);
        }
        self.of = of;
        self.progress.advance(done as u64, None);
        Ok(())
    }

    fn seconds(&self) -> f64 {
        self.clock.seconds()
    }

    fn bundled(&self, name: &str) -> math::Result<Bundled> {
        data::bundled(name).map_err(|error| candle_core::Error::msg(error.to_string()))
    }
}
