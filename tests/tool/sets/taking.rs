//! Laws of taking a data set from a folder.

use super::{arrived, noise, set_of, there};
use crate::bench::Bench;
use crate::data::files::{Folder, gz};
use dbm::experiment::data::sets::{import, verify};
use std::fs;

#[test]
fn files_are_known_by_what_they_hold_under_any_name_compressed_or_not() {
    let raw = noise(20, 20_000);
    let set = set_of("noise.gz", &raw, &[]);
    for (name, bytes, taken) in [
        ("noise.gz", gz(&raw), "noise.gz"),
        ("noise", raw.clone(), "noise"),
        ("deep/er/anything.bin", raw.clone(), "noise"),
        ("some file", gz(&raw), "noise.gz"),
    ] {
        let (folder, own) = (Folder::new(), Folder::new());
        fs::create_dir_all(own.path("deep/er")).unwrap();
        own.write("other", &noise(21, 20_000));
        own.write(name, &bytes);
        let files = import(folder.0.path(), set, own.0.path()).unwrap();
        assert_eq!((files[0].state.as_str(), there(&folder)), ("new, verified", vec![taken.to_string()]));
        assert_eq!(fs::read(folder.path(&format!("noise/{taken}"))).unwrap(), bytes);
        assert_eq!(verify(folder.0.path(), set).unwrap()[0].state, "verified");
        // What is there already is not copied again.
        assert_eq!(import(folder.0.path(), set, own.0.path()).unwrap()[0].state, "verified");
    }
}

#[test]
fn a_wrong_file_is_not_taken_for_its_name() {
    let (folder, own, raw) = (Folder::new(), Folder::new(), noise(22, 20_000));
    let set = set_of("noise.gz", &raw, &[]);
    own.write("noise.gz", &gz(&noise(23, 20_000)));
    let files = import(folder.0.path(), set, own.0.path()).unwrap();
    assert!(!files[0].fine && files[0].state.starts_with("wrong: its SHA-256"), "{files:?}");
    assert_eq!(there(&folder), [""; 0]);
    // The right one under another name is found all the same.
    own.write("right", &gz(&raw));
    let files = import(folder.0.path(), set, own.0.path()).unwrap();
    arrived(&folder, &files, &gz(&raw));
}

#[test]
fn a_folder_with_another_name_of_the_set_is_found_and_a_wrong_file_in_the_folder_replaced() {
    let (folder, own, raw) = (Folder::new(), Folder::new(), noise(24, 20_000));
    let set = set_of("noise.gz", &raw, &[]);
    fs::create_dir(folder.path("Noise")).unwrap();
    folder.write("Noise/noise", &raw);
    assert_eq!(verify(folder.0.path(), set).unwrap()[0].state, "verified");
    fs::remove_dir_all(folder.path("Noise")).unwrap();
    fs::create_dir(folder.path("noise")).unwrap();
    folder.write("noise/noise.gz", b"not it");
    own.write("noise.gz", &gz(&raw));
    arrived(&folder, &import(folder.0.path(), set, own.0.path()).unwrap(), &gz(&raw));
}

#[test]
fn what_a_folder_lacks_is_said_by_name() {
    let bench = Bench::new();
    fs::create_dir(bench.path("mine")).unwrap();
    bench.write("mine/t10k-labels-idx1-ubyte", [0, 0, 8, 1, 0, 0, 0, 0]);
    let refusal = bench.refusal("data import mnist mine --data-folder data");
    assert!(refusal.starts_with("exit 3") && refusal.contains("mine: holds no file train-images"), "{refusal}");
    let refusal = bench.refusal("data import mnist nowhere --data-folder data");
    assert!(refusal.starts_with("exit 6") && refusal.contains("nowhere"), "{refusal}");
    fs::create_dir_all(bench.path("data/mnist")).unwrap();
    bench.write("data/mnist/t10k-labels-idx1-ubyte", [0, 0, 8, 1, 0, 0, 0, 0]);
    let refusal = bench.refusal("data verify --data-folder data");
    assert!(refusal.starts_with("exit 3\nerror: data/mnist/t10k-labels-idx1-ubyte: is wrong"), "{refusal}");
    let entries = bench.json("data list --json --data-folder data");
    let present = |name: &str| {
        let entry = entries.as_array().unwrap().iter().find(|entry| entry["name"] == name).unwrap();
        entry["present"].as_str().unwrap().to_string()
    };
    assert_eq!((present("mnist").as_str(), present("digits").as_str()), ("1 of 4 files", "built in"));
    assert_eq!(present("ocr_letters"), "no: dbm data fetch ocr_letters");
}
