//! The workloads, each made of the library's own pieces.

use super::model::{EXAMPLES, Sizes, data, model};
use crate::evaluate::{Annealing, Half, Spacing, ais};
use crate::inference::{MeanField, Refined, Stop, Uninformed};
use crate::learning::{
    Chains, DbmWithNetwork, Joint, MaximumLikelihood, NegativePhase, SchemeAlone, Sgd, Trainer, Update,
};
use crate::math::{DType, Device, Result, Stream, Tensor};
use crate::models::Dbm;

/// Chains of the negative phase, of Gibbs sampling and of annealing.
pub const CHAINS: usize = 100;
/// Mean-field sweeps of a training step.
const MEAN_FIELD: usize = 10;
/// Gibbs sweeps of a training step.
const GIBBS: usize = 5;
/// Temperatures of an annealing run.
const TEMPERATURES: usize = 1000;
/// Side of the square matrices whose product is the yardstick.
const SQUARE: usize = 2048;
/// What is timed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
#[value(rename_all = "UPPER")]
pub enum Task {
    /// A training step: 10 mean-field sweeps, 100 chains by 5 Gibbs sweeps, gradient, momentum, decay.
    W,
    /// A training step of an RBM by persistent contrastive divergence, 100 chains by one sweep.
    R,
    /// A Gibbs sweep over all layers of 100 chains.
    G,
    /// An annealing estimate of log Z: 1000 temperatures, 100 chains.
    A,
    /// A product of two square matrices of 2048 rows: the yardstick.
    P,
}

type Scheme = Refined<Uninformed, MeanField>;

/// A workload under way.
pub enum Work {
    /// W and R.
    Training {
        trainer: Box<MaximumLikelihood<SchemeAlone<Scheme>>>,
        /// Handed to each step, which changes it in place.
        state: Option<Box<Joint>>,
        examples: Tensor,
        batch: usize,
        step: u64,
    },
    /// G.
    Gibbs { dbm: Dbm, chains: Chains, step: u64 },
    /// A.
    Annealing { dbm: Dbm, step: u64 },
    /// P.
    Product { left: Tensor, right: Tensor },
}

impl Work {
    /// Ready to run.
    pub fn new(task: Task, sizes: &Sizes, batch: usize, device: &Device) -> Result<Self> {
        let rbm = Sizes(sizes.0[..2].to_vec());
        let stream = Stream::new(1);
        Ok(match task {
            Task::W => Self::training(model(sizes, device)?, MEAN_FIELD, GIBBS, batch)?,
            Task::R => Self::training(model(&rbm, device)?, 1, 1, batch)?,
            Task::G => {
                let dbm = model(sizes, device)?;
                Self::Gibbs { chains: Chains::from_biases(&dbm, CHAINS, stream)?, dbm, step: 0 }
            }
            Task::A => Self::Annealing { dbm: model(sizes, device)?, step: 0 },
            Task::P => {
                let square = |name| stream.named(name).uniform(SQUARE, SQUARE, DType::F32, device);
                Self::Product { left: square("left")?, right: square("right")? }
            }
        })
    }

    fn training(dbm: Dbm, mean_field: usize, gibbs: usize, batch: usize) -> Result<Self> {
        let trainer = MaximumLikelihood {
            positive: SchemeAlone(scheme(mean_field)),
            negative: NegativePhase { chains: CHAINS, sweeps: gibbs },
            dbm: Sgd { momentum: 0.9, weight_decay: 2e-4 },
            network: Sgd { momentum: 0.0, weight_decay: 0.0 },
        };
        let state = trainer.init(DbmWithNetwork::from_dbm(dbm.clone())?, Stream::new(1))?;
        let examples = data(EXAMPLES.max(batch), dbm.sizes()[0])?.to_device(dbm.device())?;
        Ok(Self::Training { trainer: Box::new(trainer), state: Some(Box::new(state)), examples, batch, step: 0 })
    }

    fn device(&self) -> &Device {
        match self {
            Self::Training { examples, .. } => examples.device(),
            Self::Gibbs { dbm, .. } | Self::Annealing { dbm, .. } => dbm.device(),
            Self::Product { left, .. } => left.device(),
        }
    }

    /// Does `units` units of work, to the end.
    pub fn run(&mut self, units: usize) -> Result<()> {
        match self {
            Self::Training { trainer, state, examples, batch, step } => {
                let positions = (examples.dim(0)? - *batch + 1) as u64;
                for _ in 0..units {
                    let rows = examples.narrow(0, (*step * *batch as u64 % positions) as usize, *batch)?;
                    let update = Update::new(Stream::new(2).at(*step), [1e-3, 0.0]);
                    if let Some(before) = state.take() {
                        *state = Some(Box::new(trainer.step(*before, &rows, update)?.0));
                    }
                    *step += 1;
                }
            }
            Self::Gibbs { dbm, chains, step } => {
                *chains = chains.advance(dbm, units, Stream::new(2).at(*step))?.0;
                *step += 1;
            }
            Self::Annealing { dbm, step } => {
                for _ in 0..units {
                    ais(dbm, &annealing(), Stream::new(2).at(*step))?;
                    *step += 1;
                }
            }
            Self::Product { left, right } => {
                for _ in 0..units {
                    left.matmul(right)?;
                }
            }
        }
        self.device().synchronize()
    }
}

/// Mean field from one half, a fixed number of sweeps.
pub fn scheme(sweeps: usize) -> Scheme {
    Refined { start: Uninformed, by: MeanField::default(), stop: Stop::after(sweeps) }
}

/// From uniform units, the first hidden layer kept.
pub fn annealing() -> Annealing {
    Annealing {
        temperatures: TEMPERATURES,
        spacing: Spacing::Uniform,
        chains: CHAINS,
        kept: Some(Half::Odd),
        base_means: Vec::new(),
    }
}

impl Task {
    /// Floating-point operations of the dense products of one unit of work, none of them made twice; a multiply-add counts as two.
    pub fn operations(self, sizes: &Sizes, batch: usize) -> f64 {
        let pairs: Vec<f64> = sizes.0.windows(2).map(|pair| (pair[0] * pair[1]) as f64).collect();
        let (all, first, batch, chains) = (pairs.iter().sum::<f64>(), pairs[0], batch as f64, CHAINS as f64);
        let sweep = 4.0 * chains * all;
        let hidden = 4.0 * batch * (all - first);
        match self {
            Self::W => {
                2.0 * batch * first + MEAN_FIELD as f64 * hidden + GIBBS as f64 * sweep + 2.0 * (batch + chains) * all
            }
            Self::R => 2.0 * batch * first + 4.0 * chains * first + 2.0 * (batch + chains) * first,
            Self::G => sweep,
            Self::A => TEMPERATURES as f64 * sweep,
            Self::P => 2.0 * (SQUARE as f64).powi(3),
        }
    }

    /// What one unit of work is called.
    pub fn unit(self) -> &'static str {
        match self {
            Self::W | Self::R => "steps",
            Self::G => "sweeps",
            Self::A => "estimates",
            Self::P => "products",
        }
    }
}
