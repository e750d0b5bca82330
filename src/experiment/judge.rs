//! Judges inference schemes on one model: log Z once, exact answers where feasible, then each scheme on the same examples.

use super::blocks::{exact_block, in_blocks, scheme_block};
use super::config::{LogPartition as Wanted, Scheme, memory};
use super::presented::Presented;
use super::results::Results;
use super::verdict::{Labels, Verdict};
use super::{Chosen, Error, Known, Result, clock, setup};
use crate::evaluate::{self, Assess, Assessment, Guarantee, Reference, Yardstick};
use crate::inference::{Inference, Network};
use crate::math::{Stream, Tensor};
use crate::models::Dbm;

/// Most work of exact answers that nobody asked for, in states times hidden units times examples: about a second on two cores. It
/// is counted and never timed, so that equal requests are judged alike everywhere.
pub const REFERENCE_WORK: f64 = (1_u64 << 25) as f64;

/// Most examples inferred once before the clock starts.
const WARM_UP: usize = 100;

/// What to judge, and how.
#[derive(Clone, Debug)]
pub struct Request<'a> {
    /// The name of the data in the results.
    pub data: &'a str,
    /// Schemes with the names they are shown under.
    pub schemes: Vec<(String, Scheme)>,
    /// How ln Z is found.
    pub log_partition: Wanted,
    /// Mean of each visible unit in the data, for AIS base rates; without it AIS starts from zero biases.
    pub visible_means: Option<Vec<f64>>,
    /// Keep the values of single examples.
    pub per_example: bool,
}

/// Called between pieces of the work; an error stops it. A piece is one temperature of annealing, one chunk of an exact sum or one
/// block of examples: a fraction of a second, but as long as it takes where a single temperature or example is more than that.
pub type Watch<'a> = dyn FnMut(Portion<'_>) -> Result<()> + 'a;

/// How far a piece of the work is.
#[derive(Clone, Copy, Debug)]
pub struct Portion<'a> {
    /// What is being done, in the user's words.
    pub what: &'a str,
    /// Units of it done.
    pub done: usize,
    /// Units of it in all.
    pub of: usize,
}

/// Judges every scheme on `visible` `[examples, visible]`; of a machine with label units, the labels may stand beside them, which no
/// scheme sees.
pub fn judge(
    dbm: &Dbm,
    network: Option<&Network>,
    visible: &Tensor,
    request: &Request,
    stream: Stream,
    watch: &mut Watch,
) -> Result<Results> {
    judge_knowing(dbm, network, visible, request, &mut Known::default(), stream, watch)
}

/// The same, where ln Z may be known from judging the same machine by the same `stream`; if not, it is afterwards.
pub fn judge_knowing(
    dbm: &Dbm,
    network: Option<&Network>,
    examples: &Tensor,
    request: &Request,
    known: &mut Known,
    stream: Stream,
    watch: &mut Watch,
) -> Result<Results> {
    let visible = &dbm.visible_of(examples)?;
    let presented = Presented::of(visible)?;
    let (dtype, wanted) = (setup::dtype_word(dbm.dtype()), &request.log_partition);
    memory::judging(&dbm.sizes(), dtype, request.schemes.iter().map(|(_, scheme)| scheme), wanted, visible.dim(0)?)?;
    let schemes = request.schemes.iter();
    let chosen: Vec<Chosen> =
        schemes.map(|(_, scheme)| Chosen::for_machine(scheme, network, dbm)).collect::<Result<_>>()?;
    let log_partition = known.log_partition(dbm, (visible, &presented), request, stream, watch)?;
    let reference = reference(dbm, visible, request, watch)?;
    let stream = stream.named("infer");
    let assessments = request.schemes.iter().zip(&chosen).map(|((name, scheme), chosen)| {
        let contest = Contest { dbm, visible, reference: reference.as_ref(), block: scheme_block(scheme, dbm)? };
        contest.assess(name, chosen, stream.named(name), watch)
    });
    let assessments = assessments.collect::<Result<Vec<_>>>()?;
    let evidence = reference.map(|reference| reference.log_evidence_unnormalized);
    let (kind, sizes, dtype) = (None, dbm.sizes(), dbm.dtype());
    let labels = labels(dbm, examples, watch)?;
    let binary = dbm.units()[0].is_logistic();
    let verdict =
        Verdict { kind, sizes, dtype, request, presented, log_partition, evidence, binary, assessments, labels };
    Ok(verdict.results())
}

/// Examples whose exact p(label | v) is found at once.
const LABEL_BLOCK: usize = 500;

/// The labels beside the examples, and the likeliest ones where they have a closed form.
fn labels(dbm: &Dbm, examples: &Tensor, watch: &mut Watch) -> Result<Option<Labels>> {
    let Some(given) = dbm.labels_of(examples)? else { return Ok(None) };
    let mut exact = Some(Vec::new());
    in_blocks("exact labels", examples, LABEL_BLOCK, watch, |_, rows| {
        exact = exact.take().zip(evaluate::exact_labels(dbm, rows)?).map(|(before, found)| [before, found].concat());
        Ok(())
    })?;
    Ok(Some(Labels { given: evaluate::likeliest(&given)?, exact }))
}

/// Exact answers where they are little work, and as far as an exact scheme was asked for.
fn reference(dbm: &Dbm, visible: &Tensor, request: &Request, watch: &mut Watch) -> Result<Option<Reference>> {
    let bits = evaluate::posterior_bits(dbm)?;
    let hidden: usize = dbm.sizes().iter().skip(1).sum();
    let cheap = bits.exp2() * hidden as f64 * visible.dim(0)? as f64 <= REFERENCE_WORK;
    let asked = request.schemes.iter().any(|(_, scheme)| scheme.table_bits().is_some_and(|most| bits <= most as f64));
    if !cheap && !asked {
        return Ok(None);
    }
    let mut parts = Vec::new();
    in_blocks("exact answers", visible, exact_block(dbm, bits), watch, |_, rows| {
        parts.push(Reference::tabulate(dbm, rows, bits)?);
        Ok(())
    })?;
    Ok(Some(Reference::join(&parts)?))
}

/// What all schemes are judged on, and how many examples this one sees at once.
struct Contest<'a> {
    dbm: &'a Dbm,
    visible: &'a Tensor,
    reference: Option<&'a Reference>,
    block: usize,
}

impl Contest<'_> {
    fn assess(&self, name: &str, scheme: &Chosen, stream: Stream, watch: &mut Watch) -> Result<Assessment> {
        let clock = clock::Stopwatch::start();
        let seconds = || clock.seconds();
        let mut whole: Option<Assessment> = None;
        let mut paces = Vec::new();
        in_blocks(name, self.visible, self.block, watch, |first, rows| {
            let by = Yardstick { reference: self.reference, first };
            let part = match scheme {
                Chosen::Factorial(scheme) => {
                    if first == 0 {
                        // The first call pays for cold caches and sleeping threads, whatever the scheme.
                        scheme.infer(self.dbm, &rows.narrow(0, 0, rows.dim(0)?.min(WARM_UP))?, stream)?;
                    }
                    scheme.assess(self.dbm, rows, by, stream, &seconds)?
                }
                Chosen::Judged(scheme) => scheme.assess(self.dbm, rows, by, stream, &seconds)?,
                Chosen::Exact(exact) => {
                    let part = exact.assess(self.dbm, rows, by, stream, &seconds)?;
                    Assessment { guarantee: Guarantee::Exact, ..part }
                }
            };
            paces.push((part.examples(), part.seconds));
            match &mut whole {
                Some(whole) => whole.append(part),
                None => whole = Some(part),
            }
            Ok(())
        })?;
        let whole = whole.ok_or_else(|| Error::Compute { problem: format!("{name} was judged on no examples") })?;
        Ok(Assessment { seconds: median_pace(&paces) * whole.examples() as f64, ..whole })
    }
}

/// Seconds per example of the median block, given examples and seconds of each: what else the machine is at now and then does not
/// count. A last block with fewer examples than the first counts only where it is one of two.
fn median_pace(blocks: &[(usize, f64)]) -> f64 {
    let most = blocks.iter().map(|(examples, _)| *examples).max().unwrap_or(0);
    let counted = |block: &&(usize, f64)| blocks.len() < 3 || block.0 == most;
    let pace = |(examples, seconds): &(usize, f64)| seconds / (*examples).max(1) as f64;
    let mut paces: Vec<f64> = blocks.iter().filter(counted).map(pace).collect();
    paces.sort_by(f64::total_cmp);
    let at = |index: usize| paces.get(index).copied().unwrap_or_default();
    (at(paces.len().saturating_sub(1) / 2) + at(paces.len() / 2)) / 2.0
}
