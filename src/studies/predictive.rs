//! Whether the encoder of predictive sparse decomposition comes to be an approximate MAP inference.
//!
//! λ ‖h‖₁ + ‖v - W h‖² + γ ‖h - f(v)‖² (Goodfellow, Bengio & Courville 2016, equation 14.19; Kavukcuoglu, Ranzato & LeCun 2008), for a
//! fixed dictionary. The encoder's guess is compared with the codes of the lasso, to which nothing draws it.

use super::planted::{Planted, batch_rows};
use super::{Axis, Figure, Findings, Laboratory, Study};
use crate::inference::{CoordinateDescent, Encoder, SolveCodes, Until};
use crate::learning::{Adam, Psd, PsdState};
use crate::math::{Result, Stream, Tensor, bail, host, larger, mean_of};
use crate::models::SparseCoding;
use serde::{Deserialize, Serialize};

/// One dictionary, one encoder.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Predictive {
    /// What examples are made of.
    pub planted: Planted,
    /// Examples to learn from.
    pub train: usize,
    /// Examples to be judged on.
    pub test: usize,
    /// λ of the chapter's objective, λ ‖h‖₁ + ‖v - W h‖².
    pub lambda: f64,
    /// γ.
    pub gamma: f64,
    /// Updates.
    pub updates: usize,
    /// Examples of each update.
    pub batch: usize,
    /// Learning rate of the encoder.
    pub rate: f64,
}

impl Default for Predictive {
    fn default() -> Self {
        Self {
            planted: Planted::default(),
            train: 2000,
            test: 400,
            lambda: 0.1,
            gamma: 1.0,
            updates: 1500,
            batch: 100,
            rate: 0.01,
        }
    }
}

/// What is measured on the way, on test examples.
struct Measured {
    update: u64,
    /// Σ ‖f(v) - h*‖² / Σ ‖h*‖², h* the codes of the lasso.
    error: f64,
    /// Loss with the guess for codes, nats.
    at_guess: f64,
    /// Loss at the best codes, nats.
    at_optimum: f64,
    /// Violation of the conditions of optimality at the best codes.
    kkt: f64,
}

impl Study for Predictive {
    fn run(&self, stream: Stream, lab: &mut dyn Laboratory) -> Result<Findings> {
        let model = SparseCoding::chapter(self.planted.dictionary(stream)?, self.lambda)?;
        let train = self.planted.examples(model.weight(), self.train, stream.named("train"))?;
        let test = self.planted.examples(model.weight(), self.test, stream.named("test"))?;
        let codes = CoordinateDescent.infer(&model, &test, Until::gap_within(1e-10, 100_000))?.codes;
        let psd = Psd {
            gamma: self.gamma,
            solver: CoordinateDescent,
            until: Until::gap_within(1e-9, 10_000),
            adam: Adam::default(),
            columns: None,
        };
        let mut state = PsdState::new(model.clone(), Encoder::random(&model, stream.named("encoder"))?)?;
        let mut found = vec![self.measure(&psd, &state, &test, &codes, 0)?];
        let logged = (self.updates / 30).max(1);
        for update in 0..self.updates {
            let rows = batch_rows(self.train, self.batch, stream.at(update as u64))?;
            state = psd.update(state, &train.index_select(&rows, 0)?, self.rate)?.0;
            if (update + 1) % logged == 0 || update + 1 == self.updates {
                lab.at("updates", update + 1, self.updates)?;
                found.push(self.measure(&psd, &state, &test, &codes, update as u64 + 1)?);
            }
        }
        let (Some(first), Some(last)) = (found.first(), found.last()) else { bail!("nothing was measured") };
        let mut findings = Findings::default();
        findings.quantity("code_error_relative_before", first.error);
        findings.quantity("code_error_relative_after", last.error);
        findings.quantity("code_error_after_over_before", last.error / first.error);
        findings.quantity("loss_at_guess_after_over_before", last.at_guess / first.at_guess);
        findings.quantity("loss_at_optimum_after_over_before", last.at_optimum / first.at_optimum);
        findings.quantity("kkt_residual_max", found.iter().map(|measured| measured.kkt).fold(0.0, larger));
        log(&mut findings, &found);
        findings.figure(code_error(&found));
        Ok(findings)
    }
}
impl Predictive {
    fn measure(
        &self,
        psd: &Psd<CoordinateDescent>,
        state: &PsdState,
        test: &Tensor,
        codes: &Tensor,
        update: u64,
    ) -> Result<Measured> {
        let (problem, guess) = (psd.problem(state, test)?, state.encoder.encode(test)?);
        let best = CoordinateDescent.solve(&problem, Some(&guess), Until::after(500))?.codes;
        let square = |values: Vec<f64>| values.iter().map(|value| value * value).sum::<f64>();
        Ok(Measured {
            update,
            error: square(host(&(&guess - codes)?)?) / square(host(codes)?),
            at_guess: mean_of(&problem.objective(&guess)?),
            at_optimum: mean_of(&problem.objective(&best)?),
            kkt: problem.kkt_residual(&best)?.into_iter().fold(0.0, larger),
        })
    }
}

fn code_error(found: &[Measured]) -> Figure {
    let shown = |found: Option<&Measured>| found.map_or(f64::NAN, |measured| measured.error);
    let caption = format!(
        "The relative squared error of the encoder's guess falls from {:.2} to {:.2}: a fast approximate MAP, though one layer cannot \
         let units compete.",
        shown(found.first()),
        shown(found.last())
    );
    let (x, y) = (Axis::linear("update"), Axis::linear("relative squared error of codes, test examples"));
    Figure::new("An encoder learns to guess sparse codes", caption, x, y)
        .line("encoder", found.iter().map(|measured| (measured.update as f64, measured.error)))
        .level("codes of zero", 1.0)
}

fn log(findings: &mut Findings, found: &[Measured]) {
    let curve = |value: fn(&Measured) -> f64| found.iter().map(|at| (at.update, value(at))).collect::<Vec<_>>();
    findings.series("psd", "sparse/code_error_relative", curve(|at| at.error));
    findings.series("psd", "sparse/psd_loss_at_guess_nats", curve(|at| at.at_guess));
    findings.series("psd", "sparse/psd_loss_at_optimum_nats", curve(|at| at.at_optimum));
    let plain = |value: fn(&Measured) -> f64| curve(value).into_iter().map(|(update, value)| (update as f64, value));
    findings.figure(
        Figure::new(
            "The loss of predictive sparse decomposition",
            "Learning the encoder lowers the loss at the best codes, and that of its own guess comes down towards it.",
            Axis::linear("update"),
            Axis::log("loss, nats, mean over test examples"),
        )
        .line("with the guess for codes", plain(|at| at.at_guess))
        .line("at the best codes", plain(|at| at.at_optimum)),
    );
}
