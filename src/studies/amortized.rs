//! Inference networks of machines that stay as they are: trained towards their own refined answers, and judged by exact sums.
//!
//! KL(q ‖ p) of an example is ln p̃(v) - (E_q[ln p̃] + H(q)), for which no ln Z is needed (book equations 19.1 to 19.7).

use super::instances;
use super::training::{Course, beginning, sweeps};
use crate::evaluate::elbo_unnormalized;
use crate::inference::{Inference, MeanField, Network, Refine, Refined, Stop, Uninformed};
use crate::learning::{Adam, Amortization, Amortized, DbmWithNetwork, MaximumLikelihood, NegativePhase, Sgd, Trainer};
use crate::math::{DType, Device, Nats, Result, Stream, Tensor, mean_of};
use crate::models::{Dbm, LatentModel, Stack};
use crate::posterior::Factorial;

/// log2 of the largest sum.
const MAX_BITS: f64 = 20.0;

/// Sweeps after which mean field counts as converged where no example says so before.
const MANY_SWEEPS: usize = 2000;

/// A machine with examples clamped, and what exact sums say of them.
pub struct Clamped {
    /// The machine.
    pub dbm: Dbm,
    /// Examples, `[examples, visible]`.
    pub visible: Tensor,
    stack: Stack,
    log_evidence: Nats,
}

/// What is found on the way when a network is trained.
pub struct Taught {
    /// The trained network.
    pub network: Network,
    /// (step, mean KL(q_μ ‖ q_ν), nats).
    pub losses: Vec<(usize, f64)>,
    /// (step, the network) at every look.
    pub looks: Vec<(usize, Network)>,
}

impl Clamped {
    /// Of `dbm` on `visible`.
    pub fn new(dbm: Dbm, visible: Tensor) -> Result<Self> {
        let stack = dbm.clamp(&visible)?;
        let log_evidence = stack.log_partition(MAX_BITS)?;
        Ok(Self { dbm, visible, stack, log_evidence })
    }

    /// KL(q ‖ p(h | v)) of each example, nats.
    pub fn kl(&self, q: &Factorial) -> Result<Nats> {
        let bounds = elbo_unnormalized(&self.dbm, &self.visible, q)?;
        Ok(self.log_evidence.iter().zip(bounds).map(|(evidence, bound)| evidence - bound).collect())
    }

    /// KL of the network's answer.
    pub fn kl_of_network(&self, network: &Network) -> Result<Nats> {
        self.kl(&network.posterior(&self.visible)?)
    }

    /// KL of the network's answer after one ascending mean-field sweep.
    pub fn kl_of_network_and_sweep(&self, network: &Network, stream: Stream) -> Result<Nats> {
        let q = network.posterior(&self.visible)?;
        self.kl(&MeanField::default().refine(&self.stack, q, Stop::after(1), stream)?.q)
    }

    /// KL of so many mean-field sweeps from means of one half; with none given, of converged mean field.
    pub fn kl_of_mean_field(&self, sweeps: Option<usize>, stream: Stream) -> Result<Nats> {
        let stop = sweeps.map_or(Stop { tolerance: Some(1e-10), ..Stop::after(MANY_SWEEPS) }, Stop::after);
        let scheme = Refined { start: Uninformed, by: MeanField::default(), stop };
        self.kl(&scheme.infer(&self.dbm, &self.visible, stream)?.q)
    }

    /// Trains a network on all the examples at once, looking at it at the start, at the end, and where `looks_at` says.
    pub fn train(
        &self,
        network: Network,
        steps: usize,
        rate: f64,
        looks_at: impl Fn(usize) -> bool,
        stream: Stream,
    ) -> Result<Taught> {
        let by = Amortization { by: MeanField::default(), stop: Stop::after(1), adam: Adam::default() };
        let mut state = Amortized::new(network)?;
        let (mut losses, mut looks) = (Vec::new(), Vec::new());
        for step in 0..=steps {
            let (next, kls) = by.step(&self.stack, state.clone(), &self.visible, rate, stream)?;
            if step == 0 || step == steps || looks_at(step) {
                losses.push((step, mean_of(&kls)));
                looks.push((step, state.network.clone()));
            }
            if step < steps {
                state = next;
            }
        }
        Ok(Taught { network: state.network, losses, looks })
    }
}

/// A network of normal weights of this standard deviation, without biases, for the layers of `dbm`.
pub fn random_network(dbm: &Dbm, std: f64, stream: Stream) -> Result<Network> {
    let random = Dbm::random(&dbm.sizes(), std, stream, DType::F64, &Device::Cpu)?;
    Network::from_dbm(&random)
}

/// A machine that has learnt bars and stripes by algorithm 20.1 of the book, all pictures at every update, with 20 mean-field sweeps in the
/// positive phase; and the pictures.
pub fn trained_dbm(side: usize, hidden: &[usize], updates: usize, stream: Stream) -> Result<(Dbm, Tensor)> {
    let data = instances::bars_and_stripes(side)?;
    let course =
        Course { updates: updates as u64, batch: data.dim(0)?, learning_rate: [0.1, 0.0], network_learning_rate: 0.0 };
    let plain = Sgd { momentum: 0.0, weight_decay: 0.0 };
    let negative = NegativePhase { chains: 100, sweeps: 1 };
    let trainer = MaximumLikelihood { positive: sweeps(20), negative, dbm: plain, network: plain };
    let begin = DbmWithNetwork::from_dbm(beginning(hidden, 0.1, &data, stream.named("weights"))?)?;
    let state = trainer.init(begin, stream.named("chains"))?;
    let state = course.train(&trainer, state, &data, stream.named("updates"), &mut |_, _| Ok(()))?;
    Ok((state.dbm, data))
}
