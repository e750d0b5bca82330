//! Checkpoints: everything a run needs to go on bit for bit, written whole or not at all.

use super::model_file::{self, ModelFile};
use super::provenance::Status;
use super::results::Results;
use super::{Error, Result, RunFolder, Standing, quoted};
use crate::math::{Device, Tensor};
use serde::{Deserialize, Serialize};
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

const FORMAT: u32 = 1;

/// Ending of a file that is being written.
pub const PARTIAL: &str = "partial";

/// Where a run stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Position {
    /// Index of the stage.
    pub stage: usize,
    /// Updates made in this stage.
    pub stage_step: u64,
    /// Updates made in all stages.
    pub step: u64,
    /// Best held-out score so far, nats, and the step it was reached at.
    pub best: Option<(f64, u64)>,
    /// Whether that score came with a warning.
    #[serde(default)]
    pub doubtful: bool,
    /// How long this stage has gone on without a better score.
    #[serde(default)]
    pub standing: Standing,
}

#[derive(Serialize, Deserialize)]
struct Header {
    format: u32,
    position: Position,
}

/// A checkpoint that was read back.
#[derive(Debug)]
pub struct Checkpoint {
    /// Where the run stood.
    pub position: Position,
    /// The model and the state of its trainer.
    pub model: ModelFile,
    /// The file.
    pub path: PathBuf,
}

/// The folder `checkpoints` of a run.
#[derive(Clone, Debug)]
pub struct Checkpoints {
    folder: PathBuf,
    keep: usize,
}

impl Checkpoints {
    /// Keeps the newest `keep` files, and the best apart.
    pub fn new(run: &Path, keep: usize) -> Self {
        Self { folder: run.join("checkpoints"), keep: keep.max(1) }
    }

    /// Saves a checkpoint and drops the oldest beyond the number kept.
    pub fn save(&self, position: Position, tensors: &[(String, Tensor)]) -> Result<PathBuf> {
        let path = self.folder.join(format!("step-{:010}.safetensors", position.step));
        self.write(&path, position, tensors)?;
        // A newer file is a damaged one that the run was resumed from before; it must not push out whole ones.
        let files: Vec<PathBuf> = self.files()?.into_iter().filter(|file| *file <= path).collect();
        for old in files.iter().take(files.len().saturating_sub(self.keep)) {
            std::fs::remove_file(old).map_err(Error::io("remove the old checkpoint", old))?;
        }
        Ok(path)
    }

    /// Saves the best model so far under its own name.
    pub fn save_best(&self, position: Position, tensors: &[(String, Tensor)]) -> Result<PathBuf> {
        let path = self.best();
        self.write(&path, position, tensors)?;
        Ok(path)
    }

    /// The file of the best model; it may not exist.
    pub fn best(&self) -> PathBuf {
        self.folder.join("best.safetensors")
    }

    fn write(&self, path: &Path, position: Position, tensors: &[(String, Tensor)]) -> Result<()> {
        std::fs::create_dir_all(&self.folder).map_err(Error::io("create the folder", &self.folder))?;
        let header = serde_json::to_string(&Header { format: FORMAT, position })
            .map_err(|error| Error::Compute { problem: error.to_string() })?;
        write_whole(path, &model_file::to_bytes(tensors, Some(&header))?)
    }

    /// Numbered checkpoints, oldest first.
    pub fn files(&self) -> Result<Vec<PathBuf>> {
        let entries = match std::fs::read_dir(&self.folder) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries.map_err(Error::io("read the folder", &self.folder))?,
        };
        let mut files: Vec<PathBuf> =
            entries.filter_map(|entry| Some(entry.ok()?.path())).filter(|p| numbered(p)).collect();
        files.sort();
        Ok(files)
    }

    /// The newest checkpoint that is whole, and a warning for every newer one that is not.
    pub fn newest(&self, device: &Device) -> Result<(Checkpoint, Vec<String>)> {
        let mut warnings = Vec::new();
        for path in self.files()?.iter().rev() {
            match read(path, device) {
                Ok(checkpoint) => return Ok((checkpoint, warnings)),
                Err(error) => warnings.push(format!("{error}; falling back to the checkpoint before it")),
            }
        }
        Err(Error::Model {
            path: self.folder.clone(),
            problem: match warnings.len() {
                0 => "has no checkpoint".into(),
                damaged => format!("none of the {damaged} checkpoints can be read: {}", warnings.join("; ")),
            },
            remedy: format!("start again with: dbm run {}", quoted(&self.folder.with_file_name("config.toml"))),
        })
    }
}

fn numbered(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    name.starts_with("step-") && name.ends_with(".safetensors")
}

/// Reads one checkpoint.
pub fn read(path: &Path, device: &Device) -> Result<Checkpoint> {
    let model = model_file::read(path, None, device)?;
    match header(&model) {
        Some(header) if header.format == FORMAT => {
            Ok(Checkpoint { position: header.position, model, path: path.to_path_buf() })
        }
        _ => Err(Error::Model {
            path: path.to_path_buf(),
            problem: format!("is not a checkpoint of format {FORMAT}"),
            remedy: "use the version of this program that wrote it, or start a new run".into(),
        }),
    }
}

/// The model file a path means: of a run folder the model that the run concluded on, else its newest whole checkpoint, with a warning
/// for every newer one that is damaged and where the concluded one is gone; or the file itself.
pub fn locate(path: &Path) -> Result<(PathBuf, Vec<String>)> {
    if !path.is_dir() {
        return Ok((path.to_path_buf(), Vec::new()));
    }
    let run = RunFolder::open(path)?;
    let gone = match concluded(&run) {
        Some(file) if file.is_file() => return Ok((file, Vec::new())),
        gone => gone,
    };
    let (checkpoint, mut warnings) = Checkpoints::new(run.path(), 1).newest(&Device::Cpu)?;
    warnings.extend(gone.map(|file| {
        format!(
            "{} is gone, which holds the model that this run concluded on; what follows is of its newest checkpoint",
            file.display()
        )
    }));
    Ok((checkpoint.path, warnings))
}

/// The model that a finished run concluded on, where that is not its last.
fn concluded(run: &RunFolder) -> Option<PathBuf> {
    run.provenance().ok().filter(|provenance| provenance.status == Status::Finished)?;
    let results: Results = run.read_json(&run.results()).ok()?;
    Some(run.path().join(results.model?.file))
}

/// Updates behind a model, where its file is a checkpoint.
pub fn step(model: &ModelFile) -> Option<u64> {
    header(model).map(|header| header.position.step)
}

fn header(model: &ModelFile) -> Option<Header> {
    model.header.as_deref().and_then(|text| serde_json::from_str(text).ok())
}

/// Writes a file under a temporary name, forces it to disk and renames it, so that a crash leaves the old file or the new one.
pub fn write_whole(path: &Path, bytes: &[u8]) -> Result<()> {
    let (temporary, mut file) = beside(path).map_err(Error::io("write", path))?;
    let written = file.write_all(bytes).and_then(|()| file.sync_all()).and_then(|()| std::fs::rename(&temporary, path));
    written.map_err(|error| {
        // What is left of a file that could not be written is of no use; failing to remove it changes nothing.
        let _ = std::fs::remove_file(&temporary);
        Error::io("write", path)(error)
    })?;
    sync_folder(path);
    Ok(())
}

/// A new file next to `path`, under a name that no other file has.
fn beside(path: &Path) -> std::io::Result<(PathBuf, File)> {
    let mut attempt = 0;
    loop {
        let mut name = path.file_name().unwrap_or_default().to_os_string();
        name.push(format!(".{attempt}.{PARTIAL}"));
        let temporary = path.with_file_name(name);
        match OpenOptions::new().write(true).create_new(true).open(&temporary) {
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => attempt += 1,
            outcome => return outcome.map(|file| (temporary, file)),
        }
    }
}

/// Makes the new name itself outlive a loss of power. Not every platform and file system can; that is no reason to fail.
fn sync_folder(path: &Path) {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let _ = File::open(folder).and_then(|folder| folder.sync_all());
}
