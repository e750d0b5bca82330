//! The folder of one run: created once, never overwritten.

use super::checkpoint::write_whole;
use super::provenance::Provenance;
use super::{Error, Result, clock};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};

/// `runs/<time>-<name>-<changes>-s<seed>/` and the files in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunFolder {
    path: PathBuf,
}

impl RunFolder {
    /// Creates a folder that did not exist, under `root`; `label` names the experiment and what was changed.
    pub fn create(root: &Path, label: &str) -> Result<Self> {
        std::fs::create_dir_all(root).map_err(Error::io("create the folder", root))?;
        let stem = format!("{}-{label}", clock::now().strftime("%Y%m%d-%H%M%S"));
        let (mut path, mut attempt) = (root.join(&stem), 1);
        loop {
            match std::fs::create_dir(&path) {
                Ok(()) => return Ok(Self { path }),
                Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => attempt += 1,
                Err(error) => return Err(Error::io("create the folder", &path)(error)),
            }
            path = root.join(format!("{stem}-{attempt}"));
        }
    }

    /// Opens the folder of an earlier run.
    pub fn open(path: &Path) -> Result<Self> {
        let folder = Self { path: path.to_path_buf() };
        if folder.config().is_file() && folder.provenance_file().is_file() {
            return Ok(folder);
        }
        let problem = if path.exists() {
            "is not the folder of a run (it has no config.toml and run.json)"
        } else {
            "does not exist"
        };
        Err(Error::Model {
            path: path.to_path_buf(),
            problem: problem.into(),
            remedy: "list the runs with: dbm runs".into(),
        })
    }

    /// Keeps every other process from working on the run until the returned file is closed, by this process's death at the latest.
    pub fn claim(&self) -> Result<File> {
        // The one file of a run that is never replaced.
        let file = File::open(self.config()).map_err(Error::io("open", &self.config()))?;
        match file.try_lock() {
            Err(TryLockError::WouldBlock) => Err(Error::Model {
                path: self.path.clone(),
                problem: "another process is at work on this run".into(),
                remedy: "let it finish, or stop it with Ctrl-C first".into(),
            }),
            // File systems without locks are no reason not to work.
            Ok(()) | Err(TryLockError::Error(_)) => Ok(file),
        }
    }

    /// Whether no process is at work on the run, as far as the file system tells.
    pub fn abandoned(&self) -> bool {
        File::open(self.config()).is_ok_and(|file| file.try_lock_shared().is_ok())
    }

    /// The folder itself.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The last part of the path.
    pub fn name(&self) -> String {
        self.path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
    }

    /// The resolved experiment file; running it again repeats the run.
    pub fn config(&self) -> PathBuf {
        self.path.join("config.toml")
    }

    /// The archive of all measurements.
    pub fn metrics(&self) -> PathBuf {
        self.path.join("metrics.jsonl")
    }

    /// The final table.
    pub fn results(&self) -> PathBuf {
        self.path.join("results.json")
    }

    /// TensorBoard events of one inference scheme; a sibling run with the same tags as the others.
    pub fn scheme_events(&self, label: &str) -> PathBuf {
        self.path.join("schemes").join(label)
    }

    /// TensorBoard events of one scheme's way to its answer, where a step is a sweep.
    pub fn trace_events(&self, label: &str) -> PathBuf {
        self.path.join("traces").join(label)
    }

    fn provenance_file(&self) -> PathBuf {
        self.path.join("run.json")
    }

    /// Writes `run.json`.
    pub fn write_provenance(&self, provenance: &Provenance) -> Result<()> {
        self.write_json(&self.provenance_file(), provenance)
    }

    /// Reads `run.json`.
    pub fn provenance(&self) -> Result<Provenance> {
        self.read_json(&self.provenance_file())
    }

    /// Writes a value as readable JSON, whole or not at all.
    pub fn write_json<T: Serialize>(&self, path: &Path, value: &T) -> Result<()> {
        let text =
            serde_json::to_string_pretty(value).map_err(|error| Error::Compute { problem: error.to_string() })?;
        write_whole(path, (text + "\n").as_bytes())
    }

    /// Writes a text, whole or not at all.
    pub fn write_text(&self, path: &Path, text: &str) -> Result<()> {
        write_whole(path, text.as_bytes())
    }

    /// Reads what `write_json` wrote.
    pub fn read_json<T: DeserializeOwned>(&self, path: &Path) -> Result<T> {
        let text = std::fs::read_to_string(path).map_err(Error::io("read", path))?;
        serde_json::from_str(&text).map_err(|error| Error::Model {
            path: path.to_path_buf(),
            problem: format!("cannot be read: {error}"),
            remedy: "the run was made by another version, or the file was changed by hand".into(),
        })
    }
}

/// The runs under `root`, oldest first; folders that are not runs are passed over.
pub fn list(root: &Path) -> Result<Vec<RunFolder>> {
    if !root.exists() {
        return Ok(Vec::new());
    }
    let entries = std::fs::read_dir(root).map_err(Error::io("read the folder", root))?;
    let mut runs: Vec<RunFolder> = entries.filter_map(|entry| RunFolder::open(&entry.ok()?.path()).ok()).collect();
    runs.sort_by_key(RunFolder::name);
    Ok(runs)
}
