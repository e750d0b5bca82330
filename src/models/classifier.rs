//! A machine unrolled into a net that names the class of an example (Salakhutdinov & Hinton 2009, section 3 on discriminative
//! fine-tuning).
//!
//! Every hidden layer l reads the layer below and, but for the topmost, the means that q(h_{l+1} | v) has been found to have:
//! x_l = f(x_{l-1} U_l + q_{l+1} D_lᵀ + b_l), x_0 = v, and a softmax reads the topmost. Fresh from a machine U_l and D_l are copies of
//! its weights, so that at a fixed point of mean field every layer has the means of q. Depth one is a plain net of one hidden layer.

use super::Dbm;
use crate::math::{Layers, Result, Stream, Tensor, Weight, bail, double};
use crate::units::Kind;
use candle_nn::ops::log_softmax;

/// The net; layers are counted from 0, the lowest hidden layer.
#[derive(Clone, Debug)]
pub struct Classifier {
    units: Vec<Kind>,
    weights: Vec<Weight>,
    biases: Vec<Tensor>,
}

/// What one pass upwards finds.
#[derive(Clone, Debug)]
pub struct Pass {
    /// Input of every hidden layer, `[examples, units]`.
    pub inputs: Layers,
    /// What every hidden layer sends upwards, `[examples, units]`.
    pub sent: Layers,
    /// What dropout multiplies each of them with; none without it.
    pub masks: Option<Layers>,
    /// ln p(class | example), `[examples, classes]`, nats, `f64`.
    pub log_probs: Tensor,
}

impl Classifier {
    /// From the weights: upwards `[n_l, n_{l+1}]` from the visible layer on, then downwards `[n_l, n_{l+1}]` from the first hidden layer on,
    /// then those of the softmax `[n_L, classes]`; and biases of the hidden layers and of the classes. Fails where the shapes do not
    /// chain.
    pub fn new(units: Vec<Kind>, weights: Vec<Weight>, biases: Vec<Tensor>) -> Result<Self> {
        let depth = units.len();
        if depth == 0 || weights.len() != 2 * depth || biases.len() != depth + 1 {
            bail!("{} weights and {} biases make no net of {depth} hidden layers", weights.len(), biases.len());
        }
        let net = Self { units, weights, biases };
        let widths = net.biases.iter().map(Tensor::dims1).collect::<Result<Vec<_>>>()?;
        for l in 0..depth {
            let below = if l == 0 { net.visible() } else { widths[l - 1] };
            check("weight", l, net.up(l), [below, widths[l]])?;
            if let Some(down) = net.down(l) {
                check("top_down", l, down, [widths[l], widths[l + 1]])?;
            }
        }
        check("output", depth, net.output(), [widths[depth - 1], widths[depth]])?;
        Ok(net)
    }

    /// The net of a machine, its softmax still at zero: every class is as probable as any other. Fails for units that are not binary.
    pub fn unrolled(dbm: &Dbm, classes: usize) -> Result<Self> {
        if let Some(kind) = dbm.units().iter().find(|kind| !kind.is_logistic()) {
            bail!("a net is unrolled from a machine of binary units, and this one has {} units", kind.name());
        }
        let (hidden, top) = (dbm.biases()[1..].to_vec(), dbm.biases()[dbm.depth()].elem_count());
        let output = Tensor::zeros((top, classes), dbm.dtype(), dbm.device())?;
        let chance = Tensor::zeros(classes, dbm.dtype(), dbm.device())?;
        let weights = dbm.weights().iter().chain(&dbm.weights()[1..]).cloned().chain([output.into()]);
        Self::new(dbm.units()[1..].to_vec(), weights.collect(), hidden.into_iter().chain([chance]).collect())
    }

    /// Number of hidden layers.
    pub fn depth(&self) -> usize {
        self.units.len()
    }

    /// Number of visible units.
    pub fn visible(&self) -> usize {
        self.weights[0].dims()[0]
    }

    /// Number of classes.
    pub fn classes(&self) -> usize {
        self.biases[self.depth()].elem_count()
    }

    /// Kinds of the hidden layers.
    pub fn units(&self) -> &[Kind] {
        &self.units
    }

    /// All weights, in the order of [`Classifier::new`].
    pub fn weights(&self) -> &[Weight] {
        &self.weights
    }

    /// Biases of the hidden layers, and of the classes.
    pub fn biases(&self) -> &[Tensor] {
        &self.biases
    }

    /// Its parts, to be moved: weights that nobody shares are moved in place.
    pub fn into_parts(self) -> (Vec<Kind>, Vec<Weight>, Vec<Tensor>) {
        (self.units, self.weights, self.biases)
    }

    /// From the layer below into hidden layer `l`, `[n_l, n_{l+1}]`.
    pub fn up(&self, l: usize) -> &Weight {
        &self.weights[l]
    }

    /// From the means of the layer above into hidden layer `l`, in the shape of the machine's weights; none for the topmost.
    pub fn down(&self, l: usize) -> Option<&Weight> {
        (l + 1 < self.depth()).then(|| &self.weights[self.depth() + l])
    }

    /// From the topmost hidden layer into the classes, `[n_L, classes]`.
    pub fn output(&self) -> &Weight {
        &self.weights[2 * self.depth() - 1]
    }

    /// One pass upwards from `visible` `[examples, visible]` and the means of the second hidden layer and of all above it, `above`
    /// `[examples, units]` each. With `dropout`, a share of the units of every hidden layer is silent and the others make up for
    /// it (Srivastava et al. 2014).
    pub fn pass(&self, visible: &Tensor, above: &[Tensor], dropout: Option<(f64, Stream)>) -> Result<Pass> {
        if above.len() + 1 != self.depth() {
            bail!(
                "a net of {} hidden layers reads the means of {}, not of {}",
                self.depth(),
                self.depth() - 1,
                above.len()
            );
        }
        let (mut inputs, mut sent, mut masks) = (Layers::new(), Layers::new(), Layers::new());
        for l in 0..self.depth() {
            let below = if l == 0 { visible } else { &sent[l - 1] };
            let mut input = self.up(l).inputs_above(below, 1.0, &self.biases[l])?;
            if let Some(down) = self.down(l) {
                input = (input + down.down(&above[l])?)?;
            }
            let mut mean = self.units[l].mean(&input)?;
            if let Some((share, stream)) = dropout {
                let (rows, units) = mean.dims2()?;
                let draws = stream.at(l as u64).uniform(rows, units, mean.dtype(), mean.device())?;
                masks.push((draws.ge(share)?.to_dtype(mean.dtype())? * (1.0 / (1.0 - share)))?);
                mean = (mean * &masks[l])?;
            }
            inputs.push(input);
            sent.push(mean);
        }
        let top = &sent[self.depth() - 1];
        let scores = self.output().inputs_above(top, 1.0, &self.biases[self.depth()])?;
        let log_probs = log_softmax(&double(&scores)?, 1)?;
        Ok(Pass { inputs, sent, masks: dropout.map(|_| masks), log_probs })
    }

    /// ln p(class | example), `[examples, classes]`, nats, `f64`.
    pub fn log_probs(&self, visible: &Tensor, above: &[Tensor]) -> Result<Tensor> {
        Ok(self.pass(visible, above, None)?.log_probs)
    }
}

fn check(what: &str, l: usize, weight: &Weight, expected: [usize; 2]) -> Result<()> {
    if weight.dims() != expected {
        bail!("classifier.{l}.{what} is {:?}; the layers beside it ask for {expected:?}", weight.dims());
    }
    Ok(())
}
