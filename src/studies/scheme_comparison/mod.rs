//! One machine, every inference scheme: KL(q‖p) and the error of the marginals against what the answer costs.
//!
//! KL(q‖p) = ln p̃(v) - (E_q[ln p̃] + H(q)) needs no ln Z (book equations 19.1 to 19.7). Cost is counted in multiply-adds of one
//! input, products of matrices alone, so that it is the same on every machine; time is measured beside it.

mod checks;
mod contest;
mod figures;

use super::instances::{binary_inputs, random_dbm, sizes_word};
use super::network_fit::fitted_network;
use super::{Findings, Laboratory, Study};
use crate::math::{Result, Stream};
use contest::{Contest, Entry};
use serde::{Deserialize, Serialize};

/// The machines, and how each scheme is set.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SchemeComparison {
    /// Units per layer of each machine, visible first.
    pub sizes: Vec<Vec<usize>>,
    /// Standard deviation of the weights.
    pub weight_std: f64,
    /// Standard deviation of the biases.
    pub bias_std: f64,
    /// Most inputs of each machine: all of them where there are no more, else random ones.
    pub inputs: usize,
    /// Adam steps that fit the inference network.
    pub network_steps: usize,
    /// Step size of those.
    pub network_rate: f64,
    /// Numbers of averaged Gibbs sweeps, each ten times the one before.
    pub gibbs_sweeps: Vec<usize>,
    /// Gibbs sweeps thrown away before those.
    pub burn_in: usize,
    /// Random starts of iterated conditional modes.
    pub mode_starts: usize,
    /// An iterative answer is done once a sweep changes no mean by this much.
    pub tolerance: f64,
    /// Most sweeps of those.
    pub max_sweeps: usize,
}

impl Default for SchemeComparison {
    fn default() -> Self {
        Self {
            sizes: vec![vec![8, 6, 4, 2], vec![10, 6, 4]],
            weight_std: 1.0,
            bias_std: 0.5,
            inputs: 256,
            network_steps: 3000,
            network_rate: 0.01,
            gibbs_sweeps: vec![10, 100, 1000],
            burn_in: 10,
            mode_starts: 20,
            tolerance: 1e-12,
            max_sweeps: 5000,
        }
    }
}

impl Study for SchemeComparison {
    fn run(&self, stream: Stream, lab: &mut dyn Laboratory) -> Result<Findings> {
        let mut findings = Findings::default();
        for (index, sizes) in self.sizes.iter().enumerate() {
            lab.at("machines", index, self.sizes.len())?;
            let stream = stream.named("machine").at(index as u64);
            let dbm = random_dbm(sizes, self.weight_std, self.bias_std, stream)?;
            let visible = binary_inputs(sizes[0], self.inputs, stream.named("inputs"))?;
            let network = fitted_network(&dbm, &visible, self.network_steps, self.network_rate)?;
            let contest = Contest::new(self, &dbm, &visible, network, stream.named("infer"))?;
            let entries = contest.entries(lab)?;
            let word = sizes_word(sizes);
            tell(&mut findings, &word, &entries);
            checks::orderings(&mut findings, &word, &entries, self);
            checks::identities(&mut findings, &word, &contest, &entries)?;
            findings.figure(figures::divergence(&word, &entries));
            findings.figure(figures::marginals(&word, &entries));
            findings.sheet(
                format!("All schemes on {word}, means over {} inputs.", contest.examples()),
                &HEAD,
                rows(&entries),
            );
        }
        findings.remark(format!(
            "Converged means that no mean moves by {:e} in a sweep: a use would stop at a fraction of these sweeps.",
            self.tolerance
        ));
        findings.remark(
            "TAP has no q, so no KL; Gibbs and the product of the exact marginals are judged as independent units with those means.",
        );
        Ok(findings)
    }
}

const HEAD: [&str; 5] = ["scheme", "KL(q‖p), nats", "error of marginals", "multiply-adds per input", "ms per input"];

/// Every number of every scheme, and one TensorBoard run of each with the same tags; steps are sweeps.
fn tell(findings: &mut Findings, word: &str, entries: &[Entry]) {
    let machine = word.replace('-', "_");
    for entry in entries {
        let key = entry.name.replace([' ', '+'], "_");
        if let Some(kl) = entry.kl_mean() {
            findings.quantity(format!("{key}_kl_nats_mean_{machine}"), kl);
            findings.series(entry.run(word), "inference/kl_nats_mean", [(entry.sweeps, kl)]);
        }
        findings.quantity(format!("{key}_marginal_error_mean_{machine}"), entry.marginal_error);
        findings.series(entry.run(word), "inference/marginal_error_mean", [(entry.sweeps, entry.marginal_error)]);
        findings.series(entry.run(word), "inference/time_ms", entry.ms.map(|ms| (entry.sweeps, ms)));
    }
}

fn rows(entries: &[Entry]) -> Vec<Vec<String>> {
    let row = |entry: &Entry| {
        vec![
            entry.name.clone(),
            entry.kl_mean().map_or("–".into(), |kl| format!("{:.5}", kl.max(0.0))),
            format!("{:.5}", entry.marginal_error),
            format!("{:.0}", entry.cost),
            entry.ms.map_or("–".into(), |ms| format!("{ms:.4}")),
        ]
    };
    entries.iter().map(row).collect()
}
