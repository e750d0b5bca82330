//! `dbm tensorboard`.

use super::{RunsFolder, print};
use crate::experiment::{Error, Result, quoted};
use std::path::{Path, PathBuf};

/// Start TensorBoard on all runs or on one.
#[derive(Debug, clap::Args)]
pub struct Tensorboard {
    /// A run folder; without it, all runs.
    run: Option<PathBuf>,
    #[command(flatten)]
    folder: RunsFolder,
    /// Only print the command.
    #[arg(long)]
    print: bool,
}

/// The command line that shows every picture and histogram of a folder, not only a sample of them.
pub fn command(folder: &Path) -> Vec<String> {
    let folder = quoted(folder);
    ["tensorboard", "--logdir", &folder, "--samples_per_plugin", "scalars=100000,images=1000,histograms=1000"]
        .map(str::to_string)
        .to_vec()
}

impl Tensorboard {
    pub fn execute(self) -> Result<()> {
        let folder = self.run.unwrap_or(self.folder.runs);
        if !folder.is_dir() {
            let problem = if folder.exists() { "is not a folder" } else { "does not exist" };
            return Err(Error::Model {
                path: folder,
                problem: problem.into(),
                remedy: "make a run first: dbm run experiments/quickstart.toml".into(),
            });
        }
        let words = command(&folder);
        if self.print {
            return print(&words.join(" "));
        }
        let typed = words.join(" ");
        let mut child = std::process::Command::new(&words[0]);
        child.arg("--logdir").arg(&folder).args(&words[3..]);
        match child.status() {
            Ok(status) if status.success() => Ok(()),
            Ok(status) => Err(Error::Refused {
                problem: format!("TensorBoard failed ({status})"),
                remedy: format!("see what it said above; it was started with: {typed}"),
            }),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Err(Error::Refused {
                problem: "TensorBoard is not installed here, or not on the path".into(),
                remedy: format!("install it with: python3 -m pip install tensorboard, and then type: {typed}"),
            }),
            Err(error) => Err(Error::io("start", Path::new(&words[0]))(error)),
        }
    }
}
