//! Expected sufficient statistics of a DBM: ln p̃ is linear in its parameters, and these are the coefficients.
//!
//! Statistics of the data minus statistics of the model are the gradient of the mean ln p(v) (book equation 18.4), if q is
//! the posterior; else of the ELBO with q held constant.

use super::{Parameters, Statistics};
use crate::inference::Network;
use crate::math::{DType, Layers, Result, Tensor, Term, Weight, bail, mean_over_examples};
use crate::models::Dbm;
use crate::posterior::{Factorial, Posterior, Table};
use crate::units::Kind;

impl Statistics {
    /// Means over examples of x_lᵀ x_{l+1} and x_l, from the states or independent means of all layers `[examples, n_l]`.
    pub fn of(layers: &[Tensor]) -> Result<Self> {
        let Some(first) = layers.first() else { bail!("statistics of no layer") };
        let share = 1.0 / first.dim(0)? as f64;
        let pair = |pair: &[Tensor]| vec![Term::Outer { below: pair[0].clone(), above: pair[1].clone(), share }];
        Ok(Self {
            weights: layers.windows(2).map(pair).collect(),
            biases: layers.iter().map(mean_over_examples).collect::<Result<_>>()?,
        })
    }

    /// The same statistics as what multiplies the parameters of the machine: of Gaussian visible units the mean in the units of the
    /// data and, where it is learned, ln σ² (Cho, Ilin & Raiko 2011). `visible` and `hidden` are layers 0 and 1.
    pub(super) fn of_machine(self, dbm: &Dbm, visible: &Tensor, hidden: &Tensor) -> Result<Self> {
        self.of_visible(&dbm.units()[0], (&dbm.weights()[0], &dbm.biases()[0]), visible, hidden)
    }

    /// The same from the kind of the visible units, and the weight and the bias that give their means.
    pub(super) fn of_visible(
        mut self,
        kind: &Kind,
        (weight, bias): (&Weight, &Tensor),
        visible: &Tensor,
        hidden: &Tensor,
    ) -> Result<Self> {
        let Some(precision) = kind.precision() else { return Ok(self) };
        let weighed = visible.broadcast_mul(precision)?;
        let share = 1.0 / visible.dim(0)? as f64;
        self.weights[0] = vec![Term::Outer { below: weighed.clone(), above: hidden.clone(), share }];
        self.biases[0] = mean_over_examples(&weighed)?;
        if kind.learns_variance() {
            // The slope of -v² / 2σ² + v (b + W h) / σ² in ln σ².
            let mean = weight.inputs_below(hidden, 1.0, bias)?;
            self.biases.push(mean_over_examples(&(weighed * ((visible * 0.5)? - mean)?)?)?);
        }
        Ok(self)
    }

    /// Exact expectations under the machine, nothing clamped. Fails where more than 2^`max_bits` states would be enumerated.
    pub fn of_model(dbm: &Dbm, max_bits: f64) -> Result<Self> {
        let (table, _) = dbm.free()?.tabulate(max_bits)?;
        let states = table.states(0)?;
        let pairs = (1..states.len()).map(|l| dense(table.pairs(0, &states, l)?, dbm.dtype()));
        let means = states.iter().map(|states| table.average(0, states)?.squeeze(0)?.to_dtype(dbm.dtype()));
        let mut found = Self { weights: pairs.collect::<Result<_>>()?, biases: means.collect::<Result<Vec<_>>>()? };
        let Some(precision) = dbm.units()[0].precision() else { return Ok(found) };
        let weight = Term::sum(&found.weights[0])?.broadcast_mul(&precision.unsqueeze(1)?)?;
        found.weights[0] = vec![Term::Dense(weight)];
        found.biases[0] = (&found.biases[0] * precision)?;
        if dbm.units()[0].learns_variance() {
            // Given h, E[v² / 2 - v m] = (σ² - m²) / 2 at the mean m.
            let squares = table.average(0, &states[0].sqr()?)?.squeeze(0)?.to_dtype(dbm.dtype())?;
            found.biases.push((((squares * precision)? * -0.5)? + 0.5)?);
        }
        Ok(found)
    }
}

/// One term, multiplied out already.
fn dense(sum: Tensor, dtype: DType) -> Result<Vec<Term>> {
    Ok(vec![Term::Dense(sum.to_dtype(dtype)?)])
}

/// Families of q whose expected statistics have a closed form.
pub trait ExpectedStatistics: Posterior {
    /// E_q of the statistics, mean over examples; `means` are those of `self`.
    fn statistics(&self, visible: &Tensor, means: &[Tensor]) -> Result<Statistics>;
}

impl ExpectedStatistics for Factorial {
    fn statistics(&self, visible: &Tensor, means: &[Tensor]) -> Result<Statistics> {
        Statistics::of(&with_visible(visible, means))
    }
}

impl ExpectedStatistics for Table {
    /// Pairs of hidden units are correlated here, so their statistics are sums over the table.
    fn statistics(&self, visible: &Tensor, means: &[Tensor]) -> Result<Statistics> {
        let mut statistics = Statistics::of(&with_visible(visible, means))?;
        let examples = self.examples()?;
        for l in 1..means.len() {
            let mut total = Tensor::zeros((means[l - 1].dim(1)?, means[l].dim(1)?), DType::F64, visible.device())?;
            for example in 0..examples {
                total = (total + self.pairs(example, &self.states(example)?, l)?)?;
            }
            statistics.weights[l] = dense((total / examples as f64)?, visible.dtype())?;
        }
        Ok(statistics)
    }
}

/// The visible layer below the hidden ones.
pub(super) fn with_visible(visible: &Tensor, hidden: &[Tensor]) -> Layers {
    std::iter::once(visible).chain(hidden).cloned().collect()
}

impl Parameters {
    /// The parameters of a machine.
    pub fn of_dbm(dbm: &Dbm) -> Self {
        Self::new(dbm.weights(), &dbm.vectors())
    }

    /// The parameters of an inference network.
    pub fn of_network(network: &Network) -> Self {
        Self::new(network.weights(), network.biases())
    }
}
