//! From the sections `[pretrain]` and `[train]` to trainers: the only place that matches training algorithms.

use super::classification::classes;
use super::config::{
    self, Chains, Course, Expectation, Experiment, Finetune, LearningRate, Model, Optimizer, Pretrain, Recognized,
    Scheme, Train,
};
use super::data::Dataset;
use super::phase::{Algorithm, NextLayer};
use super::{Chosen, Error, rules};
use crate::inference::{Exact, Fista, MeanField, Network, Stop, Until};
use crate::learning::{
    Adam, AnyMaximize, AnyNegative, Ascent, Averaged, Centred, Columns, Contrastive, DbmWithNetwork,
    DictionaryLearning, EmStop, EmTraining, ExpectationMaximization, FastPersistent, FineTuning, GradientSteps,
    Growing, MaximumLikelihood, MultiPrediction, NegativePhase, NegativeStart, OnlineDictionary, Positive,
    PositivePhase, Pretraining, Psd, ReweightedWakeSleep, Rules, Rungs, SchemeAlone, Sgd, State, Sweeps, Temperatures,
    Tempered, TemperedBase, Trainer, VaeTraining, WakeSleep, WarmMeanField,
};
use crate::math::{Result, Stream, Tensor, bail};
use crate::models::{BernoulliComponents, BinarySparseCoding, Dbm, FactorAnalysis, GaussianComponents, Mixture};

/// A stretch of updates by one trainer.
pub struct Stage {
    /// What the user sees.
    pub name: String,
    /// What trains.
    pub algorithm: Box<dyn Algorithm>,
    /// Passes over the training examples.
    pub epochs: usize,
    /// Examples per update; the last batch of an epoch may be smaller.
    pub batch_size: usize,
    /// Step size of the machine.
    pub learning_rate: LearningRate,
    /// Step size of the inference network.
    pub network_learning_rate: LearningRate,
    /// Momentum of the machine and of the inference network.
    pub momenta: [Course; 2],
    /// What else bears on the steps of the machine; none = nothing.
    pub rules: Option<Rules>,
    /// Evaluations without a better bound after which the stage ends; none = it goes on.
    pub patience: Option<usize>,
    /// Whether every epoch sees the examples in an order of its own.
    pub shuffled: bool,
    /// Whether the trainer is told the class of each example.
    pub labelled: bool,
    /// Of the stages that train a net to name classes: what it is given beside each example.
    pub finetune: Option<Finetune>,
}

/// The stages of an experiment on its data, in order.
pub fn stages(experiment: &Experiment, dataset: &Dataset) -> Vec<Stage> {
    let mut stages = Vec::new();
    if let Some(pretrain) = &experiment.pretrain {
        stages.extend((0..experiment.model.hidden().len()).map(|layer| pretraining_stage(pretrain, layer)));
    }
    if let Some(train) = &experiment.train {
        let (name, algorithm) = joint(train, &experiment.model);
        // EM needs all examples at once, and its q goes on from that of the same example.
        let whole = matches!(train.algorithm, config::Algorithm::ExpectationMaximization(_));
        stages.push(Stage {
            name: name.into(),
            algorithm,
            epochs: train.epochs,
            batch_size: if whole { usize::MAX } else { train.batch_size },
            learning_rate: train.learning_rate,
            network_learning_rate: train.network.learning_rate,
            momenta: [train.momentum, train.network.momentum],
            rules: some(rules::of_training(train, experiment.model.hidden().len())),
            patience: train.stop.map(|stop| stop.patience),
            shuffled: !whole,
            labelled: false,
            finetune: None,
        });
    }
    if let Some(finetune) = &experiment.finetune {
        stages.extend(fine_tuning(finetune, classes(dataset)));
    }
    stages
}

/// The softmax alone, where that is asked for, and then all weights.
fn fine_tuning(finetune: &Finetune, classes: usize) -> impl Iterator<Item = Stage> {
    let (by, pull) = match finetune.optimizer {
        Optimizer::Adam => (Ascent::Adam(Adam::default()), finetune.weight_decay),
        Optimizer::Sgd => (Ascent::Sgd(Sgd { momentum: finetune.momentum, weight_decay: finetune.weight_decay }), 0.0),
    };
    let parts = [("fine-tuning the softmax", finetune.warm_up_epochs, true), ("fine-tuning", finetune.epochs, false)];
    parts.into_iter().filter(|(_, epochs, _)| *epochs > 0).map(move |(name, epochs, only_output)| Stage {
        name: name.into(),
        algorithm: Box::new(FineTuning { classes, by, pull, dropout: finetune.dropout, only_output }),
        epochs,
        batch_size: finetune.batch_size,
        learning_rate: finetune.learning_rate,
        network_learning_rate: LearningRate::constant(0.0),
        momenta: [Course::constant(finetune.momentum); 2],
        rules: None,
        patience: None,
        shuffled: true,
        labelled: true,
        finetune: Some(finetune.clone()),
    })
}

impl Stage {
    /// Updates in one epoch over so many examples.
    pub fn steps_per_epoch(&self, examples: usize) -> u64 {
        examples.div_ceil(self.batch_size) as u64
    }

    /// Updates of the whole stage.
    pub fn steps(&self, examples: usize) -> u64 {
        self.steps_per_epoch(examples) * self.epochs as u64
    }
}

/// Rules that rule nothing are none, and cost nothing.
fn some(rules: Rules) -> Option<Rules> {
    (rules != Rules::default()).then_some(rules)
}

/// The stage of one layer, 0 the lowest RBM.
fn pretraining_stage(pretrain: &Pretrain, layer: usize) -> Stage {
    let own = pretrain.of_layer(layer);
    Stage {
        name: format!("pretraining layer {}", layer + 1),
        algorithm: match layer {
            0 => Box::new(pretraining(&own)),
            _ => Box::new(NextLayer(pretraining(&own))),
        },
        epochs: own.epochs,
        batch_size: own.batch_size,
        learning_rate: own.learning_rate,
        network_learning_rate: LearningRate::constant(0.0),
        momenta: [own.momentum; 2],
        rules: some(rules::of_layer(&own, layer)),
        patience: None,
        shuffled: true,
        labelled: false,
        finetune: None,
    }
}

fn pretraining(pretrain: &Pretrain) -> Growing<Pretraining> {
    let chains = pretrain.persistent_chains.unwrap_or(pretrain.batch_size);
    let by = Pretraining {
        negative: match pretrain.chains {
            Chains::Contrastive => NegativeStart::Data,
            Chains::Persistent => NegativeStart::Chains(chains),
        },
        sweeps: pretrain.gibbs_sweeps.start,
        sgd: Sgd { momentum: pretrain.momentum.start, weight_decay: pretrain.weight_decay },
    };
    Growing { by, sweeps: sweeps(pretrain.gibbs_sweeps) }
}

fn sweeps(config::Sweeps { start, end }: config::Sweeps) -> Sweeps {
    Sweeps { first: start, last: end }
}

/// The negative phase of joint training.
fn negative(negative: config::Negative, chains: usize, sweeps: config::Sweeps) -> AnyNegative {
    let sweeps = sweeps.start;
    let by = NegativePhase { chains, sweeps };
    match negative {
        config::Negative::Persistent {} => AnyNegative::Persistent(by),
        config::Negative::Contrastive {} => AnyNegative::Contrastive(Contrastive { sweeps }),
        config::Negative::Fast(config::Fast { learning_rate, decay }) => {
            AnyNegative::Fast(FastPersistent { by, learning_rate, decay })
        }
        config::Negative::Tempering(config::Tempering { temperatures: count, lowest, spacing, base }) => {
            let spacing = match spacing {
                config::Rungs::Even => Rungs::Even,
                config::Rungs::Geometric => Rungs::Geometric,
            };
            let base = match base {
                config::Base::Data => TemperedBase::Data,
                config::Base::Uniform => TemperedBase::Uniform,
            };
            AnyNegative::Tempered(Tempered { by, temperatures: Temperatures { count, lowest, spacing }, base })
        }
    }
}

/// The trainer of all layers, and what the user sees of it.
fn joint(train: &Train, model: &Model) -> (&'static str, Box<dyn Algorithm>) {
    let dbm = Sgd { momentum: train.momentum.start, weight_decay: train.weight_decay };
    let network = Sgd { momentum: train.network.momentum.start, weight_decay: 0.0 };
    match &train.algorithm {
        config::Algorithm::MaximumLikelihood(settings) => {
            let positive = SchemeByWord(settings.positive.clone());
            let negative = negative(settings.negative, settings.chains, settings.gibbs_sweeps);
            let by = MaximumLikelihood { positive, negative, dbm, network };
            let by = Growing { by, sweeps: sweeps(settings.gibbs_sweeps) };
            match settings.centring {
                Some(rate) => ("centred joint training", averaged(Centred { by, rate }, train)),
                None => ("joint training", averaged(by, train)),
            }
        }
        config::Algorithm::WakeSleep(_) if matches!(model, Model::BeliefNet(_)) => {
            let [generative, recognition] = [dbm, network].map(Ascent::Sgd);
            ("wake-sleep", Box::new(ReweightedWakeSleep { particles: 1, wake_share: 0.0, generative, recognition }))
        }
        config::Algorithm::ReweightedWakeSleep(settings) => {
            let wake_share = match settings.recognition {
                Recognized::Wake => 1.0,
                Recognized::Sleep => 0.0,
                Recognized::Both => 0.5,
            };
            let [generative, recognition] = [dbm, network].map(|sgd| ascent(settings.optimizer, sgd));
            let particles = settings.particles;
            let by = ReweightedWakeSleep { particles, wake_share, generative, recognition };
            ("reweighted wake-sleep", Box::new(by))
        }
        config::Algorithm::Reparameterized(_) => ("variational auto-encoder", Box::new(VaeTraining::default())),
        config::Algorithm::ExpectationMaximization(settings) => ("EM", expectation(settings, train, model)),
        config::Algorithm::DictionaryLearning(settings) => {
            let columns = settings.decay.map_or(Columns::UnitBall { rounds: 1 }, Columns::Decay);
            let by = DictionaryLearning { solver: Fista, until: Until::after(settings.iterations), columns };
            ("dictionary learning", Box::new(OnlineDictionary { by, memory: settings.memory }))
        }
        config::Algorithm::PredictiveSparseDecomposition(settings) => {
            let (gamma, until) = (settings.gamma, Until::after(settings.iterations));
            let columns = Some(Columns::UnitBall { rounds: 1 });
            let by = Psd { gamma, solver: Fista, until, adam: Adam::default(), columns };
            ("predictive sparse decomposition", Box::new(by))
        }
        config::Algorithm::MultiPrediction(settings) => {
            let ascent = ascent(settings.optimizer, dbm);
            let by = MultiPrediction { sweeps: settings.sweeps, drop: settings.drop, ascent };
            ("multi-prediction training", Box::new(by))
        }
        config::Algorithm::WakeSleep(settings) => {
            let negative = negative(settings.negative, settings.chains, settings.gibbs_sweeps);
            let by = WakeSleep { negative, dbm, network };
            ("wake-sleep", averaged(Growing { by, sweeps: sweeps(settings.gibbs_sweeps) }, train))
        }
    }
}

/// A trainer of a machine, whose model is a mean over updates where that is asked for.
fn averaged<T>(by: T, train: &Train) -> Box<dyn Algorithm>
where
    T: Trainer + Clone + 'static,
    T::State: State<Model = DbmWithNetwork> + 'static,
{
    match train.average.map(rules::average) {
        Some(average) => Box::new(Averaged { by, average }),
        None => Box::new(by),
    }
}

/// EM of the model, which has one E step, or of binary sparse coding two.
fn expectation(settings: &config::ExpectationMaximization, train: &Train, model: &Model) -> Box<dyn Algorithm> {
    let maximize = match settings.gradient_steps {
        Some(count) => AnyMaximize::Gradient(GradientSteps { count, rate: train.learning_rate.start }),
        None => AnyMaximize::ClosedForm,
    };
    let stop = EmStop { max_iterations: train.epochs, elbo: settings.stop_elbo, parameters: settings.stop_parameters };
    let expect = Exact { max_bits: config::Exact::MOST_BITS as f64 };
    let exact = ExpectationMaximization { expect, maximize, stop };
    match (model, settings.expectation) {
        (Model::BinarySparseCoding(_), Expectation::MeanField) => {
            let by = MeanField::default();
            let expect = WarmMeanField { by, stop: Stop::when_within(1e-6, 500), start: None, warm: true };
            Box::new(EmTraining::<BinarySparseCoding, _>::new(ExpectationMaximization { expect, maximize, stop }))
        }
        (Model::BinarySparseCoding(_), Expectation::Exact) => Box::new(EmTraining::<BinarySparseCoding, _>::new(exact)),
        (Model::BernoulliMixture(_), _) => Box::new(EmTraining::<Mixture<BernoulliComponents>, _>::new(exact)),
        (Model::GaussianMixture(_), _) => Box::new(EmTraining::<Mixture<GaussianComponents>, _>::new(exact)),
        _ => Box::new(EmTraining::<FactorAnalysis, _>::new(exact)),
    }
}

/// The way up a gradient: by `sgd`, or by Adam with its usual constants.
fn ascent(optimizer: Optimizer, sgd: Sgd) -> Ascent {
    match optimizer {
        Optimizer::Sgd => Ascent::Sgd(sgd),
        Optimizer::Adam => Ascent::Adam(Adam::default()),
    }
}

/// A positive phase by any scheme, made ready anew for the network of every update.
#[derive(Clone)]
struct SchemeByWord(Scheme);

impl PositivePhase for SchemeByWord {
    fn infer(&self, dbm: &Dbm, network: &Network, visible: &Tensor, stream: Stream) -> Result<Positive> {
        let chosen = Chosen::new(&self.0, Some(network), dbm.dtype());
        match chosen.map_err(|error: Error| candle_core::Error::msg(error.to_string()))? {
            Chosen::Factorial(scheme) => SchemeAlone(scheme).infer(dbm, network, visible, stream),
            Chosen::Exact(exact) => SchemeAlone(exact).infer(dbm, network, visible, stream),
            Chosen::Judged(_) => bail!("the answers of `{}` are judged but not learned from", self.0),
        }
    }
}
