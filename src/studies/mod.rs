//! Floor 6: small decisive computations, each of which measures what one or several statements of the field say.
//!
//! A study is given its settings, a random stream and a [`Laboratory`]. It hands back [`Findings`]: named numbers,
//! curves, figures and tables. It judges nothing; the criteria stand in the experiment file and are held against the numbers by
//! [`Criterion::judge`].

mod annealing_moments;
mod conservative_bound;
mod continuous_mean_field;
mod coordinate_ascent;
mod criterion;
mod em_ascent;
mod em_course;
pub mod em_instances;
mod em_mean_field;
mod exact_training;
mod explaining_away;
mod factorial_learning;
mod figure;
mod findings;
mod fisher_identity;
mod gaussian_bound;
mod generalized_em;
pub mod instances;
mod joint_training;
mod largest_entropy;
mod likelihood_gradient;
mod lost_uncertainty;
mod mean_field_sweeps;
mod mode_search;
pub mod number;
mod parallel_oscillation;
mod point_mass_bound;
mod reparametrised_gradient;
mod training;
mod two_modes;
mod variational_autoencoder;

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
    annealing_moments::AnnealingMoments,
    conservative_bound::ConservativeBound,
    continuous_mean_field::ContinuousMeanField,
    coordinate_ascent::CoordinateAscent,
    em_ascent::EmAscent,
    em_mean_field::EmMeanField,
    explaining_away::ExplainingAway,
    exact_training::ExactTraining,
    factorial_learning::FactorialLearning,
    fisher_identity::FisherIdentity,
    gaussian_bound::GaussianBound,
    generalized_em::GeneralizedEm,
    parallel_oscillation::ParallelOscillation,
    joint_training::JointTraining,
    largest_entropy::LargestEntropy,
    likelihood_gradient::LikelihoodGradient,
    lost_uncertainty::LostUncertainty,
    mean_field_sweeps::MeanFieldSweeps,
    mode_search::ModeSearch,
    point_mass_bound::PointMassBound,
    reparametrised_gradient::ReparametrisedGradient,
    two_modes::TwoModes,
    variational_autoencoder::VariationalAutoencoder,
}
