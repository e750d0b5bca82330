//! Wake-sleep (Hinton, Dayan, Frey & Neal 1995) and reweighted wake-sleep (Bornschein & Bengio 2015) for belief nets of any depth.
//!
//! Wake: h_k ~ q(h | v), k = 1 … K, w_k = p(v, h_k) / q(h_k | v), ŵ = w / Σ w; the belief net ascends Σ_k ŵ_k ln p(v, h_k). The recognition
//! net ascends Σ_k ŵ_k ln q(h_k | v) on the same samples (*wake*), or ln q(h | v) on dreams (v, h) ~ p (*sleep*), or a mixture. With K = 1 and
//! sleep it is wake-sleep. Sleep descends KL(p ‖ q) averaged over dreams: no objective that wake ascends, so nothing need be monotone.

use super::{
    Ascent, AscentState, Gradient, Measurements, Parameters, Part, RowWeights, SavedTensors, Update,
    log_joint_gradient, log_recognition_gradient,
};
use crate::inference::{Recognition, repeat_rows};
use crate::math::{Layers, Result, Stream, Tensor, bail, host, log_mean_exp, mean_of};
use crate::models::{BeliefNet, log_prob};

/// The trainer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ReweightedWakeSleep {
    /// Samples K of the hidden units for each example.
    pub particles: usize,
    /// Share of the wake gradient in what the recognition net follows, the rest is the sleep gradient: 0 is sleep alone, 1 wake alone.
    pub wake_share: f64,
    /// How the belief net moves.
    pub generative: Ascent,
    /// How the recognition net moves.
    pub recognition: Ascent,
}

/// What it moves: the Helmholtz machine, and what both ways up remember.
#[derive(Clone, Debug)]
pub struct Helmholtz {
    /// p(v, h).
    pub generative: BeliefNet,
    /// q(h | v).
    pub recognition: Recognition,
    /// Memory of the belief net's ascent.
    pub generative_ascent: AscentState,
    /// Memory of the recognition net's ascent.
    pub recognition_ascent: AscentState,
}

/// Samples of the wake phase: K rows for each example.
struct Awake {
    /// All layers, visible first, `[rows, n_l]`.
    states: Layers,
    /// Inputs of the recognition net's hidden layers.
    recognized: Layers,
    /// Inputs of the belief net.
    generated: Layers,
    weights: RowWeights,
    /// ln w, K to an example; none where nobody needs them.
    log_weights: Option<Vec<Vec<f64>>>,
}

impl Parameters {
    /// The parameters of a belief net.
    pub fn of_belief_net(net: &BeliefNet) -> Self {
        Self::new(net.weights(), net.biases())
    }

    /// The parameters of a recognition net.
    pub fn of_recognition(net: &Recognition) -> Self {
        Self::new(net.weights(), net.biases())
    }
}

impl ReweightedWakeSleep {
    /// Wake-sleep: one sample, and the recognition net learns from dreams alone.
    pub fn wake_sleep(by: Ascent) -> Self {
        Self { particles: 1, wake_share: 0.0, generative: by, recognition: by }
    }

    /// The state before the first update; fails where the two nets do not fit each other.
    pub fn begin(&self, generative: BeliefNet, recognition: Recognition) -> Result<Helmholtz> {
        if generative.sizes() != recognition.sizes() {
            bail!(
                "a belief net of {:?} units cannot be read by a recognition net of {:?}",
                generative.sizes(),
                recognition.sizes()
            );
        }
        if self.particles == 0 || !(0.0..=1.0).contains(&self.wake_share) {
            bail!("{} particles and a wake share of {} make no training", self.particles, self.wake_share);
        }
        Ok(Helmholtz {
            generative_ascent: self.generative.begin(&Parameters::of_belief_net(&generative))?,
            recognition_ascent: self.recognition.begin(&Parameters::of_recognition(&recognition))?,
            generative,
            recognition,
        })
    }

    /// One update on `batch` `[examples, visible]`. The belief net moves by `update.learning_rate`, the recognition net by
    /// `update.network_learning_rate`; neither moves by the gradient of the other.
    pub fn step(&self, state: Helmholtz, batch: &Tensor, update: Update) -> Result<(Helmholtz, Measurements)> {
        update.begins(Part::Positive);
        let awake = Awake::of(&state, batch, self.particles, update.measured, update.stream.named("wake"))?;
        let learns = update.measured || update.network_learning_rate != 0.0;
        update.begins(Part::Negative);
        let dreams = learns && self.wake_share < 1.0;
        let dream =
            dreams.then(|| state.generative.sample(batch.dim(0)?, update.stream.named("dreams"))).transpose()?;
        update.begins(Part::Gradient);
        let uphill = log_joint_gradient(&state.generative, &awake.states, &awake.generated, &awake.weights)?;
        let asleep = match &dream {
            Some((states, _)) => Some((states, state.recognition.inputs(states)?)),
            None => None,
        };
        let network_uphill = learns.then(|| self.recognition_uphill(&awake, asleep.as_ref())).transpose()?;
        let mut measurements = Measurements::default();
        if update.measured {
            update.begins(Part::Measurements);
            awake.measure(&state, &mut measurements)?;
            if let Some((states, inputs)) = &asleep {
                let nats = -mean_of(&host(&log_prob(&states[1..], inputs)?)?);
                measurements.add("dream_cross_entropy_nats_mean", nats);
            }
            measurements.add_norms("", &Parameters::of_belief_net(&state.generative), &uphill, 0)?;
            if let Some(uphill) = &network_uphill {
                measurements.add_norms("recognition_", &Parameters::of_recognition(&state.recognition), uphill, 0)?;
            }
            update.begins(Part::Gradient);
        }
        let network_uphill = network_uphill.filter(|_| update.network_learning_rate != 0.0);
        Ok((self.advance(state, &uphill, network_uphill.as_ref(), &update)?, measurements))
    }

    /// The mixture of wake and sleep gradients of the recognition net; `asleep` are dreams and the net's inputs at them.
    fn recognition_uphill(&self, awake: &Awake, asleep: Option<&(&Layers, Layers)>) -> Result<Gradient> {
        let of_wake = || log_recognition_gradient(&awake.states, &awake.recognized, &awake.weights);
        let Some((states, inputs)) = asleep else { return of_wake() };
        let of_sleep = log_recognition_gradient(states, inputs, &RowWeights::Equal)?;
        if self.wake_share == 0.0 {
            return Ok(of_sleep);
        }
        of_wake()?.times(self.wake_share)?.plus(&of_sleep.times(1.0 - self.wake_share)?)
    }

    fn advance(
        &self,
        state: Helmholtz,
        uphill: &Gradient,
        network_uphill: Option<&Gradient>,
        update: &Update,
    ) -> Result<Helmholtz> {
        let (weights, biases) = state.generative.into_parts();
        let at = Parameters { weights, biases };
        let by = self.generative.with(|sgd| update.moves.of_model(sgd));
        let (to, generative_ascent) = by.step(at, state.generative_ascent, uphill, update.learning_rate)?;
        let (recognition, recognition_ascent) = match network_uphill {
            Some(uphill) => {
                let (weights, biases) = state.recognition.into_parts();
                let (at, rate) = (Parameters { weights, biases }, update.network_learning_rate);
                let by = self.recognition.with(|sgd| update.moves.of_network(sgd));
                let (to, ascent) = by.step(at, state.recognition_ascent, uphill, rate)?;
                (Recognition::new(to.weights, to.biases)?, ascent)
            }
            None => (state.recognition, state.recognition_ascent),
        };
        let generative = BeliefNet::new(to.weights, to.biases)?;
        Ok(Helmholtz { generative, recognition, generative_ascent, recognition_ascent })
    }
}

impl Awake {
    /// The log weights are worked out where there is more than one particle, or where they are `measured`.
    fn of(state: &Helmholtz, batch: &Tensor, particles: usize, measured: bool, stream: Stream) -> Result<Self> {
        let samples = state.recognition.sample(batch, particles, stream)?;
        let log_q = (particles > 1 || measured).then(|| samples.log_prob()).transpose()?;
        let states = [vec![repeat_rows(batch, particles)?], samples.states].concat();
        let generated = state.generative.inputs(&states)?;
        let (mut log_weights, mut weights) = (None, RowWeights::Equal);
        if let Some(log_q) = log_q {
            let examples = batch.dim(0)?;
            let ratios = (log_prob(&states, &generated)? - log_q)?.reshape((examples, particles))?;
            let rows = ratios.to_vec2::<f64>()?;
            if particles > 1 {
                let shares = rows.iter().flat_map(|row| normalized(row)).map(|share| share / examples as f64);
                let shares: Vec<f64> = shares.collect();
                let shares = Tensor::from_vec(shares, (examples * particles, 1), ratios.device())?;
                weights = RowWeights::Given(shares.to_dtype(batch.dtype())?);
            }
            log_weights = Some(rows);
        }
        Ok(Self { states, recognized: samples.inputs, generated, weights, log_weights })
    }

    fn measure(&self, state: &Helmholtz, measurements: &mut Measurements) -> Result<()> {
        measurements.add_reconstruction(&self.states[0], &state.generative.reconstruct(&self.states[1])?)?;
        if let Some(rows) = &self.log_weights {
            let bounds: Vec<f64> = rows.iter().map(|row| log_mean_exp(row)).collect();
            let worth = rows.iter().map(|row| 1.0 / normalized(row).iter().map(|share| share * share).sum::<f64>());
            measurements.add("importance_bound_nats_mean", mean_of(&bounds));
            measurements.add("effective_particles_mean", mean_of(&worth.collect::<Vec<_>>()));
        }
        Ok(())
    }
}

/// w / Σ w from the logarithms; equal shares where all of them are zero.
fn normalized(log_weights: &[f64]) -> Vec<f64> {
    let largest = log_weights.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let shift = if largest.is_finite() { largest } else { 0.0 };
    let weights: Vec<f64> = log_weights.iter().map(|nats| (nats - shift).exp()).collect();
    let sum: f64 = weights.iter().sum();
    let equal = 1.0 / weights.len() as f64;
    weights.iter().map(|weight| if sum > 0.0 { weight / sum } else { equal }).collect()
}

impl Helmholtz {
    /// What both ways up remember, under stable names.
    pub fn ascents(&self) -> Result<Vec<(String, Tensor)>> {
        let (of_net, of_recognition) = (&self.generative_ascent, &self.recognition_ascent);
        Ok([of_net.named("ascent.generative")?, of_recognition.named("ascent.recognition")?].concat())
    }

    /// The state that gave these nets and these `ascents`, bit for bit; more tensors may be there.
    pub fn resume(generative: BeliefNet, recognition: Recognition, tensors: &SavedTensors) -> Result<Self> {
        let of_net = Parameters::of_belief_net(&generative);
        let of_recognition = Parameters::of_recognition(&recognition);
        Ok(Self {
            generative_ascent: AscentState::restore(&of_net, "ascent.generative", tensors)?,
            recognition_ascent: AscentState::restore(&of_recognition, "ascent.recognition", tensors)?,
            generative,
            recognition,
        })
    }
}
