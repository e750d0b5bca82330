//! Fast persistent contrastive divergence (Tieleman & Hinton 2009): the chains run under the weights plus fast weights, which follow
//! the same gradient by a learning rate of their own and decay at every update.
//!
//! fast ← decay · fast + rate · gradient. Where chains linger, the gradient of the negative phase digs the ground away under them, and
//! fast weights do so at once and for a short while; the machine itself learns slowly, as before.

use super::parameters::saved;
use super::{Awake, Carried, Chains, Gradient, Joint, Negative, NegativePhase, Parameters, Sampled, SavedTensors};
use crate::math::{Result, Stream, Tensor, Term, bail};
use crate::models::Dbm;

/// Persistent chains under fast weights.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FastPersistent {
    /// The chains.
    pub by: NegativePhase,
    /// Learning rate of the fast weights; at 0 they stay 0, and the chains are plain persistent ones.
    pub learning_rate: f64,
    /// Share of the fast weights that an update leaves of them, in [0, 1); 19/20 in the paper.
    pub decay: f64,
}

/// The fast weights and biases, in the shapes of the machine's own, with their rates.
#[derive(Clone, Debug)]
pub struct FastWeights {
    /// What is added for the chains.
    pub parameters: Parameters,
    /// Their learning rate.
    pub learning_rate: f64,
    /// Share that an update leaves of them.
    pub decay: f64,
}

impl FastWeights {
    /// The machine that the chains see.
    pub fn added_to(&self, dbm: &Dbm) -> Result<Dbm> {
        let sum = |(slow, fast): (&Tensor, &Tensor)| slow + fast;
        let weights = dbm.weights().iter().zip(&self.parameters.weights);
        let weights = weights.map(|(slow, fast)| slow.tensor()? + fast.tensor()?).collect::<Result<Vec<_>>>()?;
        let biases = dbm.vectors().iter().zip(&self.parameters.biases).map(sum).collect::<Result<_>>()?;
        dbm.with_parameters(weights, biases)
    }

    /// After an update along `uphill`.
    pub(super) fn follow(&self, uphill: &Gradient) -> Result<Self> {
        let step = |fast: &Tensor, uphill: &Tensor| (fast * self.decay)? + (uphill * self.learning_rate)?;
        let weights = self.parameters.weights.iter().zip(&uphill.weights);
        let biases = self.parameters.biases.iter().zip(&uphill.biases);
        let parameters = Parameters {
            weights: weights
                .map(|(fast, terms)| Ok(step(&fast.tensor()?, &Term::sum(terms)?)?.into()))
                .collect::<Result<_>>()?,
            biases: biases.map(|(fast, uphill)| step(fast, uphill)).collect::<Result<_>>()?,
        };
        Ok(Self { parameters, ..*self })
    }

    /// Every tensor under a stable name: `fast.weight.{l}`, `fast.bias.{l}`, and `fast.rates` (learning rate and decay).
    pub(super) fn named(&self) -> Result<Vec<(String, Tensor)>> {
        let mut named = self.parameters.named("fast")?;
        if let Some(like) = self.parameters.biases.first() {
            named.push(("fast.rates".into(), Tensor::new(&[self.learning_rate, self.decay], like.device())?));
        }
        Ok(named)
    }

    /// The inverse of `named`; none where there are no fast weights.
    pub(super) fn restore(dbm: &Dbm, tensors: &SavedTensors) -> Result<Option<Self>> {
        if !tensors.contains_key("fast.rates") {
            return Ok(None);
        }
        let rates = saved(tensors, "fast.rates", &[2])?.to_vec1::<f64>()?;
        let parameters = Parameters::of_dbm(dbm).restore("fast", tensors)?;
        Ok(Some(Self { parameters, learning_rate: rates[0], decay: rates[1] }))
    }
}

impl Negative for FastPersistent {
    fn begin(&self, dbm: &Dbm, stream: Stream) -> Result<(Chains, Carried)> {
        let (chains, _) = self.by.begin(dbm, stream)?;
        let (parameters, learning_rate) = (Parameters::of_dbm(dbm).zeros_like()?, self.learning_rate);
        Ok((chains, Carried::Fast(FastWeights { parameters, learning_rate, decay: self.decay })))
    }

    fn sample(&self, from: &Joint, _: Awake, stream: Stream) -> Result<Sampled> {
        let Carried::Fast(fast) = &from.carried else { bail!("there are no fast weights beside these chains") };
        let (chains, layers) = from.chains.advance(&fast.added_to(&from.dbm)?, self.by.sweeps, stream)?;
        Ok(Sampled { start: None, chains, layers, carried: from.carried.clone(), swaps: Vec::new() })
    }

    fn with_sweeps(&self, sweeps: usize) -> Self {
        Self { by: self.by.with_sweeps(sweeps), ..*self }
    }
}
