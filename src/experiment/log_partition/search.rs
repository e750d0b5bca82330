//! The ways to ln Z, cut into pieces between which a run can stop.

use super::{Error, Result, Wanted};
use crate::evaluate::{self, Annealed, Annealing, Bounded, ExactSum, LogPartition, Path, Raising, Samples, Spacing};
use crate::experiment::config::{self, Ais, BaseRates, ExactPartition, Raise, Reverse, raised};
use crate::experiment::judge::{Portion, Watch};
use crate::experiment::schemes::mean_field;
use crate::experiment::setup::some_of;
use crate::inference::{BottomUp, Inference, Refined, Uninformed};
use crate::math::{Device, Layers, Nats, Stream, Tensor, host, log_mean_exp};
use crate::models::{Conditionals, Dbm, LatentModel, Reading, Schedule, Swept};
use crate::posterior::{Factorial, Posterior};

/// Exact sums this small are taken without being asked for.
const AUTO_BITS: f64 = 20.0;

/// Samples of the machine are drawn by enumeration up to this size: a second's work.
const SAMPLED_BITS: f64 = 16.0;

/// ln p̃(v) of each example of RAISE is summed up to this size.
const EVIDENCE_BITS: f64 = 12.0;

/// Temperatures or sweeps between two looks at whether to stop.
const STRETCH: usize = 10;

/// RAISE chains that are annealed together, as far as one example has no more.
const TOGETHER: usize = 200;

/// Examples whose hidden units give the base its rates.
const ACTIVITY_EXAMPLES: usize = 1000;

/// A base other than the data's rates is held against those by a run of a tenth of the temperatures, within these bounds.
const CHECKED_BY: [usize; 2] = [100, 1000];

/// A machine, and what there is to find its ln Z with.
#[derive(Clone, Copy)]
pub struct Search<'a> {
    pub dbm: &'a Dbm,
    /// The examples that are judged on, `[examples, visible]`: Gibbs chains and RAISE begin there.
    pub visible: &'a Tensor,
    /// Mean of each visible unit over the training examples.
    pub visible_means: Option<&'a [f64]>,
    pub stream: Stream,
}

impl Search<'_> {
    /// ln Z in the way asked for.
    pub fn log_partition(&self, wanted: &Wanted, watch: &mut Watch) -> Result<LogPartition> {
        let bits = evaluate::bits(self.dbm)?;
        match wanted {
            Wanted::Auto {} if bits <= AUTO_BITS => self.summed(AUTO_BITS, watch),
            Wanted::Auto {} => self.forward(Ais::default(), watch),
            Wanted::Ais(settings) => self.forward(*settings, watch),
            Wanted::Reverse(settings) => self.reverse(*settings, watch),
            Wanted::Raise(settings) => self.raise(*settings, watch),
            Wanted::Sandwich(config::Sandwich { temperatures, chains, base, sweeps, widest }) => {
                let (temperatures, chains, base, sweeps) = (*temperatures, *chains, *base, *sweeps);
                let forward = self.forward(Ais { temperatures, chains, base }, watch)?;
                let reverse = self.reverse(Reverse { temperatures, chains, base, sweeps }, watch)?;
                Ok(LogPartition::sandwich(forward, reverse, *widest))
            }
            Wanted::Exact(limit) if bits <= limit.bits() as f64 => self.summed(limit.bits() as f64, watch),
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

    fn summed(&self, max_bits: f64, watch: &mut Watch) -> Result<LogPartition> {
        let mut sum = ExactSum::new(self.dbm, max_bits)?;
        let of = sum.chunks() as usize;
        for done in 0..of {
            watch(Portion { what: "log Z", done, of })?;
            sum.advance()?;
        }
        watch(Portion { what: "log Z", done: of, of })?;
        Ok(sum.finish())
    }

    /// Forward chains; from a base other than the data's rates, held against a short run from those.
    fn forward(&self, settings: Ais, watch: &mut Watch) -> Result<LogPartition> {
        let mut found = self.annealed("log Z", settings, self.stream.named("ais"), watch)?;
        let Some(rates) = self.visible_means.filter(|_| !settings.base.follows_the_data()) else { return Ok(found) };
        let base = match self.base(settings.base)?.first() {
            Some(means) => host(means)?,
            None => host(&self.dbm.units()[0].mean(&self.dbm.free()?.biases()[0].zeros_like()?)?)?,
        };
        let distance = match self.dbm.units()[0].precision() {
            Some(precision) => evaluate::normal_distance(rates, &base, &host(precision)?),
            None => evaluate::base_distance(rates, &base),
        };
        found.doubts.extend(evaluate::far_base(settings.base.word(), distance));
        let [least, most] = CHECKED_BY;
        let temperatures = (settings.temperatures / 10).clamp(least, most);
        let check = Ais { temperatures, base: BaseRates::Data, ..settings };
        let check = self.annealed("log Z from the rates of the data", check, self.stream.named("check"), watch)?;
        found.doubts.extend(evaluate::contradicted(found.value, check.value, "the rates of the data"));
        Ok(found)
    }

    fn annealed(&self, what: &str, settings: Ais, stream: Stream, watch: &mut Watch) -> Result<LogPartition> {
        let path = self.path(settings.temperatures, settings.chains, settings.base)?;
        let chains = walk(what, &path, path.start(settings.chains, stream)?, watch)?;
        Ok(LogPartition::from_log_weights(&path, chains.log_weights)?)
    }

    /// Chains from samples of the machine back to the base.
    fn reverse(&self, settings: Reverse, watch: &mut Watch) -> Result<LogPartition> {
        let stream = self.stream.named("reverse");
        let (states, samples) = self.samples(settings.chains, settings.sweeps, stream.named("samples"), watch)?;
        let path = self.path(settings.temperatures, settings.chains, settings.base)?;
        let reversed = path.reversed();
        let done = walk("log Z, reverse", &reversed, reversed.start_at(states, stream)?, watch)?;
        let log_weights = done.log_weights.iter().map(|inverse| -inverse).collect();
        Ok(LogPartition::from_reverse(&path, log_weights, samples)?)
    }

    /// States of all layers, `[count, units]`: drawn by enumeration where that is cheap, else the ends of chains from the examples.
    fn samples(&self, count: usize, sweeps: usize, stream: Stream, watch: &mut Watch) -> Result<(Layers, Samples)> {
        let free = self.dbm.free()?;
        if evaluate::bits(self.dbm)? <= SAMPLED_BITS {
            return Ok((free.draw(count, SAMPLED_BITS, stream)?, Samples::Exact));
        }
        let examples = self.visible.dim(0)?;
        // From all over: they may be sorted by class.
        let rows: Vec<u32> = (0..count).map(|chain| (chain * examples / count) as u32).collect();
        let visible = self.visible.index_select(&Tensor::from_vec(rows, count, self.visible.device())?, 0)?;
        let q = BottomUp.infer(self.dbm, &visible, stream.named("start"))?.q;
        let mut states = vec![visible];
        for (l, input) in q.inputs().iter().enumerate() {
            states.push(q.units()[l].sample(input, stream.named("start").at(l as u64))?);
        }
        let mut swept = Swept::from_states(states);
        for done in (0..sweeps).step_by(STRETCH) {
            watch(Portion { what: "sweeps to samples", done, of: sweeps })?;
            let reading = Reading::Sample(stream.at(done as u64));
            swept = free.sweeps(swept, Schedule::OddEven, reading, STRETCH.min(sweeps - done))?;
        }
        Ok((swept.states, Samples::Chains(sweeps)))
    }

    /// Bounds of ln p(v) of some examples by reverse chains from them.
    fn raise(&self, settings: Raise, watch: &mut Watch) -> Result<LogPartition> {
        let examples = some_of(self.visible, settings.examples)?;
        let of = examples.dim(0)?;
        let block = (TOGETHER / settings.chains).max(1);
        let annealing = self.annealing(settings.temperatures, settings.chains, settings.base)?;
        let (mut log_weights, mut evidence) = (Vec::new(), Nats::new());
        for first in (0..of).step_by(block) {
            let rows = examples.narrow(0, first, block.min(of - first))?;
            let q = self.mean_field(&rows)?;
            evidence.extend(self.evidence(&rows, &q, first, settings.particles)?);
            let stream = self.stream.named("raise").from_row((first * settings.chains) as u64);
            let mut raising = Raising::new(self.dbm, &rows, &q, &annealing, stream)?;
            while raising.done() < raising.steps() {
                let each = raising.steps();
                watch(Portion { what: "RAISE", done: first * each + raising.done(), of: of * each })?;
                raising.advance(STRETCH)?;
            }
            log_weights.extend(raising.finish());
        }
        watch(Portion { what: "RAISE", done: of, of })?;
        let mut found = LogPartition::from_raise(settings.temperatures, &log_weights, &evidence)?;
        // Forward chains are seldom too high: where they find more, the annealing run is not the machine yet.
        let Raise { temperatures, chains, base, .. } = settings;
        let check = self.annealed("log Z", Ais { temperatures, chains, base }, self.stream.named("check"), watch)?;
        let error = found.raise.as_ref().and_then(|report| report.mean.error);
        let implied = Bounded::estimate(found.value.nats, error);
        found.doubts.extend(evaluate::contradicted(implied, check.value, "the same base"));
        Ok(found)
    }

    /// ln p̃(v) of `rows`, of which the first is example `first`: summed, or estimated with so many samples of `q`.
    fn evidence(&self, rows: &Tensor, q: &Factorial, first: usize, particles: usize) -> Result<Nats> {
        let bits = evaluate::posterior_bits(self.dbm)?;
        if bits <= EVIDENCE_BITS {
            return Ok(self.dbm.clamp(rows)?.log_partition(bits)?);
        }
        let mut nats = Nats::new();
        // One example at a time: each takes many rows.
        for row in 0..rows.dim(0)? {
            let own = q.select(&Tensor::new(&[row as u32], rows.device())?)?;
            let stream = self.stream.named("particles").from_row(((first + row) * particles) as u64);
            let log_weights = evaluate::importance(self.dbm, &rows.narrow(0, row, 1)?, &own, particles, stream)?;
            nats.extend(log_weights.iter().map(|row| log_mean_exp(row)));
        }
        Ok(nats)
    }

    fn path(&self, temperatures: usize, chains: usize, base: BaseRates) -> Result<Path> {
        Ok(Path::new(self.dbm, &self.annealing(temperatures, chains, base)?)?)
    }

    fn annealing(&self, temperatures: usize, chains: usize, base: BaseRates) -> Result<Annealing> {
        let base_means = self.base(base)?;
        Ok(Annealing { temperatures, chains, spacing: Spacing::default(), kept: None, base_means })
    }

    /// Means of the units at β = 0, layer by layer; inputs of zero, which is one half of binary units, for layers beyond the list.
    fn base(&self, base: BaseRates) -> Result<Layers> {
        let of_the_data =
            |means: &[f64]| -> Result<Tensor> { Ok(Tensor::new(means, &Device::Cpu)?.to_device(self.dbm.device())?) };
        match (base, self.visible_means) {
            (BaseRates::Data, Some(means)) => Ok(vec![of_the_data(means)?]),
            (BaseRates::Data | BaseRates::Activity, None) | (BaseRates::Uniform, _) => Ok(Layers::new()),
            (BaseRates::Activity, Some(means)) => Ok([vec![of_the_data(means)?], self.activity()?].concat()),
            (BaseRates::Biases, _) => Ok(vec![self.dbm.units()[0].mean(&self.dbm.free()?.biases()[0])?.squeeze(0)?]),
        }
    }

    /// Means of the hidden units over examples, `[units]` a layer.
    fn activity(&self) -> Result<Layers> {
        let q = self.mean_field(&some_of(self.visible, ACTIVITY_EXAMPLES)?)?;
        q.means()?.iter().map(|means| Ok(means.mean(0)?)).collect()
    }

    fn mean_field(&self, visible: &Tensor) -> Result<Factorial> {
        let (by, stop) = mean_field(&config::MeanField::default(), self.dbm.dtype());
        Ok(Refined { start: Uninformed, by, stop }.infer(self.dbm, visible, self.stream)?.q)
    }
}

/// Takes chains to the end of a path, with a word between the stretches.
fn walk(what: &str, path: &Path, mut chains: Annealed, watch: &mut Watch) -> Result<Annealed> {
    let of = path.temperatures();
    while chains.steps < of {
        watch(Portion { what, done: chains.steps, of })?;
        chains = path.advance(chains, STRETCH)?;
    }
    watch(Portion { what, done: of, of })?;
    Ok(chains)
}
