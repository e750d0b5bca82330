//! Settings that change nothing for the model or the machine at hand, so that nobody waits for their effect.

use super::{Algorithm, Device, Dtype, Experiment, Kernels, Network, Train};

impl Experiment {
    /// A note on everything that was set in vain.
    pub fn idle(&self) -> Vec<String> {
        self.idle_kernels().into_iter().chain(self.train.as_ref().and_then(idle_training)).collect()
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
fn idle_training(train: &Train) -> Option<String> {
    let (default, network) = (Train::default(), Network::default());
    let (by_momentum, by_network, by_rate) = match &train.algorithm {
        Algorithm::MaximumLikelihood(_) | Algorithm::WakeSleep(_) | Algorithm::ReweightedWakeSleep(_) => return None,
        Algorithm::Reparameterized(_) => (false, true, true),
        Algorithm::ExpectationMaximization(settings) => (false, false, settings.gradient_steps.is_some()),
        Algorithm::DictionaryLearning(_) => (false, false, false),
        Algorithm::PredictiveSparseDecomposition(_) => (false, false, true),
    };
    let settings = [
        ("learning_rate", by_rate, train.learning_rate != default.learning_rate),
        ("momentum", by_momentum, train.momentum != default.momentum),
        ("weight_decay", by_momentum, train.weight_decay != default.weight_decay),
        ("network.learning_rate", by_network, train.network.learning_rate != network.learning_rate),
        ("network.momentum", by_momentum, train.network.momentum != network.momentum),
    ];
    let idle = settings.iter().filter(|(_, read, set)| *set && !read).map(|(name, ..)| format!("train.{name}"));
    let idle: Vec<String> = idle.collect();
    let (verb, they) = if idle.len() == 1 { ("changes", "it") } else { ("change", "them") };
    let algorithm = train.algorithm.key();
    (!idle.is_empty()).then(|| format!("note: {} {verb} nothing: {algorithm} does not read {they}", idle.join(", ")))
}
