//! Parameters that a run begins with, taken from another run.

use super::checkpoint::locate;
use super::config::Machine;
use super::data::FileSum;
use super::kinds::Trained;
use super::{Error, Result, model_file};
use crate::math::{DType, Device};
use std::path::Path;

/// The machine, with its network where there is one, of the file that `model.from` names; it must have these `sizes`, visible first.
pub fn machine(from: &Path, sizes: &[usize], dtype: DType, device: &Device) -> Result<Trained> {
    let (path, _) = locate(from)?;
    let machine = model_file::read(&path, Some(dtype), device)?.machine(&path)?;
    let there = machine.dbm.sizes();
    if there == sizes {
        return Ok(Trained::Machine(machine));
    }
    let shape = |sizes: &[usize]| sizes.iter().map(ToString::to_string).collect::<Vec<_>>().join("-");
    let hidden: Vec<String> = there.iter().skip(1).map(ToString::to_string).collect();
    let remedy = match there.first() == sizes.first() {
        true => format!("set model.hidden = [{}], or begin at another file", hidden.join(", ")),
        false => "train on the data that the file was trained on, or begin at another file".into(),
    };
    let problem = format!("holds a machine {}, and model.from is to begin a machine {}", shape(&there), shape(sizes));
    Err(Error::Model { path, problem, remedy })
}

/// Identity of the file that a machine begins at; none where it begins at random weights.
pub fn file(settings: Option<&Machine>) -> Result<Option<FileSum>> {
    let Some(from) = settings.and_then(|machine| machine.from.as_deref()) else { return Ok(None) };
    let (path, _) = locate(from)?;
    let bytes = std::fs::read(&path).map_err(Error::io("read the model", &path))?;
    Ok(Some(FileSum::of(&path, &bytes)))
}
