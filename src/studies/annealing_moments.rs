//! Annealed importance sampling against its own exact moments: how far ln Z estimates fall from ln Z, how wide weights spread, and
//! whether the stated errors are honest.
//!
//! The mean weight is Z / Z_0 exactly; M chains estimate ln Z with a standard error of √(relative variance / M). Mean log weights of
//! forward chains lie below ln Z, of reverse chains from samples of the machine above (Neal 2001; Salakhutdinov & Murray 2008).

use super::instances::{bars_and_stripes, random_dbm};
use super::training::{beginning, climb};
use super::{Axis, Figure, Findings, Laboratory, Study};
use crate::evaluate::{Annealing, Half, LogPartition, Path, Spacing, WeightMoments, reverse};
use crate::inference::Exact;
use crate::math::{Nats, Result, Stream, Tensor, larger, mean_of, smaller};
use crate::models::Dbm;
use serde::{Deserialize, Serialize};

/// Machines small enough to know the answer, and how to anneal them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AnnealingMoments {
    /// Units per layer of each random machine, visible first.
    pub machines: Vec<Vec<usize>>,
    /// Standard deviation of their weights.
    pub weight_std: f64,
    /// Standard deviation of their biases.
    pub bias_std: f64,
    /// Adam steps for one machine more, 9-8-4 trained on 3x3 bars and stripes by the exact gradient; 0 for none.
    pub trained_steps: u64,
    /// Numbers of temperatures, ascending.
    pub temperatures: Vec<usize>,
    /// Chains of each run.
    pub chains: usize,
    /// Independent runs.
    pub runs: usize,
    /// Chains from samples of the machine back to the base, in all.
    pub reverse_chains: usize,
    /// Whether chains keep each half of the layers in turn, from zero and from random base rates; else the smaller half, from zero.
    pub every_path: bool,
}

impl Default for AnnealingMoments {
    fn default() -> Self {
        Self {
            machines: vec![vec![10, 6, 4], vec![8, 6, 4, 2], vec![6, 5, 4, 3, 2]],
            weight_std: 1.0,
            bias_std: 1.0,
            trained_steps: 0,
            temperatures: vec![100, 1000],
            chains: 100,
            runs: 40,
            reverse_chains: 500,
            every_path: false,
        }
    }
}

/// What was found with one machine, one path and one number of temperatures.
struct Trial {
    machine: String,
    temperatures: usize,
    moments: WeightMoments,
    /// (estimate - ln Z, stated error) of each run.
    runs: Vec<(f64, f64)>,
    /// Effective sample size over chains, mean over runs.
    effective_share: f64,
    /// Share of the runs that the program calls unreliable.
    flagged: f64,
    /// ln w minus ln (Z / Z_0) of forward and reverse chains.
    forward: Nats,
    back: Nats,
}

impl Study for AnnealingMoments {
    fn run(&self, stream: Stream, lab: &mut dyn Laboratory) -> Result<Findings> {
        let machines = self.all_machines(stream)?;
        let mut trials = Vec::new();
        for (index, (name, dbm)) in machines.iter().enumerate() {
            lab.at("machines", index, machines.len())?;
            for (path, settings) in self.paths(dbm, stream)?.iter().enumerate() {
                for &temperatures in &self.temperatures {
                    let settings = Annealing { temperatures, ..settings.clone() };
                    let stream = stream.named("chains").at(index as u64).at(path as u64).at(temperatures as u64);
                    trials.push(self.trial(name, dbm, &settings, stream)?);
                }
            }
        }
        Ok(self.findings(&trials))
    }
}

impl AnnealingMoments {
    fn all_machines(&self, stream: Stream) -> Result<Vec<(String, Dbm)>> {
        let words = |sizes: &[usize]| sizes.iter().map(usize::to_string).collect::<Vec<_>>().join("-");
        let mut machines = Vec::new();
        for (index, sizes) in self.machines.iter().enumerate() {
            let stream = stream.named("machines").at(index as u64);
            machines.push((words(sizes), random_dbm(sizes, self.weight_std, self.bias_std, stream)?));
        }
        if self.trained_steps > 0 {
            let data = bars_and_stripes(3)?;
            let start = beginning(&[8, 4], 0.1, &data, stream.named("trained"))?;
            let exact = Exact { max_bits: 20.0 };
            let trained = climb(&exact, start, &data, (self.trained_steps, 0.01), &mut |_, _| Ok(()))?;
            machines.push(("9-8-4 trained".into(), trained));
        }
        Ok(machines)
    }

    fn paths(&self, dbm: &Dbm, stream: Stream) -> Result<Vec<Annealing>> {
        let settings = |kept, base_means| Annealing {
            temperatures: 1,
            spacing: Spacing::Uniform,
            chains: self.chains * self.runs,
            kept,
            base_means,
        };
        if !self.every_path {
            return Ok(vec![settings(None, Vec::new())]);
        }
        let means: Tensor = stream.named("base").uniform(1, dbm.sizes()[0], dbm.dtype(), dbm.device())?.squeeze(0)?;
        let halves = [Half::Even, Half::Odd];
        Ok(halves
            .iter()
            .flat_map(|&half| [vec![], vec![means.clone()]].map(|means| settings(Some(half), means)))
            .collect())
    }

    fn trial(&self, name: &str, dbm: &Dbm, settings: &Annealing, stream: Stream) -> Result<Trial> {
        let path = Path::new(dbm, settings)?;
        let free = dbm.free()?;
        let (table, log_partition) = free.tabulate(20.0)?;
        let log_ratio = mean_of(&log_partition) - path.log_base_partition()?;
        let chains = path.advance(path.start(settings.chains, stream)?, path.temperatures())?;
        let samples = table.draw(0, self.reverse_chains, stream.named("samples"))?;
        let back = reverse(dbm, settings, samples, stream.named("reverse"))?;
        let mut runs = Vec::new();
        let (mut effective, mut flagged) = (0.0, 0.0);
        for weights in chains.log_weights.chunks(self.chains) {
            let found = LogPartition::from_log_weights(&path, weights.to_vec())?;
            runs.push((found.value.nats - mean_of(&log_partition), found.value.error.unwrap_or(f64::NAN)));
            if let Some(report) = found.ais {
                effective += report.effective_sample_size / (self.chains * self.runs) as f64;
                flagged += f64::from(u8::from(report.unreliable.is_some())) / self.runs as f64;
            }
        }
        let less = |weights: &[f64]| weights.iter().map(|w| w - log_ratio).collect();
        let moments = path.moments(24.0)?;
        Ok(Trial {
            machine: name.to_string(),
            temperatures: settings.temperatures,
            moments: WeightMoments { mean_log: moments.mean_log - log_ratio, ..moments },
            runs,
            effective_share: effective,
            flagged,
            forward: less(&chains.log_weights),
            back: less(&back),
        })
    }

    fn findings(&self, trials: &[Trial]) -> Findings {
        let mut findings = Findings::default();
        let mut both = |name: &str, of: &dyn Fn(&Trial) -> f64| {
            let values: Vec<f64> = trials.iter().map(of).collect();
            findings.quantity(format!("{name}_lowest"), values.iter().copied().fold(f64::INFINITY, smaller));
            findings.quantity(format!("{name}_highest"), values.iter().copied().fold(f64::NEG_INFINITY, larger));
        };
        both("within_three_errors_share", &Trial::coverage);
        both("rms_error_over_exact", &|trial| trial.rms() / trial.exact_error(self.chains));
        both("mean_log_weight_errors_off", &|trial| {
            let exact = (trial.moments.variance_log / trial.forward.len() as f64).sqrt();
            ((mean_of(&trial.forward) - trial.moments.mean_log) / exact).abs()
        });
        both("log_weight_variance_over_exact", &|trial| variance(&trial.forward) / trial.moments.variance_log);
        both("forward_mean_above_log_z_errors", &|trial| mean_of(&trial.forward) / error(&trial.forward));
        both("reverse_mean_below_log_z_errors", &|trial| -mean_of(&trial.back) / error(&trial.back));
        let few = self.temperatures.first().copied().unwrap_or_default();
        let many = self.temperatures.last().copied().unwrap_or_default();
        let mean = |temperatures: usize, of: &dyn Fn(&Trial) -> f64| mean_at(trials, temperatures, of);
        let spread = |trial: &Trial| trial.moments.relative_variance.sqrt();
        findings.quantity("exact_error_at_fewest_over_most_temperatures", mean(few, &spread) / mean(many, &spread));
        findings.quantity("rms_error_nats_at_fewest_temperatures", mean(few, &Trial::rms));
        findings.quantity("rms_error_nats_at_most_temperatures", mean(many, &Trial::rms));
        findings.quantity("relative_variance_at_fewest_temperatures", mean(few, &|t| t.moments.relative_variance));
        for (word, temperatures) in [("fewest", few), ("most", many)] {
            let share = mean(temperatures, &|trial| trial.effective_share);
            findings.quantity(format!("effective_share_at_{word}_temperatures"), share);
            let flagged = mean(temperatures, &|trial| trial.flagged);
            findings.quantity(format!("flagged_share_at_{word}_temperatures"), flagged);
        }
        let widths: Vec<(f64, f64)> = self.temperatures.iter().map(|&k| (k as f64, mean(k, &Trial::width))).collect();
        if let [.., (k, width), (more, narrower)] = widths[..] {
            findings.quantity("sandwich_width_times_temperatures_ratio", narrower * more / (width * k));
        }
        findings.quantity("sandwich_width_nats_at_most_temperatures", widths.last().map_or(f64::NAN, |width| width.1));
        self.figures(trials, &mut findings);
        findings
    }

    fn figures(&self, trials: &[Trial], findings: &mut Findings) {
        let line = |of: &dyn Fn(&Trial) -> f64| -> Vec<(f64, f64)> {
            self.temperatures.iter().map(|&k| (k as f64, mean_at(trials, k, of))).collect()
        };
        let forward = line(&|trial| mean_of(&trial.forward));
        let back = line(&|trial| mean_of(&trial.back));
        findings.series("forward", "ais/mean_log_weight_minus_log_z_nats", steps(&forward));
        findings.series("reverse", "ais/mean_log_weight_minus_log_z_nats", steps(&back));
        let estimates = line(&|trial| mean_of(&trial.runs.iter().map(|run| run.0).collect::<Vec<_>>()));
        findings.figure(both_sides(forward, back, estimates));
        findings.figure(self.errors(trials));
        let share = line(&|trial| trial.effective_share);
        let exact = line(&|trial| 1.0 / (1.0 + trial.moments.relative_variance));
        let caption = format!(
            "With {} temperatures the chains are worth {:.0} % of independent ones.",
            self.temperatures.first().unwrap_or(&0),
            100.0 * share.first().map_or(f64::NAN, |point| point.1)
        );
        findings.figure(
            Figure::new("Effective chains", caption, Axis::log("temperatures"), Axis::linear("share of all chains"))
                .line("obtained", share)
                .dashed("exact, for infinitely many", exact),
        );
        let head =
            ["machine", "temperatures", "relative variance", "within 3 errors", "effective share", "width (nats)"];
        findings.sheet("Every machine and path.", &head, trials.iter().map(Trial::row).collect());
    }

    /// Obtained errors against exact ones.
    fn errors(&self, trials: &[Trial]) -> Figure {
        let points: Vec<(f64, f64)> =
            trials.iter().map(|trial| (trial.exact_error(self.chains), trial.rms())).collect();
        let ends = points
            .iter()
            .fold((f64::MAX, 0.0_f64), |(low, high), point| (smaller(low, point.0), larger(high, point.0)));
        let caption = format!(
            "The root mean square error of {} runs of {} chains is what the exact spread of the weights says, for every machine, path \
             and number of temperatures.",
            self.runs, self.chains
        );
        Figure::new("Errors of ln Z", caption, Axis::log("exact standard error, nats"), Axis::log("obtained, nats"))
            .dots("", points)
            .dashed("equal", [(ends.0, ends.0), (ends.1, ends.1)])
    }
}

/// The mean over all machines and paths with so many temperatures.
fn mean_at(trials: &[Trial], temperatures: usize, of: &dyn Fn(&Trial) -> f64) -> f64 {
    let some = trials.iter().filter(|trial| trial.temperatures == temperatures);
    mean_of(&some.map(of).collect::<Vec<_>>())
}

/// ln Z between forward and reverse chains.
fn both_sides(forward: Vec<(f64, f64)>, back: Vec<(f64, f64)>, estimates: Vec<(f64, f64)>) -> Figure {
    let gap = |points: &[(f64, f64)]| points.last().map_or(f64::NAN, |point| point.1);
    let caption = format!(
        "Mean log weights of forward chains approach ln Z from below, of reverse chains from above; with the most temperatures they are \
         {:.4} and {:+.4} nats off. Estimates from mean weights lie between.",
        gap(&forward),
        gap(&back)
    );
    Figure::new("ln Z from both sides", caption, Axis::log("temperatures"), Axis::linear("minus exact ln Z, nats"))
        .line("forward chains, mean ln w", forward)
        .line("reverse chains, mean ln w", back)
        .dots("estimate, mean of runs", estimates)
        .level("exact", 0.0)
}

impl Trial {
    /// Share of the runs within three stated errors of ln Z.
    fn coverage(&self) -> f64 {
        let within = self.runs.iter().filter(|(off, error)| off.abs() <= 3.0 * error).count();
        within as f64 / self.runs.len() as f64
    }

    fn rms(&self) -> f64 {
        mean_of(&self.runs.iter().map(|(off, _)| off * off).collect::<Vec<_>>()).sqrt()
    }

    fn exact_error(&self, chains: usize) -> f64 {
        (self.moments.relative_variance / chains as f64).sqrt()
    }

    fn width(&self) -> f64 {
        mean_of(&self.back) - mean_of(&self.forward)
    }

    /// Its row in the table.
    fn row(&self) -> Vec<String> {
        vec![
            self.machine.clone(),
            self.temperatures.to_string(),
            format!("{:.4}", self.moments.relative_variance),
            format!("{:.3}", self.coverage()),
            format!("{:.3}", self.effective_share),
            format!("{:.4}", self.width()),
        ]
    }
}

fn variance(values: &[f64]) -> f64 {
    let mean = mean_of(values);
    values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / (values.len() as f64 - 1.0)
}

fn error(values: &[f64]) -> f64 {
    (variance(values) / values.len() as f64).sqrt()
}

fn steps(points: &[(f64, f64)]) -> Vec<(u64, f64)> {
    points.iter().map(|&(x, y)| (x as u64, y)).collect()
}
