//! Laws of `dbm reproduce` with published tables: runs are made once and gone on with, and published stands beside obtained.

use crate::bench::{Bench, RunDir, assert_same_bits, calm};
use crate::markup::elements;
use crate::resume::step_of;
use crate::stopping::press_ctrl_c;
use dbm::experiment::clock::Stopwatch;
use dbm::experiment::collection::{Collection, names};
use dbm::experiment::config::AnyLoaded;
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

pub const DATA: &str = "[data]\nsource = { bars_and_stripes = { height = 3, width = 3 } }\n";
pub const BEGINNING: &str = "# Where the rows begin.\n\nname = \"pretraining\"\nseed = 3\n\n[model]\nhidden = [6, 4]\n\n[pretrain]\nepochs = 3\nbatch_size = 5\n\n[evaluate]\nevery_epochs = 0\nschemes = [\"mean-field\"]\n\n[quick]\npretrain.epochs = 1\n";

fn row(name: &str, positive: &str, epochs: usize) -> String {
    format!(
        "# A row.\n\nname = \"{name}\"\nseed = 3\n\n[model]\nhidden = [6, 4]\nfrom = \"runs/reproduce-tiny/pretraining\"\n\n[train]\nepochs = {epochs}\n\
         batch_size = 5\n\n[train.algorithm.maximum_likelihood]\npositive = \"{positive}\"\nchains = 7\n\n[evaluate]\nevery_epochs = 0\n\
         schemes = [\"mean-field\"]\n\n[log]\nimages_every_epochs = 0\nhistograms_every_epochs = 0\n\n[quick]\ntrain.epochs = 2\n\n{DATA}"
    )
}

/// A table of two rows with these lines in each.
fn table(one: &str, two: &str, rest: &str) -> String {
    format!(
        "title = \"Two rows\"\nsource = \"Nobody 1999, Table 1\"\nnote = \"Of bars & <stripes>.\"\n\n[[table]]\ntitle = \"Table 1\"\n\
         quantity = \"schemes/mean-field/elbo_nats_mean\"\nunit = \"nats\"\n\n[[table.row]]\nlabel = \"MF-0\"\nexperiment = \"mf-0\"\n{one}\n\n\
         [[table.row]]\nlabel = \"MF-1\"\nexperiment = \"mf-1\"\n{two}\n{rest}\n"
    )
}

/// A bench with a collection in `experiments/tiny`.
fn bench(table: &str) -> Bench {
    let bench = Bench::new();
    std::fs::create_dir_all(bench.path("experiments/tiny")).unwrap();
    bench.write("experiments/tiny/table.toml", table);
    bench.write("experiments/tiny/pretraining.toml", format!("{BEGINNING}{DATA}"));
    bench.write("experiments/tiny/mf-0.toml", row("mf-0", "mean-field:start=bottom-up,sweeps=0", 4));
    bench.write("experiments/tiny/mf-1.toml", row("mf-1", "mean-field:start=bottom-up,sweeps=1", 4));
    bench
}

pub fn usual() -> Bench {
    bench(&table("published = -90.0", "published = -90.0", ""))
}

fn member(bench: &Bench, name: &str) -> RunDir {
    RunDir(bench.path("runs/reproduce-tiny").join(name))
}

/// When each run was started, and whether it ever went on.
fn made(bench: &Bench) -> Vec<(Value, Value)> {
    let run = |name: &str| member(bench, name).json("run.json");
    ["pretraining", "mf-0", "mf-1"].map(|name| (run(name)["started"].clone(), run(name)["resumed"].clone())).to_vec()
}

#[test]
fn the_same_command_makes_nothing_twice_and_what_changed_anew() {
    let bench = usual();
    let first = bench.json("reproduce tiny --quiet --json");
    let row = |at: usize| first["tables"][0]["rows"][at].clone();
    assert_eq!(row(0)["published"], -90.0);
    let results = member(&bench, "mf-0").json("results.json");
    assert_eq!(row(0)["obtained"]["value"], results["schemes"][0]["elbo_nats_mean"]);
    assert_eq!((row(1)["verdict"].as_str(), row(1)["run"].as_str()), (Some("holds"), Some("mf-1")));
    // The rows begin at one and the same file.
    let began: Vec<Value> =
        ["mf-0", "mf-1"].map(|name| member(&bench, name).json("run.json")["began_at"]["sha256"].clone()).into();
    assert_eq!(began[0], began[1]);
    let before = made(&bench);
    assert_eq!(bench.json("reproduce tiny --quiet --json"), first);
    assert_eq!(made(&bench), before);
    // Another setting of one row; one row alone is asked for.
    bench.write("experiments/tiny/mf-1.toml", self::row("mf-1", "mean-field:sweeps=1", 4));
    bench.ok("reproduce tiny mf-0 --quiet");
    assert_eq!(made(&bench), before);
    bench.ok("reproduce tiny MF-1 --quiet");
    let after = made(&bench);
    assert_eq!((&after[..2], after[2] == before[2]), (&before[..2], false));
    assert!(member(&bench, "mf-1-before-1").path("results.json").is_file(), "nothing is ever overwritten");
    // Where all of them begin.
    bench.write("experiments/tiny/pretraining.toml", format!("{BEGINNING}{DATA}").replace("seed = 3", "seed = 4"));
    bench.ok("reproduce tiny --quiet");
    assert!(made(&bench).iter().zip(&after).all(|(new, old)| new != old));
    // What is kept and what is shown is well-formed.
    let page = std::fs::read_to_string(bench.path("runs/reproduce-tiny/report.html")).unwrap();
    assert!(!elements(&page).is_empty() && page.contains("Of bars &amp; &lt;stripes&gt;."));
}

#[test]
fn a_collection_that_was_stopped_goes_on_to_the_same_bits() {
    let (whole, broken) = (usual(), usual());
    for bench in [&whole, &broken] {
        bench.write("experiments/tiny/mf-0.toml", row("mf-0", "mean-field:start=bottom-up,sweeps=0", 400));
    }
    whole.ok("reproduce tiny --quiet");
    let mut command = broken.command("reproduce tiny --quiet");
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let began = Stopwatch::start();
    let run = member(&broken, "mf-0");
    while run.checkpoints().last().is_none_or(|name| step_of(name) < 30) {
        assert!(began.seconds() < 120.0, "it did not begin");
        std::thread::sleep(Duration::from_millis(2));
    }
    press_ctrl_c(&child);
    let output = calm(child.wait_with_output().unwrap());
    let message = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(130), "{message}");
    assert!(message.contains("interrupted: 1 of 3 runs are through") && message.contains("same command"), "{message}");
    let left = broken.json("reproduce tiny --collect --json");
    assert_eq!(left["runs"][1]["status"], "interrupted");
    assert_eq!(left["tables"][0]["rows"][0]["obtained"], Value::Null);
    broken.ok("reproduce tiny --quiet");
    assert_eq!(member(&broken, "mf-0").json("run.json")["resumed"].as_array().unwrap().len(), 1);
    for name in ["mf-0", "mf-1"] {
        assert_same_bits(&member(&whole, name), &member(&broken, name));
    }
}

#[test]
fn the_exit_code_says_whether_figures_come_out_as_the_file_says() {
    let worst_first = "[[table.order]]\nrows = [\"MF-0\", \"MF-1\"]";
    let best_first = "[[table.order]]\nrows = [\"MF-1\", \"MF-0\"]";
    let bench = usual();
    let obtained = bench.json("reproduce tiny --quiet --json");
    let value = |at: usize| obtained["tables"][0]["rows"][at]["obtained"]["value"].as_f64().unwrap();
    let right = if value(1) > value(0) { [worst_first, best_first] } else { [best_first, worst_first] };
    let reached = "published = -90.0";
    let short = "published = -1.0";
    let because = "published = -1.0\nshort_because = \"it cannot be\"";
    for (table, code, said) in [
        (table(reached, reached, right[0]), 0, "reached"),
        (table(short, reached, ""), 1, "MF-0 is not ≥ -1"),
        (table(because, reached, ""), 0, "nats short: it cannot be"),
        (table("published = -90.0\nshort_because = \"it cannot be\"", reached, ""), 1, "MF-0 is reached, though"),
        (table("published = -1.0\nwithin = 80.0", reached, ""), 0, "reached"),
        (table("published = -1.0\nat_least = -50.0", reached, ""), 0, "≥ -50"),
        (table("", "", ""), 0, "–"),
        (table(reached, reached, right[1]), 1, "do not come out in this order"),
        (table(reached, reached, &format!("{}\nrefuted_because = \"so it is\"", right[1])), 0, "so it is"),
        (
            table("quantity = \"classification/error_percent\"", reached, ""),
            1,
            "MF-0 has no number classification/error_percent",
        ),
        (
            table(reached, reached, "")
                .replace("unit =", "optional = true\nunit =")
                .replace("[[table.row]]\nlabel = \"MF-1\"", "[[table.row]]\nquantity = \"nothing\"\nlabel = \"MF-1\""),
            0,
            "MF-0",
        ),
        (
            table(reached, "at_most = 1.0", "").replace("unit =", "relative_to = \"MF-0\"\nbetter = \"lower\"\nunit ="),
            1,
            "MF-0 is not ≤ -90",
        ),
    ] {
        bench.write("experiments/tiny/table.toml", table);
        let output = bench.output("reproduce tiny");
        let both = String::from_utf8([&output.stdout[..], &output.stderr[..]].concat()).unwrap();
        assert_eq!(output.status.code(), Some(code), "{both}");
        assert!(both.contains(said), "{said} is not in {both}");
    }
}

#[test]
fn a_run_that_fails_is_in_the_way_of_those_alone_that_begin_at_it() {
    let bench = usual();
    bench.write("experiments/tiny/pretraining.toml", format!("{BEGINNING}{DATA}").replace("[6, 4]", "[5, 4]"));
    let output = bench.code("reproduce tiny --json", 4).get_output().clone();
    let results: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(
        (&results["runs"][0]["name"], &results["runs"][0]["status"]),
        (&"pretraining".into(), &"finished".into())
    );
    assert!(results["runs"][1]["error"].as_str().unwrap().contains("a machine 9-5-4"), "{results}");
    bench.write(
        "experiments/tiny/pretraining.toml",
        format!("{BEGINNING}{DATA}")
            .replace("bars_and_stripes = { height = 3, width = 3 }", "files = { train = \"nowhere.npy\" }"),
    );
    let output = bench.code("reproduce tiny --json", 3).get_output().clone();
    let results: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(
        results["runs"][2]["error"].as_str().unwrap().contains("it begins at pretraining, which failed"),
        "{results}"
    );
}

#[test]
fn the_quick_size_takes_its_settings_and_holds_nothing_against_what_was_published() {
    let bench = bench(&table("published = -1.0\nquick = { at_least = -90.0 }", "published = -1.0", ""));
    let results = bench.json("reproduce tiny --quick --quiet --json");
    assert_eq!(results["tables"][0]["rows"].as_array().unwrap().len(), 2);
    assert_eq!(results["tables"][0]["rows"][0]["published"], Value::Null);
    assert_eq!(results["tables"][0]["rows"][1]["verdict"], Value::Null);
    let run = RunDir(bench.path("runs/reproduce-tiny-quick/mf-0"));
    let config = run.text("config.toml");
    assert!(
        config.contains("from = \"runs/reproduce-tiny-quick/pretraining\"") && config.contains("epochs = 2"),
        "{config}"
    );
    assert!(!config.contains("[quick]"), "{config}");
    let message = bench.code("reproduce tiny --quick --save kept", 2).get_output().clone().stderr;
    assert!(String::from_utf8(message).unwrap().contains("--save"));
    for (line, said) in
        [("train.epoch = 2", "quick cannot take its places"), ("train.epochs = 0", "quick.train.epochs is 0")]
    {
        bench.write("experiments/tiny/mf-1.toml", row("mf-1", "network+1", 4).replace("train.epochs = 2", line));
        for words in ["reproduce tiny --quick", "config check experiments/tiny/mf-1.toml"] {
            let message = bench.refusal(words);
            assert!(message.starts_with("exit 2") && message.contains(said), "{message}");
        }
    }
}

/// Lines that make an experiment of the file mf-0.
fn variant(name: &str, of: &str, set: &str) -> String {
    format!("[[experiment]]\nname = \"{name}\"\nof = \"{of}\"\nset = [{set}]\n\n")
}

#[test]
fn experiments_that_share_a_file_differ_by_what_the_table_changes_and_stand_in_its_place() {
    let shared = [variant("mf-0", "mf-0", ""), variant("longer", "mf-0", "\"train.epochs=9\"")].concat();
    let tables = table("", "", "").replace("experiment = \"mf-1\"", "experiment = \"longer\"");
    let bench = bench(&tables.replacen("[[table]]", &format!("{shared}[[table]]"), 1));
    let collection = Collection::open("tiny", Some(&bench.path("experiments/tiny"))).unwrap();
    let of = |name: &str| {
        let member = collection.members.iter().find(|member| member.name == name).unwrap();
        let AnyLoaded::Training(loaded) = &member.loaded else { panic!("{name} trains a machine") };
        let experiment = &loaded.experiment;
        (experiment.name.clone(), experiment.train.as_ref().unwrap().epochs)
    };
    assert_eq!([of("mf-0"), of("longer"), of("mf-1")], [("mf-0", 4), ("longer", 9), ("mf-1", 4)].map(named));
    bench.ok("reproduce tiny longer --quiet");
    assert!(member(&bench, "longer").0.join("results.json").is_file() && !member(&bench, "mf-0").0.exists());
}

fn named((name, epochs): (&str, usize)) -> (String, usize) {
    (name.into(), epochs)
}

#[test]
fn table_files_that_cannot_be_used_are_refused_with_their_line() {
    let beside = |variants: String| table("", "", "").replacen("[[table]]", &format!("{variants}[[table]]"), 1);
    for (table, said) in [
        (beside(variant("a", "mf-7", "")), "the experiment \"a\" is of mf-7, which is not there"),
        (beside(variant("mf-1", "mf-0", "")), "the experiment \"mf-1\" has the name of mf-1.toml"),
        (beside(variant("a", "mf-0", "").repeat(2)), "experiment[1].name is \"a\" a second time"),
        (beside(variant("mf-0", "mf-0", "\"train.epoch=3\"")), "train.epoch"),
        (
            table("", "", "").replace("experiment = \"mf-1\"", "experiment = \"mf-2\""),
            "the row \"MF-1\" is of mf-2, which is not there",
        ),
        (
            table("", "", "").replace("label = \"MF-1\"", "label = \"MF-0\""),
            "table[0].row[1].label is \"MF-0\" a second time",
        ),
        (table("", "", "[[table.order]]\nrows = [\"MF-0\", \"MF-9\"]"), "names \"MF-9\", and no row has this label"),
        (table("published = nan", "", ""), "holds something that is no number"),
        (table("", "", "").replace("unit =", "units ="), "unknown key `units`"),
    ] {
        let message = bench(&table).refusal("reproduce tiny");
        assert!(message.starts_with("exit 2") && message.contains(said), "{message}");
    }
    let message = usual().refusal("reproduce tiny mf-9");
    assert!(message.contains("tiny has no row mf-9") && message.contains("did you mean mf-"), "{message}");
}

pub fn repository() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn every_collection_of_the_repository_is_carried_and_its_experiments_are_valid_at_both_sizes() {
    let bench = Bench::new();
    let carried: Vec<String> = bench.json("reproduce --list --json").as_object().unwrap().keys().cloned().collect();
    let folder = repository().join("experiments");
    let folders = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path());
    let mut there: Vec<PathBuf> = folders.filter(|path| path.join("table.toml").is_file()).collect();
    there.sort();
    assert!(there.len() >= 6, "{there:?}");
    for path in &there {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        assert!(carried.contains(&name), "{name} is not carried");
        let collection = Collection::open(&name, Some(path)).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(collection.wanted(&[]).unwrap(), collection.member_names(), "{name} has files that no row needs");
        for member in &collection.members {
            let (text, of_member) = match &member.loaded {
                AnyLoaded::Training(loaded) => (&loaded.text, &loaded.experiment.name),
                AnyLoaded::Study(loaded) => (&loaded.text, &loaded.experiment.name),
            };
            assert!(text.starts_with("# ") && text.lines().next().unwrap().ends_with('.'), "{name}/{}", member.name);
            assert_eq!(of_member, &member.name);
            let names = collection.member_names();
            let sized =
                member.clone().sized(true, Path::new("quick"), &names).unwrap_or_else(|error| panic!("{error}"));
            if let AnyLoaded::Training(loaded) = &sized.loaded {
                let source = &loaded.experiment.data.source;
                assert!(matches!(source, dbm::experiment::config::Source::Digits {}), "{name}/{}", member.name);
            }
        }
    }
    assert!(names().len() >= there.len());
}

#[test]
fn a_quick_collection_of_the_repository_goes_through() {
    let bench = Bench::new();
    let results = bench.json("reproduce melchior-2016 centred --quick --quiet --json");
    let obtained = &results["tables"][0]["rows"][0];
    assert_eq!((obtained["label"].as_str(), obtained["verdict"].as_str()), (Some("centred"), Some("holds")));
    assert_eq!(obtained["obtained"]["guarantee"], "exact");
}
