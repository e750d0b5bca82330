//! Examples for a model that was trained already: those of a file, or the test examples of its run.

use crate::experiment::config::{Device, stored};
use crate::experiment::data::{FileOptions, load_examples};
use crate::experiment::kinds::Kind;
use crate::experiment::{Error, Result, RunFolder, setup};
use crate::math::{Stream, Tensor};
use std::path::Path;

/// What they are called, the examples `[examples, visible]`, and the mean of every visible unit over those the model learned from,
/// or over these.
pub type Found = (String, Tensor, Vec<f64>);

/// The examples of a file, on the device of the model.
pub fn of_file(path: &Path, options: &FileOptions, kind: &dyn Kind, stream: Stream) -> Result<Found> {
    let loaded = load_examples(path, options, stream)?;
    let visible = loaded.examples.all(stream)?.to_device(kind.device())?;
    Ok((path.display().to_string(), visible, loaded.examples.mean()))
}

/// The test examples of the run that the model `file` lies in, with their labels beside them where there are `classes`; `asked` is what
/// the user called it.
pub fn of_run(asked: &Path, file: &Path, kind: &dyn Kind, classes: Option<usize>, device: Device) -> Result<Found> {
    // Absolute, so that a bare file name has its folders too.
    let file = std::path::absolute(file).map_err(Error::io("find", file))?;
    let run = file.parent().and_then(Path::parent).map(RunFolder::open);
    let Some(Ok(run)) = run else {
        return Err(Error::Refused {
            problem: format!("{} lies in no run folder, so there is no telling what to judge it on", asked.display()),
            remedy: "name the examples: --data FILE".into(),
        });
    };
    let mut experiment = stored(&run.config())?;
    experiment.device = device;
    experiment.dtype = setup::dtype_word(kind.dtype());
    let dataset = setup::dataset(&experiment)?;
    dataset.expect_files(&run.provenance()?.data, run.path())?;
    let visible = setup::first(&dataset.test, usize::MAX, Stream::new(experiment.seed))?;
    let visible = setup::with_labels(visible, &dataset.test, classes)?;
    Ok((dataset.judged, visible, dataset.train.mean()))
}

/// Refuses examples of another width than the model's; `source` is where they come from.
pub fn must_fit(visible: &Tensor, kind: &dyn Kind, source: &Path) -> Result<()> {
    let (units, expected) = (visible.dim(1)?, kind.sizes()[0]);
    if units == expected {
        return Ok(());
    }
    Err(Error::Data {
        file: source.to_path_buf(),
        problem: format!("its examples have {units} values; the model has {expected} visible units"),
        remedy: "give the data the model was trained on".into(),
    })
}
