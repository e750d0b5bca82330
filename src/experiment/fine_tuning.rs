//! A run while it fine-tunes: the examples as the net sees them, its errors on the way and at the end.

use super::classification::{Labelled, grey, machine};
use super::config::Finetune;
use super::data::{Dataset, Examples};
use super::driver::Driver;
use super::judge::Portion;
use super::kinds::Trained;
use super::observe::{Occasion, Record};
use super::phase::Phase;
use super::results::Classification;
use super::stages::Stage;
use super::{Error, Result};

/// What fine-tuning works on.
pub struct Tuning {
    settings: Finetune,
    /// The data with the values of their source, where those are other than what is judged.
    grey: Option<Dataset>,
    /// Training examples.
    pub train: Labelled,
    /// Examples of the evaluations on the way; none where they have no classes.
    held_out: Option<Labelled>,
}

impl Driver<'_> {
    /// Gets ready what the stage's trainer is told beside the examples; q is found once for all epochs, in a machine that rests.
    pub fn prepare(&mut self, stage: &Stage, phase: &dyn Phase) -> Result<()> {
        let Some(settings) = stage.finetune.as_ref().filter(|_| self.tuning.is_none()) else { return Ok(()) };
        let grey = grey(self.experiment)?;
        let data = grey.as_ref().unwrap_or(self.dataset);
        let train = self.labelled("training", &data.train, usize::MAX, settings, phase)?;
        let (which, held_out) = data.validation.as_ref().map_or(("test", &data.test), |own| ("validation", own));
        let most = self.experiment.evaluate.examples;
        let has_classes = held_out.labels().is_some();
        let held_out = has_classes.then(|| self.labelled(which, held_out, most, settings, phase)).transpose()?;
        self.tuning = Some(Tuning { settings: settings.clone(), train, held_out, grey });
        Ok(())
    }

    fn labelled(
        &mut self,
        which: &str,
        examples: &Examples,
        most: usize,
        settings: &Finetune,
        phase: &dyn Phase,
    ) -> Result<Labelled> {
        let snapshot = phase.snapshot()?;
        let stream = self.root.named("fine-tuning").named(which);
        let watch = &mut |portion: Portion| self.watch(&format!("{which} examples:"), portion);
        let labelled = Labelled::new(examples, most, (machine(&snapshot.model)?, settings), stream, watch);
        self.journal.progress.aside_over();
        labelled
    }

    /// Writes down how often the net is wrong about the held-out examples.
    pub fn classify_held_out(&mut self, phase: &dyn Phase) -> Result<()> {
        let Some(held_out) = self.tuning.as_ref().and_then(|tuning| tuning.held_out.as_ref()) else { return Ok(()) };
        let Trained::FineTuned(tuned) = phase.snapshot()?.model else { return Ok(()) };
        let mut record = Record::new(self.position.step);
        held_out.judge(&tuned)?.record(Occasion::OnTheWay.prefix(), &mut record);
        self.journal.record(&record)
    }

    /// How often the net is wrong about the test examples, and what there is to see of that; none of a run without a net.
    pub fn classify(&mut self, phase: &dyn Phase) -> Result<Option<(Classification, Record)>> {
        let snapshot = phase.snapshot()?;
        let (Some(tuning), Trained::FineTuned(tuned)) = (self.tuning.take(), &snapshot.model) else { return Ok(None) };
        let test = tuning.grey.as_ref().map_or(&self.dataset.test, |grey| &grey.test);
        let test = self.labelled("test", test, usize::MAX, &tuning.settings, phase)?;
        let judged = test.judge(tuned)?;
        let mut record = Record::new(self.position.step);
        judged.record(Occasion::Final.prefix(), &mut record);
        record.push(format!("{}classification/confusion", Occasion::Final.prefix()), judged.picture()?);
        let training = tuning.train.judge(tuned)?;
        let result = judged.result(&training, &tuning.settings);
        self.tuning = Some(tuning);
        Ok(Some((result, record)))
    }
}

/// Refuses data without test classes where a net is to be judged.
pub fn refuse_untestable(plan: &[Stage], dataset: &Dataset) -> Result<()> {
    let wanted = plan.iter().any(|stage| stage.finetune.is_some());
    if !wanted || dataset.test.labels().is_some() {
        return Ok(());
    }
    Err(Error::Refused {
        problem: format!(
            "fine-tuning is judged by the classes of the test examples, and those of {} come without",
            dataset.name
        ),
        remedy: "name a file of them: data.source.files.test_labels, or leave [finetune] out".into(),
    })
}
