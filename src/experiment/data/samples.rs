//! Gibbs samples of a model as examples.

use super::super::config::{self, Source};
use super::super::sampling::sample;
use super::super::{Error, Result, RunFolder, checkpoint, model_file, pictures};
use super::array::Pixels;
use super::prepare::Parts;
use super::{Examples, FileSum, grouped};
use crate::math::{DType, Device, Stream, host};
use std::path::{Path, PathBuf};

/// Models trained on samples of models trained on samples …: where the search for a shape gives up.
const GENERATIONS: usize = 16;

/// Samples of the model at `path`, one chain each.
pub(super) fn parts(
    path: &Path,
    count: usize,
    sweeps: usize,
    dtype: DType,
    device: &Device,
    stream: Stream,
) -> Result<Parts> {
    let (file, damaged) = checkpoint::locate(path)?;
    let dbm = model_file::read(&file, Some(dtype), device)?.machine(&file)?.dbm;
    if dbm.units()[0].precision().is_some() {
        return Err(Error::Model {
            path: file,
            problem: "is a machine of real numbers, and samples as data are of binary ones".into(),
            remedy: "write its samples with `dbm sample --states --out FILE.npy`, and read them with data.source.files"
                .into(),
        });
    }
    let visible = sample(&dbm, count, sweeps, stream, "data.source.samples.examples")?.states;
    let units = visible.dim(1)?;
    let pixels = Pixels::from_unit_values(&host(&visible)?).ok_or_else(|| Error::Model {
        path: file.clone(),
        problem: "its samples are not all between 0 and 1".into(),
        remedy: "take a model whose parameters are finite numbers".into(),
    })?;
    let name = format!("samples of {}", path.display());
    let bytes = std::fs::read(&file).map_err(Error::io("read", &file))?;
    let note = format!("{name}: {} chains of {sweeps} Gibbs sweeps, from starts drawn at random", grouped(count));
    Ok(Parts {
        judged: name.clone(),
        name,
        shape: shape_of(&file, units),
        train: Examples::new(pixels, units),
        validation: None,
        test: None,
        files: vec![FileSum::of(&file, &bytes)],
        notes: std::iter::once(note).chain(damaged).collect(),
    })
}

/// Height and width of what a model was trained on, where it lies in a run folder that tells, else the squarest rectangle of
/// so many `units`.
pub fn shape_of(model_file: &Path, units: usize) -> [usize; 2] {
    let shape = trained_on(model_file.to_path_buf(), GENERATIONS);
    shape
        .filter(|[height, width]| height.checked_mul(*width) == Some(units))
        .unwrap_or_else(|| pictures::rectangle(units))
}

fn trained_on(file: PathBuf, generations: usize) -> Option<[usize; 2]> {
    let run = RunFolder::open(file.parent()?.parent()?).ok()?;
    let data = config::stored(&run.config()).ok()?.data;
    match &data.source {
        Source::Samples { model, .. } if generations > 0 => {
            trained_on(checkpoint::locate(model).ok()?.0, generations - 1)
        }
        source @ Source::Files(files) => source.shape().or_else(|| Some(super::files::parts(files).ok()?.shape)),
        source => source.shape(),
    }
}
