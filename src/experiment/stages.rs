//! From the sections `[pretrain]` and `[train]` to trainers: the only place that matches training algorithms.

use super::config::{Algorithm, Chains, Experiment, LearningRate, Scheme};
use super::{Chosen, Error};
use crate::inference::Network;
use crate::learning::{
    MaximumLikelihood, NegativePhase, NegativeStart, Positive, PositivePhase, Pretraining, SchemeAlone, Sgd, WakeSleep,
};
use crate::math::{Result, Stream, Tensor};
use crate::models::Dbm;

/// A stretch of updates by one trainer.
#[derive(Clone, Debug, PartialEq)]
pub struct Stage {
    /// What trains.
    pub kind: StageKind,
    /// What the user sees.
    pub name: String,
    /// Passes over the training examples.
    pub epochs: usize,
    /// Examples per update; the last batch of an epoch may be smaller.
    pub batch_size: usize,
    /// Step size of the machine.
    pub learning_rate: LearningRate,
    /// Step size of the inference network.
    pub network_learning_rate: LearningRate,
}

/// Which trainer a stage runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StageKind {
    /// Pre-training of the RBM between this layer and the next.
    Pretraining(usize),
    /// Training of all layers.
    Joint,
}

/// The stages of an experiment, in order.
pub fn stages(experiment: &Experiment) -> Vec<Stage> {
    let mut stages = Vec::new();
    if let Some(pretrain) = &experiment.pretrain {
        for layer in 0..experiment.model.hidden.len() {
            stages.push(Stage {
                kind: StageKind::Pretraining(layer),
                name: format!("pretraining layer {}", layer + 1),
                epochs: pretrain.epochs,
                batch_size: pretrain.batch_size,
                learning_rate: pretrain.learning_rate,
                network_learning_rate: LearningRate::constant(0.0),
            });
        }
    }
    if let Some(train) = &experiment.train {
        stages.push(Stage {
            kind: StageKind::Joint,
            name: match train.algorithm {
                Algorithm::MaximumLikelihood(_) => "joint training".into(),
                Algorithm::WakeSleep(_) => "wake-sleep".into(),
            },
            epochs: train.epochs,
            batch_size: train.batch_size,
            learning_rate: train.learning_rate,
            network_learning_rate: train.network.learning_rate,
        });
    }
    stages
}

impl Stage {
    /// Updates in one epoch over so many examples.
    pub fn steps_per_epoch(&self, examples: usize) -> u64 {
        examples.div_ceil(self.batch_size) as u64
    }

    /// Updates of the whole stage.
    pub fn steps(&self, examples: usize) -> u64 {
        self.steps_per_epoch(examples) * self.epochs as u64
    }
}

/// The trainer of the pre-training stages, if there are any.
pub fn pretraining(experiment: &Experiment) -> Option<Pretraining> {
    let pretrain = experiment.pretrain.as_ref()?;
    Some(Pretraining {
        negative: match pretrain.chains {
            Chains::Contrastive => NegativeStart::Data,
            Chains::Persistent => NegativeStart::Chains(pretrain.batch_size),
        },
        sweeps: pretrain.gibbs_sweeps,
        sgd: Sgd { momentum: pretrain.momentum, weight_decay: pretrain.weight_decay },
    })
}

/// The trainer of all layers.
pub enum JointTrainer {
    /// Stochastic maximum likelihood with any scheme in the positive phase.
    MaximumLikelihood(MaximumLikelihood<SchemeByWord>),
    /// Wake-sleep.
    WakeSleep(WakeSleep),
}

/// The trainer of the joint stage, if there is one.
pub fn joint(experiment: &Experiment) -> Option<JointTrainer> {
    let train = experiment.train.as_ref()?;
    let dbm = Sgd { momentum: train.momentum, weight_decay: train.weight_decay };
    let network = Sgd { momentum: train.network.momentum, weight_decay: 0.0 };
    Some(match &train.algorithm {
        Algorithm::MaximumLikelihood(settings) => JointTrainer::MaximumLikelihood(MaximumLikelihood {
            positive: SchemeByWord(settings.positive.clone()),
            negative: NegativePhase { chains: settings.chains, sweeps: settings.gibbs_sweeps },
            dbm,
            network,
        }),
        Algorithm::WakeSleep(settings) => JointTrainer::WakeSleep(WakeSleep {
            negative: NegativePhase { chains: settings.chains, sweeps: settings.gibbs_sweeps },
            dbm,
            network,
        }),
    })
}

/// A positive phase by any scheme, made ready anew for the network of every update.
pub struct SchemeByWord(Scheme);

impl PositivePhase for SchemeByWord {
    fn infer(&self, dbm: &Dbm, network: &Network, visible: &Tensor, stream: Stream) -> Result<Positive> {
        let chosen = Chosen::new(&self.0, Some(network), dbm.dtype());
        match chosen.map_err(|error: Error| candle_core::Error::msg(error.to_string()))? {
            Chosen::Factorial(scheme) => SchemeAlone(scheme).infer(dbm, network, visible, stream),
            Chosen::Exact(exact) => SchemeAlone(exact).infer(dbm, network, visible, stream),
        }
    }
}
