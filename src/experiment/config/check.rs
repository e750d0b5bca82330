//! What types cannot say: sizes, ranges and settings that do not go together.

use super::{
    Algorithm, Blocks, Device, Dtype, Evaluate, Exact, Experiment, MeanField, Proposal, Scheme, Structured, Train,
    memory,
};
use crate::math::kernels::Level;

/// One thing wrong with an experiment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Dotted path of the setting; empty = the experiment as a whole.
    pub path: String,
    /// What is wrong, as the end of a sentence that begins with the path.
    pub message: String,
    /// One action that helps.
    pub remedy: String,
}

/// No count is larger: far beyond any machine, and every product of two still fits 64 bits.
const MOST: usize = 1_000_000_000;

/// Every problem of an experiment; none = it can be run on this machine.
pub fn check(experiment: &Experiment) -> Vec<Problem> {
    let mut problems = Problems(check_anywhere(experiment));
    here(experiment, &mut problems);
    problems.0
}

/// Every problem of an experiment that it has on any machine.
pub fn check_anywhere(experiment: &Experiment) -> Vec<Problem> {
    let mut problems = Problems::default();
    whole(experiment, &mut problems);
    super::quick::check(experiment, &mut problems);
    super::check_data::data(&experiment.data, &mut problems);
    super::check_model::model(experiment, &mut problems);
    if let Some(pretrain) = &experiment.pretrain {
        super::check_steps::pretrain(pretrain, experiment, &mut problems);
    }
    if let Some(train) = &experiment.train {
        self::train(train, experiment, &mut problems);
    }
    if let Some(finetune) = &experiment.finetune {
        super::finetune::finetune(finetune, experiment, &mut problems);
    }
    evaluate(&experiment.evaluate, experiment, &mut problems);
    problems.count("log.every_steps", experiment.log.every_steps);
    problems.limit("log.histograms_every_epochs", experiment.log.histograms_every_epochs);
    problems.limit("log.images_every_epochs", experiment.log.images_every_epochs);
    problems.limit("checkpoint.every_epochs", experiment.checkpoint.every_epochs);
    problems.limit("checkpoint.every_steps", experiment.checkpoint.every_steps);
    problems.count("checkpoint.keep", experiment.checkpoint.keep);
    problems.0
}

/// What this machine and this build of the program do not offer.
fn here(experiment: &Experiment, problems: &mut Problems) {
    problems.require(
        experiment.device == Device::Cpu || cfg!(feature = "cuda"),
        "device",
        "is cuda, but this program was built without it",
        "set device = \"cpu\", or build with: cargo build --release --features cuda",
    );
    if let Some(message) = experiment.kernels.lacking(Level::is_available) {
        problems.add("kernels", message, "set kernels = \"auto\", the fastest that there is");
    }
    // Sizes that are wrong in themselves have been named already.
    if let Some((path, message, remedy)) = memory::too_large(experiment, None).filter(|_| problems.0.is_empty()) {
        problems.add(path, message, remedy);
    }
}

/// The problems found so far.
#[derive(Default)]
pub struct Problems(Vec<Problem>);

impl Problems {
    /// All of them.
    pub fn found(self) -> Vec<Problem> {
        self.0
    }

    /// Notes a problem.
    pub fn add(&mut self, path: impl Into<String>, message: impl Into<String>, remedy: impl Into<String>) {
        self.0.push(Problem { path: path.into(), message: message.into(), remedy: remedy.into() });
    }

    /// Notes a problem unless the condition holds.
    pub fn require(&mut self, holds: bool, path: impl Into<String>, message: impl Into<String>, remedy: &str) {
        if !holds {
            self.add(path, message, remedy);
        }
    }

    /// A count that must be at least 1.
    pub fn count(&mut self, path: impl Into<String>, count: usize) {
        let path = path.into();
        self.require(count > 0, path.clone(), "is 0", "set it to 1 or more");
        self.limit(path, count);
    }

    /// A count that may be 0.
    pub fn limit(&mut self, path: impl Into<String>, count: usize) {
        let remedy = "set it to 1000000000 at most";
        self.require(count <= MOST, path, format!("is {count}, which no machine can do"), remedy);
    }

    /// A number in [0, 1).
    pub fn share(&mut self, path: impl Into<String>, value: f64) {
        let remedy = "set it to a number from 0 up to, but not including, 1";
        self.require((0.0..1.0).contains(&value), path, format!("is {value:?}"), remedy);
    }

    /// A finite number that is not negative.
    pub fn not_negative(&mut self, path: impl Into<String>, value: f64) {
        let holds = value.is_finite() && value >= 0.0;
        self.require(holds, path, format!("is {value:?}"), "set it to 0 or a positive number");
    }
}

/// A name that can be part of a folder's name.
pub fn name(name: &str, problems: &mut Problems) {
    let fits = name.chars().all(|c| c.is_alphanumeric() || "-_.+=".contains(c)) && !name.starts_with(['.', '-']);
    let remedy = "use letters, digits, - and _, at most 100, not beginning with . or -";
    problems.require(
        fits && !name.is_empty() && name.len() <= 100,
        "name",
        format!("is {name:?}, which cannot be part of a folder's name"),
        remedy,
    );
}

fn whole(experiment: &Experiment, problems: &mut Problems) {
    name(&experiment.name, problems);
    let largest = i64::MAX as u64;
    problems.require(
        experiment.seed <= largest,
        "seed",
        "is larger than a TOML number can be",
        "set it to 9223372036854775807 at most",
    );
    problems.require(
        experiment.pretrain.is_some() || experiment.train.is_some() || experiment.finetune.is_some(),
        "",
        "neither [pretrain] nor [train] is there, so nothing would be learned",
        "add [train], or [pretrain], or both; every setting in them has a default",
    );
}

fn train(train: &Train, experiment: &Experiment, problems: &mut Problems) {
    problems.count("train.epochs", train.epochs);
    problems.count("train.batch_size", train.batch_size);
    problems.learning_rate("train.learning_rate", &train.learning_rate);
    problems.momentum("train.momentum", &train.momentum);
    problems.not_negative("train.weight_decay", train.weight_decay);
    super::check_steps::train(train, experiment, problems);
    let path = format!("train.algorithm.{}", train.algorithm.key());
    match &train.algorithm {
        Algorithm::MaximumLikelihood(settings) => {
            scheme(&format!("{path}.positive"), &settings.positive, experiment, problems);
            let remedy = "use exact, mean-field, gibbs, network or network+K, and name it under evaluate.schemes";
            let message = format!("is `{}`, whose answers are judged but not learned from", settings.positive);
            problems.require(!settings.positive.only_judged(), format!("{path}.positive"), message, remedy);
            problems.count(format!("{path}.chains"), settings.chains);
            settings.gibbs_sweeps.check(&format!("{path}.gibbs_sweeps"), problems);
            settings.negative.check(&format!("{path}.negative"), problems);
            problems.share(format!("{path}.centring"), settings.centring.unwrap_or_default());
        }
        Algorithm::WakeSleep(settings) => {
            problems.count(format!("{path}.chains"), settings.chains);
            settings.gibbs_sweeps.check(&format!("{path}.gibbs_sweeps"), problems);
            settings.negative.check(&format!("{path}.negative"), problems);
            let (message, remedy) = ("is contrastive, and a dream does not start at the data", "take another");
            problems.require(settings.negative.is_persistent(), format!("{path}.negative"), message, remedy);
        }
        Algorithm::ReweightedWakeSleep(settings) => problems.count(format!("{path}.particles"), settings.particles),
        Algorithm::Reparameterized(_) => {}
        Algorithm::ExpectationMaximization(settings) => super::check_model::iterations(&path, settings, problems),
        Algorithm::DictionaryLearning(settings) => {
            problems.count(format!("{path}.iterations"), settings.iterations);
            problems.share(format!("{path}.memory"), settings.memory);
            problems.not_negative(format!("{path}.decay"), settings.decay.unwrap_or(0.0));
        }
        Algorithm::PredictiveSparseDecomposition(settings) => {
            problems.count(format!("{path}.iterations"), settings.iterations);
            problems.not_negative(format!("{path}.gamma"), settings.gamma);
        }
        Algorithm::MultiPrediction(settings) => super::multi_prediction::check(&path, settings, problems),
    }
    problems.learning_rate("train.network.learning_rate", &train.network.learning_rate);
    problems.momentum("train.network.momentum", &train.network.momentum);
}

fn evaluate(evaluate: &Evaluate, experiment: &Experiment, problems: &mut Problems) {
    problems.limit("evaluate.every_epochs", evaluate.every_epochs);
    problems.count("evaluate.examples", evaluate.examples);
    let remedy = "name at least one, such as schemes = [\"network\", \"mean-field\"]";
    problems.require(!evaluate.schemes.is_empty(), "evaluate.schemes", "is empty", remedy);
    for (i, one) in evaluate.schemes.iter().enumerate() {
        let path = format!("evaluate.schemes.{i}");
        let twice = evaluate.schemes.iter().take(i).any(|earlier| earlier == one);
        problems.require(!twice, path.clone(), format!("names `{one}` a second time"), "leave one of them out");
        scheme(&path, one, experiment, problems);
    }
    // Other models are normalised.
    let Some(hidden) = experiment.model.machine().map(|machine| machine.hidden.as_slice()) else { return };
    let visible = experiment.data.source.shape().map(|[height, width]| height.saturating_mul(width));
    super::log_partition::log_partition("evaluate.log_partition", &evaluate.log_partition, visible, hidden, problems);
    let last = &evaluate.final_log_partition;
    super::log_partition::log_partition("evaluate.final_log_partition", last, visible, hidden, problems);
}

/// Every problem of a scheme that infers in the model.
pub fn scheme(path: &str, scheme: &Scheme, experiment: &Experiment, problems: &mut Problems) {
    super::check_model::scheme(path, scheme, experiment, problems);
    match scheme {
        Scheme::Exact(exact) => {
            let bits = experiment.model.machine().map_or(0, |machine| smaller_half(machine.hidden.iter().copied()));
            let limits = [exact.max_bits, Exact::MOST_BITS];
            enumerable(path, bits, limits, "hidden units in the smaller half of alternate layers", problems);
        }
        Scheme::MeanField(settings) => mean_field(&format!("{path}.mean_field"), settings, experiment.dtype, problems),
        Scheme::Gibbs(gibbs) => {
            problems.count(format!("{path}.gibbs.sweeps"), gibbs.sweeps);
            problems.limit(format!("{path}.gibbs.burn_in"), gibbs.burn_in);
        }
        Scheme::Network(network) => problems.limit(format!("{path}.network.refine"), network.refine),
        Scheme::Ista(settings) | Scheme::Fista(settings) => {
            let path = format!("{path}.{}", scheme.key());
            problems.limit(format!("{path}.iterations"), settings.iterations.unwrap_or(0));
            problems.not_negative(format!("{path}.gap"), settings.gap);
            problems.count(format!("{path}.max_iterations"), settings.max_iterations);
        }
        Scheme::Map(map) => {
            let bits = experiment.model.machine().map_or(0, |machine| smaller_half(machine.hidden.iter().copied()));
            let limits = [map.max_bits, Exact::MOST_BITS];
            enumerable(path, bits, limits, "hidden units in the smaller half of alternate layers", problems);
        }
        Scheme::Icm(icm) => {
            problems.count(format!("{path}.icm.starts"), icm.starts);
            problems.count(format!("{path}.icm.max_sweeps"), icm.max_sweeps);
        }
        Scheme::Structured(settings) => {
            let path = format!("{path}.structured");
            let units = experiment.model.machine().map_or(0, |machine| settings.blocks.largest(&machine.hidden));
            let (most, blocks) = (Structured::MOST_BITS, format!("{path}.blocks"));
            let message = format!("makes tables of 2^{units} states of each example");
            problems.require(units <= most, blocks.clone(), message, "use blocks of 16 units at most");
            problems.require(settings.blocks != Blocks::OfSize(0), blocks, "is 0", "set it to 1 or more");
            settles(&path, settings.tolerance, settings.max_sweeps, experiment.dtype, problems);
        }
        Scheme::Tap(tap) => {
            let path = format!("{path}.tap");
            let message = format!("is {}", tap.order);
            problems.require((1..=3).contains(&tap.order), format!("{path}.order"), message, "set it to 1, 2 or 3");
            problems.share(format!("{path}.damping"), tap.damping);
            settles(&path, tap.tolerance, tap.max_sweeps, experiment.dtype, problems);
        }
        Scheme::Importance(importance) => {
            problems.count(format!("{path}.importance.particles"), importance.particles);
            let read = experiment.model.machine().is_some() || importance.proposal == Proposal::default();
            let message = "names a proposal, and this model has one only";
            problems.require(read, format!("{path}.importance.proposal"), message, "leave it out");
        }
        Scheme::Ais(settings) => {
            problems.count(format!("{path}.ais.temperatures"), settings.temperatures);
            problems.count(format!("{path}.ais.chains"), settings.chains);
        }
    }
}

fn mean_field(path: &str, settings: &MeanField, dtype: Dtype, problems: &mut Problems) {
    problems.limit(format!("{path}.sweeps"), settings.sweeps.unwrap_or(0));
    problems.share(format!("{path}.damping"), settings.damping);
    settles(path, settings.tolerance, settings.max_sweeps, dtype, problems);
    let remedy = "keep sweeps (exactly so many) or tolerance (until converged)";
    let both = settings.sweeps.is_some() && settings.tolerance.is_some();
    problems.require(!both, format!("{path}.tolerance"), "cannot go with a fixed number of sweeps", remedy);
}

/// The rule by which sweeps end.
fn settles(path: &str, tolerance: Option<f64>, max_sweeps: usize, dtype: Dtype, problems: &mut Problems) {
    problems.count(format!("{path}.max_sweeps"), max_sweeps);
    let Some(tolerance) = tolerance else { return };
    let path = format!("{path}.tolerance");
    let remedy = "set it to a small positive number, such as 1e-5";
    let positive = tolerance > 0.0 && tolerance.is_finite();
    problems.require(positive, path.clone(), format!("is {tolerance:?}"), remedy);
    problems.require(
        !positive || dtype == Dtype::F64 || tolerance >= 1e-7,
        path,
        format!("is {tolerance:?}, finer than f32 can resolve"),
        "set it to 1e-7 or more, or set dtype = \"f64\"",
    );
}

/// Units in the smaller half of alternate layers: the bits of an exact sum.
pub fn smaller_half(layers: impl Iterator<Item = usize>) -> usize {
    let (even, odd) = layers.enumerate().fold((0, 0), |(even, odd): (usize, usize), (layer, units)| {
        if layer % 2 == 0 { (even.saturating_add(units), odd) } else { (even, odd.saturating_add(units)) }
    });
    even.min(odd)
}

/// Enumeration of 2^bits states must be within the file's own limit, and that limit within reason.
pub fn enumerable(path: &str, bits: usize, [max_bits, most]: [usize; 2], what: &str, problems: &mut Problems) {
    let (limit, remedy) = (format!("{path}.max_bits"), format!("set it to {most} at most"));
    problems.require(max_bits <= most, limit, format!("is {max_bits}: 2^{max_bits} states"), &remedy);
    let setting = format!("max_bits = {bits}; each bit more doubles the work");
    problems.require(
        bits <= max_bits,
        path,
        format!("enumerates at most {max_bits} bits, and this model has {bits} {what}"),
        &raised(bits, most, "choose another way, or a smaller model", &setting),
    );
}

/// What to do about a sum over 2^bits states that is beyond its limit: something else, or a higher limit where one may be set.
pub fn raised(bits: usize, most: usize, instead: &str, setting: &str) -> String {
    match bits <= most {
        true => format!("{instead}, or raise the limit: {setting}"),
        false => format!("{instead}; no limit above {most} bits can be set"),
    }
}
