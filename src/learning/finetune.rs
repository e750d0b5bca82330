//! Discriminative fine-tuning: the net that a machine is unrolled into climbs ln p(class | v), by back-propagation through all its
//! weights (Salakhutdinov & Hinton 2009, whose means of q(h | v) are inputs that stay as they were found).
//!
//! With slopes s of the mean of ln p(class | v) by the inputs of a layer, s_softmax = 1[class] - p(class), and below s_l = f'(a_l) (s_{l+1}
//! U_{l+1}ᵀ); every weight has the outer product of what it reads and the slope it feeds as its gradient.

use super::{
    Ascent, AscentState, DbmWithNetwork, Gradient, Measurements, Parameters, Part, SavedTensors, State, Trainer, Update,
};
use crate::math::{Nats, Result, Stream, Tensor, Term, bail, host, mean_of, mean_over_examples};
use crate::models::{Classifier, Pass};

/// How a net is fine-tuned.
#[derive(Clone, Copy, Debug)]
pub struct FineTuning {
    /// Number of classes.
    pub classes: usize,
    /// How weights follow the gradient.
    pub by: Ascent,
    /// Pull of the weights towards zero that joins the gradient; momentum has one of its own, which costs less.
    pub pull: f64,
    /// Share of hidden units that are silent in an update.
    pub dropout: f64,
    /// Whether the softmax learns alone, on hidden layers that stay as they are.
    pub only_output: bool,
}

/// A machine, and the net that it is unrolled into once fine-tuning begins.
#[derive(Clone, Debug)]
pub struct Tuned {
    /// The machine, which stays as it is.
    pub machine: DbmWithNetwork,
    /// The net.
    pub classifier: Option<Classifier>,
}

/// The net so far, and what its ascent remembers.
#[derive(Clone, Debug)]
pub struct FineTuned {
    /// The machine, which stays as it is.
    pub machine: DbmWithNetwork,
    /// The net.
    pub classifier: Classifier,
    /// Of the softmax alone, or of all weights.
    ascent: AscentState,
    only_output: bool,
}

/// The classes as they were told; fails without them, or where there are more than the net knows.
fn known(labels: Option<&Tensor>, most: usize) -> Result<Vec<usize>> {
    let Some(labels) = labels else { bail!("fine-tuning needs the class of each example") };
    let classes: Vec<usize> = labels.to_vec1::<u32>()?.into_iter().map(|class| class as usize).collect();
    match classes.iter().find(|&&class| class >= most) {
        Some(class) => bail!("class {class} of an example is beyond the {most} that the net knows"),
        None => Ok(classes),
    }
}

/// -ln p(class | v) of each example, nats, from `log_probs` `[examples, classes]`; of a class that the net does not know it is
/// infinite.
pub fn class_cross_entropy(log_probs: &Tensor, classes: &[usize]) -> Result<Nats> {
    let (rows, known) = log_probs.dims2()?;
    if rows != classes.len() {
        bail!("{} classes of {rows} examples", classes.len());
    }
    let values = host(log_probs)?;
    let of = |(row, &class): (usize, &usize)| if class < known { -values[row * known + class] } else { f64::INFINITY };
    Ok(classes.iter().enumerate().map(of).collect())
}

/// The most probable class of each example, from `log_probs` `[examples, classes]`; of equals the first.
pub fn most_probable_classes(log_probs: &Tensor) -> Result<Vec<usize>> {
    let (_, known) = log_probs.dims2()?;
    let best = |row: &[f64]| {
        row.iter().enumerate().fold(0, |best, (class, &value)| if value > row[best] { class } else { best })
    };
    Ok(host(log_probs)?.chunks(known.max(1)).map(best).collect())
}

/// Gradient of the mean over examples of ln p(class | v) by the weights and the biases of the softmax alone.
pub fn softmax_gradient(pass: &Pass, classes: &[usize]) -> Result<Gradient> {
    let Some(top) = pass.sent.last() else { bail!("a pass through no layers") };
    let (rows, known) = pass.log_probs.dims2()?;
    if rows != classes.len() {
        bail!("{} classes of {rows} examples", classes.len());
    }
    let mut slopes: Vec<f64> = host(&pass.log_probs)?.into_iter().map(|nats| -nats.exp()).collect();
    classes.iter().enumerate().for_each(|(row, class)| slopes[row * known + class] += 1.0);
    let slope = Tensor::from_vec(slopes, (rows, known), top.device())?.to_dtype(top.dtype())?;
    let biases = vec![mean_over_examples(&slope)?];
    Ok(Gradient { weights: vec![vec![outer(top, &slope)?]], biases })
}

/// Gradient of the mean over examples of ln p(class | v) by the weights and the biases in the order of [`Classifier::new`].
///
/// `pass` is that of the net on `visible` and `above`; `classes` are those of the examples.
pub fn class_gradient(
    net: &Classifier,
    visible: &Tensor,
    above: &[Tensor],
    pass: &Pass,
    classes: &[usize],
) -> Result<Gradient> {
    let softmax = softmax_gradient(pass, classes)?;
    let Some(Term::Outer { above: slope, .. }) = softmax.weights.first().and_then(|terms| terms.first()) else {
        bail!("the gradient of a softmax is an outer product")
    };
    let (mut slope, depth) = (slope.clone(), net.depth());
    let (mut up, mut down, mut biases) = (Vec::new(), Vec::new(), softmax.biases);
    for l in (0..depth).rev() {
        let reads = if l + 1 < depth { net.up(l + 1) } else { net.output() };
        let mut sent = reads.down(&slope)?;
        if let Some(masks) = &pass.masks {
            sent = (sent * &masks[l])?;
        }
        slope = (sent * net.units()[l].variance(&pass.inputs[l])?)?;
        up.push(vec![outer(if l == 0 { visible } else { &pass.sent[l - 1] }, &slope)?]);
        if l + 1 < depth {
            down.push(vec![outer(&slope, &above[l])?]);
        }
        biases.push(mean_over_examples(&slope)?);
    }
    biases.reverse();
    let weights = up.into_iter().rev().chain(down.into_iter().rev()).chain(softmax.weights).collect();
    Ok(Gradient { weights, biases })
}

/// Mean over examples of the products of what a weight reads and the slope that it feeds.
fn outer(below: &Tensor, above: &Tensor) -> Result<Term> {
    Ok(Term::Outer { below: below.clone(), above: above.clone(), share: 1.0 / below.dim(0)? as f64 })
}

/// What stays as it is, and what moves.
fn parted(mut at: Parameters, only_output: bool) -> (Parameters, Parameters) {
    let from = |count: usize| if only_output { count.saturating_sub(1) } else { 0 };
    let weights = at.weights.split_off(from(at.weights.len()));
    let biases = at.biases.split_off(from(at.biases.len()));
    (at, Parameters { weights, biases })
}

fn parameters(net: &Classifier) -> Parameters {
    Parameters::new(net.weights(), net.biases())
}

impl FineTuning {
    /// The net one step uphill.
    fn ascend(
        &self,
        net: Classifier,
        ascent: AscentState,
        uphill: Gradient,
        rate: f64,
    ) -> Result<(Classifier, AscentState)> {
        let (units, weights, biases) = net.into_parts();
        let (mut to, at) = parted(Parameters { weights, biases }, self.only_output);
        let mut uphill = uphill;
        if self.pull != 0.0 {
            for (terms, weight) in uphill.weights.iter_mut().zip(&at.weights) {
                terms.push(Term::Dense((weight.tensor()? * -self.pull)?));
            }
        }
        let (moved, ascent) = self.by.step(at, ascent, &uphill, rate)?;
        to.weights.extend(moved.weights);
        to.biases.extend(moved.biases);
        Ok((Classifier::new(units, to.weights, to.biases)?, ascent))
    }
}

impl Trainer for FineTuning {
    type State = FineTuned;

    /// Unrolls the machine, or goes on with a net that is there.
    fn init(&self, Tuned { machine, classifier }: Tuned, _: Stream) -> Result<FineTuned> {
        let classifier = match classifier {
            Some(classifier) if classifier.classes() == self.classes => classifier,
            Some(other) => bail!("the net knows {} classes, and the data have {}", other.classes(), self.classes),
            None => Classifier::unrolled(&machine.dbm, self.classes)?,
        };
        let ascent = self.by.begin(&parted(parameters(&classifier), self.only_output).1)?;
        Ok(FineTuned { machine, classifier, ascent, only_output: self.only_output })
    }

    fn step(&self, state: FineTuned, batch: &Tensor, update: Update) -> Result<(FineTuned, Measurements)> {
        update.begins(Part::Gradient);
        let (net, above) = (state.classifier, update.beside.inputs);
        let classes = known(update.beside.labels, net.classes())?;
        let dropout = (self.dropout != 0.0).then(|| (self.dropout, update.stream.named("dropout")));
        let pass = net.pass(batch, above, dropout)?;
        let uphill = match self.only_output {
            true => softmax_gradient(&pass, &classes)?,
            false => class_gradient(&net, batch, above, &pass, &classes)?,
        };
        let mut measurements = Measurements::default();
        if update.measured {
            update.begins(Part::Measurements);
            let wrong = most_probable_classes(&pass.log_probs)?.iter().zip(&classes).filter(|(a, b)| a != b).count();
            measurements.add("cross_entropy_nats_mean", mean_of(&class_cross_entropy(&pass.log_probs, &classes)?));
            measurements.add("error_percent", 100.0 * wrong as f64 / classes.len() as f64);
            measurements.add_norms("classifier_", &parted(parameters(&net), self.only_output).1, &uphill, 0)?;
            update.begins(Part::Gradient);
        }
        let (classifier, ascent) = self.ascend(net, state.ascent, uphill, update.learning_rate)?;
        Ok((FineTuned { classifier, ascent, ..state }, measurements))
    }
}

/// What the names of the ascent of the softmax alone begin with.
const OF_OUTPUT: &str = "ascent.output";
/// What the names of the ascent of all weights begin with.
const OF_ALL: &str = "ascent.classifier";

impl State for FineTuned {
    type Model = Tuned;

    fn model(&self) -> Result<Tuned> {
        Ok(Tuned { machine: self.machine.clone(), classifier: Some(self.classifier.clone()) })
    }

    /// `ascent.output.*` while the softmax learns alone, `ascent.classifier.*` afterwards.
    fn tensors(&self) -> Result<Vec<(String, Tensor)>> {
        self.ascent.named(if self.only_output { OF_OUTPUT } else { OF_ALL })
    }

    fn restore(Tuned { machine, classifier }: Tuned, tensors: &SavedTensors) -> Result<Self> {
        let Some(classifier) = classifier else { bail!("holds no classifier, which this training needs") };
        let only_output = tensors.keys().any(|name| name.starts_with(OF_OUTPUT));
        let prefix = if only_output { OF_OUTPUT } else { OF_ALL };
        let ascent = AscentState::restore(&parted(parameters(&classifier), only_output).1, prefix, tensors)?;
        Ok(Self { machine, classifier, ascent, only_output })
    }
}
