//! The ceiling: small machines trained by the exact gradient of the log-likelihood, without sampling and without approximate inference.
//!
//! ∂/∂θ mean ln p(v) = E_data[E_posterior[statistics]] - E_model[statistics] (book equation 18.4), both sides by enumeration. No model
//! can do better than minus the logarithm of the number of patterns.

use super::instances::bars_and_stripes;
use super::training::{Look, beginning, climb};
use super::{Axis, Figure, Findings, Laboratory, Study};
use crate::inference::Exact;
use crate::math::{Result, Stream};
use serde::{Deserialize, Serialize};

/// Which machines, and how long.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ExactTraining {
    /// Height and width of the bars and stripes.
    pub side: usize,
    /// Hidden layers of each machine, bottom first.
    pub machines: Vec<Vec<usize>>,
    /// Standard deviation of the first weights.
    pub weight_std: f64,
    /// Adam steps.
    pub steps: u64,
    /// Learning rate of Adam.
    pub learning_rate: f64,
    /// Looks, evenly spaced.
    pub looks: u64,
}

impl Default for ExactTraining {
    fn default() -> Self {
        let machines = vec![vec![8, 4], vec![8, 6, 4]];
        Self { side: 3, machines, weight_std: 0.1, steps: 1500, learning_rate: 0.02, looks: 30 }
    }
}

impl Study for ExactTraining {
    fn run(&self, stream: Stream, lab: &mut dyn Laboratory) -> Result<Findings> {
        let data = bars_and_stripes(self.side)?;
        let best = -(data.dim(0)? as f64).ln();
        let every = (self.steps / self.looks.max(1)).max(1);
        let mut findings = Findings::default();
        let mut curves = Vec::new();
        for (index, hidden) in self.machines.iter().enumerate() {
            lab.at("machines", index, self.machines.len())?;
            let start = beginning(hidden, self.weight_std, &data, stream.at(index as u64))?;
            let mut looks = Vec::new();
            climb(&Exact { max_bits: 20.0 }, start, &data, (self.steps, self.learning_rate), &mut |step, dbm| {
                if step.is_multiple_of(every) || step == self.steps {
                    looks.push(Look::at(step, dbm, &data)?);
                }
                Ok(())
            })?;
            let sizes: Vec<String> =
                [&[self.side * self.side], &hidden[..]].concat().iter().map(usize::to_string).collect();
            let word = sizes.join("-");
            let end = looks.last().map_or(f64::NAN, |look| look.log_likelihood);
            findings.quantity(format!("log_likelihood_nats_of_{}", word.replace('-', "_")), end);
            findings.series(
                &word,
                "train/log_p_v_nats_mean",
                looks.iter().map(|look| (look.update, look.log_likelihood)),
            );
            findings.series(&word, "train/elbo_nats_mean", looks.iter().map(|look| (look.update, look.elbo)));
            curves.push((word, looks, end));
        }
        let ends: Vec<String> = curves.iter().map(|(word, _, end)| format!("{word} reaches {end:.3}")).collect();
        let caption = format!("By the exact gradient {} nats; the best possible is {best:.3}.", ends.join(", "));
        let mut figure = Figure::new(
            "Exact-likelihood training",
            caption,
            Axis::linear("Adam steps"),
            Axis::linear("mean ln p(v), nats"),
        );
        for (word, looks, _) in curves {
            figure = figure.line(word, looks.iter().map(|look| (look.update as f64, look.log_likelihood)));
        }
        findings.figure(figure.level("every pattern equally likely", best));
        Ok(findings)
    }
}
