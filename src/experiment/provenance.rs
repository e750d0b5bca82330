//! Where a run comes from and how it ended: `run.json`.

use super::config::{Device, Experiment, Kernels};
use super::data::{Dataset, FileSum};
use super::profile::Profile;
use super::{clock, setup};
use serde::{Deserialize, Serialize};

/// Everything needed to say which program, data and machine made a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Provenance {
    /// What the run was started by.
    #[serde(flatten)]
    pub origin: Origin,
    /// The command line.
    pub command: Vec<String>,
    /// Master seed.
    pub seed: u64,
    /// Data files with their checksums.
    pub data: Vec<FileSum>,
    /// What was done to the data, in sentences.
    pub preparation: Vec<String>,
    /// The model file that the run began at; none where it began at random weights.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub began_at: Option<FileSum>,
    /// When the run was started, UTC.
    pub started: String,
    /// When and by what it was resumed.
    pub resumed: Vec<Resumed>,
    /// When it ended, UTC.
    pub ended: Option<String>,
    /// How it ended, or that it has not.
    pub status: Status,
    /// Updates made; of a run at work or killed, those that are saved.
    pub steps: u64,
    /// Seconds at work up to there, summed over resumptions.
    pub seconds: f64,
    /// The error it ended with.
    pub error: Option<String>,
    /// What the time was spent on from the start or the resumption that asked for it last; none where nobody asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub profile: Option<Profile>,
}

/// The program and the machine at work on a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Origin {
    /// Version of this program.
    pub version: String,
    /// The commit this program was built from; none where it was built outside its repository.
    pub program_commit: Option<ProgramCommit>,
    /// Where the arithmetic happened; none in records older than this field.
    #[serde(default)]
    pub device: Option<Device>,
    /// Kernels that compute in `f32` on the processor; none in records older than the setting.
    #[serde(default)]
    pub kernels: Option<Kernels>,
    /// Threads of the run; results do not depend on them.
    pub threads: usize,
    /// Operating system and processor family.
    pub platform: String,
    /// Instruction sets that decide which matrix kernels run; other kernels round differently.
    pub cpu_features: Vec<String>,
}

/// The continuation of a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Resumed {
    /// When, UTC.
    pub time: String,
    /// By what.
    #[serde(flatten)]
    pub origin: Origin,
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
    pub fn begin(experiment: &Experiment, dataset: &Dataset, began_at: Option<FileSum>) -> Self {
        let (data, preparation) = (dataset.files.clone(), dataset.notes.clone());
        Self { data, preparation, began_at, ..Self::of(Origin::here(experiment), experiment.seed) }
    }

    /// Of a study that starts now; it computes in `f64` on the processor.
    pub fn of_study(seed: u64) -> Self {
        Self::of(Origin::of_studies(), seed)
    }

    fn of(origin: Origin, seed: u64) -> Self {
        Self {
            origin,
            command: std::env::args_os().map(|word| word.to_string_lossy().into_owned()).collect(),
            seed,
            data: Vec::new(),
            preparation: Vec::new(),
            began_at: None,
            started: clock::now().to_string(),
            resumed: Vec::new(),
            ended: None,
            status: Status::Running,
            steps: 0,
            seconds: 0.0,
            error: None,
            profile: None,
        }
    }
}

impl Resumed {
    /// Of a run that goes on now.
    pub fn now(experiment: &Experiment) -> Self {
        Self { time: clock::now().to_string(), origin: Origin::here(experiment) }
    }
}

impl Origin {
    /// This program on this machine.
    fn here(experiment: &Experiment) -> Self {
        Self::on(Some(experiment.device), Some(setup::kernels_in_use(experiment)))
    }

    /// This program on this machine, as it computes studies.
    pub fn of_studies() -> Self {
        Self::on(Some(Device::Cpu), Some(Kernels::Off))
    }

    fn on(device: Option<Device>, kernels: Option<Kernels>) -> Self {
        Self {
            version: env!("CARGO_PKG_VERSION").into(),
            program_commit: program_commit(),
            device,
            kernels,
            threads: rayon::current_num_threads(),
            platform: format!("{} {}", std::env::consts::OS, std::env::consts::ARCH),
            cpu_features: cpu_features(),
        }
    }

    /// A sentence for each thing in which this differs from what the run was started by.
    pub fn differences(&self, started: &Self) -> Vec<String> {
        const BITS: &str =
            "warning: from here on the last bits of the results may be others than those of an uninterrupted run";
        let commit = |origin: &Self| match &origin.program_commit {
            Some(ProgramCommit { hash, changed }) => format!("{hash}{}", if *changed { " with changes" } else { "" }),
            None => "none".into(),
        };
        // An older record that does not tell is taken to agree.
        let devices = (self.device, started.device.or(self.device));
        let kernels = (self.kernels, started.kernels.or(self.kernels));
        let off = [kernels.0, kernels.1].contains(&Some(Kernels::Off));
        let rows = [
            ("device", said(devices.0, Device::word), said(devices.1, Device::word), BITS),
            (
                "kernels",
                said(kernels.0, Kernels::word),
                said(kernels.1, Kernels::word),
                if off { BITS } else { "results do not depend on them" },
            ),
            ("version", self.version.clone(), started.version.clone(), BITS),
            ("commit", commit(self), commit(started), BITS),
            ("platform", self.platform.clone(), started.platform.clone(), BITS),
            ("instruction sets", self.cpu_features.join(" "), started.cpu_features.join(" "), BITS),
            ("threads", self.threads.to_string(), started.threads.to_string(), "results do not depend on them"),
        ];
        let differing = rows.into_iter().filter(|(_, here, there, _)| here != there);
        differing.map(|(what, here, there, so)| format!("{what}: {here}, at the start {there}; {so}")).collect()
    }
}

fn said<T>(setting: Option<T>, word: fn(T) -> &'static str) -> String {
    setting.map_or("unknown", word).into()
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
