//! Tells the program which commit it is built from, and gives it the experiment files that it carries. Without git, or outside its
//! own repository, it is built all the same.

use std::path::{Path, PathBuf};
use std::process::Command;

/// What the program is built from, the digits inside it and the collections of experiments too.
const SOURCES: [&str; 5] = ["src", "experiments/data/digits-8x8", "build.rs", "Cargo.toml", "Cargo.lock"];

/// Where the collections of experiments are that the program carries.
const EXPERIMENTS: &str = "experiments";

/// The collection of claims; a folder with a table in it is a collection too.
const CHAPTER: &str = "experiments/chapter19";

/// The file that tells a collection of published figures.
const TABLE: &str = "table.toml";

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-changed={EXPERIMENTS}");
    let carried = carry_experiments();
    if let Err(error) = &carried {
        println!("cargo:error={EXPERIMENTS}: {error}");
    }
    let sources: Vec<String> = SOURCES.map(String::from).into_iter().chain(carried.unwrap_or_default()).collect();
    // Only where this package belongs to the repository, not where it was merely unpacked inside one.
    if git(&["ls-files", "--error-unmatch", "Cargo.toml"]).is_none() {
        return;
    }
    // A checkout writes to HEAD; a commit to HEAD, or to the branch that HEAD names.
    let path = |name: &str| PathBuf::from(git(&["rev-parse", "--git-path", name]).unwrap_or_default());
    let mut watched = vec![path("HEAD"), path("packed-refs")];
    if let Some(branch) = git(&["symbolic-ref", "--quiet", "HEAD"]) {
        // A branch that is packed has no file: the nearest folder that its file will be in.
        watched.extend(path(&branch).ancestors().find(|path| path.exists()).map(Path::to_path_buf));
    }
    watched.extend(sources.iter().map(PathBuf::from));
    watched.retain(|path| path.exists());
    watched.iter().for_each(|path| println!("cargo:rerun-if-changed={}", path.display()));
    if let Some(commit) = git(&["rev-parse", "HEAD"]) {
        println!("cargo:rustc-env=DBM_COMMIT={commit}");
    }
    let mut words = vec!["--no-optional-locks", "status", "--porcelain", "--untracked-files=no", "--"];
    words.extend(sources.iter().map(String::as_str));
    let changes = git(&words);
    println!("cargo:rustc-env=DBM_CHANGED={}", changes.is_none_or(|changes| !changes.is_empty()));
}

/// Writes the lists of experiment files that the program includes, and says which folders they are in.
fn carry_experiments() -> std::io::Result<Vec<String>> {
    let root = PathBuf::from(std::env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default());
    let target = PathBuf::from(std::env::var_os("OUT_DIR").unwrap_or_default());
    let mut folders = paths(&root.join(EXPERIMENTS))?;
    folders.retain(|folder| folder.join(TABLE).is_file());
    let item = |folder: &PathBuf| Ok(format!("    ({:?}, {}),\n", name(folder), list(folder)?));
    let collections = folders.iter().map(item).collect::<std::io::Result<String>>()?;
    std::fs::write(target.join("collections.rs"), format!("&[\n{collections}]\n"))?;
    std::fs::write(target.join("chapter19.rs"), list(&root.join(CHAPTER))?)?;
    Ok(folders.iter().map(|folder| format!("{EXPERIMENTS}/{}", name(folder))).chain([CHAPTER.into()]).collect())
}

/// The experiment files of a folder as a list of (name, text).
fn list(folder: &Path) -> std::io::Result<String> {
    let files = paths(folder)?.into_iter().filter(|file| file.extension().is_some_and(|ending| ending == "toml"));
    let items: String = files.map(|file| format!("    ({:?}, include_str!({file:?})),\n", name(&file))).collect();
    Ok(format!("&[\n{items}]\n"))
}

/// What is in a folder, in order.
fn paths(folder: &Path) -> std::io::Result<Vec<PathBuf>> {
    let mut paths = std::fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect::<std::io::Result<Vec<_>>>()?;
    paths.sort();
    Ok(paths)
}

fn name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// What git says; nothing where it fails.
fn git(words: &[&str]) -> Option<String> {
    let output = Command::new("git").args(words).output().ok().filter(|output| output.status.success())?;
    Some(String::from_utf8(output.stdout).ok()?.trim().to_string())
}
