//! Tells the program which commit it is built from, and gives it the experiment files that it carries. Without git, or outside its
//! own repository, it is built all the same.

use std::path::{Path, PathBuf};
use std::process::Command;

/// What the program is built from, the digits inside it too.
const SOURCES: [&str; 6] = ["src", "experiments/data/digits-8x8", CHAPTER, "build.rs", "Cargo.toml", "Cargo.lock"];

/// The experiment files that the program carries.
const CHAPTER: &str = "experiments/chapter19";

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-changed={CHAPTER}");
    if let Err(error) = carry_experiments() {
        println!("cargo:error={CHAPTER}: {error}");
    }
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
    watched.extend(SOURCES.map(PathBuf::from));
    watched.retain(|path| path.exists());
    watched.iter().for_each(|path| println!("cargo:rerun-if-changed={}", path.display()));
    if let Some(commit) = git(&["rev-parse", "HEAD"]) {
        println!("cargo:rustc-env=DBM_COMMIT={commit}");
    }
    let changes =
        git(&[&["--no-optional-locks", "status", "--porcelain", "--untracked-files=no", "--"], &SOURCES[..]].concat());
    println!("cargo:rustc-env=DBM_CHANGED={}", changes.is_none_or(|changes| !changes.is_empty()));
}

/// Writes the list of experiment files, (name, text), which the program includes.
fn carry_experiments() -> std::io::Result<()> {
    let folder = PathBuf::from(std::env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default()).join(CHAPTER);
    let mut files = std::fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect::<std::io::Result<Vec<_>>>()?;
    files.retain(|file| file.extension().is_some_and(|ending| ending == "toml"));
    files.sort();
    let item = |file: &PathBuf| format!("    ({:?}, include_str!({file:?})),\n", file.file_name().unwrap_or_default());
    let items: String = files.iter().map(item).collect();
    let target = PathBuf::from(std::env::var_os("OUT_DIR").unwrap_or_default()).join("chapter19.rs");
    std::fs::write(target, format!("&[\n{items}]\n"))
}

/// What git says; nothing where it fails.
fn git(words: &[&str]) -> Option<String> {
    let output = Command::new("git").args(words).output().ok().filter(|output| output.status.success())?;
    Some(String::from_utf8(output.stdout).ok()?.trim().to_string())
}
