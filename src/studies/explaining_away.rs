//! Explaining away: causes that are independent before anything is seen compete once v is given.
//!
//! Two nearly equal causes in binary sparse coding, v needing one of them, both or none; the time that the exact posterior takes as causes are
//! added, beside that of mean field (Goodfellow, Bengio & Courville 2016, sections 19.3 and 19.4.1); and the control, factor analysis, whose
//! posterior couples its factors just as much but is Gaussian, in closed form at any size.

use super::em_instances::aligned;
use super::{Axis, Figure, Findings, Laboratory, Study};
use crate::inference::{Inference, MeanField, Refine, Stop, Uninformed};
use crate::math::{DType, Device, Result, Stream, Tensor, bail, host, larger, smaller};
use crate::models::{BinarySparseCoding, Evidence, ExpectedJoint, FactorAnalysis, LatentModel, Noise};
use crate::posterior::{Moments, Posterior, Table};
use serde::{Deserialize, Serialize};
use std::f64::consts::{E, TAU};

/// The two causes, and the sizes at which time is taken.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ExplainingAway {
    /// How much the two causes differ.
    pub difference: f64,
    /// Precision of v given the causes.
    pub beta: f64,
    /// Visible units of the random models that are timed.
    pub visible: usize,
    /// Their hidden units.
    pub hidden: Vec<usize>,
    /// The time of an inference is the least of so many.
    pub repeats: usize,
    /// Factors of the Gaussian control.
    pub factors: Vec<usize>,
}

impl Default for ExplainingAway {
    fn default() -> Self {
        Self {
            difference: 0.125,
            beta: 4.0,
            visible: 16,
            hidden: vec![8, 10, 12, 14, 16, 18],
            repeats: 3,
            factors: vec![8, 18, 64, 256],
        }
    }
}

/// Seconds of one inference by two ways, at one size.
struct Timed {
    hidden: usize,
    enumeration: f64,
    mean_field: f64,
}

impl Study for ExplainingAway {
    fn run(&self, stream: Stream, lab: &mut dyn Laboratory) -> Result<Findings> {
        let mut findings = Findings::default();
        let posterior_correlation = self.coupling(&mut findings)?;
        self.competition(posterior_correlation, &mut findings)?;
        let timed = self.times(stream, lab)?;
        let control = self.control(stream, lab, &mut findings)?;
        self.report(&timed, &control, &mut findings)?;
        Ok(findings)
    }
}

impl ExplainingAway {
    /// Correlation of two aligned causes before and after v is seen.
    fn coupling(&self, findings: &mut Findings) -> Result<f64> {
        let model = aligned(self.difference, self.beta)?;
        let visible = Tensor::ones((1, 4), DType::F64, &Device::Cpu)?;
        // What v says nothing about is known as before it is seen.
        let silent = BinarySparseCoding::new(model.weight().zeros_like()?, model.bias().clone(), model.beta().clone())?;
        let prior = correlation(&silent.clamp(&visible)?.tabulate(2.0)?.0)?;
        let posterior = correlation(&model.clamp(&visible)?.tabulate(2.0)?.0)?;
        findings.quantity("prior_correlation", prior);
        findings.quantity("posterior_correlation", posterior);
        findings.quantity("posterior_correlation_size", posterior.abs());
        for (name, prior) in [("laplace", Prior::Laplace), ("gaussian", Prior::Gaussian)] {
            let found = on_grid(prior);
            findings.quantity(format!("{name}_causes_posterior_correlation"), found.correlation);
            findings.quantity(format!("{name}_causes_kl_to_gaussian_nats"), found.divergence);
        }
        Ok(posterior)
    }

    /// Mean field on one of two aligned causes, both and none, beside the exact means.
    fn competition(&self, posterior_correlation: f64, findings: &mut Findings) -> Result<()> {
        let model = aligned(self.difference, self.beta)?;
        let columns = model.weight().t()?.contiguous()?;
        let one = columns.narrow(0, 0, 1)?;
        let images = [
            ("one", "one of the two", one.clone()),
            ("both", "their sum", columns.sum_keepdim(0)?),
            ("none", "nothing", one.zeros_like()?),
        ];
        let (mut rows, mut bars) = (Vec::new(), Vec::new());
        for (name, shown, visible) in images {
            let start = Uninformed.infer(&model, &visible, Stream::new(0))?.q;
            let clamped = model.clamp(&visible)?;
            let stop = Stop::when_within(1e-12, 1000);
            let q = MeanField::default().refine(&clamped, start, stop, Stream::new(0))?.q;
            let means = host(&Tensor::cat(&q.means()?, 1)?)?;
            findings.quantity(format!("v_{name}_mean_max"), larger(means[0], means[1]));
            findings.quantity(format!("v_{name}_mean_min"), smaller(means[0], means[1]));
            let exact = host(&Tensor::cat(&clamped.tabulate(2.0)?.0.means()?, 1)?)?;
            let cells = [&means[0], &means[1], &exact[0], &exact[1]].map(|mean| format!("{mean:.5}"));
            rows.push([vec![shown.to_string()], cells.to_vec()].concat());
            bars.push((shown, means));
        }
        findings.sheet(
            "Means of two nearly equal causes: mean field takes one and switches the other off; the exact posterior is in doubt.",
            &["v is", "mean field, first", "mean field, second", "exact, first", "exact, second"],
            rows,
        );
        let of = |cause: usize| bars.iter().map(|(shown, means)| (*shown, means[cause])).collect::<Vec<_>>();
        let caption = format!(
            "Uncorrelated before v is seen, the two causes have a correlation of {posterior_correlation:.4} once v needs exactly one of \
             them; mean field, which knows no correlation, settles for one."
        );
        findings.figure(
            Figure::new(
                "Mean field lets causes compete",
                caption,
                Axis::linear("v"),
                Axis::linear("mean of the cause"),
            )
            .bars("first cause", of(0))
            .bars("second cause", of(1)),
        );
        Ok(())
    }

    /// The least of several times of one inference of one random image at each size.
    fn times(&self, stream: Stream, lab: &mut dyn Laboratory) -> Result<Vec<Timed>> {
        let mut timed = Vec::new();
        for (place, &hidden) in self.hidden.iter().enumerate() {
            lab.at("sizes", place, self.hidden.len())?;
            let stream = stream.named("timed").at(hidden as u64);
            let weight = (stream.normal(self.visible, hidden, DType::F64, &Device::Cpu)? * 0.5)?;
            let bias = Tensor::full(-1.0, hidden, &Device::Cpu)?;
            let model = BinarySparseCoding::new(weight, bias, Tensor::full(2.0, self.visible, &Device::Cpu)?)?;
            let (visible, _) = model.sample(1, stream.named("v"))?;
            let (mut enumeration, mut mean_field) = (f64::INFINITY, f64::INFINITY);
            for _ in 0..self.repeats.max(1) {
                let start = lab.seconds();
                model.clamp(&visible)?.tabulate(30.0)?.0.means()?;
                enumeration = smaller(enumeration, lab.seconds() - start);
                let start = lab.seconds();
                let clamped = model.clamp(&visible)?;
                let first = Uninformed.infer(&model, &visible, stream)?.q;
                MeanField::default().refine(&clamped, first, Stop::when_within(1e-6, 100), stream)?.q.means()?;
                mean_field = smaller(mean_field, lab.seconds() - start);
            }
            timed.push(Timed { hidden, enumeration, mean_field });
        }
        Ok(timed)
    }

    /// Seconds of the exact posterior of a linear Gaussian model at each number of factors; and that it is exact, and coupled.
    fn control(&self, stream: Stream, lab: &mut dyn Laboratory, findings: &mut Findings) -> Result<Vec<(f64, f64)>> {
        let (mut times, mut gap, mut coupled) = (Vec::new(), 0.0_f64, 0.0_f64);
        for &factors in &self.factors {
            let stream = stream.named("control").at(factors as u64);
            let weight = (stream.normal(self.visible, factors, DType::F64, &Device::Cpu)? * 0.5)?;
            let (mean, noise) = (
                Tensor::zeros(self.visible, DType::F64, &Device::Cpu)?,
                Tensor::full(0.5, self.visible, &Device::Cpu)?,
            );
            let model = FactorAnalysis::new(&mean, &weight, &noise, Noise::Diagonal)?;
            let visible = model.sample(1, stream.named("v"))?;
            let start = lab.seconds();
            let q = model.posterior(&visible)?;
            times.push((factors as f64, lab.seconds() - start));
            let (bound, evidence) = (model.free_energy(&visible, &q)?[0], model.log_evidence(&visible)?[0]);
            gap = larger(gap, (evidence - bound).abs());
            let covariance = q.covariance().to_vec2::<f64>()?;
            let scaled = covariance[0][1] / (covariance[0][0] * covariance[1][1]).sqrt();
            coupled = larger(coupled, scaled.abs());
        }
        findings.quantity("gaussian_control_gap_nats_max", gap);
        findings.quantity("gaussian_control_correlation_max", coupled);
        Ok(times)
    }

    fn report(&self, timed: &[Timed], control: &[(f64, f64)], findings: &mut Findings) -> Result<()> {
        let Some(last) = timed.last() else { bail!("at least one size has to be timed") };
        let from = timed.iter().find(|timed| timed.hidden >= 12).unwrap_or(last);
        let added = last.hidden.saturating_sub(from.hidden) as f64;
        let growth = (last.enumeration / from.enumeration).powf(1.0 / added);
        let ratio = last.enumeration / last.mean_field;
        findings.quantity("enumeration_time_ratio_per_cause", growth);
        findings.quantity("enumeration_over_mean_field_time_at_most_causes", ratio);
        findings.quantity("enumeration_milliseconds_at_most_causes", 1e3 * last.enumeration);
        findings.quantity("mean_field_milliseconds_at_most_causes", 1e3 * last.mean_field);
        let caption = format!(
            "From {} causes on each further cause multiplies the time of the exact posterior by {growth:.2}; at {} causes it takes {ratio:.0} \
             times as long as mean field. The Gaussian control is exact at any size.",
            from.hidden, last.hidden
        );
        let points =
            |time: fn(&Timed) -> f64| timed.iter().map(|at| (at.hidden as f64, 1e3 * time(at))).collect::<Vec<_>>();
        findings.figure(
            Figure::new("Time of one inference", caption, Axis::linear("causes"), Axis::log("milliseconds an image"))
                .line("exact, by enumeration", points(|timed| timed.enumeration))
                .line("mean field", points(|timed| timed.mean_field))
                .dashed(
                    "exact, Gaussian causes",
                    control.iter().filter(|at| at.0 <= 64.0).map(|at| (at.0, 1e3 * at.1)),
                ),
        );
        Ok(())
    }
}

/// Distribution of each of two continuous causes before v is seen, of unit scale.
#[derive(Clone, Copy)]
enum Prior {
    Laplace,
    Gaussian,
}

/// Two continuous causes once their sum was seen, by sums over a grid.
struct OnGrid {
    correlation: f64,
    /// KL from the posterior to the Gaussian of its moments, nats: nothing if it is one.
    divergence: f64,
}

/// The posterior of h with v = h_1 + h_2 + unit noise seen to be 2.
fn on_grid(prior: Prior) -> OnGrid {
    let (half, step, seen) = (200_i32, 0.05, 2.0);
    let log_prior = |h: f64| match prior {
        Prior::Laplace => -h.abs(),
        Prior::Gaussian => -0.5 * h * h,
    };
    let places = || (-half..=half).map(|place| f64::from(place) * step);
    let cells: Vec<[f64; 3]> = places()
        .flat_map(|first| places().map(move |second| (first, second)))
        .map(|(first, second)| {
            [first, second, log_prior(first) + log_prior(second) - 0.5 * (seen - first - second).powi(2)]
        })
        .collect();
    let total: f64 = cells.iter().map(|cell| cell[2].exp()).sum();
    let mean = |of: &dyn Fn(&[f64; 3]) -> f64| cells.iter().map(|cell| cell[2].exp() / total * of(cell)).sum::<f64>();
    let middle = mean(&|cell| cell[0]);
    let variance = mean(&|cell| (cell[0] - middle).powi(2));
    let covariance = mean(&|cell| (cell[0] - middle) * (cell[1] - middle));
    // Densities, so that the entropies of both are differential ones.
    let entropy = -mean(&|cell| cell[2] - total.ln() - 2.0 * step.ln());
    let determinant = variance.powi(2) - covariance.powi(2);
    let of_gaussian = 0.5 * ((TAU * E).powi(2) * determinant).ln();
    OnGrid { correlation: covariance / variance, divergence: of_gaussian - entropy }
}

/// Correlation of the first two hidden units of the first example under a table.
fn correlation(table: &Table) -> Result<f64> {
    let (first, second) = table.moments()?;
    let (means, pairs) = (first.to_vec2::<f64>()?[0].clone(), second.to_vec2::<f64>()?);
    let covariance = |i: usize, j: usize| pairs[i][j] - means[i] * means[j];
    Ok(covariance(0, 1) / (covariance(0, 0) * covariance(1, 1)).sqrt())
}
