//! From the sections of an experiment file to tensors: precision, device, data.

use super::config::{self, Binarize, Experiment, Source};
use super::data::{self, Binarization, Dataset, Examples, FileSpec, Files, Images, Preparation};
use super::{Error, Result, RunFolder, model_file, pictures};
use crate::learning::Chains;
use crate::math::{DType, Device, Stream, Tensor};
use crate::models::{Conditionals, Dbm};
use std::path::{Path, PathBuf};

/// The type of all values.
pub fn dtype(dtype: config::Dtype) -> DType {
    match dtype {
        config::Dtype::F32 => DType::F32,
        config::Dtype::F64 => DType::F64,
    }
}

/// The inverse of `dtype`.
pub fn dtype_word(dtype: DType) -> config::Dtype {
    if dtype == DType::F64 { config::Dtype::F64 } else { config::Dtype::F32 }
}

/// Where values live; a plain message where there is no GPU.
pub fn device(device: config::Device) -> Result<Device> {
    match device {
        config::Device::Cpu => Ok(Device::Cpu),
        config::Device::Cuda => Device::new_cuda(0).map_err(|error| Error::Refused {
            problem: format!("no CUDA device can be used ({})", Error::from(error)),
            remedy: "set device = \"cpu\", or build with --features cuda on a machine with an NVIDIA GPU".into(),
        }),
    }
}

/// Loads and prepares the data of an experiment; every random choice follows from its seed.
pub fn dataset(experiment: &Experiment) -> Result<Dataset> {
    let stream = Stream::new(experiment.seed).named("data");
    let split = &experiment.data.split;
    let preparation = Preparation {
        shuffle: split.shuffle,
        train_at_most: split.train,
        validation: amount(split.validation),
        test: amount(split.test),
        binarization: binarization(experiment.data.binarize),
        dtype: dtype(experiment.dtype),
        device: device(experiment.device)?,
    };
    let source = match &experiment.data.source {
        Source::Samples { model, examples, sweeps } => {
            return samples(model, *examples, *sweeps, &preparation, stream);
        }
        Source::Digits {} => data::Source::Digits,
        Source::BarsAndStripes { height, width, examples } => {
            data::Source::BarsAndStripes { height: *height, width: *width, draws: *examples }
        }
        Source::Shifter { bits, examples } => data::Source::Shifter { bits: *bits, draws: *examples },
        Source::ShiftingBar { pixels, bar, examples } => {
            data::Source::ShiftingBar { pixels: *pixels, bar: *bar, draws: *examples }
        }
        Source::Files { train, test, labels, test_labels, array, shape } => {
            let images = |path: &PathBuf, labels: &Option<PathBuf>| Images {
                images: FileSpec { path: path.clone(), array: array.clone() },
                labels: labels.as_ref().map(|path| FileSpec { path: path.clone(), array: None }),
            };
            data::Source::Files(Box::new(Files {
                train: images(train, labels),
                validation: None,
                test: test.as_ref().map(|path| images(path, test_labels)),
                shape: *shape,
                maximum: None,
            }))
        }
    };
    data::load(&source, &preparation, stream)
}

fn amount(amount: config::Amount) -> data::Amount {
    match amount {
        config::Amount::Count(count) => data::Amount::Count(count),
        config::Amount::Fraction(fraction) => data::Amount::Fraction(fraction),
    }
}

/// How grey values become binary, in the words of the data module.
pub fn binarization(binarize: Binarize) -> Binarization {
    match binarize {
        Binarize::None => Binarization::None,
        Binarize::Threshold(threshold) => Binarization::Threshold(threshold),
        Binarize::StochasticOnce => Binarization::StochasticOnce,
        Binarize::StochasticEachTime => Binarization::StochasticEachTime,
    }
}

/// Samples of a model as a data set.
fn samples(model: &Path, examples: usize, sweeps: usize, preparation: &Preparation, stream: Stream) -> Result<Dataset> {
    let file = model_file::locate(model)?;
    let dbm = model_file::read(&file, Some(preparation.dtype), &preparation.device)?.dbm;
    let (visible, _) = sample(&dbm, examples, sweeps, stream)?;
    let name = format!("samples of {}", model.display());
    let shape = shape_of(&file, visible.dim(1)?);
    Dataset::from_values(&name, shape, &visible, None, preparation, stream.named("split"))
}

/// Visible states, and their probabilities given the layer above, `[count, visible]`: one Gibbs chain per sample, from a start
/// drawn from the biases.
pub fn sample(dbm: &Dbm, count: usize, sweeps: usize, stream: Stream) -> Result<(Tensor, Tensor)> {
    let chains = Chains::from_biases(dbm, count, stream.named("first states"))?;
    let (chains, _) = chains.advance(dbm, sweeps, stream.named("sweeps"))?;
    let input = dbm.free()?.input(chains.states(), 0)?;
    Ok((chains.states()[0].clone(), dbm.units()[0].mean(&input)?))
}

/// Height and width of what a model was trained on: its run's data where there is one, else the squarest rectangle.
pub fn shape_of(model_file: &Path, units: usize) -> [usize; 2] {
    let run = model_file.parent().and_then(Path::parent).and_then(|folder| RunFolder::open(folder).ok());
    let shape = run.and_then(|run| Some(dataset(&config::load(&run.config(), &[]).ok()?.experiment).ok()?.shape));
    shape.filter(|[h, w]| h * w == units).unwrap_or_else(|| pictures::rectangle(units))
}

/// The first `most` examples of a split.
pub fn first(examples: &Examples, most: usize, root: Stream) -> Result<Tensor> {
    let rows: Vec<usize> = (0..examples.len().min(most)).collect();
    examples.batch(&rows, root.named("held out"))
}
