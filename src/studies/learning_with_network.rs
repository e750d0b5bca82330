//! Learning with the inference network in the positive phase beside learning with mean field: the same machine, data, chains and rates.
//!
//! Algorithm 20.1 of the book (Salakhutdinov & Hinton 2009) with the positive phase of Salakhutdinov & Larochelle (2010). The machine is small
//! enough for exact ln Z and ln p̃(v), so likelihoods are exact.

use super::amortized::Clamped;
use super::training::{Course, Look, beginning, mean_field};
use super::{Axis, Figure, Findings, Laboratory, Mark, Study, instances};
use crate::evaluate::Average;
use crate::inference::{MeanField, Stop};
use crate::learning::{
    DbmWithNetwork, Joint, MaximumLikelihood, NegativePhase, NetworkRefined, NetworkTaught, PositivePhase, SchemeAlone,
    Sgd, Trainer,
};
use crate::math::{Result, Stream, mean_of};
use serde::{Deserialize, Serialize};

/// The names of the positive phases.
const NAMES: [&str; 3] = ["network", "network_and_sweep", "mean_field"];

/// The machine and its training.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LearningWithNetwork {
    /// Side of the pictures of bars and stripes, all of which are the batch.
    pub side: usize,
    /// Hidden units, the lowest layer first.
    pub hidden: Vec<usize>,
    /// Updates.
    pub updates: u64,
    /// Rate of the machine at the start; it falls to zero in a straight line.
    pub rate: f64,
    /// Rate of the network.
    pub network_rate: f64,
    /// Persistent chains.
    pub chains: usize,
    /// Gibbs sweeps of the chains an update.
    pub gibbs_sweeps: usize,
    /// Most sweeps of mean field in the positive phase.
    pub mean_field_sweeps: usize,
    /// Mean field ends where no mean changes by this much.
    pub tolerance: f64,
    /// Updates between two looks at the exact likelihood.
    pub look_every: u64,
}

impl Default for LearningWithNetwork {
    fn default() -> Self {
        Self {
            side: 4,
            hidden: vec![12, 8],
            updates: 10_000,
            rate: 0.05,
            network_rate: 0.1,
            chains: 100,
            gibbs_sweeps: 1,
            mean_field_sweeps: 30,
            tolerance: 1e-4,
            look_every: 500,
        }
    }
}

/// One way to learn: exact likelihood at every look, and the seconds of all updates.
struct Learnt {
    curve: Vec<(u64, f64)>,
    /// Seconds from one look to the next, without the looks.
    seconds: Vec<f64>,
    network_kl: f64,
}

/// Seconds of all updates.
fn total(learnt: &Learnt) -> f64 {
    learnt.seconds.iter().sum()
}

/// Seconds of one way over those of another, stretch by stretch: the machine is not equally busy all the time.
fn stretches(one: &Learnt, other: &Learnt) -> Average {
    // The first look comes before the first update.
    let pairs = one.seconds.iter().zip(&other.seconds).skip(1);
    Average::of(&pairs.map(|(one, other)| one / other).collect::<Vec<_>>())
}

impl Study for LearningWithNetwork {
    fn run(&self, stream: Stream, lab: &mut dyn Laboratory) -> Result<Findings> {
        let mut learnt = Vec::new();
        for index in 0..NAMES.len() {
            lab.at("positive phases", index, NAMES.len())?;
            learnt.push(self.learn(index, stream, lab)?);
        }
        Ok(self.findings(&learnt))
    }
}

impl LearningWithNetwork {
    fn positive(&self, index: usize) -> Box<dyn PositivePhase> {
        let (by, one) = (MeanField::default(), Stop::after(1));
        match NAMES[index] {
            "network" => Box::new(NetworkTaught { by, stop: one }),
            "network_and_sweep" => Box::new(NetworkRefined { by, stop: one }),
            _ => {
                let stop = Stop::when_within(self.tolerance, self.mean_field_sweeps);
                Box::new(SchemeAlone(mean_field(stop)))
            }
        }
    }

    fn learn(&self, index: usize, stream: Stream, lab: &dyn Laboratory) -> Result<Learnt> {
        let data = instances::bars_and_stripes(self.side)?;
        let plain = Sgd { momentum: 0.0, weight_decay: 0.0 };
        let negative = NegativePhase { chains: self.chains, sweeps: self.gibbs_sweeps };
        let trainer = MaximumLikelihood { positive: self.positive(index), negative, dbm: plain, network: plain };
        let begin = DbmWithNetwork::from_dbm(beginning(&self.hidden, 0.1, &data, stream.named("weights"))?)?;
        let state = trainer.init(begin, stream.named("chains"))?;
        let course = Course {
            updates: self.updates,
            batch: data.dim(0)?,
            learning_rate: [self.rate, 0.0],
            network_learning_rate: if NAMES[index] == "mean_field" { 0.0 } else { self.network_rate },
        };
        let (mut curve, mut seconds, mut since) = (Vec::new(), Vec::new(), lab.seconds());
        let state = course.train(&trainer, state, &data, stream.named("updates"), &mut |update, state: &Joint| {
            if update % self.look_every == 0 || update == self.updates {
                // Looking takes time too, which learning would not.
                seconds.push(lab.seconds() - since);
                curve.push((update, Look::at(update, &state.dbm, &data)?.log_likelihood));
                since = lab.seconds();
            }
            Ok(())
        })?;
        let clamped = Clamped::new(state.dbm, data)?;
        Ok(Learnt { curve, seconds, network_kl: mean_of(&clamped.kl_of_network(&state.network)?) })
    }

    fn findings(&self, learnt: &[Learnt]) -> Findings {
        let mut findings = Findings::default();
        let end = |learnt: &Learnt| learnt.curve.last().map_or(f64::NAN, |point| point.1);
        let mut figure = Figure::new(
            "Learning with the network and with mean field",
            String::new(),
            Axis::linear("updates"),
            Axis::linear("exact mean ln p(v), nats"),
        );
        let mean_field = &learnt[NAMES.len() - 1];
        for (name, one) in NAMES.iter().zip(learnt) {
            findings.quantity(format!("{name}_log_likelihood_nats"), end(one));
            findings.quantity(format!("{name}_seconds"), total(one));
            if *name != "mean_field" {
                findings.quantity(format!("{name}_difference_nats"), (end(one) - end(mean_field)).abs());
                let ratio = stretches(one, mean_field);
                let error = ratio.standard_error.unwrap_or(f64::NAN);
                findings.estimate(format!("{name}_over_mean_field_seconds"), ratio.mean, error);
                findings.quantity(format!("{name}_kl_of_network_nats"), one.network_kl);
            }
            let points = one.curve.iter().map(|(step, nats)| (*step, *nats));
            findings.series(*name, "learning/log_p_exact_nats_mean", points);
            let points = one.curve.iter().map(|(step, nats)| (*step as f64, *nats));
            figure = figure.line(name.replace('_', " "), points);
        }
        figure.caption = format!(
            "After {} updates the mean log-likelihood is {:.2} nats with the network's own answer, {:.2} with one sweep more and {:.2} with mean field, \
             in {:.1}, {:.1} and {:.1} s; the best possible is {:.3}.",
            self.updates,
            end(&learnt[0]),
            end(&learnt[1]),
            end(mean_field),
            total(&learnt[0]),
            total(&learnt[1]),
            total(mean_field),
            self.best()
        );
        findings.figure(figure.with(Mark::Level { name: "uniform over the data".into(), at: self.best() }));
        findings
    }

    /// The entropy of the data, with the other sign: every picture of bars or stripes once.
    fn best(&self) -> f64 {
        -((1_u64 << (self.side + 1)) as f64 - 2.0).ln()
    }
}
