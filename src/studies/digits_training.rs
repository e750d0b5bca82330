//! Whether a deep Boltzmann machine trained jointly from small weights uses its upper layers at all.
//!
//! The same number of updates on thresholded 8x8 digits for a restricted Boltzmann machine, and for a machine with a second hidden
//! layer from small weights, with centred gradients, and after greedy pre-training (book section 20.4.4; Salakhutdinov & Hinton 2009).
//! Held-out ELBO by converged mean field, ln Z by annealed importance sampling.

use super::training::{Ascent, Course, beginning, mean_field, sweeps};
use super::{Axis, Figure, Findings, Laboratory, Study};
use crate::evaluate::{Annealing, Spacing, ais, elbo_unnormalized};
use crate::inference::{Inference, Stop};
use crate::learning::{
    Centred, DbmWithNetwork, Joint, MaximumLikelihood, NegativePhase, NegativeStart, Pretraining, SchemeAlone, Sgd,
    Trainer,
};
use crate::math::{DType, Nats, Result, Stream, Tensor, host, mean_of};
use crate::models::Dbm;
use serde::{Deserialize, Serialize};

/// The machine, its training and how ln Z is found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DigitsTraining {
    /// Units of the two hidden layers; the restricted Boltzmann machine has the first.
    pub hidden: [usize; 2],
    /// Standard deviation of the first weights.
    pub weight_std: f64,
    /// Joint updates of each.
    pub updates: u64,
    /// Examples per update.
    pub batch: usize,
    /// Learning rate of the first and the last update.
    pub learning_rate: [f64; 2],
    /// Momentum of all training.
    pub momentum: f64,
    /// Mean-field sweeps from 1/2 in the positive phase.
    pub sweeps: usize,
    /// Persistent chains.
    pub chains: usize,
    /// Gibbs sweeps of every chain per update.
    pub gibbs_sweeps: usize,
    /// Updates of contrastive divergence (CD-1) per restricted Boltzmann machine of pre-training.
    pub pretraining_updates: u64,
    /// Learning rate of pre-training.
    pub pretraining_rate: f64,
    /// Share of a new mean that the offsets of centred gradients take up.
    pub centring_rate: f64,
    /// Temperatures of annealing.
    pub temperatures: usize,
    /// Chains of annealing.
    pub annealing_chains: usize,
}

impl Default for DigitsTraining {
    fn default() -> Self {
        Self {
            hidden: [48, 32],
            weight_std: 0.01,
            updates: 6000,
            batch: 100,
            learning_rate: [0.05, 0.0005],
            momentum: 0.5,
            sweeps: 10,
            chains: 100,
            gibbs_sweeps: 5,
            pretraining_updates: 2000,
            pretraining_rate: 0.05,
            centring_rate: 0.01,
            temperatures: 2000,
            annealing_chains: 200,
        }
    }
}

/// Ways to train.
const WAYS: [&str; 4] = ["rbm", "joint", "centred", "pretrained"];

/// How one of them ended.
struct End {
    /// Mean held-out ELBO, nats, and the standard error of ln Z.
    elbo: f64,
    error: f64,
    /// Weights between the hidden layers; none of a machine with one.
    upper: Vec<f64>,
}

impl Study for DigitsTraining {
    fn run(&self, stream: Stream, lab: &mut dyn Laboratory) -> Result<Findings> {
        let digits = lab.bundled("digits")?;
        let (train, test) = (digits.train.to_dtype(DType::F32)?, digits.test.to_dtype(DType::F32)?);
        let mut ends = Vec::new();
        for (index, way) in WAYS.iter().enumerate() {
            lab.at("ways to train", index, WAYS.len())?;
            let dbm = self.trained(way, &train, stream.named(way))?;
            ends.push(self.end(&dbm, &train, &test, stream.named(way).named("annealing"))?);
        }
        let baseline = independent(&train, &test)?;
        Ok(self.findings(&ends, baseline, [train.dim(0)?, test.dim(0)?]))
    }
}

impl DigitsTraining {
    fn trained(&self, way: &str, train: &Tensor, stream: Stream) -> Result<Dbm> {
        let hidden = if way == "rbm" { &self.hidden[..1] } else { &self.hidden[..] };
        let mut dbm = beginning(hidden, self.weight_std, train, stream.named("weights"))?;
        let sgd = Sgd { momentum: self.momentum, weight_decay: 0.0 };
        if way == "pretrained" {
            let by = Pretraining { negative: NegativeStart::Data, sweeps: 1, sgd };
            let course = self.course(self.pretraining_updates, [self.pretraining_rate; 2]);
            dbm = course.pretrain(&by, &dbm, train, stream.named("pretraining"))?.dbm()?;
        }
        let negative = NegativePhase { chains: self.chains, sweeps: self.gibbs_sweeps };
        let by: MaximumLikelihood<SchemeAlone<Ascent>> =
            MaximumLikelihood { positive: sweeps(self.sweeps), negative, dbm: sgd, network: sgd };
        match way {
            "centred" => self.joint(&Centred { by, rate: self.centring_rate }, dbm, train, stream),
            _ => self.joint(&by, dbm, train, stream),
        }
    }

    fn joint<T: Trainer<State = Joint>>(&self, by: &T, dbm: Dbm, train: &Tensor, stream: Stream) -> Result<Dbm> {
        let state = by.init(DbmWithNetwork::from_dbm(dbm)?, stream.named("start"))?;
        let course = self.course(self.updates, self.learning_rate);
        Ok(course.train(by, state, train, stream.named("joint"), &mut |_, _| Ok(()))?.dbm)
    }

    fn course(&self, updates: u64, learning_rate: [f64; 2]) -> Course {
        Course { updates, batch: self.batch, learning_rate, network_learning_rate: 0.0 }
    }

    fn end(&self, dbm: &Dbm, train: &Tensor, test: &Tensor, stream: Stream) -> Result<End> {
        let q = mean_field(Stop::when_within(1e-5, 200)).infer(dbm, test, stream)?.q;
        let settings = Annealing {
            temperatures: self.temperatures,
            spacing: Spacing::Uniform,
            chains: self.annealing_chains,
            kept: None,
            base_means: vec![train.mean(0)?],
        };
        let log_partition = ais(dbm, &settings, stream)?.value;
        Ok(End {
            elbo: mean_of(&elbo_unnormalized(dbm, test, &q)?) - log_partition.nats,
            error: log_partition.error.unwrap_or(f64::NAN),
            upper: dbm.weights().get(1).map_or(Ok(Nats::new()), |weight| host(&weight.tensor()?))?,
        })
    }

    fn findings(&self, ends: &[End], baseline: f64, examples: [usize; 2]) -> Findings {
        let mut findings = Findings::default();
        let [rbm, joint, centred, pretrained] = [0, 1, 2, 3].map(|way| &ends[way]);
        let mut difference = |name: &str, left: &End, right: &End| {
            findings.estimate(name, left.elbo - right.elbo, left.error.hypot(right.error));
        };
        difference("joint_minus_rbm_elbo_nats", joint, rbm);
        difference("centred_minus_joint_elbo_nats", centred, joint);
        difference("pretrained_minus_rbm_elbo_nats", pretrained, rbm);
        difference("pretrained_minus_joint_elbo_nats", pretrained, joint);
        for (way, end) in WAYS.iter().zip(ends) {
            findings.estimate(format!("{way}_test_elbo_nats"), end.elbo, end.error);
            if !end.upper.is_empty() {
                findings.quantity(format!("{way}_upper_weight_mean"), size(&end.upper));
            }
        }
        let caption = format!(
            "From small weights a second hidden layer adds {:+.2} nats to an RBM; after pre-training it adds {:+.2}. Independent pixels \
             reach {baseline:.2}. ELBO on {} held-out digits; bars grow from there.",
            joint.elbo - rbm.elbo,
            pretrained.elbo - rbm.elbo,
            examples[1]
        );
        let (x, y) = (Axis::linear("way to train"), Axis::linear("ELBO above independent pixels, nats"));
        let bars = WAYS.iter().zip(ends).map(|(way, end)| (*way, end.elbo - baseline));
        findings.figure(Figure::new("A second hidden layer", caption, x, y).bars("", bars));
        let caption = format!(
            "Weights between the hidden layers have a mean size of {:.3} from small weights, {:.3} with centred gradients and {:.3} \
             after pre-training.",
            size(&joint.upper),
            size(&centred.upper),
            size(&pretrained.upper)
        );
        let axes = (Axis::linear("weight between the hidden layers"), Axis::log("density"));
        let figure = Figure::new("Upper weights", caption, axes.0, axes.1);
        let named = WAYS.iter().zip(ends).skip(1);
        findings.figure(named.fold(figure, |figure, (way, end)| figure.line(*way, histogram(&end.upper))));
        findings.remark(format!(
            "Trained on {} and judged on {} digits, the split that comes with the program. Centred gradients, which lead on bars and \
             stripes, are {:+.2} nats from the plain run here.",
            examples[0],
            examples[1],
            centred.elbo - joint.elbo
        ));
        findings
    }
}

fn size(weights: &[f64]) -> f64 {
    mean_of(&weights.iter().map(|weight| weight.abs()).collect::<Vec<_>>())
}

/// Density of values in 40 bins between -1.5 and 1.5.
fn histogram(values: &[f64]) -> Vec<(f64, f64)> {
    let (low, width) = (-1.5, 3.0 / 40.0);
    let share = 1.0 / (values.len() as f64 * width);
    (0..40)
        .map(|bin| {
            let from = low + width * f64::from(bin);
            let inside = values.iter().filter(|value| (from..from + width).contains(*value)).count();
            (from + width / 2.0, inside as f64 * share)
        })
        .collect()
}

/// Mean ln p(v) of the held-out examples under independent pixels, nats.
fn independent(train: &Tensor, test: &Tensor) -> Result<f64> {
    let rows = train.dim(0)? as f64;
    let means = host(&((train.sum(0)? + 1.0)? / (rows + 2.0))?)?;
    let on = host(&test.mean(0)?)?;
    Ok(means.iter().zip(on).map(|(mean, on)| on * mean.ln() + (1.0 - on) * (1.0 - mean).ln()).sum())
}
