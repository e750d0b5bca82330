//! Models as safetensors files with public names, ours or trained elsewhere.
//!
//! `layers.{l}.weight` `[n_l, n_{l+1}]` (rows are the lower layer, l = 0 … L - 1), `bias.{l}` `[n_l]` (0 is the visible layer), and for
//! the inference network `recognition.{l}.weight` `[n_l, n_{l+1}]` and `recognition.{l}.bias` `[n_{l+1}]`; of label units `labels.weight`
//! `[n_L, classes]` and `labels.bias` `[classes]`, with `recognition.labels.…` beside; of Gaussian visible units `visible.log_variance` `[n_0]`. Other names are kept apart.

use super::kinds::{Machine, Trained};
use super::phase::TRAINER_PREFIX;
use super::{Error, Result};
use crate::learning::SavedTensors;
use crate::math::{DType, Device, Tensor};
use std::collections::{BTreeMap, HashMap};
use std::path::Path;

/// The header key of what this program knows about a file of its own.
const HEADER_KEY: &str = "dbm";

/// What a model file holds.
#[derive(Clone, Debug)]
pub struct ModelFile {
    /// The model.
    pub model: Trained,
    /// Tensors under names that are not the model's.
    pub other: BTreeMap<String, Tensor>,
    /// This program's own header, JSON.
    pub header: Option<String>,
}

impl ModelFile {
    /// What a trainer had beside the model, where the file is a checkpoint, under its own names.
    pub fn of_trainer(&self) -> SavedTensors {
        let own =
            |(name, tensor): (&String, &Tensor)| Some((name.strip_prefix(TRAINER_PREFIX)?.into(), tensor.clone()));
        self.other.iter().filter_map(own).collect()
    }

    /// The machine of a file that must hold a deep Boltzmann machine.
    pub fn machine(self, path: &Path) -> Result<Machine> {
        match self.model {
            Trained::FineTuned(tuned) => Ok(tuned.machine),
            Trained::Machine(machine) => Ok(machine),
            other => Err(Error::Model {
                path: path.to_path_buf(),
                problem: format!("holds a {}, and this needs a deep Boltzmann machine", other.name()),
                remedy: "give a file with layers.{l}.weight and bias.{l}".into(),
            }),
        }
    }
}

/// The bytes of a safetensors file; equal tensors and headers give equal bytes.
pub fn to_bytes(tensors: &[(String, Tensor)], header: Option<&str>) -> Result<Vec<u8>> {
    let host = tensors
        .iter()
        .map(|(name, tensor)| Ok((name.as_str(), tensor.to_device(&Device::Cpu)?.contiguous()?)))
        .collect::<Result<Vec<_>>>()?;
    // One key only: the library writes several in random order.
    let metadata = header.map(|header| HashMap::from([(HEADER_KEY.to_string(), header.to_string())]));
    safetensors::serialize(host.iter().map(|(name, tensor)| (*name, tensor)), metadata)
        .map_err(|error| Error::Compute { problem: format!("serialising tensors: {error}") })
}

/// Reads a model file. `dtype` converts; without it the file's own type is kept (16-bit types become `f32`).
pub fn read(path: &Path, dtype: Option<DType>, device: &Device) -> Result<ModelFile> {
    let bytes = std::fs::read(path).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => Error::Model {
            path: path.to_path_buf(),
            problem: "does not exist".into(),
            remedy: "check the path; `dbm runs` lists the runs".into(),
        },
        _ => Error::io("read the model", path)(error),
    })?;
    let damaged = |problem: String| Error::Model {
        path: path.to_path_buf(),
        problem,
        remedy: "give a safetensors file with layers.{l}.weight and bias.{l}".into(),
    };
    let (_, metadata) = safetensors::SafeTensors::read_metadata(&bytes)
        .map_err(|error| damaged(format!("is not a whole safetensors file ({error})")))?;
    let header = metadata.metadata().as_ref().and_then(|entries| entries.get(HEADER_KEY).cloned());
    let tensors = candle_core::safetensors::load_buffer(&bytes, &Device::Cpu)
        .map_err(|error| damaged(format!("is not a whole safetensors file ({})", plain(error))))?;
    Reader { path, tensors: tensors.into_iter().collect(), dtype, device }.read(header)
}

/// The tensors of a file, from which a kind of model takes its own.
pub struct Reader<'a> {
    path: &'a Path,
    tensors: BTreeMap<String, Tensor>,
    dtype: Option<DType>,
    device: &'a Device,
}

impl Reader<'_> {
    fn read(mut self, header: Option<String>) -> Result<ModelFile> {
        let model = Trained::read(&mut self)?;
        let other = self.tensors.into_iter().map(|(name, tensor)| Ok((name, tensor.to_device(self.device)?)));
        Ok(ModelFile { model, other: other.collect::<Result<_>>()?, header })
    }

    /// Whether a tensor of this name is there, and not taken yet.
    pub fn has(&self, name: &str) -> bool {
        self.tensors.contains_key(name)
    }

    /// Names that begin with one of these.
    pub fn names(&self, beginnings: &[&str]) -> Vec<String> {
        let own = |name: &&String| beginnings.iter().any(|prefix| name.starts_with(prefix));
        self.tensors.keys().filter(own).cloned().collect()
    }

    /// Whether any tensor's name begins so.
    pub fn has_any(&self, prefix: &str) -> bool {
        self.tensors.keys().any(|name| name.starts_with(prefix))
    }

    /// How many of the names that `name` makes of 0, 1, 2 … are there before the first that is not.
    pub fn count(&self, name: impl Fn(usize) -> String) -> usize {
        (0..).take_while(|&l| self.has(&name(l))).count()
    }

    /// The precision asked for, or that of the tensor `name`.
    pub fn dtype(&self, name: &str) -> DType {
        self.dtype.unwrap_or(match self.tensors.get(name).map(Tensor::dtype) {
            Some(DType::F64) => DType::F64,
            _ => DType::F32,
        })
    }

    /// Refuses names that begin like one of the model's and are none of it.
    pub fn nothing_left(&self, beginnings: &[&str], end: &str) -> Result<()> {
        let strange = |name: &&String| beginnings.iter().any(|prefix| name.starts_with(prefix));
        match self.tensors.keys().find(strange) {
            Some(name) => Err(self.problem(format!("the tensor {name} has no place: {end}"))),
            None => Ok(()),
        }
    }

    /// Takes a tensor of finite numbers out of the file.
    pub fn take(&mut self, name: &str, rank: usize, dtype: DType) -> Result<Tensor> {
        let Some(tensor) = self.tensors.remove(name) else {
            return Err(self.problem(format!("has no tensor {name}")));
        };
        if tensor.rank() != rank {
            let expected = ["a single number", "a vector", "a matrix", "a stack of matrices"]
                .get(rank)
                .unwrap_or(&"more dimensions");
            return Err(self.problem(format!("{name} has shape {:?}, expected {expected}", tensor.dims())));
        }
        if tensor.elem_count() == 0 {
            return Err(self.problem(format!("{name} has shape {:?}: a layer without units", tensor.dims())));
        }
        if !tensor.dtype().is_float() {
            return Err(self.problem(format!("{name} holds {:?}, expected floating-point numbers", tensor.dtype())));
        }
        let sum = tensor.to_dtype(DType::F64)?.abs()?.sum_all()?.to_scalar::<f64>()?;
        if !sum.is_finite() {
            return Err(self.problem(format!("{name} holds a value that is not a finite number")));
        }
        Ok(tensor.to_dtype(dtype)?.to_device(self.device)?)
    }

    /// The error of a file that holds no model by its names; `telling` are the tensors that would.
    pub fn strange(&self, telling: &[&str]) -> Error {
        let names = self.tensors.keys().take(8).cloned().collect::<Vec<_>>().join(", ");
        self.problem(format!("has none of the tensors that tell a model, {} (it has: {names})", telling.join(", ")))
    }

    /// What is wrong with the file.
    pub fn problem(&self, problem: String) -> Error {
        Error::Model {
            path: self.path.to_path_buf(),
            problem,
            remedy: "see `dbm eval --help` for the names and shapes a model file has".into(),
        }
    }
}

/// What a failed operation on tensors says, without the remark that something was computed.
pub fn plain(error: candle_core::Error) -> String {
    match Error::from(error) {
        Error::Compute { problem } => problem,
        other => other.to_string(),
    }
}
