//! The end of a run: the trained model judged on all test examples, drawn, and written down.

use super::checkpoint;
use super::config::Conclude;
use super::driver::Driver;
use super::judge::Portion;
use super::observe::Occasion;
use super::phase::{Phase, Snapshot};
use super::profile::Share;
use super::results::{JudgedFile, Results};
use super::{Known, Result, setup};
use crate::inference::Trace;
use crate::math::Tensor;

/// Examples whose inference is traced sweep by sweep.
const TRACED: usize = 1000;

/// Judges the trained model on all test examples: the last one, or the best of those that were judged on the way.
///
/// Everything is computed before anything is written, so that Ctrl-C leaves no half of a conclusion behind; only the last evaluation on
/// the way comes first where it may decide which model is the best. What a kill or a full disk leaves of one is dropped and made again
/// when the run is resumed.
pub fn conclude(driver: &mut Driver, phase: &dyn Phase) -> Result<Results> {
    driver.journal.progress.finish();
    let (experiment, step) = (driver.experiment, driver.position.step);
    let best = match experiment.train.as_ref().map(|train| train.conclude) {
        Some(Conclude::Best) => best(driver, phase)?,
        _ => None,
    };
    let file = best.as_ref().map(|(file, _)| file.clone());
    let snapshot = best.map_or_else(|| phase.snapshot(), |(_, best)| Ok(best))?;
    driver.journal.progress.note("comparing inference schemes on the test examples");
    let visible = setup::first(&driver.dataset.test, usize::MAX, driver.root)?;
    let mut known = Known::default();
    let judged = setup::with_labels(visible.clone(), &driver.dataset.test, driver.classes)?;
    let mut results = driver.judge(&snapshot, &judged, &experiment.evaluate.final_log_partition, &mut known)?;
    let last_on_the_way = last_on_the_way(driver, phase, &results, &mut known)?;
    results.model = file;
    let (classification, classified) = driver.classify(phase)?.unzip();
    results.classification = classification;
    let log = &experiment.log;
    let wanted = [log.histograms_every_epochs > 0, log.images_every_epochs > 0];
    let pictures = driver.pictures(&snapshot, wanted, true)?;
    let traces = traces(driver, &snapshot, &visible)?;

    driver.profiler.during(Share::Logging, || {
        if let Some(results) = &last_on_the_way {
            driver.take_note(results, phase)?;
        }
        driver.classify_held_out(phase)?;
        classified.iter().try_for_each(|record| driver.journal.record(record))?;
        driver.journal.record(&pictures)?;
        driver.journal.compare(Occasion::Final, step, &results)?;
        traces.iter().try_for_each(|(name, trace)| driver.journal.trace(name, trace))?;
        driver.journal.flush()?;
        driver.folder.write_json(&driver.folder.results(), &results)
    })?;
    Ok(results)
}

/// The best model of all evaluations on the way, the last of which is made first, and its file as results tell of it; none where no
/// evaluation had a score to compare.
fn best(driver: &mut Driver, phase: &dyn Phase) -> Result<Option<(JudgedFile, Snapshot)>> {
    if driver.judged != Some(driver.position.step) {
        let results = driver.judge_held_out(phase, &mut Known::default())?;
        driver.take_note(&results, phase)?;
    }
    let Some((score, step)) = driver.position.best else { return Ok(None) };
    let path = driver.checkpoints.best();
    let model = checkpoint::read(&path, &setup::device(driver.experiment.device)?)?.model;
    driver.journal.progress.note(&format!("the best model is that of step {step}, held-out score {score:.4}"));
    let file = path.strip_prefix(driver.folder.path()).unwrap_or(&path).to_path_buf();
    Ok(Some((JudgedFile { file, step: Some(step) }, Snapshot::of(model))))
}

/// What an evaluation on the way says of the last model: the end of their curve, and what the best before is compared with; none
/// where there are no such evaluations, or it has been made.
fn last_on_the_way(
    driver: &mut Driver,
    phase: &dyn Phase,
    concluded: &Results,
    known: &mut Known,
) -> Result<Option<Results>> {
    let (evaluate, dataset) = (&driver.experiment.evaluate, driver.dataset);
    // A stage that lost patience ended with such an evaluation.
    if evaluate.every_epochs == 0 || driver.judged == Some(driver.position.step) {
        return Ok(None);
    }
    let same_examples = dataset.validation.is_none() && dataset.test.len() <= evaluate.examples;
    if same_examples && evaluate.log_partition == evaluate.final_log_partition {
        return Ok(Some(concluded.clone()));
    }
    driver.judge_held_out(phase, known).map(Some)
}

/// How the sweeping schemes come to their answers, sweep by sweep.
fn traces(driver: &mut Driver, Snapshot { model, .. }: &Snapshot, visible: &Tensor) -> Result<Vec<(String, Trace)>> {
    let stream = driver.root.named("trace");
    let visible = setup::some_of(visible, TRACED)?;
    let request = driver.request(&driver.experiment.evaluate.final_log_partition);
    let watch = &mut |portion: Portion| driver.watch("tracing", portion);
    let traces = model.kind().traces(&visible, &request, stream, watch);
    driver.journal.progress.aside_over();
    traces
}
