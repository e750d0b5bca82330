//! Four modes that Gibbs sampling does not travel between (Desjardins, Courville, Bengio, Vincent & Delalleau 2010, section 4.1):
//! persistent chains lose modes and learning undoes itself, tempered chains keep them.
//!
//! An example is one of four binary images of 16 pixels, any two of which differ in 10 or 11 (no four can differ in more), and each
//! pixel is flipped with a small probability. ln p of the model is averaged over that distribution itself, exactly, so the best
//! possible is minus its entropy.

use super::instances::all_binary;
use super::training::{Ascent, Course, MAX_BITS, beginning, sweeps};
use super::{Axis, Figure, Findings, Laboratory, Study};
use crate::learning::{
    AnyNegative, DbmWithNetwork, MaximumLikelihood, NegativePhase, Rungs, SchemeAlone, Sgd, Temperatures, Tempered,
    TemperedBase, Trainer,
};
use crate::math::{DType, Device, Result, Stream, Tensor, host, larger, mean_of, smaller};
use crate::models::{Dbm, LatentModel};
use serde::{Deserialize, Serialize};

/// Pixels of an image.
const PIXELS: usize = 16;

/// The data, the machine, and how it is trained.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DistantModes {
    /// Probability that a pixel of an example is flipped.
    pub flip: f64,
    /// Examples of each mode.
    pub copies: usize,
    /// Hidden units.
    pub hidden: usize,
    /// Standard deviation of the first weights.
    pub weight_std: f64,
    /// Updates.
    pub updates: u64,
    /// Looks, evenly spaced.
    pub looks: u64,
    /// Learning rate, at every update the same.
    pub learning_rate: f64,
    /// Examples per update.
    pub batch: usize,
    /// Chains; of the tempered, at each temperature.
    pub chains: usize,
    /// Replicas of every tempered chain, evenly from β = 1 to fair coins.
    pub temperatures: usize,
}

impl Default for DistantModes {
    fn default() -> Self {
        Self {
            flip: 0.001,
            copies: 2500,
            hidden: 10,
            weight_std: 0.01,
            updates: 100_000,
            looks: 100,
            learning_rate: 0.001,
            batch: 10,
            chains: 10,
            temperatures: 10,
        }
    }
}

/// A machine looked at.
#[derive(Clone, Copy, Debug)]
struct Sight {
    update: u64,
    /// E_data[ln p(v)], nats.
    log_likelihood: f64,
    /// Least probability that the model gives to the neighbourhood of a mode, of 1/4 each in the data.
    rarest_mode: f64,
}

impl Study for DistantModes {
    fn run(&self, stream: Stream, lab: &mut dyn Laboratory) -> Result<Findings> {
        let truth = Truth::new(self.flip)?;
        let data = truth.examples(self.copies, stream.named("data"))?;
        let by = NegativePhase { chains: self.chains, sweeps: 1 };
        let temperatures = Temperatures { count: self.temperatures, lowest: 0.0, spacing: Rungs::Even };
        let tempered = Tempered { by, temperatures, base: TemperedBase::Uniform };
        let ways = [("persistent", AnyNegative::Persistent(by)), ("tempered", AnyNegative::Tempered(tempered))];
        let mut found = Vec::new();
        for (name, negative) in ways {
            found.push((name, self.train(name, negative, &data, &truth, stream, lab)?));
        }
        Ok(self.findings(&found, &truth))
    }
}

impl DistantModes {
    fn train(
        &self,
        name: &str,
        negative: AnyNegative,
        data: &Tensor,
        truth: &Truth,
        stream: Stream,
        lab: &mut dyn Laboratory,
    ) -> Result<Vec<Sight>> {
        let plain = Sgd { momentum: 0.0, weight_decay: 0.0 };
        let by: MaximumLikelihood<SchemeAlone<Ascent>, AnyNegative> =
            MaximumLikelihood { positive: sweeps(1), negative, dbm: plain, network: plain };
        let course = Course {
            updates: self.updates,
            batch: self.batch,
            learning_rate: [self.learning_rate; 2],
            network_learning_rate: 0.0,
        };
        let dbm = beginning(&[self.hidden], self.weight_std, data, stream.named("weights"))?;
        let state = by.init(DbmWithNetwork::from_dbm(dbm)?, stream.named("start"))?;
        let (mut sights, every) = (Vec::new(), (self.updates / self.looks.max(1)).max(1));
        course.train(&by, state, data, stream.named("updates"), &mut |update, state| {
            if update.is_multiple_of(every) || update == self.updates {
                lab.at(&format!("updates, {name}"), update as usize, self.updates as usize)?;
                sights.push(truth.look(update, &state.dbm)?);
            }
            Ok(())
        })?;
        Ok(sights)
    }

    fn findings(&self, found: &[(&str, Vec<Sight>)], truth: &Truth) -> Findings {
        let (mut findings, ceiling) = (Findings::default(), truth.ceiling);
        findings.quantity("ceiling_nats", ceiling);
        let axes = (Axis::linear("updates"), Axis::linear("E ln p(v), nats"));
        let mut ends = Vec::new();
        let mut figure = Figure::new("Four distant modes", String::new(), axes.0, axes.1);
        for (name, sights) in found {
            let of = |of: fn(&Sight) -> f64| sights.iter().map(of).collect::<Vec<f64>>();
            let (values, modes) = (of(|sight| sight.log_likelihood), of(|sight| sight.rarest_mode));
            let end = values.last().copied().unwrap_or(f64::NAN);
            let late = &values[values.len() / 2..];
            findings.quantity(format!("{name}_gap_nats_at_end"), ceiling - end);
            findings.quantity(format!("{name}_gap_nats_best"), ceiling - values.iter().copied().fold(f64::MIN, larger));
            findings.quantity(
                format!("{name}_gap_nats_highest_in_second_half"),
                ceiling - late.iter().copied().fold(f64::INFINITY, smaller),
            );
            findings.quantity(format!("{name}_gap_nats_mean_of_second_half"), ceiling - mean_of(late));
            findings.quantity(
                format!("{name}_rarest_mode_probability_in_second_half"),
                modes[modes.len() / 2..].iter().copied().fold(f64::INFINITY, smaller),
            );
            let curve = |of: fn(&Sight) -> f64| sights.iter().map(move |sight| (sight.update, of(sight)));
            findings.series(*name, "train/log_p_v_nats_mean", curve(|sight| sight.log_likelihood));
            findings.series(*name, "train/rarest_mode_probability", curve(|sight| sight.rarest_mode));
            // A machine that has lost a mode would flatten everything else.
            let shown = sights.iter().map(|sight| (sight.update as f64, larger(sight.log_likelihood, 4.0 * ceiling)));
            figure = figure.line(*name, shown);
            ends.push(format!("{name} chains end {:.3} nats below the best possible", ceiling - end));
        }
        figure.caption = format!("{}; values are cut at {:.1} nats.", ends.join(", "), 4.0 * ceiling);
        findings.figure(figure.level("best possible", ceiling));
        findings
    }
}

/// The distribution of the data over all images.
struct Truth {
    flip: f64,
    modes: Vec<Vec<f64>>,
    /// Every image, `[2^16, 16]`.
    images: Tensor,
    probabilities: Vec<f64>,
    /// The mode that each image is nearest to.
    nearest: Vec<usize>,
    ceiling: f64,
}

impl Truth {
    fn new(flip: f64) -> Result<Self> {
        // Each pixel splits the four modes into two pairs, in each of the three ways in turn.
        let lit = [[0.0, 0.0, 1.0, 1.0], [0.0, 1.0, 0.0, 1.0], [0.0, 1.0, 1.0, 0.0]];
        let modes: Vec<Vec<f64>> = (0..4).map(|mode| (0..PIXELS).map(|pixel| lit[pixel % 3][mode]).collect()).collect();
        let images = all_binary(PIXELS)?;
        let (mut probabilities, mut nearest) = (Vec::new(), Vec::new());
        for image in host(&images)?.chunks(PIXELS) {
            let distance = |mode: &Vec<f64>| mode.iter().zip(image).filter(|(a, b)| a != b).count();
            let distances: Vec<usize> = modes.iter().map(distance).collect();
            let of =
                |&distance: &usize| 0.25 * flip.powi(distance as i32) * (1.0 - flip).powi((PIXELS - distance) as i32);
            probabilities.push(distances.iter().map(of).sum::<f64>());
            nearest.push((0..4).min_by_key(|&mode| distances[mode]).unwrap_or_default());
        }
        let ceiling = probabilities.iter().filter(|&&p| p > 0.0).map(|p| p * p.ln()).sum();
        Ok(Self { flip, modes, images, probabilities, nearest, ceiling })
    }

    /// `copies` examples of each mode, `[4 · copies, 16]`, `f32`.
    fn examples(&self, copies: usize, stream: Stream) -> Result<Tensor> {
        let draws = host(&stream.uniform(4 * copies, PIXELS, DType::F64, &Device::Cpu)?)?;
        let pixels = draws.iter().enumerate().map(|(index, &draw)| {
            let pixel = self.modes[index / PIXELS / copies][index % PIXELS];
            if draw < self.flip { 1.0 - pixel } else { pixel }
        });
        Tensor::from_iter(pixels, &Device::Cpu)?.reshape((4 * copies, PIXELS))?.to_dtype(DType::F32)
    }

    fn look(&self, update: u64, dbm: &Dbm) -> Result<Sight> {
        let log_partition = mean_of(&dbm.free()?.log_partition(MAX_BITS)?);
        let log_evidence = dbm.clamp(&self.images.to_dtype(dbm.dtype())?)?.log_partition(MAX_BITS)?;
        let (mut log_likelihood, mut modes) = (0.0, [0.0; 4]);
        for ((nats, truth), &mode) in log_evidence.iter().zip(&self.probabilities).zip(&self.nearest) {
            log_likelihood += truth * (nats - log_partition);
            modes[mode] += (nats - log_partition).exp();
        }
        Ok(Sight { update, log_likelihood, rarest_mode: modes.into_iter().fold(f64::INFINITY, smaller) })
    }
}
