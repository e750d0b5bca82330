//! From the sections of an experiment file to tensors: precision, device, data.

use super::config::{self, Experiment, memory};
use super::data::{self, Dataset, Examples};
use super::{Error, Result};
use crate::math::{DType, Device, Stream, Tensor};

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

/// The first `most` examples of a split.
pub fn first(examples: &Examples, most: usize, root: Stream) -> Result<Tensor> {
    let rows: Vec<usize> = (0..examples.len().min(most)).collect();
    examples.batch(&rows, root.named("held out"))
}
