//! How exactly a learned network of soft thresholdings recovers sparse codes, on the benchmark of Chen, Liu, Wang and Yin 2018.
//!
//! Signals are v = W h without noise; W has normal columns of length 1, each code is there with a small probability and then normal.
//! The error is 10 log₁₀(E‖h_T - h‖² / E‖h‖²), in decibels. Layers are added one by one and all are trained on (section 4 there).

use super::{Axis, Figure, Findings, Laboratory, Study};
use crate::inference::{CoupledLista, Fista, Ista, SolveCodes, Unrolled, Until};
use crate::learning::{Adam, ListaTraining};
use crate::math::{DType, Device, Result, Stream, Tensor, bail, host, smaller};
use crate::models::SparseCoding;
use serde::{Deserialize, Serialize};

/// One dictionary, one network.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ListaBenchmark {
    /// Values of a signal.
    pub visible: usize,
    /// Atoms.
    pub atoms: usize,
    /// Probability that an atom is there.
    pub density: f64,
    /// Signals to be judged on.
    pub test: usize,
    /// Layers of the network, and iterations of the solvers beside it.
    pub layers: usize,
    /// Signals of each step, drawn anew.
    pub batch: usize,
    /// Steps of Adam after each layer that is added.
    pub steps_per_layer: usize,
    /// Steps of Adam with all layers, the rate falling by `rate_falls` on the way.
    pub last_steps: usize,
    /// Learning rate.
    pub rate: f64,
    /// The rate of the last step over that of the first.
    pub rate_falls: f64,
    /// λ that the network starts at, of λ ‖h‖₁ + ½ ‖v - W h‖².
    pub lambda: f64,
    /// Share of the codes that each layer trusts more than the one before.
    pub trusted: f64,
    /// Share of the codes that is trusted at most.
    pub most_trusted: f64,
    /// Values of λ of which the solvers beside it take the best.
    pub lambdas: Vec<f64>,
}

impl Default for ListaBenchmark {
    fn default() -> Self {
        Self {
            visible: 250,
            atoms: 500,
            density: 0.1,
            test: 1000,
            layers: 16,
            batch: 64,
            steps_per_layer: 600,
            last_steps: 6000,
            rate: 5e-4,
            rate_falls: 0.02,
            lambda: 0.4,
            trusted: 0.012,
            most_trusted: 0.13,
            lambdas: vec![0.4, 0.2, 0.1, 0.05],
        }
    }
}

/// Signals and the codes that they are made of.
struct Signals {
    visible: Tensor,
    codes: Tensor,
}

impl Signals {
    /// 10 log₁₀ of the error over the power.
    fn decibels(&self, codes: &Tensor) -> Result<f64> {
        let square = |values: Vec<f64>| values.iter().map(|value| value * value).sum::<f64>();
        Ok(10.0 * (square(host(&(codes - &self.codes)?)?) / square(host(&self.codes)?)).log10())
    }
}

impl Study for ListaBenchmark {
    fn run(&self, stream: Stream, lab: &mut dyn Laboratory) -> Result<Findings> {
        if self.layers == 0 {
            bail!("a network of 0 layers does nothing");
        }
        let like = Tensor::zeros(1, DType::F32, &Device::Cpu)?;
        let dictionary = SparseCoding::random_atoms(self.visible, self.atoms, stream.named("dictionary"), &like)?;
        let test = self.signals(&dictionary, self.test, stream.named("test"))?;
        let mut findings = Findings::default();
        let network = self.train(&dictionary, &test, stream.named("train"), lab, &mut findings)?;
        let by_layer = self.by_layer(&network, &test)?;
        findings.quantity("nmse_db_network", test.decibels(&network.encode(&test.visible)?)?);
        let mut curves = vec![("learned network", by_layer)];
        let solvers: [(&str, &dyn SolveCodes); 2] = [("ista", &Ista), ("fista", &Fista)];
        for (name, solver) in solvers {
            let curve = self.best_curve(solver, &dictionary, &test)?;
            findings.quantity(format!("nmse_db_{name}"), curve.last().map_or(0.0, |(_, error)| *error));
            curves.push((name, curve));
        }
        let caption = "Error of the codes over their power after as many soft thresholdings; solvers at the best of several penalties.";
        let (x, y) = (Axis::linear("soft thresholdings"), Axis::linear("normalised mean square error, dB"));
        let figure = Figure::new("Learned soft thresholding", caption, x, y);
        findings.figure(curves.into_iter().fold(figure, |figure, (name, curve)| figure.line(name, curve)));
        Ok(findings)
    }
}

impl ListaBenchmark {
    fn signals(&self, dictionary: &Tensor, count: usize, stream: Stream) -> Result<Signals> {
        let device = dictionary.device();
        let sizes = stream.named("codes").normal(count, self.atoms, DType::F32, device)?;
        let present = stream.named("present").uniform(count, self.atoms, DType::F32, device)?.lt(self.density)?;
        let codes = present.where_cond(&sizes, &sizes.zeros_like()?)?;
        Ok(Signals { visible: codes.matmul(&dictionary.t()?.contiguous()?)?, codes })
    }

    /// The network, layer by layer and then as a whole.
    fn train(
        &self,
        dictionary: &Tensor,
        test: &Signals,
        stream: Stream,
        lab: &mut dyn Laboratory,
        findings: &mut Findings,
    ) -> Result<CoupledLista> {
        let start = CoupledLista::of(&SparseCoding::half(dictionary.clone(), self.lambda)?, self.layers)?;
        let start = CoupledLista { trusted: self.trusted, most_trusted: self.most_trusted, layers: 1, ..start };
        let (mut state, mut errors, mut step) = (ListaTraining::new(start)?, Vec::new(), 0);
        let of = self.layers * self.steps_per_layer + self.last_steps;
        while step < of {
            let layers = (step / self.steps_per_layer.max(1) + 1).min(self.layers);
            if layers > state.network.layers {
                // What Adam remembers is of a network without the new layer.
                state = ListaTraining::new(CoupledLista { layers, ..state.network })?;
            }
            let batch = self.signals(dictionary, self.batch, stream.at(step as u64))?;
            (state, _) = state.step(&batch.visible, &batch.codes, &Adam::default(), self.rate_at(step))?;
            step += 1;
            if step % 100 == 0 || step == of {
                lab.at("steps", step, of)?;
                errors.push((step as u64, test.decibels(&state.network.encode(&test.visible)?)?));
            }
        }
        findings.series("network", "sparse/nmse_db", errors);
        Ok(CoupledLista { layers: self.layers, ..state.network })
    }

    /// The learning rate of a step: falling once all layers are there.
    fn rate_at(&self, step: usize) -> f64 {
        let last = step.saturating_sub(self.layers * self.steps_per_layer);
        self.rate * self.rate_falls.powf(last as f64 / self.last_steps.max(1) as f64)
    }

    /// The error after each layer.
    fn by_layer(&self, network: &CoupledLista, test: &Signals) -> Result<Vec<(f64, f64)>> {
        let after = |layers: usize| {
            let first = CoupledLista { layers, ..network.clone() };
            Ok((layers as f64, test.decibels(&first.encode(&test.visible)?)?))
        };
        (1..=self.layers).map(after).collect()
    }

    /// The error of a solver after each iteration, the best of all λ there.
    fn best_curve(&self, solver: &dyn SolveCodes, dictionary: &Tensor, test: &Signals) -> Result<Vec<(f64, f64)>> {
        let mut best = vec![f64::INFINITY; self.layers];
        for lambda in &self.lambdas {
            let model = SparseCoding::half(dictionary.clone(), *lambda)?;
            for (at, best) in best.iter_mut().enumerate() {
                let codes = solver.infer(&model, &test.visible, Until::after(at + 1))?.codes;
                *best = smaller(*best, test.decibels(&codes)?);
            }
        }
        Ok((1..).map(f64::from).zip(best).collect())
    }
}
