//! From the scheme words of an experiment to inference: the only place that matches them.

use super::config::{self, NetworkScheme, Scheme, Start};
use super::{Error, Result};
use crate::evaluate::posterior_bits;
use crate::inference::{
    AnyInference, BottomUp, Exact, Gibbs, Inference, MeanField, Network, Random, Refine, Refined, Stop, Uninformed,
};
use crate::math::DType;
use crate::models::{Dbm, Schedule, Stack};

/// Sweeps that mean field with a tolerance rarely exceeds.
const LIKELY_SWEEPS: usize = 100;

/// A scheme made ready for one machine, by the family of its q.
pub enum Chosen {
    /// Mean field, the network, Gibbs marginals.
    Factorial(AnyInference<Dbm>),
    /// The true posterior.
    Exact(Exact),
}

impl Chosen {
    /// Makes `scheme` ready; `network` is needed by the schemes that start from it.
    pub fn new(scheme: &Scheme, network: Option<&Network>, dtype: DType) -> Result<Self> {
        Self::make(scheme, network, dtype, |stop| stop)
    }

    /// The same for judging `dbm`; refused where its tables would be too large.
    pub fn for_machine(scheme: &Scheme, network: Option<&Network>, dbm: &Dbm) -> Result<Self> {
        if let Some(max_bits) = scheme.table_bits() {
            let bits = posterior_bits(dbm)?;
            if bits > max_bits as f64 {
                let (most, setting) = (config::Exact::MOST_BITS, format!("exact:max-bits={bits:.0}"));
                return Err(Error::Refused {
                    problem: format!(
                        "exact inference in this machine enumerates 2^{bits:.0} states per example; the limit is 2^{max_bits}"
                    ),
                    remedy: config::raised(bits as usize, most, "leave the scheme `exact` out", &setting),
                });
            }
        }
        Self::new(scheme, network, dbm.dtype())
    }

    /// The same, recording the ELBO of every sweep; `None` for a scheme that does not sweep towards an answer.
    pub fn traced(scheme: &Scheme, network: Option<&Network>, dtype: DType) -> Result<Option<AnyInference<Dbm>>> {
        let sweeps = matches!(scheme, Scheme::MeanField(_) | Scheme::Network(NetworkScheme { refine: 1.. }));
        Ok(match Self::make(scheme, network, dtype, Stop::traced)? {
            Self::Factorial(scheme) if sweeps => Some(scheme),
            _ => None,
        })
    }

    fn make(scheme: &Scheme, network: Option<&Network>, dtype: DType, watched: impl Fn(Stop) -> Stop) -> Result<Self> {
        Ok(match scheme {
            Scheme::Importance(_) => return Err(foreign(scheme, "a deep Boltzmann machine", "mean-field")),
            Scheme::Exact(exact) => Self::Exact(Exact { max_bits: exact.max_bits as f64 }),
            Scheme::Network(NetworkScheme { refine: 0 }) => Self::Factorial(Box::new(present(network)?)),
            Scheme::Network(NetworkScheme { refine }) => {
                Self::Factorial(refined(present(network)?, MeanField::default(), watched(Stop::after(*refine))))
            }
            Scheme::MeanField(settings) => {
                let by = MeanField { schedule: schedule(settings.schedule), damping: settings.damping };
                Self::Factorial(from(settings.start, network, by, watched(stop(settings, dtype)))?)
            }
            Scheme::Gibbs(settings) => {
                let by = Gibbs { schedule: Schedule::OddEven, burn_in: settings.burn_in };
                Self::Factorial(from(settings.start, network, by, Stop::after(settings.sweeps))?)
            }
        })
    }
}

/// Sweeps of one example, at most: an expectation where a tolerance decides, none where there is nothing to sweep but a table.
pub fn sweeps(scheme: &Scheme) -> Option<usize> {
    match scheme {
        Scheme::Exact(_) => None,
        Scheme::Importance(_) => Some(0),
        Scheme::Network(network) => Some(network.refine),
        Scheme::MeanField(settings) => Some(settings.sweeps.unwrap_or(settings.max_sweeps.min(LIKELY_SWEEPS))),
        Scheme::Gibbs(settings) => Some(settings.burn_in + settings.sweeps),
    }
}

/// The refusal of a scheme that does not infer in a model of this kind.
pub fn foreign(scheme: &Scheme, kind: &str, instead: &str) -> Error {
    Error::Refused { problem: format!("`{scheme}` does not infer in {kind}"), remedy: format!("ask for {instead}") }
}

/// Until converged unless a number of sweeps is given; the tolerance follows the precision.
fn stop(settings: &config::MeanField, dtype: DType) -> Stop {
    let default = if dtype == DType::F64 { 1e-10 } else { 1e-6 };
    match settings.sweeps {
        Some(sweeps) => Stop::after(sweeps),
        None => Stop::when_within(settings.tolerance.unwrap_or(default), settings.max_sweeps),
    }
}

fn from<R>(start: Start, network: Option<&Network>, by: R, stop: Stop) -> Result<AnyInference<Dbm>>
where
    R: Refine<Stack> + Send + Sync + 'static,
{
    Ok(match start {
        Start::Half => refined(Uninformed, by, stop),
        Start::BottomUp => refined(BottomUp, by, stop),
        Start::Random => refined(Random, by, stop),
        Start::Network => refined(present(network)?, by, stop),
    })
}

fn refined<S, R>(start: S, by: R, stop: Stop) -> AnyInference<Dbm>
where
    S: Inference<Dbm, Posterior = crate::posterior::Factorial> + Send + Sync + 'static,
    R: Refine<Stack> + Send + Sync + 'static,
{
    Box::new(Refined { start, by, stop })
}

fn present(network: Option<&Network>) -> Result<Network> {
    network.cloned().ok_or_else(|| Error::Refused {
        problem: "this model has no inference network (no tensors recognition.{l}.weight)".into(),
        remedy: "ask for mean-field:start=bottom_up, or train a network with the model".into(),
    })
}

fn schedule(schedule: config::Schedule) -> Schedule {
    match schedule {
        config::Schedule::Ascending => Schedule::Ascending,
        config::Schedule::OddEven => Schedule::OddEven,
        config::Schedule::Parallel => Schedule::Parallel,
    }
}
