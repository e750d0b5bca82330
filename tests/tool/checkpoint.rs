//! Laws of files that are written whole or not at all.

use dbm::experiment::checkpoint::write_whole;
use std::collections::BTreeMap;
use std::path::Path;
use tempfile::TempDir;

/// Name and content of every file.
fn files(folder: &Path) -> BTreeMap<String, String> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap());
    let files = entries.filter(|entry| entry.file_type().unwrap().is_file());
    files.map(|f| (f.file_name().into_string().unwrap(), std::fs::read_to_string(f.path()).unwrap())).collect()
}

#[test]
fn a_file_is_replaced_and_nothing_else_is_there() {
    let folder = TempDir::new().unwrap();
    for content in ["first", "second, which is longer", "third"] {
        write_whole(&folder.path().join("a.json"), content.as_bytes()).unwrap();
        assert_eq!(files(folder.path()), BTreeMap::from([("a.json".into(), content.into())]));
    }
}

#[test]
fn a_temporary_name_never_overwrites_a_file() {
    let folder = TempDir::new().unwrap();
    let own = std::process::id();
    let mut expected = BTreeMap::new();
    for taken in ["a.json.0.partial", "a.json.1.partial", "a.json.partial", &format!("a.json.{own}.partial")] {
        std::fs::write(folder.path().join(taken), "the user's").unwrap();
        expected.insert(taken.to_string(), "the user's".to_string());
    }
    write_whole(&folder.path().join("a.json"), b"ours").unwrap();
    expected.insert("a.json".into(), "ours".into());
    assert_eq!(files(folder.path()), expected);
}

#[test]
fn a_failed_write_leaves_nothing_behind() {
    let folder = TempDir::new().unwrap();
    // A folder cannot be replaced by a file.
    std::fs::create_dir_all(folder.path().join("a.json/full")).unwrap();
    let error = write_whole(&folder.path().join("a.json"), b"ours").unwrap_err();
    assert_eq!(error.exit_code(), 6);
    assert!(error.to_string().starts_with("cannot write ") && error.to_string().contains("a.json: "), "{error}");
    assert_eq!(files(folder.path()), BTreeMap::new());
    assert!(folder.path().join("a.json/full").is_dir());
    assert!(write_whole(&folder.path().join("nowhere/a.json"), b"ours").is_err());
}
