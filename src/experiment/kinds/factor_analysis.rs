//! Factor analysis and probabilistic principal components.
//!
//! Names in a file: `mean` `[visible]`, `weight` `[visible, factors]` and `variances`, `[visible]`, or `[1]` where it is one for all.

use super::super::Result;
use super::super::config::{self, Model, Scheme};
use super::super::model_file::{Reader, plain};
use super::super::observe::{Range, Record};
use super::super::pictures::{grid, reconstructions};
use super::super::schemes::foreign;
use super::directed::{Answer, Directed};
use super::{Kind, Seen};
use crate::evaluate::Guarantee;
use crate::math::{DType, Device, Nats, Stream, Tensor};
use crate::models::{Evidence, FactorAnalysis, Noise};

/// Examples at once.
const BLOCK: usize = 1000;

impl super::Read for FactorAnalysis {
    fn read(reader: &mut Reader) -> Result<Self> {
        let (mean, weight) = (reader.take("mean", 1, DType::F64)?, reader.take("weight", 2, DType::F64)?);
        let variances = reader.take("variances", 1, DType::F64)?;
        let (noise, variances) = match variances.dims() {
            [1] if mean.dims() != [1] => (Noise::Isotropic, variances.broadcast_as(mean.shape())?.contiguous()?),
            _ => (Noise::Diagonal, variances),
        };
        Self::new(&mean, &weight, &variances, noise).map_err(|error| reader.problem(plain(error)))
    }
}

impl Directed for FactorAnalysis {
    fn binary(&self) -> bool {
        false
    }

    fn answer(&self, scheme: &Scheme, visible: &Tensor, _: usize, _: Stream) -> Result<Answer> {
        let Scheme::Exact(_) = scheme else { return Err(foreign(scheme, "factor analysis", "exact")) };
        let latents = self.posterior(visible)?.mean().clone();
        Ok(Answer::at_once(Guarantee::Exact, self.log_evidence(visible)?, Some(latents)))
    }

    fn block(&self, _: &Scheme) -> usize {
        BLOCK
    }

    fn reconstruct(&self, latents: &Tensor) -> Result<Tensor> {
        Ok(latents.matmul(&self.weight().t()?)?.broadcast_add(self.mean())?)
    }

    fn evidence_terms(&self) -> Option<f64> {
        Some(self.mean().elem_count() as f64)
    }

    fn evidence(&self, visible: &Tensor) -> Result<Nats> {
        Ok(self.log_evidence(visible)?)
    }
}

impl Kind for FactorAnalysis {
    fn name(&self) -> Option<&'static str> {
        Some(match self.noise() {
            Noise::Diagonal => "factor analysis",
            Noise::Isotropic => "probabilistic PCA",
        })
    }

    fn section(&self) -> Model {
        let factors = self.weight().dims()[1];
        match self.noise() {
            Noise::Diagonal => Model::FactorAnalysis(config::FactorAnalysis { factors }),
            Noise::Isotropic => Model::ProbabilisticPca(config::ProbabilisticPca { factors }),
        }
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
        let variances = match self.noise() {
            Noise::Diagonal => self.variances().clone(),
            Noise::Isotropic => self.variances().narrow(0, 0, 1)?.contiguous()?,
        };
        let (mean, weight) = (self.mean().clone(), self.weight().clone());
        Ok(vec![("mean".into(), mean), ("weight".into(), weight), ("variances".into(), variances)])
    }

    fn directed(&self) -> Option<&dyn Directed> {
        Some(self)
    }

    fn images(&self, seen: Seen, record: &mut Record) -> Result<()> {
        record.push("filters/factors", grid(&self.weight().t()?, seen.shape, Range::Symmetric)?);
        let again = self.reconstruct(self.posterior(seen.visible)?.mean())?;
        let pairs = reconstructions(seen.visible, &again, seen.shape, seen.range())?;
        record.push("reconstructions/data_above_reconstruction", pairs);
        Ok(())
    }
}
