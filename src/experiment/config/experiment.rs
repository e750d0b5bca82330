//! What an experiment file holds, section by section.

use super::{
    Binarize, Data, Finetune, Kernels, LogPartition, Machine, Model, Pretrain, Scheme, Source, Split, Train, choice,
};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use toml::Table;

/// One experiment: data, model, how to train it, how to judge it, what to write down.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(remote = "Self", deny_unknown_fields)]
pub struct Experiment {
    /// What the run is called; part of the name of its folder.
    pub name: String,
    /// Master seed: every random number of the run follows from it.
    #[serde(default)]
    pub seed: u64,
    /// Precision of all arithmetic.
    #[serde(default, deserialize_with = "choice::word")]
    pub dtype: Dtype,
    /// Where the arithmetic happens.
    #[serde(default, deserialize_with = "choice::word")]
    pub device: Device,
    /// Which kernels compute in `f32` on the processor.
    #[serde(default, deserialize_with = "choice::word")]
    pub kernels: Kernels,
    /// What is learned from.
    pub data: Data,
    /// What is trained.
    pub model: Model,
    /// Greedy layer-wise pre-training; left out = start from small random weights.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pretrain: Option<Pretrain>,
    /// Joint training of all layers; left out = stop after pre-training.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub train: Option<Train>,
    /// Discriminative fine-tuning of the unrolled machine; left out = no classes are named.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub finetune: Option<Finetune>,
    /// Judging on held-out examples, while training and at the end.
    #[serde(default)]
    pub evaluate: Evaluate,
    /// What is written to the metrics archive and to TensorBoard.
    #[serde(default)]
    pub log: Log,
    /// When the whole state is saved.
    #[serde(default)]
    pub checkpoint: Checkpoint,
    /// Settings that take the place of those above at the quick size of `dbm reproduce`, section by section.
    #[serde(default, skip_serializing_if = "Table::is_empty")]
    pub quick: Table,
}

impl Experiment {
    /// The smallest experiment: every setting that has a default at its default.
    pub fn new(name: impl Into<String>, source: Source, hidden: Vec<usize>) -> Self {
        Self {
            name: name.into(),
            seed: 0,
            dtype: Dtype::default(),
            device: Device::default(),
            kernels: Kernels::default(),
            data: Data { source, binarize: Binarize::default(), flip: false, split: Split::default() },
            model: Model::Machine(Machine::new(hidden)),
            pretrain: None,
            train: None,
            finetune: None,
            evaluate: Evaluate::default(),
            log: Log::default(),
            checkpoint: Checkpoint::default(),
            quick: Table::new(),
        }
    }
}

impl Serialize for Experiment {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        // The function the derive makes.
        Self::serialize(self, serializer)
    }
}

impl<'de> Deserialize<'de> for Experiment {
    /// The schemes of a file that names none are those that suit its model, and real numbers stay what they are.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut experiment = Self::deserialize(deserializer)?;
        if experiment.evaluate.schemes == Evaluate::default().schemes {
            experiment.evaluate.schemes = experiment.model.usual_schemes();
        }
        if experiment.data.source.is_real() && experiment.data.binarize == Binarize::default() {
            experiment.data.binarize = Binarize::None;
        }
        Ok(experiment)
    }
}

/// Precision of all arithmetic.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Dtype {
    /// 32-bit floating point.
    #[default]
    F32,
    /// 64-bit floating point.
    F64,
}

/// Where the arithmetic happens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Device {
    /// The processor.
    #[default]
    Cpu,
    /// An NVIDIA GPU; needs a program built with the feature `cuda`.
    Cuda,
}

impl Device {
    /// The word for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Cpu => "cpu",
            Self::Cuda => "cuda",
        }
    }
}

/// Judging on held-out examples, while training and at the end.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Evaluate {
    /// Epochs between two evaluations; 0 = only at the end.
    pub every_epochs: usize,
    /// At most so many held-out examples while training; the end uses all.
    pub examples: usize,
    /// The inference schemes that are compared on the same model.
    pub schemes: Vec<Scheme>,
    /// How log Z is found while training.
    #[serde(with = "choice")]
    pub log_partition: LogPartition,
    /// How log Z is found at the end.
    #[serde(with = "choice")]
    pub final_log_partition: LogPartition,
}

impl Default for Evaluate {
    fn default() -> Self {
        Self {
            every_epochs: 10,
            examples: 1000,
            schemes: vec![Scheme::network(0), Scheme::network(1), Scheme::mean_field()],
            log_partition: LogPartition::default(),
            final_log_partition: LogPartition::default(),
        }
    }
}

/// What is written to the metrics archive and to TensorBoard.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Log {
    /// Updates between two points of a training curve.
    pub every_steps: usize,
    /// Epochs between two sets of weight and activation histograms; 0 = never.
    pub histograms_every_epochs: usize,
    /// Epochs between two sets of pictures (filters, reconstructions, chains, means); 0 = never.
    pub images_every_epochs: usize,
    /// Whether TensorBoard event files are written.
    pub tensorboard: bool,
}

impl Default for Log {
    fn default() -> Self {
        Self { every_steps: 50, histograms_every_epochs: 5, images_every_epochs: 5, tensorboard: true }
    }
}

/// When the whole state is saved.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Checkpoint {
    /// Epochs between two checkpoints; 0 = not by epochs.
    pub every_epochs: usize,
    /// Updates between two checkpoints; 0 = not by updates.
    pub every_steps: usize,
    /// The newest so many are kept.
    pub keep: usize,
    /// Whether the one with the best held-out ELBO is kept too.
    pub best: bool,
}

impl Default for Checkpoint {
    fn default() -> Self {
        Self { every_epochs: 1, every_steps: 0, keep: 3, best: true }
    }
}
