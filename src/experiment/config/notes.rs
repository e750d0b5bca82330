//! Notes on settings that change nothing for the model or the machine at hand, or are large for it.

use super::{
    Algorithm, Device, Dtype, Experiment, Finetune, Kernels, MaximumLikelihood, Model, Network, Optimizer, Train,
};

impl Experiment {
    /// A note on everything that is set in vain, or left where it does not serve.
    pub fn notes(&self) -> Vec<String> {
        let train = self.train.as_ref();
        let training = train.and_then(|train| idle_training(train, &self.model)).into_iter();
        let training = training.chain(train.and_then(idle_chains)).chain(train.and_then(large_for_adam));
        let tuning = self.finetune.as_ref().and_then(Finetune::idle);
        self.idle_kernels().into_iter().chain(training).chain(tuning).collect()
    }

    /// A note where kernels are asked for by name and none of them serves.
    fn idle_kernels(&self) -> Option<String> {
        let reason = match (self.kernels, self.device, self.dtype) {
            (Kernels::Auto | Kernels::Off, ..) | (_, Device::Cpu, Dtype::F32) => return None,
            (_, Device::Cuda, _) => "the device is cuda",
            (_, Device::Cpu, Dtype::F64) => "dtype is f64",
        };
        let word = self.kernels.word();
        Some(format!(
            "note: kernels = \"{word}\" changes nothing: kernels compute in f32 on the processor, and {reason}"
        ))
    }
}

/// A note on settings of `[train]` that its algorithm does not read and that are not at their defaults.
fn idle_training(train: &Train, model: &Model) -> Option<String> {
    let (default, network) = (Train::default(), Network::default());
    let by_rules = model.machine().is_some();
    let (by_momentum, by_network, by_rate) = match &train.algorithm {
        Algorithm::MaximumLikelihood(_) | Algorithm::WakeSleep(_) => (true, true, true),
        Algorithm::ReweightedWakeSleep(settings) => (settings.optimizer == Optimizer::Sgd, true, true),
        Algorithm::Reparameterized(_) => (false, true, true),
        Algorithm::ExpectationMaximization(settings) => (false, false, settings.gradient_steps.is_some()),
        Algorithm::DictionaryLearning(_) => (false, false, false),
        Algorithm::PredictiveSparseDecomposition(_) => (false, false, true),
        Algorithm::MultiPrediction(settings) => (settings.optimizer == Optimizer::Sgd, false, true),
    };
    let settings = [
        ("learning_rate", by_rate, train.learning_rate != default.learning_rate),
        ("momentum", by_momentum, train.momentum != default.momentum),
        ("weight_decay", by_momentum, train.weight_decay != default.weight_decay),
        ("network.learning_rate", by_network, train.network.learning_rate != network.learning_rate),
        ("network.momentum", by_momentum && by_network, train.network.momentum != network.momentum),
        ("layer_rates", by_rules, train.layer_rates.is_some()),
        ("l1_decay", by_rules, train.l1_decay.is_some()),
        ("max_norm", by_rules, train.max_norm.is_some()),
        ("sparsity", by_rules, train.sparsity.is_some()),
        ("average", by_rules, train.average.is_some()),
    ];
    let idle = settings.iter().filter(|(_, read, set)| *set && !read).map(|(name, ..)| format!("train.{name}"));
    let idle: Vec<String> = idle.collect();
    let (verb, they) = if idle.len() == 1 { ("changes", "it") } else { ("change", "them") };
    let algorithm = train.algorithm.key();
    (!idle.is_empty()).then(|| format!("note: {} {verb} nothing: {algorithm} does not read {they}", idle.join(", ")))
}

/// A note on a number of chains where every chain starts at an example.
fn idle_chains(train: &Train) -> Option<String> {
    let Algorithm::MaximumLikelihood(settings) = &train.algorithm else { return None };
    let idle = !settings.negative.is_persistent() && settings.chains != MaximumLikelihood::default().chains;
    let note = "note: train.algorithm.maximum_likelihood.chains changes nothing: contrastive chains start at the batch, one each";
    idle.then(|| note.into())
}

/// A note on rates, perhaps the defaults, that are large for the trainers that move by Adam.
fn large_for_adam(train: &Train) -> Option<String> {
    const LARGE: f64 = 0.01;
    let network = ("train.network.learning_rate", train.network.learning_rate.start);
    let rates = match &train.algorithm {
        Algorithm::Reparameterized(_) => vec![("train.learning_rate", train.learning_rate.start), network],
        Algorithm::ReweightedWakeSleep(settings) if settings.optimizer == Optimizer::Adam => {
            vec![("train.learning_rate", train.learning_rate.start), network]
        }
        Algorithm::PredictiveSparseDecomposition(_) => vec![("train.learning_rate", train.learning_rate.start)],
        Algorithm::MultiPrediction(settings) if settings.optimizer == Optimizer::Adam => {
            vec![("train.learning_rate", train.learning_rate.start)]
        }
        _ => Vec::new(),
    };
    let large: Vec<String> =
        rates.iter().filter(|(_, rate)| *rate > LARGE).map(|(name, rate)| format!("{name} = {rate}")).collect();
    (!large.is_empty()).then(|| {
        format!(
            "note: {} is large for Adam, which moves every parameter by about that much in an update; 0.001 is usual",
            large.join(" and ")
        )
    })
}
