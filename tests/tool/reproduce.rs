//! Laws of `dbm reproduce`: every claim is computed, judged and reported, and the exit code says whether all came out as their files say.

use crate::bench::Bench;
use crate::markup::elements;
use dbm::experiment::report::mathml;
use dbm::experiment::reproduce::{CHAPTER, Files};
use dbm::experiment::study::StudyResults;
use serde_json::Value;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// A claim about a few small machines; `lines` come before the study.
fn claim(name: &str, lines: &str, settings: &str, expect: &str) -> String {
    format!(
        "# The ELBO of {name} never falls & \"<holds>\".\n\nname = \"{name}\"\nseed = 7\nequation = 'a < b'\nsource = \"Nobody 1999\"\n{lines}\n\
         [study.coordinate_ascent]\nsizes = [[3, 2, 2]]\nmodels = 2\nweight_stds = [1.0]\nsweeps = 5\n{settings}\n\
         [[expect]]\nquantity = \"sequential_falling_share_max\"\n{expect}\n"
    )
}

const TRUE: &str = "equals = 0.0";
const TIMED: &str = "equals = 0.0\ntimed = true";
const FALSE: &str = "at_least = 0.5";
const KNOWN: &str = "refuted_because = \"it must <not>\"";

/// A bench with these files in `claims/`.
fn bench(files: &[(&str, String)]) -> Bench {
    let bench = Bench::new();
    std::fs::create_dir(bench.path("claims")).unwrap();
    for (name, text) in files {
        bench.write(&format!("claims/{name}.toml"), text);
    }
    bench
}

const ALL: &str = "reproduce chapter19 --experiments claims";

/// The one folder below `runs`.
fn made(bench: &Bench) -> PathBuf {
    let mut folders: Vec<PathBuf> =
        std::fs::read_dir(bench.path("runs")).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(folders.len(), 1, "{folders:?}");
    folders.remove(0)
}

fn read(path: &Path) -> Value {
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

#[test]
fn the_exit_code_says_whether_claims_come_out_as_their_files_say() {
    let unknown = claim("F1", "", "", TRUE).replace("sequential_falling", "nosuch");
    for (text, code, said) in [
        (claim("F1", "", "", TRUE), 0, "1 hold"),
        (claim("F1", KNOWN, "", FALSE), 0, "1 refuted"),
        (claim("F1", "", "", FALSE), 1, "F1 is refuted"),
        (claim("F1", KNOWN, "", TRUE), 1, "F1 holds, though its file says why it should not"),
        // Times tell of the machine as well.
        (claim("F1", "", "", &format!("{FALSE}\ntimed = true")), 0, "1 refuted"),
        (unknown, 1, "F1 expects nosuch_share_max, which its study does not find"),
    ] {
        let bench = bench(&[("F1", text)]);
        let output = bench.output(ALL);
        let both = [&output.stdout[..], &output.stderr[..]].concat();
        let both = String::from_utf8(both).unwrap();
        assert_eq!(output.status.code(), Some(code), "{both}");
        // A run of its own says the same.
        bench.code("run claims/F1.toml --runs single", code);
        assert!(both.contains(said), "{said} is not in {both}");
        assert!(made(&bench).join("report.html").is_file());
    }
}

#[test]
fn one_that_fails_does_not_lose_the_others() {
    let files = [
        ("F1", claim("F1", "", "", TRUE)),
        ("F2", claim("F2", "", "", TRUE).replace("[[3, 2, 2]]", "[[3]]")),
        ("M1", claim("M1", "", "tolerance = 1e-9", TIMED)),
    ];
    let bench = bench(&files);
    bench.code(&format!("{ALL} --quiet"), 1);
    let results = read(&made(&bench).join("results.json"));
    let outcomes: Vec<(&str, &str)> = results["claims"].as_array().unwrap().iter().map(said).collect();
    // In the order of the chapter.
    assert_eq!(outcomes, [("M1", "holds"), ("F1", "holds"), ("F2", "failed")]);
    let error = results["claims"][2]["error"].as_str().unwrap();
    assert!(error.contains("do not make a machine"), "{error}");
    assert!(std::fs::read_to_string(made(&bench).join("report.html")).unwrap().contains("do not make a machine"));
    assert_eq!(read(&made(&bench).join("F2/run.json"))["status"], "failed");
}

#[test]
fn settings_that_compute_nothing_or_break_a_study_are_refused() {
    for (setting, said) in [
        ("models=0", "study.coordinate_ascent.models is 0"),
        ("sizes=[]", "study.coordinate_ascent.sizes is an empty list"),
        ("sizes=[[3,0,2]]", "study.coordinate_ascent.sizes has an item that has an item that is 0"),
        ("weight_stds=[-1.0]", "study.coordinate_ascent.weight_stds has an item that is -1"),
        ("tolerance=nan", "study.coordinate_ascent.tolerance is NaN"),
        ("sizes=[[3]]", "F1 cannot be computed with these settings"),
    ] {
        let bench = bench(&[("F1", claim("F1", "", "", TRUE))]);
        let output =
            bench.code(&format!("run claims/F1.toml study.coordinate_ascent.{setting}"), 2).get_output().clone();
        let message = String::from_utf8(output.stderr).unwrap();
        assert!(message.contains(said), "{setting}: {message}");
    }
    for (expect, said) in [("at_least = nan", "no number"), ("equals = 0.0\nat_least = 0.0", "beside an end")] {
        let bench = bench(&[("F1", claim("F1", "", "", expect))]);
        let output = bench.code("config check claims/F1.toml", 2).get_output().clone();
        let message = String::from_utf8(output.stderr).unwrap();
        assert!(message.contains(said), "{expect}: {message}");
    }
}

fn said(claim: &Value) -> (&str, &str) {
    (claim["id"].as_str().unwrap(), claim["outcome"].as_str().unwrap())
}

#[test]
fn one_computation_serves_all_claims_about_it_and_threads_change_nothing() {
    let files: Vec<(&str, String)> = vec![
        ("F1", claim("F1", "", "", TRUE)),
        ("F2", claim("F2", KNOWN, "", FALSE)),
        ("F3", claim("F3", "", "", TRUE).replace("seed = 7", "seed = 8")),
        ("F4", claim("F4", "", "tolerance = 1e-9", TIMED)),
    ];
    let runs = [1, 2].map(|threads| {
        let bench = bench(&files);
        let results = bench.json(&format!("{ALL} --quiet --json --threads {threads}"));
        let with: Vec<&Value> =
            results["claims"].as_array().unwrap().iter().map(|claim| &claim["computed_with"]).collect();
        assert_eq!(with, [&Value::Null, &Value::from("F1"), &Value::Null, &Value::Null]);
        ["F1", "F2", "F3", "F4"].map(|id| {
            let text = std::fs::read_to_string(made(&bench).join(id).join("results.json")).unwrap();
            serde_json::from_str::<StudyResults>(&text).unwrap()
        })
    });
    for (one, two) in runs[0].iter().zip(&runs[1]) {
        assert_eq!(one.findings, two.findings, "{}", one.name);
        assert_eq!(one.judgements, two.judgements);
    }
    assert_eq!(runs[0][0].findings, runs[0][1].findings);
}

#[test]
fn the_quick_size_replaces_settings_and_keeps_criteria() {
    let text = claim("F1", "", "", TRUE).replace("models = 2", "models = 4000000") + "\n[quick]\nmodels = 1\n";
    let bench = bench(&[("F1", text)]);
    let results = bench.json(&format!("{ALL} f1 --quick --json --quiet"));
    assert_eq!(said(&results["claims"][0]), ("F1", "holds"));
    assert_eq!(results["claims"][0]["command"], "dbm reproduce chapter19 F1 --quick");
    let config = std::fs::read_to_string(made(&bench).join("F1/config.toml")).unwrap();
    assert!(config.contains("models = 1\n") && config.starts_with("# The ELBO of F1"), "{config}");
}

#[test]
fn the_report_stands_alone_and_its_links_lead_somewhere() {
    let files =
        [("F4", claim("F4", "", "", TRUE)), ("E10", claim("E10", KNOWN, "", FALSE)), ("E9", claim("E9", "", "", TRUE))];
    let bench = bench(&files);
    bench.ok(ALL);
    let folder = made(&bench);
    let page = std::fs::read_to_string(folder.join("report.html")).unwrap();
    let elements = elements(&page);
    let ids: BTreeSet<&str> = elements.iter().filter_map(|element| element.get("id")).collect();
    for element in &elements {
        assert!(!["script", "link", "img", "iframe"].contains(&element.name.as_str()), "{element:?}");
        let Some(link) = element.get("href").or(element.get("src")) else { continue };
        match link.strip_prefix('#') {
            Some(id) => assert!(ids.contains(id), "{link}"),
            None => assert!(folder.join(link).exists(), "{link}"),
        }
    }
    let articles: Vec<&str> = elements.iter().filter(|e| e.name == "article").filter_map(|e| e.get("id")).collect();
    assert_eq!(articles, ["F4", "E9", "E10"]);
    let shown: String = elements.iter().map(|element| element.text.as_str()).collect();
    for word in [
        "The ELBO of E10 never falls & \"<holds>\".",
        "Nobody 1999",
        "sequential falling share max",
        "it must <not>",
        "dbm run claims/E9.toml",
        "seed 7",
        env!("CARGO_PKG_VERSION"),
    ] {
        assert!(shown.contains(word), "{word} is not shown");
    }
    assert_eq!(elements.iter().filter(|element| element.name == "svg").count(), 3);
    assert_eq!(elements.iter().filter(|element| element.name == "math").count(), 3);
    let pictures = std::fs::read_dir(folder.join("F4/figures")).unwrap().count();
    assert_eq!(pictures, 1);
}

#[test]
fn a_claim_that_is_not_there_is_named_with_what_was_meant() {
    let bench = bench(&[("F4", claim("F4", "", "", TRUE)), ("M12", claim("M12", "", "", TRUE))]);
    for (words, problem, help) in [
        (format!("{ALL} F44"), "chapter19 has no claim F44", "did you mean F4? "),
        (format!("{ALL} F4 Z9"), "chapter19 has no claim Z9", "dbm reproduce chapter19 --list"),
        ("reproduce chapter91".into(), "there is no collection chapter91", "did you mean chapter19?"),
        ("reproduce F4".into(), "there is no collection F4", "dbm reproduce chapter19 F4"),
    ] {
        let output = bench.code(&words, 2).get_output().clone();
        let message = String::from_utf8(output.stderr).unwrap();
        assert!(message.contains(problem) && message.contains(help), "{message}");
    }
    assert!(!bench.path("runs").exists(), "nothing is made for nothing");
}

#[test]
fn claims_are_listed_with_their_statements() {
    let bench = bench(&[
        ("F4", claim("F4", "", "", TRUE)),
        ("M5b", claim("M5b", "", "", TRUE)),
        ("M12", claim("M12", "", "", TRUE)),
    ]);
    let text = bench.ok("reproduce chapter19 --list --experiments claims");
    let ids: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("  ")?.split(' ').next()).collect();
    assert_eq!(ids, ["M5b", "M12", "F4"]);
    assert!(text.contains("Mean field\n") && text.contains("never falls & \"<holds>\"."), "{text}");
    // Outside the repository the program lists what it carries.
    let carried = bench.json("reproduce chapter19 --list --json");
    let folder = Files::Folder(Path::new(env!("CARGO_MANIFEST_DIR")).join("experiments").join(CHAPTER));
    let there: Vec<String> = folder.claims(&[]).unwrap().into_iter().map(|claim| claim.id).collect();
    let listed: Vec<&str> = carried.as_array().unwrap().iter().map(|claim| claim["id"].as_str().unwrap()).collect();
    assert_eq!(listed, there);
}

#[test]
fn every_claim_of_the_chapter_is_an_experiment_that_says_what_it_tests() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("experiments").join(CHAPTER);
    for claim in Files::Folder(folder).claims(&[]).unwrap() {
        let (id, experiment) = (&claim.id, &claim.loaded.experiment);
        let statement = claim.statement();
        assert!(statement.len() > 20 && statement.ends_with('.'), "{id} opens with: {statement}");
        assert_eq!(experiment.name, *id);
        assert!(experiment.source.chars().any(|c| c.is_ascii_digit()), "{id} does not say who says so, and when");
        assert!(!experiment.expect.is_empty(), "{id} expects nothing");
        assert!(mathml(&experiment.equation).starts_with("<math"), "{id}: {} is not understood", experiment.equation);
        assert!(
            experiment.refuted_because.as_ref().is_none_or(|reason| reason.len() > 40),
            "{id}: the reason is missing"
        );
        let (quick, full) = (experiment.quickened().unwrap(), &experiment.study);
        assert!(experiment.quick.is_empty() || quick.study != *full, "{id}: its quick size is its full size");
    }
}

#[test]
fn a_claim_of_the_chapter_goes_through() {
    let bench = Bench::new();
    let results = bench.json("reproduce chapter19 F4 --quick --json --quiet");
    assert_eq!(said(&results["claims"][0]), ("F4", "holds"));
    assert_eq!(results["experiments"], "the files that the program carries");
    assert!(made(&bench).ends_with(made(&bench).file_name().unwrap()));
    assert!(made(&bench).to_string_lossy().ends_with("-reproduce-chapter19-quick"));
}

#[test]
fn a_run_of_a_study_is_told_from_one_that_trains() {
    let bench = bench(&[("F1", claim("F1", "", "", TRUE))]);
    bench.ok("run claims/F1.toml --quiet");
    let run = made(&bench);
    let name = run.strip_prefix(bench.path("")).unwrap().display().to_string();
    let listed = bench.json("runs --json");
    assert_eq!((&listed[0]["status"], &listed[0]["verdict"]), (&Value::from("finished"), &Value::from("holds")));
    assert!(bench.ok("runs").contains("holds"));
    for (words, said) in [
        (format!("resume {name}"), "a study is computed in one go"),
        (format!("compare {name}"), "judges no inference schemes"),
    ] {
        let output = bench.code(&words, 2).get_output().clone();
        let message = String::from_utf8(output.stderr).unwrap();
        assert!(message.contains(said) && message.contains(&name), "{message}");
    }
    assert!(bench.ok("config check claims/F1.toml").contains("a valid experiment"));
    assert!(bench.ok(&format!("config show {name}/config.toml")).contains("[study.coordinate_ascent]"));
    assert!(bench.ok(&format!("tensorboard {name} --print")).contains(&name));
    let picture = std::fs::read_dir(run.join("figures")).unwrap().next().unwrap().unwrap().path();
    assert_eq!(elements(&std::fs::read_to_string(picture).unwrap())[0].name, "svg");
}
