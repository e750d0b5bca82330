//! Stochastic maximum likelihood on bars and stripes: from small random weights, after greedy pre-training, and with centred gradients.
//!
//! The positive phase is mean field, the negative phase persistent chains (book algorithm 20.1; Salakhutdinov & Hinton 2009). The
//! machine is small enough for the exact mean ln p(v); the best any model can do is minus the logarithm of the number of patterns.

use super::instances::bars_and_stripes;
use super::training::{Ascent, Course, Look, beginning, sweeps};
use super::{Axis, Figure, Findings, Laboratory, Study};
use crate::learning::{
    Centred, DbmWithNetwork, Joint, MaximumLikelihood, NegativePhase, NegativeStart, Pretraining, SchemeAlone, Sgd,
    Trainer,
};
use crate::math::{DType, Result, Stream, Tensor, larger, mean_of, smaller};
use crate::models::Dbm;
use serde::{Deserialize, Serialize};

/// The machine, how it is trained, and when it is looked at.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct JointTraining {
    /// Height and width of the images.
    pub side: usize,
    /// Units of the hidden layers, bottom first.
    pub hidden: Vec<usize>,
    /// Standard deviation of the first weights.
    pub weight_std: f64,
    /// Independent runs of each way to train.
    pub seeds: usize,
    /// Joint updates, each on all patterns.
    pub updates: u64,
    /// An early look, after so many updates.
    pub early: u64,
    /// Looks, evenly spaced.
    pub looks: u64,
    /// Learning rate of the first and the last joint update.
    pub learning_rate: [f64; 2],
    /// Momentum of all training.
    pub momentum: f64,
    /// Mean-field sweeps from 1/2 in the positive phase.
    pub sweeps: usize,
    /// Persistent chains.
    pub chains: usize,
    /// Gibbs sweeps of every chain per update.
    pub gibbs_sweeps: usize,
    /// Epochs of contrastive divergence (CD-1) per restricted Boltzmann machine of pre-training.
    pub pretraining_epochs: u64,
    /// Patterns per update of pre-training.
    pub pretraining_batch: usize,
    /// Learning rate of pre-training.
    pub pretraining_rate: f64,
    /// Share of a new mean that the offsets of centred gradients take up.
    pub centring_rate: f64,
}

impl Default for JointTraining {
    fn default() -> Self {
        Self {
            side: 4,
            hidden: vec![12, 8],
            weight_std: 0.01,
            seeds: 3,
            updates: 10_000,
            early: 1000,
            looks: 20,
            learning_rate: [0.05, 0.0005],
            momentum: 0.5,
            sweeps: 10,
            chains: 100,
            gibbs_sweeps: 5,
            pretraining_epochs: 400,
            pretraining_batch: 10,
            pretraining_rate: 0.05,
            centring_rate: 0.01,
        }
    }
}

/// Ways to train.
const WAYS: [&str; 3] = ["joint", "pretrained", "centred"];

/// The looks of one run.
type Looks = Vec<Look>;

impl Study for JointTraining {
    fn run(&self, stream: Stream, lab: &mut dyn Laboratory) -> Result<Findings> {
        // Training in single precision; every look sums in double.
        let data = bars_and_stripes(self.side)?.to_dtype(DType::F32)?;
        let mut runs: [Vec<Looks>; 3] = Default::default();
        for seed in 0..self.seeds {
            for (way, name) in WAYS.iter().enumerate() {
                lab.at("training runs", seed * WAYS.len() + way, self.seeds * WAYS.len())?;
                runs[way].push(self.looks_of(name, &data, stream.at(seed as u64))?);
            }
        }
        self.findings(&runs, data.dim(0)?)
    }
}

impl JointTraining {
    fn looks_of(&self, way: &str, data: &Tensor, stream: Stream) -> Result<Looks> {
        let mut dbm = beginning(&self.hidden, self.weight_std, data, stream.named("weights"))?;
        if way == "pretrained" {
            dbm = self.pretrained(dbm, data, stream.named("pretraining"))?;
        }
        let plain = Sgd { momentum: self.momentum, weight_decay: 0.0 };
        let negative = NegativePhase { chains: self.chains, sweeps: self.gibbs_sweeps };
        let trainer: MaximumLikelihood<SchemeAlone<Ascent>> =
            MaximumLikelihood { positive: sweeps(self.sweeps), negative, dbm: plain, network: plain };
        if way == "centred" {
            self.train(&Centred { by: trainer, rate: self.centring_rate }, dbm, data, stream)
        } else {
            self.train(&trainer, dbm, data, stream)
        }
    }

    fn train<T: Trainer<State = Joint>>(&self, by: &T, dbm: Dbm, data: &Tensor, stream: Stream) -> Result<Looks> {
        let course = Course {
            updates: self.updates,
            batch: data.dim(0)?,
            learning_rate: self.learning_rate,
            network_learning_rate: 0.0,
        };
        let state = by.init(DbmWithNetwork::from_dbm(dbm)?, stream.named("start"))?;
        let (mut looks, every) = (Looks::new(), (self.updates / self.looks.max(1)).max(1));
        course.train(by, state, data, stream.named("joint"), &mut |update, state| {
            if update.is_multiple_of(every) || update == self.early || update == self.updates {
                looks.push(Look::at(update, &state.dbm, data)?);
            }
            Ok(())
        })?;
        Ok(looks)
    }

    /// One restricted Boltzmann machine after the other, composed (Salakhutdinov & Hinton 2009).
    fn pretrained(&self, dbm: Dbm, data: &Tensor, stream: Stream) -> Result<Dbm> {
        let sgd = Sgd { momentum: self.momentum, weight_decay: 0.0 };
        let by = Pretraining { negative: NegativeStart::Data, sweeps: 1, sgd };
        let batch = self.pretraining_batch.min(data.dim(0)?);
        let course = Course {
            updates: self.pretraining_epochs * (data.dim(0)? / batch) as u64,
            batch,
            learning_rate: [self.pretraining_rate; 2],
            network_learning_rate: 0.0,
        };
        course.pretrain(&by, &dbm, data, stream)?.dbm()
    }

    fn findings(&self, runs: &[Vec<Looks>; 3], patterns: usize) -> Result<Findings> {
        let mut findings = Findings::default();
        let at = |way: usize, update: u64, of: fn(&Look) -> f64| -> Vec<f64> {
            runs[way].iter().filter_map(|looks| looks.iter().find(|look| look.update == update)).map(of).collect()
        };
        let log_likelihood = |look: &Look| look.log_likelihood;
        let lowest = |values: &[f64]| values.iter().copied().fold(f64::INFINITY, smaller);
        let highest = |values: &[f64]| values.iter().copied().fold(f64::NEG_INFINITY, larger);
        let [joint, pretrained, centred] = [0, 1, 2].map(|way| at(way, self.updates, log_likelihood));
        let [joint_early, pretrained_early] = [0, 1].map(|way| at(way, self.early, log_likelihood));
        let gaps = at(0, self.updates, |look| look.log_likelihood - look.elbo);
        let sizes = [0, 2].map(|way| mean_of(&at(way, self.updates, |look| look.weight_size)));
        let gains: Vec<f64> = centred.iter().zip(&joint).map(|(centred, joint)| centred - joint).collect();
        findings.quantity("log_likelihood_nats_at_start", mean_of(&at(0, 0, log_likelihood)));
        findings.quantity("joint_log_likelihood_nats_lowest", lowest(&joint));
        findings.quantity("joint_elbo_gap_nats_highest", highest(&gaps));
        findings.quantity("joint_early_log_likelihood_nats_highest", highest(&joint_early));
        findings.quantity("pretrained_early_log_likelihood_nats_lowest", lowest(&pretrained_early));
        findings.quantity("early_lead_nats_lowest", lowest(&pretrained_early) - highest(&joint_early));
        findings.quantity("pretrained_minus_joint_nats_mean", mean_of(&pretrained) - mean_of(&joint));
        findings.quantity("centred_log_likelihood_nats_lowest", lowest(&centred));
        findings.quantity("centred_minus_joint_nats_lowest", lowest(&gains));
        findings.quantity("centred_weight_size_over_joint", sizes[1] / sizes[0]);
        for (way, ends) in WAYS.iter().zip([&joint, &pretrained, &centred]) {
            findings.quantity(format!("{way}_log_likelihood_nats_mean"), mean_of(ends));
        }
        for (way, runs) in WAYS.iter().zip(runs) {
            for (seed, looks) in runs.iter().enumerate() {
                let run = format!("{way}-{seed}");
                findings.series(
                    &run,
                    "train/log_p_v_nats_mean",
                    looks.iter().map(|look| (look.update, look.log_likelihood)),
                );
                findings.series(&run, "train/elbo_nats_mean", looks.iter().map(|look| (look.update, look.elbo)));
            }
        }
        let best = -(patterns as f64).ln();
        findings.figure(self.figure(runs, best, [&joint, &pretrained, &centred].map(|ends| mean_of(ends))));
        findings.remark(format!(
            "The best possible is {best:.3} nats, every pattern equally likely; independent pixels reach {:.3}.",
            mean_of(&at(0, 0, log_likelihood))
        ));
        Ok(findings)
    }

    fn figure(&self, runs: &[Vec<Looks>; 3], best: f64, ends: [f64; 3]) -> Figure {
        let caption = format!(
            "Pre-training is far ahead after {} updates; after {} the plain run has come level ({:.2} against {:.2} nats) and centred \
             gradients lead ({:.2}). Means over {} runs.",
            self.early, self.updates, ends[0], ends[1], ends[2], self.seeds
        );
        let mut figure = Figure::new(
            "Exact log-likelihood while training",
            caption,
            Axis::linear("updates"),
            Axis::linear("mean ln p(v), nats"),
        );
        for (way, runs) in WAYS.iter().zip(runs) {
            let looks = runs.first().map_or(0, Vec::len);
            let mean = |index: usize| {
                let values: Vec<f64> = runs.iter().map(|looks| looks[index].log_likelihood).collect();
                (runs[0][index].update as f64, mean_of(&values))
            };
            figure = figure.line(*way, (0..looks).map(mean));
        }
        figure.level("every pattern equally likely", best)
    }
}
