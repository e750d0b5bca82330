//! One tensor per weight matrix and per bias vector: parameters and momenta alike.

use crate::math::{Result, Tensor, Weight, bail, host};
use std::collections::HashMap;

/// Tensors of a checkpoint by name.
pub type SavedTensors = HashMap<String, Tensor>;

/// A point or a direction in the space of parameters.
#[derive(Clone, Debug)]
pub struct Parameters {
    /// `[n_l, n_{l+1}]` each.
    pub weights: Vec<Weight>,
    /// `[units]` each.
    pub biases: Vec<Tensor>,
}

impl Parameters {
    /// Shares the parameters of a machine or a network.
    pub fn new(weights: &[Weight], biases: &[Tensor]) -> Self {
        Self { weights: weights.to_vec(), biases: biases.to_vec() }
    }

    /// Zero everywhere.
    pub fn zeros_like(&self) -> Result<Self> {
        Ok(Self {
            weights: self
                .weights
                .iter()
                .map(|weight| Ok(weight.tensor()?.zeros_like()?.into()))
                .collect::<Result<_>>()?,
            biases: self.biases.iter().map(Tensor::zeros_like).collect::<Result<_>>()?,
        })
    }

    /// `self - other`.
    pub fn minus(&self, other: &Self) -> Result<Self> {
        let weights = self.weights.iter().zip(&other.weights);
        let biases = self.biases.iter().zip(&other.biases);
        Ok(Self {
            weights: weights
                .map(|(left, right)| Ok((left.tensor()? - right.tensor()?)?.into()))
                .collect::<Result<_>>()?,
            biases: biases.map(|(left, right)| left - right).collect::<Result<_>>()?,
        })
    }

    /// Sum of all products, in `f64`; of parameters and statistics: the mean expected ln p̃, nats.
    pub fn inner(&self, other: &Self) -> Result<f64> {
        let pairs = self.tensors()?.into_iter().zip(other.tensors()?);
        pairs.map(|(left, right)| Ok(host(&left)?.iter().zip(host(&right)?).map(|(a, b)| a * b).sum::<f64>())).sum()
    }

    /// Every tensor under a stable name: `{prefix}.weight.{l}`, `{prefix}.bias.{l}`.
    pub fn named(&self, prefix: &str) -> Result<Vec<(String, Tensor)>> {
        let layers = |what, count| (0..count).map(move |l| format!("{prefix}.{what}.{l}"));
        let names = layers("weight", self.weights.len()).chain(layers("bias", self.biases.len()));
        Ok(names.zip(self.tensors()?).collect())
    }

    /// The inverse of `named`, for tensors of the shapes of `self`.
    pub fn restore(&self, prefix: &str, tensors: &SavedTensors) -> Result<Self> {
        let pick = |what: &str, l: usize, dims: &[usize]| saved(tensors, &format!("{prefix}.{what}.{l}"), dims);
        let weights = self.weights.iter().enumerate();
        let biases = self.biases.iter().enumerate();
        Ok(Self {
            weights: weights.map(|(l, like)| Ok(pick("weight", l, like.dims())?.into())).collect::<Result<_>>()?,
            biases: biases.map(|(l, like)| pick("bias", l, like.dims())).collect::<Result<_>>()?,
        })
    }

    /// Weights, then biases.
    pub fn tensors(&self) -> Result<Vec<Tensor>> {
        self.weights.iter().map(Weight::tensor).chain(self.biases.iter().cloned().map(Ok)).collect()
    }
}

/// A saved tensor; fails if it is not there or has another shape.
pub(super) fn saved(tensors: &SavedTensors, name: &str, shape: &[usize]) -> Result<Tensor> {
    match tensors.get(name) {
        Some(tensor) if tensor.dims() == shape => Ok(tensor.clone()),
        Some(tensor) => bail!("saved tensor {name} is {:?}; this training needs {shape:?}", tensor.dims()),
        None => bail!("there is no saved tensor {name}, which this training needs"),
    }
}
