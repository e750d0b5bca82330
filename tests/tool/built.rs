//! Laws of `build.rs`: the program knows its commit, and is built again when that changes.

use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

fn output(folder: &Path, program: &str, words: &[&str]) -> Option<String> {
    let output = Command::new(program).current_dir(folder).args(words).output().ok()?;
    assert!(output.status.success(), "{program} {words:?}: {}", String::from_utf8_lossy(&output.stderr));
    Some(String::from_utf8(output.stdout).unwrap())
}

/// What cargo sees of a thing it watches: its content, or of a folder the names in it.
fn seen(path: &Path) -> Vec<u8> {
    match std::fs::read_dir(path) {
        Ok(entries) => entries.flat_map(|entry| entry.unwrap().file_name().into_encoded_bytes()).collect(),
        Err(_) => std::fs::read(path).unwrap_or_default(),
    }
}

/// A repository whose reflogs are off, with a package in it.
struct Repository(TempDir);

impl Repository {
    fn git(&self, words: &[&str]) -> Option<String> {
        let identity = ["-c", "user.name=x", "-c", "user.email=x", "-c", "core.logAllRefUpdates=false"];
        output(self.0.path(), "git", &[&identity, words].concat())
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.0.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    fn commit(&self, text: &str) {
        self.write("src/lib.rs", text);
        self.git(&["commit", "--quiet", "--all", "--message", "x"]).unwrap();
    }

    /// What the build is told under this key.
    fn told(&self, key: &str) -> Vec<String> {
        let lines = output(self.0.path(), "./build", &[]).unwrap();
        lines.lines().filter_map(|line| line.strip_prefix(&format!("cargo:{key}="))).map(String::from).collect()
    }

    /// What git keeps for itself and cargo watches.
    fn watched(&self) -> Vec<PathBuf> {
        let inside = self.told("rerun-if-changed").into_iter().filter(|path| path.starts_with(".git"));
        inside.map(|path| self.0.path().join(path)).collect()
    }
}

#[test]
fn the_program_is_built_again_after_every_commit_and_tells_changed_sources() {
    let repository = Repository(TempDir::new().unwrap());
    let build = Path::new(env!("CARGO_MANIFEST_DIR")).join("build.rs");
    let compiler = std::env::var("RUSTC").unwrap_or("rustc".into());
    output(repository.0.path(), &compiler, &["--edition=2024", "-o", "build", build.to_str().unwrap()]).unwrap();
    // Without git there is no commit to know.
    if Command::new("git").arg("--version").output().is_err() {
        return;
    }
    let digits = "experiments/data/digits-8x8/optdigits.tes.gz";
    ["Cargo.toml", "Cargo.lock", "build.rs", "src/lib.rs", digits].iter().for_each(|name| repository.write(name, "1"));
    repository.git(&["init", "--quiet"]);
    repository.git(&["checkout", "--quiet", "-b", "a/branch"]);
    repository.git(&["add", "Cargo.toml", "Cargo.lock", "build.rs", "src", "experiments"]);
    repository.commit("2");
    let grows = |text: &str| {
        let watched = repository.watched();
        let before: Vec<_> = watched.iter().map(|path| seen(path)).collect();
        repository.commit(text);
        let head = repository.git(&["rev-parse", "HEAD"]).unwrap().trim().to_string();
        assert_eq!(repository.told("rustc-env"), [format!("DBM_COMMIT={head}"), "DBM_CHANGED=false".into()]);
        let changed = watched.iter().zip(before).any(|(path, before)| seen(path) != before);
        assert!(changed, "nothing has changed in {watched:?}");
    };
    grows("3");
    repository.git(&["pack-refs", "--all"]);
    grows("4");
    repository.git(&["checkout", "--quiet", "--detach"]);
    grows("5");
    for name in [digits, "src/lib.rs"] {
        let committed = std::fs::read_to_string(repository.0.path().join(name)).unwrap();
        repository.write(name, "changed");
        assert_eq!(repository.told("rustc-env")[1], "DBM_CHANGED=true", "{name}");
        repository.write(name, &committed);
        assert_eq!(repository.told("rustc-env")[1], "DBM_CHANGED=false", "{name}");
    }
}
