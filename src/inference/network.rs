//! The inference network of a DBM (Salakhutdinov & Larochelle 2010): one bottom-up pass with weights of its own.
//!
//! ν_l = mean(g_l ν_{l-1} R_{l-1} + r_{l-1}), ν_0 = v, where g_l = 2 below the top layer, standing in for the missing top-down
//! input, and g_L = 1. With label units on top, the network's top layer is a classifier, and the layer below it has gain 1 too. `weights[l]` is R_l, `biases[l]` is r_l.

use super::{Inference, Inferred, Trace};
use crate::math::{Layers, Result, Stream, Tensor, Weight, bail};
use crate::models::{Dbm, LatentModel};
use crate::posterior::Factorial;
use crate::units::Kind;

/// Recognition weights `[n_l, n_{l+1}]` and biases `[n_{l+1}]` for l = 0 … L - 1.
#[derive(Clone, Debug)]
pub struct Network {
    units: Vec<Kind>,
    weights: Vec<Weight>,
    biases: Vec<Tensor>,
}

impl Network {
    /// From parameters; `units` are the kinds of the hidden layers. Fails where the shapes do not chain.
    pub fn new(units: Vec<Kind>, weights: Vec<impl Into<Weight>>, biases: Vec<Tensor>) -> Result<Self> {
        let weights: Vec<Weight> = weights.into_iter().map(Into::into).collect();
        if weights.is_empty() || weights.len() != biases.len() || weights.len() != units.len() {
            bail!("{} weight and {} bias tensors do not make a network", weights.len(), biases.len());
        }
        for (l, (weight, bias)) in weights.iter().zip(&biases).enumerate() {
            let &[from, to] = weight.dims() else {
                bail!("recognition.{l}.weight is {:?}, not a matrix", weight.dims())
            };
            let below = if l == 0 { from } else { biases[l - 1].dims1()? };
            if (from, to) != (below, bias.dims1()?) {
                bail!("recognition.{l}.weight is {:?}, not [{below}, {}]", weight.dims(), bias.dims1()?);
            }
        }
        Ok(Self { units, weights, biases })
    }

    /// The untrained network: the machine's own weights and hidden biases.
    pub fn from_dbm(dbm: &Dbm) -> Result<Self> {
        let weights =
            std::iter::once(dbm.from_visible()?).chain(dbm.weights()[1..].iter().cloned()).collect::<Vec<_>>();
        Self::new(dbm.units()[1..].to_vec(), weights, dbm.biases()[1..].to_vec())
    }

    /// The same network with other parameters of the same shapes.
    pub fn with_parameters(&self, weights: Vec<impl Into<Weight>>, biases: Vec<Tensor>) -> Result<Self> {
        Self::new(self.units.clone(), weights, biases)
    }

    /// `weights()[l]` is `[n_l, n_{l+1}]`.
    pub fn weights(&self) -> &[Weight] {
        &self.weights
    }

    /// Its parts, to be moved: weights that nobody shares are moved in place.
    pub fn into_parts(self) -> (Vec<Kind>, Vec<Weight>, Vec<Tensor>) {
        (self.units, self.weights, self.biases)
    }

    /// `biases()[l]` is `[n_{l+1}]`.
    pub fn biases(&self) -> &[Tensor] {
        &self.biases
    }

    /// Kinds of the hidden layers.
    pub fn units(&self) -> &[Kind] {
        &self.units
    }

    /// The factor g of the weights into layer `l + 1`. A group of label units sends next to nothing: the layer below it is a top layer.
    pub fn gain(&self, l: usize) -> f64 {
        if self.units.get(l + 1).is_some_and(|above| !above.is_group()) { 2.0 } else { 1.0 }
    }

    /// Inputs of every hidden layer, `[examples, units]`, bottom first.
    pub fn inputs(&self, visible: &Tensor) -> Result<Layers> {
        let mut inputs: Layers = Vec::with_capacity(self.weights.len());
        let mut below = visible.clone();
        for (l, (weight, bias)) in self.weights.iter().zip(&self.biases).enumerate() {
            if l > 0 {
                below = self.units[l - 1].mean(&inputs[l - 1])?;
            }
            inputs.push(weight.inputs_above(&below, self.gain(l), bias)?);
        }
        Ok(inputs)
    }

    /// The factorial q of each example.
    pub fn posterior(&self, visible: &Tensor) -> Result<Factorial> {
        Ok(Factorial::from_inputs(self.units.clone(), self.inputs(visible)?))
    }
}

impl Inference<Dbm> for Network {
    type Posterior = Factorial;

    fn infer(&self, dbm: &Dbm, examples: &Tensor, _: Stream) -> Result<Inferred<Factorial>> {
        let q = dbm.informed(examples, self.posterior(&dbm.visible_of(examples)?)?)?;
        Ok(Inferred { q, trace: Trace::fixed(examples.dim(0)?, 0) })
    }
}
