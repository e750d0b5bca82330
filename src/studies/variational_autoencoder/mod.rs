//! Variational auto-encoders small enough to be judged exactly: a linear one against probabilistic PCA, and one of bars and stripes whose
//! encoder and decoder are trained together, or one of them alone.
//!
//! With a linear decoder, Gaussian units of one variance and a diagonal q, the maximum of the ELBO is the maximum likelihood of
//! probabilistic PCA (Tipping & Bishop 1999, equation 8; Lucas et al. 2019, section 4). With two latents the ELBO and ln p(x) of any
//! decoder are integrals over a plane, done here by quadrature.

mod bars;
mod linear;

use super::{Findings, Laboratory, Study};
use crate::learning::{Trainer, Update, VaeState, VaeTraining};
use crate::math::{DType, Device, Result, Stream, Tensor};
use crate::models::{Vae, VaeShape};
use serde::{Deserialize, Serialize};

/// Both models and how they are trained.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct VariationalAutoencoder {
    /// Examples of the linear model.
    pub linear_examples: usize,
    /// Their units.
    pub linear_visible: usize,
    /// Updates of the linear model, each on all examples.
    pub linear_steps: usize,
    /// Its learning rate at the first and at the last update; in between it falls by a constant factor.
    pub linear_learning_rates: [f64; 2],
    /// Rows of the bars and stripes.
    pub side: usize,
    /// Hidden units of encoder and decoder.
    pub hidden: usize,
    /// Updates, each on all patterns.
    pub steps: usize,
    /// Learning rate.
    pub learning_rate: f64,
    /// Independent runs of each kind of training.
    pub seeds: usize,
    /// Samples K of the importance-weighted bound.
    pub samples: usize,
    /// Times the sampled bound is drawn, for its standard error.
    pub repeats: usize,
    /// Evaluations of each run, from the first update to the last.
    pub evaluations: usize,
}

impl Default for VariationalAutoencoder {
    fn default() -> Self {
        Self {
            linear_examples: 120,
            linear_visible: 6,
            linear_steps: 10_000,
            linear_learning_rates: [0.01, 1e-4],
            side: 3,
            hidden: 24,
            steps: 10_000,
            learning_rate: 0.005,
            seeds: 3,
            samples: 50,
            repeats: 40,
            evaluations: 20,
        }
    }
}

impl Study for VariationalAutoencoder {
    fn run(&self, stream: Stream, lab: &mut dyn Laboratory) -> Result<Findings> {
        let mut findings = Findings::default();
        self.linear(stream.named("linear"), lab, &mut findings)?;
        self.bars(stream.named("bars"), lab, &mut findings)?;
        Ok(findings)
    }
}

/// One training run: what moves, and how fast.
struct Run<'a> {
    data: &'a Tensor,
    steps: usize,
    evaluations: usize,
    /// Learning rates of encoder and decoder at an update.
    rates: &'a dyn Fn(usize) -> [f64; 2],
}

impl Run<'_> {
    /// Trains a fresh model; `look` is shown the model before the first update, after the last, and in between.
    fn train(
        &self,
        shape: &VaeShape,
        stream: Stream,
        look: &mut dyn FnMut(usize, &Vae) -> Result<()>,
    ) -> Result<VaeState> {
        let training = VaeTraining::default();
        let vae = Vae::random(shape, stream.named("weights"), DType::F64, &Device::Cpu)?;
        let mut state = training.init(vae, stream)?;
        let every = (self.steps / self.evaluations.max(1)).max(1);
        for step in 0..self.steps {
            if step % every == 0 {
                look(step, &state.vae)?;
            }
            let [encoder, decoder] = (self.rates)(step);
            let update = Update::new(stream.named("updates").at(step as u64), [decoder, encoder]);
            state = training.step(state, self.data, update)?.0;
        }
        look(self.steps, &state.vae)?;
        Ok(state)
    }
}
