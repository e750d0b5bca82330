//! The model's side of the gradient of the likelihood: where its samples come from.
//!
//! Persistent chains (Tieleman 2008), chains that start at the data (contrastive divergence: Hinton 2002), chains under fast weights
//! (Tieleman & Hinton 2009) and tempered chains (Desjardins, Courville, Bengio, Vincent & Delalleau 2010), by one face.

use super::{Chains, FastPersistent, FastWeights, Gradient, Joint, Replicas, SavedTensors, Tempered};
use crate::math::{Layers, Result, Stream, Tensor, bail};
use crate::models::Dbm;

/// How the machine is sampled at every update.
pub trait Negative {
    /// The chains before the first update, and what is carried beside them.
    fn begin(&self, dbm: &Dbm, stream: Stream) -> Result<(Chains, Carried)>;

    /// Samples of the machine as it is before the update.
    fn sample(&self, from: &Joint, awake: Awake, stream: Stream) -> Result<Sampled>;

    /// The same with so many Gibbs sweeps per update.
    fn with_sweeps(&self, sweeps: usize) -> Self
    where
        Self: Sized;
}

/// What an update is shown and what it has inferred, for negative phases that start there.
#[derive(Clone, Copy)]
pub struct Awake<'a> {
    /// `[examples, visible]`.
    pub visible: &'a Tensor,
    /// Means of the hidden layers under q, `[examples, n_l]`; none where nothing has been inferred yet.
    pub hidden: Option<&'a [Tensor]>,
}

/// What a negative phase found.
pub struct Sampled {
    /// Where it starts, if not where the last update left it.
    pub start: Option<Chains>,
    /// Where it ends.
    pub chains: Chains,
    /// The layers that expectations are taken from, `[chains, n_l]`, visible first.
    pub layers: Layers,
    /// What is carried on beside the chains.
    pub carried: Carried,
    /// Of each pair of neighbouring temperatures, the share of proposed exchanges that were accepted.
    pub swaps: Vec<f64>,
}

/// What goes from update to update beside the chains.
#[derive(Clone, Debug, Default)]
pub enum Carried {
    /// Nothing.
    #[default]
    Nothing,
    /// Weights that are added for the chains alone.
    Fast(FastWeights),
    /// The chains of the higher temperatures.
    Replicas(Replicas),
}

impl Carried {
    /// After the machine has learnt along `uphill`.
    pub(super) fn follow(&self, uphill: &Gradient) -> Result<Self> {
        Ok(match self {
            Self::Fast(fast) => Self::Fast(fast.follow(uphill)?),
            other => other.clone(),
        })
    }

    /// Every tensor under a stable name: see [`FastWeights::named`] and [`Replicas::named`].
    pub(super) fn named(&self) -> Result<Vec<(String, Tensor)>> {
        match self {
            Self::Nothing => Ok(Vec::new()),
            Self::Fast(fast) => fast.named(),
            Self::Replicas(replicas) => replicas.named(),
        }
    }

    /// The inverse of `named`; what was carried is seen from the names.
    pub(super) fn restore(dbm: &Dbm, tensors: &SavedTensors) -> Result<Self> {
        if let Some(fast) = FastWeights::restore(dbm, tensors)? {
            return Ok(Self::Fast(fast));
        }
        Ok(Replicas::restore(dbm, tensors)?.map_or(Self::Nothing, Self::Replicas))
    }
}

/// Persistent chains and how far they move at every update (Tieleman 2008).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NegativePhase {
    /// Number of chains; has nothing to do with the batch.
    pub chains: usize,
    /// Block Gibbs sweeps of each chain per update.
    pub sweeps: usize,
}

impl Negative for NegativePhase {
    fn begin(&self, dbm: &Dbm, stream: Stream) -> Result<(Chains, Carried)> {
        Ok((Chains::from_biases(dbm, self.chains, stream)?, Carried::Nothing))
    }

    fn sample(&self, from: &Joint, _: Awake, stream: Stream) -> Result<Sampled> {
        let (chains, layers) = from.chains.advance(&from.dbm, self.sweeps, stream)?;
        Ok(Sampled { start: None, chains, layers, carried: Carried::Nothing, swaps: Vec::new() })
    }

    fn with_sweeps(&self, sweeps: usize) -> Self {
        Self { sweeps, ..*self }
    }
}

/// Contrastive divergence (Hinton 2002): at every update a chain from each example of the batch, its hidden units drawn from their
/// means under q. In a restricted machine whose positive phase is exact that is CD-k.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Contrastive {
    /// Block Gibbs sweeps from the data: the k of CD-k.
    pub sweeps: usize,
}

impl Negative for Contrastive {
    /// One chain from the biases, which nothing but the shape of a first picture depends on.
    fn begin(&self, dbm: &Dbm, stream: Stream) -> Result<(Chains, Carried)> {
        Ok((Chains::from_biases(dbm, 1, stream)?, Carried::Nothing))
    }

    fn sample(&self, from: &Joint, awake: Awake, stream: Stream) -> Result<Sampled> {
        let Some(means) = awake.hidden else {
            bail!("contrastive divergence starts from what was inferred of the data")
        };
        let mut states = vec![awake.visible.clone()];
        for (l, (kind, mean)) in from.dbm.units()[1..].iter().zip(means).enumerate() {
            states.push(kind.sample(&kind.input_of_mean(mean)?, stream.named("data").at(l as u64))?);
        }
        let start = Chains::from_states(states);
        let (chains, layers) = start.advance(&from.dbm, self.sweeps, stream)?;
        Ok(Sampled { start: Some(start), chains, layers, carried: Carried::Nothing, swaps: Vec::new() })
    }

    fn with_sweeps(&self, sweeps: usize) -> Self {
        Self { sweeps }
    }
}

/// A negative phase chosen at run time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum AnyNegative {
    /// Chains that go on.
    Persistent(NegativePhase),
    /// Chains from the data.
    Contrastive(Contrastive),
    /// Chains under fast weights.
    Fast(FastPersistent),
    /// Chains at several temperatures.
    Tempered(Tempered),
}

impl AnyNegative {
    fn chosen(&self) -> &dyn Negative {
        match self {
            Self::Persistent(by) => by,
            Self::Contrastive(by) => by,
            Self::Fast(by) => by,
            Self::Tempered(by) => by,
        }
    }
}

impl Negative for AnyNegative {
    fn begin(&self, dbm: &Dbm, stream: Stream) -> Result<(Chains, Carried)> {
        self.chosen().begin(dbm, stream)
    }

    fn sample(&self, from: &Joint, awake: Awake, stream: Stream) -> Result<Sampled> {
        self.chosen().sample(from, awake, stream)
    }

    fn with_sweeps(&self, sweeps: usize) -> Self {
        match self {
            Self::Persistent(by) => Self::Persistent(by.with_sweeps(sweeps)),
            Self::Contrastive(by) => Self::Contrastive(by.with_sweeps(sweeps)),
            Self::Fast(by) => Self::Fast(by.with_sweeps(sweeps)),
            Self::Tempered(by) => Self::Tempered(by.with_sweeps(sweeps)),
        }
    }
}
