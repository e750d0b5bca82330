//! Small tasks whose best log-likelihood is known, learned by a restricted Boltzmann machine with every negative phase: contrastive
//! divergence, persistent chains, fast weights, tempering, and the model's side summed exactly; each with plain and with centred gradients.
//!
//! The best that any model can reach is minus the entropy of the patterns, those that appear twice counted twice. All log-likelihoods
//! are exact, and summed over the patterns.

use super::instances::{bars_and_stripes_twice, shifting_bar};
use super::training::{Ascent, Course, Look, MAX_BITS, beginning, sweeps};
use super::{Axis, Figure, Findings, Laboratory, Sheet, Study};
use crate::inference::{Exact, Inference};
use crate::learning::{
    AnyNegative, Centred, Contrastive, DbmWithNetwork, ExpectedStatistics, FastPersistent, Joint, MaximumLikelihood,
    NegativePhase, Offsets, Parameters, Rungs, SchemeAlone, Sgd, Statistics, Temperatures, Tempered, TemperedBase,
    Trainer,
};
use crate::math::{DType, Result, Stream, Tensor, host, larger, mean_of};
use crate::models::Dbm;
use crate::posterior::Posterior;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;

/// The task, the machine, and how it is trained.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NegativePhases {
    /// What is learned.
    pub patterns: Patterns,
    /// Height and width of bars and stripes, or the length of the shifting bar.
    pub side: usize,
    /// Hidden units.
    pub hidden: usize,
    /// Standard deviation of the first weights.
    pub weight_std: f64,
    /// Independent runs of each way to train.
    pub seeds: usize,
    /// Updates, each on all patterns.
    pub updates: u64,
    /// Looks, evenly spaced.
    pub looks: u64,
    /// Learning rate of the first and the last update.
    pub learning_rate: [f64; 2],
    /// Chains of every negative phase but contrastive divergence, which has one for each pattern.
    pub chains: usize,
    /// Gibbs sweeps of every chain per update: the k of CD-k and PCD-k.
    pub gibbs_sweeps: usize,
    /// Learning rate of the fast weights.
    pub fast_rate: f64,
    /// Share of the fast weights that an update leaves of them.
    pub fast_decay: f64,
    /// Replicas of every tempered chain, evenly from β = 1 to independent units.
    pub temperatures: usize,
    /// Share of a new mean that the offsets of centred gradients take up.
    pub centring_rate: f64,
}

/// Patterns, all as probable but for those that appear twice.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Patterns {
    /// Every choice of rows and every choice of columns; the empty and the full image appear twice.
    #[default]
    BarsAndStripes,
    /// One unit that is on, at every place.
    ShiftingBar,
}

impl Default for NegativePhases {
    fn default() -> Self {
        Self {
            patterns: Patterns::default(),
            side: 3,
            hidden: 12,
            weight_std: 0.01,
            seeds: 2,
            updates: 10_000,
            looks: 20,
            learning_rate: [0.1, 0.001],
            chains: 100,
            gibbs_sweeps: 1,
            fast_rate: 0.05,
            fast_decay: 0.95,
            temperatures: 5,
            centring_rate: 0.01,
        }
    }
}

/// Ways to find the model's side, by their names in the findings.
const WAYS: [&str; 5] = ["contrastive", "persistent", "fast", "tempered", "exact"];

/// The looks of the runs of one way.
type Runs = Vec<Vec<Look>>;

impl Study for NegativePhases {
    fn run(&self, stream: Stream, lab: &mut dyn Laboratory) -> Result<Findings> {
        let data = match self.patterns {
            Patterns::BarsAndStripes => bars_and_stripes_twice(self.side)?,
            Patterns::ShiftingBar => shifting_bar(self.side)?,
        };
        let mut found = Vec::new();
        for centred in [false, true] {
            for way in WAYS {
                let mut runs = Runs::new();
                for seed in 0..self.seeds {
                    lab.at("training runs", found.len() * self.seeds + seed, 2 * WAYS.len() * self.seeds)?;
                    runs.push(self.looks_of(way, centred, &data, stream.at(seed as u64))?);
                }
                found.push((if centred { format!("{way}_centred") } else { way.to_string() }, runs));
            }
        }
        self.findings(&found, &data)
    }
}

impl NegativePhases {
    fn looks_of(&self, way: &str, centred: bool, data: &Tensor, stream: Stream) -> Result<Vec<Look>> {
        if way == "exact" {
            return self.climb(centred, data, stream);
        }
        // Training in single precision; every look sums in double.
        let data = data.to_dtype(DType::F32)?;
        let plain = Sgd { momentum: 0.0, weight_decay: 0.0 };
        // One sweep from any start is the exact posterior of a restricted machine.
        let trainer: MaximumLikelihood<SchemeAlone<Ascent>, AnyNegative> =
            MaximumLikelihood { positive: sweeps(1), negative: self.negative(way), dbm: plain, network: plain };
        match centred {
            true => self.train(&Centred { by: trainer, rate: self.centring_rate }, &data, stream),
            false => self.train(&trainer, &data, stream),
        }
    }

    fn negative(&self, way: &str) -> AnyNegative {
        let by = NegativePhase { chains: self.chains, sweeps: self.gibbs_sweeps };
        match way {
            "contrastive" => AnyNegative::Contrastive(Contrastive { sweeps: self.gibbs_sweeps }),
            "fast" => AnyNegative::Fast(FastPersistent { by, learning_rate: self.fast_rate, decay: self.fast_decay }),
            "tempered" => {
                let temperatures = Temperatures { count: self.temperatures, lowest: 0.0, spacing: Rungs::Even };
                AnyNegative::Tempered(Tempered { by, temperatures, base: TemperedBase::Data })
            }
            _ => AnyNegative::Persistent(by),
        }
    }

    fn train<T: Trainer<State = Joint>>(&self, by: &T, data: &Tensor, stream: Stream) -> Result<Vec<Look>> {
        let course = Course {
            updates: self.updates,
            batch: data.dim(0)?,
            learning_rate: self.learning_rate,
            network_learning_rate: 0.0,
        };
        let dbm = beginning(&[self.hidden], self.weight_std, data, stream.named("weights"))?;
        let state = by.init(DbmWithNetwork::from_dbm(dbm)?, stream.named("start"))?;
        let mut looks = Vec::new();
        course.train(by, state, data, stream.named("updates"), &mut |update, state| {
            self.look(update, &state.dbm, data, &mut looks)
        })?;
        Ok(looks)
    }

    /// The same steps with the model's side summed over all states, in double precision.
    fn climb(&self, centred: bool, data: &Tensor, stream: Stream) -> Result<Vec<Look>> {
        let mut dbm = beginning(&[self.hidden], self.weight_std, data, stream.named("weights"))?;
        let mut last = Parameters::of_dbm(&dbm).zeros_like()?;
        let mut offsets = Offsets::from_biases(&dbm, self.centring_rate)?;
        let (by, mut looks) = (Sgd { momentum: 0.0, weight_decay: 0.0 }, Vec::new());
        let scheme = Exact { max_bits: MAX_BITS };
        self.look(0, &dbm, data, &mut looks)?;
        for update in 0..self.updates {
            let q = scheme.infer(&dbm, data, Stream::new(update))?.q;
            let positive = q.statistics(data, &q.means()?)?;
            let mut uphill = positive.minus(&Statistics::of_model(&dbm, MAX_BITS)?)?;
            if centred {
                offsets = offsets.follow(&positive.biases)?;
                uphill = uphill.centred(&offsets.layers)?;
            }
            let share = update as f64 / (self.updates - 1).max(1) as f64;
            let rate = self.learning_rate[0] + share * (self.learning_rate[1] - self.learning_rate[0]);
            let (units, weights, biases) = dbm.into_parts();
            let (to, moves) = by.step(Parameters { weights, biases }, last, &uphill, rate)?;
            (dbm, last) = (Dbm::new(units, to.weights, to.biases)?, moves);
            self.look(update + 1, &dbm, data, &mut looks)?;
        }
        Ok(looks)
    }

    fn look(&self, update: u64, dbm: &Dbm, data: &Tensor, looks: &mut Vec<Look>) -> Result<()> {
        let every = (self.updates / self.looks.max(1)).max(1);
        if update.is_multiple_of(every) || update == self.updates {
            looks.push(Look::at(update, dbm, data)?);
        }
        Ok(())
    }

    fn findings(&self, found: &[(String, Runs)], data: &Tensor) -> Result<Findings> {
        let (patterns, ceiling) = (data.dim(0)? as f64, ceiling(data)?);
        let mut findings = Findings::default();
        findings.quantity("ceiling_nats_total", ceiling);
        let mut sheet = Sheet {
            caption: format!(
                "Total log-likelihood at the end, nats, mean of {} runs; the best is {ceiling:.3}",
                self.seeds
            ),
            head: ["negative phase", "log-likelihood", "gap", "gap, %", "lowest run"].map(String::from).to_vec(),
            rows: Vec::new(),
        };
        let mut means = HashMap::new();
        let mut highest = f64::NEG_INFINITY;
        for (way, runs) in found {
            let ends: Vec<f64> =
                runs.iter().filter_map(|looks| Some(patterns * looks.last()?.log_likelihood)).collect();
            let (mean, lowest) = (mean_of(&ends), ends.iter().copied().fold(f64::INFINITY, crate::math::smaller));
            let percent = 100.0 * (ceiling - mean) / -ceiling;
            highest = ends.iter().copied().fold(highest, larger);
            findings.quantity(format!("{way}_log_likelihood_nats_total"), mean);
            findings.quantity(format!("{way}_gap_percent"), percent);
            let cells = [
                format!("{mean:.3}"),
                format!("{:.3}", ceiling - mean),
                format!("{percent:.2}"),
                format!("{lowest:.3}"),
            ];
            sheet.rows.push(std::iter::once(way.replace('_', ", ")).chain(cells).collect());
            means.insert(way.clone(), mean);
            for (seed, looks) in runs.iter().enumerate() {
                let points = looks.iter().map(|look| (look.update, patterns * look.log_likelihood));
                findings.series(format!("{way}-{seed}"), "train/log_p_v_nats_total", points);
            }
        }
        findings.quantity("above_ceiling_nats_highest", highest - ceiling);
        for way in WAYS {
            let mean = |name: String| means.get(&name).copied().unwrap_or(f64::NAN);
            findings
                .quantity(format!("{way}_centred_minus_plain_nats"), mean(format!("{way}_centred")) - mean(way.into()));
        }
        findings.sheets.push(sheet);
        findings.figure(figure(found, patterns, ceiling));
        Ok(findings)
    }
}

fn figure(found: &[(String, Runs)], patterns: f64, ceiling: f64) -> Figure {
    let best = found.iter().map(|(way, runs)| {
        let ends: Vec<f64> = runs.iter().filter_map(|looks| Some(patterns * looks.last()?.log_likelihood)).collect();
        (way.replace('_', ", "), mean_of(&ends))
    });
    let best = best.max_by(|(_, a), (_, b)| a.total_cmp(b)).unwrap_or_default();
    let caption =
        format!("The best way ({}) ends {:.3} nats below the best possible, {ceiling:.3}.", best.0, ceiling - best.1);
    let axes = (Axis::linear("updates"), Axis::linear("total log-likelihood, nats"));
    let mut figure = Figure::new("Negative phases on a task with a known best", caption, axes.0, axes.1);
    for (way, runs) in found {
        let Some(first) = runs.first() else { continue };
        let mean = |index: usize| {
            let values: Vec<f64> = runs.iter().map(|looks| patterns * looks[index].log_likelihood).collect();
            (first[index].update as f64, mean_of(&values))
        };
        let points = (0..first.len()).map(mean);
        let name = way.replace('_', ", ");
        figure = if way.ends_with("centred") { figure.line(name, points) } else { figure.dashed(name, points) };
    }
    figure.level("best possible", ceiling)
}

/// Minus the entropy of the rows of `data` times their number, nats.
fn ceiling(data: &Tensor) -> Result<f64> {
    let (rows, columns) = data.dims2()?;
    let mut counts: HashMap<Vec<u64>, f64> = HashMap::new();
    for row in host(data)?.chunks(columns.max(1)) {
        *counts.entry(row.iter().map(|value| value.to_bits()).collect()).or_default() += 1.0;
    }
    // In order, so that the sum has the same bits whatever the order of the map.
    let mut counts: Vec<f64> = counts.into_values().collect();
    counts.sort_by(f64::total_cmp);
    Ok(counts.iter().map(|count| count * (count / rows as f64).ln()).sum())
}
