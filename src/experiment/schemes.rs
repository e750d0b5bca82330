//! From the scheme words of an experiment to inference: the only place that matches them.

use super::config::{self, NetworkScheme, Proposal, Scheme, Start};
use super::{Error, Result};
use crate::evaluate::{AnyScheme, Sampled, Weighing, posterior_bits};
use crate::inference::{
    AnyInference, BottomUp, Exact, Gibbs, Inference, IteratedModes, Map, MeanField, Network, Random, Refine, Refined,
    Stop, Structured, Tables, Tap, Uninformed,
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
    /// What can be judged and not learned from: a point, tables over blocks, TAP.
    Judged(AnyScheme<Dbm>),
}

impl Chosen {
    /// Makes `scheme` ready; `network` is needed by the schemes that start from it.
    pub fn new(scheme: &Scheme, network: Option<&Network>, dtype: DType) -> Result<Self> {
        Self::make(scheme, network, dtype, |stop| stop)
    }

    /// The same for judging `dbm`; refused where its tables would be too large.
    pub fn for_machine(scheme: &Scheme, network: Option<&Network>, dbm: &Dbm) -> Result<Self> {
        if let Some(max_bits) = scheme.enumerated_bits() {
            let (bits, word) = (posterior_bits(dbm)?, scheme.key());
            if bits > max_bits as f64 {
                let (most, setting) = (config::Exact::MOST_BITS, format!("{word}:max-bits={bits:.0}"));
                return Err(Error::Refused {
                    problem: format!(
                        "{word} inference in this machine enumerates 2^{bits:.0} states per example; the limit is 2^{max_bits}"
                    ),
                    remedy: config::raised(bits as usize, most, &format!("leave the scheme `{word}` out"), &setting),
                });
            }
        }
        if dbm.classes().is_some() && matches!(scheme, Scheme::Structured(_) | Scheme::Tap(_)) {
            return Err(Error::Refused {
                problem: format!(
                    "`{scheme}` takes units one by one, and the label units of this machine are one group"
                ),
                remedy: "ask for mean-field, network+1, gibbs, map, icm or exact".into(),
            });
        }
        if let Scheme::Structured(settings) = scheme {
            let (units, most) = (settings.blocks.largest(&dbm.sizes()[1..]), config::Structured::MOST_BITS);
            if units > most {
                return Err(Error::Refused {
                    problem: format!(
                        "`{scheme}` makes tables of 2^{units} states of each example; the limit is 2^{most}"
                    ),
                    remedy: format!("ask for structured:blocks={most} at most"),
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
            Scheme::Ista(_) | Scheme::Fista(_) => {
                return Err(foreign(scheme, "a deep Boltzmann machine", "mean-field"));
            }
            Scheme::Exact(exact) => Self::Exact(Exact { max_bits: exact.max_bits as f64 }),
            Scheme::Network(NetworkScheme { refine: 0 }) => Self::Factorial(Box::new(present(network)?)),
            Scheme::Network(NetworkScheme { refine }) => {
                Self::Factorial(refined(present(network)?, MeanField::default(), watched(Stop::after(*refine))))
            }
            Scheme::MeanField(settings) => {
                let (by, stop) = mean_field(settings, dtype);
                Self::Factorial(from(settings.start, network, by, watched(stop))?)
            }
            Scheme::Gibbs(settings) => {
                let by = Gibbs { schedule: Schedule::OddEven, burn_in: settings.burn_in };
                Self::Factorial(from(settings.start, network, by, Stop::after(settings.sweeps))?)
            }
            Scheme::Map(map) => Self::Judged(Box::new(Map { max_bits: map.max_bits as f64 })),
            Scheme::Icm(config::Icm { starts, max_sweeps }) => {
                Self::Judged(Box::new(IteratedModes { starts: *starts, max_sweeps: *max_sweeps }))
            }
            Scheme::Structured(settings) => {
                let stop = until(settings.tolerance, settings.max_sweeps, dtype);
                let start = from(settings.start, network, MeanField::default(), stop)?;
                let tables = tables(settings.blocks);
                let max_bits = config::Structured::MOST_BITS as f64;
                Self::Judged(Box::new(Structured { start, tables, max_bits, stop }))
            }
            Scheme::Tap(settings) => {
                let stop = until(settings.tolerance, settings.max_sweeps, dtype);
                let start = from(settings.start, network, MeanField::default(), Stop::after(0))?;
                Self::Judged(Box::new(Tap { start, order: settings.order, damping: settings.damping, stop }))
            }
            Scheme::Importance(settings) => {
                let start = proposal(settings.proposal, network, dtype)?;
                Self::Judged(Box::new(Sampled { start, samples: settings.particles, by: Weighing::Importance }))
            }
            Scheme::Ais(settings) => {
                let start = proposal(settings.proposal, network, dtype)?;
                let by = Weighing::Annealing { temperatures: settings.temperatures };
                Self::Judged(Box::new(Sampled { start, samples: settings.chains, by }))
            }
        })
    }
}

/// The q whose samples are weighed.
fn proposal(proposal: Proposal, network: Option<&Network>, dtype: DType) -> Result<AnyInference<Dbm>> {
    match proposal {
        Proposal::MeanField => {
            let (by, stop) = mean_field(&config::MeanField::default(), dtype);
            from(Start::Half, network, by, stop)
        }
        Proposal::Network => Ok(Box::new(present(network)?)),
    }
}

fn tables(blocks: config::Blocks) -> Tables {
    match blocks {
        config::Blocks::Columns => Tables::Columns,
        config::Blocks::OfSize(units) => Tables::OfSize(units),
        config::Blocks::All => Tables::OfSize(usize::MAX),
    }
}

/// Bits of the largest table that a scheme holds of one example.
pub fn table_bits(scheme: &Scheme, dbm: &Dbm) -> Result<f64> {
    Ok(match scheme {
        Scheme::Structured(settings) => settings.blocks.largest(&dbm.sizes()[1..]) as f64,
        _ => posterior_bits(dbm)?,
    })
}

/// Sweeps of one example, at most: an expectation where a tolerance decides, none where there is nothing to sweep but a table.
pub fn sweeps(scheme: &Scheme) -> Option<usize> {
    match scheme {
        Scheme::Exact(_) | Scheme::Map(_) | Scheme::Structured(_) => None,
        Scheme::Icm(icm) => Some(icm.starts.saturating_mul(icm.max_sweeps.min(LIKELY_SWEEPS))),
        Scheme::Tap(tap) => Some(tap.order.saturating_mul(tap.max_sweeps.min(LIKELY_SWEEPS))),
        Scheme::Ista(_) | Scheme::Fista(_) => Some(0),
        // Mean field comes first, and a sample costs about as much as a sweep.
        Scheme::Importance(settings) => Some(LIKELY_SWEEPS.saturating_add(settings.particles)),
        Scheme::Ais(settings) => {
            Some(LIKELY_SWEEPS.saturating_add(settings.temperatures.saturating_mul(settings.chains)))
        }
        Scheme::Network(network) => Some(network.refine),
        Scheme::MeanField(settings) => Some(settings.sweeps.unwrap_or(settings.max_sweeps.min(LIKELY_SWEEPS))),
        Scheme::Gibbs(settings) => Some(settings.burn_in + settings.sweeps),
    }
}

/// The refusal of a scheme that does not infer in a model of this kind.
pub fn foreign(scheme: &Scheme, kind: &str, instead: &str) -> Error {
    Error::Refused { problem: format!("`{scheme}` does not infer in {kind}"), remedy: format!("ask for {instead}") }
}

/// Mean field as it was asked for, in this precision.
pub fn mean_field(settings: &config::MeanField, dtype: DType) -> (MeanField, Stop) {
    let by = MeanField { schedule: schedule(settings.schedule), damping: settings.damping };
    (by, stop(settings, dtype))
}

/// Until converged unless a number of sweeps is given.
fn stop(settings: &config::MeanField, dtype: DType) -> Stop {
    match settings.sweeps {
        Some(sweeps) => Stop::after(sweeps),
        None => until(settings.tolerance, settings.max_sweeps, dtype),
    }
}

/// Until converged; the tolerance follows the precision where none is given.
fn until(tolerance: Option<f64>, max_sweeps: usize, dtype: DType) -> Stop {
    let default = if dtype == DType::F64 { 1e-10 } else { 1e-6 };
    Stop::when_within(tolerance.unwrap_or(default), max_sweeps)
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
