//! How much closer to the posterior tables over one unit of each layer come than independent units, by strength of the weights.
//!
//! The graph of q sets the degree of approximation (book section 19.4): q(h | v) = Π_B q_B(h_B), started from the answer of mean
//! field, so that it can only gain.

use super::instances::{random_binary, random_dbm};
use super::{Axis, Figure, Findings, Laboratory, Study};
use crate::evaluate::elbo_unnormalized;
use crate::inference::{Inference, MeanField, Refined, Stop, Structured, Tables, Uninformed};
use crate::math::{Nats, Result, Stream, larger, mean_of, smaller};
use crate::models::LatentModel;
use serde::{Deserialize, Serialize};

/// How many machines of which sizes and weights.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct StructuredGain {
    /// Units per layer of each architecture, visible first.
    pub sizes: Vec<Vec<usize>>,
    /// Random machines of each architecture and each weight standard deviation.
    pub models: usize,
    /// Standard deviations of weights and biases.
    pub weight_stds: Vec<f64>,
    /// An answer is done once a sweep changes no mean by this much.
    pub tolerance: f64,
    /// Most sweeps.
    pub max_sweeps: usize,
    /// A rise of the KL by less than this, in nats, is rounding.
    pub rounding: f64,
}

impl Default for StructuredGain {
    fn default() -> Self {
        Self {
            sizes: vec![vec![8, 6, 4], vec![6, 6, 5, 4]],
            models: 60,
            weight_stds: vec![0.25, 0.5, 1.0, 2.0, 4.0],
            tolerance: 1e-10,
            max_sweeps: 2000,
            rounding: 1e-10,
        }
    }
}

/// KL(q‖p) of one machine and one random input, nats.
struct Pair {
    mean_field: f64,
    structured: f64,
}

impl Study for StructuredGain {
    fn run(&self, stream: Stream, lab: &mut dyn Laboratory) -> Result<Findings> {
        let mut by_std = Vec::new();
        for (index, &std) in self.weight_stds.iter().enumerate() {
            lab.at("weight standard deviations", index, self.weight_stds.len())?;
            by_std.push((std, self.pairs(std, stream)?));
        }
        let mut findings = Findings::default();
        let all = || by_std.iter().flat_map(|(_, pairs)| pairs);
        let better = all().filter(|pair| pair.structured <= pair.mean_field + self.rounding).count();
        findings.quantity("no_worse_share", better as f64 / all().count() as f64);
        let mut ratios = Vec::new();
        for (std, pairs) in &by_std {
            let ratio = mean_of(&pairs.iter().map(|pair| pair.structured / pair.mean_field).collect::<Nats>());
            findings.quantity(format!("kl_ratio_mean_at_std_{std}"), ratio);
            ratios.push((*std, ratio));
        }
        let weak = || ratios.iter().filter(|(std, _)| *std <= 1.0).map(|(_, ratio)| *ratio);
        findings.quantity("kl_ratio_mean_min_up_to_std_1", weak().fold(f64::INFINITY, smaller));
        findings.quantity("kl_ratio_mean_max_up_to_std_1", weak().fold(f64::NEG_INFINITY, larger));
        findings.figure(scatter(&by_std, &ratios));
        findings.figure(gain(ratios));
        Ok(findings)
    }
}

impl StructuredGain {
    fn pairs(&self, std: f64, stream: Stream) -> Result<Vec<Pair>> {
        let machines = (0..self.sizes.len()).flat_map(|sizes| (0..self.models).map(move |model| (sizes, model)));
        let pairs = machines.map(|(sizes, model)| {
            let stream = stream.at(sizes as u64).at(model as u64);
            let dbm = random_dbm(&self.sizes[sizes], std, std, stream)?;
            let visible = random_binary(1, self.sizes[sizes][0], stream.named("visible"))?;
            let evidence = dbm.clamp(&visible)?.log_partition(20.0)?[0];
            let stop = Stop::when_within(self.tolerance, self.max_sweeps);
            let start = Refined { start: Uninformed, by: MeanField::default(), stop };
            let mean_field = start.infer(&dbm, &visible, stream)?.q;
            let better = Structured { start, tables: Tables::Columns, max_bits: 16.0, stop };
            let structured = better.infer(&dbm, &visible, stream)?.q;
            Ok(Pair {
                mean_field: evidence - elbo_unnormalized(&dbm, &visible, &mean_field)?[0],
                structured: evidence - elbo_unnormalized(&dbm, &visible, &structured)?[0],
            })
        });
        pairs.collect()
    }
}

fn scatter(by_std: &[(f64, Vec<Pair>)], ratios: &[(f64, f64)]) -> Figure {
    let ends = [ratios.first(), ratios.last()].map(|end| end.copied().unwrap_or_default());
    let caption = format!(
        "Every machine lies on or below the diagonal: tables over one unit of each layer never do worse. On average they leave {:.2} of \
         the divergence at a standard deviation of {}, {:.2} at {}.",
        ends[0].1, ends[0].0, ends[1].1, ends[1].0
    );
    let axes = (Axis::log("KL(q‖p) of mean field, nats"), Axis::log("KL(q‖p) of tables over columns, nats"));
    let ends = by_std.iter().flat_map(|(_, pairs)| pairs).map(|pair| pair.mean_field).filter(|kl| *kl > 1e-9);
    let (low, high) = ends.fold((f64::INFINITY, 0.0_f64), |(low, high), kl| (smaller(low, kl), larger(high, kl)));
    let figure = Figure::new("Tables against independent units", caption, axes.0, axes.1)
        .dashed("equal", [(low, low), (high, high)]);
    by_std.iter().fold(figure, |figure, (std, pairs)| {
        let points = pairs.iter().map(|pair| (pair.mean_field, pair.structured));
        figure.dots(format!("standard deviation {std}"), points)
    })
}

fn gain(ratios: Vec<(f64, f64)>) -> Figure {
    let weak = ratios.iter().filter(|(std, _)| *std <= 1.0).map(|(_, ratio)| *ratio);
    let (low, high) =
        weak.fold((f64::INFINITY, 0.0_f64), |(low, high), ratio| (smaller(low, ratio), larger(high, ratio)));
    let caption =
        format!("Up to a standard deviation of 1, tables leave {low:.2} to {high:.2} of what mean field leaves.");
    let axes = (Axis::log("standard deviation of weights"), Axis::linear("KL of tables / KL of mean field, mean"));
    Figure::new("Gain of tables over columns", caption, axes.0, axes.1).line("ratio", ratios)
}
