//! EM whose M step is some gradient steps: it climbs as long as the steps are short enough.
//!
//! Generalised EM asks only that the M step does not lower F(q, θ) (Dempster, Laird & Rubin 1977; Goodfellow, Bengio & Courville 2016,
//! section 19.2). Factor analysis with one step an iteration; a sigmoid belief net on bars and stripes, whose M step has no closed form,
//! with one step or many.

use super::em_course::largest_fall;
use super::em_instances::two_factors;
use super::instances::bars_and_stripes;
use super::{Axis, Figure, Findings, Laboratory, Study};
use crate::inference::Exact;
use crate::learning::{
    EmStop, Expect, ExpectationMaximization, ExpectedGradient, GradientSteps, Parametric, factor_analysis_start,
};
use crate::math::{DType, Device, Nats, Result, Stream, Tensor, larger, mean_of};
use crate::models::{BeliefNet, Evidence, ExpectedJoint, Noise};
use serde::{Deserialize, Serialize};

/// How far the M steps go, and how often.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct GeneralizedEm {
    /// Rows of factor analysis.
    pub rows: usize,
    /// Rates of factor analysis that are short enough.
    pub small_rates: Vec<f64>,
    /// A rate of factor analysis that is too long.
    pub large_rate: f64,
    /// Hidden units of the belief net.
    pub hidden: usize,
    /// Rate of the belief net.
    pub net_rate: f64,
    /// A rate of the belief net that is too long.
    pub net_large_rate: f64,
    /// Gradient steps of a long M step.
    pub steps: usize,
    /// Iterations of EM on each.
    pub iterations: usize,
}

impl Default for GeneralizedEm {
    fn default() -> Self {
        Self {
            rows: 120,
            small_rates: vec![0.05, 0.2],
            large_rate: 3.0,
            hidden: 6,
            net_rate: 0.5,
            net_large_rate: 8.0,
            steps: 20,
            iterations: 100,
        }
    }
}

/// The course of generalised EM: means over examples, nats.
#[derive(Clone, Debug, Default)]
struct Climb {
    /// ln p(v) before each iteration and after the last.
    evidence: Nats,
    /// F after every half step.
    half_steps: Nats,
    /// ln p(v) - F right after each E step, and right after each M step.
    gap_after_expect: Nats,
    gap_after_maximize: Nats,
}

/// Follows EM with `maximize` from `model`; stops early where the likelihood is no number any more.
fn climb<M, Q>(model: &M, data: &Tensor, maximize: GradientSteps, iterations: usize) -> Result<Climb>
where
    Exact: Expect<M, Posterior = Q>,
    Q: crate::posterior::Posterior,
    M: Parametric + Evidence + ExpectedJoint<Q> + ExpectedGradient<Q>,
{
    let em = ExpectationMaximization { expect: Exact { max_bits: 12.0 }, maximize, stop: EmStop::after(iterations) };
    let mut model = model.with_parameters(&model.parameters()?)?;
    let mut climb = Climb { evidence: vec![mean_of(&model.log_evidence(data)?)], ..Climb::default() };
    for t in 0..iterations {
        // A step that is far too long leaves the models that there are: the climb ends there.
        let Ok(iteration) = em.iterate(&model, data, None) else { break };
        let Ok(evidence) = iteration.model.log_evidence(data) else { break };
        climb.half_steps.extend([iteration.after_expect, iteration.after_maximize]);
        climb.gap_after_expect.push((climb.evidence[t] - iteration.after_expect).abs());
        climb.gap_after_maximize.push(mean_of(&evidence) - iteration.after_maximize);
        climb.evidence.push(mean_of(&evidence));
        model = iteration.model;
    }
    Ok(climb)
}

impl Study for GeneralizedEm {
    fn run(&self, stream: Stream, lab: &mut dyn Laboratory) -> Result<Findings> {
        let mut findings = Findings::default();
        lab.at("models", 0, 2)?;
        self.factors(stream, &mut findings)?;
        lab.at("models", 1, 2)?;
        self.net(stream, &mut findings)?;
        Ok(findings)
    }
}

impl GeneralizedEm {
    fn factors(&self, stream: Stream, findings: &mut Findings) -> Result<()> {
        let data = two_factors(self.rows, stream.named("factors"))?;
        let start = factor_analysis_start(&data, 2, Noise::Diagonal, stream.named("start of the factors"))?;
        let run = |rate| climb(&start, &data, GradientSteps { count: 1, rate }, self.iterations);
        let mut falls = 0.0_f64;
        let mut figure = Figure::new(
            "Factor analysis by gradient M steps",
            "",
            Axis::linear("iteration"),
            Axis::linear("ln p(v), nats per example"),
        );
        for &rate in &self.small_rates {
            let climb = run(rate)?;
            falls = larger(falls, largest_fall(&climb.half_steps)).max(largest_fall(&climb.evidence));
            findings.quantity(format!("factor_analysis_log_likelihood_at_rate_{rate}"), last(&climb.evidence));
            figure = figure.line(format!("rate {rate}"), numbered(&climb.evidence));
        }
        findings.quantity("factor_analysis_small_rate_fall_nats_max", falls);
        let far = run(self.large_rate)?;
        let change = far.evidence.get(1).map_or(f64::NEG_INFINITY, |after| after - far.evidence[0]);
        findings.quantity("factor_analysis_large_rate_first_change_nats", change);
        let fall = largest_fall(&far.evidence);
        findings.quantity("factor_analysis_large_rate_fall_nats_max", fall);
        findings.quantity("factor_analysis_large_rate_iterations", far.half_steps.len() as f64 / 2.0);
        figure = figure.dashed(format!("rate {}", self.large_rate), numbered(&far.evidence));
        figure.caption = format!(
            "Short gradient steps raise the likelihood at every iteration; steps of rate {} lower it by up to {fall:.2} nats at once.",
            self.large_rate
        );
        findings.figure(figure);
        Ok(())
    }

    fn net(&self, stream: Stream, findings: &mut Findings) -> Result<()> {
        let data = bars_and_stripes(3)?;
        let sizes = [data.dim(1)?, self.hidden];
        let start = BeliefNet::random(&sizes, 0.1, stream.named("net"), DType::F64, &Device::Cpu)?;
        let run = |count, rate| climb(&start, &data, GradientSteps { count, rate }, self.iterations);
        let (one, many) = (run(1, self.net_rate)?, run(self.steps, self.net_rate)?);
        let far = run(1, self.net_large_rate)?;
        let fall = |climb: &Climb| larger(largest_fall(&climb.half_steps), largest_fall(&climb.evidence));
        let gap = |climb: &Climb| climb.gap_after_expect.iter().copied().fold(0.0, larger);
        findings.quantity("net_fall_nats_max", larger(fall(&one), fall(&many)));
        findings.quantity("net_log_likelihood_one_step_nats", last(&one.evidence));
        findings.quantity("net_log_likelihood_many_steps_nats", last(&many.evidence));
        findings.quantity("net_gain_of_many_steps_nats", last(&many.evidence) - last(&one.evidence));
        let opened = |climb: &Climb| mean_of(&climb.gap_after_maximize);
        findings.quantity("net_gap_after_maximize_one_step_nats_mean", opened(&one));
        findings.quantity("net_gap_after_maximize_many_steps_nats_mean", opened(&many));
        findings.quantity("net_gap_ratio_many_over_one", opened(&many) / opened(&one));
        findings.quantity("net_gap_after_expect_nats_max", larger(gap(&one), gap(&many)));
        findings.quantity("net_large_rate_fall_nats_max", largest_fall(&far.evidence));
        for (run, climb) in [("one step", &one), ("many steps", &many), ("too long", &far)] {
            let curve = climb.evidence.iter().enumerate().map(|(t, nats)| (t as u64, *nats)).collect::<Vec<_>>();
            findings.series(run, "em/log_p_v_nats_mean", curve);
        }
        self.net_figures(&one, &many, &far, findings);
        Ok(())
    }

    fn net_figures(&self, one: &Climb, many: &Climb, far: &Climb, findings: &mut Findings) {
        let caption = format!(
            "{} gradient steps an E step reach {:.2} nats in {} iterations, one step {:.2}; steps of rate {} fall by up to {:.2} nats.",
            self.steps,
            last(&many.evidence),
            self.iterations,
            last(&one.evidence),
            self.net_large_rate,
            largest_fall(&far.evidence)
        );
        let (x, y) = (Axis::linear("E steps"), Axis::linear("ln p(v), nats per image"));
        findings.figure(
            Figure::new("A belief net by generalised EM", caption, x, y)
                .line("one gradient step", numbered(&one.evidence))
                .line(format!("{} gradient steps", self.steps), numbered(&many.evidence))
                .dashed("one step, too long", numbered(&far.evidence)),
        );
        let saw = |climb: &Climb| {
            let pairs = climb.gap_after_expect.iter().zip(&climb.gap_after_maximize).enumerate();
            let points = pairs.flat_map(|(t, (expect, maximize))| [(t as f64, *expect), (t as f64 + 0.5, *maximize)]);
            points.take(40).collect::<Vec<_>>()
        };
        let caption = format!(
            "Each M step opens a gap of {:.4} nats on average ({:.5} with one gradient step), which the next E step closes.",
            mean_of(&many.gap_after_maximize),
            mean_of(&one.gap_after_maximize)
        );
        let (x, y) = (Axis::linear("iteration"), Axis::linear("ln p(v) - F, nats per image"));
        findings.figure(
            Figure::new("The gap that the M step opens", caption, x, y)
                .line(format!("{} gradient steps", self.steps), saw(many))
                .line("one gradient step", saw(one)),
        );
    }
}

fn last(curve: &[f64]) -> f64 {
    curve.last().copied().unwrap_or(f64::NAN)
}

fn numbered(curve: &[f64]) -> Vec<(f64, f64)> {
    curve.iter().enumerate().map(|(t, nats)| (t as f64, *nats)).collect()
}
