//! Floor 6: small decisive computations, each of which measures what one or several statements of the field say.
//!
//! A study is given its settings, a random stream and a [`Laboratory`]. It hands back [`Findings`]: named numbers,
//! curves, figures and tables. It judges nothing; the criteria stand in the experiment file and are held against the numbers by
//! [`Criterion::judge`].

mod alternation;
mod amortized;
mod annealing_moments;
pub mod atoms;
mod certified_codes;
mod code_solvers;
mod conservative_bound;
mod continuous_mean_field;
mod coordinate_ascent;
mod criterion;
mod digits_training;
mod direct_sums;
mod distant_modes;
mod dream_mismatch;
mod em_ascent;
mod em_course;
pub mod em_instances;
mod em_mean_field;
mod every_q;
mod exact_training;
mod expectation_cost;
mod explaining_away;
mod factorial_learning;
mod factorised;
mod figure;
mod findings;
mod fisher_identity;
mod fixed_points;
mod gaussian_bound;
mod generalized_em;
mod helmholtz_updates;
mod importance_ladder;
mod inference_network;
mod inference_speed;
pub mod instances;
mod joint_training;
mod largest_entropy;
mod learning_with_network;
mod likelihood_gradient;
mod lista_benchmark;
mod lost_uncertainty;
mod machine_identities;
mod mean_field_sweeps;
mod mode_search;
mod natural_patches;
mod negative_phases;
mod nets;
mod network_fit;
mod network_generalization;
pub mod number;
mod parallel_oscillation;
mod planted;
mod point_mass_bound;
mod predictive;
mod reparametrised_gradient;
mod scale;
mod scheme_comparison;
mod sparse_map;
mod stack_composition;
mod structured_gain;
mod table_sizes;
mod tap_orders;
mod training;
mod two_modes;
mod unrolled;
mod variational_autoencoder;
mod wake_sleep;

use crate::math::{Result, Stream, Tensor};
pub use criterion::{Criterion, Judgement, Verdict, verdict};
pub use figure::{Axis, Figure, Mark, Scale};
pub use findings::{Findings, Quantity, Series, Sheet};
use serde::{Deserialize, Serialize};

/// What a study finds around it: somebody to tell how far it is, a clock, and data that come with the program.
pub trait Laboratory {
    /// Says that `done` of `of` pieces of `what` are done; an error stops the study.
    fn at(&mut self, what: &str, done: usize, of: usize) -> Result<()>;
    /// Seconds since some moment, for statements about time.
    fn seconds(&self) -> f64;
    /// Bundled examples by name: `digits`, as binary 8x8 pictures, or `natural-images`, grey pictures in [0, 1].
    fn bundled(&self, name: &str) -> Result<Bundled>;
}

/// Examples that come with the program.
#[derive(Clone, Debug)]
pub struct Bundled {
    /// To learn from, `[examples, height · width]`, `f64`.
    pub train: Tensor,
    /// Held out, `[examples, height · width]`, `f64`; no rows where there are none.
    pub test: Tensor,
    /// Height and width of an example.
    pub shape: [usize; 2],
}

/// A computation that yields numbers a statement can be held against.
pub trait Study {
    /// Computes everything; the same settings and stream give the same findings, bit for bit, but for measured times.
    fn run(&self, stream: Stream, lab: &mut dyn Laboratory) -> Result<Findings>;
}

/// The list of all studies: their words in experiment files, and where they are.
macro_rules! studies {
    ($($module:ident :: $name:ident),+ $(,)?) => {
        /// A study by its word in an experiment file, with its settings.
        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case", deny_unknown_fields)]
        pub enum AnyStudy {
            $(#[doc = concat!("See `studies/", stringify!($module), ".rs`.")] $name($module::$name)),+
        }

        impl Study for AnyStudy {
            fn run(&self, stream: Stream, lab: &mut dyn Laboratory) -> Result<Findings> {
                match self {
                    $(Self::$name(study) => study.run(stream, lab)),+
                }
            }
        }
    };
}

studies! {
    alternation::Alternation,
    annealing_moments::AnnealingMoments,
    certified_codes::CertifiedCodes,
    code_solvers::CodeSolvers,
    conservative_bound::ConservativeBound,
    continuous_mean_field::ContinuousMeanField,
    coordinate_ascent::CoordinateAscent,
    digits_training::DigitsTraining,
    distant_modes::DistantModes,
    dream_mismatch::DreamMismatch,
    em_ascent::EmAscent,
    em_mean_field::EmMeanField,
    every_q::EveryQ,
    exact_training::ExactTraining,
    expectation_cost::ExpectationCost,
    explaining_away::ExplainingAway,
    factorial_learning::FactorialLearning,
    factorised::Factorised,
    fisher_identity::FisherIdentity,
    fixed_points::FixedPoints,
    gaussian_bound::GaussianBound,
    generalized_em::GeneralizedEm,
    helmholtz_updates::HelmholtzUpdates,
    importance_ladder::ImportanceLadder,
    inference_network::InferenceNetwork,
    inference_speed::InferenceSpeed,
    joint_training::JointTraining,
    largest_entropy::LargestEntropy,
    learning_with_network::LearningWithNetwork,
    likelihood_gradient::LikelihoodGradient,
    lista_benchmark::ListaBenchmark,
    lost_uncertainty::LostUncertainty,
    machine_identities::MachineIdentities,
    mean_field_sweeps::MeanFieldSweeps,
    mode_search::ModeSearch,
    natural_patches::NaturalPatches,
    negative_phases::NegativePhases,
    network_generalization::NetworkGeneralization,
    parallel_oscillation::ParallelOscillation,
    point_mass_bound::PointMassBound,
    predictive::Predictive,
    reparametrised_gradient::ReparametrisedGradient,
    scale::Scale,
    scheme_comparison::SchemeComparison,
    sparse_map::SparseMap,
    stack_composition::StackComposition,
    structured_gain::StructuredGain,
    table_sizes::TableSizes,
    tap_orders::TapOrders,
    two_modes::TwoModes,
    unrolled::Unrolled,
    variational_autoencoder::VariationalAutoencoder,
    wake_sleep::WakeSleep,
}
