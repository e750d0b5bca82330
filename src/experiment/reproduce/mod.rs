//! The claims of a chapter, computed one beside the other, each in a run of its own, and a report of them all.

mod catalogue;
mod outcome;

pub use catalogue::{CHAPTER, Claim, Files};
pub use outcome::{Outcome, Reproduction, Tried};

use super::config::StudyExperiment;
use super::observe::{Progress, Verbosity};
use super::run::Options;
use super::study::{Opened, StudyResults, compute};
use super::{Error, Origin, Result, RunFolder, clock, quoted, report};
use crate::studies::Findings;
use std::collections::VecDeque;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Mutex, PoisonError};

/// Claims that one computation serves: the same study, settings and seed.
struct Job {
    claims: Vec<Claim>,
}

/// What a computation says of itself while it goes on.
enum News {
    Begun(String),
    Done(Vec<Tried>),
}

/// Surroundings that all computations share.
#[derive(Clone, Copy)]
struct Setting<'a> {
    /// Where the runs go.
    folder: &'a Path,
    quick: bool,
    interrupted: &'a AtomicBool,
}

/// Tries claims, writes the run of each, and the report. Where that is interrupted, the report is on what was done until then.
pub fn reproduce(claims: Vec<Claim>, files: &Files, quick: bool, options: &Options) -> Result<Reproduction> {
    let (watch, started) = (clock::Stopwatch::start(), clock::now());
    let asked = claims.len();
    let jobs = jobs(claims, quick)?;
    let mut progress = Progress::new(options.verbosity);
    let folder =
        RunFolder::create(&options.runs, &format!("reproduce-{CHAPTER}{}", if quick { "-quick" } else { "" }))?;
    let counted = if asked == 1 { "1 claim".into() } else { format!("{asked} claims") };
    progress.note(&format!("{counted} from {}; folder: {}", files.describe(), folder.path().display()));
    let setting = Setting { folder: folder.path(), quick, interrupted: options.interrupted };
    let (timed, together): (VecDeque<Job>, VecDeque<Job>) = jobs.into_iter().partition(Job::timed);
    let mut log = Log { progress, asked, at_work: Vec::new(), tried: Vec::new() };
    log.progress.stage("claims", asked as u64, 0);
    side_by_side(together, setting, &mut log);
    for job in timed {
        if !options.interrupted.load(Ordering::Relaxed) {
            log.take(News::Begun(job.name()));
            let tried = job.run(setting);
            log.take(News::Done(tried));
        }
    }
    let Log { mut progress, tried: mut claims, .. } = log;
    progress.finish();
    claims.sort_by_key(|claim| catalogue::place(&claim.id));
    let reproduction = Reproduction {
        collection: CHAPTER,
        experiments: files.describe(),
        quick,
        command: std::env::args().collect::<Vec<_>>().join(" "),
        origin: Origin::of_studies(),
        started: started.strftime("%Y-%m-%d %H:%M:%S UTC").to_string(),
        seconds: watch.seconds(),
        asked,
        report: folder.path().join("report.html"),
        claims,
    };
    folder.write_text(&reproduction.report, &report::page(&reproduction)?)?;
    folder.write_json(&folder.results(), &reproduction)?;
    Ok(reproduction)
}

/// What has been heard of the computations.
struct Log {
    progress: Progress,
    asked: usize,
    at_work: Vec<String>,
    tried: Vec<Tried>,
}

impl Log {
    fn take(&mut self, news: News) {
        match news {
            News::Begun(name) => self.at_work.push(name),
            News::Done(tried) => {
                tried.iter().for_each(|claim| self.progress.note(&claim.line()));
                self.at_work.retain(|name| tried.first().is_none_or(|claim| claim.id != *name));
                self.tried.extend(tried);
            }
        }
        let headline = if self.tried.len() < self.asked { self.at_work.join(", ") } else { String::new() };
        self.progress.advance(self.tried.len() as u64, Some(&headline));
    }
}

/// Computes one job on each thread, one after the other from a common list.
fn side_by_side(jobs: VecDeque<Job>, setting: Setting, log: &mut Log) {
    let workers = rayon::current_num_threads().min(jobs.len());
    let (jobs, (tell, hear)) = (&Mutex::new(jobs), channel());
    std::thread::scope(|scope| {
        for _ in 0..workers {
            let tell = tell.clone();
            scope.spawn(move || work(jobs, setting, &tell));
        }
        drop(tell);
        hear.iter().for_each(|news| log.take(news));
    });
}

/// Takes jobs until there are none. Each is computed on this thread alone: one that waited for others would take up a second
/// job meanwhile, and count its time as its own.
fn work(jobs: &Mutex<VecDeque<Job>>, setting: Setting, tell: &Sender<News>) {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build();
    while !setting.interrupted.load(Ordering::Relaxed) {
        let Some(job) = jobs.lock().unwrap_or_else(PoisonError::into_inner).pop_front() else { break };
        let _ = tell.send(News::Begun(job.name()));
        let tried = match &pool {
            Ok(pool) => pool.install(|| job.run(setting)),
            Err(_) => job.run(setting),
        };
        let _ = tell.send(News::Done(tried));
    }
}

/// Claims by what they compute.
fn jobs(claims: Vec<Claim>, quick: bool) -> Result<Vec<Job>> {
    let mut jobs: Vec<Job> = Vec::new();
    for mut claim in claims {
        if quick {
            let quickened = claim.loaded.experiment.quickened();
            claim.loaded.experiment = quickened.map_err(|report| Error::Experiment { report })?;
        }
        let same = |job: &&mut Job| job.experiment().is_some_and(|other| shares(other, &claim.loaded.experiment));
        match jobs.iter_mut().find(same) {
            Some(job) => job.claims.push(claim),
            None => jobs.push(Job { claims: vec![claim] }),
        }
    }
    Ok(jobs)
}

/// Whether one computation serves both.
fn shares(one: &StudyExperiment, other: &StudyExperiment) -> bool {
    one.study == other.study && one.seed == other.seed
}

impl Job {
    fn experiment(&self) -> Option<&StudyExperiment> {
        self.claims.first().map(|claim| &claim.loaded.experiment)
    }

    fn name(&self) -> String {
        self.claims.first().map(|claim| claim.id.clone()).unwrap_or_default()
    }

    fn timed(&self) -> bool {
        self.claims.iter().any(|claim| claim.loaded.experiment.timed())
    }

    /// Computes, judges and writes down every claim; nothing that goes wrong in one is in the way of the others. Interrupted,
    /// it has nothing to tell.
    fn run(self, setting: Setting) -> Vec<Tried> {
        let Some(experiment) = self.experiment() else { return Vec::new() };
        let folders: Vec<Result<RunFolder>> =
            self.claims.iter().map(|claim| RunFolder::create_within(setting.folder, &claim.id)).collect();
        let opened: Vec<Result<Opened>> =
            self.claims.iter().zip(&folders).map(|(claim, folder)| open(folder, claim)).collect();
        let watch = clock::Stopwatch::start();
        let found = found(experiment, setting.interrupted);
        let seconds = watch.seconds();
        let broken = matches!(found, Err(Error::Broken { .. }));
        let mut tried = Vec::new();
        for (claim, opened) in self.claims.iter().zip(opened) {
            let results = opened.and_then(|opened| opened.end(again(&found)));
            let shared = (claim.id != self.name()).then(|| self.name());
            tried.push(Tried { seconds, computed_with: shared, ..claim.tried(results, setting.quick) });
        }
        if broken { Vec::new() } else { tried }
    }
}

fn open<'a>(folder: &'a Result<RunFolder>, claim: &'a Claim) -> Result<Opened<'a>> {
    match folder {
        Ok(folder) => Opened::begin(folder, &claim.loaded),
        Err(error) => Err(Error::Compute { problem: error.to_string() }),
    }
}

/// What a computation found.
fn found(experiment: &StudyExperiment, interrupted: &AtomicBool) -> Result<(Findings, f64)> {
    let mut quiet = Progress::new(Verbosity::Quiet);
    compute(experiment, &mut quiet, interrupted)
}

/// The same once more, for another claim.
fn again(found: &Result<(Findings, f64)>) -> Result<(Findings, f64)> {
    match found {
        Ok(found) => Ok(found.clone()),
        Err(Error::Broken { problem, remedy }) => {
            Err(Error::Broken { problem: problem.clone(), remedy: remedy.clone() })
        }
        Err(Error::Compute { problem }) => Err(Error::Compute { problem: problem.clone() }),
        Err(error) => Err(Error::Compute { problem: error.to_string() }),
    }
}

impl Claim {
    fn tried(&self, results: Result<StudyResults>, quick: bool) -> Tried {
        let experiment = &self.loaded.experiment;
        let (results, error) = match results {
            Ok(results) => (Some(results), None),
            Err(error) => (None, Some(error.to_string())),
        };
        Tried {
            id: self.id.clone(),
            statement: self.statement(),
            section: self.section(),
            outcome: results.as_ref().map_or(Outcome::Failed, |results| results.verdict.into()),
            judgements: results.as_ref().map(|results| results.judgements.clone()).unwrap_or_default(),
            refuted_because: experiment.refuted_because.clone(),
            error,
            command: self.command(quick),
            seed: experiment.seed,
            seconds: 0.0,
            computed_with: None,
            run: self.id.clone().into(),
            equation: experiment.equation.clone(),
            source: experiment.source.clone(),
            text: self.loaded.text.clone(),
            results,
        }
    }

    /// What computes it again.
    fn command(&self, quick: bool) -> String {
        match (quick, self.loaded.path.parent()) {
            (false, Some(folder)) if folder != Path::new("") => format!("dbm run {}", quoted(&self.loaded.path)),
            _ => format!("dbm reproduce {CHAPTER} {}{}", self.id, if quick { " --quick" } else { "" }),
        }
    }
}
