//! Whether the most probable hidden state is found: by enumeration, by brute force, and by iterated conditional modes.
//!
//! h* = argmax_h p(h | v) (book section 19.3). Enumeration runs through half of alternate layers, brute force through every state, the
//! search from random starts.

use super::instances::{binary_inputs, random_dbm, sizes_word};
use super::{Axis, Figure, Findings, Laboratory, Study};
use crate::evaluate::elbo_unnormalized;
use crate::inference::{Inference, IteratedModes};
use crate::math::{Nats, Result, Stream, Tensor, larger, smaller};
use crate::models::{Dbm, LatentModel, Mode, best_of_all};
use serde::{Deserialize, Serialize};

/// The machines, and how often the search begins.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ModeSearch {
    /// Units per layer of each machine, visible first.
    pub sizes: Vec<Vec<usize>>,
    /// Standard deviation of the weights.
    pub weight_std: f64,
    /// Standard deviation of the biases.
    pub bias_std: f64,
    /// Most inputs of each machine: all of them where there are no more, else random ones.
    pub inputs: usize,
    /// Numbers of random starts of the search, ascending.
    pub starts: Vec<usize>,
    /// Most sweeps of a search.
    pub max_sweeps: usize,
}

impl Default for ModeSearch {
    fn default() -> Self {
        Self {
            sizes: vec![vec![8, 6, 4, 2], vec![10, 6, 4]],
            weight_std: 1.0,
            bias_std: 0.5,
            inputs: 256,
            starts: vec![1, 2, 5, 10, 20],
            max_sweeps: 100,
        }
    }
}

/// How far from the best state an answer may be and still be it: rounding, nats.
const SAME: f64 = 1e-9;

impl Study for ModeSearch {
    fn run(&self, stream: Stream, lab: &mut dyn Laboratory) -> Result<Findings> {
        let mut findings = Findings::default();
        let (mut worst_argmax, mut worst_excess) = (0.0_f64, f64::NEG_INFINITY);
        let (mut curves, mut fewest) = (Vec::new(), 1.0_f64);
        for (index, sizes) in self.sizes.iter().enumerate() {
            lab.at("machines", index, self.sizes.len())?;
            let stream = stream.named("machine").at(index as u64);
            let dbm = random_dbm(sizes, self.weight_std, self.bias_std, stream)?;
            let visible = binary_inputs(sizes[0], self.inputs, stream.named("inputs"))?;
            let clamped = dbm.clamp(&visible)?;
            let best = clamped.mode(20.0, &visible)?.1;
            let twin = best_of_all(&clamped, 20.0, &visible)?.1;
            worst_argmax = best.iter().zip(&twin).fold(worst_argmax, |worst, (a, b)| larger(worst, (a - b).abs()));
            let word = sizes_word(sizes);
            let mut curve = Vec::new();
            for &starts in &self.starts {
                let found = self.search(&dbm, &visible, starts, stream)?;
                let excess = found.iter().zip(&best).map(|(found, best)| found - best);
                worst_excess = excess.clone().fold(worst_excess, larger);
                let share = excess.filter(|excess| *excess > -SAME).count() as f64 / best.len() as f64;
                findings.quantity(format!("found_share_{}_starts_{starts}", word.replace('-', "_")), share);
                curve.push((starts as f64, share));
            }
            fewest = curve.last().map_or(fewest, |(_, share)| smaller(fewest, *share));
            findings.series(
                word.clone(),
                "icm/found_share",
                curve.iter().map(|(starts, share)| (*starts as u64, *share)),
            );
            curves.push((word, curve));
        }
        findings.quantity("argmax_error_nats_max", worst_argmax);
        findings.quantity("search_excess_nats_max", worst_excess);
        findings.quantity("found_share_of_most_starts_min", fewest);
        findings.figure(self.figure(curves));
        Ok(findings)
    }
}

impl ModeSearch {
    /// ln p̃(v, h) of the best state that so many starts find.
    fn search(&self, dbm: &Dbm, visible: &Tensor, starts: usize, stream: Stream) -> Result<Nats> {
        let search = IteratedModes { starts, max_sweeps: self.max_sweeps };
        elbo_unnormalized(dbm, visible, &search.infer(dbm, visible, stream.named("starts"))?.q)
    }

    fn figure(&self, curves: Vec<(String, Vec<(f64, f64)>)>) -> Figure {
        let found = curves.iter().map(|(word, curve)| {
            let share = |point: Option<&(f64, f64)>| 100.0 * point.map_or(f64::NAN, |(_, share)| *share);
            format!("{:.1} % to {:.1} % of the inputs of {word}", share(curve.first()), share(curve.last()))
        });
        let most = self.starts.last().copied().unwrap_or_default();
        let caption = format!(
            "From one start to {most}, iterated conditional modes find the most probable state of {}.",
            found.collect::<Vec<_>>().join(" and ")
        );
        let axes = (Axis::log("random starts"), Axis::linear("share of inputs whose mode is found"));
        let figure = Figure::new("Finding the most probable state", caption, axes.0, axes.1);
        curves.into_iter().fold(figure, |figure, (word, curve)| figure.line(word, curve))
    }
}
