//! Laws of the data sets that are fetched: a file takes its place whole and checked, or not at all.

mod made;
mod norb;
mod real;
mod server;
mod taking;

use crate::bench::{Bench, calm};
use crate::data::files::{Folder, gz};
use dbm::experiment::config::{Source, parse};
use dbm::experiment::data::sets::{DataFile, DataSet, Fetching, Known, Presence, SETS, fetch, require, verify};
use dbm::experiment::observe::{Verbosity, pace};
use dbm::experiment::{Error, Result};
use server::{Conduct, Server};
use sha2::{Digest, Sha256};
use std::fs;
use std::path::Path;
use std::sync::atomic::AtomicBool;

fn sha256(bytes: &[u8]) -> &'static str {
    let text: String = Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    text.leak()
}

/// Bytes that do not repeat soon, the same every time.
fn noise(seed: u32, count: usize) -> Vec<u8> {
    let mut state = seed;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    };
    (0..count).map(|_| next()).collect()
}

fn known(bytes: &[u8]) -> Known {
    Known { bytes: Some(bytes.len() as u64), sha256: Some(sha256(bytes)) }
}

/// A set of one file whose checksums are published.
fn set_of(name: &'static str, raw: &[u8], mirrors: &[&str]) -> &'static DataSet {
    let file = DataFile { name, sent: known(&gz(raw)), raw: known(raw), opening: b"" };
    let mirrors: Vec<&'static str> = mirrors.iter().map(|mirror| &*mirror.to_string().leak()).collect();
    Box::leak(Box::new(DataSet {
        name: "noise",
        folders: &["Noise"],
        description: "noise",
        examples: "one",
        shape: [1, 1],
        licence: "free",
        citation: "nobody",
        mirrors: mirrors.leak(),
        files: vec![file].leak(),
    }))
}

fn fetched(set: &DataSet, folder: &Path, interrupted: bool) -> Result<Vec<Presence>> {
    let interrupted = AtomicBool::new(interrupted);
    let (folder, verbosity) = (folder.to_path_buf(), Verbosity::Quiet);
    fetch(set, &Fetching { folder, mirrors: Vec::new(), verbosity, interrupted: &interrupted })
}

/// What lies in the set's folder.
fn there(folder: &Folder) -> Vec<String> {
    let Ok(entries) = fs::read_dir(folder.path("noise")) else { return Vec::new() };
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

/// The set's one file and no other, verified.
fn arrived(folder: &Folder, files: &[Presence], bytes: &[u8]) {
    assert_eq!(files[0].state, "new, verified");
    assert_eq!(there(folder), ["noise.gz"]);
    assert_eq!(fs::read(folder.path("noise/noise.gz")).unwrap(), bytes);
}

#[test]
fn a_file_is_fetched_once_and_checked() {
    let (folder, raw) = (Folder::new(), noise(1, 300_000));
    let server = Server::of(&[("noise.gz", Conduct::Sent(gz(&raw)))]);
    let set = set_of("noise.gz", &raw, &[&server.address]);
    arrived(&folder, &fetched(set, folder.0.path(), false).unwrap(), &gz(&raw));
    assert_eq!(server.asked(), ["/noise.gz"]);
    assert_eq!(fetched(set, folder.0.path(), false).unwrap()[0].state, "verified");
    assert_eq!(server.asked(), [""; 0]);
}

#[test]
fn a_connection_that_breaks_is_gone_on_with_where_it_broke() {
    let (folder, raw) = (Folder::new(), noise(2, 300_000));
    let server = Server::of(&[("noise.gz", Conduct::Broken(gz(&raw), 100_000))]);
    let set = set_of("noise.gz", &raw, &[&server.address]);
    arrived(&folder, &fetched(set, folder.0.path(), false).unwrap(), &gz(&raw));
    assert_eq!(server.asked(), ["/noise.gz", "/noise.gz bytes=100000-"]);
}

#[test]
fn an_earlier_part_is_continued_where_the_server_can_and_replaced_where_not() {
    let raw = noise(3, 300_000);
    let sent = gz(&raw);
    let begun = |part: &[u8], conduct: Conduct| {
        let folder = Folder::new();
        fs::create_dir(folder.path("noise")).unwrap();
        fs::write(folder.path("noise/noise.gz.part"), part).unwrap();
        let server = Server::of(&[("noise.gz", conduct)]);
        let set = set_of("noise.gz", &raw, &[&server.address]);
        arrived(&folder, &fetched(set, folder.0.path(), false).unwrap(), &sent);
        server.asked()
    };
    assert_eq!(begun(&sent[..5000], Conduct::Sent(sent.clone())), ["/noise.gz bytes=5000-"]);
    assert_eq!(begun(&sent[..5000], Conduct::Whole(sent.clone())), ["/noise.gz bytes=5000-"]);
    assert_eq!(begun(&sent, Conduct::Sent(sent.clone())), [""; 0], "all of it was there");
    // Bytes of another file: found out by the checksum, and fetched from the beginning.
    assert_eq!(begun(&[7; 5000], Conduct::Sent(sent.clone())), ["/noise.gz bytes=5000-", "/noise.gz"]);
    assert_eq!(begun(&vec![7; 400_000], Conduct::Sent(sent.clone())), ["/noise.gz"], "more than there is");
}

#[test]
fn a_mirror_that_has_nothing_or_other_bytes_is_passed_over() {
    let (folder, raw) = (Folder::new(), noise(4, 50_000));
    let nothing = Server::of(&[]);
    let other = Server::of(&[("noise.gz", Conduct::Sent(gz(&noise(5, 50_000))))]);
    let right = Server::of(&[("noise.gz", Conduct::Sent(gz(&raw)))]);
    let silent = "http://127.0.0.1:9/";
    let set = set_of("noise.gz", &raw, &[&nothing.address, silent, &other.address, &right.address]);
    arrived(&folder, &fetched(set, folder.0.path(), false).unwrap(), &gz(&raw));
    assert_eq!((nothing.asked().len(), other.asked().len(), right.asked().len()), (1, 1, 1));
    // The identity is what is compressed, not how.
    let again = Server::of(&[("noise.gz", Conduct::Sent(raw.clone()))]);
    let folder = Folder::new();
    let files = fetched(set_of("noise.gz", &raw, &[&again.address]), folder.0.path(), false).unwrap();
    arrived(&folder, &files, &raw);
}

#[test]
fn where_no_mirror_helps_all_are_named_and_nothing_takes_the_place_of_the_file() {
    let (folder, raw) = (Folder::new(), noise(6, 50_000));
    let nothing = Server::of(&[]);
    let other = Server::of(&[("noise.gz", Conduct::Sent(gz(&noise(7, 50_000))))]);
    let set = set_of("noise.gz", &raw, &[&nothing.address, &other.address]);
    let error = fetched(set, folder.0.path(), false).unwrap_err();
    assert_eq!(error.exit_code(), 3);
    let text = error.to_string();
    for words in [
        &format!("{}noise.gz: answers 404 Not Found", nothing.address),
        &format!("{}noise.gz: sends other bytes", other.address),
        sha256(&raw),
    ] {
        assert!(text.contains(words), "{words} is not in {text}");
    }
    assert!(error.remedy().unwrap().contains("dbm data import noise FOLDER"), "{error:?}");
    assert_eq!(there(&folder), [""; 0]);
}

#[test]
fn what_had_come_before_ctrl_c_is_kept_for_the_next_time() {
    let (folder, raw) = (Folder::new(), noise(8, 50_000));
    let server = Server::of(&[("noise.gz", Conduct::Sent(gz(&raw)))]);
    let set = set_of("noise.gz", &raw, &[&server.address]);
    fs::create_dir(folder.path("noise")).unwrap();
    fs::write(folder.path("noise/noise.gz.part"), &gz(&raw)[..20_000]).unwrap();
    let error = fetched(set, folder.0.path(), true).unwrap_err();
    assert!(matches!(error, Error::Broken { .. }) && error.exit_code() == 130, "{error:?}");
    assert_eq!((there(&folder), server.asked().len()), (vec!["noise.gz.part".to_string()], 1));
    arrived(&folder, &fetched(set, folder.0.path(), false).unwrap(), &gz(&raw));
    assert_eq!(server.asked(), ["/noise.gz bytes=20000-"]);
}

#[test]
fn a_damaged_file_is_named_and_fetched_anew() {
    let (folder, raw) = (Folder::new(), noise(9, 50_000));
    let server = Server::of(&[("noise.gz", Conduct::Sent(gz(&raw)))]);
    let set = set_of("noise.gz", &raw, &[&server.address]);
    fetched(set, folder.0.path(), false).unwrap();
    for damaged in [gz(&noise(10, 50_000)), gz(&raw)[..9_000].to_vec(), b"<html>".to_vec()] {
        fs::write(folder.path("noise/noise.gz"), damaged).unwrap();
        let files = verify(folder.0.path(), set).unwrap();
        assert!(!files[0].fine && files[0].state.starts_with("wrong: "), "{files:?}");
        let error = require(folder.0.path(), set, &files).unwrap_err();
        assert_eq!(error.exit_code(), 3);
        assert!(error.to_string().contains("noise/noise.gz"), "{error}");
        assert!(error.remedy().unwrap().contains("dbm data fetch noise"), "{error:?}");
        arrived(&folder, &fetched(set, folder.0.path(), false).unwrap(), &gz(&raw));
    }
}

#[test]
fn a_file_without_a_published_checksum_is_held_to_its_first_sight() {
    let bench = Bench::new();
    let mut file = b"MATLAB 5.0 MAT-file, made for this test".to_vec();
    file.extend(noise(11, 1000));
    let page = Server::of(&[("chardata.mat", Conduct::Sent(b"<!DOCTYPE html> moved".to_vec()))]);
    let server = Server::of(&[("chardata.mat", Conduct::Sent(file.clone()))]);
    let (page, server) = (&page.address, &server.address);
    let words = format!("data fetch omniglot --data-folder data --mirror {page} --mirror {server}");
    let output = calm(bench.command(&words).output().unwrap());
    assert!(output.status.success());
    let (out, said) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
    assert!(out.contains("omniglot: data/omniglot/chardata.mat: new, not verified"), "{out}");
    for words in ["licence: MIT", "opens with \"<!DOCTYPE html>", "warning: chardata.mat: no checksum", sha256(&file)] {
        assert!(said.contains(words), "{words} is not in {said}");
    }
    assert!(bench.ok("data verify omniglot --data-folder data").contains("as it came"));
    file[200] ^= 1;
    bench.write("data/omniglot/chardata.mat", &file);
    let refusal = bench.refusal("data verify --data-folder data");
    assert!(refusal.starts_with("exit 3\nerror: data/omniglot/chardata.mat: is wrong"), "{refusal}");
    assert!(refusal.contains(" help: remove it and fetch it again: dbm data fetch omniglot --data-folder data"));
}

#[test]
fn missing_data_are_asked_for_by_the_command_that_brings_them() {
    let bench = Bench::with("name = \"m\"\n[data]\nsource = \"mnist\"\n[model]\nhidden = [2]\n[pretrain]\n");
    let refusal = bench.refusal("run tiny.toml --data-folder none");
    assert!(refusal.starts_with("exit 3\nerror: none/mnist: the data set mnist is not whole"), "{refusal}");
    for words in ["dbm data fetch mnist --data-folder none", "dbm data import mnist FOLDER --data-folder none"] {
        assert!(refusal.contains(words), "{refusal}");
    }
    assert!(bench.refusal("data verify mnist --data-folder none").starts_with("exit 3"));
    assert!(bench.ok("data verify --data-folder none").contains("no data sets in none"));
    let refusal = bench.refusal("data fetch mnits --data-folder none");
    assert!(refusal.starts_with("exit 2") && refusal.contains("did you mean mnist?"), "{refusal}");
    assert!(!bench.path("none").exists() && !bench.path("runs").exists());
}

#[test]
fn every_set_of_the_table_can_be_named_and_is_written_down_in_full() {
    for set in SETS {
        let text = format!("name = \"n\"\n[data]\nsource = \"{}\"\n[model]\nhidden = [1]\n[pretrain]\n", set.name);
        let source: Source = parse("n.toml", &text, &[]).unwrap().data.source;
        assert_eq!(source.shape(), Some(set.shape), "{}", set.name);
        assert!(![set.licence, set.citation, set.examples].contains(&"") && !set.mirrors.is_empty(), "{}", set.name);
        assert!(set.mirrors.iter().all(|mirror| mirror.starts_with("http") && mirror.ends_with('/')), "{}", set.name);
        for known in set.files.iter().flat_map(|file| [&file.sent, &file.raw]) {
            let digits = |text: &str| text.len() == 64 && text.bytes().all(|b| b"0123456789abcdef".contains(&b));
            assert!(known.sha256.is_none_or(digits) && (known.sha256.is_none() || known.bytes.is_some()));
        }
    }
}

#[test]
fn the_line_of_a_transfer_says_how_far_how_fast_and_how_long_still() {
    assert_eq!(pace(12_300_000, Some(26_400_000), 9_300_000, 3.0), "12.3 MB of 26.4 MB  3.1 MB/s  00:00:04 left");
    assert_eq!(pace(999, None, 999, 1.0), "999 B  999 B/s");
    assert_eq!(pace(0, Some(1500), 0, 0.0), "0 B of 1.5 kB");
}
