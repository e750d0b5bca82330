//! Greedy layer-wise pre-training of a DBM: a stack of restricted Boltzmann machines, one trained after the other on the means
//! of the one below (Salakhutdinov & Hinton 2009, 2012).
//!
//! A layer inside a DBM gets input from both sides, in a single RBM from one. So the bottom RBM sees two tied copies of its
//! visible layer, the top one two tied copies of its hidden layer, and one in the middle is trained plain and its weights are
//! halved in the DBM. Layer l of the DBM has one bias and two RBMs with an opinion; it gets their average: then its conditional
//! is the geometric mean of the conditionals of the two RBMs.
//!
//! Choices where published code differs: the layers above get means, not samples; copies are drawn independently, so that each
//! RBM is a proper model; its gradient is taken per copy, so that a learning rate means the same in every layer; the visible
//! bias of a new RBM is the hidden bias of the one below.
//!
//! Label units stand beside the visible layer of the top RBM (Salakhutdinov & Hinton 2009): the labels are data there, and drawn in
//! the negative phase. They see both copies of its hidden layer, as the layer beside them does, or it would be no proper model.

use super::parameters::saved;
use super::{
    DbmWithNetwork, Measurements, Moves, Parameters, Part, SavedTensors, Sgd, State, Statistics, Trainer, Update,
    sparsity,
};
use crate::math::{Layers, Result, Stream, Tensor, Weight, bail};
use crate::models::Dbm;
use crate::units::Kind;

/// Trains the RBM the state is at; `next_layer` goes one up.
#[derive(Clone, Copy, Debug)]
pub struct Pretraining {
    /// Where the negative phase starts.
    pub negative: NegativeStart,
    /// Gibbs sweeps of the negative phase per update: the k of CD-k; at least 1.
    pub sweeps: usize,
    /// How an RBM moves.
    pub sgd: Sgd,
}

/// Where the negative phase of an RBM starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NegativeStart {
    /// At the data: contrastive divergence (Hinton 2002).
    Data,
    /// Where this many chains were left by the last update (Tieleman 2008).
    Chains(usize),
}

/// Layer sizes and kinds of a DBM, each neighbouring pair an RBM, some of them trained.
#[derive(Clone, Debug)]
pub struct RbmStack {
    like: Dbm,
    rbms: Vec<Rbm>,
    layer: usize,
    momentum: Parameters,
    /// Hidden states of the persistent chains, `[chains, hidden]`, means over copies.
    chains: Option<Tensor>,
    /// Running mean of the hidden layer under the data, `[hidden]`, where its activity is held against a target.
    activity: Option<Layers>,
}

/// One RBM; the copies are how often its visible and its hidden layer are there.
#[derive(Clone, Debug)]
struct Rbm {
    /// Of the visible and the hidden layer and, in a top RBM with labels, of these.
    kinds: Vec<Kind>,
    copies: [usize; 2],
    /// Of the chain visible - hidden - labels: one weight matrix or two, a bias of each layer, and ln σ² of visible units that learn it.
    parameters: Parameters,
}

/// What an RBM has on the side that data come from: its visible layer and, where it has label units, these.
type Seen = (Tensor, Option<Tensor>);

impl Rbm {
    /// The RBM of layers l and l + 1 of a DBM, with the DBM's parameters.
    fn of(dbm: &Dbm, l: usize) -> Result<Self> {
        let depth = dbm.unlabelled_depth();
        let copies = |inside: bool| if inside && !is_middle(dbm, l) { 2 } else { 1 };
        let layers = if l + 1 == depth { l..dbm.depth() + 1 } else { l..l + 2 };
        let mut weights = vec![scaled(&dbm.weights()[l], 1.0 / share_in_dbm(dbm, l))?];
        weights.extend(dbm.weights()[l + 1..layers.end - 1].iter().cloned());
        let mut biases = dbm.biases()[layers.clone()].to_vec();
        biases.extend(dbm.vectors().into_iter().skip(dbm.biases().len()).filter(|_| l == 0));
        let copies = [copies(l + 1 < depth), copies(l > 0)];
        Ok(Self { kinds: dbm.units()[layers].to_vec(), copies, parameters: Parameters { weights, biases } })
    }

    /// With other parameters, which may be those of its noise.
    fn with_parameters(mut self, parameters: Parameters) -> Result<Self> {
        if let Some(log_variance) = parameters.biases.get(self.kinds.len()) {
            self.kinds[0] = self.kinds[0].with_log_variance(log_variance)?;
        }
        Ok(Self { parameters, ..self })
    }

    /// ln σ² of visible units that learn it.
    fn log_variance(&self) -> Option<&Tensor> {
        self.parameters.biases.get(self.kinds.len()).and(self.kinds[0].log_variance())
    }

    /// Values of the visible layer over its variances, where it has such.
    fn weighed(&self, visible: &Tensor) -> Result<Tensor> {
        match self.kinds[0].precision() {
            Some(precision) => visible.broadcast_mul(precision),
            None => Ok(visible.clone()),
        }
    }

    /// Input of the hidden units from the mean over the visible copies, `[rows, visible]`, and the labels, `[rows, classes]`.
    fn up(&self, (visible, labels): &Seen) -> Result<Tensor> {
        let Parameters { weights, biases } = &self.parameters;
        let input = weights[0].inputs_above(&self.weighed(visible)?, self.copies[0] as f64, &biases[1])?;
        match labels {
            Some(labels) => input + weights[1].down(labels)?,
            None => Ok(input),
        }
    }

    /// Input of the visible units from the mean over the hidden copies, `[rows, hidden]`.
    fn down(&self, hidden: &Tensor) -> Result<Tensor> {
        let Parameters { weights, biases } = &self.parameters;
        self.weighed(&weights[0].inputs_below(hidden, self.copies[1] as f64, &biases[0])?)
    }

    /// Mean over the copies of layer 0 (visible) or 1 (hidden), each drawn from the same input.
    fn draw(&self, layer: usize, input: &Tensor, stream: Stream) -> Result<Tensor> {
        let copies = self.copies[layer];
        let mut sum = self.kinds[layer].sample(input, stream.at(0))?;
        for copy in 1..copies {
            sum = (sum + self.kinds[layer].sample(input, stream.at(copy as u64))?)?;
        }
        if copies == 1 { Ok(sum) } else { sum / copies as f64 }
    }

    /// The visible units and the labels drawn from the mean over the hidden copies.
    fn dream(&self, hidden: &Tensor, stream: Stream) -> Result<Seen> {
        let visible = self.draw(0, &self.down(hidden)?, stream.named("visible"))?;
        let Parameters { weights, biases } = &self.parameters;
        let labels = self.kinds.get(2).map(|kind| {
            let input = weights[1].inputs_above(hidden, self.copies[1] as f64, &biases[2])?;
            kind.sample(&input, stream.named("labels"))
        });
        Ok((visible, labels.transpose()?))
    }

    /// `sweeps` times (at least once) visible given hidden and hidden given visible; the last states, means over copies.
    fn sweeps(&self, hidden: &Tensor, sweeps: usize, stream: Stream) -> Result<(Seen, Tensor)> {
        let sweep = |hidden: &Tensor, stream: Stream| {
            let seen = self.dream(hidden, stream)?;
            let hidden = self.draw(1, &self.up(&seen)?, stream.named("hidden"))?;
            Ok((seen, hidden))
        };
        let first = sweep(hidden, stream.at(0))?;
        (1..sweeps as u64).try_fold(first, |(_, hidden), index| sweep(&hidden, stream.at(index)))
    }
}

impl Rbm {
    /// Statistics of what it sees and the means of its hidden units. Of the mean over two copies the variance is not to be had: it
    /// rests in an RBM that sees two.
    fn statistics(&self, (visible, labels): &Seen, hidden: &Tensor) -> Result<Statistics> {
        let layers: Vec<Tensor> = [visible, hidden].into_iter().chain(labels).cloned().collect();
        let Parameters { weights, biases } = &self.parameters;
        let statistics = Statistics::of(&layers)?;
        let mut statistics = statistics.of_visible(&self.kinds[0], (&weights[0], &biases[0]), visible, hidden)?;
        if let (2.., Some(slope)) = (self.copies[0], statistics.biases.get_mut(self.kinds.len())) {
            *slope = slope.zeros_like()?;
        }
        Ok(statistics)
    }
}

/// Neither at the bottom nor at the top.
fn is_middle(dbm: &Dbm, l: usize) -> bool {
    l > 0 && l + 1 < dbm.unlabelled_depth()
}

/// A matrix times a number; itself where that changes nothing.
fn scaled(weight: &Weight, by: f64) -> Result<Weight> {
    if by == 1.0 { Ok(weight.clone()) } else { Ok((weight.tensor()? * by)?.into()) }
}

/// Weight in the DBM over weight of the RBM.
fn share_in_dbm(dbm: &Dbm, l: usize) -> f64 {
    if is_middle(dbm, l) { 0.5 } else { 1.0 }
}

impl Pretraining {
    /// Goes one RBM up; fails at the top.
    pub fn next_layer(&self, state: RbmStack, stream: Stream) -> Result<RbmStack> {
        let layer = state.layer + 1;
        if layer >= state.rbms.len() {
            bail!("there is no layer to train above layer {}", state.layer);
        }
        let mut rbms = state.rbms;
        rbms[layer].parameters.biases[0] = rbms[layer - 1].parameters.biases[1].clone();
        self.begin(RbmStack { rbms, layer, ..state }, stream)
    }

    /// No momentum yet, chains drawn from the hidden biases.
    fn begin(&self, state: RbmStack, stream: Stream) -> Result<RbmStack> {
        let rbm = &state.rbms[state.layer];
        let chains = match self.negative {
            NegativeStart::Data => None,
            NegativeStart::Chains(count) => {
                let hidden = &rbm.parameters.biases[1];
                let shape = (count, hidden.elem_count());
                let input = hidden.unsqueeze(0)?.broadcast_as(shape)?.contiguous()?;
                Some(rbm.draw(1, &input, stream.named("chains").at(state.layer as u64))?)
            }
        };
        Ok(RbmStack { momentum: rbm.parameters.zeros_like()?, chains, activity: None, ..state })
    }
}

impl Trainer for Pretraining {
    type State = RbmStack;

    fn init(&self, DbmWithNetwork { dbm, .. }: DbmWithNetwork, stream: Stream) -> Result<RbmStack> {
        let rbms = (0..dbm.unlabelled_depth()).map(|l| Rbm::of(&dbm, l)).collect::<Result<Vec<_>>>()?;
        let momentum = rbms[0].parameters.zeros_like()?;
        self.begin(RbmStack { like: dbm, rbms, layer: 0, momentum, chains: None, activity: None }, stream)
    }

    fn step(&self, state: RbmStack, batch: &Tensor, update: Update) -> Result<(RbmStack, Measurements)> {
        update.begins(Part::Positive);
        let rbm = &state.rbms[state.layer];
        let seen = (state.inputs(batch)?, state.like.labels_of(batch)?.filter(|_| rbm.kinds.len() > 2));
        if rbm.kinds.len() > 2 && seen.1.is_none() {
            bail!("label units are trained on examples with their labels beside them");
        }
        let input = rbm.up(&seen)?;
        let mean = rbm.kinds[1].mean(&input)?;
        update.begins(Part::Negative);
        let start = match &state.chains {
            Some(chains) => chains.clone(),
            None => rbm.draw(1, &input, update.stream.named("data"))?,
        };
        let (dreamed, hidden) = rbm.sweeps(&start, self.sweeps, update.stream.named("chains"))?;
        let dreamed_mean = rbm.kinds[1].mean(&rbm.up(&dreamed)?)?;
        update.begins(Part::Gradient);
        let positive = rbm.statistics(&seen, &mean)?;
        let negative = rbm.statistics(&dreamed, &dreamed_mean)?;
        let uphill = positive.minus(&negative)?;

        let mut measurements = Measurements::default();
        if update.measured {
            update.begins(Part::Measurements);
            measurements.add_reconstruction(&seen.0, &rbm.kinds[0].mean(&rbm.down(&mean)?)?)?;
            measurements.add_phases(&positive, &negative, state.layer)?;
            measurements.add_norms("", &rbm.parameters, &uphill, state.layer)?;
        }
        update.begins(Part::Gradient);
        let RbmStack { like, mut rbms, layer, momentum, chains, activity } = state;
        let (activity, sparse) = update.moves.sparse(activity, &positive)?;
        let uphill = sparse.map_or(Ok(uphill), |positive| positive.minus(&negative))?;
        let Rbm { kinds, copies, parameters } = rbms.remove(layer);
        let (parameters, momentum) = Moves::step(&self.sgd, parameters, momentum, &uphill, &update)?;
        let none = Parameters { weights: Vec::new(), biases: Vec::new() };
        rbms.insert(layer, Rbm { kinds, copies, parameters: none }.with_parameters(parameters)?);
        let chains = chains.map(|_| hidden);
        Ok((RbmStack { like, rbms, layer, momentum, chains, activity }, measurements))
    }
}

impl RbmStack {
    /// The RBM in training: it joins layers `layer` and `layer + 1` of the DBM.
    pub fn layer(&self) -> usize {
        self.layer
    }

    /// What the RBM in training sees: the means of the layer below it, `[examples, units]`; labels beside the examples are not in it.
    pub fn inputs(&self, examples: &Tensor) -> Result<Tensor> {
        let up = |below: Tensor, rbm: &Rbm| rbm.kinds[1].mean(&rbm.up(&(below, None))?);
        self.rbms[..self.layer].iter().try_fold(self.like.visible_of(examples)?, up)
    }

    /// Weights and biases of every RBM, bottom first, as trained.
    pub fn rbms(&self) -> Vec<Parameters> {
        self.rbms.iter().map(|rbm| rbm.parameters.clone()).collect()
    }

    /// The DBM of the stack so far. Layers above the one in training have the parameters they began with.
    pub fn dbm(&self) -> Result<Dbm> {
        let weight = |(l, rbm): (usize, &Rbm)| scaled(&rbm.parameters.weights[0], share_in_dbm(&self.like, l));
        let mut biases = vec![self.rbms[0].parameters.biases[0].clone()];
        for (l, rbm) in self.rbms.iter().enumerate() {
            biases.push(match self.rbms.get(l + 1) {
                Some(above) if l < self.layer => ((&rbm.parameters.biases[1] + &above.parameters.biases[0])? / 2.0)?,
                _ => rbm.parameters.biases[1].clone(),
            });
        }
        let mut weights = self.rbms.iter().enumerate().map(weight).collect::<Result<Vec<_>>>()?;
        if let Some(top) = self.rbms.last() {
            weights.extend(top.parameters.weights.get(1).cloned());
            biases.extend(top.parameters.biases.get(2).filter(|_| top.kinds.len() > 2).cloned());
        }
        biases.extend(self.rbms[0].log_variance().cloned());
        self.like.with_parameters(weights, biases)
    }
}

impl State for RbmStack {
    type Model = DbmWithNetwork;

    fn model(&self) -> Result<DbmWithNetwork> {
        DbmWithNetwork::from_dbm(self.dbm()?)
    }

    fn tensors(&self) -> Result<Vec<(String, Tensor)>> {
        let mut tensors = vec![("pretraining.layer".into(), Tensor::new(&[self.layer as u32], self.like.device())?)];
        for (l, rbm) in self.rbms.iter().enumerate() {
            tensors.extend(rbm.parameters.named(&format!("pretraining.{l}"))?);
        }
        tensors.extend(self.momentum.named("momentum.pretraining")?);
        tensors.extend(self.chains.iter().map(|chains| ("pretraining.chains".to_string(), chains.clone())));
        tensors.extend(sparsity::named(self.activity.as_ref()));
        Ok(tensors)
    }

    fn restore(DbmWithNetwork { dbm, .. }: DbmWithNetwork, tensors: &SavedTensors) -> Result<Self> {
        let layer = saved(tensors, "pretraining.layer", &[1])?.to_vec1::<u32>()?[0] as usize;
        let restore = |l: usize| {
            let rbm = Rbm::of(&dbm, l)?;
            let parameters = rbm.parameters.restore(&format!("pretraining.{l}"), tensors)?;
            rbm.with_parameters(parameters)
        };
        let rbms = (0..dbm.unlabelled_depth()).map(restore).collect::<Result<Vec<_>>>()?;
        let Some(rbm) = rbms.get(layer) else { bail!("pretraining.layer is {layer}; there are {} layers", rbms.len()) };
        let momentum = rbm.parameters.restore("momentum.pretraining", tensors)?;
        let activity = sparsity::restore(&dbm.sizes()[layer + 1..=layer + 1], tensors)?;
        let chains = tensors.get("pretraining.chains").cloned();
        Ok(Self { momentum, chains, activity, like: dbm, rbms, layer })
    }
}
