//! Parameters that a run begins with, taken from another run.

use super::checkpoint::locate;
use super::config::{Machine, Variances, VisibleUnits};
use super::data::FileSum;
use super::kinds::{self, Trained};
use super::{Error, Result, model_file};
use crate::math::{DType, Device};
use std::path::{Path, PathBuf};

/// The machine, with its network where there is one, of the file that `model.from` names; it must have these `sizes`, visible first, and
/// the visible units of the `settings`.
pub fn machine(settings: &Machine, from: &Path, sizes: &[usize], dtype: DType, device: &Device) -> Result<Trained> {
    let (path, _) = locate(from)?;
    let machine = model_file::read(&path, Some(dtype), device)?.machine(&path)?;
    let there = machine.dbm.sizes();
    if there == sizes {
        return like(settings, machine, path).map(Trained::Machine);
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

/// The machine with variances that move or do not, as the settings have it; refused where its visible units are of another kind.
fn like(settings: &Machine, machine: kinds::Machine, path: PathBuf) -> Result<kinds::Machine> {
    let log_variance = machine.dbm.units()[0].log_variance().cloned();
    let there = if log_variance.is_some() { VisibleUnits::Gaussian } else { VisibleUnits::Binary };
    if there != settings.visible {
        let word = if log_variance.is_some() { "gaussian" } else { "binary" };
        let problem = format!("holds a machine of {word} visible units, which model.visible does not ask for");
        let remedy = format!("set model.visible = \"{word}\", or begin at another file");
        return Err(Error::Model { path, problem, remedy });
    }
    match log_variance {
        Some(z) => {
            Ok(kinds::Machine { dbm: machine.dbm.gaussian(&z, settings.variances == Variances::Learned)?, ..machine })
        }
        None => Ok(machine),
    }
}

/// Identity of the file that a machine begins at; none where it begins at random weights.
pub fn file(settings: Option<&Machine>) -> Result<Option<FileSum>> {
    let Some(from) = settings.and_then(|machine| machine.from.as_deref()) else { return Ok(None) };
    let (path, _) = locate(from)?;
    let bytes = std::fs::read(&path).map_err(Error::io("read the model", &path))?;
    Ok(Some(FileSum::of(&path, &bytes)))
}
