//! Experiment files: TOML in, a checked experiment out.

mod check;
mod check_data;
mod check_model;
mod choice;
mod data;
mod experiment;
mod kernels;
mod load;
pub mod memory;
mod model;
mod notes;
mod overrides;
mod report;
mod resolved;
mod scheme;
mod study;
mod thresholding;
mod training;
mod units;
mod word;

pub use check::{Problem, check, raised};
pub use data::{Amount, Binarize, Data, Files, Source, Split};
pub use experiment::{Ais, Checkpoint, Device, Dtype, Evaluate, ExactPartition, Experiment, Log, LogPartition};
pub use kernels::Kernels;
pub use load::{AnyLoaded, Loaded, holds_study, load, load_any, load_study, parse, stored, text_of};
pub use model::{
    BeliefNet, BernoulliMixture, BinarySparseCoding, FactorAnalysis, Fitting, GaussianMixture, Machine, Model,
    ProbabilisticPca, SparseCoding, Vae, VisibleBias,
};
pub use report::suggestion;
pub use resolved::{marked, resolved, summary};
pub use scheme::{
    Blocks, Exact, Gibbs, Icm, Importance, Map, MeanField, NetworkScheme, Schedule, Scheme, Start, Structured, Tap,
};
pub use study::{StudyExperiment, check_study};
pub use thresholding::Thresholding;
pub use training::{
    Algorithm, Chains, Decay, DictionaryLearning, Expectation, ExpectationMaximization, LearningRate,
    MaximumLikelihood, Network, Predictive, Pretrain, Recognized, Reparameterized, ReweightedWakeSleep, Train,
    WakeSleep,
};
pub use units::{LabelUnits, Variances, VisibleUnits};
pub use word::WORDS;
