//! Experiment files: TOML in, a checked experiment out.

mod check;
mod check_data;
mod check_model;
mod check_steps;
mod choice;
mod course;
mod data;
mod experiment;
mod finetune;
mod kernels;
mod load;
mod log_partition;
pub mod memory;
mod model;
mod multi_prediction;
mod negative;
mod notes;
mod optimizer;
mod overrides;
mod quick;
mod report;
mod resolved;
mod sampled;
mod scheme;
mod steps;
mod study;
mod thresholding;
mod training;
mod units;
mod word;

pub use check::{Problem, Problems, check, raised};
pub use course::{Course, Decay, LearningRate};
pub use data::{Amount, Binarize, Data, Files, HeldOut, Source, Split};
pub use experiment::{Checkpoint, Device, Dtype, Evaluate, Experiment, Log};
pub use finetune::{Finetune, Inputs};
pub use kernels::Kernels;
pub use load::{
    AnyLoaded, Loaded, checked, holds_study, load, load_any, load_study, load_text, parse, stored, stored_text, text_of,
};
pub use log_partition::{Ais, BaseRates, ExactPartition, LogPartition, Raise, Reverse, Sandwich};
pub use model::{
    BeliefNet, BernoulliMixture, BinarySparseCoding, FactorAnalysis, Fitting, GaussianMixture, Machine, Model,
    ProbabilisticPca, SparseCoding, Vae, VisibleBias,
};
pub use multi_prediction::MultiPrediction;
pub use negative::{Base, Fast, Negative, Rungs, Sweeps, Tempering};
pub use optimizer::Optimizer;
pub use report::suggestion;
pub use resolved::{marked, resolved, summary};
pub use sampled::{AnnealedPosterior, Importance, Proposal};
pub use scheme::{Blocks, Exact, Gibbs, Icm, Map, MeanField, NetworkScheme, Schedule, Scheme, Start, Structured, Tap};
pub use steps::{Average, Conclude, EarlyStop, LayerSettings, PerLayer, Sparsity};
pub use study::{StudyExperiment, check_study};
pub use thresholding::Thresholding;
pub use training::{
    Algorithm, Chains, DictionaryLearning, Expectation, ExpectationMaximization, MaximumLikelihood, Network,
    Predictive, Pretrain, Recognized, Reparameterized, ReweightedWakeSleep, Train, WakeSleep,
};
pub use units::{LabelUnits, Variances, VisibleUnits};
pub use word::WORDS;
