//! A study as a run: in a folder of its own, with the logs of every run, and its statement judged at the end.

use super::account::Account;
use super::clock::Stopwatch;
use super::config::{Loaded, StudyExperiment, resolved};
use super::observe::{Ended, Metrics, Observe, Progress, Record, TensorBoard};
use super::run::{Options, label};
use super::{Error, Provenance, Result, RunFolder, data};
use crate::math::{self, Stream};
use crate::studies::{Bundled, Findings, Judgement, Laboratory, Study, Verdict, verdict};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
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
    let account = Account::open(&folder, Provenance::of_study(experiment.seed))?;
    folder.write_text(&folder.config(), &format!("{}\n{}", opening(&loaded.text), resolved(experiment)))?;
    let _claim = folder.claim()?;
    progress.note(&format!("run folder: {}", folder.path().display()));
    let outcome = compute(loaded, &mut progress, options.interrupted).and_then(|results| {
        record(&folder, &results)?;
        Ok(results)
    });
    progress.finish();
    account.close(0, &outcome, None)?;
    Ok(FinishedStudy { folder, results: outcome? })
}

/// Computes and judges a study without writing anything.
pub fn compute(
    loaded: &Loaded<StudyExperiment>,
    progress: &mut Progress,
    interrupted: &AtomicBool,
) -> Result<StudyResults> {
    let experiment = &loaded.experiment;
    let clock = Stopwatch::start();
    let mut lab = Workbench { progress, interrupted, clock, stage: String::new() };
    let outcome = experiment.study.run(Stream::new(experiment.seed), &mut lab);
    if interrupted.load(Ordering::Relaxed) {
        return Err(Error::Refused {
            problem: format!(
                "{} was interrupted; a study is computed in one go and nothing of it is kept",
                experiment.name
            ),
            remedy: "run it again".into(),
        });
    }
    let findings = outcome?;
    let judgements: Vec<Judgement> = experiment.expect.iter().map(|criterion| criterion.judge(&findings)).collect();
    Ok(StudyResults {
        name: experiment.name.clone(),
        statement: statement(&loaded.text),
        seed: experiment.seed,
        verdict: verdict(&judgements),
        judgements,
        refuted_because: experiment.refuted_because.clone(),
        seconds: clock.seconds(),
        findings,
    })
}

/// The comment lines that a file opens with, as they stand.
fn opening(text: &str) -> String {
    text.lines().take_while(|line| line.starts_with('#')).map(|line| format!("{line}\n")).collect()
}

/// The first comment line of a file, as a sentence.
pub fn statement(text: &str) -> String {
    text.lines().next().and_then(|line| line.strip_prefix('#')).unwrap_or_default().trim().to_string()
}

/// Writes the findings: `results.json`, the archive, and one TensorBoard run for each run that the curves name.
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
    for (run, records) in boards {
        let path = if run.is_empty() { folder.path().to_path_buf() } else { folder.scheme_events(run) };
        let mut board = TensorBoard::create(&path, 0)?;
        records.values().try_for_each(|record| board.record(record))?;
        board.finish(Ended::Finished)?;
    }
    folder.write_json(&folder.results(), results)
}

/// The surroundings of a study in this program.
struct Workbench<'a> {
    progress: &'a mut Progress,
    interrupted: &'a AtomicBool,
    clock: Stopwatch,
    stage: String,
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
