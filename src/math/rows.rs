//! Sums over the units of each example in one pass over the values where they are, in `f64` and always in the same order.

use super::random::PARALLEL_FROM;
use super::{Device, Nats, Result, Tensor};
use candle_core::{CpuStorage, Storage};
use rayon::prelude::*;

/// Sums taken side by side, so that an addition need not wait for the one before.
const LANES: usize = 8;

/// Values of one row of a tensor, in either precision.
pub(super) trait Value: Copy + Into<f64> + Sync {}

impl Value for f32 {}
impl Value for f64 {}

/// Σ `term`(l, r) over two rows of as many values.
pub(super) fn sum<T: Value>(left: &[T], right: &[T], term: impl Fn(f64, f64) -> f64) -> f64 {
    let (lefts, rights) = (left.chunks_exact(LANES), right.chunks_exact(LANES));
    let rest: f64 = lefts.remainder().iter().zip(rights.remainder()).map(|(&l, &r)| term(l.into(), r.into())).sum();
    let mut sums = [0.0; LANES];
    for (left, right) in lefts.zip(rights) {
        for (sum, (&l, &r)) in sums.iter_mut().zip(left.iter().zip(right)) {
            *sum += term(l.into(), r.into());
        }
    }
    sums.iter().sum::<f64>() + rest
}

/// Σ `term`(l, r) of each example's rows, of `[examples, units]` twice, or one row for all; none where the values are not in
/// the processor's memory, differ in type or shape, or are to be differentiated.
pub(super) fn sums(left: &Tensor, right: &Tensor, term: impl Fn(f64, f64) -> f64 + Sync) -> Result<Option<Nats>> {
    each(left, right, |l, r| sum(l, r, &term), |l, r| sum(l, r, &term))
}

/// One value of each example's rows, in the same cases.
pub(super) fn each(
    left: &Tensor,
    right: &Tensor,
    single: impl Fn(&[f32], &[f32]) -> f64 + Sync,
    double: impl Fn(&[f64], &[f64]) -> f64 + Sync,
) -> Result<Option<Nats>> {
    let rank = |tensor: &Tensor| tensor.dims().len() == 2 && tensor.device().is_cpu() && !tensor.track_op();
    if !rank(left) || !rank(right) || left.dtype() != right.dtype() {
        return Ok(None);
    }
    let ((rows, units), (others, width)) = (left.dims2()?, right.dims2()?);
    if units != width || !(rows == others || rows == 1 || others == 1) {
        return Ok(None);
    }
    let (left, right) = (left.contiguous()?, right.contiguous()?);
    let ((left, left_at), (right, right_at)) = (left.storage_and_layout(), right.storage_and_layout());
    let (from, to) = (left_at.start_offset(), right_at.start_offset());
    let pair = Pair { rows, others, units };
    Ok(match (&*left, &*right) {
        (Storage::Cpu(CpuStorage::F32(l)), Storage::Cpu(CpuStorage::F32(r))) => {
            Some(pair.each(&l[from..], &r[to..], single))
        }
        (Storage::Cpu(CpuStorage::F64(l)), Storage::Cpu(CpuStorage::F64(r))) => {
            Some(pair.each(&l[from..], &r[to..], double))
        }
        _ => None,
    })
}

/// One value per example, `f64`.
pub(super) fn column(values: Nats) -> Result<Tensor> {
    let examples = values.len();
    Tensor::from_vec(values, examples, &Device::Cpu)
}

/// Rows of two tensors.
struct Pair {
    rows: usize,
    others: usize,
    units: usize,
}

impl Pair {
    fn each<T: Sync>(&self, left: &[T], right: &[T], value: impl Fn(&[T], &[T]) -> f64 + Sync) -> Nats {
        let examples = if self.rows == 1 { self.others } else { self.rows };
        let row = |rows: usize, example: usize| {
            let at = if rows == 1 { 0 } else { example * self.units };
            at..at + self.units
        };
        let of = |example| value(&left[row(self.rows, example)], &right[row(self.others, example)]);
        if examples * self.units < PARALLEL_FROM {
            (0..examples).map(of).collect()
        } else {
            (0..examples).into_par_iter().map(of).collect()
        }
    }
}
