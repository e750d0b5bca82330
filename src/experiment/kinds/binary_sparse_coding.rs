//! Binary sparse coding.
//!
//! Names in a file: `weight` `[visible, hidden]`, `bias` `[hidden]` and `beta` `[visible]`, the precision of each visible unit.

use super::super::Result;
use super::super::config::{self, Exact, Model, Scheme, Start};
use super::super::model_file::{Reader, plain};
use super::super::observe::{Range, Record};
use super::super::pictures::{grid, reconstructions};
use super::super::schemes::{foreign, mean_field};
use super::directed::{Answer, Directed};
use super::{Kind, Seen};
use crate::evaluate::Guarantee;
use crate::inference::{Inference, Inferred, IteratedModes, Map, Random, Refine, Uninformed};
use crate::math::{DType, Device, Nats, Stream, Tensor, host};
use crate::models::{BinarySparseCoding, Conditionals, ExpectedJoint, LatentModel, Reconstruct};
use crate::posterior::{PointMass, Posterior};

/// Most hidden units that are enumerated without being asked.
const MOST_BITS: usize = 20;
/// Table entries at once.
const ENTRIES: usize = 1 << 20;
/// Examples at once where nothing is tabulated.
const BLOCK: usize = 1000;

impl super::Read for BinarySparseCoding {
    fn read(reader: &mut Reader) -> Result<Self> {
        let mut take = |name: &str, rank| reader.take(name, rank, DType::F64);
        let (weight, bias, beta) = (take("weight", 2)?, take("bias", 1)?, take("beta", 1)?);
        let (visible, hidden) = weight.dims2()?;
        let fits = |name: &str, tensor: &Tensor, units: usize| match tensor.dims() == [units] {
            true => Ok(()),
            false => Err(reader.problem(format!(
                "{name} is {:?}; weight is [{visible}, {hidden}] and asks for [{units}]",
                tensor.dims()
            ))),
        };
        fits("bias", &bias, hidden)?;
        fits("beta", &beta, visible)?;
        Self::new(weight, bias, beta).map_err(|error| reader.problem(plain(error)))
    }
}

/// Number of hidden units.
fn hidden(model: &BinarySparseCoding) -> usize {
    model.bias().elem_count()
}

/// Hidden units side by side, `[examples, hidden]`.
fn joined(layers: &[Tensor]) -> Result<Tensor> {
    Ok(Tensor::cat(layers, 1)?)
}

/// A q that is one state of each example; its entropy is 0.
fn at_point(model: &BinarySparseCoding, found: Inferred<PointMass>, visible: &Tensor) -> Result<Answer> {
    let bounds = host(&model.clamp(visible)?.log_joint(found.q.states())?)?;
    let answer = Answer::at_once(Guarantee::LowerBound, bounds, Some(joined(found.q.states())?));
    Ok(Answer { sweeps: found.trace.sweeps, converged: found.trace.converged, ..answer })
}

impl Directed for BinarySparseCoding {
    fn binary(&self) -> bool {
        false
    }

    fn answer(&self, scheme: &Scheme, visible: &Tensor, first: usize, stream: Stream) -> Result<Answer> {
        let stream = stream.from_row(first as u64);
        match scheme {
            Scheme::Exact(exact) => {
                let max_bits = exact.max_bits.min(Exact::MOST_BITS) as f64;
                let (q, nats) = self.clamp(visible)?.tabulate(max_bits)?;
                Ok(Answer::at_once(Guarantee::Exact, nats, Some(joined(&q.means()?)?)))
            }
            Scheme::MeanField(settings) => {
                let (by, stop) = mean_field(settings, self.dtype());
                let start = match settings.start {
                    Start::Half => Uninformed.infer(self, visible, stream)?.q,
                    Start::Random => Random.infer(self, visible, stream)?.q,
                    _ => return Err(foreign(scheme, "binary sparse coding", "start=half or start=random")),
                };
                let found = by.refine(&self.clamp(visible)?, start, stop, stream)?;
                let bounds = self.free_energy(visible, &found.q)?;
                let answer = Answer::at_once(Guarantee::LowerBound, bounds, Some(joined(&found.q.means()?)?));
                Ok(Answer { sweeps: found.trace.sweeps, converged: found.trace.converged, ..answer })
            }
            Scheme::Map(map) => {
                let by = Map { max_bits: map.max_bits.min(Exact::MOST_BITS) as f64 };
                at_point(self, by.infer(self, visible, stream)?, visible)
            }
            Scheme::Icm(icm) => {
                let by = IteratedModes { starts: icm.starts, max_sweeps: icm.max_sweeps };
                at_point(self, by.infer(self, visible, stream)?, visible)
            }
            _ => Err(foreign(scheme, "binary sparse coding", "exact, mean-field, map or icm")),
        }
    }

    fn block(&self, scheme: &Scheme) -> usize {
        match scheme {
            Scheme::Exact(_) | Scheme::Map(_) => ENTRIES >> hidden(self).min(MOST_BITS),
            _ => BLOCK,
        }
    }

    fn reconstruct(&self, latents: &Tensor) -> Result<Tensor> {
        Ok(Reconstruct::reconstruct(self, std::slice::from_ref(&latents.to_dtype(self.dtype())?))?)
    }

    fn evidence_terms(&self) -> Option<f64> {
        (hidden(self) <= MOST_BITS).then(|| (hidden(self) as f64).exp2())
    }

    fn evidence(&self, visible: &Tensor) -> Result<Nats> {
        Ok(self.log_evidence_within(visible, MOST_BITS as f64)?)
    }
}

impl Kind for BinarySparseCoding {
    fn name(&self) -> Option<&'static str> {
        Some("binary sparse coding")
    }

    fn section(&self) -> Model {
        Model::BinarySparseCoding(config::BinarySparseCoding { hidden: hidden(self) })
    }

    fn sizes(&self) -> Vec<usize> {
        self.weight().dims().to_vec()
    }

    fn dtype(&self) -> DType {
        self.weight().dtype()
    }

    fn device(&self) -> &Device {
        self.weight().device()
    }

    fn tensors(&self) -> Result<Vec<(String, Tensor)>> {
        let named = [("weight", self.weight()), ("bias", self.bias()), ("beta", self.beta())];
        Ok(named.map(|(name, tensor)| (name.to_string(), tensor.clone())).to_vec())
    }

    fn directed(&self) -> Option<&dyn Directed> {
        Some(self)
    }

    fn images(&self, seen: Seen, record: &mut Record) -> Result<()> {
        record.push("filters/causes", grid(&self.weight().t()?, seen.shape, Range::Symmetric)?);
        let answer = self.answer(&Scheme::mean_field(), seen.visible, 0, seen.stream)?;
        if let Some(means) = answer.latents {
            let again = Directed::reconstruct(self, &means)?;
            let pairs = reconstructions(seen.visible, &again, seen.shape, seen.range())?;
            record.push("reconstructions/data_above_reconstruction", pairs);
        }
        Ok(())
    }
}
