//! Experiment files: TOML in, a checked experiment out.

mod choice;
mod data;
mod experiment;
mod report;
mod scheme;
mod training;
mod word;

pub use data::{Amount, Binarize, Data, Source, Split};
pub use experiment::{
    Ais, Checkpoint, Device, Dtype, Evaluate, ExactPartition, Experiment, Log, LogPartition, Model, VisibleBias,
};
pub use scheme::{Exact, Gibbs, MeanField, NetworkScheme, Schedule, Scheme, Start};
pub use training::{Algorithm, Chains, Decay, LearningRate, MaximumLikelihood, Network, Pretrain, Train, WakeSleep};
pub use word::WORDS;
