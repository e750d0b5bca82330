//! Instances that studies share: small random machines and small sets of binary examples, all `f64` on the processor.
//!
//! A random machine has b_l ~ N(0, `bias_std`²) and W_l ~ N(0, `weight_std`²); the sets are all states of a few units, bars and
//! stripes, and shifters (Hinton and Sejnowski 1986).

use crate::math::{DType, Device, Result, Stream, Tensor};
use crate::models::{Dbm, Enumeration};
use crate::units::{Binary, Kind};
use std::sync::Arc;

/// A binary machine with normal weights and biases of these standard deviations; `sizes` starts with the visible layer.
pub fn random_dbm(sizes: &[usize], weight_std: f64, bias_std: f64, stream: Stream) -> Result<Dbm> {
    let dbm = Dbm::random(sizes, weight_std, stream.named("weights"), DType::F64, &Device::Cpu)?;
    let biases = sizes.iter().enumerate().map(|(layer, &units)| {
        let draws = stream.named("biases").at(layer as u64).normal(1, units, DType::F64, &Device::Cpu)?;
        draws.squeeze(0)? * bias_std
    });
    let biases = biases.collect::<Result<Vec<Tensor>>>()?;
    dbm.with_parameters(dbm.weights().to_vec(), biases)
}

/// Every vector of zeros and ones, `[2^units, units]`; the first unit changes fastest.
pub fn all_binary(units: usize) -> Result<Tensor> {
    let kind: Kind = Arc::new(Binary);
    let states = Enumeration::new(&[(&kind, units)])?;
    states.chunk(0, states.count()? as usize, DType::F64, &Device::Cpu)
}

/// Fair coin flips, `[rows, units]`.
pub fn random_binary(rows: usize, units: usize, stream: Stream) -> Result<Tensor> {
    stream.uniform(rows, units, DType::F64, &Device::Cpu)?.gt(0.5)?.to_dtype(DType::F64)
}

/// Every vector of zeros and ones where there are no more than `most`, else so many random ones, `[rows, units]`.
pub fn binary_inputs(units: usize, most: usize, stream: Stream) -> Result<Tensor> {
    match units < usize::BITS as usize - 1 && 1_usize << units <= most {
        true => all_binary(units),
        false => random_binary(most, units, stream),
    }
}

/// The sizes of a machine as a word: `8-6-4-2`.
pub fn sizes_word(sizes: &[usize]) -> String {
    sizes.iter().map(ToString::to_string).collect::<Vec<_>>().join("-")
}

/// Square images of whole rows or whole columns, each once, `[2^(side + 1) - 2, side · side]`.
pub fn bars_and_stripes(side: usize) -> Result<Tensor> {
    let pixels = side * side;
    let image = |mask: usize, line: fn(usize, usize) -> usize| {
        (0..pixels).map(move |pixel| bit(mask, line(pixel, side))).collect::<Vec<f64>>()
    };
    let stripes = (0..1_usize << side).map(|mask| image(mask, |pixel, side| pixel / side));
    // Stripes have the all-off and the all-on image already.
    let bars = (1..(1_usize << side) - 1).map(|mask| image(mask, |pixel, side| pixel % side));
    rows(stripes.chain(bars), pixels)
}

/// The same, the empty and the full image twice: as rows and as columns, `[2^(side + 1), side · side]`.
pub fn bars_and_stripes_twice(side: usize) -> Result<Tensor> {
    let once = bars_and_stripes(side)?;
    let (empty, full) = (once.narrow(0, 0, 1)?, once.narrow(0, (1 << side) - 1, 1)?);
    Tensor::cat(&[once, empty, full], 0)
}

/// One unit of `units` that is on, at every place, `[units, units]`.
pub fn shifting_bar(units: usize) -> Result<Tensor> {
    Tensor::eye(units, DType::F64, &Device::Cpu)
}

/// Every pattern of `bits` bits beside itself shifted by one left, not at all, and one right (cyclically), `[3 · 2^bits, 2 · bits]`.
pub fn shifter(bits: usize) -> Result<Tensor> {
    let shifts = [1, 0, bits.saturating_sub(1)];
    let examples = (0..1_usize << bits).flat_map(|mask| shifts.map(|ahead| (mask, ahead)));
    let row = |(mask, ahead): (usize, usize)| -> Vec<f64> {
        (0..bits).chain((0..bits).map(|place| (place + ahead) % bits)).map(|place| bit(mask, place)).collect()
    };
    rows(examples.map(row), 2 * bits)
}

fn bit(mask: usize, place: usize) -> f64 {
    (mask >> place & 1) as f64
}

fn rows(rows: impl Iterator<Item = Vec<f64>>, columns: usize) -> Result<Tensor> {
    let values: Vec<f64> = rows.flatten().collect();
    let count = values.len() / columns.max(1);
    Tensor::from_vec(values, (count, columns), &Device::Cpu)
}
