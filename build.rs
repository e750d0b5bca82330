//! Tells the program which commit it is built from. Without git, or outside its own repository, it is built all the same.

use std::process::Command;

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    // Only where this package belongs to the repository, not where it was merely unpacked inside one.
    if git(&["ls-files", "--error-unmatch", "Cargo.toml"]).is_none() {
        return;
    }
    // Every commit and checkout writes to one of these.
    for file in ["HEAD", "logs/HEAD"] {
        let path = git(&["rev-parse", "--git-path", file]).unwrap_or_default();
        if std::path::Path::new(&path).exists() {
            println!("cargo:rerun-if-changed={path}");
        }
    }
    let sources = ["src", "build.rs", "Cargo.toml", "Cargo.lock"];
    sources.iter().for_each(|source| println!("cargo:rerun-if-changed={source}"));
    if let Some(commit) = git(&["rev-parse", "HEAD"]) {
        println!("cargo:rustc-env=DBM_COMMIT={commit}");
    }
    let changes =
        git(&[&["--no-optional-locks", "status", "--porcelain", "--untracked-files=no", "--"], &sources[..]].concat());
    println!("cargo:rustc-env=DBM_CHANGED={}", changes.is_none_or(|changes| !changes.is_empty()));
}

/// What git says; nothing where it fails.
fn git(words: &[&str]) -> Option<String> {
    let output = Command::new("git").args(words).output().ok().filter(|output| output.status.success())?;
    Some(String::from_utf8(output.stdout).ok()?.trim().to_string())
}
