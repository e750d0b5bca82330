//! Models as safetensors files with public names, ours or trained elsewhere.
//!
//! `layers.{l}.weight` `[n_l, n_{l+1}]` (rows are the lower layer, l = 0 … L - 1), `bias.{l}` `[n_l]` (0 is the visible layer), and for
//! the inference network `recognition.{l}.weight` `[n_l, n_{l+1}]` and `recognition.{l}.bias` `[n_{l+1}]`. Other names are kept apart.

use super::{Error, Result};
use crate::inference::Network;
use crate::math::{DType, Device, Tensor};
use crate::models::Dbm;
use std::collections::{BTreeMap, HashMap};
use std::path::Path;

/// The header key of what this program knows about a file of its own.
const HEADER_KEY: &str = "dbm";

/// What a model file holds.
#[derive(Clone, Debug)]
pub struct ModelFile {
    /// The machine.
    pub dbm: Dbm,
    /// The inference network, if the file has one.
    pub network: Option<Network>,
    /// Tensors under names that are not the model's.
    pub other: BTreeMap<String, Tensor>,
    /// This program's own header, JSON.
    pub header: Option<String>,
}

/// The model's tensors under their public names.
pub fn public_tensors(dbm: &Dbm, network: Option<&Network>) -> Result<Vec<(String, Tensor)>> {
    let mut tensors = Vec::new();
    for (l, weight) in dbm.weights().iter().enumerate() {
        tensors.push((format!("layers.{l}.weight"), weight.tensor()?));
    }
    for (l, bias) in dbm.biases().iter().enumerate() {
        tensors.push((format!("bias.{l}"), bias.clone()));
    }
    if let Some(network) = network {
        for (l, (weight, bias)) in network.weights().iter().zip(network.biases()).enumerate() {
            tensors.push((format!("recognition.{l}.weight"), weight.tensor()?));
            tensors.push((format!("recognition.{l}.bias"), bias.clone()));
        }
    }
    Ok(tensors)
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

struct Reader<'a> {
    path: &'a Path,
    tensors: BTreeMap<String, Tensor>,
    dtype: Option<DType>,
    device: &'a Device,
}

impl Reader<'_> {
    fn read(mut self, header: Option<String>) -> Result<ModelFile> {
        let depth = (0..).take_while(|l| self.tensors.contains_key(&format!("layers.{l}.weight"))).count();
        if depth == 0 {
            let names = self.tensors.keys().take(8).cloned().collect::<Vec<_>>().join(", ");
            return Err(self.problem(format!("has no tensor layers.0.weight (it has: {names})")));
        }
        let dtype = self.dtype.unwrap_or(match self.tensors["layers.0.weight"].dtype() {
            DType::F64 => DType::F64,
            _ => DType::F32,
        });
        let weights =
            (0..depth).map(|l| self.take(&format!("layers.{l}.weight"), 2, dtype)).collect::<Result<Vec<_>>>()?;
        let biases = (0..=depth).map(|l| self.take(&format!("bias.{l}"), 1, dtype)).collect::<Result<Vec<_>>>()?;
        let dbm = Dbm::binary(weights, biases).map_err(|error| self.problem(plain(error)))?;
        let network = self.network(&dbm, dtype)?;
        let strange = ["layers.", "bias.", "recognition."];
        if let Some(name) = self.tensors.keys().find(|name| strange.iter().any(|prefix| name.starts_with(prefix))) {
            return Err(self
                .problem(format!("the tensor {name} has no place: the weights end with layers.{}.weight", depth - 1)));
        }
        let other = self.tensors.into_iter().map(|(name, tensor)| Ok((name, tensor.to_device(self.device)?)));
        Ok(ModelFile { dbm, network, other: other.collect::<Result<_>>()?, header })
    }

    fn network(&mut self, dbm: &Dbm, dtype: DType) -> Result<Option<Network>> {
        if !self.tensors.keys().any(|name| name.starts_with("recognition.")) {
            return Ok(None);
        }
        let (mut weights, mut biases) = (Vec::new(), Vec::new());
        for l in 0..dbm.depth() {
            weights.push(self.take(&format!("recognition.{l}.weight"), 2, dtype)?);
            biases.push(self.take(&format!("recognition.{l}.bias"), 1, dtype)?);
            if weights[l].dims() != dbm.weights()[l].dims() {
                return Err(self.problem(format!(
                    "recognition.{l}.weight is {:?}, layers.{l}.weight is {:?}",
                    weights[l].dims(),
                    dbm.weights()[l].dims()
                )));
            }
        }
        let network = Network::new(dbm.units()[1..].to_vec(), weights, biases);
        Ok(Some(network.map_err(|error| self.problem(plain(error)))?))
    }

    fn take(&mut self, name: &str, rank: usize, dtype: DType) -> Result<Tensor> {
        let Some(tensor) = self.tensors.remove(name) else {
            return Err(self.problem(format!("has no tensor {name}")));
        };
        if tensor.rank() != rank {
            let expected = if rank == 1 { "a vector" } else { "a matrix" };
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

    fn problem(&self, problem: String) -> Error {
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
