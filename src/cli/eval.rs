//! `dbm eval`.

use super::compute::Compute;
use super::line::Line;
use super::log_partition::{Wanted, positive};
use super::{examples, print, print_json, table};
use crate::experiment::checkpoint;
use crate::experiment::config::{Binarize, Experiment, Scheme, Source, Train, check};
use crate::experiment::data::FileOptions;
use crate::experiment::judge::{Portion, Request};
use crate::experiment::kinds::{Kind, Trained};
use crate::experiment::model_file::{self, ModelFile};
use crate::experiment::results::{JudgedFile, Results};
use crate::experiment::{Error, Known, Result, setup};
use crate::math::{DType, Stream, Tensor};
use std::path::{Path, PathBuf};

/// Judge inference schemes on a model.
///
/// The model is a run folder (what it concluded on, or its newest checkpoint), a checkpoint, or any safetensors file with the tensors of one of these:
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
    /// A scheme: exact, map, icm, mean-field, structured, tap, gibbs, network, network+K, importance, ista, fista, ais, with options after
    /// a colon, as in mean-field:schedule=parallel,sweeps=5,start=half. Repeat for more.
    #[arg(long = "scheme", value_name = "WORD")]
    schemes: Vec<String>,
    #[command(flatten)]
    log_partition: Wanted,
    /// Value in FILE that stands for full intensity, where it is not 1 (floats) or 255 (integers).
    #[arg(long, value_name = "VALUE", requires = "data")]
    maximum: Option<f64>,
    /// How grey values of FILE become binary: none, threshold (at 0.5) or stochastic (drawn once).
    #[arg(long, value_name = "HOW", default_value = "none", requires = "data", value_parser = ["none", "threshold", "stochastic"])]
    binarize: String,
    /// N examples from all over, instead of all.
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

fn above_zero(text: &str) -> std::result::Result<f64, String> {
    let value = text.parse().ok().filter(|value: &f64| *value > 0.0 && value.is_finite());
    value.ok_or_else(|| "expected a number above 0".to_string())
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
        let (schemes, log_partition) = (self.schemes()?, self.log_partition.way()?);
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
        results.cautions.extend(self.borrowed_rates(&results));
        results.model = Some(JudgedFile { step: checkpoint::step(&model), file });
        if self.json { print_json(&results) } else { print(&table::results(&results)) }
    }

    /// Said where annealing began at the rates of the very examples that are judged on.
    fn borrowed_rates(&self, results: &Results) -> Option<String> {
        let file = self.data.as_ref().filter(|_| results.log_partition.method != "exact")?;
        self.log_partition.starts_at_the_data().then(|| {
            format!(
                "Annealing began at the means of the examples in {}: no training examples are at hand.",
                file.display()
            )
        })
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

    fn examples(&self, model: &ModelFile, file: &Path) -> Result<Examples> {
        let (name, all, means) = match &self.data {
            Some(path) => self.read_file(path, model)?,
            None => examples::of_run(&self.model, file, model.model.kind(), classes(model), self.compute.device)?,
        };
        let expected = model.model.kind().sizes()[0];
        let count = all.dim(0)?;
        let told = classes(model).map(|classes| expected + classes);
        if Some(all.dim(1)?) != told {
            examples::must_fit(&all, model.model.kind(), self.data.as_deref().unwrap_or(file))?;
        }
        let asked = self.examples.unwrap_or(count);
        let fewer = (asked > count).then(|| format!("--examples {asked} is more than there are: {count} were judged."));
        Ok(Examples { name, visible: setup::some_of(&all, asked)?, means, fewer })
    }

    fn read_file(&self, path: &Path, model: &ModelFile) -> Result<examples::Found> {
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
        examples::of_file(path, &options, model.model.kind(), Stream::new(self.seed).named("data"))
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
