//! Averaged parameters: what is judged is the mean of the parameters over many updates, while training goes on with the moving ones
//! (Polyak & Juditsky 1992; Salakhutdinov & Hinton's and Tieleman's machines are far better so than at any single update).

use super::parameters::saved;
use super::{DbmWithNetwork, Measurements, Parameters, SavedTensors, State, Trainer, Update};
use crate::inference::Network;
use crate::math::{Result, Stream, Tensor};

/// A trainer of a machine whose model is the mean of the machines, and of the networks, after its updates.
#[derive(Clone, Copy, Debug)]
pub struct Averaged<T> {
    /// What trains.
    pub by: T,
    /// Which mean.
    pub average: Average,
}

/// A mean over updates.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Average {
    /// How much the update before counts beside the present one, in [0, 1): an exponential mean, whose weights add up to 1 from the
    /// first update on. None = all count alike.
    pub decay: Option<f64>,
    /// Share of the stage after which the mean begins; until then the model is the moving one.
    pub from: f64,
}

impl Average {
    /// How far the mean moves to the parameters after the n-th update that it takes in, n ≥ 1: all the way at first.
    pub fn share(&self, n: u64) -> f64 {
        match self.decay {
            Some(decay) => (1.0 - decay) / (1.0 - decay.powf(n as f64)),
            None => 1.0 / n as f64,
        }
    }
}

/// The trainer's own state, which goes on as if there were no mean, and the mean.
#[derive(Clone, Debug)]
pub struct AveragedState<S> {
    /// What moves.
    pub moving: S,
    /// What is judged; none before it begins.
    pub mean: Option<Mean>,
}

/// The mean so far.
#[derive(Clone, Debug)]
pub struct Mean {
    /// Of the machine.
    pub dbm: Parameters,
    /// Of the inference network: the mean of networks, not the network of the mean machine.
    pub network: Parameters,
    /// Updates in it.
    pub updates: u64,
}

impl Parameters {
    /// Moved the same share of the way to `to`.
    fn approached(self, to: &Self, share: f64) -> Result<Self> {
        let weights = self.weights.into_iter().zip(&to.weights).map(|(own, to)| own.approached(to, share));
        let bias =
            |(own, to): (&Tensor, &Tensor)| if share == 1.0 { Ok(to.clone()) } else { own + ((to - own)? * share)? };
        let biases = self.biases.iter().zip(&to.biases).map(bias).collect::<Result<_>>()?;
        Ok(Self { weights: weights.collect::<Result<_>>()?, biases })
    }
}

impl DbmWithNetwork {
    /// The same units with other parameters.
    fn with(&self, dbm: Parameters, network: Parameters) -> Result<Self> {
        Ok(Self {
            dbm: self.dbm.with_parameters(dbm.weights, dbm.biases)?,
            network: Network::new(self.network.units().to_vec(), network.weights, network.biases)?,
        })
    }
}

impl Mean {
    /// One more machine and network in the mean; they begin it where there is none.
    fn after(mean: Option<Self>, model: &DbmWithNetwork, average: &Average) -> Result<Self> {
        let (dbm, network) = (Parameters::of_dbm(&model.dbm), Parameters::of_network(&model.network));
        let Some(mean) = mean else { return Ok(Self { dbm, network, updates: 1 }) };
        let updates = mean.updates + 1;
        let share = average.share(updates);
        let (dbm, network) = (mean.dbm.approached(&dbm, share)?, mean.network.approached(&network, share)?);
        Ok(Self { dbm, network, updates })
    }
}

impl<T> Trainer for Averaged<T>
where
    T: Trainer,
    T::State: State<Model = DbmWithNetwork>,
{
    type State = AveragedState<T::State>;

    fn init(&self, model: DbmWithNetwork, stream: Stream) -> Result<Self::State> {
        Ok(AveragedState { moving: self.by.init(model, stream)?, mean: None })
    }

    fn step(&self, state: Self::State, batch: &Tensor, update: Update) -> Result<(Self::State, Measurements)> {
        let AveragedState { moving, mean } = state;
        let (moving, measurements) = self.by.step(moving, batch, update)?;
        let mean = match update.progress >= self.average.from {
            true => Some(Mean::after(mean, &moving.model()?, &self.average)?),
            false => mean,
        };
        Ok((AveragedState { moving, mean }, measurements))
    }
}

impl<S: State<Model = DbmWithNetwork>> State for AveragedState<S> {
    type Model = DbmWithNetwork;

    fn model(&self) -> Result<DbmWithNetwork> {
        let moving = self.moving.model()?;
        match &self.mean {
            Some(mean) => moving.with(mean.dbm.clone(), mean.network.clone()),
            None => Ok(moving),
        }
    }

    /// What the trainer has, and once there is a mean the moving parameters: `moving.dbm.*`, `moving.network.*`, `average.updates`.
    fn tensors(&self) -> Result<Vec<(String, Tensor)>> {
        let mut tensors = self.moving.tensors()?;
        if let Some(mean) = &self.mean {
            let DbmWithNetwork { dbm, network } = self.moving.model()?;
            tensors.extend(Parameters::of_dbm(&dbm).named("moving.dbm")?);
            tensors.extend(Parameters::of_network(&network).named("moving.network")?);
            // Exact up to 2^53 updates.
            tensors.push(("average.updates".into(), Tensor::new(&[mean.updates as f64], dbm.device())?));
        }
        Ok(tensors)
    }

    fn finished(&self) -> bool {
        self.moving.finished()
    }

    fn restore(model: DbmWithNetwork, tensors: &SavedTensors) -> Result<Self> {
        if !tensors.contains_key("average.updates") {
            return Ok(Self { moving: S::restore(model, tensors)?, mean: None });
        }
        let updates = saved(tensors, "average.updates", &[1])?.to_vec1::<f64>()?[0] as u64;
        let (dbm, network) = (Parameters::of_dbm(&model.dbm), Parameters::of_network(&model.network));
        let moving = model.with(dbm.restore("moving.dbm", tensors)?, network.restore("moving.network", tensors)?)?;
        Ok(Self { moving: S::restore(moving, tensors)?, mean: Some(Mean { dbm, network, updates }) })
    }
}
