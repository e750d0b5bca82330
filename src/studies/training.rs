//! Training of small machines for studies, looked at on the way by exact sums.
//!
//! Mean ln p(v) = mean ln p̃(v) - ln Z, both by enumeration; the ELBO is that of converged mean field.

use crate::evaluate::elbo;
use crate::inference::{Inference, MeanField, Refined, Stop, Uninformed};
use crate::learning::{
    Adam, AdamState, DbmWithNetwork, ExpectedStatistics, Pretraining, RbmStack, SchemeAlone, Trainer, Update,
    exact_gradient,
};
use crate::math::{DType, Result, Stream, Tensor, Weight, host, mean_of, norm};
use crate::models::{Dbm, LatentModel};

/// Exact sums run through at most 2^this states.
pub const MAX_BITS: f64 = 20.0;

/// Mean field from 1/2.
pub type Ascent = Refined<Uninformed, MeanField>;

/// How long, on how many examples at once, and with which learning rate.
#[derive(Clone, Copy, Debug)]
pub struct Course {
    /// Updates.
    pub updates: u64,
    /// Examples per update; all of them where there are no more.
    pub batch: usize,
    /// Learning rate of the first and of the last update; it falls evenly between them.
    pub learning_rate: [f64; 2],
    /// Of the inference network; 0 leaves it as it is.
    pub network_learning_rate: f64,
}

impl Course {
    /// Trains on `data` `[examples, visible]`; `watch` sees the number of updates made and the state, before the first and after each.
    pub fn train<T: Trainer>(
        &self,
        trainer: &T,
        mut state: T::State,
        data: &Tensor,
        stream: Stream,
        watch: &mut dyn FnMut(u64, &T::State) -> Result<()>,
    ) -> Result<T::State> {
        let mut batches = Batches { data, size: self.batch.min(data.dim(0)?), stream, order: None };
        watch(0, &state)?;
        for step in 0..self.updates {
            let share = step as f64 / (self.updates - 1).max(1) as f64;
            let [first, last] = self.learning_rate;
            let update = Update {
                progress: step as f64 / self.updates as f64,
                ..Update::new(
                    stream.named("update").at(step),
                    [first + share * (last - first), self.network_learning_rate],
                )
            };
            state = trainer.step(state, &batches.at(step)?, update)?.0;
            watch(step + 1, &state)?;
        }
        Ok(state)
    }
}

impl Course {
    /// Trains the restricted Boltzmann machines of `dbm` one after the other, each by this course.
    pub fn pretrain(&self, by: &Pretraining, dbm: &Dbm, data: &Tensor, stream: Stream) -> Result<RbmStack> {
        let mut stack = by.init(DbmWithNetwork::from_dbm(dbm.clone())?, stream.named("start"))?;
        for layer in 0..dbm.depth() {
            if layer > 0 {
                stack = by.next_layer(stack, stream.named("start"))?;
            }
            stack = self.train(by, stack, data, stream.at(layer as u64), &mut |_, _| Ok(()))?;
        }
        Ok(stack)
    }
}

/// Examples in an order that is shuffled anew in every epoch; those left over at its end are left out.
struct Batches<'a> {
    data: &'a Tensor,
    size: usize,
    stream: Stream,
    order: Option<(u64, Tensor)>,
}

impl Batches<'_> {
    fn at(&mut self, step: u64) -> Result<Tensor> {
        let examples = self.data.dim(0)?;
        if self.size == examples {
            return Ok(self.data.clone());
        }
        let in_epoch = (examples / self.size) as u64;
        let (epoch, place) = (step / in_epoch, (step % in_epoch) as usize);
        let order = match self.order.take() {
            Some((known, order)) if known == epoch => order,
            _ => self.shuffled(epoch, examples)?,
        };
        let batch = self.data.index_select(&order.narrow(0, place * self.size, self.size)?, 0);
        self.order = Some((epoch, order));
        batch
    }

    fn shuffled(&self, epoch: u64, examples: usize) -> Result<Tensor> {
        let draws = self.stream.named("order").at(epoch).uniform(1, examples, DType::F64, self.data.device())?;
        let draws = host(&draws)?;
        let mut order: Vec<u32> = (0..examples as u32).collect();
        order.sort_by(|&a, &b| draws[a as usize].total_cmp(&draws[b as usize]));
        Tensor::from_vec(order, examples, self.data.device())
    }
}

/// What is seen of a machine in training.
#[derive(Clone, Copy, Debug)]
pub struct Look {
    /// Updates made.
    pub update: u64,
    /// Mean ln p(v), exact, nats.
    pub log_likelihood: f64,
    /// Mean ELBO of converged mean field, nats.
    pub elbo: f64,
    /// Root of the mean square of all weights.
    pub weight_size: f64,
}

impl Look {
    /// At a machine small enough for exact sums, on `data` `[examples, visible]`.
    pub fn at(update: u64, dbm: &Dbm, data: &Tensor) -> Result<Self> {
        let log_partition = mean_of(&dbm.free()?.log_partition(MAX_BITS)?);
        let q = mean_field(Stop::when_within(1e-6, 500)).infer(dbm, data, Stream::new(0))?.q;
        Ok(Self {
            update,
            log_likelihood: mean_of(&dbm.clamp(data)?.log_partition(MAX_BITS)?) - log_partition,
            elbo: mean_of(&elbo(dbm, data, &q, log_partition)?),
            weight_size: weight_size(dbm)?,
        })
    }
}

/// Root of the mean square of all weights.
fn weight_size(dbm: &Dbm) -> Result<f64> {
    let (mut squares, mut count) = (0.0, 0);
    for weight in dbm.weights() {
        squares += norm(&weight.tensor()?)?.powi(2);
        count += weight.dims().iter().product::<usize>();
    }
    Ok((squares / count as f64).sqrt())
}

/// `steps` steps of Adam up the exact gradient on `data`, q by `scheme`: the likelihood itself where q is the posterior. `watch` sees the
/// number of steps made and the machine, before the first and after each.
pub fn climb<S>(
    scheme: &S,
    mut dbm: Dbm,
    data: &Tensor,
    (steps, rate): (u64, f64),
    watch: &mut dyn FnMut(u64, &Dbm) -> Result<()>,
) -> Result<Dbm>
where
    S: Inference<Dbm>,
    S::Posterior: ExpectedStatistics,
{
    let (adam, matrices) = (Adam::default(), dbm.depth());
    let tensors = |weights: &[Weight], biases: &[Tensor]| -> Result<Vec<Tensor>> {
        weights.iter().map(Weight::tensor).chain(biases.iter().cloned().map(Ok)).collect()
    };
    let mut at = tensors(dbm.weights(), dbm.biases())?;
    let mut state = AdamState::new(&at)?;
    watch(0, &dbm)?;
    for step in 0..steps {
        let uphill = exact_gradient(scheme, &dbm, data, MAX_BITS, Stream::new(step))?.dense()?;
        (at, state) = adam.ascend(at, state, &tensors(&uphill.weights, &uphill.biases)?, rate)?;
        dbm = dbm.with_parameters(at[..matrices].to_vec(), at[matrices..].to_vec())?;
        watch(step + 1, &dbm)?;
    }
    Ok(dbm)
}

/// Mean field from 1/2 until `stop`.
pub fn mean_field(stop: Stop) -> Ascent {
    Refined { start: Uninformed, by: MeanField::default(), stop }
}

/// A positive phase of so many mean-field sweeps from 1/2.
pub fn sweeps(count: usize) -> SchemeAlone<Ascent> {
    SchemeAlone(mean_field(Stop::after(count)))
}

/// A machine to begin with: weights of this standard deviation, visible biases at the base rates of `data` (one example of each state
/// is added, so that a pixel that never changes has a finite one), zero hidden biases; in the precision of `data`.
pub fn beginning(hidden: &[usize], weight_std: f64, data: &Tensor, stream: Stream) -> Result<Dbm> {
    let (examples, visible) = data.dims2()?;
    let sizes = [&[visible], hidden].concat();
    let dbm = Dbm::random(&sizes, weight_std, stream, data.dtype(), data.device())?;
    let means = ((data.sum(0)? + 1.0)? / (examples as f64 + 2.0))?;
    let mut biases = dbm.biases().to_vec();
    biases[0] = dbm.units()[0].input_of_mean(&means.unsqueeze(0)?)?.squeeze(0)?;
    dbm.with_parameters(dbm.weights().to_vec(), biases)
}
