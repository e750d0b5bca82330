//! `dbm eval`.

use super::compute::Compute;
use super::line::Line;
use super::{print, print_json, table};
use crate::experiment::checkpoint;
use crate::experiment::config::{
    Ais, Binarize, ExactPartition, Experiment, LogPartition, Scheme, Source, Train, check, stored,
};
use crate::experiment::data::{FileOptions, load_examples};
use crate::experiment::judge::{Portion, Request};
use crate::experiment::kinds::{Kind, Trained};
use crate::experiment::model_file::{self, ModelFile};
use crate::experiment::results::JudgedFile;
use crate::experiment::{Error, Known, Result, RunFolder, setup};
use crate::math::{DType, Stream, Tensor};
use std::path::{Path, PathBuf};

/// Judge inference schemes on a model.
///
/// The model is a run folder (its newest checkpoint), a checkpoint, or any safetensors file with the tensors of one of these:
///
/// deep Boltzmann machine: layers.{l}.weight [n_l, n_(l+1)] (rows: the lower layer; l = 0 … L-1), bias.{l} [n_l] (0: the visible layer)
/// and, for the schemes that start from the inference network, recognition.{l}.weight [n_l, n_(l+1)] and recognition.{l}.bias [n_(l+1)];
/// with label units also labels.weight [n_L, classes], labels.bias [classes], recognition.labels.weight and recognition.labels.bias; with
/// Gaussian visible units also visible.log_variance or visible.fixed_log_variance [n_0];
///
/// sigmoid belief net: generative.{l}.weight [n_l, n_(l+1)], generative.{l}.bias [n_l] (l = 0 … L) and recognition.{l}.* as above;
///
/// variational auto-encoder: encoder.{l}.weight [out, in], encoder.{l}.bias, encoder.mean.*, encoder.log_variance.*, decoder.{l}.*, for
/// Gaussian outputs decoder.log_variance [1], and activation [1] (0 tanh, 1 relu, 2 soft_plus, 3 logistic);
///
/// binary sparse coding: weight [visible, hidden], bias [hidden], beta [visible]; sparse coding: weight [visible, atoms], lambda [1] or
/// --lambda, precision [1], encoder.weight, encoder.bias, encoder.gain;
///
/// mixtures: log_weights [k] with means [k, visible] and covariances [k, visible, visible], or with inputs [k, visible]; factor analysis:
/// mean [visible], weight [visible, factors], variances [visible] or [1].
#[derive(Debug, clap::Args)]
pub struct Eval {
    /// Run folder, checkpoint or safetensors file.
    model: PathBuf,
    /// Examples: IDX, .npy, .npz or .amat, gzipped or not; without it, the test examples of the run the model belongs to.
    #[arg(long, value_name = "FILE")]
    data: Option<PathBuf>,
    /// Name of the array inside an .npz file.
    #[arg(long, value_name = "NAME", requires = "data")]
    array: Option<String>,
    /// A scheme: exact, map, icm, mean-field, structured, tap, gibbs, network, network+K, importance, ista, fista, with options after
    /// a colon, as in mean-field:schedule=parallel,sweeps=5,start=half. Repeat for more.
    #[arg(long = "scheme", value_name = "WORD")]
    schemes: Vec<String>,
    /// How log Z is found; the default is what the options below ask for, else exact where that is cheap, else ais.
    #[arg(long, value_name = "METHOD", value_parser = ["exact", "ais"])]
    log_partition: Option<String>,
    /// Temperatures of annealed importance sampling (ais).
    #[arg(long, value_name = "N", value_parser = positive)]
    temperatures: Option<usize>,
    /// Chains of annealed importance sampling (ais).
    #[arg(long, value_name = "N", value_parser = positive)]
    chains: Option<usize>,
    /// Most bits an exact log Z may enumerate, 30 at most (exact).
    #[arg(long, value_name = "BITS", value_parser = bits)]
    max_bits: Option<usize>,
    /// Value in FILE that stands for full intensity, where it is not 1 (floats) or 255 (integers).
    #[arg(long, value_name = "VALUE", requires = "data")]
    maximum: Option<f64>,
    /// How grey values of FILE become binary: none, threshold (at 0.5) or stochastic (drawn once).
    #[arg(long, value_name = "HOW", default_value = "none", requires = "data", value_parser = ["none", "threshold", "stochastic"])]
    binarize: String,
    /// Only the first N examples.
    #[arg(long, value_name = "N", value_parser = positive)]
    examples: Option<usize>,
    /// Precision; the default is that of the file.
    #[arg(long, value_parser = ["f32", "f64"])]
    dtype: Option<String>,
    /// What a code costs, λ in λ ‖h‖₁ + (β/2) ‖v - W h‖² (sparse coding).
    #[arg(long, value_name = "VALUE", value_parser = above_zero)]
    lambda: Option<f64>,
    #[command(flatten)]
    compute: Compute,
    /// Seed of all random draws.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Give the values of every example too, in the JSON.
    #[arg(long, requires = "json")]
    per_example: bool,
    /// Print as JSON.
    #[arg(long)]
    json: bool,
}

fn positive(text: &str) -> std::result::Result<usize, String> {
    text.parse().ok().filter(|&count| count > 0).ok_or_else(|| "expected a whole number, 1 or more".to_string())
}

fn above_zero(text: &str) -> std::result::Result<f64, String> {
    let value = text.parse().ok().filter(|value: &f64| *value > 0.0 && value.is_finite());
    value.ok_or_else(|| "expected a number above 0".to_string())
}

/// Each bit more doubles the work of an exact sum.
fn bits(text: &str) -> std::result::Result<usize, String> {
    const MOST_BITS: usize = ExactPartition::MOST_BITS;
    let within = text.parse().ok().filter(|&bits| bits <= MOST_BITS);
    within.ok_or_else(|| {
        format!("expected a whole number, {MOST_BITS} at most: more states than 2^{MOST_BITS} take days")
    })
}

/// Examples to judge on.
struct Examples {
    name: String,
    visible: Tensor,
    means: Vec<f64>,
    /// More were asked for than there are.
    fewer: Option<String>,
}

impl Eval {
    pub fn execute(self) -> Result<()> {
        let (schemes, log_partition) = (self.schemes()?, self.log_partition()?);
        let dtype = self.dtype.as_deref().map(|word| if word == "f64" { DType::F64 } else { DType::F32 });
        let device = self.compute.chosen()?;
        let (file, mut warnings) = checkpoint::locate(&self.model)?;
        let mut model = model_file::read(&file, dtype, &device)?;
        self.price(&mut model)?;
        let kind = model.model.kind();
        sensible(schemes.as_deref().unwrap_or_default(), kind)?;
        let examples = self.examples(&model, &file)?;
        warnings.extend(examples.fewer);
        let request = Request {
            data: &examples.name,
            schemes: schemes.unwrap_or_else(|| words(kind.usual_schemes())),
            log_partition,
            visible_means: Some(examples.means),
            per_example: self.per_example,
        };
        let stream = Stream::new(self.seed).named("eval");
        let line = Line::new();
        let watch = &mut |portion: Portion<'_>| {
            line.show(portion);
            Ok(())
        };
        let mut results = kind.judge(&examples.visible, &request, &mut Known::default(), stream, watch)?;
        drop(line);
        results.warnings.splice(0..0, warnings);
        results.model = Some(JudgedFile { step: checkpoint::step(&model), file });
        if self.json { print_json(&results) } else { print(&table::results(&results)) }
    }

    /// Says what a code costs.
    fn price(&self, model: &mut ModelFile) -> Result<()> {
        let Some(lambda) = self.lambda else { return Ok(()) };
        let name = model.model.name();
        let Trained::SparseCoding(dictionary) = &mut model.model else {
            return Err(Error::Refused {
                problem: format!("--lambda is of sparse coding, and this model is a {name}"),
                remedy: "leave it out".into(),
            });
        };
        dictionary.lambda = Some(lambda);
        Ok(())
    }

    /// The schemes asked for, under the very words that asked for them.
    fn schemes(&self) -> Result<Option<Vec<(String, Scheme)>>> {
        let mut schemes: Vec<(String, Scheme)> = Vec::new();
        for word in self.schemes.iter().map(|word| word.trim()) {
            let scheme = word.parse::<Scheme>();
            let scheme = scheme.map_err(|problem| Error::Experiment { report: format!("--{problem}") })?;
            if let Some((earlier, _)) = schemes.iter().find(|(_, earlier)| *earlier == scheme) {
                return Err(Error::Refused {
                    problem: format!("--scheme `{word}` asks a second time for `{earlier}`"),
                    remedy: "leave one of them out".into(),
                });
            }
            schemes.push((word.to_string(), scheme));
        }
        Ok((!schemes.is_empty()).then_some(schemes))
    }

    /// The way to log Z that the options name or imply.
    fn log_partition(&self) -> Result<LogPartition> {
        let annealing = [("--temperatures", self.temperatures), ("--chains", self.chains)];
        let annealing = annealing.iter().find(|(_, given)| given.is_some()).map(|(flag, _)| *flag);
        let summing = self.max_bits.map(|_| "--max-bits");
        let named = self.log_partition.as_deref();
        let conflict = match (named, annealing, summing) {
            (Some("exact"), Some(flag), _) => Some((flag, "--log-partition exact")),
            (Some("ais"), _, Some(flag)) => Some((flag, "--log-partition ais")),
            (_, Some(flag), Some(other)) => Some((flag, other)),
            _ => None,
        };
        if let Some((flag, other)) = conflict {
            return Err(Error::Refused {
                problem: format!("{flag} does not go with {other}: one is of ais, the other of exact"),
                remedy: "leave one of them out".into(),
            });
        }
        let default = Ais::default();
        Ok(if named == Some("ais") || annealing.is_some() {
            LogPartition::Ais(Ais {
                temperatures: self.temperatures.unwrap_or(default.temperatures),
                chains: self.chains.unwrap_or(default.chains),
            })
        } else if named == Some("exact") || summing.is_some() {
            let max_bits = self.max_bits.unwrap_or(ExactPartition::default().max_bits);
            LogPartition::Exact(ExactPartition { max_bits })
        } else {
            LogPartition::Auto {}
        })
    }

    fn examples(&self, model: &ModelFile, file: &Path) -> Result<Examples> {
        let (name, all, means) = match &self.data {
            Some(path) => self.read_file(path, model)?,
            None => self.read_run(model, file)?,
        };
        let (count, units) = all.dims2()?;
        let expected = model.model.kind().sizes()[0];
        if units != expected && Some(units) != classes(model).map(|classes| expected + classes) {
            return Err(Error::Data {
                file: self.data.clone().unwrap_or_else(|| file.to_path_buf()),
                problem: format!("its examples have {units} values; the model has {expected} visible units"),
                remedy: "give the data the model was trained on".into(),
            });
        }
        let asked = self.examples.unwrap_or(count);
        let fewer = (asked > count).then(|| format!("--examples {asked} is more than there are: {count} were judged."));
        Ok(Examples { name, visible: all.narrow(0, 0, asked.min(count))?, means, fewer })
    }

    fn read_file(&self, path: &Path, model: &ModelFile) -> Result<(String, Tensor, Vec<f64>)> {
        let options = FileOptions {
            array: self.array.clone(),
            maximum: self.maximum,
            // Of intensities or not: a model of real numbers takes them as they are.
            real: self.maximum.is_none() && model.model.kind().section().is_real(),
            binarize: match self.binarize.as_str() {
                "threshold" => Binarize::Threshold(0.5),
                "stochastic" => Binarize::StochasticOnce,
                _ => Binarize::None,
            },
            dtype: model.model.kind().dtype(),
            ..FileOptions::default()
        };
        let stream = Stream::new(self.seed).named("data");
        let loaded = load_examples(path, &options, stream)?;
        Ok((
            path.display().to_string(),
            loaded.examples.all(stream)?.to_device(model.model.kind().device())?,
            loaded.examples.mean(),
        ))
    }

    /// The test examples of the run that the model file lies in.
    fn read_run(&self, model: &ModelFile, file: &Path) -> Result<(String, Tensor, Vec<f64>)> {
        // Absolute, so that a bare file name has its folders too.
        let file = std::path::absolute(file).map_err(Error::io("find", file))?;
        let run = file.parent().and_then(Path::parent).map(RunFolder::open);
        let Some(Ok(run)) = run else {
            let model = self.model.display();
            return Err(Error::Refused {
                problem: format!("{model} lies in no run folder, so there is no telling what to judge it on"),
                remedy: "name the examples: --data FILE".into(),
            });
        };
        let mut experiment = stored(&run.config())?;
        experiment.device = self.compute.device;
        experiment.dtype = setup::dtype_word(model.model.kind().dtype());
        let dataset = setup::dataset(&experiment)?;
        dataset.expect_files(&run.provenance()?.data, run.path())?;
        let visible = setup::first(&dataset.test, usize::MAX, Stream::new(experiment.seed))?;
        let visible = setup::with_labels(visible, &dataset.test, classes(model))?;
        Ok((dataset.judged, visible, dataset.train.mean()))
    }
}

/// How many classes the label units of a machine tell apart.
fn classes(model: &ModelFile) -> Option<usize> {
    match &model.model {
        Trained::Machine(machine) => machine.dbm.classes(),
        _ => None,
    }
}

/// Options of schemes must make sense here as they must in an experiment file.
fn sensible(schemes: &[(String, Scheme)], kind: &dyn Kind) -> Result<()> {
    // How large a model exact inference may have is asked where the model is at hand.
    let mut experiment = Experiment::new("eval", Source::Digits {}, vec![1]);
    if kind.name().is_some() {
        experiment.model = kind.section();
    }
    experiment.dtype = setup::dtype_word(kind.dtype());
    experiment.train = Some(Train::default());
    for (word, scheme) in schemes {
        experiment.evaluate.schemes = vec![scheme.clone()];
        // How such a model would be trained is not asked.
        let problems = check(&experiment);
        if let Some(problem) = problems.iter().find(|problem| problem.path.starts_with("evaluate.schemes")) {
            // A problem of the scheme as a whole says so itself.
            let option = Some(problem.path.as_str()).filter(|path| *path != "evaluate.schemes.0");
            let option = option.and_then(|path| path.rsplit('.').next()).unwrap_or_default().replace('_', "-");
            let problem_of = format!("{option} {}", problem.message);
            let report = format!("--scheme `{word}`: {}\n  = {}", problem_of.trim_start(), problem.remedy);
            return Err(Error::Experiment { report });
        }
    }
    Ok(())
}

/// Schemes under their shortest words.
fn words(schemes: Vec<Scheme>) -> Vec<(String, Scheme)> {
    schemes.into_iter().map(|scheme| (scheme.to_string(), scheme)).collect()
}
