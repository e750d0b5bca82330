//! Whether an inference network that was trained on some inputs serves others.
//!
//! A random machine, random inputs; the network learns the answer of one mean-field sweep from its own (Salakhutdinov & Larochelle 2010) on
//! some of them. KL(q ‖ p) is an exact sum; *excess* is over converged mean field.

use super::amortized::Clamped;
use super::{Axis, Figure, Findings, Laboratory, Mark, Study, instances};
use crate::inference::Network;
use crate::math::{Result, Stream, mean_of};
use serde::{Deserialize, Serialize};

/// The machine, the inputs and the training.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NetworkGeneralization {
    /// Units per layer, visible first.
    pub sizes: Vec<usize>,
    /// Standard deviation of weights and biases.
    pub weight_std: f64,
    /// Random binary inputs to learn from.
    pub train: usize,
    /// Further ones to judge by.
    pub test: usize,
    /// Steps of the network.
    pub steps: usize,
    /// Rate of Adam.
    pub rate: f64,
}

impl Default for NetworkGeneralization {
    fn default() -> Self {
        Self { sizes: vec![10, 8, 6], weight_std: 0.9, train: 150, test: 50, steps: 3000, rate: 0.01 }
    }
}

impl Study for NetworkGeneralization {
    fn run(&self, stream: Stream, lab: &mut dyn Laboratory) -> Result<Findings> {
        let dbm = instances::random_dbm(&self.sizes, self.weight_std, self.weight_std, stream)?;
        let inputs = instances::random_binary(self.train + self.test, self.sizes[0], stream.named("inputs"))?;
        let train = Clamped::new(dbm.clone(), inputs.narrow(0, 0, self.train)?)?;
        let test = Clamped::new(dbm.clone(), inputs.narrow(0, self.train, self.test)?)?;
        lab.at("training", 0, 1)?;
        let looks_at = |step: usize| step.is_multiple_of(50);
        let course = train.train(Network::from_dbm(&dbm)?, self.steps, self.rate, looks_at, stream)?;
        let mut findings = Findings::default();
        let mut figure = Figure::new(
            "Seen and unseen inputs",
            String::new(),
            Axis::linear("Adam steps"),
            Axis::log("mean KL(q‖p) above converged mean field, nats"),
        );
        let mut rows = Vec::new();
        let mut said = Vec::new();
        for (word, part) in [("train", &train), ("test", &test)] {
            let converged = mean_of(&part.kl_of_mean_field(None, stream)?);
            let excess = |network: &Network| -> Result<f64> { Ok(mean_of(&part.kl_of_network(network)?) - converged) };
            let curve = course.looks.iter().map(|(step, network)| Ok((*step, excess(network)?)));
            let curve = curve.collect::<Result<Vec<_>>>()?;
            let alone = excess(&course.network)?;
            let and_sweep = mean_of(&part.kl_of_network_and_sweep(&course.network, stream)?) - converged;
            findings.quantity(format!("{word}_excess_kl_nats"), alone);
            findings.quantity(format!("{word}_excess_kl_nats_after_sweep"), and_sweep);
            findings.quantity(format!("{word}_closed_by_sweep_share"), 1.0 - and_sweep / alone);
            findings.series(word, "recognition/kl_nu_excess_nats_mean", curve.iter().map(|(s, kl)| (*s as u64, *kl)));
            figure = figure.line(word, curve.iter().map(|(step, kl)| (*step as f64, *kl)));
            figure = figure.with(Mark::Level { name: format!("{word}, one sweep more"), at: and_sweep });
            let numbers = [converged, converged + alone, converged + and_sweep].map(|nats| format!("{nats:.5}"));
            rows.push([vec![word.to_string()], numbers.to_vec()].concat());
            said.push(format!(
                "{alone:.4} nats on {word} inputs, of which one sweep closes {:.0} %",
                100.0 * (1.0 - and_sweep / alone)
            ));
        }
        figure.caption = format!("Above converged mean field the trained network stays {}.", said.join("; "));
        findings.figure(figure);
        findings.sheet(
            "Mean KL(q‖p) over inputs, nats.",
            &["inputs", "converged mean field", "network", "network + 1 sweep"],
            rows,
        );
        Ok(findings)
    }
}
