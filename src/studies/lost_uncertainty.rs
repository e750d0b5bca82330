//! What a point leaves out: the posterior's entropy, its probability at its own mode, and the error of the point's marginals.
//!
//! MAP inference answers with h* alone (book section 19.3). Marginals of a point are 0 or 1; those of mean field are means.

use super::instances::{all_binary, binary_inputs, random_dbm};
use super::{Axis, Figure, Findings, Laboratory, Study};
use crate::evaluate::Reference;
use crate::inference::{Exact, Inference, Map, MeanField, Refined, Stop, Uninformed};
use crate::math::{DType, Device, Layers, Nats, Result, Stream, Tensor, host, mean_of};
use crate::models::{Dbm, LatentModel, Mode};
use crate::posterior::Posterior;
use serde::{Deserialize, Serialize};

/// The machine.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LostUncertainty {
    /// Units per layer, visible first.
    pub sizes: Vec<usize>,
    /// Standard deviation of the weights.
    pub weight_std: f64,
    /// Standard deviation of the biases.
    pub bias_std: f64,
    /// Most inputs: all of them where there are no more, else random ones.
    pub inputs: usize,
    /// Weight between two hidden units that exclude each other; half of it is the bias of each.
    pub rivalry: f64,
}

impl Default for LostUncertainty {
    fn default() -> Self {
        Self { sizes: vec![8, 6, 4, 2], weight_std: 1.0, bias_std: 0.5, inputs: 256, rivalry: 16.0 }
    }
}

/// One answer: its means, and its error on each input.
struct Answer {
    means: Layers,
    errors: Nats,
}

impl Study for LostUncertainty {
    fn run(&self, stream: Stream, _: &mut dyn Laboratory) -> Result<Findings> {
        let mut findings = Findings::default();
        let stream = stream.named("machine").at(0);
        let dbm = random_dbm(&self.sizes, self.weight_std, self.bias_std, stream)?;
        let visible = binary_inputs(self.sizes[0], self.inputs, stream.named("inputs"))?;
        let exact = Exact { max_bits: 20.0 }.infer(&dbm, &visible, stream)?.q;
        let reference = Reference::tabulate(&dbm, &visible, 20.0)?;
        let entropies = host(&exact.entropy()?)?;
        let modes = mode_probabilities(&dbm, &visible, &reference)?;
        let answer = |means: Layers| Ok::<_, candle_core::Error>(Answer { errors: errors(&reference, &means)?, means });
        let map = answer(Map { max_bits: 20.0 }.infer(&dbm, &visible, stream)?.q.means()?)?;
        let stop = Stop::when_within(1e-12, 5000);
        let mean_field = Refined { start: Uninformed, by: MeanField::default(), stop };
        let mean_field = answer(mean_field.infer(&dbm, &visible, stream)?.q.means()?)?;
        findings.quantity("mode_probability_mean", mean_of(&modes));
        findings.quantity("posterior_entropy_nats_mean", mean_of(&entropies));
        findings.quantity("map_marginal_error_mean", mean_of(&map.errors));
        findings.quantity("mean_field_marginal_error_mean", mean_of(&mean_field.errors));
        findings.quantity("marginal_error_ratio", mean_of(&map.errors) / mean_of(&mean_field.errors));
        self.two_modes(&mut findings)?;
        let typical = closest(&entropies, mean_of(&entropies));
        findings.figure(bars(typical, entropies[typical], &reference.means, &map, &mean_field)?);
        findings.figure(scatter(&entropies, &modes));
        Ok(findings)
    }
}

impl LostUncertainty {
    /// Two hidden units of which one has to be on: two equal modes, and a point that keeps one.
    fn two_modes(&self, findings: &mut Findings) -> Result<()> {
        let scalar = |value: f64| Tensor::full(value, 1, &Device::Cpu)?.to_dtype(DType::F64);
        let weights = [0.0, -self.rivalry].map(|weight| scalar(weight)?.unsqueeze(0));
        let biases = [0.0, self.rivalry / 2.0, self.rivalry / 2.0].map(scalar);
        let weights = weights.into_iter().collect::<Result<Vec<Tensor>>>()?;
        let dbm = Dbm::binary(weights, biases.into_iter().collect::<Result<_>>()?)?;
        let visible = all_binary(1)?.narrow(0, 0, 1)?;
        let reference = Reference::tabulate(&dbm, &visible, 20.0)?;
        let mode = mode_probabilities(&dbm, &visible, &reference)?[0];
        let expected = 0.5 / (1.0 + (-self.rivalry / 2.0).exp());
        findings.quantity("two_modes_probability_of_each", mode);
        findings.quantity("two_modes_probability_error", (mode - expected).abs());
        let map = Map { max_bits: 20.0 }.infer(&dbm, &visible, Stream::new(0))?.q.means()?;
        findings.quantity("two_modes_map_marginal_error", errors(&reference, &map)?[0]);
        Ok(())
    }
}

/// p(h* | v) of each input.
fn mode_probabilities(dbm: &Dbm, visible: &Tensor, reference: &Reference) -> Result<Nats> {
    let best = dbm.clamp(visible)?.mode(20.0, visible)?.1;
    Ok(best.iter().zip(&reference.log_evidence_unnormalized).map(|(best, evidence)| (best - evidence).exp()).collect())
}

/// Mean over hidden units of |mean - exact mean|, of each input.
fn errors(reference: &Reference, means: &[Tensor]) -> Result<Nats> {
    let side_by_side = |layers: &[Tensor]| Tensor::cat(layers, 1);
    host(&(side_by_side(means)? - side_by_side(&reference.means)?)?.abs()?.mean(1)?)
}

fn closest(values: &[f64], to: f64) -> usize {
    let far = |index: &usize| (values[*index] - to).abs();
    (0..values.len()).min_by(|a, b| far(a).total_cmp(&far(b))).unwrap_or_default()
}

fn bars(input: usize, entropy: f64, exact: &[Tensor], map: &Answer, mean_field: &Answer) -> Result<Figure> {
    let names = |layers: &[Tensor]| {
        let layers = layers.iter().enumerate();
        let units = layers.map(|(layer, means)| (layer + 1, means.dims()[1]));
        units.flat_map(|(layer, units)| (1..=units).map(move |unit| format!("{layer}.{unit}"))).collect::<Vec<_>>()
    };
    let row = |layers: &[Tensor]| host(&Tensor::cat(layers, 1)?.narrow(0, input, 1)?);
    let caption = format!(
        "Marginals of the hidden units for an input of average posterior entropy ({entropy:.2} nats): MAP errs by {:.3} a unit, mean \
         field by {:.3}.",
        map.errors[input], mean_field.errors[input]
    );
    let axes = (Axis::linear("layer.unit"), Axis::linear("probability of being on"));
    let mut figure = Figure::new("Marginals of one posterior", caption, axes.0, axes.1);
    for (name, means) in [("exact", exact), ("MAP", &map.means), ("mean field", &mean_field.means)] {
        figure = figure.bars(name, names(means).into_iter().zip(row(means)?));
    }
    Ok(figure)
}

fn scatter(entropies: &[f64], modes: &[f64]) -> Figure {
    let caption = format!(
        "The most probable state holds {:.3} of the posterior on average; the more entropy, the less.",
        mean_of(modes)
    );
    let axes = (Axis::linear("posterior entropy, nats"), Axis::log("p(h*|v)"));
    let points = entropies.iter().copied().zip(modes.iter().copied());
    Figure::new("What the mode holds", caption, axes.0, axes.1).dots("inputs", points)
}
