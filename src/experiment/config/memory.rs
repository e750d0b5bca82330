//! How much memory the sizes of an experiment ask for, estimated before anything is allocated.

use super::{Algorithm, Chains, Dtype, Experiment, LogPartition, Scheme};
use crate::experiment::{Error, Result};
use std::path::{Path, PathBuf};

/// Taken as the machine's memory where the system does not tell: 16 GiB.
const USUAL: f64 = (1_u64 << 34) as f64;

/// How often training holds a number per weight: machine, network, the last move of both, the statistics of both phases, two
/// gradients, the new values, a checkpoint of them, and machine and network packed for products both ways.
const COPIES: f64 = 16.0;

/// How often more where parameters are averaged: the means of machine and network, packed, and saved.
const MEANS: f64 = 6.0;

/// How often a row of units is held while it is swept: states, inputs, draws, means and what is measured on them.
const ROW: f64 = 10.0;

/// How often a number per pair of hidden units is held while a scheme knows them by pairs: the matrix, two powers of it, each
/// once more by layers or blocks.
const COUPLINGS: f64 = 6.0;

/// Examples judged at once.
const BLOCK: usize = 1000;

/// Table entries held at once where posteriors are tabulated: more only for a single example.
const ENTRIES: f64 = (1_u64 << 21) as f64;

/// What of the data decides how much memory is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extent {
    /// Visible units.
    pub visible: usize,
    /// Training examples.
    pub train: usize,
    /// Test examples, or validation examples where those are more.
    pub held_out: usize,
    /// Bytes of all examples, as they are kept.
    pub bytes: usize,
}

impl Extent {
    /// The least that an experiment's data can be, before they are read.
    fn least(experiment: &Experiment) -> Self {
        let [height, width] = experiment.data.source.shape().unwrap_or([1, 1]);
        Self { visible: height.saturating_mul(width), train: 1, held_out: 1, bytes: 0 }
    }
}

/// Something that takes memory, by the setting that decides how much.
struct Part {
    path: String,
    bytes: f64,
    remedy: &'static str,
}

/// What does not fit into the machine's memory, and why: path, message and remedy.
pub type TooLarge = (String, String, &'static str);

/// The largest part of an experiment that does not fit into this machine's memory; without `extent`, as far as the file tells.
pub fn too_large(experiment: &Experiment, extent: Option<Extent>) -> Option<TooLarge> {
    let known = extent.unwrap_or_else(|| Extent::least(experiment));
    let mut machine = Machine::new(known.visible, &experiment.model.hidden(), experiment.dtype);
    machine.training(experiment, known);
    let evaluate = &experiment.evaluate;
    for (i, scheme) in evaluate.schemes.iter().enumerate() {
        machine.tables(format!("evaluate.schemes.{i}"), scheme, 1);
    }
    machine.annealing("evaluate.log_partition", &evaluate.log_partition);
    machine.annealing("evaluate.final_log_partition", &evaluate.final_log_partition);
    machine.judged("data", known.held_out);
    machine.part("data.split.train", known.bytes as f64, "set it lower, or use fewer examples");
    machine.verdict()
}

/// Refuses to judge a machine of these `sizes` (visible first) on so many examples where that does not fit into memory.
pub fn judging<'a>(
    sizes: &[usize],
    dtype: Dtype,
    schemes: impl Iterator<Item = &'a Scheme>,
    log_partition: &LogPartition,
    examples: usize,
) -> Result<()> {
    let (visible, hidden) = sizes.split_first().map_or((0, &[][..]), |(visible, hidden)| (*visible, hidden));
    let mut machine = Machine::new(visible, hidden, dtype);
    for scheme in schemes {
        machine.tables(format!("scheme {scheme}"), scheme, 1);
    }
    machine.annealing("", log_partition);
    machine.judged(&format!("judging {examples} examples"), examples);
    refuse(machine.verdict())
}

/// Bytes of a value of a sample: state and probability, twice while they are put together, then as `f64` and as a shade of grey.
pub const SAMPLED_VALUE: usize = 64;

/// Refuses `count` samples of so many bytes each where they do not fit into memory; `asked` is what asks for so many.
pub fn samples(count: usize, bytes: usize, asked: &str) -> Result<()> {
    let part =
        Part { path: asked.into(), bytes: count as f64 * bytes as f64, remedy: "ask for fewer samples at a time" };
    refuse(verdict(&[part]))
}

/// The problem as an error of a request.
pub fn refuse(found: Option<TooLarge>) -> Result<()> {
    found.map_or(Ok(()), |(path, message, remedy)| {
        Err(Error::Refused { problem: format!("{path} {message}"), remedy: remedy.into() })
    })
}

/// A machine, and what is to be held beside it.
struct Machine {
    weights: f64,
    units: f64,
    hidden: f64,
    /// Bits of a table over its posterior.
    bits: f64,
    /// Bytes of a value.
    width: f64,
    parts: Vec<Part>,
}

impl Machine {
    fn new(visible: usize, hidden: &[usize], dtype: Dtype) -> Self {
        let sizes: Vec<f64> = std::iter::once(&visible).chain(hidden).map(|&units| units as f64).collect();
        Self {
            weights: sizes.windows(2).map(|pair| pair[0] * pair[1]).sum(),
            units: sizes.iter().sum(),
            hidden: sizes.iter().skip(1).sum(),
            bits: super::check::smaller_half(hidden.iter().copied()) as f64,
            width: if dtype == Dtype::F64 { 8.0 } else { 4.0 },
            parts: Vec::new(),
        }
    }

    fn part(&mut self, path: impl Into<String>, bytes: f64, remedy: &'static str) {
        self.parts.push(Part { path: path.into(), bytes, remedy });
    }

    /// Bytes of so many rows of all units while they are swept.
    fn rows(&self, rows: usize) -> f64 {
        rows as f64 * self.units * self.width * ROW
    }

    fn training(&mut self, experiment: &Experiment, extent: Extent) {
        const CHAINS: &str = "use fewer chains, or fewer units";
        const BATCH: &str = "use smaller batches, or fewer units";
        let averaged = experiment.train.as_ref().is_some_and(|train| train.average.is_some());
        let copies = if averaged { COPIES + MEANS } else { COPIES };
        self.part("model.hidden", self.weights * self.width * copies, "use fewer units");
        if let Some(pretrain) = &experiment.pretrain {
            let [rows, more] = (0..experiment.model.hidden().len()).fold([0, 0], |[rows, more], layer| {
                let own = pretrain.of_layer(layer);
                let persistent = own.chains == Chains::Persistent;
                let batch = if persistent { own.batch_size } else { own.batch_size.min(extent.train) };
                [rows.max(batch), more.max(own.persistent_chains.unwrap_or(0).saturating_sub(batch))]
            });
            self.part("pretrain.batch_size", self.rows(rows), BATCH);
            self.part("pretrain.persistent_chains", self.rows(more), CHAINS);
        }
        self.fine_tuning(experiment, extent);
        let Some(train) = &experiment.train else { return };
        let batch = train.batch_size.min(extent.train);
        self.part("train.batch_size", self.rows(batch), BATCH);
        let (word, chains) = match &train.algorithm {
            Algorithm::MaximumLikelihood(settings) => {
                let path = "train.algorithm.maximum_likelihood.positive";
                self.tables(path.into(), &settings.positive, batch);
                let (negative, chains) =
                    (settings.negative, if settings.negative.is_persistent() { settings.chains } else { batch });
                ("maximum_likelihood", chains.saturating_mul(negative.replicas()))
            }
            Algorithm::WakeSleep(settings) => {
                ("wake_sleep", settings.chains.saturating_mul(settings.negative.replicas()))
            }
            Algorithm::ReweightedWakeSleep(settings) => {
                let rows = batch.saturating_mul(settings.particles);
                let path = "train.algorithm.reweighted_wake_sleep.particles";
                return self.part(path, self.rows(rows), "use fewer particles, or smaller batches");
            }
            // All examples at once.
            Algorithm::ExpectationMaximization(_) => {
                return self.part("data.split.train", self.rows(extent.train), "use fewer examples");
            }
            // What every sweep read and what the gradient wants of it.
            Algorithm::MultiPrediction(settings) => {
                let rows = batch.saturating_mul(settings.sweeps);
                let path = "train.algorithm.multi_prediction.sweeps";
                return self.part(path, self.rows(rows), "unroll fewer sweeps, or use smaller batches");
            }
            _ => return,
        };
        self.part(format!("train.algorithm.{word}.chains"), self.rows(chains), CHAINS);
    }

    /// The means of q that a net reads, of every example, and a batch on its way through it.
    fn fine_tuning(&mut self, experiment: &Experiment, extent: Extent) {
        let Some(settings) = &experiment.finetune else { return };
        let above: usize = experiment.model.hidden().iter().skip(1).fold(0, |sum, units| sum.saturating_add(*units));
        let examples = extent.train.saturating_add(extent.held_out);
        let means = examples as f64 * above as f64 * self.width;
        self.part("finetune.posterior", means, "use fewer examples, or fewer units above the first hidden layer");
        let batch = settings.batch_size.min(extent.train);
        self.part("finetune.batch_size", self.rows(batch), "use smaller batches, or fewer units");
        self.tables("finetune.posterior".into(), &settings.posterior, 1);
    }

    /// A table over the posterior of each of `together` examples, or of as many as are tabulated at once.
    fn tables(&mut self, path: String, scheme: &Scheme, together: usize) {
        if scheme.holds_couplings() {
            let squares = self.hidden * self.hidden * 8.0 * COUPLINGS;
            return self.part(path, squares, "leave this scheme out, or use fewer hidden units");
        }
        if scheme.samples() > 1 {
            return self.part(path, self.rows(scheme.samples()), "use fewer samples, or fewer hidden units");
        }
        // What has more bits than its own limit is refused for that.
        if scheme.table_bits().is_none_or(|most| self.bits > most as f64) {
            return;
        }
        let states = self.bits.exp2();
        // Log weights in `f64`, three times; every layer's state or input in every tabulated state, in both precisions.
        let log_weights = (together as f64 * states).max(ENTRIES.min(states * BLOCK as f64)) * 24.0;
        let bytes = log_weights + states * self.hidden * (3.0 * self.width + 16.0);
        self.part(path, bytes, "leave the scheme `exact` out, or use a smaller model");
    }

    fn annealing(&mut self, path: &str, how: &LogPartition) {
        let Some((key, temperatures, chains)) = how.annealing() else { return };
        // The examples of RAISE come one after the other where there are many chains.
        let path = if path.is_empty() { key.to_string() } else { format!("{path}.{key}") };
        self.part(format!("{path}.chains"), self.rows(chains), "use fewer chains");
        self.part(format!("{path}.temperatures"), temperatures as f64 * 16.0, "use fewer temperatures");
        if let LogPartition::Raise(raise) = how {
            self.part(format!("{path}.particles"), self.rows(raise.particles), "use fewer particles");
        }
    }

    /// Examples that are judged: their values in both precisions, their exact means, and a block of them at work.
    fn judged(&mut self, path: &str, examples: usize) {
        let all = examples as f64 * self.units * (self.width + 8.0);
        self.part(path, all + self.rows(examples.min(BLOCK)), "judge on fewer examples, or use fewer units");
    }

    fn verdict(&self) -> Option<TooLarge> {
        verdict(&self.parts)
    }
}

/// The largest part, if all together are more than the machine's memory.
fn verdict(parts: &[Part]) -> Option<TooLarge> {
    let memory = memory();
    let total: f64 = parts.iter().map(|part| part.bytes).sum();
    let largest = parts.iter().max_by(|a, b| a.bytes.total_cmp(&b.bytes)).filter(|_| total > memory)?;
    let message = format!(
        "asks for about {} of memory ({} with everything else), and this machine has {}",
        readable(largest.bytes),
        readable(total),
        readable(memory)
    );
    Some((largest.path.clone(), message, largest.remedy))
}

/// Bytes of memory that this process may have: the machine's, or what its control groups allow of it.
fn memory() -> f64 {
    available(|path| std::fs::read_to_string(path).ok())
}

/// The same, of a system whose files `read` reads.
pub fn available(read: impl Fn(&Path) -> Option<String>) -> f64 {
    let text = read(Path::new("/proc/meminfo")).unwrap_or_default();
    let total = text.lines().find_map(|line| line.strip_prefix("MemTotal:")?.trim().strip_suffix(" kB")?.parse().ok());
    let machine = total.map_or(USUAL, |kibibytes: f64| kibibytes * 1024.0);
    let groups = read(Path::new("/proc/self/cgroup")).unwrap_or_default();
    groups.lines().flat_map(limits).filter_map(|file| read(&file)?.trim().parse().ok()).fold(machine, f64::min)
}

/// Where the limits of a control group and of those around it stand, given its line in `/proc/self/cgroup`.
fn limits(line: &str) -> Vec<PathBuf> {
    let mut fields = line.splitn(3, ':').skip(1);
    let (root, file) = match fields.next() {
        Some("") => ("/sys/fs/cgroup", "memory.max"),
        Some(controllers) if controllers.split(',').any(|word| word == "memory") => {
            ("/sys/fs/cgroup/memory", "memory.limit_in_bytes")
        }
        _ => return Vec::new(),
    };
    let group = Path::new(fields.next().unwrap_or_default().trim_start_matches('/'));
    group.ancestors().map(|group| Path::new(root).join(group).join(file)).collect()
}

/// Bytes in the unit that suits them.
fn readable(bytes: f64) -> String {
    let units = ["KiB", "MiB", "GiB", "TiB"];
    let step = (bytes.max(1.0).log2() / 10.0).floor().clamp(1.0, units.len() as f64);
    format!("{:.1} {}", bytes / (10.0 * step).exp2(), units[step as usize - 1])
}
