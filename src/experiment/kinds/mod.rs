//! Models of every kind, as a run carries them from stage to stage and a file holds them.
//!
//! A kind of model is a file here and a line in the list; everything else on this floor sees a [`Trained`] model.

mod belief_net;
mod binary_sparse_coding;
mod directed;
mod factor_analysis;
mod fine_tuned;
mod machine;
mod mixture;
mod sparse_coding;
mod vae;

use super::config::{Model, Scheme};
use super::judge::{Request, Watch};
use super::model_file::Reader;
use super::observe::{Range, Record, Value};
use super::results::Results;
use super::{Error, Known, Result};
use crate::inference::Trace;
use crate::learning::SavedTensors;
use crate::math::{DType, Device, Stream, Tensor, host};
use crate::models::{BernoulliComponents, BinarySparseCoding, FactorAnalysis, GaussianComponents, Mixture, Vae};
pub use belief_net::Net;
use directed::Directed;
pub use fine_tuned::FineTuned;
pub use machine::Machine;
pub use sparse_coding::Dictionary;

/// What this floor asks of a model, whatever its kind.
pub trait Kind {
    /// The kind in the user's words; none of a deep Boltzmann machine, which needs no name here.
    fn name(&self) -> Option<&'static str>;

    /// The section `[model]` of an experiment that makes one like it.
    fn section(&self) -> Model;

    /// The schemes that judge it unless others are asked for.
    fn usual_schemes(&self) -> Vec<Scheme> {
        self.section().usual_schemes()
    }

    /// Units per layer, visible first.
    fn sizes(&self) -> Vec<usize>;

    /// Precision of the parameters.
    fn dtype(&self) -> DType;

    /// Where the parameters are.
    fn device(&self) -> &Device;

    /// All parameters under their public names.
    fn tensors(&self) -> Result<Vec<(String, Tensor)>>;

    /// Judges the schemes asked for on `visible` `[examples, visible]`; what is `known` of ln Z need not be found again.
    fn judge(
        &self,
        visible: &Tensor,
        request: &Request,
        known: &mut Known,
        stream: Stream,
        watch: &mut Watch,
    ) -> Result<Results> {
        let _ = known;
        match self.directed() {
            Some(model) => directed::judge(model, visible, request, stream, watch),
            None => Err(Error::Compute { problem: "this kind of model has no way to be judged".into() }),
        }
    }

    /// The model as one that is normalised, which is judged without ln Z.
    fn directed(&self) -> Option<&dyn Directed> {
        None
    }

    /// How a scheme comes to its answers on `visible`, sweep by sweep; empty for schemes that do not sweep.
    fn traces(
        &self,
        visible: &Tensor,
        request: &Request,
        stream: Stream,
        watch: &mut Watch,
    ) -> Result<Vec<(String, Trace)>> {
        let _ = (visible, request, stream, watch);
        Ok(Vec::new())
    }

    /// Histograms of parameters and hidden means.
    fn histograms(&self, seen: Seen, record: &mut Record) -> Result<()> {
        let _ = seen;
        for (name, tensor) in self.tensors()? {
            record.push(format!("parameters/{name}"), Value::Histogram(host(&tensor)?));
        }
        Ok(())
    }

    /// Pictures of filters, reconstructions, samples and means.
    fn images(&self, seen: Seen, record: &mut Record) -> Result<()>;
}

/// What a model is looked at with.
#[derive(Clone, Copy)]
pub struct Seen<'a> {
    /// Held-out examples, `[examples, visible]`.
    pub visible: &'a Tensor,
    /// What the trainer has beside the model.
    pub tensors: &'a SavedTensors,
    /// Height and width of an example.
    pub shape: [usize; 2],
    /// Draws for the eye.
    pub stream: Stream,
    /// Whether the model is finished, so that pictures that take long are drawn too.
    pub finished: bool,
}

impl Seen<'_> {
    /// Shades of what may be any real number, or is between 0 and 1.
    pub fn range(&self) -> Range {
        let unit = host(self.visible).is_ok_and(|values| values.iter().all(|value| (0.0..=1.0).contains(value)));
        if unit { Range::Unit } else { Range::Symmetric }
    }
}

/// Models that are read from the tensors of a file.
pub trait Read: Sized {
    /// Takes its own tensors.
    fn read(reader: &mut Reader) -> Result<Self>;
}

/// The list of all kinds: the model, and the tensor that tells it in a file.
macro_rules! kinds {
    ($($name:ident($model:ty) by $telling:literal),+ $(,)?) => {
        /// A model of any kind.
        #[derive(Clone, Debug)]
        pub enum Trained {
            $(#[doc = concat!("Files hold it with the tensor `", $telling, "`.")] $name($model)),+
        }

        impl Trained {
            /// What this floor asks of it.
            pub fn kind(&self) -> &dyn Kind {
                match self {
                    $(Self::$name(model) => model),+
                }
            }

            /// The model of a file, by the tensors it has.
            pub(super) fn read(reader: &mut Reader) -> Result<Self> {
                $(if reader.has($telling) {
                    return Ok(Self::$name(<$model as Read>::read(reader)?));
                })+
                Err(reader.strange(&[$($telling),+]))
            }
        }
    };
}

kinds! {
    FineTuned(FineTuned) by "classifier.output.weight",
    Machine(Machine) by "layers.0.weight",
    BeliefNet(Net) by "generative.0.weight",
    Vae(Vae) by "encoder.mean.weight",
    BinarySparseCoding(BinarySparseCoding) by "beta",
    GaussianMixture(Mixture<GaussianComponents>) by "covariances",
    BernoulliMixture(Mixture<BernoulliComponents>) by "inputs",
    FactorAnalysis(FactorAnalysis) by "variances",
    SparseCoding(Dictionary) by "weight",
}

/// Models that are trained as they are kept.
macro_rules! kept {
    ($($name:ident($model:ty) as $wanted:literal),+ $(,)?) => {
        $(impl From<$model> for Trained {
            fn from(model: $model) -> Self {
                Self::$name(model)
            }
        }

        impl TryFrom<Trained> for $model {
            type Error = candle_core::Error;

            fn try_from(trained: Trained) -> crate::math::Result<Self> {
                match trained {
                    Trained::$name(model) => Ok(model),
                    other => Err(other.is_not($wanted)),
                }
            }
        })+
    };
}

kept! {
    Vae(Vae) as "a variational auto-encoder",
    BinarySparseCoding(BinarySparseCoding) as "binary sparse coding",
    GaussianMixture(Mixture<GaussianComponents>) as "a Gaussian mixture",
    BernoulliMixture(Mixture<BernoulliComponents>) as "a Bernoulli mixture",
    FactorAnalysis(FactorAnalysis) as "factor analysis",
}

impl Trained {
    /// The kind in the user's words.
    pub fn name(&self) -> &'static str {
        self.kind().name().unwrap_or("deep Boltzmann machine")
    }

    /// The error of a trainer that was given a model of another kind.
    fn is_not(&self, wanted: &str) -> candle_core::Error {
        candle_core::Error::msg(format!("holds a {}, and this training needs {wanted}", self.name()))
    }
}
