//! Fine-tuned nets on data with classes: what they see of each example, and how often they are wrong.

use super::batch::Batch;
use super::blocks::scheme_block;
use super::config::{Binarize, Experiment, Finetune, HeldOut, Inputs, Source};
use super::data::{Dataset, Examples};
use super::judge::{Portion, Watch};
use super::kinds::{FineTuned, Machine, Trained};
use super::observe::{Image, Range, Record, Value};
use super::results::Classification;
use super::{Chosen, Error, Result, setup};
use crate::inference::Inference;
use crate::learning::{class_cross_entropy, most_probable_classes};
use crate::math::{Layers, Stream, Tensor, mean_of};
use crate::models::Dbm;
use crate::posterior::Posterior;

/// Examples named at once.
const BLOCK: usize = 1000;

/// Number of classes: one more than the largest among the training examples.
pub fn classes(dataset: &Dataset) -> usize {
    dataset.train.labels().unwrap_or_default().iter().max().map_or(0, |&class| usize::from(class) + 1)
}

/// The data with the values of their source, where a net is to see those and they are made binary for everyone else; test digits of a fixed
/// binary sample, too, are seen as they were before.
pub fn grey(experiment: &Experiment) -> Result<Option<Dataset>> {
    let wanted = experiment.finetune.as_ref().is_some_and(|settings| settings.inputs == Inputs::Grey);
    if !wanted || experiment.data.binarize == Binarize::None {
        return Ok(None);
    }
    let mut experiment = experiment.clone();
    experiment.data.binarize = Binarize::None;
    if let Source::Mnist { held_out } = &mut experiment.data.source {
        *held_out = HeldOut::Grey;
    }
    setup::dataset(&experiment).map(Some)
}

/// Examples of one split with their classes, and the means that a net reads beside each.
pub struct Labelled {
    examples: Examples,
    /// Of pixels that are drawn: once, so that inference and net see the same.
    stream: Stream,
    above: Layers,
}

impl Labelled {
    /// `most` of `examples` from all over, whose q is found in the machine.
    pub fn new(
        examples: &Examples,
        most: usize,
        (machine, settings): (&Machine, &Finetune),
        stream: Stream,
        watch: &mut Watch,
    ) -> Result<Self> {
        let rows = setup::spread(examples.len(), most);
        let examples = if rows.len() < examples.len() { examples.select(&rows) } else { examples.clone() };
        let mut labelled = Self { examples, stream: stream.named("pixels"), above: Layers::new() };
        labelled.above = labelled.means_above(machine, settings, stream.named("posterior"), watch)?;
        Ok(labelled)
    }

    /// Means of the second hidden layer and of those above it, found block by block, however the examples are batched later.
    fn means_above(&self, machine: &Machine, by: &Finetune, stream: Stream, watch: &mut Watch) -> Result<Layers> {
        let dbm = &machine.dbm;
        if dbm.depth() == 1 {
            return Ok(Layers::new());
        }
        let chosen = Chosen::for_machine(&by.posterior, machine.network.as_ref(), dbm)?;
        let mut blocks: Vec<Layers> = Vec::new();
        let (rows, of): (Vec<usize>, usize) = ((0..self.examples.len()).collect(), self.examples.len());
        for rows in rows.chunks(scheme_block(&by.posterior, dbm)?) {
            let done = rows[0];
            watch(Portion { what: "q of each", done, of })?;
            let visible = self.examples.batch(rows, self.stream)?;
            let means = means(&chosen, dbm, &visible, stream.from_row(done as u64))?;
            blocks.push(means.into_iter().skip(1).collect());
        }
        let layer = |l: usize| blocks.iter().map(|layers| layers[l].clone()).collect::<Vec<_>>();
        Ok((0..dbm.depth() - 1).map(|l| Tensor::cat(&layer(l), 0)).collect::<crate::math::Result<_>>()?)
    }

    /// The examples at `rows`.
    pub fn batch(&self, rows: &[usize]) -> Result<Batch> {
        let visible = self.examples.batch(rows, self.stream)?;
        let index: Vec<u32> = rows.iter().map(|&row| row as u32).collect();
        let index = Tensor::from_vec(index, rows.len(), visible.device())?;
        let pick = |layer: &Tensor| layer.index_select(&index, 0);
        let above = self.above.iter().map(pick).collect::<crate::math::Result<_>>()?;
        Ok(Batch::told(visible, self.examples.classes(rows)?, above))
    }

    /// How often the net is wrong about the examples.
    pub fn judge(&self, FineTuned { classifier, .. }: &FineTuned) -> Result<Judged> {
        let known = classifier.classes();
        let labels: Vec<usize> = self.examples.labels().unwrap_or_default().iter().map(|&class| class.into()).collect();
        let size = labels.iter().fold(known, |most, &class| most.max(class + 1));
        let mut judged = Judged { confusion: vec![vec![0; size]; size], cross_entropies: Vec::new() };
        let rows: Vec<usize> = (0..labels.len()).collect();
        for rows in rows.chunks(BLOCK) {
            let batch = self.batch(rows)?;
            let log_probs = classifier.log_probs(&batch.visible, batch.beside().inputs)?;
            let labels = &labels[rows[0]..rows[0] + rows.len()];
            judged.cross_entropies.extend(class_cross_entropy(&log_probs, labels)?);
            for (&class, named) in labels.iter().zip(most_probable_classes(&log_probs)?) {
                judged.confusion[class][named] += 1;
            }
        }
        Ok(judged)
    }
}

/// Means of all hidden layers under q.
fn means(chosen: &Chosen, dbm: &Dbm, visible: &Tensor, stream: Stream) -> Result<Layers> {
    Ok(match chosen {
        Chosen::Factorial(scheme) => scheme.infer(dbm, visible, stream)?.q.means()?,
        Chosen::Exact(exact) => exact.infer(dbm, visible, stream)?.q.means()?,
        Chosen::Judged(_) => return Err(Error::Compute { problem: "a net cannot read what has no means".into() }),
    })
}

/// Right and wrong answers on examples.
pub struct Judged {
    /// How many examples of each class (row) were given each name (column).
    confusion: Vec<Vec<usize>>,
    cross_entropies: Vec<f64>,
}

impl Judged {
    fn examples(&self) -> usize {
        self.cross_entropies.len()
    }

    fn wrong(&self) -> usize {
        let right: usize = self.confusion.iter().enumerate().map(|(class, names)| names[class]).sum();
        self.examples() - right
    }

    fn error_percent(&self) -> f64 {
        100.0 * self.wrong() as f64 / self.examples().max(1) as f64
    }

    /// Scalars under `{prefix}classification/`.
    pub fn record(&self, prefix: &str, record: &mut Record) {
        record.scalar(format!("{prefix}classification/error_percent"), self.error_percent());
        record.scalar(format!("{prefix}classification/cross_entropy_nats_mean"), mean_of(&self.cross_entropies));
    }

    /// A picture of the confusion: a row for each class, whose pixels are the shares of the names it was given.
    pub fn picture(&self) -> Result<Value> {
        let share = |names: &Vec<usize>| {
            let all = names.iter().sum::<usize>().max(1) as f64;
            names.iter().map(move |&count| count as f64 / all).collect::<Vec<f64>>()
        };
        let pixels: Vec<f64> = self.confusion.iter().flat_map(share).collect();
        let size = self.confusion.len();
        Ok(Value::Image(Image::grid(&[pixels], [size, size], 1, Range::Unit)?))
    }

    /// What is told of test examples, beside the `training` examples.
    pub fn result(self, training: &Self, settings: &Finetune) -> Classification {
        let share = self.wrong() as f64 / self.examples().max(1) as f64;
        Classification {
            error_percent: self.error_percent(),
            error_percent_error: 100.0 * (share * (1.0 - share) / self.examples().max(1) as f64).sqrt(),
            wrong: self.wrong(),
            examples: self.examples(),
            cross_entropy_nats_mean: Some(mean_of(&self.cross_entropies)).filter(|nats| nats.is_finite()),
            training_error_percent: training.error_percent(),
            training_wrong: training.wrong(),
            training_examples: training.examples(),
            training_cross_entropy_nats_mean: mean_of(&training.cross_entropies),
            posterior: settings.posterior.to_string(),
            inputs: settings.inputs.word().into(),
            confusion: self.confusion,
        }
    }
}

/// The machine of a model that is fine-tuned, or about to be.
pub fn machine(trained: &Trained) -> Result<&Machine> {
    match trained {
        Trained::FineTuned(tuned) => Ok(&tuned.machine),
        Trained::Machine(machine) => Ok(machine),
        other => Err(Error::Compute { problem: format!("a {} is not fine-tuned", other.name()) }),
    }
}
