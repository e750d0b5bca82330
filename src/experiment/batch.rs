//! What one update is shown: examples, and what is known of them beside their values.

use super::data::Dataset;
use super::stages::Stage;
use super::{Error, Result};
use crate::learning::Beside;
use crate::math::{Layers, Stream, Tensor};

/// The examples of one update.
pub struct Batch {
    /// `[examples, visible]`.
    pub visible: Tensor,
    labels: Option<Tensor>,
    inputs: Layers,
}

impl Batch {
    /// The training examples at `rows`, with their classes where the stage tells its trainer of them.
    pub fn of(dataset: &Dataset, rows: &[usize], stage: &Stage, stream: Stream) -> Result<Self> {
        let visible = dataset.train.batch(rows, stream)?;
        let labels = if stage.labelled { dataset.train.classes(rows)? } else { None };
        Ok(Self::told(visible, labels, Layers::new()))
    }

    /// Of these examples, with their classes and further inputs.
    pub fn told(visible: Tensor, labels: Option<Tensor>, inputs: Layers) -> Self {
        Self { visible, labels, inputs }
    }

    /// What the trainer is told.
    pub fn beside(&self) -> Beside<'_> {
        Beside { labels: self.labels.as_ref(), inputs: &self.inputs }
    }
}

/// Refuses data without classes where a stage learns from them.
pub fn refuse_unlabelled(plan: &[Stage], dataset: &Dataset) -> Result<()> {
    match plan.iter().find(|stage| stage.labelled) {
        Some(stage) if dataset.train.labels().is_none() => Err(Error::Refused {
            problem: format!("{} learns the class of each example, and {} comes without", stage.name, dataset.name),
            remedy:
                "take data with classes, such as source = \"digits\", or name a file of them: data.source.files.labels"
                    .into(),
        }),
        _ => Ok(()),
    }
}
