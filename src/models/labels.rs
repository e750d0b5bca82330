//! Label units: a softmax group on top of the last hidden layer (Salakhutdinov & Hinton 2009).
//!
//! Examples of a machine with label units may be `[examples, visible]`, and then the label is a hidden variable like the others, or
//! `[examples, visible + classes]` with the label, one-hot, after the visible units: then it is known. A known label is a layer in
//! which every other state has a bias so low that it has no probability, so that each scheme that infers, sums or samples does the
//! right thing without a word about labels.

use super::{Dbm, LatentModel, Stack};
use crate::math::{Result, Tensor, Weight, bail, log_sum_exp};
use crate::posterior::Factorial;
use crate::units::{Kind, Softmax};
use std::sync::Arc;

/// The bias of a label that an example does not have: e^-1e30 is 0 in any precision, and 0 times it is 0, not a number that is none.
const IMPOSSIBLE: f64 = -1e30;

/// What is added to the inputs of label units that are known, `[examples, classes]`: nothing at the label, else `IMPOSSIBLE`.
fn mask(labels: &Tensor) -> Result<Tensor> {
    (1.0 - labels)? * IMPOSSIBLE
}

impl Dbm {
    /// The same machine with a group of label units on top: `weight` `[units of the top layer, classes]` and `bias` `[classes]`.
    pub fn labelled(self, weight: impl Into<Weight>, bias: Tensor) -> Result<Self> {
        let (mut units, mut weights, mut biases) = self.into_parts();
        units.push(Arc::new(Softmax) as Kind);
        weights.push(weight.into());
        biases.push(bias);
        Self::new(units, weights, biases)
    }

    /// How many classes its label units tell apart; none of a machine without them.
    pub fn classes(&self) -> Option<usize> {
        self.units().last().filter(|kind| kind.is_group())?;
        self.biases().last().map(Tensor::elem_count)
    }

    /// Number of hidden layers below the label units, where there are any.
    pub fn unlabelled_depth(&self) -> usize {
        self.depth() - usize::from(self.classes().is_some())
    }

    /// The visible units of `examples`, which may have their labels beside them.
    pub fn visible_of(&self, examples: &Tensor) -> Result<Tensor> {
        self.parts(examples).map(|(visible, _)| visible)
    }

    /// The labels that stand beside the visible units of `examples`, one-hot `[examples, classes]`.
    pub fn labels_of(&self, examples: &Tensor) -> Result<Option<Tensor>> {
        self.parts(examples).map(|(_, labels)| labels)
    }

    fn parts(&self, examples: &Tensor) -> Result<(Tensor, Option<Tensor>)> {
        let ((_, values), visible) = (examples.dims2()?, self.biases()[0].elem_count());
        match self.classes() {
            Some(classes) if values == visible + classes => {
                let labels = examples.narrow(1, visible, classes)?.contiguous()?;
                Ok((examples.narrow(1, 0, visible)?.contiguous()?, Some(labels)))
            }
            _ if values == visible => Ok((examples.clone(), None)),
            Some(classes) => bail!(
                "examples have {values} values, the machine has {visible} visible units and, for labels beside them, {classes} classes"
            ),
            None => bail!("examples have {values} values, the machine has {visible} visible units"),
        }
    }

    /// `q` with the label units as `labels` `[examples, classes]` say, where they are known.
    pub(super) fn with_known(q: Factorial, labels: Option<Tensor>) -> Result<Factorial> {
        let Some(labels) = labels else { return Ok(q) };
        let (units, mut inputs) = (q.units().to_vec(), q.inputs().to_vec());
        if let Some(top) = inputs.last_mut() {
            *top = mask(&labels)?.to_dtype(top.dtype())?;
        }
        Ok(Factorial::from_inputs(units, inputs))
    }

    /// ln p(label | v) of each class, `[examples, classes]`, `f64`, exact in one pass over the classes; for machines with one layer
    /// between the visible and the label units (Larochelle & Bengio 2008, equation 2).
    pub fn label_log_probs(&self, visible: &Tensor) -> Result<Tensor> {
        let (Some(classes), 1) = (self.classes(), self.unlabelled_depth()) else {
            bail!("the exact distribution of labels has a closed form for one hidden layer below label units");
        };
        let clamped = self.clamp(&self.visible_of(visible)?)?.doubled()?;
        let (kind, hidden, own) = (&clamped.units[0], &clamped.biases[0], &clamped.biases[1]);
        let towards = clamped.weights[0].tensor()?;
        let scores = (0..classes).map(|class| {
            let input = hidden.broadcast_add(&towards.narrow(1, class, 1)?.t()?)?;
            kind.total_log_normalizer(&input)?.broadcast_add(&own.narrow(1, class, 1)?.squeeze(1)?)
        });
        let scores = Tensor::stack(&scores.collect::<Result<Vec<_>>>()?, 1)?;
        let totals: Vec<f64> = scores.to_vec2::<f64>()?.iter().map(|row| log_sum_exp(row)).collect();
        scores.broadcast_sub(&Tensor::from_vec(totals, (scores.dim(0)?, 1), scores.device())?)
    }
}

impl Stack {
    /// The stack with its top layer known to be `labels`, `[examples, units]`.
    pub(super) fn with_known_top(mut self, labels: &Tensor) -> Result<Self> {
        if let Some(bias) = self.biases.last_mut() {
            *bias = mask(labels)?.broadcast_add(bias)?;
        }
        Ok(self)
    }
}

/// One-hot rows `[labels, classes]` beside `like`, in its precision.
pub fn one_hot(labels: &[u8], classes: usize, like: &Tensor) -> Result<Tensor> {
    let mut values = vec![0.0; labels.len() * classes];
    for (row, &label) in labels.iter().enumerate() {
        match values.get_mut(row * classes..(row + 1) * classes).and_then(|row| row.get_mut(usize::from(label))) {
            Some(value) => *value = 1.0,
            None => bail!("label {label} of {classes} classes"),
        }
    }
    Tensor::from_vec(values, (labels.len(), classes), like.device())?.to_dtype(like.dtype())
}
