//! Tempered chains as a negative phase, and what they carry from update to update.

use super::parameters::saved;
use super::tempering::{Temperatures, Tempering};
use super::{Awake, Carried, Chains, Joint, Negative, NegativePhase, Sampled, SavedTensors};
use crate::math::{DType, Layers, Result, Stream, Tensor, bail, mean_over_examples};
use crate::models::Dbm;

/// Base-rate inputs stay within ± this: means of binary units in [0.01, 0.99], so that a pixel that never changes in the data is not
/// frozen at high temperatures.
const LARGEST_BASE: f64 = 4.595;

/// Persistent chains with replicas at higher temperatures.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tempered {
    /// The chains.
    pub by: NegativePhase,
    /// The temperatures.
    pub temperatures: Temperatures,
    /// What the machine becomes as β goes to 0.
    pub base: TemperedBase,
}

/// Independent units at β = 0; hidden ones are fair coins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TemperedBase {
    /// Visible units with the mean of all the data that were shown so far, as on the usual path of annealing (Salakhutdinov & Murray
    /// 2008): a hot chain is then still about where the data are.
    #[default]
    Data,
    /// Fair coins: all parameters are scaled alike (Desjardins et al. 2010).
    Uniform,
}

/// The chains at all temperatures but β = 1, and the mean of the data.
#[derive(Clone, Debug)]
pub struct Replicas {
    /// From the second coldest to the hottest.
    pub hotter: Vec<Chains>,
    /// Mean of each visible unit over the batches seen, `[n_0]`, `f64`.
    pub visible_mean: Tensor,
    /// Batches seen.
    pub batches: u64,
}

impl Replicas {
    /// After another batch `[examples, n_0]`.
    fn seen(&self, visible: &Tensor) -> Result<Self> {
        let batches = self.batches + 1;
        let mean = mean_over_examples(visible)?.to_dtype(DType::F64)?;
        let visible_mean = (&self.visible_mean + ((mean - &self.visible_mean)? / batches as f64)?)?;
        Ok(Self { hotter: self.hotter.clone(), visible_mean, batches })
    }

    /// Inputs of the units at β = 0, `[1, n_l]`.
    fn base(&self, dbm: &Dbm, base: TemperedBase) -> Result<Layers> {
        let mut inputs = dbm.biases().iter().map(|bias| bias.zeros_like()?.unsqueeze(0)).collect::<Result<Layers>>()?;
        if base == TemperedBase::Data {
            let means = self.visible_mean.to_dtype(dbm.dtype())?.unsqueeze(0)?;
            let kind = &dbm.units()[0];
            let input = kind.input_of_mean(&means)?;
            inputs[0] = if kind.is_logistic() { input.clamp(-LARGEST_BASE, LARGEST_BASE)? } else { input };
        }
        Ok(inputs)
    }

    /// Every tensor under a stable name: `tempering.{r}.{l}` for layer l of replica r, counted from 1, `tempering.visible_mean` and
    /// `tempering.batches` (number of replicas and of batches seen).
    pub(super) fn named(&self) -> Result<Vec<(String, Tensor)>> {
        let mut named = Vec::new();
        for (r, chains) in self.hotter.iter().enumerate() {
            let layers = chains.states().iter().enumerate();
            named.extend(layers.map(|(l, states)| (format!("tempering.{}.{l}", r + 1), states.clone())));
        }
        let counts = [self.hotter.len() as f64, self.batches as f64];
        named.push(("tempering.batches".into(), Tensor::new(&counts, self.visible_mean.device())?));
        named.push(("tempering.visible_mean".into(), self.visible_mean.clone()));
        Ok(named)
    }

    /// The inverse of `named`; none where nothing was tempered.
    pub(super) fn restore(dbm: &Dbm, tensors: &SavedTensors) -> Result<Option<Self>> {
        if !tensors.contains_key("tempering.batches") {
            return Ok(None);
        }
        let counts = saved(tensors, "tempering.batches", &[2])?.to_vec1::<f64>()?;
        let sizes = dbm.sizes();
        let chains = tensors.get("chains.0").map_or(Ok(0), |states| states.dim(0))?;
        let layer = |r: usize, l: usize| saved(tensors, &format!("tempering.{r}.{l}"), &[chains, sizes[l]]);
        let replica = |r: usize| Ok(Chains::from_states((0..sizes.len()).map(|l| layer(r, l)).collect::<Result<_>>()?));
        Ok(Some(Self {
            hotter: (1..=counts[0] as usize).map(replica).collect::<Result<_>>()?,
            visible_mean: saved(tensors, "tempering.visible_mean", &sizes[..1])?,
            batches: counts[1] as u64,
        }))
    }
}

impl Negative for Tempered {
    fn begin(&self, dbm: &Dbm, stream: Stream) -> Result<(Chains, Carried)> {
        let (chains, _) = self.by.begin(dbm, stream)?;
        let replica = |r: usize| Chains::from_biases(dbm, self.by.chains, stream.named("replicas").at(r as u64));
        let hotter = (1..self.temperatures.count).map(replica).collect::<Result<_>>()?;
        let visible_mean = dbm.biases()[0].zeros_like()?.to_dtype(DType::F64)?;
        Ok((chains, Carried::Replicas(Replicas { hotter, visible_mean, batches: 0 })))
    }

    fn sample(&self, from: &Joint, awake: Awake, stream: Stream) -> Result<Sampled> {
        let Carried::Replicas(replicas) = &from.carried else { bail!("there are no replicas beside these chains") };
        let mut replicas = replicas.seen(awake.visible)?;
        let base = replicas.base(&from.dbm, self.base)?;
        let tempering = Tempering::new(&from.dbm, base, &self.temperatures.shares())?;
        let all = std::iter::once(from.chains.clone()).chain(replicas.hotter).collect();
        let (mut all, swaps) = tempering.advance(all, self.by.sweeps, stream)?;
        replicas.hotter = all.split_off(1);
        let chains = all.remove(0);
        let layers = tempering.expectations(&chains)?;
        Ok(Sampled { start: None, chains, layers, carried: Carried::Replicas(replicas), swaps })
    }

    fn with_sweeps(&self, sweeps: usize) -> Self {
        Self { by: self.by.with_sweeps(sweeps), ..*self }
    }
}
