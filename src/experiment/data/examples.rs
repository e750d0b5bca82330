//! Examples of one split: compact in memory, turned into tensors batch by batch.

use super::super::{Error, Result};
use super::array::Pixels;
use crate::math::{DType, Device, Stream, Tensor};
use candle_core::WithDType;
use rayon::prelude::*;

/// Examples of one split, in order; intensities in [0, 1].
#[derive(Clone, Debug)]
pub struct Examples {
    pixels: Pixels,
    units: usize,
    stochastic: bool,
    labels: Option<Vec<u8>>,
    dtype: DType,
    device: Device,
}

impl Examples {
    /// Rows of `units` values, presented as they are, in `f32` on the host.
    pub(super) fn new(pixels: Pixels, units: usize) -> Self {
        Self { pixels, units, stochastic: false, labels: None, dtype: DType::F32, device: Device::Cpu }
    }

    pub(super) fn with_labels(self, labels: Option<Vec<u8>>) -> Self {
        Self { labels, ..self }
    }

    pub(super) fn presented_in(self, dtype: DType, device: Device) -> Self {
        Self { dtype, device, ..self }
    }

    /// The same examples, their pixels drawn anew at every presentation.
    pub(super) fn drawn_at_every_presentation(self) -> Self {
        Self { stochastic: true, ..self }
    }

    /// The same examples with other pixels.
    pub(super) fn with_pixels(self, pixels: Pixels) -> Self {
        Self { pixels, ..self }
    }

    /// The same examples with every value v as 1 - v.
    pub(super) fn flipped(self) -> Self {
        Self { pixels: self.pixels.flipped(), ..self }
    }

    pub(super) fn pixels(&self) -> &Pixels {
        &self.pixels
    }

    /// The examples at `rows`, in that order.
    pub fn select(&self, rows: &[usize]) -> Self {
        let class = |labels: &Vec<u8>| rows.iter().filter_map(|&row| labels.get(row).copied()).collect();
        Self {
            pixels: self.pixels.select(rows, self.units),
            labels: self.labels.as_ref().map(class),
            units: self.units,
            stochastic: self.stochastic,
            dtype: self.dtype,
            device: self.device.clone(),
        }
    }

    /// Number of examples.
    pub fn len(&self) -> usize {
        self.pixels.len() / self.units.max(1)
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes of memory that the examples take as they are kept.
    pub fn bytes(&self) -> usize {
        self.pixels.bytes() + self.labels.as_ref().map_or(0, Vec::len)
    }

    /// Values per example.
    pub fn units(&self) -> usize {
        self.units
    }

    /// Class of each example, where the source has classes.
    pub fn labels(&self) -> Option<&[u8]> {
        self.labels.as_deref()
    }

    /// Class of each of the examples at `rows`, `[rows]`, `u32`, where the source has classes.
    pub fn classes(&self, rows: &[usize]) -> Result<Option<Tensor>> {
        let Some(labels) = &self.labels else { return Ok(None) };
        let classes: Vec<u32> = rows.iter().filter_map(|&row| labels.get(row).map(|&class| u32::from(class))).collect();
        if classes.len() != rows.len() {
            return Err(Error::Compute { problem: format!("{} classes of {} examples", classes.len(), rows.len()) });
        }
        Ok(Some(Tensor::from_vec(classes, rows.len(), &self.device)?))
    }

    /// Whether pixels are drawn anew, as states 0 and 1, at every presentation.
    pub fn is_stochastic(&self) -> bool {
        self.stochastic
    }

    /// Whether every presented value is 0 or 1.
    pub fn is_binary(&self) -> bool {
        self.stochastic || self.pixels.is_binary()
    }

    /// The examples at `rows`, `[rows, units]`. Pixels that are drawn depend on `stream` and the example's index alone.
    pub fn batch(&self, rows: &[usize], stream: Stream) -> Result<Tensor> {
        let draws = self.stochastic.then_some(stream);
        match self.dtype {
            DType::F64 => self.tensor::<f64>(rows, draws, &self.device),
            _ => self.tensor::<f32>(rows, draws, &self.device),
        }
    }

    /// All examples, `[examples, units]`.
    pub fn all(&self, stream: Stream) -> Result<Tensor> {
        let rows: Vec<usize> = (0..self.len()).collect();
        self.batch(&rows, stream)
    }

    /// Mean of every pixel over the examples, `[units]`; of drawn pixels, their mean probability.
    pub fn mean(&self) -> Vec<f64> {
        let (sums, full) = match &self.pixels {
            Pixels::Bytes { values, full } => (sums(values, self.units), *full),
            Pixels::Floats(values) => (sums(values, self.units), 1.0),
        };
        let scale = full * self.len() as f64;
        sums.iter().map(|sum| sum / scale).collect()
    }

    /// The examples at `rows`, their pixels drawn if there is a stream to draw from.
    fn tensor<T: WithDType>(&self, rows: &[usize], draws: Option<Stream>, device: &Device) -> Result<Tensor> {
        if let Some(row) = rows.iter().find(|&&row| row >= self.len()) {
            return Err(Error::Compute { problem: format!("example {row} of {} was asked for", self.len()) });
        }
        // Each byte's intensity, computed once in f64 and rounded once.
        let intensities: Vec<T> = match &self.pixels {
            Pixels::Bytes { full, .. } => (0..=u8::MAX).map(|value| T::from_f64(f64::from(value) / full)).collect(),
            Pixels::Floats(_) => Vec::new(),
        };
        let mut presented = vec![T::zero(); rows.len() * self.units];
        presented.par_chunks_mut(self.units).zip(rows).try_for_each(|(presented, &row)| {
            let from = row * self.units..(row + 1) * self.units;
            match &self.pixels {
                Pixels::Bytes { values, .. } => {
                    for (to, &value) in presented.iter_mut().zip(&values[from]) {
                        *to = intensities[usize::from(value)];
                    }
                }
                Pixels::Floats(values) => {
                    for (to, &value) in presented.iter_mut().zip(&values[from]) {
                        *to = T::from_f64(f64::from(value));
                    }
                }
            }
            draws.map_or(Ok(()), |stream| draw(presented, row, stream))
        })?;
        Ok(Tensor::from_vec(presented, (rows.len(), self.units), device)?)
    }

    /// The states drawn once from `stream`, with the intensities as probabilities.
    pub(super) fn drawn_once(&self, stream: Stream) -> Result<Pixels> {
        const ROWS: usize = 1 << 12;
        let mut states = Vec::with_capacity(self.pixels.len());
        let rows: Vec<usize> = (0..self.len()).collect();
        for rows in rows.chunks(ROWS) {
            let batch = self.tensor::<f32>(rows, Some(stream), &Device::Cpu)?.flatten_all()?.to_vec1::<f32>()?;
            states.extend(batch.iter().map(|&state| u8::from(state == 1.0)));
        }
        Ok(Pixels::binary(states))
    }
}

/// Replaces probabilities by states, with the uniform draws of row `row`.
fn draw<T: WithDType>(values: &mut [T], row: usize, stream: Stream) -> Result<()> {
    let uniform = stream.from_row(row as u64).uniform(1, values.len(), DType::F32, &Device::Cpu)?;
    for (value, uniform) in values.iter_mut().zip(uniform.flatten_all()?.to_vec1::<f32>()?) {
        // Compared in f32, so that both precisions give the same states.
        *value = T::from_f64(f64::from(u8::from(uniform < value.to_f64() as f32)));
    }
    Ok(())
}

/// The sum of every column of rows of so many values.
fn sums<T: Copy + Into<f64>>(values: &[T], columns: usize) -> Vec<f64> {
    let mut sums = vec![0.0; columns];
    for row in values.chunks_exact(columns.max(1)) {
        sums.iter_mut().zip(row).for_each(|(sum, &value)| *sum += value.into());
    }
    sums
}
