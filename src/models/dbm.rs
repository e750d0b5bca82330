//! The deep Boltzmann machine of any depth (Salakhutdinov & Hinton 2009); depth one is the restricted Boltzmann machine.
//!
//! ln p̃(x_0 … x_L) = Σ_l b_l · x_l + Σ_l x_lᵀ W_l x_{l+1}, with x_0 = v. `biases[l]` is b_l, `weights[l]` is W_l.
//!
//! With Gaussian visible units of variances σ², x_0 = v / σ² there and -Σ v² / 2σ² is added (Cho, Ilin & Raiko 2011): given h, v is
//! N(b_0 + W_0 h, σ²), so weights and biases are told in the units of the data.

use super::stack::Held;
use super::{LatentModel, Reconstruct, Stack};
use crate::math::{DType, Device, Result, Stream, Tensor, Weight, bail};
use crate::posterior::Factorial;
use crate::units::{Binary, Gaussian, Kind};
use std::sync::Arc;

/// Layers 0 (visible) to L; `weights[l]` joins layers l and l + 1.
#[derive(Clone, Debug)]
pub struct Dbm {
    units: Vec<Kind>,
    weights: Vec<Weight>,
    biases: Vec<Tensor>,
}

impl Dbm {
    /// From weights `[n_l, n_{l+1}]` and biases `[n_l]`; fails where the shapes do not chain.
    /// One tensor more than layers has biases is ln σ² of visible units that have such.
    pub fn new(mut units: Vec<Kind>, weights: Vec<impl Into<Weight>>, mut biases: Vec<Tensor>) -> Result<Self> {
        let weights: Vec<Weight> = weights.into_iter().map(Into::into).collect();
        if let (true, Some(visible)) = (biases.len() == weights.len() + 2, units.first_mut()) {
            *visible = visible.with_log_variance(&biases.remove(weights.len() + 1))?;
        }
        if weights.is_empty() || biases.len() != weights.len() + 1 || units.len() != biases.len() {
            bail!("{} weight and {} bias tensors do not make a machine", weights.len(), biases.len());
        }
        if let Some(l) = units[..units.len() - 1].iter().position(|kind| kind.is_group()) {
            bail!("layer {l} is a group of {} units, which stands on top of all others", units[l].name());
        }
        if units[1..].iter().any(|kind| kind.precision().is_some()) {
            bail!("units with noise of their own stand in the visible layer alone");
        }
        if let Some(precision) = units[0].precision().filter(|precision| precision.dims() != biases[0].dims()) {
            bail!("{:?} variances do not fit {:?} visible units", precision.dims(), biases[0].dims());
        }
        for (l, weight) in weights.iter().enumerate() {
            let (below, above) = (biases[l].dims1()?, biases[l + 1].dims1()?);
            if weight.dims() != [below, above] {
                bail!("layers.{l}.weight is {:?}; the biases beside it ask for [{below}, {above}]", weight.dims());
            }
        }
        Ok(Self { units, weights, biases })
    }

    /// All units binary.
    pub fn binary(weights: Vec<impl Into<Weight>>, biases: Vec<Tensor>) -> Result<Self> {
        Self::new(biases.iter().map(|_| Arc::new(Binary) as Kind).collect(), weights, biases)
    }

    /// Binary units, normal weights of standard deviation `weight_std`, zero biases; `sizes` starts with the visible layer.
    pub fn random(sizes: &[usize], weight_std: f64, stream: Stream, dtype: DType, device: &Device) -> Result<Self> {
        let weights = sizes
            .windows(2)
            .enumerate()
            .map(|(l, pair)| stream.at(l as u64).normal(pair[0], pair[1], dtype, device)? * weight_std)
            .collect::<Result<Vec<_>>>()?;
        let biases = sizes.iter().map(|&n| Tensor::zeros(n, dtype, device)).collect::<Result<_>>()?;
        Self::binary(weights, biases)
    }

    /// The same machine with other parameters of the same shapes.
    pub fn with_parameters(&self, weights: Vec<impl Into<Weight>>, biases: Vec<Tensor>) -> Result<Self> {
        Self::new(self.units.clone(), weights, biases)
    }

    /// The same machine with Gaussian visible units of these ln σ², `[n_0]`, which training moves if they are `learned`; its weights and
    /// biases are read anew, in the units of the data.
    pub fn gaussian(mut self, log_variance: &Tensor, learned: bool) -> Result<Self> {
        self.units[0] = Arc::new(Gaussian::new(log_variance, learned)?);
        Self::new(self.units, self.weights, self.biases)
    }

    /// Its parts, to be moved: weights that nobody shares are moved in place.
    pub fn into_parts(self) -> (Vec<Kind>, Vec<Weight>, Vec<Tensor>) {
        (self.units, self.weights, self.biases)
    }

    /// Kind of each layer, visible first.
    pub fn units(&self) -> &[Kind] {
        &self.units
    }

    /// `weights()[l]` is `[n_l, n_{l+1}]`.
    pub fn weights(&self) -> &[Weight] {
        &self.weights
    }

    /// `biases()[l]` is `[n_l]`; 0 is the visible layer.
    pub fn biases(&self) -> &[Tensor] {
        &self.biases
    }

    /// All vectors that training moves: the biases and, where it is learned, ln σ² of the visible units.
    pub fn vectors(&self) -> Vec<Tensor> {
        let learned = self.units[0].log_variance().filter(|_| self.units[0].learns_variance());
        self.biases.iter().chain(learned).cloned().collect()
    }

    /// The weights that raw visible values are multiplied with, `[n_0, n_1]`: W_0 over the variances where visible units have such.
    pub fn from_visible(&self) -> Result<Weight> {
        match self.units[0].precision() {
            Some(precision) => Ok(self.weights[0].tensor()?.broadcast_mul(&precision.unsqueeze(1)?)?.into()),
            None => Ok(self.weights[0].clone()),
        }
    }

    /// Visible values, or their biases, over the variances of the units where they have such.
    fn weighed(&self, visible: &Tensor) -> Result<Tensor> {
        match self.units[0].precision() {
            Some(precision) => visible.broadcast_mul(precision),
            None => Ok(visible.clone()),
        }
    }

    /// Units per layer, visible first.
    pub fn sizes(&self) -> Vec<usize> {
        self.biases.iter().map(|bias| bias.elem_count()).collect()
    }

    /// Number of hidden layers.
    pub fn depth(&self) -> usize {
        self.weights.len()
    }

    /// Type of all parameters.
    pub fn dtype(&self) -> DType {
        self.biases[0].dtype()
    }

    /// Where the parameters are.
    pub fn device(&self) -> &Device {
        self.biases[0].device()
    }

    /// All layers with nothing clamped, visible first.
    pub fn free(&self) -> Result<Stack> {
        let mut biases = self.biases.iter().map(|bias| bias.unsqueeze(0)).collect::<Result<Vec<_>>>()?;
        biases[0] = self.weighed(&biases[0])?;
        let weights = std::iter::once(self.from_visible()?).chain(self.weights[1..].iter().cloned()).collect();
        Ok(Stack { units: self.units.clone(), biases, weights, clamped: Vec::new() })
    }
}

impl LatentModel for Dbm {
    type Clamped = Stack;

    fn hidden(&self) -> Vec<(Kind, usize)> {
        self.units.iter().cloned().zip(self.sizes()).skip(1).collect()
    }

    /// Fixes the visible units, and the label units too where `examples` hold labels beside them, `[examples, visible + classes]`.
    fn clamp(&self, examples: &Tensor) -> Result<Stack> {
        let visible = self.visible_of(examples)?;
        let mut biases = self.biases[1..].iter().map(|bias| bias.unsqueeze(0)).collect::<Result<Vec<_>>>()?;
        biases[0] = self.weights[0].inputs_above(&self.weighed(&visible)?, 1.0, &self.biases[1])?;
        let clamped = Stack {
            units: self.units[1..].to_vec(),
            biases,
            weights: self.weights[1..].to_vec(),
            clamped: vec![Held {
                kind: self.units[0].clone(),
                states: visible,
                bias: self.weighed(&self.biases[0])?.unsqueeze(0)?,
            }],
        };
        match self.labels_of(examples)? {
            Some(labels) => clamped.with_known_top(&labels),
            None => Ok(clamped),
        }
    }

    fn informed(&self, examples: &Tensor, q: Factorial) -> Result<Factorial> {
        Self::with_known(q, self.labels_of(examples)?)
    }
}

impl Reconstruct for Dbm {
    fn reconstruct(&self, hidden: &[Tensor]) -> Result<Tensor> {
        let Some(first) = hidden.first() else { bail!("a reconstruction starts from at least one hidden layer") };
        let sent = self.weights[0].inputs_below(first, 1.0, &self.biases[0])?;
        // With noise of their own, weights and biases are told in the units of the values.
        if self.units[0].precision().is_some() { Ok(sent) } else { self.units[0].mean(&sent) }
    }
}
