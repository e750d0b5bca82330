//! One tensor per weight matrix and per bias vector: parameters and momenta alike.

use crate::math::{Result, Tensor, bail, host};
use std::collections::HashMap;

/// Tensors of a checkpoint by name.
pub type SavedTensors = HashMap<String, Tensor>;

/// A point or a direction in the space of parameters.
#[derive(Clone, Debug)]
pub struct Parameters {
    /// `[n_l, n_{l+1}]` each.
    pub weights: Vec<Tensor>,
    /// `[units]` each.
    pub biases: Vec<Tensor>,
}

impl Parameters {
    /// Shares the tensors of a machine or a network.
    pub fn new(weights: &[Tensor], biases: &[Tensor]) -> Self {
        Self { weights: weights.to_vec(), biases: biases.to_vec() }
    }

    /// Zero everywhere.
    pub fn zeros_like(&self) -> Result<Self> {
        self.map(Tensor::zeros_like)
    }

    /// `self - other`.
    pub fn minus(&self, other: &Self) -> Result<Self> {
        let difference = |left: &[Tensor], right: &[Tensor]| -> Result<Vec<Tensor>> {
            left.iter().zip(right).map(|(left, right)| left - right).collect()
        };
        Ok(Self {
            weights: difference(&self.weights, &other.weights)?,
            biases: difference(&self.biases, &other.biases)?,
        })
    }

    /// Sum of all products, in `f64`; of parameters and statistics: the mean expected ln p̃, nats.
    pub fn inner(&self, other: &Self) -> Result<f64> {
        let pairs = self.weights.iter().zip(&other.weights).chain(self.biases.iter().zip(&other.biases));
        pairs.map(|(left, right)| Ok(host(left)?.iter().zip(host(right)?).map(|(a, b)| a * b).sum::<f64>())).sum()
    }

    /// Every tensor under a stable name: `{prefix}.weight.{l}`, `{prefix}.bias.{l}`.
    pub fn named(&self, prefix: &str) -> Vec<(String, Tensor)> {
        let name = |what: &str, tensors: &[Tensor]| {
            let named = |(l, tensor): (usize, &Tensor)| (format!("{prefix}.{what}.{l}"), tensor.clone());
            tensors.iter().enumerate().map(named).collect::<Vec<_>>()
        };
        [name("weight", &self.weights), name("bias", &self.biases)].concat()
    }

    /// The inverse of `named`, for tensors of the shapes of `self`.
    pub fn restore(&self, prefix: &str, tensors: &SavedTensors) -> Result<Self> {
        let pick = |what: &str, like: &[Tensor]| {
            let pick = |(l, like): (usize, &Tensor)| saved(tensors, &format!("{prefix}.{what}.{l}"), like.dims());
            like.iter().enumerate().map(pick).collect::<Result<Vec<_>>>()
        };
        Ok(Self { weights: pick("weight", &self.weights)?, biases: pick("bias", &self.biases)? })
    }

    fn map(&self, each: impl Fn(&Tensor) -> Result<Tensor>) -> Result<Self> {
        Ok(Self {
            weights: self.weights.iter().map(&each).collect::<Result<_>>()?,
            biases: self.biases.iter().map(&each).collect::<Result<_>>()?,
        })
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
