//! Generated sets of real numbers: patches of natural images, and clusters.

use super::super::Result;
use super::array::Pixels;
use super::prepare::Parts;
use super::{Examples, bundled, grouped};
use crate::math::{self, DType, Device, Stream, Whitening, host};

/// Patches of the bundled images, less their means, whitened on the `kept` directions of largest variance.
pub(super) fn patches(side: usize, count: usize, kept: Option<usize>, stream: Stream) -> Result<Parts> {
    let images = bundled("natural-images")?;
    let cut = math::patches(&images.train, images.shape, side, count, stream)?;
    let cut = math::without_row_means(&cut)?;
    let kept = kept.unwrap_or(side * side / 2);
    let values = if kept == 0 { cut } else { Whitening::in_place(&cut, kept)?.apply(&cut)? };
    let name = format!("natural image patches {side} x {side}");
    let whitened = match kept {
        0 => "not whitened".to_string(),
        _ => format!("whitened on the {kept} directions of largest variance, the others left out"),
    };
    let note = format!("{name}: {} patches less their means, {whitened}", grouped(count));
    Ok(parts(name, [side, side], host(&values)?, note))
}

/// Examples of `[clusters, dimensions]` round Gaussians of variance 1, their centres drawn with this standard deviation.
pub(super) fn clusters([clusters, dimensions]: [usize; 2], count: usize, spread: f64, stream: Stream) -> Result<Parts> {
    let normal = |name, rows| stream.named(name).normal(rows, dimensions, DType::F64, &Device::Cpu);
    let (centres, mut values) = (host(&normal("centres", clusters)?)?, host(&normal("examples", count)?)?);
    let chosen = host(&stream.named("clusters").uniform(count, 1, DType::F64, &Device::Cpu)?)?;
    for (row, draw) in values.chunks_mut(dimensions).zip(chosen) {
        let cluster = ((draw * clusters as f64) as usize).min(clusters - 1);
        let centre = &centres[cluster * dimensions..(cluster + 1) * dimensions];
        row.iter_mut().zip(centre).for_each(|(value, centre)| *value += spread * centre);
    }
    let name = format!("{clusters} Gaussian clusters in {dimensions} dimensions");
    let note = format!("{name}: {} draws", grouped(count));
    Ok(parts(name, [1, dimensions], values, note))
}

fn parts(name: String, shape: [usize; 2], values: Vec<f64>, note: String) -> Parts {
    Parts {
        judged: name.clone(),
        name,
        shape,
        train: Examples::new(Pixels::real(values), shape[0] * shape[1]),
        validation: None,
        test: None,
        files: Vec::new(),
        notes: vec![note],
    }
}
