//! The folder of one run: created once, never overwritten.

use super::checkpoint::{Checkpoints, PARTIAL, write_whole};
use super::provenance::Provenance;
use super::{Error, Result, clock, quoted};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How often, and after what pause, a run is claimed that only listings hold.
const TRIES: usize = 500;
const PAUSE: Duration = Duration::from_millis(10);

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

    /// Creates the folder of one run among several that belong together.
    pub fn create_within(parent: &Path, name: &str) -> Result<Self> {
        let path = parent.join(name);
        std::fs::create_dir(&path).map_err(Error::io("create the folder", &path))?;
        Ok(Self { path })
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
        for _ in 0..TRIES {
            match file.try_lock() {
                // File systems without locks are no reason not to work.
                Ok(()) | Err(TryLockError::Error(_)) => return Ok(file),
                // What `abandoned` asks with is soon let go of, and can be shared.
                Err(TryLockError::WouldBlock) if file.try_lock_shared().is_ok() => {
                    file.unlock().map_err(Error::io("unlock", &self.config()))?;
                    std::thread::sleep(PAUSE);
                }
                Err(TryLockError::WouldBlock) => break,
            }
        }
        Err(Error::Model {
            path: self.path.clone(),
            problem: "another process is at work on this run".into(),
            remedy: "let it finish, or stop it with Ctrl-C first".into(),
        })
    }

    /// Whether no process is at work on the run, as far as the file system tells.
    pub fn abandoned(&self) -> bool {
        File::open(self.config()).is_ok_and(|file| file.try_lock_shared().is_ok())
    }

    /// Whether there is a checkpoint to go on from.
    pub fn can_go_on(&self) -> bool {
        Checkpoints::new(&self.path, 1).files().is_ok_and(|files| !files.is_empty())
    }

    /// The command that continues the run, or where nothing was saved makes it anew.
    pub fn next_command(&self) -> String {
        match self.can_go_on() {
            true => format!("continue it with: dbm resume {}", quoted(&self.path)),
            false => format!("it has no checkpoint; make it anew with: dbm run {}", quoted(&self.config())),
        }
    }

    /// Removes what writers that were killed have left; only for who holds the claim.
    pub fn remove_partial_files(&self) -> Result<()> {
        let folders = [self.path.clone(), self.path.join("checkpoints"), self.pictures()];
        for folder in folders.into_iter().filter(|folder| folder.is_dir()) {
            let entries = std::fs::read_dir(&folder).map_err(Error::io("read the folder", &folder))?;
            let paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
            for left in paths.filter(|path| path.extension().is_some_and(|ending| ending == PARTIAL)) {
                std::fs::remove_file(&left).map_err(Error::io("remove", &left))?;
            }
        }
        Ok(())
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

    /// The newest pictures of a model.
    pub fn pictures(&self) -> PathBuf {
        self.path.join("pictures")
    }

    /// The pictures of a study.
    pub fn figures(&self) -> PathBuf {
        self.path.join("figures")
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

/// The runs under `root`, oldest first, those too that were killed before all their files were there; folders that are no runs
/// are passed over.
pub fn list(root: &Path) -> Result<Vec<RunFolder>> {
    if !root.exists() {
        return Ok(Vec::new());
    }
    let entries = std::fs::read_dir(root).map_err(Error::io("read the folder", root))?;
    let folders = entries.filter_map(|entry| Some(RunFolder { path: entry.ok()?.path() }));
    let mut runs: Vec<RunFolder> =
        folders.filter(|run| run.config().is_file() || run.provenance_file().is_file()).collect();
    runs.sort_by_key(RunFolder::name);
    Ok(runs)
}
