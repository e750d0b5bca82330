//! RAISE against its exact expectation, and against annealed importance sampling: which errs on the safe side.
//!
//! ln p(v) with ln Z by annealing comes out too high on average, because ln Z comes out too low. RAISE (Burda, Grosse & Salakhutdinov
//! 2015) starts chains at v, and its mean log weight lies below ln p_raise(v), the probability of v under the annealing run as a
//! generative model, which comes closer to p(v) with every temperature more.

use super::instances::{all_binary, random_binary, random_dbm};
use super::{Axis, Figure, Findings, Laboratory, Study};
use crate::evaluate::{Annealing, Half, Path, RaiseMoments, Spacing, raise};
use crate::inference::{BottomUp, Inference};
use crate::math::{Nats, Result, Stream, Tensor, host, larger, mean_of};
use crate::models::{Dbm, LatentModel};
use serde::{Deserialize, Serialize};

/// The machine, the annealing and the examples.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ConservativeBound {
    /// Visible and hidden units.
    pub sizes: [usize; 2],
    /// Standard deviation of weights.
    pub weight_std: f64,
    /// Standard deviation of biases.
    pub bias_std: f64,
    /// Numbers of temperatures, ascending.
    pub temperatures: Vec<usize>,
    /// Examples, random bits.
    pub examples: usize,
    /// Chains for each.
    pub chains: usize,
}

impl Default for ConservativeBound {
    fn default() -> Self {
        let temperatures = vec![10, 100, 1000];
        Self { sizes: [8, 6], weight_std: 1.0, bias_std: 1.0, temperatures, examples: 4, chains: 1000 }
    }
}

/// What was found with one number of temperatures.
struct Rung {
    temperatures: f64,
    /// Largest distance of a sampled mean from its expectation, in standard errors.
    off: f64,
    /// Means over all v, weighted by p(v), minus ln p(v), nats.
    bound: f64,
    raise: f64,
    annealing: f64,
    /// Largest E[ln w] - ln p_raise(v) over v, and mean |ln p_raise - ln p| weighted by p(v).
    above: f64,
    apart: f64,
}

impl Study for ConservativeBound {
    fn run(&self, stream: Stream, lab: &mut dyn Laboratory) -> Result<Findings> {
        let dbm = random_dbm(&self.sizes, self.weight_std, self.bias_std, stream.named("machine"))?;
        let log_partition = mean_of(&dbm.free()?.log_partition(20.0)?);
        let evidence = dbm.clamp(&all_binary(self.sizes[0])?)?.log_partition(20.0)?;
        let logs: Nats = evidence.iter().map(|log| log - log_partition).collect();
        let visible = random_binary(self.examples, self.sizes[0], stream.named("examples"))?;
        let mut rungs = Vec::new();
        for (index, &temperatures) in self.temperatures.iter().enumerate() {
            lab.at("numbers of temperatures", index, self.temperatures.len())?;
            let settings = self.annealing(temperatures);
            let path = Path::new(&dbm, &settings)?;
            let exact = path.raise_moments(20.0)?;
            let mean = |of: &dyn Fn(usize) -> f64| logs.iter().enumerate().map(|(v, log)| log.exp() * of(v)).sum();
            let shortfall = log_partition - path.log_base_partition()? - path.moments(20.0)?.mean_log;
            rungs.push(Rung {
                temperatures: temperatures as f64,
                off: self.errors_off(&dbm, &visible, &settings, &exact, stream.at(temperatures as u64))?,
                bound: mean(&|v| exact.mean_logs[v] - logs[v]),
                raise: mean(&|v| exact.log_probs[v] - logs[v]),
                annealing: shortfall,
                above: exact.mean_logs.iter().zip(&exact.log_probs).map(|(m, p)| m - p).fold(f64::MIN, larger),
                apart: mean(&|v| (exact.log_probs[v] - logs[v]).abs()),
            });
        }
        Ok(findings(&rungs))
    }
}

impl ConservativeBound {
    fn annealing(&self, temperatures: usize) -> Annealing {
        let (spacing, chains) = (Spacing::Uniform, self.chains);
        Annealing { temperatures, spacing, chains, kept: Some(Half::Even), base_means: Vec::new() }
    }

    /// The largest distance of a mean over chains from its exact expectation, in standard errors.
    fn errors_off(
        &self,
        dbm: &Dbm,
        visible: &Tensor,
        settings: &Annealing,
        exact: &RaiseMoments,
        stream: Stream,
    ) -> Result<f64> {
        let q = BottomUp.infer(dbm, visible, stream)?.q;
        let found = raise(dbm, visible, &q, settings, stream)?;
        let bits = host(visible)?;
        let off = found.iter().zip(bits.chunks(self.sizes[0])).map(|(weights, bits)| {
            let index: usize = bits.iter().enumerate().map(|(unit, &bit)| usize::from(bit > 0.5) << unit).sum();
            let (mean, count) = (mean_of(weights), weights.len() as f64);
            let squares: f64 = weights.iter().map(|w| (w - mean).powi(2)).sum();
            (mean - exact.mean_logs[index]).abs() / (squares / (count - 1.0) / count).sqrt()
        });
        Ok(off.fold(0.0, larger))
    }
}

fn findings(rungs: &[Rung]) -> Findings {
    let mut findings = Findings::default();
    let highest = |of: fn(&Rung) -> f64| rungs.iter().map(of).fold(f64::NEG_INFINITY, larger);
    findings.quantity("raise_mean_errors_off_highest", highest(|rung| rung.off));
    findings.quantity("raise_mean_above_log_p_raise_nats_highest", highest(|rung| rung.above));
    findings.quantity("raise_mean_above_log_p_nats_highest", highest(|rung| rung.bound));
    let ratios = rungs.windows(2).map(|pair| pair[1].apart / pair[0].apart);
    findings.quantity("p_raise_distance_over_that_with_fewer_temperatures_highest", ratios.fold(0.0, larger));
    let line = |of: fn(&Rung) -> f64| rungs.iter().map(|rung| (rung.temperatures, of(rung))).collect::<Vec<_>>();
    let (bound, generative, annealing) = (line(|r| r.bound), line(|r| r.raise), line(|r| r.annealing));
    for (run, points) in [("raise", &bound), ("annealing", &annealing)] {
        let points = points.iter().map(|&(x, y)| (x as u64, y));
        findings.series(run, "ais/log_p_v_minus_exact_nats_mean", points);
    }
    let last = |points: &[(f64, f64)]| points.last().map_or(f64::NAN, |point| point.1);
    let caption = format!(
        "One chain of RAISE is {:+.4} nats off ln p(v) on average with the most temperatures, one chain of annealing {:+.4}: the first \
         errs downwards, the second upwards.",
        last(&bound),
        last(&annealing)
    );
    findings.figure(
        Figure::new("ln p(v) from both sides", caption, Axis::log("temperatures"), Axis::linear("minus ln p(v), nats"))
            .line("annealing, one chain", annealing)
            .line("RAISE, one chain", bound)
            .dashed("ln p_raise(v)", generative)
            .level("exact", 0.0),
    );
    findings.remark("Expectations over all v, weighted by p(v), are exact: distributions pushed through every kernel of the annealing.");
    findings
}
