//! Laws of what is kept of published tables: it stays while it is of the settings that files have, and README says what it is.

use crate::bench::Bench;
use crate::collections::{BEGINNING, DATA, repository, usual};
use serde_json::Value;

#[test]
fn what_is_kept_is_shown_as_a_table_with_what_was_not_run() {
    let bench = usual();
    assert_eq!(bench.ok("reproduce --table kept"), "Not yet run at full size: `tiny`.\n");
    bench.ok("reproduce tiny MF-1 --quiet --save kept");
    let shown = bench.ok("reproduce --table kept");
    let row =
        |label: &str| shown.lines().find(|line| line.contains(label)).unwrap_or_else(|| panic!("{shown}")).to_string();
    assert!(row("| MF-0").contains("not yet run") && row("| MF-1").contains("-90.00"), "{shown}");
    assert!(
        shown.contains("Nobody 1999, Table 1") && shown.contains("`dbm reproduce tiny`") && shown.contains("seed 3"),
        "{shown}"
    );
    let kept = bench.path("kept/tiny.json");
    let results: Value = serde_json::from_slice(&std::fs::read(&kept).unwrap()).unwrap();
    assert_eq!(results["runs"][1]["settings_sha256"].as_str().unwrap().len(), 64);
    assert!(std::fs::metadata(&kept).unwrap().len() < 20_000);
    // What is doubtful about log Z concerns figures in nats alone.
    let mut doubtful = results.clone();
    doubtful["runs"][1]["warnings"] = serde_json::json!(["This log Z is doubtful."]);
    for (unit, told) in [("nats", true), ("%", false)] {
        doubtful["tables"][0]["unit"] = unit.into();
        bench.write("kept/tiny.json", doubtful.to_string());
        assert_eq!(bench.ok("reproduce --table kept").contains("`mf-1`: This log Z"), told, "{unit}");
    }
    let listed = bench.ok("reproduce --list");
    assert!(listed.contains("chapter19") && listed.contains("tiny") && listed.contains("Two rows"), "{listed}");
    assert_eq!(bench.json("reproduce tiny --list --json")[1]["published"], -90.0);
}

#[test]
fn what_is_kept_stays_while_the_settings_are_the_same() {
    let bench = usual();
    let of = |words: &str| -> Value {
        bench.ok(&format!("reproduce tiny --quiet --save kept {words}"));
        serde_json::from_slice(&std::fs::read(bench.path("kept/tiny.json")).unwrap()).unwrap()
    };
    let obtained = |results: &Value, row: usize| results["tables"][0]["rows"][row]["obtained"].clone();
    let first = of("MF-0 --runs here");
    assert!(obtained(&first, 0).is_object() && obtained(&first, 1).is_null());
    // Elsewhere, with none of these runs.
    let both = of("MF-1 --runs there");
    assert_eq!(obtained(&both, 0), obtained(&first, 0));
    assert!(obtained(&both, 1).is_object() && both["tables"][0]["rows"][0]["verdict"].is_string());
    assert_eq!(both["runs"], of("--collect --runs nowhere")["runs"]);
    // A setting that the program has come to know since is at its default in what was kept before, of the run it begins at too.
    let mut kept = both.clone();
    for run in 0..2 {
        let settings = both["runs"][run]["settings"].as_str().unwrap();
        let older = settings.lines().filter(|line| !line.starts_with("dtype = "));
        let older: String = older.map(|line| format!("{line}\n")).collect();
        assert!(older.len() < settings.len(), "{settings}");
        kept["runs"][run]["settings"] = older.into();
    }
    bench.write("kept/tiny.json", kept.to_string());
    assert_eq!(obtained(&of("--collect --runs nowhere"), 0), obtained(&first, 0));
    // Of what an older program kept without its settings nothing is known.
    kept["runs"][1].as_object_mut().unwrap().remove("settings");
    bench.write("kept/tiny.json", kept.to_string());
    assert!(bench.ok("reproduce --table kept").contains("| MF-0"));
    assert!(obtained(&of("--collect --runs nowhere"), 0).is_null());
    bench.write("kept/tiny.json", both.to_string());
    // Other settings make other numbers.
    let mut file = std::fs::read_to_string(bench.path("experiments/tiny/mf-0.toml")).unwrap();
    file = file.replacen("seed = 3", "seed = 4", 1);
    bench.write("experiments/tiny/mf-0.toml", file);
    let output = bench.code("reproduce tiny --save kept --collect --runs nowhere", 0).get_output().clone();
    let said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
    assert!(said.contains("what was kept of mf-0 is of other settings"), "{said}");
    let after = of("--collect --runs nowhere");
    assert!(obtained(&after, 0).is_null() && obtained(&after, 1).is_object());
    // So do those of the run that others begin at.
    bench.write("experiments/tiny/pretraining.toml", format!("{BEGINNING}{DATA}").replacen("seed = 3", "seed = 4", 1));
    assert!(obtained(&of("--collect --runs nowhere"), 1).is_null());
    // What cannot be read is not written over, and no run is begun.
    bench.write("kept/tiny.json", "{");
    let message = bench.refusal("reproduce tiny --save kept --runs never");
    assert!(message.contains("tiny.json") && message.contains("move it away"), "{message}");
    assert!(std::fs::read(bench.path("kept/tiny.json")).unwrap() == b"{" && !bench.path("never").exists());
}

#[test]
fn what_the_repository_keeps_is_of_the_settings_that_its_files_have() {
    let bench = Bench::new();
    let names: Vec<String> = bench.json("reproduce --list --json").as_object().unwrap().keys().cloned().collect();
    let mut seen = 0;
    for name in names {
        let kept = repository().join(format!("experiments/results/{name}.json"));
        let Ok(before) = std::fs::read_to_string(&kept) else { continue };
        let copy = bench.write(&format!("{name}.json"), &before);
        let mut command = bench
            .command(&format!("reproduce {name} --quiet --collect --runs {} --save", bench.path("none").display()));
        let output = command.arg(copy.parent().unwrap()).current_dir(repository()).output().unwrap();
        // Some figures fall short.
        assert!([Some(0), Some(1)].contains(&output.status.code()), "{name}: {output:?}");
        assert!(std::fs::read_to_string(copy).unwrap() == before, "{name}: collect it again, with --save");
        seen += 1;
    }
    assert!(seen > 5, "{seen} collections are kept");
}

#[test]
fn the_results_of_readme_are_those_that_are_kept() {
    let readme = std::fs::read_to_string(repository().join("README.md")).unwrap();
    let (_, rest) = readme.split_once("<!-- results -->\n").expect("README has a section of results");
    let (section, _) = rest.split_once("<!-- /results -->").unwrap();
    let mut command = Bench::new().command("reproduce --table");
    let output = command.current_dir(repository()).output().unwrap();
    let shown = String::from_utf8(output.stdout).unwrap();
    assert_eq!(section.trim(), shown.trim(), "write what `dbm reproduce --table` prints between the marks");
}
