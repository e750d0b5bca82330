//! From the sections of an experiment file to tensors: precision, device, data.

use super::config::{self, Experiment, memory};
use super::data::{self, Dataset, Examples};
use super::{Error, Result};
use crate::math::kernels::{self, Level};
use crate::math::{DType, Device, Stream, Tensor};
use crate::models::one_hot;
use std::sync::OnceLock;

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
        config::Device::Cuda if !cfg!(feature = "cuda") => Err(Error::Refused {
            problem: "device is cuda, but this program was built without it".into(),
            remedy: "take the device cpu, or build with: cargo build --release --features cuda".into(),
        }),
        config::Device::Cuda => gpu().map_err(|error| Error::Refused {
            problem: format!("no CUDA device can be used ({})", Error::from(error)),
            remedy: "take the device cpu, or a machine with an NVIDIA GPU and its driver".into(),
        }),
    }
}

/// The one GPU of this process, so that its programs are loaded once.
fn gpu() -> crate::math::Result<Device> {
    static GPU: OnceLock<Device> = OnceLock::new();
    match GPU.get() {
        Some(device) => Ok(device.clone()),
        None => {
            let device = Device::new_cuda(0)?;
            Ok(GPU.get_or_init(|| device).clone())
        }
    }
}

/// Chooses the kernels of this process, to be called before any work; `auto` leaves the choice to what there is.
pub fn kernels(kernels: config::Kernels) -> Result<()> {
    if let Some(problem) = kernels.lacking(Level::is_available) {
        return Err(Error::Refused {
            problem: format!("kernels {problem}"),
            remedy: "take the kernels auto, the fastest that there are".into(),
        });
    }
    let choice = kernels::choose(kernels.level());
    choice.map_err(|there| Error::Refused {
        problem: format!("this process computes with the kernels {} already", config::Kernels::of(there).word()),
        remedy: "take these, or auto, or start another process".into(),
    })
}

/// The kernels that this process computes an experiment with.
pub fn kernels_in_use(experiment: &Experiment) -> config::Kernels {
    let fits = experiment.dtype == config::Dtype::F32 && experiment.device == config::Device::Cpu;
    config::Kernels::of(kernels::chosen().filter(|_| fits))
}

/// Loads and prepares the data of an experiment; every random choice follows from its seed.
pub fn dataset(experiment: &Experiment) -> Result<Dataset> {
    let stream = Stream::new(experiment.seed).named("data");
    data::load(&experiment.data, dtype(experiment.dtype), &device(experiment.device)?, stream)
}

/// Refuses an experiment that does not fit into memory, now that its data are known.
pub fn affordable(experiment: &Experiment, dataset: &Dataset) -> Result<()> {
    let validation = dataset.validation.as_ref().map_or(0, Examples::len);
    let sets = [Some(&dataset.train), dataset.validation.as_ref(), Some(&dataset.test)];
    let extent = memory::Extent {
        visible: dataset.train.units(),
        train: dataset.train.len(),
        held_out: dataset.test.len().max(validation),
        bytes: sets.into_iter().flatten().map(Examples::bytes).sum(),
    };
    memory::refuse(memory::too_large(experiment, Some(extent)))
}

/// Where `most` of `there` examples are that lie evenly over all: test sets may be sorted by class.
pub fn spread(there: usize, most: usize) -> Vec<usize> {
    let count = there.min(most);
    (0..count).map(|at| at * there / count).collect()
}

/// `most` rows of `visible` from all over.
pub fn some_of(visible: &Tensor, most: usize) -> Result<Tensor> {
    let there = visible.dim(0)?;
    if there <= most {
        return Ok(visible.clone());
    }
    let rows: Vec<u32> = spread(there, most).into_iter().map(|row| row as u32).collect();
    Ok(visible.index_select(&Tensor::new(rows, visible.device())?, 0)?)
}

/// The first `most` examples of a split.
pub fn first(examples: &Examples, most: usize, root: Stream) -> Result<Tensor> {
    let rows: Vec<usize> = (0..examples.len().min(most)).collect();
    examples.batch(&rows, root.named("held out"))
}

/// How many classes the label units of the model tell apart; none of a model without them. Refuses data without labels.
pub fn classes(experiment: &Experiment, dataset: &Dataset) -> Result<Option<usize>> {
    if !experiment.model.has_labels() {
        return Ok(None);
    }
    let without = || Error::Refused {
        problem: format!("the model has label units, and the training examples of {} have no labels", dataset.name),
        remedy: "give their labels, such as data.source.files.labels, or set model.labels = \"none\"".into(),
    };
    dataset.classes().ok_or_else(without).map(Some)
}

/// The first examples of a split, `visible`, with their labels, one-hot, beside them where there are classes and the split has labels.
pub fn with_labels(visible: Tensor, examples: &Examples, classes: Option<usize>) -> Result<Tensor> {
    let rows: Vec<usize> = (0..visible.dim(0)?).collect();
    labels_of_rows(visible, examples, &rows, classes)
}

/// The same for the examples at `rows`.
pub fn labels_of_rows(visible: Tensor, of: &Examples, rows: &[usize], classes: Option<usize>) -> Result<Tensor> {
    let (Some(classes), Some(labels)) = (classes, of.labels()) else { return Ok(visible) };
    let labels: Vec<u8> = rows.iter().filter_map(|&row| labels.get(row).copied()).collect();
    let labels = one_hot(&labels, classes, &visible)?;
    Ok(Tensor::cat(&[visible, labels], 1)?)
}
