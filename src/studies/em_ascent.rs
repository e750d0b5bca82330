//! EM on five models whose E step and M step have closed forms: what each half step does, and where and when it ends.
//!
//! F(q, θ) = E_q[ln p(v, h; θ)] + H(q) is raised in q by the E step and in θ by the M step (Neal & Hinton 1998; Goodfellow, Bengio &
//! Courville 2016, section 19.2). The maximum of probabilistic PCA is known in closed form (Tipping & Bishop 1999).

use super::em_course::{Course, largest_fall};
use super::em_instances::{bars, bernoulli_start, clusters, two_factors, two_kinds};
use super::{Axis, Figure, Findings, Laboratory, Study};
use crate::inference::Exact;
use crate::learning::{
    binary_sparse_coding_start, factor_analysis_start, gaussian_mixture_start, principal_components,
};
use crate::math::{Result, Stream, Tensor, larger, mean_of, smaller};
use crate::models::{Evidence, Noise};
use serde::{Deserialize, Serialize};

/// How much data each model is fitted to, and when it is done.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EmAscent {
    /// Points of the Gaussian mixture.
    pub points: usize,
    /// Rows of factor analysis and probabilistic PCA.
    pub rows: usize,
    /// Images of bars for binary sparse coding, and binary rows of the mixture of Bernoullis.
    pub images: usize,
    /// Random starts of the Gaussian mixture, of which the best is looked at.
    pub starts: usize,
    /// EM is at the end once an iteration gains less than this, nats per example.
    pub tolerance: f64,
    /// Never more iterations than this.
    pub iterations: usize,
    /// Thresholds on the change of the ELBO, and of the parameters, at which EM might have been stopped.
    pub thresholds: Vec<f64>,
}

impl Default for EmAscent {
    fn default() -> Self {
        Self {
            points: 100,
            rows: 120,
            images: 60,
            starts: 5,
            tolerance: 1e-13,
            iterations: 2000,
            thresholds: vec![1e-4, 1e-6, 1e-8],
        }
    }
}

/// A model by its name, and the course of EM on it.
struct Followed {
    name: &'static str,
    shown: &'static str,
    course: Course,
    /// The highest mean ln p(v) there is.
    optimum: f64,
}

impl Study for EmAscent {
    fn run(&self, stream: Stream, lab: &mut dyn Laboratory) -> Result<Findings> {
        let steps: [fn(&Self, Stream) -> Result<Followed>; 5] = [
            Self::gaussian_mixture,
            Self::factor_analysis,
            Self::probabilistic_pca,
            Self::bernoulli_mixture,
            Self::binary_sparse_coding,
        ];
        let mut followed = Vec::new();
        for (index, step) in steps.into_iter().enumerate() {
            lab.at("models", index, steps.len())?;
            followed.push(step(self, stream)?);
        }
        let mut findings = Findings::default();
        half_steps(&followed, &mut findings);
        self.stopping(&followed[..3], &mut findings);
        figures(&followed, &mut findings);
        Ok(findings)
    }
}

impl EmAscent {
    fn gaussian_mixture(&self, stream: Stream) -> Result<Followed> {
        let data = clusters(self.points, stream.named("clusters"))?;
        let mut best: Option<Course> = None;
        for start in 0..self.starts as u64 {
            let model = gaussian_mixture_start(&data, 3, stream.named("start of the clusters").at(start))?;
            let (course, _) = Course::follow(model, &data, EXACT, self.tolerance, self.iterations)?;
            if best.as_ref().is_none_or(|best| course.end() > best.end() + 1e-9) {
                best = Some(course);
            }
        }
        let course = best.unwrap_or_default();
        Ok(Followed { name: "gaussian_mixture", shown: "Gaussian mixture", optimum: course.end(), course })
    }

    fn linear(&self, noise: Noise, stream: Stream) -> Result<(Tensor, Course)> {
        let data = two_factors(self.rows, stream.named("factors"))?;
        let start = factor_analysis_start(&data, 2, noise, stream.named("start of the factors"))?;
        let (course, _) = Course::follow(start, &data, EXACT, self.tolerance, self.iterations)?;
        Ok((data, course))
    }

    fn factor_analysis(&self, stream: Stream) -> Result<Followed> {
        let (_, course) = self.linear(Noise::Diagonal, stream)?;
        Ok(Followed { name: "factor_analysis", shown: "factor analysis", optimum: course.end(), course })
    }

    fn probabilistic_pca(&self, stream: Stream) -> Result<Followed> {
        let (data, course) = self.linear(Noise::Isotropic, stream)?;
        let optimum = mean_of(&principal_components(&data, 2)?.log_evidence(&data)?);
        Ok(Followed { name: "probabilistic_pca", shown: "probabilistic PCA", optimum, course })
    }

    fn bernoulli_mixture(&self, stream: Stream) -> Result<Followed> {
        let data = two_kinds(self.images, stream.named("kinds"))?;
        let start = bernoulli_start(2, 8, stream.named("start of the kinds"))?;
        let (course, _) = Course::follow(start, &data, EXACT, self.tolerance, self.iterations)?;
        Ok(Followed { name: "bernoulli_mixture", shown: "mixture of Bernoullis", optimum: course.end(), course })
    }

    fn binary_sparse_coding(&self, stream: Stream) -> Result<Followed> {
        let (data, _) = bars()?.sample(self.images, stream.named("bars"))?;
        let start = binary_sparse_coding_start(&data, 6, stream.named("start of the bars"))?;
        let (course, _) = Course::follow(start, &data, EXACT, self.tolerance, self.iterations)?;
        Ok(Followed { name: "binary_sparse_coding", shown: "binary sparse coding", optimum: course.end(), course })
    }

    /// What a threshold on the change would have left undone.
    fn stopping(&self, followed: &[Followed], findings: &mut Findings) {
        let (x, y) = (Axis::linear("iteration"), Axis::log("distance to the maximum, nats per example"));
        let mut figure = Figure::new("Where a threshold on the change stops EM", "", x, y);
        let (mut rows, mut left) = (Vec::new(), Vec::new());
        for of in followed {
            let stops = self.stops(of);
            let ratios = stops.iter().map(|stop| stop.left / stop.threshold);
            let name = of.name;
            findings.quantity(format!("{name}_shortfall_over_threshold_min"), ratios.fold(f64::INFINITY, smaller));
            if let [first, second, third] = &stops[..] {
                let spacing = (third.iterations - second.iterations) / (second.iterations - first.iterations);
                findings.quantity(format!("{name}_spacing_ratio"), spacing);
            }
            for stop in &stops {
                let threshold = stop.threshold;
                findings.quantity(format!("{name}_iterations_to_{threshold:e}"), stop.iterations);
                findings.quantity(format!("{name}_shortfall_over_threshold_at_{threshold:e}"), stop.left / threshold);
                rows.push(stop.row(of.shown));
            }
            left.extend(stops.last().map(|stop| format!("{} {:.1} times", of.shown, stop.left / stop.threshold)));
            let points = of.short().into_iter().enumerate().map(|(step, short)| (step as f64, short));
            figure = figure
                .line(of.shown, points.filter(|point| point.1 > 1e-12))
                .dots(format!("{}, stops", of.shown), stops.iter().map(|stop| (stop.iterations, stop.left)));
        }
        figure.caption = format!(
            "Stopped when an iteration gains less than {:e}, EM is short of the maximum by a multiple of that which no threshold shows: {}.",
            self.thresholds.last().copied().unwrap_or(f64::NAN),
            left.join(", ")
        );
        findings.figure(figure);
        findings.sheet(
            "Iterations until the ELBO, or every parameter, changes by less than the threshold.",
            &["model", "threshold", "iterations (ELBO)", "left to the maximum (nats)", "iterations (parameters)"],
            rows,
        );
    }

    /// Where each threshold would have stopped EM.
    fn stops(&self, of: &Followed) -> Vec<Stopped> {
        let short = of.short();
        let at = |threshold: f64| {
            let by_elbo = Course::iterations_until(&of.course.gains(), threshold);
            Stopped {
                threshold,
                iterations: by_elbo.map_or(f64::NAN, |count| count as f64),
                left: by_elbo.map_or(f64::NAN, |count| short[count]),
                by_parameters: Course::iterations_until(&of.course.change, threshold),
            }
        };
        self.thresholds.iter().copied().map(at).collect()
    }
}

/// Where a threshold stops EM.
struct Stopped {
    threshold: f64,
    /// Until the ELBO changes by less.
    iterations: f64,
    /// Nats left to the maximum then.
    left: f64,
    /// Iterations until no parameter changes by more.
    by_parameters: Option<usize>,
}

impl Stopped {
    fn row(&self, model: &str) -> Vec<String> {
        let by_parameters = self.by_parameters.map_or("never".to_string(), |count| count.to_string());
        let numbers = [format!("{:e}", self.threshold), self.iterations.to_string(), format!("{:.2e}", self.left)];
        [vec![model.to_string()], numbers.to_vec(), vec![by_parameters]].concat()
    }
}

impl Followed {
    /// Nats from ln p(v) to its maximum, before each iteration and at the end.
    fn short(&self) -> Vec<f64> {
        self.course.evidence.iter().map(|evidence| self.optimum - evidence).collect()
    }
}

/// Every model here has a posterior of at most 2^6 states, or none that is counted.
const EXACT: Exact = Exact { max_bits: 10.0 };

/// The numbers that the half steps are judged by.
fn half_steps(followed: &[Followed], findings: &mut Findings) {
    let (mut gap, mut slope, mut fall, mut chain, mut evidence_fall) = (0.0_f64, 0.0_f64, 0.0_f64, 0.0_f64, 0.0_f64);
    let (mut falling, mut steps, mut least_first_gain) = (0, 0, f64::INFINITY);
    for Followed { name, course, optimum, .. } in followed {
        let largest = |values: &[f64]| values.iter().copied().fold(0.0, larger);
        findings.quantity(format!("{name}_log_likelihood_nats_mean"), course.end());
        findings.quantity(format!("{name}_iterations"), course.after_expect.len() as f64);
        findings.quantity(format!("{name}_kl_after_expect_nats_max"), largest(&course.gap));
        findings.quantity(format!("{name}_gradient_after_maximize_max"), largest(&course.slope));
        if *name == "probabilistic_pca" {
            findings.quantity("probabilistic_pca_closed_form_nats_mean", *optimum);
            findings.quantity("probabilistic_pca_distance_to_closed_form_nats", (course.end() - optimum).abs());
        }
        let half_steps = course.half_steps();
        gap = larger(gap, largest(&course.gap));
        slope = larger(slope, largest(&course.slope));
        fall = larger(fall, largest_fall(&half_steps));
        chain = larger(chain, course.chain_broken_by());
        evidence_fall = larger(evidence_fall, largest_fall(&course.evidence));
        falling += half_steps.windows(2).filter(|pair| pair[1] < pair[0] - 1e-10).count();
        steps += half_steps.len();
        least_first_gain = smaller(least_first_gain, course.after_maximize[0] - course.after_expect[0]);
        let numbered = |values: &[f64]| values.iter().enumerate().map(|(t, v)| (t as u64, *v)).collect::<Vec<_>>();
        findings.series(*name, "em/log_p_v_nats_mean", numbered(&course.evidence));
        findings.series(*name, "em/F_after_E_nats_mean", numbered(&course.after_expect));
        findings.series(*name, "em/F_after_M_nats_mean", numbered(&course.after_maximize));
        findings.series(*name, "em/gap_nats_max", numbered(&course.gap));
    }
    findings.quantity("kl_after_expect_nats_max", gap);
    findings.quantity("gradient_after_maximize_max", slope);
    findings.quantity("half_step_fall_nats_max", fall);
    findings.quantity("half_steps_falling_share", f64::from(falling as u32) / f64::from(steps as u32));
    findings.quantity("half_steps", f64::from(steps as u32));
    findings.quantity("chain_broken_by_nats_max", chain);
    findings.quantity("log_likelihood_fall_nats_max", evidence_fall);
    findings.quantity("first_maximize_gain_nats_min", least_first_gain);
}

/// The staircase of half steps, and how far the bound is from the likelihood after each.
fn figures(followed: &[Followed], findings: &mut Findings) {
    let shown = &followed[1];
    let count = shown.course.after_expect.len().min(12);
    let stairs = shown.course.half_steps().into_iter().take(2 * count).enumerate();
    let place = |half: usize| half as f64 / 2.0;
    let evidence = shown.course.evidence.iter().take(count).enumerate().map(|(t, nats)| (t as f64, *nats));
    findings.figure(
        Figure::new(
            "The first iterations of EM on factor analysis",
            "Each E step lifts the bound to the likelihood, each M step lifts both; neither half step ever lowers the bound.",
            Axis::linear("iteration (E steps at whole numbers, M steps between)"),
            Axis::linear("nats per example"),
        )
        .line("F(q, θ)", stairs.map(|(half, nats)| (place(half), nats)))
        .dots("ln p(v)", evidence),
    );
    let worst = followed.iter().flat_map(|followed| &followed.course.gap).copied().fold(0.0, larger);
    let mut saw = Figure::new(
        "The gap ln p(v) - F before and after each E step",
        format!("The M step opens a gap, the E step closes it to rounding: at most {worst:.0e} nats on any example."),
        Axis::linear("iteration"),
        Axis::log("nats per example"),
    );
    for Followed { shown, course, .. } in followed {
        let opened = course.after_maximize.iter().zip(&course.evidence[1..]).map(|(bound, evidence)| evidence - bound);
        let points: Vec<(f64, f64)> = opened.enumerate().map(|(t, gap)| (t as f64 + 0.5, gap)).collect();
        saw = saw.line(*shown, points.into_iter().filter(|point| point.1 > 1e-13).take(60));
    }
    findings.figure(saw);
}
