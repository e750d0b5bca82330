//! The invariants of `src/ARCHITECTURE.md` that a reader of the source can check.

use dbm::experiment::config::WORDS;
use std::fs;
use std::path::{Path, PathBuf};

const FLOORS: [&[&str]; 9] = [
    &["math"],
    &["units"],
    &["posterior"],
    &["models"],
    &["inference"],
    &["evaluate", "learning"],
    &["studies"],
    &["experiment"],
    &["cli"],
];

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(rust_files(&path));
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            files.push(path);
        }
    }
    files.sort();
    files
}

/// The module directly under the crate root that a file belongs to.
fn module(file: &Path) -> String {
    let inside = file.strip_prefix(root().join("src")).unwrap();
    inside.components().next().unwrap().as_os_str().to_string_lossy().trim_end_matches(".rs").to_string()
}

fn floor(module: &str) -> Option<usize> {
    FLOORS.iter().position(|floor| floor.contains(&module))
}

/// How a file can name the crate root: `crate::`, and as many `super::` as it is deep.
fn ways_to_the_root(file: &Path) -> [String; 2] {
    let inside = file.strip_prefix(root().join("src")).unwrap();
    let depth = inside.components().filter(|part| part.as_os_str() != "mod.rs").count();
    ["crate::".to_string(), "super::".repeat(depth)]
}

/// Names that follow `start` in a text, lists in braces included.
fn names_after(start: &str, text: &str) -> Vec<String> {
    let mut names = Vec::new();
    for (at, _) in text.match_indices(start) {
        let rest = &text[at + start.len()..];
        let list = rest.strip_prefix('{').map_or(rest, |inner| &inner[..inner.find(';').unwrap_or(inner.len())]);
        let items: Vec<&str> = if rest.starts_with('{') { list.split(',').collect() } else { vec![list] };
        for item in items {
            names.push(item.trim().chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect());
        }
    }
    names
}

#[test]
fn a_module_names_only_lower_floors() {
    for file in rust_files(&root().join("src")) {
        let own = module(&file);
        let Some(here) = floor(&own) else { continue };
        let text = fs::read_to_string(&file).unwrap();
        for name in ways_to_the_root(&file).iter().flat_map(|start| names_after(start, &text)) {
            if let Some(there) = floor(&name) {
                assert!(there < here || name == own, "{} (floor {here}) names {name} (floor {there})", file.display());
            }
        }
    }
}

#[test]
fn every_module_of_the_library_stands_on_a_floor_in_order() {
    let text = fs::read_to_string(root().join("src/lib.rs")).unwrap();
    let listed: Vec<&str> =
        text.lines().filter_map(|line| line.strip_prefix("pub mod ")).map(|rest| rest.trim_end_matches(';')).collect();
    assert_eq!(listed, FLOORS.concat());
}

#[test]
fn the_mathematics_does_no_input_or_output() {
    let forbidden = [
        // Lists, wildcards and other names would hide what follows.
        "std::{",
        "std::*",
        "std as ",
        "std::fs",
        "std::io",
        "std::time",
        "std::env",
        "std::net",
        "std::process",
        "println!",
        "eprintln!",
        "print!(",
        "dbg!(",
        "jiff",
        "thread_rng",
        "rand::rng",
        "StdRng",
        "SmallRng",
        "SeedableRng",
        "static mut",
        "thread_local!",
    ];
    for file in rust_files(&root().join("src")) {
        if floor(&module(&file)).is_some_and(|floor| floor <= 6) {
            let text = fs::read_to_string(&file).unwrap();
            for word in forbidden {
                assert!(!text.contains(word), "{} contains {word}", file.display());
            }
        }
    }
}

#[test]
fn the_clock_is_read_in_one_place() {
    for file in rust_files(&root().join("src")) {
        let text = fs::read_to_string(&file).unwrap();
        // A moment can be a value anywhere; where the two clocks of the standard library are named at all, they are read.
        let words = ["Instant", "SystemTime", "Timestamp::now", "Zoned::now", "Timestamp as ", "jiff::{", "jiff as "];
        let reads = words.iter().any(|word| text.contains(word));
        assert!(!reads || file.ends_with("experiment/clock.rs"), "{} reads the clock", file.display());
    }
}

#[test]
fn values_are_put_on_the_host_in_few_places() {
    // Elsewhere a value made on the host would meet one on a GPU, which no test without a GPU can notice.
    let fused = ["weight", "elementwise", "rows", "step", "random"].map(|name| format!("math/{name}.rs"));
    let enumerated = ["models/enumeration.rs", "models/exact.rs"].map(String::from);
    for file in rust_files(&root().join("src")) {
        if floor(&module(&file)).is_some_and(|floor| floor <= 5) {
            let named = fs::read_to_string(&file).unwrap().contains("Device::Cpu");
            let allowed = fused.iter().chain(&enumerated).any(|allowed| file.ends_with(allowed));
            assert!(!named || allowed, "{} puts values on the host", file.display());
        }
    }
}

#[test]
fn no_observer_trains() {
    for file in rust_files(&root().join("src/experiment/observe")) {
        let text = fs::read_to_string(&file).unwrap();
        assert!(!text.contains("learning::"), "{} names a trainer", file.display());
    }
}

/// `MeanField` for `mean-field`.
fn variant(word: &str) -> String {
    let capital = |part: &str| part[..1].to_uppercase() + &part[1..];
    word.trim_end_matches("+K").split('-').map(capital).collect()
}

#[test]
fn scheme_words_are_matched_in_few_places() {
    let variants: Vec<String> = WORDS.iter().map(|word| format!("Scheme::{}", variant(word))).collect();
    for file in rust_files(&root().join("src")) {
        let text = fs::read_to_string(&file).unwrap();
        let matches = text.contains("Scheme::*") || variants.iter().any(|variant| text.contains(variant));
        let inside = file.strip_prefix(root().join("src")).unwrap();
        let folders = ["experiment/config", "experiment/kinds"];
        let allowed =
            folders.iter().any(|folder| inside.starts_with(folder)) || inside.ends_with("experiment/schemes.rs");
        assert!(!matches || allowed, "{} matches scheme words", file.display());
    }
}

#[test]
fn no_file_is_too_long_to_read() {
    for folder in ["src", "tests", "benches"] {
        for file in rust_files(&root().join(folder)) {
            let lines = fs::read_to_string(&file).unwrap().lines().count();
            assert!(lines <= 400, "{} has {lines} lines", file.display());
        }
    }
}

#[test]
fn the_program_cannot_panic_by_a_word_of_its_own() {
    let forbidden = [
        ".unwrap()",
        ".expect(",
        "panic!(",
        "unreachable!(",
        "todo!(",
        "unimplemented!(",
        "assert!(",
        "assert_eq!(",
        "assert_ne!(",
        "TODO",
        "FIXME",
        "#[allow(",
    ];
    for file in rust_files(&root().join("src")) {
        let text = fs::read_to_string(&file).unwrap();
        // What is checked while developing is no panic of the program that is used.
        let code = text.replace("debug_assert", "");
        for word in forbidden {
            assert!(!code.contains(word), "{} contains {word}", file.display());
        }
    }
}

#[test]
fn all_tests_are_where_they_are_run() {
    for file in rust_files(&root().join("src")) {
        let text = fs::read_to_string(&file).unwrap();
        // Examples in documentation would be tests too.
        for word in ["#[test]", "cfg(test)", "/// ```", "//! ```"] {
            assert!(!text.contains(word), "{} contains {word}", file.display());
        }
    }
}

#[test]
fn one_place_is_unsafe() {
    let unsafe_lines = |file: &PathBuf| {
        let text = fs::read_to_string(file).unwrap();
        text.lines().filter(|line| line.contains("unsafe {") || line.contains("unsafe_code")).count()
    };
    let found: Vec<_> = rust_files(&root().join("src")).into_iter().filter(|file| unsafe_lines(file) > 0).collect();
    assert_eq!(found, [root().join("src/main.rs")]);
    // The block, and the sentence that says why.
    assert_eq!(unsafe_lines(&found[0]), 2);
}

#[test]
fn every_file_opens_with_a_sentence() {
    for file in rust_files(&root().join("src")) {
        let text = fs::read_to_string(&file).unwrap();
        let first = text.lines().next().unwrap_or_default();
        assert!(first.starts_with("//! ") || first.starts_with("#![doc"), "{} opens with: {first}", file.display());
    }
}

#[test]
fn every_module_is_on_the_code_map() {
    let map = fs::read_to_string(root().join("src/ARCHITECTURE.md")).unwrap();
    for name in FLOORS.concat() {
        assert!(map.contains(&format!("[`{name}`]")), "src/ARCHITECTURE.md does not show {name}");
    }
}
