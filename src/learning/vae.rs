//! Training of a variational auto-encoder: stochastic ascent of the reparameterised ELBO in encoder and decoder together
//! (Kingma & Welling 2014, algorithm 1), by Adam.
//!
//! The gradient comes from candle's tape. A tape is made for every update and dropped at its end; what is carried over are plain
//! tensors. `learning_rate` of an update moves the decoder and ln σ², `network_learning_rate` the encoder; what has rate 0 stays as it is.

use super::{Adam, AdamState, Measurements, Part, SavedTensors, State, Trainer, Update};
use crate::math::{Result, Stream, Tensor, bail, host, mean_of, norm};
use crate::models::Vae;
use crate::posterior::Posterior;
use candle_core::Var;

/// Moves encoder and decoder uphill on the ELBO.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct VaeTraining {
    /// How parameters follow the gradient.
    pub adam: Adam,
}

/// The model so far, and what Adam remembers of it.
#[derive(Clone, Debug)]
pub struct VaeState {
    /// The model.
    pub vae: Vae,
    encoder: AdamState,
    generative: AdamState,
}

/// The gradient of the mean ELBO; no tensors for a part that was not asked for.
#[derive(Clone, Debug)]
pub struct VaeGradient {
    /// The ELBO at the draws, mean over examples, nats.
    pub elbo: f64,
    /// By the encoder's parameters, in the order of `Mlp::parameters`.
    pub encoder: Vec<Tensor>,
    /// By the decoder's, in the order of `Vae::generative_parameters`.
    pub generative: Vec<Tensor>,
}

/// Slopes of the mean ELBO of `visible` `[examples, visible]` at `noise` `[examples, latents]`, in the encoder's parameters, in the
/// generative ones, or both.
pub fn vae_gradient(vae: &Vae, visible: &Tensor, noise: &Tensor, of: [bool; 2]) -> Result<VaeGradient> {
    let variables = |asked: bool, parameters: Vec<Tensor>| -> Result<(Vec<Var>, Vec<Tensor>)> {
        if !asked {
            return Ok((Vec::new(), parameters));
        }
        let variables: Vec<Var> = parameters.iter().map(Var::from_tensor).collect::<Result<_>>()?;
        let tensors = variables.iter().map(|variable| variable.as_tensor().clone()).collect();
        Ok((variables, tensors))
    };
    let (encoder, encoder_tensors) = variables(of[0], vae.encoder().parameters())?;
    let (generative, generative_tensors) = variables(of[1], vae.generative_parameters())?;
    let elbo = vae.with_parameters(&encoder_tensors, &generative_tensors)?.mean_elbo_at(visible, noise)?;
    let slopes = elbo.backward()?;
    let pick = |variables: &[Var]| {
        let of = |variable: &Var| match slopes.get(variable) {
            Some(slope) => Ok(slope.detach()),
            None => bail!("the ELBO does not depend on a parameter {:?}", variable.dims()),
        };
        variables.iter().map(of).collect::<Result<Vec<_>>>()
    };
    Ok(VaeGradient { elbo: host(&elbo)?[0], encoder: pick(&encoder)?, generative: pick(&generative)? })
}

impl Trainer for VaeTraining {
    type State = VaeState;

    fn init(&self, vae: Vae, _: Stream) -> Result<VaeState> {
        let encoder = AdamState::new(&vae.encoder().parameters())?;
        let generative = AdamState::new(&vae.generative_parameters())?;
        Ok(VaeState { vae, encoder, generative })
    }

    fn step(&self, state: VaeState, batch: &Tensor, update: Update) -> Result<(VaeState, Measurements)> {
        update.begins(Part::Gradient);
        let VaeState { vae, encoder, generative } = state;
        let noise = update.stream.named("noise").normal(batch.dim(0)?, vae.latents(), batch.dtype(), batch.device())?;
        let moving = [update.network_learning_rate != 0.0, update.learning_rate != 0.0];
        let slopes = vae_gradient(&vae, batch, &noise, moving)?;
        let mut measurements = Measurements::default();
        if update.measured {
            update.begins(Part::Measurements);
            measure(&vae, batch, &slopes, &mut measurements)?;
        }
        let ascend = |moving: bool, at: Vec<Tensor>, state: AdamState, uphill: &[Tensor], rate: f64| {
            if moving { self.adam.ascend(at, state, uphill, rate) } else { Ok((at, state)) }
        };
        let (up, rates) = (vae.encoder().parameters(), [update.network_learning_rate, update.learning_rate]);
        let (up, encoder) = ascend(moving[0], up, encoder, &slopes.encoder, rates[0])?;
        let down = vae.generative_parameters();
        let (down, generative) = ascend(moving[1], down, generative, &slopes.generative, rates[1])?;
        Ok((VaeState { vae: vae.with_parameters(&up, &down)?, encoder, generative }, measurements))
    }
}

impl State for VaeState {
    type Model = Vae;

    fn model(&self) -> Result<Vae> {
        Ok(self.vae.clone())
    }

    /// `adam.encoder.*`, `adam.generative.*`.
    fn tensors(&self) -> Result<Vec<(String, Tensor)>> {
        Ok([self.encoder.named("adam.encoder")?, self.generative.named("adam.generative")?].concat())
    }

    fn restore(vae: Vae, tensors: &SavedTensors) -> Result<Self> {
        let encoder = AdamState::restore(&vae.encoder().parameters(), "adam.encoder", tensors)?;
        let generative = AdamState::restore(&vae.generative_parameters(), "adam.generative", tensors)?;
        Ok(Self { vae, encoder, generative })
    }
}

/// `elbo_nats_mean` at the draws of the update, `kl_nats_mean`, `posterior_entropy_nats_mean`, `reconstruction_error_mean` at the
/// means of q, `gradient_norm` and `encoder_gradient_norm` by tensor.
fn measure(vae: &Vae, batch: &Tensor, slopes: &VaeGradient, measurements: &mut Measurements) -> Result<()> {
    let q = vae.encode(batch)?;
    measurements.add("elbo_nats_mean", slopes.elbo);
    measurements.add("kl_nats_mean", mean_of(&host(&q.kl_to_standard()?)?));
    measurements.add("posterior_entropy_nats_mean", mean_of(&host(&q.entropy()?)?));
    measurements.add_reconstruction(batch, &vae.visible_means(q.mean())?)?;
    for (name, tensors) in [("encoder_gradient_norm", &slopes.encoder), ("gradient_norm", &slopes.generative)] {
        for (i, tensor) in tensors.iter().enumerate() {
            measurements.add(format!("{name}/{i}"), norm(tensor)?);
        }
    }
    Ok(())
}
