//! Mixtures: of normal distributions, and of products of Bernoulli distributions.
//!
//! Names in a file: `log_weights` `[components]` (they need not be normalised), and `means` `[components, visible]` with `covariances`
//! `[components, visible, visible]`, or `inputs` `[components, visible]`: the log-odds of every pixel under every component.

use super::super::Result;
use super::super::config::{self, Model, Scheme};
use super::super::model_file::{Reader, plain};
use super::super::observe::{Range, Record};
use super::super::pictures::grid;
use super::super::schemes::foreign;
use super::directed::{Answer, Directed};
use super::{Kind, Seen};
use crate::evaluate::Guarantee;
use crate::math::{DType, Device, Nats, Stream, Tensor, sigmoid};
use crate::models::{BernoulliComponents, Components, Evidence, GaussianComponents, Mixture};

/// Examples at once.
const BLOCK: usize = 1000;

/// What the two mixtures do not share.
pub trait Mixed: Components {
    /// The kind in the user's words.
    const NAME: &'static str;
    /// Whether the visible units have only the states 0 and 1.
    const BINARY: bool;
    /// Means of the visible units under each component, `[components, visible]`.
    fn visible_means(&self) -> Result<Tensor>;
    /// The components' tensors under their names.
    fn named(&self) -> Result<Vec<(String, Tensor)>>;
    /// The section of an experiment with so many components.
    fn section(components: usize) -> Model;
    /// From the tensors of a file.
    fn read(reader: &mut Reader) -> Result<Self>;
}

impl Mixed for GaussianComponents {
    const NAME: &'static str = "Gaussian mixture";
    const BINARY: bool = false;

    fn visible_means(&self) -> Result<Tensor> {
        Ok(self.means().clone())
    }

    fn named(&self) -> Result<Vec<(String, Tensor)>> {
        let covariances = Tensor::stack(self.covariances(), 0)?;
        Ok(vec![("means".into(), self.means().clone()), ("covariances".into(), covariances)])
    }

    fn section(components: usize) -> Model {
        Model::GaussianMixture(config::GaussianMixture { components })
    }

    fn read(reader: &mut Reader) -> Result<Self> {
        let (means, all) = (reader.take("means", 2, DType::F64)?, reader.take("covariances", 3, DType::F64)?);
        let each = (0..all.dim(0)?).map(|component| Ok(all.get(component)?)).collect::<Result<_>>()?;
        Self::new(means, each).map_err(|error| reader.problem(plain(error)))
    }
}

impl Mixed for BernoulliComponents {
    const NAME: &'static str = "Bernoulli mixture";
    const BINARY: bool = true;

    fn visible_means(&self) -> Result<Tensor> {
        Ok(sigmoid(self.inputs())?)
    }

    fn named(&self) -> Result<Vec<(String, Tensor)>> {
        Ok(vec![("inputs".into(), self.inputs().clone())])
    }

    fn section(components: usize) -> Model {
        Model::BernoulliMixture(config::BernoulliMixture { components })
    }

    fn read(reader: &mut Reader) -> Result<Self> {
        let inputs = reader.take("inputs", 2, DType::F64)?;
        Self::new(inputs).map_err(|error| reader.problem(plain(error)))
    }
}

impl<C: Mixed> super::Read for Mixture<C> {
    fn read(reader: &mut Reader) -> Result<Self> {
        let components = C::read(reader)?;
        let log_weights = reader.take("log_weights", 1, DType::F64)?;
        Self::new(&log_weights, components).map_err(|error| reader.problem(plain(error)))
    }
}

impl<C: Mixed> Directed for Mixture<C> {
    fn binary(&self) -> bool {
        C::BINARY
    }

    fn answer(&self, scheme: &Scheme, visible: &Tensor, _: usize, _: Stream) -> Result<Answer> {
        let Scheme::Exact(_) = scheme else { return Err(foreign(scheme, "a mixture", "exact")) };
        let (q, nats) = self.posterior(visible)?;
        Ok(Answer::at_once(Guarantee::Exact, nats, Some(q.probs()?)))
    }

    fn block(&self, _: &Scheme) -> usize {
        BLOCK
    }

    fn reconstruct(&self, latents: &Tensor) -> Result<Tensor> {
        Ok(latents.matmul(&self.components().visible_means()?.to_dtype(latents.dtype())?)?)
    }

    fn evidence_terms(&self) -> Option<f64> {
        Some(self.components().count() as f64)
    }

    fn evidence(&self, visible: &Tensor) -> Result<Nats> {
        Ok(self.log_evidence(visible)?)
    }
}

impl<C: Mixed> Kind for Mixture<C> {
    fn name(&self) -> Option<&'static str> {
        Some(C::NAME)
    }

    fn section(&self) -> Model {
        C::section(self.components().count())
    }

    fn sizes(&self) -> Vec<usize> {
        let means = self.components().visible_means().map_or(0, |means| means.dims()[1]);
        vec![means, self.components().count()]
    }

    fn dtype(&self) -> DType {
        self.log_weights().dtype()
    }

    fn device(&self) -> &Device {
        self.log_weights().device()
    }

    fn tensors(&self) -> Result<Vec<(String, Tensor)>> {
        Ok([vec![("log_weights".into(), self.log_weights().clone())], self.components().named()?].concat())
    }

    fn directed(&self) -> Option<&dyn Directed> {
        Some(self)
    }

    fn images(&self, seen: Seen, record: &mut Record) -> Result<()> {
        let range = if C::BINARY { Range::Unit } else { Range::Symmetric };
        record.push("filters/component_means", grid(&self.components().visible_means()?, seen.shape, range)?);
        Ok(())
    }
}
