//! How long one pass through an inference network takes beside mean-field sweeps.
//!
//! The same machine, the same batch, the same precision (`f64`); times are medians over repetitions, taken in turn.

use super::{Axis, Figure, Findings, Laboratory, Mark, Study, instances};
use crate::inference::{Inference, MeanField, Network, Refined, Stop, Uninformed};
use crate::math::{DType, Device, Result, Stream, larger, smaller};
use crate::models::Dbm;
use crate::posterior::Posterior;
use serde::{Deserialize, Serialize};

/// Which machines and how often.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct InferenceSpeed {
    /// Units per layer of each machine, visible first.
    pub sizes: Vec<Vec<usize>>,
    /// Examples in the batch.
    pub examples: usize,
    /// Sweeps that the network is held against, beside a single one.
    pub sweeps: usize,
    /// Repetitions of each measurement; a small machine is measured a hundred times as often.
    pub repetitions: usize,
}

impl Default for InferenceSpeed {
    fn default() -> Self {
        Self { sizes: vec![vec![16, 12, 8], vec![784, 500, 1000]], examples: 256, sweeps: 50, repetitions: 5 }
    }
}

impl Study for InferenceSpeed {
    fn run(&self, stream: Stream, lab: &mut dyn Laboratory) -> Result<Findings> {
        let mut findings = Findings::default();
        let (mut least, mut most) = (f64::INFINITY, 0.0_f64);
        let mut bars = [Vec::new(), Vec::new(), Vec::new()];
        for (index, sizes) in self.sizes.iter().enumerate() {
            lab.at("machines", index, self.sizes.len())?;
            let seconds = self.seconds(sizes, stream.at(index as u64), lab)?;
            let name = instances::sizes_word(sizes);
            bars.iter_mut().zip(seconds).for_each(|(bars, seconds)| bars.push((name.clone(), 1e3 * seconds)));
            let [network, one, many] = seconds;
            least = smaller(least, many / network);
            most = larger(most, network / one);
            findings.quantity(format!("network_ms_{name}"), 1e3 * network);
            findings.quantity(format!("one_sweep_ms_{name}"), 1e3 * one);
            findings.quantity(format!("all_sweeps_ms_{name}"), 1e3 * many);
        }
        findings.quantity("all_sweeps_over_network_min", least);
        findings.quantity("network_over_one_sweep_max", most);
        let caption = format!(
            "A pass through the network is at least {least:.0} times faster than {} mean-field sweeps on a batch of {}, and takes at most {most:.2} \
             times as long as a single sweep.",
            self.sweeps, self.examples
        );
        let names = ["network".to_string(), "one sweep".to_string(), format!("{} sweeps", self.sweeps)];
        let figure =
            Figure::new("Time of inference", caption, Axis::linear("machine"), Axis::log("milliseconds a batch"));
        let with = |figure: Figure, (name, bars)| figure.with(Mark::Bars { name, bars });
        findings.figure(names.into_iter().zip(bars).fold(figure, with));
        Ok(findings)
    }
}

impl InferenceSpeed {
    /// Median seconds of the network, of one sweep and of all sweeps.
    fn seconds(&self, sizes: &[usize], stream: Stream, lab: &dyn Laboratory) -> Result<[f64; 3]> {
        let dbm = Dbm::random(sizes, 0.05, stream.named("weights"), DType::F64, &Device::Cpu)?;
        let network = Network::from_dbm(&dbm)?;
        let visible = instances::random_binary(self.examples, sizes[0], stream.named("visible"))?;
        let sweeps = |count| Refined { start: Uninformed, by: MeanField::default(), stop: Stop::after(count) };
        let small = sizes.iter().sum::<usize>() < 100;
        let repetitions = if small { 100 * self.repetitions } else { self.repetitions };
        let mut times = [Vec::new(), Vec::new(), Vec::new()];
        for _ in 0..repetitions.max(1) {
            let start = lab.seconds();
            // Means of all layers are what either way has to end with.
            network.infer(&dbm, &visible, stream)?.q.means()?;
            let after_network = lab.seconds();
            sweeps(1).infer(&dbm, &visible, stream)?.q.means()?;
            let after_one = lab.seconds();
            sweeps(self.sweeps).infer(&dbm, &visible, stream)?.q.means()?;
            let after_all = lab.seconds();
            let taken = [after_network - start, after_one - after_network, after_all - after_one];
            times.iter_mut().zip(taken).for_each(|(times, seconds)| times.push(seconds));
        }
        Ok(times.map(median))
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
