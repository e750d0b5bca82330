//! Whether iterating the mean-field equations ever lowers the ELBO: layer by layer, and all layers at once.
//!
//! Units of one layer of a DBM do not interact, so setting a layer to its fixed-point equation (book equations 20.33 and 20.34) is
//! coordinate ascent. Setting all layers at once from the old values is not.

use super::instances::{random_binary, random_dbm};
use super::{Axis, Figure, Findings, Laboratory, Study};
use crate::inference::{Inference, MeanField, Random, Refine, Stop};
use crate::math::{Nats, Result, Stream, bail, larger};
use crate::models::{LatentModel, Schedule};
use serde::{Deserialize, Serialize};

/// How many machines of which sizes and weights.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CoordinateAscent {
    /// Units per layer of each architecture, visible first.
    pub sizes: Vec<Vec<usize>>,
    /// Random machines of each architecture and each weight standard deviation.
    pub models: usize,
    /// Standard deviations of weights and biases.
    pub weight_stds: Vec<f64>,
    /// Sweeps of each run.
    pub sweeps: usize,
    /// A fall of the ELBO by less than this, in nats, is rounding.
    pub tolerance: f64,
}

impl Default for CoordinateAscent {
    fn default() -> Self {
        Self {
            sizes: vec![vec![8, 6, 4], vec![6, 6, 5, 4]],
            models: 60,
            weight_stds: vec![0.25, 0.5, 1.0, 2.0, 4.0],
            sweeps: 60,
            tolerance: 1e-10,
        }
    }
}

/// The shares of runs, by weight standard deviation, in which the ELBO fell.
struct Falls {
    sequential: Vec<(f64, f64)>,
    parallel: Vec<(f64, f64)>,
    cycles: Vec<(f64, f64)>,
    /// Runs behind each share.
    runs: usize,
}

impl Study for CoordinateAscent {
    fn run(&self, stream: Stream, lab: &mut dyn Laboratory) -> Result<Findings> {
        let mut falls = Falls { sequential: Vec::new(), parallel: Vec::new(), cycles: Vec::new(), runs: 0 };
        for (index, &std) in self.weight_stds.iter().enumerate() {
            lab.at("weight standard deviations", index, self.weight_stds.len())?;
            let shares = self.shares(std, stream)?;
            falls.sequential.push((std, shares[0]));
            falls.parallel.push((std, shares[1]));
            falls.cycles.push((std, shares[2]));
            falls.runs = self.models * self.sizes.len();
        }
        Ok(falls.findings())
    }
}

impl CoordinateAscent {
    /// Shares of runs in which sequential sweeps lower the ELBO, parallel ones do, and parallel ones end in a 2-cycle.
    fn shares(&self, std: f64, stream: Stream) -> Result<[f64; 3]> {
        let (mut counts, mut runs) = ([0.0; 3], 0.0);
        for (architecture, sizes) in self.sizes.iter().enumerate() {
            for model in 0..self.models {
                let stream = stream.at(architecture as u64).at(model as u64);
                let dbm = random_dbm(sizes, std, std, stream)?;
                let visible = random_binary(1, sizes[0], stream.named("visible"))?;
                let start = Random.infer(&dbm, &visible, stream.named("start"))?.q;
                let conditionals = dbm.clamp(&visible)?;
                let stop = Stop::after(self.sweeps).traced();
                let run = |schedule| {
                    let by = MeanField { schedule, damping: 0.0 };
                    by.refine(&conditionals, start.clone(), stop, stream)
                };
                let (sequential, parallel) = (run(Schedule::Ascending)?.trace, run(Schedule::Parallel)?.trace);
                let Some(&last_step) = parallel.changes.last() else { bail!("at least one sweep has to be made") };
                let found = [
                    self.falls(&sequential.elbos_unnormalized),
                    self.falls(&parallel.elbos_unnormalized),
                    last_step > 1e-3,
                ];
                counts.iter_mut().zip(found).for_each(|(count, found)| *count += f64::from(u8::from(found)));
                runs += 1.0;
            }
        }
        Ok(counts.map(|count| count / runs))
    }

    fn falls(&self, elbos: &Nats) -> bool {
        elbos.windows(2).any(|pair| pair[1] < pair[0] - self.tolerance)
    }
}

impl Falls {
    fn findings(self) -> Findings {
        let mut findings = Findings::default();
        let all =
            |shares: &[(f64, f64)], pick: fn(f64, f64) -> f64, from: f64| shares.iter().fold(from, |a, b| pick(a, b.1));
        let weak =
            |shares: &[(f64, f64)]| shares.iter().filter(|(std, _)| *std <= 1.0).fold(0.0, |a: f64, b| larger(a, b.1));
        findings.quantity("sequential_falling_share_max", all(&self.sequential, larger, 0.0));
        findings.quantity("parallel_falling_share_max_up_to_std_1", weak(&self.parallel));
        // Of a share of so many independent runs.
        let error = |share: f64| (share * (1.0 - share) / self.runs as f64).sqrt();
        for (std, share) in &self.parallel {
            findings.estimate(format!("parallel_falling_share_at_std_{std}"), *share, error(*share));
        }
        for (std, share) in &self.cycles {
            findings.estimate(format!("parallel_cycling_share_at_std_{std}"), *share, error(*share));
        }
        let strongest = self.parallel.last().map_or(0.0, |(_, share)| *share);
        let caption = format!(
            "Layer by layer the ELBO never falls; all layers at once it falls in {:.0} % of the runs on the machines with the \
             strongest weights.",
            100.0 * strongest
        );
        findings.figure(
            Figure::new(
                "Runs in which the ELBO falls",
                caption,
                Axis::log("standard deviation of weights"),
                Axis::linear("share of runs"),
            )
            .line("layer by layer", self.sequential)
            .line("all layers at once", self.parallel)
            .dashed("all at once, ends in a 2-cycle", self.cycles),
        );
        findings
    }
}
