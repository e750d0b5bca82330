//! `dbm pictures`.

use super::compute::Compute;
use super::{examples, print, print_json, table};
use crate::experiment::checkpoint;
use crate::experiment::data::{FileOptions, shape_of};
use crate::experiment::kinds::Seen;
use crate::experiment::observe::{PictureFiles, Record, Value};
use crate::experiment::results::JudgedFile;
use crate::experiment::{Result, model_file, setup};
use crate::math::Stream;
use serde::Serialize;
use std::path::PathBuf;

/// Draw what a model has learned as PNG files: filters of every layer, reconstructions, and of a deep Boltzmann machine samples and
/// examples whose missing halves it fills in. A run has the same pictures in its folder.
#[derive(Debug, clap::Args)]
pub struct Pictures {
    /// Run folder, checkpoint or safetensors file.
    model: PathBuf,
    /// Folder of the files.
    #[arg(long, value_name = "FOLDER", default_value = "pictures")]
    out: PathBuf,
    /// Examples: IDX, .npy, .npz or .amat; without it, the test examples of the run the model belongs to.
    #[arg(long, value_name = "FILE")]
    data: Option<PathBuf>,
    #[command(flatten)]
    compute: Compute,
    /// Seed of all random draws.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Print what was written as JSON.
    #[arg(long)]
    json: bool,
}

/// Examples that are looked at.
const EXAMPLES: usize = 100;

#[derive(Serialize)]
struct Written {
    files: Vec<PathBuf>,
    model: JudgedFile,
    warnings: Vec<String>,
}

impl Pictures {
    pub fn execute(self) -> Result<()> {
        let device = self.compute.chosen()?;
        let (file, warnings) = checkpoint::locate(&self.model)?;
        let model = model_file::read(&file, None, &device)?;
        let (step, tensors, kind) = (checkpoint::step(&model), model.of_trainer(), model.model.kind());
        let (_, visible, _) = match &self.data {
            Some(path) => {
                let real = kind.section().is_real();
                let options = FileOptions { dtype: kind.dtype(), real, ..FileOptions::default() };
                examples::of_file(path, &options, kind, Stream::new(self.seed).named("data"))?
            }
            None => examples::of_run(&self.model, &file, kind, None, self.compute.device)?,
        };
        examples::must_fit(&visible, kind, self.data.as_deref().unwrap_or(&file))?;
        let visible = setup::some_of(&visible, EXAMPLES)?;
        let (shape, stream) = (shape_of(&file, kind.sizes()[0]), Stream::new(self.seed).named("pictures"));
        let mut record = Record::default();
        kind.images(Seen { visible: &visible, tensors: &tensors, shape, stream, finished: true }, &mut record)?;
        let (folder, mut files) = (PictureFiles::new(self.out), Vec::new());
        for entry in &record.entries {
            if let Value::Image(image) = &entry.value {
                files.push(folder.write(&entry.tag, image)?);
            }
        }
        let written = Written { files, model: JudgedFile { file, step }, warnings };
        if self.json { print_json(&written) } else { print(&written.text()) }
    }
}

impl Written {
    fn text(&self) -> String {
        let files: String = self.files.iter().map(|file| format!("{}\n", file.display())).collect();
        files + &table::model(&self.model) + &table::warnings(&self.warnings)
    }
}
