//! How a stack of restricted Boltzmann machines becomes one deep Boltzmann machine.
//!
//! The bottom RBM sees two copies of v and the top one two copies of its hidden layer, so their weights pass unchanged; one in the middle
//! is trained plain and its weights are halved. A layer's bias is the average of the two RBMs that share it. Then every conditional of
//! the machine is the geometric mean of the two RBMs' (Salakhutdinov & Hinton 2009, section 3.1).

use super::instances::random_binary;
use super::training::{Course, beginning};
use super::{Axis, Figure, Findings, Laboratory, Study};
use crate::learning::{NegativeStart, Parameters, Pretraining, RbmStack, Sgd};
use crate::math::{Result, Stream, Tensor, host, larger, smaller};
use crate::models::{Conditionals, Dbm};
use serde::{Deserialize, Serialize};

/// The stack.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct StackComposition {
    /// Units per layer, visible first; at least three layers of hidden units have a middle.
    pub sizes: Vec<usize>,
    /// Examples to train on and states to look at, random bits.
    pub examples: usize,
    /// Updates of each RBM, so that the biases that are averaged differ.
    pub updates: u64,
}

impl Default for StackComposition {
    fn default() -> Self {
        Self { sizes: vec![6, 5, 4, 3], examples: 50, updates: 200 }
    }
}

impl Study for StackComposition {
    fn run(&self, stream: Stream, _: &mut dyn Laboratory) -> Result<Findings> {
        let data = random_binary(self.examples, self.sizes[0], stream.named("data"))?;
        let stack = self.trained(&data, stream)?;
        let (dbm, rbms) = (stack.dbm()?, stack.rbms());
        let mut tensors = 0.0_f64;
        for (l, rbm) in rbms.iter().enumerate() {
            let expected = (rbm.weights[0].tensor()? * share(l, rbms.len()))?;
            tensors = larger(tensors, largest(&expected, &dbm.weights()[l].tensor()?)?);
        }
        for l in 1..rbms.len() {
            let average = ((&rbms[l - 1].biases[1] + &rbms[l].biases[0])? * 0.5)?;
            tensors = larger(tensors, largest(&average, &dbm.biases()[l])?);
        }
        let ends = [(&rbms[0].biases[0], 0), (&rbms[rbms.len() - 1].biases[1], rbms.len())];
        for (own, l) in ends {
            tensors = larger(tensors, largest(own, &dbm.biases()[l])?);
        }
        let pairs = self.conditionals(&dbm, &rbms, stream.named("states"))?;
        let off = pairs.iter().map(|(left, right)| (left - right).abs()).fold(0.0, larger);
        let mut findings = Findings::default();
        findings.quantity("composed_tensor_difference_highest", tensors);
        findings.quantity("conditional_log_odds_difference_highest", off);
        let caption = format!(
            "Log-odds of every inner unit of the machine in {} random states, against the average of the two machines that share its \
             layer: equal to {off:.0e}.",
            self.examples
        );
        let ends =
            pairs.iter().fold((f64::MAX, f64::MIN), |(low, high), pair| (smaller(low, pair.0), larger(high, pair.0)));
        let (x, y) = (Axis::linear("average of the two RBMs"), Axis::linear("composed machine"));
        findings.figure(
            Figure::new("Log-odds of inner units", caption, x, y)
                .dashed("equal", [(ends.0, ends.0), (ends.1, ends.1)])
                .dots("units", pairs),
        );
        Ok(findings)
    }
}

impl StackComposition {
    fn trained(&self, data: &Tensor, stream: Stream) -> Result<RbmStack> {
        let sgd = Sgd { momentum: 0.5, weight_decay: 0.0 };
        let by = Pretraining { negative: NegativeStart::Data, sweeps: 1, sgd };
        let course = Course { updates: self.updates, batch: 10, learning_rate: [0.1; 2], network_learning_rate: 0.0 };
        let dbm = beginning(&self.sizes[1..], 0.5, data, stream.named("weights"))?;
        course.pretrain(&by, &dbm, data, stream)
    }

    /// Log-odds of the inner units: the average of the RBM below and the RBM above, and the machine's.
    fn conditionals(&self, dbm: &Dbm, rbms: &[Parameters], stream: Stream) -> Result<Vec<(f64, f64)>> {
        let states = self.sizes.iter().enumerate();
        let states = states.map(|(l, &units)| random_binary(self.examples, units, stream.at(l as u64)));
        let states = states.collect::<Result<Vec<_>>>()?;
        let mut pairs = Vec::new();
        for l in 1..rbms.len() {
            // Copies: the bottom RBM has its visible layer twice, the top one its hidden layer.
            let below = (states[l - 1].matmul(&rbms[l - 1].weights[0].tensor()?)? * copies(l - 1 == 0))?;
            let above = (states[l + 1].matmul(&rbms[l].weights[0].tensor()?.t()?)? * copies(l + 1 == rbms.len()))?;
            let below = below.broadcast_add(&rbms[l - 1].biases[1])?;
            let above = above.broadcast_add(&rbms[l].biases[0])?;
            let average = host(&((below + above)? * 0.5)?)?;
            pairs.extend(average.into_iter().zip(host(&dbm.free()?.input(&states, l)?)?));
        }
        Ok(pairs)
    }
}

/// Weight in the machine over weight of the RBM.
fn share(l: usize, rbms: usize) -> f64 {
    if l == 0 || l + 1 == rbms { 1.0 } else { 0.5 }
}

fn copies(doubled: bool) -> f64 {
    if doubled { 2.0 } else { 1.0 }
}

fn largest(left: &Tensor, right: &Tensor) -> Result<f64> {
    Ok(host(&(left - right)?)?.iter().map(|difference| difference.abs()).fold(0.0, larger))
}
