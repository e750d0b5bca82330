//! Whether a network with the structure of ISTA guesses sparse codes that an encoder of one layer cannot.
//!
//! LISTA (Gregor & LeCun 2010) with T lateral layers does T + 1 soft thresholdings, and before training is T + 1 iterations of ISTA. It is
//! trained on codes of a converged solver and judged on examples that it has not seen.

use super::planted::{Planted, batch_rows};
use super::{Axis, Figure, Findings, Laboratory, Study};
use crate::inference::{CoordinateDescent, Fista, Ista, Lista, SolveCodes, Unrolled as _, Until};
use crate::learning::{Adam, ListaTraining};
use crate::math::{Result, Stream, Tensor, host, larger};
use crate::models::SparseCoding;
use serde::{Deserialize, Serialize};

/// One dictionary, networks of several depths.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Unrolled {
    /// What examples are made of.
    pub planted: Planted,
    /// Examples to learn from.
    pub train: usize,
    /// Examples to be judged on.
    pub test: usize,
    /// λ of the half form, λ ‖h‖₁ + ½ ‖v - W h‖².
    pub lambda: f64,
    /// Lateral layers T of each network.
    pub layers: Vec<usize>,
    /// Steps of Adam.
    pub steps: usize,
    /// Examples of each step.
    pub batch: usize,
    /// Learning rate.
    pub rate: f64,
    /// Iterations of ISTA and FISTA beside them.
    pub iterations: usize,
}

impl Default for Unrolled {
    fn default() -> Self {
        Self {
            planted: Planted::default(),
            train: 2000,
            test: 400,
            lambda: 0.1,
            layers: vec![0, 1, 2, 4],
            steps: 4000,
            batch: 200,
            rate: 0.002,
            iterations: 32,
        }
    }
}

/// Examples and their best codes.
struct Coded {
    visible: Tensor,
    codes: Tensor,
}

impl Coded {
    /// Σ ‖h - h*‖² / Σ ‖h*‖².
    fn error(&self, codes: &Tensor) -> Result<f64> {
        let square = |values: Vec<f64>| values.iter().map(|value| value * value).sum::<f64>();
        Ok(square(host(&(codes - &self.codes)?)?) / square(host(&self.codes)?))
    }
}

impl Study for Unrolled {
    fn run(&self, stream: Stream, lab: &mut dyn Laboratory) -> Result<Findings> {
        let dictionary = self.planted.dictionary(stream)?;
        let model = SparseCoding::half(dictionary, self.lambda)?;
        let coded = |count: usize, name: &str| {
            let visible = self.planted.examples(model.weight(), count, stream.named(name))?;
            let codes = CoordinateDescent.infer(&model, &visible, Until::gap_within(1e-10, 100_000))?.codes;
            Ok::<_, candle_core::Error>(Coded { visible, codes })
        };
        let (train, test) = (coded(self.train, "train")?, coded(self.test, "test")?);
        let mut findings = Findings::default();
        let (mut learned, mut untrained) = (Vec::new(), 0.0_f64);
        for (index, &layers) in self.layers.iter().enumerate() {
            lab.at("networks", index, self.layers.len())?;
            let start = Lista::of(&model, layers)?;
            untrained = larger(untrained, away_from_ista(&model, &start, &test.visible)?);
            let name = format!("lista-{layers}");
            let network = self.train(start, &train, &test, stream.named(&name), &name, &mut findings)?;
            let error = test.error(&network.encode(&test.visible)?)?;
            findings.quantity(format!("lista_{layers}_code_error_relative"), error);
            findings.quantity(
                format!("lista_{layers}_code_error_relative_on_training_examples"),
                train.error(&network.encode(&train.visible)?)?,
            );
            learned.push((layers, error));
        }
        findings.quantity("untrained_from_ista_max", untrained);
        let solvers = [("ista", self.curve(&Ista, &model, &test)?), ("fista", self.curve(&Fista, &model, &test)?)];
        for (name, errors) in &solvers {
            for (at, error) in errors {
                findings.quantity(format!("{name}_{at}_code_error_relative"), *error);
            }
        }
        for (layers, error) in &learned {
            if let Some((_, ista)) = solvers[0].1.iter().find(|(at, _)| at == &(layers + 1)) {
                findings.quantity(format!("lista_{layers}_over_ista_of_as_many_thresholdings"), error / ista);
            }
        }
        findings.figure(figure(&learned, &solvers));
        Ok(findings)
    }
}

impl Unrolled {
    /// A network trained, its loss and error on test examples logged.
    fn train(
        &self,
        network: Lista,
        train: &Coded,
        test: &Coded,
        stream: Stream,
        run: &str,
        findings: &mut Findings,
    ) -> Result<Lista> {
        let (mut state, mut losses, mut errors) = (ListaTraining::new(network)?, Vec::new(), Vec::new());
        let logged = (self.steps / 40).max(1);
        for step in 0..self.steps {
            if step % logged == 0 {
                errors.push((step as u64, test.error(&state.network.encode(&test.visible)?)?));
            }
            let (visible, codes) = self.batch(train, stream.at(step as u64))?;
            let loss;
            (state, loss) = state.step(&visible, &codes, &Adam::default(), self.rate)?;
            if step % logged == 0 {
                losses.push((step as u64, loss));
            }
        }
        findings.series(run, "sparse/code_error_relative", errors);
        findings.series(run, "sparse/loss", losses);
        Ok(state.network)
    }

    /// Examples of one step, and their codes.
    fn batch(&self, train: &Coded, stream: Stream) -> Result<(Tensor, Tensor)> {
        let rows = batch_rows(self.train, self.batch, stream)?;
        Ok((train.visible.index_select(&rows, 0)?, train.codes.index_select(&rows, 0)?))
    }

    /// The error after 1, 2, 3, … iterations.
    fn curve(&self, solver: &dyn SolveCodes, model: &SparseCoding, test: &Coded) -> Result<Vec<(usize, f64)>> {
        let wanted = (1..=self.iterations).filter(|count| *count <= 8 || count.is_power_of_two());
        wanted
            .map(|count| {
                let codes = solver.infer(model, &test.visible, Until::after(count))?.codes;
                Ok((count, test.error(&codes)?))
            })
            .collect()
    }
}

/// Largest difference between codes of an untrained network and those of as many iterations of ISTA.
fn away_from_ista(model: &SparseCoding, network: &Lista, visible: &Tensor) -> Result<f64> {
    let ista = Ista.infer(model, visible, Until::after(network.layers + 1))?.codes;
    let away = host(&(network.encode(visible)? - ista)?)?;
    Ok(away.iter().fold(0.0, |largest, value| larger(value.abs(), largest)))
}

fn figure(learned: &[(usize, f64)], solvers: &[(&str, Vec<(usize, f64)>); 2]) -> Figure {
    let points = |found: &[(usize, f64)], more: usize| {
        found.iter().map(|(at, error)| ((at + more) as f64, *error)).collect::<Vec<_>>()
    };
    let shown = |found: Option<&(usize, f64)>| found.map_or((0, f64::NAN), |found| *found);
    let ((deepest, best), (least, shallow)) = (shown(learned.last()), shown(learned.first()));
    let caption = format!(
        "Learned, {deepest} lateral layers guess codes of unseen examples to a relative squared error of {best:.3}; with {least} it is \
         {shallow:.3}. One layer cannot let units compete; lateral layers can, and learned ones need fewer passes than ISTA."
    );
    let (x, y) = (Axis::log("soft thresholdings"), Axis::log("relative squared error of codes, test examples"));
    Figure::new("Unrolled and learned", caption, x, y)
        .line("ISTA", points(&solvers[0].1, 0))
        .line("FISTA", points(&solvers[1].1, 0))
        .line("LISTA, trained", points(learned, 1))
        .dots("", points(learned, 1))
}
