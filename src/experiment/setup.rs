//! From the sections of an experiment file to tensors: precision, device, data.

use super::config::{self, Binarize, Experiment, Source};
use super::data::{self, Binarization, Dataset, FileSpec, Files, Images, Preparation};
use super::{Error, Result, model_file, run_folder};
use crate::math::{DType, Device, Stream, Tensor, sigmoid};
use crate::models::{Conditionals, Dbm, Reading, Schedule, Swept};
use std::path::Path;

/// The type of all values.
pub fn dtype(dtype: config::Dtype) -> DType {
    match dtype {
        config::Dtype::F32 => DType::F32,
        config::Dtype::F64 => DType::F64,
    }
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
    let (dtype, device) = (dtype(experiment.dtype), device(experiment.device)?);
    let split = &experiment.data.split;
    let preparation = Preparation {
        shuffle: split.shuffle,
        train_at_most: split.train,
        validation: split.validation,
        test: split.test,
        binarization: binarization(experiment.data.binarize),
        dtype,
        device: device.clone(),
    };
    match source(&experiment.data.source) {
        Ok(source) => data::load(&source, &preparation, stream),
        Err(samples) => samples_of_model(samples, &preparation, stream),
    }
}
