//! The variational auto-encoder.
//!
//! Names in a file: `encoder.{l}.weight` `[out, in]` and `encoder.{l}.bias` `[out]` from l = 0, `encoder.mean.weight`,
//! `encoder.mean.bias`, `encoder.log_variance.weight`, `encoder.log_variance.bias`, `decoder.{l}.weight`, `decoder.{l}.bias`; where
//! the visible units are Gaussian `decoder.log_variance` `[1]` or `[visible]`; and `activation` `[1]`, the place of what follows a hidden
//! layer in tanh, relu, soft_plus, logistic (0 without it).

use super::super::Result;
use super::super::config::{self, Importance, Model, Scheme};
use super::super::model_file::{Reader, plain};
use super::super::observe::{Range, Record};
use super::super::pictures::{grid, reconstructions};
use super::super::schemes::foreign;
use super::directed::{Answer, Directed};
use super::{Kind, Seen};
use crate::evaluate::{Guarantee, importance_weighted, sampled_elbo};
use crate::math::{DType, Device, Nats, Stream, Tensor, host};
use crate::models::{Activation, Vae, Visible};

/// Samples of each example behind its ELBO.
const SAMPLES: usize = 10;
/// Examples at once.
const BLOCK: usize = 1000;
/// Dreams in a picture.
const DREAMS: usize = 100;

const ACTIVATIONS: [Activation; 4] = [Activation::Tanh, Activation::Relu, Activation::SoftPlus, Activation::Logistic];

impl super::Read for Vae {
    fn read(reader: &mut Reader) -> Result<Self> {
        let dtype = reader.dtype("decoder.0.weight");
        let activation =
            if reader.has("activation") { host(&reader.take("activation", 1, DType::F64)?)?[0] } else { 0.0 };
        let Some(activation) = ACTIVATIONS.get(activation as usize) else {
            return Err(reader.problem(format!("activation is {activation}, which names none")));
        };
        let mut named = std::collections::HashMap::new();
        for name in reader.names(&["encoder.", "decoder."]) {
            let rank = if name.ends_with("weight") { 2 } else { 1 };
            let tensor = reader.take(&name, rank, dtype)?;
            named.insert(name, tensor);
        }
        Self::from_named(*activation, &named).map_err(|error| reader.problem(plain(error)))
    }
}

impl Directed for Vae {
    fn binary(&self) -> bool {
        self.log_variance().is_none()
    }

    fn answer(&self, scheme: &Scheme, visible: &Tensor, first: usize, stream: Stream) -> Result<Answer> {
        let stream = stream.from_row(first as u64);
        let latents = Some(self.encode(visible)?.mean().clone());
        match scheme {
            Scheme::Network(_) if !scheme.refines() => {
                let bounds = sampled_elbo(self, visible, SAMPLES, stream)?;
                Ok(Answer::at_once(Guarantee::StochasticLowerBound, bounds, latents))
            }
            Scheme::Importance(Importance { particles, .. }) => {
                let bounds = importance_weighted(self, visible, *particles, stream)?;
                Ok(Answer { is_elbo: false, ..Answer::at_once(Guarantee::StochasticLowerBound, bounds, latents) })
            }
            _ => Err(foreign(scheme, "a variational auto-encoder", "network or importance")),
        }
    }

    fn block(&self, _: &Scheme) -> usize {
        BLOCK
    }

    fn reconstruct(&self, latents: &Tensor) -> Result<Tensor> {
        Ok(self.visible_means(latents)?)
    }

    fn evidence_terms(&self) -> Option<f64> {
        None
    }

    fn evidence(&self, _: &Tensor) -> Result<Nats> {
        Ok(Nats::new())
    }
}

impl Kind for Vae {
    fn name(&self) -> Option<&'static str> {
        Some("variational auto-encoder")
    }

    fn section(&self) -> Model {
        let hidden = self.encoder().parameters().chunks(2).map(|pair| pair[0].dims()[0]).collect::<Vec<_>>();
        let output = if self.binary() { Visible::Bernoulli } else { Visible::Gaussian };
        Model::Vae(config::Vae {
            latents: self.latents(),
            hidden: hidden[..hidden.len() - 1].to_vec(),
            activation: self.encoder().activation(),
            output,
        })
    }

    fn sizes(&self) -> Vec<usize> {
        let sizes = self.encoder().parameters();
        let hidden = sizes.chunks(2).map(|pair| pair[0].dims()[1]);
        hidden.chain([self.latents()]).collect()
    }

    fn dtype(&self) -> DType {
        self.decoder().parameters()[0].dtype()
    }

    fn device(&self) -> &Device {
        self.decoder().device()
    }

    fn tensors(&self) -> Result<Vec<(String, Tensor)>> {
        let place = ACTIVATIONS.iter().position(|one| *one == self.encoder().activation()).unwrap_or(0);
        let activation = Tensor::new(&[place as f64], self.device())?;
        Ok([self.named()?, vec![("activation".into(), activation)]].concat())
    }

    fn directed(&self) -> Option<&dyn Directed> {
        Some(self)
    }

    fn images(&self, seen: Seen, record: &mut Record) -> Result<()> {
        let again = self.reconstruct(self.encode(seen.visible)?.mean())?;
        let range = if self.binary() { Range::Unit } else { seen.range() };
        let pairs = reconstructions(seen.visible, &again, seen.shape, range)?;
        record.push("reconstructions/data_above_reconstruction", pairs);
        let latents = seen.stream.named("dreams").normal(DREAMS, self.latents(), self.dtype(), self.device())?;
        record.push("dreams/means", grid(&self.reconstruct(&latents)?, seen.shape, range)?);
        Ok(())
    }
}
