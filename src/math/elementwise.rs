//! Element-wise functions, fused into one pass on a CPU and composed from tensor operations on other devices.

use super::composed;
use super::kernels::{Level, Panels, Read, hyperbolic_tangents, means, read_off, serve, soft_pluses};
use super::random::{PARALLEL_FROM, unit_interval};
use super::rows::{Value, column, each};
use super::weight::{panels, served, tensor};
use super::{DType, Device, Nats, Result, Stream, Tensor, bail, sum_units};
use candle_core::{CpuStorage, Storage};
use rayon::prelude::*;

/// A function of single values, in both precisions; in single precision by its kernel where the kernels serve.
pub(super) struct Function {
    kernel: fn(Level, &mut [f32]),
    single: fn(f32) -> f32,
    double: fn(f64) -> f64,
}

pub(super) const SIGMOID: Function =
    Function { kernel: means, single: |x| 1.0 / (1.0 + (-x).exp()), double: |x| 1.0 / (1.0 + (-x).exp()) };

pub(super) const LN_ONE_PLUS_EXP: Function = Function {
    kernel: soft_pluses,
    single: |x| x.max(0.0) + (-x.abs()).exp().ln_1p(),
    double: |x| x.max(0.0) + (-x.abs()).exp().ln_1p(),
};

pub(super) const TANH: Function = Function { kernel: hyperbolic_tangents, single: f32::tanh, double: f64::tanh };

impl Function {
    pub(super) fn single(&self, values: &[f32]) -> Vec<f32> {
        if !serve() {
            return map_slice(values, self.single);
        }
        let mut values = values.to_vec();
        (self.kernel)(Level::best(), &mut values);
        values
    }

    pub(super) fn double(&self, values: &[f64]) -> Vec<f64> {
        map_slice(values, self.double)
    }

    fn of(&self, tensor: &Tensor) -> Result<Tensor> {
        map(tensor, |values| self.single(values), |values| self.double(values))
    }
}

/// σ(x) = 1 / (1 + e^-x), the mean of a binary unit with input `x`.
pub fn sigmoid(input: &Tensor) -> Result<Tensor> {
    if on_host(input) { SIGMOID.of(input) } else { composed::sigmoid(input) }
}

/// ln(1 + e^x) without overflow: the log-normaliser of a binary unit.
pub fn ln_one_plus_exp(input: &Tensor) -> Result<Tensor> {
    if on_host(input) { LN_ONE_PLUS_EXP.of(input) } else { composed::ln_one_plus_exp(input) }
}

/// Entropy in nats of a binary unit with input `x`: ln(1 + e^x) - x σ(x), accurate when the unit is saturated.
pub fn entropy_of_binary(input: &Tensor) -> Result<Tensor> {
    // H is even in x; at |x| it is ln(1 + e^-|x|) + |x| e^-|x| / (1 + e^-|x|), a sum of two non-negative terms.
    if on_host(input) {
        let single = |x: f32| {
            let (a, e) = (x.abs(), (-x.abs()).exp());
            if e == 0.0 { 0.0 } else { e.ln_1p() + a * e / (1.0 + e) }
        };
        let double = |x: f64| {
            let (a, e) = (x.abs(), (-x.abs()).exp());
            if e == 0.0 { 0.0 } else { e.ln_1p() + a * e / (1.0 + e) }
        };
        map(input, |values| map_slice(values, single), |values| map_slice(values, double))
    } else {
        composed::entropy_of_binary(input)
    }
}

/// Σ ln(1 + e^x) over the units of each example, `[examples, units]` to `[examples]`, `f64`.
pub fn total_ln_one_plus_exp(input: &Tensor) -> Result<Tensor> {
    match with_logarithms(input, |x, _| x.max(0.0))? {
        Some(totals) => column(totals),
        None => sum_units(&ln_one_plus_exp(input)?),
    }
}

/// Entropy in nats of all binary units of each example, `[examples, units]` to `[examples]`, `f64`.
pub fn total_entropy_of_binary(input: &Tensor) -> Result<Tensor> {
    match with_logarithms(input, |x, e| if e == 0.0 { 0.0 } else { x.abs() * e / (1.0 + e) })? {
        Some(totals) => column(totals),
        None => sum_units(&entropy_of_binary(input)?),
    }
}

/// Σ ln(1 + e^-|x|) + `other`(x, e^-|x|) over the units of each example, where the values are in the processor's memory.
fn with_logarithms(input: &Tensor, other: impl Fn(f64, f64) -> f64 + Sync) -> Result<Option<Nats>> {
    // One logarithm of the product of so many factors, which are 1 to 2 each.
    const FACTORS: usize = 512;
    fn row<T: Value>(row: &[T], exp_of_minus: impl Fn(T) -> f64, other: impl Fn(f64, f64) -> f64) -> f64 {
        let part = |values: &[T]| {
            let (product, sum) = values.iter().fold((1.0, 0.0), |(product, sum), &x| {
                let e = exp_of_minus(x);
                (product * (1.0 + e), sum + other(x.into(), e))
            });
            product.ln() + sum
        };
        row.chunks(FACTORS).map(part).sum()
    }
    let single = |values: &[f32], _: &[f32]| row(values, |x| f64::from((-x.abs()).exp()), &other);
    let double = |values: &[f64], _: &[f64]| row(values, |x| (-x.abs()).exp(), &other);
    each(input, input, single, double)
}

/// States in {0, 1}: 1 with probability σ(input), drawn from `stream`.
pub fn sample_binary(input: &Tensor, stream: Stream) -> Result<Tensor> {
    if !on_host(input) {
        return composed::sample_binary(input, stream);
    }
    let (rows, columns) = input.dims2()?;
    if served(input) {
        let (key, first_row) = stream.counter();
        let mut states = Panels::zeros(rows, columns);
        read_off(Level::best(), Read::Sample { key, first_row }, &panels(input)?, &mut states);
        return tensor(&states);
    }
    // u < σ(x) without a division.
    match input.dtype() {
        DType::F32 => {
            let mut values = input.flatten_all()?.to_vec1::<f32>()?;
            stream.fill_rows(&mut values, columns, |x, word| f32::from(unit_interval(word) * (1.0 + (-x).exp()) < 1.0));
            Tensor::from_vec(values, (rows, columns), &Device::Cpu)
        }
        DType::F64 => {
            let mut values = input.flatten_all()?.to_vec1::<f64>()?;
            stream.fill_rows(&mut values, columns, |x, word| {
                f64::from(u8::from(f64::from(unit_interval(word)) * (1.0 + (-x).exp()) < 1.0))
            });
            Tensor::from_vec(values, (rows, columns), &Device::Cpu)
        }
        other => bail!("states are f32 or f64, not {other:?}"),
    }
}

fn on_host(tensor: &Tensor) -> bool {
    tensor.device().is_cpu()
}

fn map(tensor: &Tensor, single: impl Fn(&[f32]) -> Vec<f32>, double: impl Fn(&[f64]) -> Vec<f64>) -> Result<Tensor> {
    let tensor = tensor.contiguous()?;
    let (storage, layout) = tensor.storage_and_layout();
    let range = layout.start_offset()..layout.start_offset() + layout.shape().elem_count();
    match &*storage {
        Storage::Cpu(CpuStorage::F32(values)) => Tensor::from_vec(single(&values[range]), tensor.shape(), &Device::Cpu),
        Storage::Cpu(CpuStorage::F64(values)) => Tensor::from_vec(double(&values[range]), tensor.shape(), &Device::Cpu),
        _ => bail!("element-wise functions take f32 or f64, not {:?}", tensor.dtype()),
    }
}

fn map_slice<T: Copy + Send + Sync>(values: &[T], function: impl Fn(T) -> T + Sync) -> Vec<T> {
    if values.len() < PARALLEL_FROM {
        values.iter().map(|&x| function(x)).collect()
    } else {
        values.par_iter().with_min_len(PARALLEL_FROM / 4).map(|&x| function(x)).collect()
    }
}
