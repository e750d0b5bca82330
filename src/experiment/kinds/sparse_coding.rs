//! Sparse coding, with the encoder of predictive sparse decomposition where there is one.
//!
//! Names in a file: `weight` `[visible, atoms]`, one atom in each column; `lambda` `[1]`, the cost of a code, and `precision` `[1]`, that of
//! the noise (1 without it: the half form of the objective), where they are known; `encoder.weight` `[visible, atoms]`, `encoder.bias` `[atoms]`
//! and `encoder.gain` `[atoms]` of an encoder.

use super::super::config::{self, Model, Scheme};
use super::super::model_file::Reader;
use super::super::observe::{Range, Record};
use super::super::pictures::{grid, reconstructions};
use super::super::schemes::foreign;
use super::super::{Error, Result};
use super::directed::{Answer, Certificate, Directed};
use super::{Kind, Seen, Trained};
use crate::evaluate::Guarantee;
use crate::inference::{Coded, Encoder, Fista, Ista, SolveCodes, Until};
use crate::learning::Predictive;
use crate::math::{DType, Device, Nats, Stream, Tensor, host};
use crate::models::SparseCoding;

/// Examples at once.
const BLOCK: usize = 500;

/// A dictionary, and what is known of the prior and the noise.
#[derive(Clone, Debug)]
pub struct Dictionary {
    /// W, `[visible, atoms]`.
    pub weight: Tensor,
    /// λ, where it is known.
    pub lambda: Option<f64>,
    /// β.
    pub precision: f64,
    /// What guesses codes.
    pub encoder: Option<Encoder>,
}

impl From<SparseCoding> for Dictionary {
    fn from(model: SparseCoding) -> Self {
        let (lambda, precision) = (Some(model.lambda()), model.precision());
        Self { weight: model.weight().clone(), lambda, precision, encoder: None }
    }
}

impl From<SparseCoding> for Trained {
    fn from(model: SparseCoding) -> Self {
        Self::SparseCoding(model.into())
    }
}

impl From<Predictive> for Trained {
    fn from(Predictive { model, encoder }: Predictive) -> Self {
        Self::SparseCoding(Dictionary { encoder: Some(encoder), ..model.into() })
    }
}

impl TryFrom<Trained> for SparseCoding {
    type Error = candle_core::Error;

    fn try_from(trained: Trained) -> crate::math::Result<Self> {
        match trained {
            Trained::SparseCoding(dictionary) => dictionary.model(),
            other => Err(other.is_not("sparse coding")),
        }
    }
}

impl TryFrom<Trained> for Predictive {
    type Error = candle_core::Error;

    fn try_from(trained: Trained) -> crate::math::Result<Self> {
        match trained {
            Trained::SparseCoding(dictionary) => match dictionary.encoder.clone() {
                Some(encoder) => Ok(Self { model: dictionary.model()?, encoder }),
                None => Err(Trained::SparseCoding(dictionary).is_not("sparse coding with an encoder")),
            },
            other => Err(other.is_not("sparse coding with an encoder")),
        }
    }
}

impl super::Read for Dictionary {
    fn read(reader: &mut Reader) -> Result<Self> {
        let dtype = reader.dtype("weight");
        let weight = reader.take("weight", 2, dtype)?;
        let mut number = |name: &str| -> Result<Option<f64>> {
            let there = reader.has(name).then(|| reader.take(name, 1, DType::F64)).transpose()?;
            let value = there.map(|tensor| Ok::<_, Error>(host(&tensor)?[0])).transpose()?;
            match value.filter(|value| *value <= 0.0) {
                Some(value) => Err(reader.problem(format!("{name} is {value}, which is not above 0"))),
                None => Ok(value),
            }
        };
        let (lambda, precision) = (number("lambda")?, number("precision")?.unwrap_or(1.0));
        let encoder = if reader.has("encoder.weight") { Some(encoder(reader, &weight)?) } else { None };
        Ok(Self { weight, lambda, precision, encoder })
    }
}

fn encoder(reader: &mut Reader, atoms: &Tensor) -> Result<Encoder> {
    let dtype = atoms.dtype();
    let weight = reader.take("encoder.weight", 2, dtype)?;
    let (bias, gain) = (reader.take("encoder.bias", 1, dtype)?, reader.take("encoder.gain", 1, dtype)?);
    let count = atoms.dims()[1];
    if weight.dims() != atoms.dims() || bias.dims() != [count] || gain.dims() != [count] {
        let shapes = [weight.dims(), bias.dims(), gain.dims()];
        return Err(reader.problem(format!("its encoder has {shapes:?}; weight is {:?}", atoms.dims())));
    }
    Ok(Encoder { weight, bias, gain })
}

impl Dictionary {
    fn model(&self) -> crate::math::Result<SparseCoding> {
        let Some(lambda) = self.lambda else { candle_core::bail!("the cost lambda of a code is not known") };
        SparseCoding::new(self.weight.clone(), lambda, self.precision)
    }

    /// The model, or what to do about an unknown λ.
    fn priced(&self) -> Result<SparseCoding> {
        if self.lambda.is_none() {
            return Err(Error::Refused {
                problem: "the file does not say what a code costs (no tensor lambda)".into(),
                remedy: "say it: --lambda 0.1".into(),
            });
        }
        Ok(self.model()?)
    }

    fn codes(&self, scheme: &Scheme, visible: &Tensor) -> Result<Coded> {
        let model = self.priced()?;
        let until = |settings: &config::Thresholding| match settings.iterations {
            Some(iterations) => Until::after(iterations),
            None => Until::gap_within(settings.gap, settings.max_iterations),
        };
        match (scheme, &self.encoder) {
            (Scheme::Ista(settings), _) => Ok(Ista.infer(&model, visible, until(settings))?),
            (Scheme::Fista(settings), _) => Ok(Fista.infer(&model, visible, until(settings))?),
            (Scheme::Network(_), Some(encoder)) if !scheme.refines() => {
                let codes = encoder.encode(visible)?;
                let gaps = model.clamp(visible)?.gap(&codes)?;
                Ok(Coded { codes, trace: crate::inference::CodeTrace { gaps, ..Default::default() } })
            }
            _ => Err(foreign(scheme, "sparse coding", "ista or fista, or network where there is an encoder")),
        }
    }
}

impl Directed for Dictionary {
    fn binary(&self) -> bool {
        false
    }

    fn answer(&self, scheme: &Scheme, visible: &Tensor, _: usize, _: Stream) -> Result<Answer> {
        let Coded { codes, trace } = self.codes(scheme, visible)?;
        let model = self.priced()?;
        let active = host(&codes.ne(0.0)?.to_dtype(DType::F64)?.mean(1)?)?;
        let certificates = Certificate { objectives: model.objective(visible, &codes)?, gaps: trace.gaps, active };
        let joints = model.log_joint(visible, &codes)?;
        let sweeps = vec![trace.iterations as u32; joints.len()];
        let answer = Answer::at_once(Guarantee::LowerBound, joints, Some(codes));
        Ok(Answer { sweeps, converged: trace.converged, certificate: Some(certificates), ..answer })
    }

    fn block(&self, _: &Scheme) -> usize {
        BLOCK
    }

    fn reconstruct(&self, latents: &Tensor) -> Result<Tensor> {
        Ok(latents.matmul(&self.weight.t()?)?)
    }

    fn evidence_terms(&self) -> Option<f64> {
        None
    }

    fn evidence(&self, _: &Tensor) -> Result<Nats> {
        Ok(Nats::new())
    }
}

impl Kind for Dictionary {
    fn name(&self) -> Option<&'static str> {
        Some("sparse coding")
    }

    fn section(&self) -> Model {
        let (atoms, default) = (self.weight.dims()[1], config::SparseCoding::default());
        let lambda = self.lambda.unwrap_or(default.lambda);
        Model::SparseCoding(config::SparseCoding { atoms, lambda, precision: self.precision })
    }

    fn sizes(&self) -> Vec<usize> {
        self.weight.dims().to_vec()
    }

    fn dtype(&self) -> DType {
        self.weight.dtype()
    }

    fn device(&self) -> &Device {
        self.weight.device()
    }

    fn tensors(&self) -> Result<Vec<(String, Tensor)>> {
        let number = |value: f64| Tensor::new(&[value], self.device());
        let mut tensors = vec![("weight".to_string(), self.weight.clone())];
        tensors.extend(self.lambda.map(|lambda| Ok::<_, Error>(("lambda".to_string(), number(lambda)?))).transpose()?);
        tensors.push(("precision".to_string(), number(self.precision)?));
        if let Some(Encoder { weight, bias, gain }) = self.encoder.clone() {
            let named = [("encoder.weight", weight), ("encoder.bias", bias), ("encoder.gain", gain)];
            tensors.extend(named.map(|(name, tensor)| (name.to_string(), tensor)));
        }
        Ok(tensors)
    }

    fn directed(&self) -> Option<&dyn Directed> {
        Some(self)
    }

    fn images(&self, seen: Seen, record: &mut Record) -> Result<()> {
        record.push("filters/atoms", grid(&self.weight.t()?, seen.shape, Range::Symmetric)?);
        let codes = self.codes(&Scheme::Fista(config::Thresholding::default()), seen.visible)?.codes;
        let pairs = reconstructions(seen.visible, &self.reconstruct(&codes)?, seen.shape, seen.range())?;
        record.push("reconstructions/data_above_reconstruction", pairs);
        Ok(())
    }
}
