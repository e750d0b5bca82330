//! Where a run comes from and how it ended: `run.json`.

use super::clock;
use super::data::FileSum;
use serde::{Deserialize, Serialize};

/// Everything needed to say which program, data and machine made a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Provenance {
    /// Version of this program.
    pub version: String,
    /// The command line.
    pub command: Vec<String>,
    /// The commit this program was built from; none where it was built outside its repository.
    pub program_commit: Option<ProgramCommit>,
    /// Master seed.
    pub seed: u64,
    /// Threads of the run; results do not depend on them.
    pub threads: usize,
    /// Operating system and processor family.
    pub platform: String,
    /// Instruction sets that decide which matrix kernels run; other kernels round differently.
    pub cpu_features: Vec<String>,
    /// Data files with their checksums.
    pub data: Vec<FileSum>,
    /// What was done to the data, in sentences.
    pub preparation: Vec<String>,
    /// When the run was started, UTC.
    pub started: String,
    /// When it was resumed, UTC.
    pub resumed: Vec<String>,
    /// When it ended, UTC.
    pub ended: Option<String>,
    /// How it ended, or that it has not.
    pub status: Status,
    /// Updates made.
    pub steps: u64,
    /// Seconds at work, summed over resumptions.
    pub seconds: f64,
    /// The error it ended with.
    pub error: Option<String>,
}

/// Where a run is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// At work, or killed without a chance to say so.
    Running,
    /// Through to the end.
    Finished,
    /// Stopped by Ctrl-C; can be resumed.
    Interrupted,
    /// Stopped by an error.
    Failed,
}

/// The commit a program was built from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProgramCommit {
    /// Hash of the commit.
    pub hash: String,
    /// Whether the program's source differed from it.
    pub changed: bool,
}

impl Provenance {
    /// Of a run that starts now.
    pub fn begin(seed: u64, data: Vec<FileSum>, preparation: Vec<String>) -> Self {
        Self {
            version: env!("CARGO_PKG_VERSION").into(),
            command: std::env::args_os().map(|word| word.to_string_lossy().into_owned()).collect(),
            program_commit: program_commit(),
            seed,
            threads: rayon::current_num_threads(),
            platform: format!("{} {}", std::env::consts::OS, std::env::consts::ARCH),
            cpu_features: cpu_features(),
            data,
            preparation,
            started: clock::now().to_string(),
            resumed: Vec::new(),
            ended: None,
            status: Status::Running,
            steps: 0,
            seconds: 0.0,
            error: None,
        }
    }
}

/// What `build.rs` found.
fn program_commit() -> Option<ProgramCommit> {
    let hash = option_env!("DBM_COMMIT")?.to_string();
    Some(ProgramCommit { hash, changed: option_env!("DBM_CHANGED") != Some("false") })
}

#[cfg(target_arch = "x86_64")]
fn cpu_features() -> Vec<String> {
    let mut features = Vec::new();
    for (name, present) in [
        ("avx2", std::arch::is_x86_feature_detected!("avx2")),
        ("fma", std::arch::is_x86_feature_detected!("fma")),
        ("avx512f", std::arch::is_x86_feature_detected!("avx512f")),
    ] {
        if present {
            features.push(name.to_string());
        }
    }
    features
}

#[cfg(not(target_arch = "x86_64"))]
fn cpu_features() -> Vec<String> {
    Vec::new()
}
