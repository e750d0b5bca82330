//! The sigmoid belief net with its recognition net.
//!
//! Names in a file: `generative.{l}.weight` `[n_l, n_{l+1}]` (rows are the lower layer, l = 0 … L - 1), `generative.{l}.bias` `[n_l]`
//! (l = 0 … L, 0 is the visible layer), and for the recognition net `recognition.{l}.weight` `[n_l, n_{l+1}]` and
//! `recognition.{l}.bias` `[n_{l+1}]`.

use super::super::config::{BeliefNet as BeliefNetSection, Exact, Importance, Model, Scheme};
use super::super::model_file::{Reader, plain};
use super::super::observe::{Range, Record, Value};
use super::super::pictures::{grid, reconstructions, rectangle};
use super::super::schemes::foreign;
use super::super::{Error, Result};
use super::directed::{Answer, Directed};
use super::{Kind, Seen, Trained};
use crate::evaluate::{Guarantee, ImportanceBound, log_weights};
use crate::inference::Recognition;
use crate::learning::HelmholtzMachine;
use crate::math::{DType, Device, Layers, Nats, Stream, Tensor, host};
use crate::models::BeliefNet;
use crate::posterior::Posterior;
use crate::units::{Binary, Units};

/// Samples of each example behind its ELBO.
const SAMPLES: usize = 10;
/// Rows of samples at once.
const ROWS: usize = 20_000;
/// Most terms of an exact sum for one example, in bits.
const MOST_BITS: f64 = 20.0;
/// Most states of a table of the posterior, in bits, where only means are wanted.
const TABLE_BITS: f64 = 12.0;
/// Dreams in a picture.
const DREAMS: usize = 100;

/// A belief net, and its recognition net where a file has one.
#[derive(Clone, Debug)]
pub struct Net {
    /// p(v, h).
    pub generative: BeliefNet,
    /// q(h | v).
    pub recognition: Option<Recognition>,
}

impl From<HelmholtzMachine> for Trained {
    fn from(HelmholtzMachine { generative, recognition }: HelmholtzMachine) -> Self {
        Self::BeliefNet(Net { generative, recognition: Some(recognition) })
    }
}

impl TryFrom<Trained> for HelmholtzMachine {
    type Error = candle_core::Error;

    fn try_from(trained: Trained) -> crate::math::Result<Self> {
        match trained {
            Trained::BeliefNet(Net { generative, recognition: Some(recognition) }) => {
                Ok(Self { generative, recognition })
            }
            other => Err(other.is_not("a sigmoid belief net with a recognition net")),
        }
    }
}

impl super::Read for Net {
    fn read(reader: &mut Reader) -> Result<Self> {
        let depth = reader.count(|l| format!("generative.{l}.weight"));
        let dtype = reader.dtype("generative.0.weight");
        let mut named = |prefix: &str, what: &str, layers: usize, rank: usize| {
            let take = |l| reader.take(&format!("{prefix}.{l}.{what}"), rank, dtype);
            (0..layers).map(take).collect::<Result<Layers>>()
        };
        let (weights, biases) = (named("generative", "weight", depth, 2)?, named("generative", "bias", depth + 1, 1)?);
        let generative = BeliefNet::new(weights, biases).map_err(|error| reader.problem(plain(error)))?;
        let recognition = reader.has_any("recognition.").then(|| Self::recognition(reader, &generative)).transpose()?;
        let end = format!("the weights end with generative.{}.weight", depth - 1);
        reader.nothing_left(&["generative.", "recognition."], &end)?;
        Ok(Self { generative, recognition })
    }
}

impl Net {
    fn recognition(reader: &mut Reader, generative: &BeliefNet) -> Result<Recognition> {
        let (mut weights, mut biases) = (Vec::new(), Vec::new());
        for l in 0..generative.depth() {
            weights.push(reader.take(&format!("recognition.{l}.weight"), 2, generative.dtype())?);
            biases.push(reader.take(&format!("recognition.{l}.bias"), 1, generative.dtype())?);
        }
        let recognition = Recognition::new(weights, biases).map_err(|error| reader.problem(plain(error)))?;
        if recognition.sizes() != generative.sizes() {
            let (of, to) = (recognition.sizes(), generative.sizes());
            return Err(reader.problem(format!("its recognition net has layers of {of:?}, the belief net of {to:?}")));
        }
        Ok(recognition)
    }

    fn present(&self) -> Result<&Recognition> {
        self.recognition.as_ref().ok_or_else(|| Error::Refused {
            problem: "this model has no recognition net (no tensors recognition.{l}.weight)".into(),
            remedy: "ask for exact, or train a recognition net with the model".into(),
        })
    }

    /// Bounds with `particles` samples, `sets` times for each example.
    fn bound(&self, visible: &Tensor, [particles, sets]: [usize; 2], first: usize, stream: Stream) -> Result<Answer> {
        let (recognition, samples) = (self.present()?, particles * sets);
        let stream = stream.from_row((first * samples) as u64);
        let weights = log_weights(&self.generative, recognition, visible, samples, stream)?;
        let bounds = ImportanceBound::of(&weights, particles)?.nats;
        let latents = Binary.mean(&recognition.input_above(0, visible)?)?;
        let answer = Answer::at_once(Guarantee::StochasticLowerBound, bounds, Some(latents));
        Ok(Answer { is_elbo: particles == 1, ..answer })
    }

    /// Means of the hidden layers on the way up, each at the means of the layer below.
    fn means(&self, visible: &Tensor) -> Result<Layers> {
        let Some(recognition) = &self.recognition else { return Ok(Vec::new()) };
        let mut below = visible.clone();
        let mut means = Vec::new();
        for l in 0..self.generative.depth() {
            below = Binary.mean(&recognition.input_above(l, &below)?)?;
            means.push(below.clone());
        }
        Ok(means)
    }
}

impl Directed for Net {
    fn binary(&self) -> bool {
        true
    }

    fn answer(&self, scheme: &Scheme, visible: &Tensor, first: usize, stream: Stream) -> Result<Answer> {
        match scheme {
            Scheme::Network(_) if !scheme.refines() => self.bound(visible, [1, SAMPLES], first, stream),
            Scheme::Importance(Importance { particles, .. }) => self.bound(visible, [*particles, 1], first, stream),
            Scheme::Exact(exact) => {
                let bits = self.generative.evidence_bits();
                if bits > exact.max_bits.min(Exact::MOST_BITS) as f64 {
                    return Err(Error::Refused {
                        problem: format!(
                            "ln p(v) of this belief net sums over 2^{bits:.0} states; the limit is 2^{}",
                            exact.max_bits
                        ),
                        remedy: "ask for importance:particles=1000, an estimate from below".into(),
                    });
                }
                let bounds = self.generative.log_evidence(visible, exact.max_bits.min(Exact::MOST_BITS) as f64)?;
                let tabulated = self.generative.posterior_bits() <= TABLE_BITS;
                let means = || Ok::<_, Error>(self.generative.posterior(visible, TABLE_BITS)?.0.means()?.remove(0));
                Ok(Answer::at_once(Guarantee::Exact, bounds, tabulated.then(means).transpose()?))
            }
            _ => Err(foreign(scheme, "a sigmoid belief net", "network, importance or exact")),
        }
    }

    fn block(&self, scheme: &Scheme) -> usize {
        match scheme {
            Scheme::Importance(Importance { particles, .. }) => ROWS / particles,
            Scheme::Network(_) => ROWS / SAMPLES,
            _ => 100,
        }
    }

    fn reconstruct(&self, latents: &Tensor) -> Result<Tensor> {
        Ok(self.generative.reconstruct(latents)?)
    }

    fn evidence_terms(&self) -> Option<f64> {
        let bits = self.generative.evidence_bits();
        (bits <= MOST_BITS).then(|| bits.exp2())
    }

    fn evidence(&self, visible: &Tensor) -> Result<Nats> {
        Ok(self.generative.log_evidence(visible, MOST_BITS)?)
    }
}

impl Kind for Net {
    fn name(&self) -> Option<&'static str> {
        Some("sigmoid belief net")
    }

    fn section(&self) -> Model {
        let hidden = self.generative.sizes().split_off(1);
        Model::BeliefNet(BeliefNetSection { hidden, ..BeliefNetSection::default() })
    }

    fn usual_schemes(&self) -> Vec<Scheme> {
        match self.recognition {
            Some(_) => self.section().usual_schemes(),
            None => vec![Scheme::Exact(Exact::default())],
        }
    }

    fn sizes(&self) -> Vec<usize> {
        self.generative.sizes()
    }

    fn dtype(&self) -> DType {
        self.generative.dtype()
    }

    fn device(&self) -> &Device {
        self.generative.device()
    }

    fn tensors(&self) -> Result<Vec<(String, Tensor)>> {
        let mut tensors = self.generative.named()?;
        if let Some(recognition) = &self.recognition {
            tensors.extend(recognition.named()?);
        }
        Ok(tensors)
    }

    fn directed(&self) -> Option<&dyn Directed> {
        Some(self)
    }

    fn histograms(&self, seen: Seen, record: &mut Record) -> Result<()> {
        for (name, tensor) in self.tensors()? {
            let section = if name.ends_with("weight") { "weights" } else { "biases" };
            record.push(format!("{section}/{name}"), Value::Histogram(host(&tensor)?));
        }
        for (l, means) in self.means(seen.visible)?.iter().enumerate() {
            record.push(format!("activations/hidden_{}", l + 1), Value::Histogram(host(means)?));
        }
        Ok(())
    }

    fn images(&self, seen: Seen, record: &mut Record) -> Result<()> {
        let (net, shape) = (&self.generative, seen.shape);
        let mut filters = net.weights()[0].tensor()?;
        for l in 0..net.depth() {
            // Deeper filters are what a unit sends down through the weights below it.
            if l > 0 {
                filters = filters.matmul(&net.weights()[l].tensor()?)?;
            }
            record.push(format!("filters/layer_{}", l + 1), grid(&filters.t()?, shape, Range::Symmetric)?);
        }
        let means = self.means(seen.visible)?;
        if let Some(first) = means.first() {
            let again = reconstructions(seen.visible, &net.reconstruct(first)?, shape, Range::Unit)?;
            record.push("reconstructions/data_above_reconstruction", again);
        }
        for (l, means) in means.iter().enumerate() {
            let shape = rectangle(means.dim(1)?);
            record.push(format!("posterior_means/hidden_{}", l + 1), grid(means, shape, Range::Unit)?);
        }
        let (states, inputs) = net.sample(DREAMS, seen.stream.named("dreams"))?;
        record.push("dreams/probabilities", grid(&Binary.mean(&inputs[0])?, shape, Range::Unit)?);
        record.push("dreams/states", grid(&states[0], shape, Range::Unit)?);
        Ok(())
    }
}
