//! ln Z of a machine in the way asked for, piece by piece, and once for all who ask in the same way.

use super::config::{Ais, ExactPartition, LogPartition as Wanted, raised};
use super::judge::{Portion, Request, Watch};
use super::{Error, Result};
use crate::evaluate::{self, Annealing, ExactSum, LogPartition, Path, Spacing};
use crate::math::{Device, Stream, Tensor};
use crate::models::Dbm;

/// Exact sums this small are taken without being asked for.
const AUTO_BITS: f64 = 20.0;

/// Temperatures between two looks at whether to stop.
const STRETCH: usize = 10;

/// ln Z of one machine, by one stream and with one set of visible means, under the way it was asked for.
#[derive(Clone, Debug, Default)]
pub struct Known(Option<(Wanted, LogPartition)>);

impl Known {
    /// What is known, or what is found now and known from then on.
    pub(super) fn log_partition(
        &mut self,
        dbm: &Dbm,
        request: &Request,
        stream: Stream,
        watch: &mut Watch,
    ) -> Result<LogPartition> {
        let wanted = &request.log_partition;
        if let Some((_, known)) = self.0.as_ref().filter(|(asked, _)| asked == wanted) {
            return Ok(known.clone());
        }
        let found = log_partition(dbm, wanted, request.visible_means.as_deref(), stream, watch)?;
        self.0 = Some((wanted.clone(), found.clone()));
        Ok(found)
    }
}

/// ln Z of a machine in the way asked for.
fn log_partition(
    dbm: &Dbm,
    wanted: &Wanted,
    visible_means: Option<&[f64]>,
    stream: Stream,
    watch: &mut Watch,
) -> Result<LogPartition> {
    let bits = evaluate::bits(dbm)?;
    match wanted {
        Wanted::Auto {} if bits <= AUTO_BITS => summed(dbm, AUTO_BITS, watch),
        Wanted::Auto {} => annealed(dbm, Ais::default(), visible_means, stream, watch),
        Wanted::Ais(settings) => annealed(dbm, *settings, visible_means, stream, watch),
        Wanted::Exact(limit) if bits <= limit.bits() as f64 => summed(dbm, limit.bits() as f64, watch),
        Wanted::Exact(limit) => Err(Error::Refused {
            problem: format!(
                "an exact log Z of this machine runs through 2^{bits:.0} states; the limit is 2^{}",
                limit.bits()
            ),
            remedy: raised(
                bits as usize,
                ExactPartition::MOST_BITS,
                "use ais",
                &format!("--max-bits {bits:.0}, in an experiment file max_bits = {bits:.0}"),
            ),
        }),
    }
}

fn summed(dbm: &Dbm, max_bits: f64, watch: &mut Watch) -> Result<LogPartition> {
    let mut sum = ExactSum::new(dbm, max_bits)?;
    let of = sum.chunks() as usize;
    for done in 0..of {
        watch(Portion { what: "log Z", done, of })?;
        sum.advance()?;
    }
    watch(Portion { what: "log Z", done: of, of })?;
    Ok(sum.finish())
}

fn annealed(
    dbm: &Dbm,
    Ais { temperatures, chains }: Ais,
    visible_means: Option<&[f64]>,
    stream: Stream,
    watch: &mut Watch,
) -> Result<LogPartition> {
    let visible_means = visible_means.map(|means| Tensor::new(means, &Device::Cpu)?.to_device(dbm.device()));
    let visible_means = visible_means.transpose()?;
    let settings = Annealing { temperatures, chains, spacing: Spacing::default(), kept: None, visible_means };
    let path = Path::new(dbm, &settings)?;
    let mut chains = path.start(chains, stream.named("ais"))?;
    while chains.steps < temperatures {
        watch(Portion { what: "log Z", done: chains.steps, of: temperatures })?;
        chains = path.advance(chains, STRETCH)?;
    }
    watch(Portion { what: "log Z", done: temperatures, of: temperatures })?;
    Ok(LogPartition::from_log_weights(&path, chains.log_weights)?)
}
