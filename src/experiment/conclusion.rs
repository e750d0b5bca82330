//! The end of a run: the trained model judged on all test examples, drawn, and written down.

use super::driver::Driver;
use super::judge::Portion;
use super::observe::Occasion;
use super::phase::{Phase, Snapshot};
use super::profile::Share;
use super::results::Results;
use super::{Known, Result, setup};
use crate::inference::Trace;
use crate::math::Tensor;

/// Examples whose inference is traced sweep by sweep.
const TRACED: usize = 1000;

/// Judges the trained model on all test examples.
///
/// Everything is computed before anything is written, so that Ctrl-C leaves no half of a conclusion behind. What a kill or a full
/// disk leaves of one is dropped and made again when the run is resumed.
pub fn conclude(driver: &mut Driver, phase: &dyn Phase) -> Result<Results> {
    driver.journal.progress.finish();
    driver.journal.progress.note("comparing inference schemes on the test examples");
    let (experiment, step) = (driver.experiment, driver.position.step);
    let visible = setup::first(&driver.dataset.test, usize::MAX, driver.root)?;
    let mut known = Known::default();
    let judged = setup::with_labels(visible.clone(), &driver.dataset.test, driver.classes)?;
    let results = driver.judge(phase, &judged, &experiment.evaluate.final_log_partition, &mut known)?;
    let last_on_the_way = last_on_the_way(driver, phase, &results, &mut known)?;
    let log = &experiment.log;
    let pictures = driver.pictures(phase, log.histograms_every_epochs > 0, log.images_every_epochs > 0)?;
    let traces = traces(driver, phase, &visible)?;

    driver.profiler.during(Share::Logging, || {
        if let Some(results) = &last_on_the_way {
            driver.take_note(results, phase)?;
        }
        driver.journal.record(&pictures)?;
        driver.journal.compare(Occasion::Final, step, &results)?;
        traces.iter().try_for_each(|(name, trace)| driver.journal.trace(name, trace))?;
        driver.journal.flush()?;
        driver.folder.write_json(&driver.folder.results(), &results)
    })?;
    Ok(results)
}

/// What an evaluation on the way says of the last model: the end of their curve, and what the best before is compared with; none
/// where there are no such evaluations.
fn last_on_the_way(
    driver: &mut Driver,
    phase: &dyn Phase,
    concluded: &Results,
    known: &mut Known,
) -> Result<Option<Results>> {
    let (evaluate, dataset) = (&driver.experiment.evaluate, driver.dataset);
    if evaluate.every_epochs == 0 {
        return Ok(None);
    }
    let same_examples = dataset.validation.is_none() && dataset.test.len() <= evaluate.examples;
    if same_examples && evaluate.log_partition == evaluate.final_log_partition {
        return Ok(Some(concluded.clone()));
    }
    driver.judge_held_out(phase, known).map(Some)
}

/// How the sweeping schemes come to their answers, sweep by sweep.
fn traces(driver: &mut Driver, phase: &dyn Phase, visible: &Tensor) -> Result<Vec<(String, Trace)>> {
    let Snapshot { model, .. } = phase.snapshot()?;
    let stream = driver.root.named("trace");
    let visible = visible.narrow(0, 0, visible.dim(0)?.min(TRACED))?;
    let request = driver.request(&driver.experiment.evaluate.final_log_partition);
    let watch = &mut |portion: Portion| driver.watch("tracing", portion);
    let traces = model.kind().traces(&visible, &request, stream, watch);
    driver.journal.progress.aside_over();
    traces
}
