//! Reductions: per example on the device, over examples on the host; every sum in `f64`, whatever the precision of its terms.

use super::rows::{Value, column, each, sum, sums};
use super::weight::{served, with_values};
use super::{DType, Result, Tensor};
use rayon::prelude::*;

/// Values that one thread sums; it decides the order of the sum, which must not depend on the number of threads.
const STRETCH: usize = 1 << 12;

/// One value per example in nats, on the host.
pub type Nats = Vec<f64>;

/// A tensor of any shape as `f64` values on the host, row by row.
pub fn host(tensor: &Tensor) -> Result<Vec<f64>> {
    tensor.flatten_all()?.to_dtype(DType::F64)?.to_vec1()
}

/// Values widened to `f64`, so that what is made of them is too.
pub fn double(values: &Tensor) -> Result<Tensor> {
    values.to_dtype(DType::F64)
}

/// Sum over the units of each example: `[examples, units]` to `[examples]`, `f64`.
pub fn sum_units(values: &Tensor) -> Result<Tensor> {
    match sums(values, values, |value, _| value)? {
        Some(sums) => column(sums),
        None => double(values)?.sum(1),
    }
}

/// Inner product of each example's rows, `[examples, units]` twice (or one row for all) to `[examples]`, `f64`.
pub fn inner(left: &Tensor, right: &Tensor) -> Result<Tensor> {
    match sums(left, right, |left, right| left * right)? {
        Some(sums) => column(sums),
        None => double(left)?.broadcast_mul(&double(right)?)?.sum(1),
    }
}

/// Mean over the units of each example of (left - right)², from `[examples, units]` twice to `[examples]`, on the host.
pub fn mean_square_differences(left: &Tensor, right: &Tensor) -> Result<Vec<f64>> {
    let units = left.dim(1)? as f64;
    let found = match sums(left, right, |left, right| (left - right).powi(2))? {
        Some(found) => found,
        None => host(&(double(left)? - double(right)?)?.sqr()?.sum(1)?)?,
    };
    Ok(found.iter().map(|sum| sum / units).collect())
}

/// How many values of `[examples, units]` twice differ by at least `least`.
pub fn differing(left: &Tensor, right: &Tensor, least: f64) -> Result<f64> {
    let counts = |left: f64, right: f64| f64::from(u8::from((left - right).abs() >= least));
    match sums(left, right, counts)? {
        Some(counts) => Ok(counts.iter().sum()),
        None => Ok(host(left)?.iter().zip(host(right)?).map(|(&left, right)| counts(left, right)).sum()),
    }
}

/// Root of the sum of the squares of all values: the Frobenius norm of a matrix.
pub fn norm(tensor: &Tensor) -> Result<f64> {
    // The weights of a large machine are looked at where they are, not copied.
    let sum = if served(tensor) { with_values(tensor, squares::<f32>)? } else { squares(&host(tensor)?) };
    Ok(sum.sqrt())
}

fn squares<T: Value>(values: &[T]) -> f64 {
    let of = |part: &[T]| sum(part, part, |value, same| value * same);
    values.par_chunks(STRETCH).map(of).collect::<Vec<f64>>().iter().sum()
}

/// Mean over examples, `[units]`, from `[examples, units]`; summed example by example, so that the bits are those of any machine.
pub fn mean_over_examples(tensor: &Tensor) -> Result<Tensor> {
    let (examples, units) = tensor.dims2()?;
    if !served(tensor) {
        let share = 1.0 / examples as f64;
        // Summing rows by a product is many times faster than a reduction over the first axis.
        let row = (Tensor::ones((1, examples), tensor.dtype(), tensor.device())? * share)?;
        return row.matmul(tensor)?.squeeze(0);
    }
    let mut sums = vec![0.0_f64; units];
    with_values(tensor, |values| {
        for example in values.chunks_exact(units.max(1)) {
            sums.iter_mut().zip(example).for_each(|(sum, value)| *sum += f64::from(*value));
        }
    })?;
    let means = sums.iter().map(|sum| (sum / examples as f64) as f32).collect();
    Tensor::from_vec(means, units, tensor.device())
}

/// Largest absolute difference of each example's rows, `[examples]`, on the host; not a number if a difference is none.
pub fn largest_change(before: &Tensor, after: &Tensor) -> Result<Vec<f64>> {
    let single =
        |before: &[f32], after: &[f32]| largest(before.iter().zip(after).map(|(b, a)| f64::from((a - b).abs())));
    let double = |before: &[f64], after: &[f64]| largest(before.iter().zip(after).map(|(b, a)| (a - b).abs()));
    if let Some(changes) = each(before, after, single, double)? {
        return Ok(changes);
    }
    if before.elem_count() == 0 {
        return Ok(vec![0.0; before.dim(0)?]);
    }
    let changes = (after - before)?.abs()?;
    host(&(changes.max(1)? + (changes.sum(1)? * 0.0)?)?)
}

fn largest(changes: impl Iterator<Item = f64>) -> f64 {
    // The maximum alone may pass over a value that is not a number; the sum never does.
    let (largest, none) = changes.fold((0.0_f64, 0.0), |(largest, none), change| {
        (if change > largest { change } else { largest }, none + change * 0.0)
    });
    largest + none
}

/// The larger of two numbers; not a number if one is none, so that a maximum over many never passes over it.
pub fn larger(a: f64, b: f64) -> f64 {
    if a.is_nan() || b.is_nan() { f64::NAN } else { a.max(b) }
}

/// The smaller of two numbers; not a number if one is none.
pub fn smaller(a: f64, b: f64) -> f64 {
    if a.is_nan() || b.is_nan() { f64::NAN } else { a.min(b) }
}

/// ln Σ exp(x), without overflow; minus infinity for no terms, not a number if a term is none.
pub fn log_sum_exp(values: &[f64]) -> f64 {
    let larger = |a: f64, b: f64| if a >= b || a.is_nan() { a } else { b };
    let largest = values.iter().copied().fold(f64::NEG_INFINITY, larger);
    if !largest.is_finite() {
        return largest;
    }
    largest + values.iter().map(|x| (x - largest).exp()).sum::<f64>().ln()
}

/// ln of the mean of exp(x).
pub fn log_mean_exp(values: &[f64]) -> f64 {
    log_sum_exp(values) - (values.len() as f64).ln()
}

/// Arithmetic mean; NaN for no values.
pub fn mean_of(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}
