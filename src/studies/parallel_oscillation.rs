//! All means at once from old values may oscillate for ever, and damping helps only where it is strong enough.
//!
//! Two machines. A 2-2-2 Boltzmann machine whose hidden layers ask each other to be equal, begun with one on and one off: a synchronous
//! sweep swaps them. Binary sparse coding with two nearly equal causes of which v needs one: both go on, both go off. The undamped map has the
//! slope -k at the symmetric point, so damping d removes the cycle only if d > (k - 1)/(k + 1) (Goodfellow, Bengio & Courville 2016, section
//! 19.4.1 on damping).

use super::em_instances::aligned;
use super::{Axis, Figure, Findings, Laboratory, Study};
use crate::inference::{Inferred, MeanField, Refine, Stop};
use crate::math::{Device, Result, Stream, Tensor, bail, host, larger};
use crate::models::{Dbm, ExpectedLogJoint, LatentModel, Multilinear, Schedule};
use crate::posterior::{Factorial, Posterior};
use serde::{Deserialize, Serialize};

/// The two machines and how long they are watched.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ParallelOscillation {
    /// Weight between the hidden layers of the Boltzmann machine.
    pub coupling: f64,
    /// Means of its two hidden layers at the start.
    pub machine_start: [f64; 2],
    /// How much the two causes differ. A sum of few powers of two keeps the symmetry of the two through every rounding; any other
    /// number breaks it, and no run stays on the saddle for long.
    pub difference: f64,
    /// Precision of v given the causes.
    pub beta: f64,
    /// Mean of both causes at the start.
    pub causes_start: f64,
    /// Shares of the old mean that are kept.
    pub dampings: [f64; 2],
    /// Sweeps that a run may make: for ever, as far as is looked.
    pub sweeps: usize,
}

impl Default for ParallelOscillation {
    fn default() -> Self {
        Self {
            coupling: 4.0,
            machine_start: [0.9, 0.1],
            difference: 0.125,
            beta: 4.0,
            causes_start: 0.1,
            dampings: [0.5, 0.75],
            sweeps: 1000,
        }
    }
}

/// What one run did.
struct Run {
    /// Largest change of a mean in the last sweep.
    last_step: f64,
    converged: bool,
    /// Largest |mean - σ(input)| at the end.
    residual: f64,
    elbo: f64,
    elbos: Vec<f64>,
    /// Mean of the first unit after each of the first sweeps.
    path: Vec<f64>,
    /// Means at the end.
    means: Vec<f64>,
}

impl Study for ParallelOscillation {
    fn run(&self, stream: Stream, lab: &mut dyn Laboratory) -> Result<Findings> {
        let mut findings = Findings::default();
        lab.at("machines", 0, 2)?;
        let machine = self.machine()?;
        let visible = Tensor::new(&[[1.0, 0.0]], &Device::Cpu)?;
        let [first, second] = self.machine_start;
        let start = [[first, first], [second, second]].map(|means| Tensor::new(&[means], &Device::Cpu));
        let start = start.into_iter().collect::<Result<Vec<_>>>()?;
        let runs = self.runs(&machine.clamp(&visible)?, &start, stream)?;
        report("machine", "A Boltzmann machine of 2-2-2 units", &runs, self, &mut findings);
        lab.at("machines", 1, 2)?;
        let causes = aligned(self.difference, self.beta)?;
        let visible = Tensor::ones((1, 4), causes.weight().dtype(), &Device::Cpu)?;
        let start = vec![Tensor::full(self.causes_start, (1, 1), &Device::Cpu)?; 2];
        let runs = self.runs(&causes.clamp(&visible)?, &start, stream)?;
        report("causes", "Two nearly equal causes of one image", &runs, self, &mut findings);
        let ahead = runs[0].elbo - runs[3].elbo;
        findings.quantity("causes_saddle_below_sequential_nats", ahead);
        findings.quantity("causes_saddle_asymmetry", (runs[3].means[0] - runs[3].means[1]).abs());
        findings.quantity("causes_sequential_asymmetry", (runs[0].means[0] - runs[0].means[1]).abs());
        // The undamped map at means of one half: σ' = 1/4 times the inhibition.
        let slope = self.beta * 4.0 * (1.0 - self.difference.powi(2)) / 4.0;
        let needed = (slope - 1.0) / (slope + 1.0);
        findings.quantity("causes_slope_at_the_saddle", slope);
        findings.quantity("causes_damping_needed", needed);
        findings.remark(format!(
            "Two equal means are a fixed point with slope -{slope:.2}, so damping below {needed:.2} cycles about it and stronger damping stops \
             on it, at {:.3} nats; one after the other the causes leave it for {:.3} nats.",
            runs[3].elbo, runs[0].elbo
        ));
        Ok(findings)
    }
}

impl ParallelOscillation {
    /// Hidden layers that are best both on or both off.
    fn machine(&self) -> Result<Dbm> {
        let square = |value: f64| Tensor::full(value, (2, 2), &Device::Cpu);
        let row = |value: f64| Tensor::full(value, 2, &Device::Cpu);
        let hidden = row(-self.coupling)?;
        Dbm::binary(vec![square(0.1)?, square(self.coupling)?], vec![row(0.0)?, hidden.clone(), hidden])
    }

    /// Layer by layer; all at once without damping, and with each damping.
    fn runs<C: Multilinear>(&self, conditionals: &C, start: &[Tensor], stream: Stream) -> Result<Vec<Run>> {
        let parallel = |damping| MeanField { schedule: Schedule::Parallel, damping };
        let schemes = [MeanField::default(), parallel(0.0), parallel(self.dampings[0]), parallel(self.dampings[1])];
        schemes.iter().map(|by| self.run_once(by, conditionals, start, stream)).collect()
    }

    fn run_once<C: Multilinear>(
        &self,
        by: &MeanField,
        conditionals: &C,
        start: &[Tensor],
        stream: Stream,
    ) -> Result<Run> {
        let first = Factorial::from_means(conditionals.units().to_vec(), start)?;
        let stop = Stop::when_within(1e-13, self.sweeps).traced();
        let Inferred { q, trace } = by.refine(conditionals, first.clone(), stop, stream)?;
        let Some(&last_step) = trace.changes.last() else { bail!("at least one sweep has to be made") };
        let mut path = vec![host(&start[0])?[0]];
        let mut at = first;
        for _ in 0..20 {
            at = by.refine(conditionals, at, Stop::after(1), stream)?.q;
            path.push(host(&at.means()?[0])?[0]);
        }
        let means = q.means()?;
        let mut residual = 0.0_f64;
        for (layer, mean) in means.iter().enumerate() {
            let asked = conditionals.units()[layer].mean(&conditionals.input(&means, layer)?)?;
            residual = host(&(asked - mean)?)?.iter().fold(residual, |worst, error| larger(worst, error.abs()));
        }
        let elbo = conditionals.expected_log_joint(&q)?[0] + host(&q.entropy()?)?[0];
        let converged = trace.converged.is_some_and(|converged| converged.iter().all(|each| *each));
        let means = host(&Tensor::cat(&means, 1)?)?;
        Ok(Run { last_step, converged, residual, elbo, elbos: trace.elbos_unnormalized, path, means })
    }
}

/// The numbers and the picture of one machine.
fn report(name: &str, title: &str, runs: &[Run], study: &ParallelOscillation, findings: &mut Findings) {
    let [weak, strong] = study.dampings;
    let words = ["sequential".to_string(), "undamped".into(), format!("damped_{weak}"), format!("damped_{strong}")];
    let shown = [
        "one after the other".to_string(),
        "all at once".into(),
        format!("damping {weak}"),
        format!("damping {strong}"),
    ];
    let mut rows = Vec::new();
    let caption = format!(
        "All at once, means still move by {:.2} a sweep after {} sweeps; one after the other they settle at an ELBO of {:.3} nats.",
        runs[1].last_step, study.sweeps, runs[0].elbo
    );
    let (x, y) = (Axis::linear("sweep"), Axis::linear("mean of the first hidden unit"));
    let mut figure = Figure::new(title, caption, x, y);
    for ((word, shown), run) in words.iter().zip(&shown).zip(runs) {
        findings.quantity(format!("{name}_{word}_last_step"), run.last_step);
        findings.quantity(format!("{name}_{word}_converged"), f64::from(u8::from(run.converged)));
        findings.quantity(format!("{name}_{word}_residual"), run.residual);
        findings.quantity(format!("{name}_{word}_elbo_nats"), run.elbo);
        findings.quantity(format!("{name}_{word}_first_sweep_elbo_change_nats"), run.elbos[1] - run.elbos[0]);
        let numbered = run.elbos.iter().take(60).enumerate().map(|(sweep, nats)| (sweep as u64, *nats));
        findings.series(format!("{name} {shown}"), "inference/elbo_unnormalized_nats", numbered.collect::<Vec<_>>());
        figure = figure.line(shown.clone(), run.path.iter().enumerate().map(|(sweep, mean)| (sweep as f64, *mean)));
        rows.push(vec![
            shown.clone(),
            format!("{:.2e}", run.last_step),
            if run.converged { "yes" } else { "no" }.to_string(),
            format!("{:.4}", run.elbo),
        ]);
    }
    findings.figure(figure);
    findings.sheet(
        format!("{title}: after at most {} sweeps.", study.sweeps),
        &["updates", "last step", "converged", "ELBO without ln Z (nats)"],
        rows,
    );
}
