//! The one error type of the program, one variant per thing its reader can do about it.

use std::path::{Path, PathBuf};

/// How a divergence begins, here and in the record of a run.
const DIVERGED: &str = "training diverged";

/// What went wrong, where, and what to do about it.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The experiment file, an override or a scheme word cannot be used.
    #[error("{report}")]
    Experiment {
        /// Every problem: its line with carets, what is allowed, what was probably meant.
        report: String,
    },
    /// A data file is missing, damaged or does not fit.
    #[error("{}: {problem}", file.display())]
    Data {
        /// As the user named it.
        file: PathBuf,
        /// What was found and where in the file, as the end of a sentence that begins with its name.
        problem: String,
        /// One action that helps.
        remedy: String,
    },
    /// A run folder, checkpoint or model file is missing, damaged or does not fit.
    #[error("{}: {problem}", path.display())]
    Model {
        /// The folder or file.
        path: PathBuf,
        /// What was found, as the end of a sentence that begins with the path.
        problem: String,
        /// One action that helps.
        remedy: String,
    },
    /// A parameter or measurement stopped being a finite number.
    #[error("{DIVERGED} at step {step}: {measure} is {value}")]
    Diverged {
        /// Updates made, over all stages of the run.
        step: u64,
        /// Tag under which the number is logged, or name of the tensor.
        measure: String,
        /// NaN or an infinity.
        value: f64,
    },
    /// Something asked for is possible in principle but too large, or not offered for this model.
    #[error("{problem}")]
    Refused {
        /// What was asked for, and why it is not done.
        problem: String,
        /// One action that helps.
        remedy: String,
    },
    /// The operating system refused a file.
    #[error("cannot {action} {}: {source}", path.display())]
    Io {
        /// What was tried, as the verb before the path: "read", "create the folder".
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The reason the system gives.
        source: std::io::Error,
        /// The run that stopped for it, to be resumed; none where no run was at work.
        run: Option<PathBuf>,
    },
    /// Stopped by Ctrl-C after saving a checkpoint.
    #[error("interrupted at step {step}; everything up to it is saved")]
    Interrupted {
        /// The run folder, to be resumed.
        run: PathBuf,
        /// Updates made, over all stages of the run.
        step: u64,
    },
    /// Stopped by Ctrl-C where there is nothing to be resumed.
    #[error("{problem}")]
    Broken {
        /// What was stopped, and what of it is kept.
        problem: String,
        /// One action that helps.
        remedy: String,
    },
    /// Some claim does not come out as its experiment file says.
    #[error("{problem}")]
    Contradicted {
        /// Which claims, and how they come out.
        problem: String,
        /// Where to read more.
        remedy: String,
    },
    /// An operation on tensors failed: a fault of the program or of the device.
    #[error("computation failed: {problem}")]
    Compute {
        /// The first line of the library's message.
        problem: String,
    },
}

/// Results of the floors that do input and output.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// What helps where training diverged; going on from a checkpoint does not.
    pub const AFTER_DIVERGENCE: &str =
        "start a new run with a lower learning rate (train.learning_rate or pretrain.learning_rate)";

    /// Whether the error a run ended with, as its record words it, was a divergence.
    pub fn tells_of_divergence(text: &str) -> bool {
        text.starts_with(DIVERGED)
    }

    /// The process's exit code, as documented in the README.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Compute { .. } | Self::Contradicted { .. } => 1,
            Self::Experiment { .. } | Self::Refused { .. } => 2,
            Self::Data { .. } => 3,
            Self::Model { .. } => 4,
            Self::Diverged { .. } => 5,
            Self::Io { .. } => 6,
            Self::Interrupted { .. } | Self::Broken { .. } => 130,
        }
    }

    /// One action that helps, if there is one.
    pub fn remedy(&self) -> Option<String> {
        match self {
            Self::Experiment { .. } => None,
            Self::Data { remedy, .. }
            | Self::Model { remedy, .. }
            | Self::Refused { remedy, .. }
            | Self::Broken { remedy, .. }
            | Self::Contradicted { remedy, .. } => Some(remedy.clone()),
            Self::Diverged { .. } => Some(Self::AFTER_DIVERGENCE.into()),
            Self::Io { action, source, run, .. } => {
                let remedy = io_remedy(action, source.kind());
                Some(match run {
                    Some(run) => format!("{remedy}; then continue with: dbm resume {}", quoted(run)),
                    None => remedy.into(),
                })
            }
            Self::Interrupted { run, .. } => Some(format!("continue with: dbm resume {}", quoted(run))),
            Self::Compute { problem } if problem.contains("OUT_OF_MEMORY") => Some(
                "the GPU has too little memory: take a smaller model, smaller batches or fewer chains, or the device cpu".into(),
            ),
            Self::Compute { .. } => Some("please report this with the experiment file".into()),
        }
    }

    /// For `map_err` on operations of the file system.
    pub fn io(action: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_path_buf();
        move |source| Self::Io { action, path, source, run: None }
    }

    /// The error as one that a run stopped for, which can go on once the cause is mended.
    pub fn of_run(self, run: &Path) -> Self {
        match self {
            Self::Io { action, path, source, .. } => Self::Io { action, path, source, run: Some(run.to_path_buf()) },
            other => other,
        }
    }
}

/// What helps where the system refused to do something with a path.
fn io_remedy(action: &str, kind: std::io::ErrorKind) -> &'static str {
    use std::io::ErrorKind::{IsADirectory, NotFound, PermissionDenied, QuotaExceeded, StorageFull};
    match kind {
        StorageFull | QuotaExceeded => "free some disk space and try again",
        PermissionDenied => "check the permissions of the path",
        NotFound => "check the path",
        IsADirectory => "this is a folder; name a file",
        _ if ["read", "open", "find"].iter().any(|verb| action.starts_with(verb)) => "check that the path can be read",
        _ => "check that the path can be written to",
    }
}

/// A path as a shell takes it.
pub fn quoted(path: &Path) -> String {
    let text = path.display().to_string();
    let plain = |c: char| c.is_alphanumeric() || "/._-+=,:".contains(c);
    if !text.is_empty() && text.chars().all(plain) { text } else { format!("'{}'", text.replace('\'', "'\\''")) }
}

impl From<candle_core::Error> for Error {
    fn from(error: candle_core::Error) -> Self {
        // candle appends a backtrace to its message when backtraces are on; the first line says it all.
        let text = error.to_string();
        Self::Compute { problem: text.lines().next().unwrap_or_default().to_string() }
    }
}
