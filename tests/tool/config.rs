//! Laws of experiment files.

use dbm::experiment::config::{
    Experiment, LearningRate, MeanField, Scheme, Source, Start, WORDS, load, marked, parse, resolved, summary,
};
use rand::{RngExt, SeedableRng, rngs::StdRng};
use std::path::Path;

/// A small file that is right; the bad ones differ from it in one place.
pub const GOOD: &str = r#"name = "small"

[data]
source = { bars_and_stripes = { height = 4, width = 4 } }

[model]
hidden = [8, 4]

[train]
epochs = 20
learning_rate = 0.01

[train.algorithm.maximum_likelihood]
positive = "network+1"
chains = 50

[evaluate]
schemes = ["exact", "network+1", { mean_field = { sweeps = 5 } }]
"#;

pub fn read(text: &str, overrides: &[&str]) -> Result<Experiment, String> {
    let overrides: Vec<String> = overrides.iter().map(|typed| typed.to_string()).collect();
    parse("small.toml", text, &overrides).map_err(|error| error.to_string())
}

fn good() -> Experiment {
    read(GOOD, &[]).unwrap()
}

/// The good file with one piece replaced.
pub fn with(old: &str, new: &str) -> String {
    assert!(GOOD.contains(old), "{old}");
    GOOD.replacen(old, new, 1)
}

#[test]
fn files_that_cannot_be_read_say_so() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("x.toml");
    std::fs::write(&file, b"name = \"\xff\"").unwrap();
    let message = load(&file, &[]).unwrap_err().to_string();
    assert!(message.ends_with("x.toml: byte 8 is not UTF-8 text; is this an experiment file?"), "{message}");
    let message = load(&folder.path().join("none.toml"), &[]).unwrap_err().to_string();
    assert!(message.starts_with("cannot read ") && message.contains("none.toml"), "{message}");
}

#[test]
fn every_experiment_in_the_repository_is_valid_and_states_what_it_shows() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("experiments");
    let mut count = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "toml") {
            let loaded = load(&path, &[]).unwrap_or_else(|error| panic!("{error}"));
            assert!(loaded.text.starts_with("# "), "{} begins without a comment", path.display());
            count += 1;
        }
    }
    assert!(count > 0);
}

/// Experiments that together use every kind of setting.
fn variety() -> Vec<Experiment> {
    let overrides: [&[&str]; 12] = [
        &[],
        &["dtype=f64", "seed=9223372036854775807", "pretrain.epochs=1", "pretrain.chains=persistent"],
        &["train.learning_rate={ start = 0.1, end = 1e-7, decay = \"exponential\" }", "train.network.learning_rate=1"],
        &["train.algorithm=wake-sleep"],
        &["data.source=digits", "data.binarize=none"],
        &["data.source.shifter={ bits = 4, examples = 7 }", "data.binarize.threshold=0.25"],
        &["data.source.shifting_bar={ pixels = 9, bar = 2 }", "data.binarize=stochastic_each_time"],
        &["data.source.samples={ model = \"runs/a b/\\u00e9\", examples = 9 }", "data.binarize=stochastic_once"],
        &[
            "data.source.files={ train = \"a\", test = \"b\", labels = \"c\", test_labels = \"d\", array = \"e\", shape = [2, 3], maximum = 16, validation = \"f\" }",
        ],
        &["data.split={ train = 5, validation = 0.5, test = 7, shuffle = false }", "model.visible_bias=zero"],
        &["evaluate.log_partition=exact", "evaluate.final_log_partition.ais.chains=7", "checkpoint.every_steps=3"],
        &["evaluate.schemes=[\"gibbs:start=half\", \"network\", \"mean-field:tolerance=1e-6\", \"exact:max_bits=20\"]"],
    ];
    overrides.iter().map(|overrides| read(GOOD, overrides).unwrap()).collect()
}

#[test]
fn the_resolved_file_is_read_back_as_an_equal_experiment() {
    for experiment in variety() {
        for text in [resolved(&experiment), marked(&experiment)] {
            let again = read(&text, &[]).unwrap_or_else(|error| panic!("{error}\n{text}"));
            assert_eq!(again, experiment, "{text}");
        }
    }
}

#[test]
fn the_resolved_file_names_every_setting_and_marks_the_changed_ones() {
    insta::assert_snapshot!(marked(
        &read(GOOD, &["pretrain.epochs=3", "train.algorithm.wake_sleep.chains=7"]).unwrap()
    ));
}

#[test]
fn an_override_equals_editing_the_file() {
    let rate = "learning_rate = 0.01";
    let likelihood = "[train.algorithm.maximum_likelihood]\npositive = \"network+1\"\nchains = 50";
    let cases = [
        ("train.learning_rate=0.5", with("= 0.01", "= 0.5")),
        ("train.learning-rate = 0.5", with("= 0.01", "= 0.5")),
        ("train.learning_rate.end=0.001", with(rate, "learning_rate = { start = 0.01, end = 0.001 }")),
        ("model.hidden=[5]", with("[8, 4]", "[5]")),
        ("name=other", with("small", "other")),
        ("name=\"other\"", with("small", "other")),
        ("seed=7", format!("seed = 7\n{GOOD}")),
        ("log.every_steps=7", format!("{GOOD}\n[log]\nevery_steps = 7\n")),
        ("data.source=digits", with("{ bars_and_stripes = { height = 4, width = 4 } }", "\"digits\"")),
        ("data.source.bars_and_stripes.height=3", with("height = 4", "height = 3")),
        ("data.binarize.threshold=0.3", with("[model]", "binarize.threshold = 0.3\n[model]")),
        ("train.algorithm.wake_sleep.chains=7", with(likelihood, "[train.algorithm.wake_sleep]\nchains = 7")),
        ("train.algorithm.maximum_likelihood.chains=7", with("chains = 50", "chains = 7")),
        (
            "train.algorithm.maximum_likelihood.positive=mean-field:sweeps=9",
            with("\"network+1\"", "\"mean-field:sweeps=9\""),
        ),
        ("train.algorithm.maximum_likelihood.positive.network.refine=9", with("\"network+1\"", "\"network+9\"")),
        (
            "evaluate.schemes=[\"exact\", \"gibbs\"]",
            with("\"network+1\", { mean_field = { sweeps = 5 } }]", "\"gibbs\"]"),
        ),
    ];
    for (typed, edited) in cases {
        assert_eq!(read(GOOD, &[typed]).unwrap(), read(&edited, &[]).unwrap(), "{typed}");
        assert_ne!(read(GOOD, &[typed]).unwrap(), good(), "{typed}");
    }
}

#[test]
fn a_later_override_wins() {
    let experiment =
        read(GOOD, &["seed=1", "train.algorithm=wake_sleep", "seed=2", "train.algorithm.wake_sleep.chains=3"]);
    let summary = summary(&experiment.unwrap());
    assert!(summary.contains(&("seed".into(), 2.into())));
    assert!(summary.contains(&("train.algorithm.wake_sleep.chains".into(), 3.into())));
}

#[test]
fn the_summary_tells_experiments_apart_by_what_differs_only() {
    let other = read(GOOD, &["train.learning_rate=0.5", "log.tensorboard=false"]).unwrap();
    let (first, second) = (summary(&good()), summary(&other));
    let differing = first.iter().filter(|setting| !second.contains(setting)).map(|(path, _)| path.as_str());
    assert_eq!(differing.collect::<std::collections::BTreeSet<_>>(), ["log.tensorboard", "train.learning_rate"].into());
}

#[test]
fn every_scheme_word_comes_back_as_itself() {
    let words = [
        "exact",
        "exact:max-bits=20",
        "mean-field",
        "mean-field:sweeps=5",
        "mean-field:schedule=parallel,start=bottom-up,sweeps=5",
        "mean-field:damping=0.25,max-sweeps=9,schedule=odd-even,start=network,tolerance=1e-9",
        "mean-field:sweeps=0,start=random",
        "gibbs",
        "gibbs:burn-in=0,start=half,sweeps=1000",
        "network",
        "network+1",
        "network+20",
    ];
    let mut shortest_words = std::collections::BTreeSet::new();
    for word in words {
        let scheme: Scheme = word.parse().unwrap();
        let shortest = scheme.to_string();
        assert_eq!(shortest.parse::<Scheme>().unwrap(), scheme, "{word} became {shortest}");
        assert_eq!(shortest.len(), word.len(), "{word} became {shortest}");
        assert_eq!(word.replace('-', "_").replace("1e_9", "1e-9").parse::<Scheme>().unwrap(), scheme);
        assert!(shortest_words.insert(shortest), "{word} is not the only one of its word");
    }
    for word in WORDS {
        word.replace('K', "3").parse::<Scheme>().unwrap();
    }
}

#[test]
fn blanks_around_a_scheme_word_and_its_parts_mean_nothing() {
    for (blank, word) in [
        (" network ", "network"),
        ("\tnetwork + 1", "network+1"),
        (" mean-field : sweeps = 5 , start = half ", "mean-field:sweeps=5,start=half"),
    ] {
        assert_eq!(blank.parse::<Scheme>().unwrap(), word.parse::<Scheme>().unwrap(), "{blank}");
    }
    let message = " mean-fild ".parse::<Scheme>().unwrap_err().to_string();
    assert!(message.starts_with("scheme `mean-fild`: unknown scheme"), "{message}");
}

#[test]
fn a_scheme_is_named_once_however_it_is_written() {
    for again in ["exact", " exact ", "exact:max-bits=16", "network + 1", "network+01", "mean_field:sweeps=5,damping=0"]
    {
        let text = with("[\"exact\"", &format!("[\"{again}\", \"exact\""));
        let text = if again.contains("exact") { text } else { with("[\"exact\"", &format!("[\"{again}\"")) };
        let message = read(&text, &[]).unwrap_err();
        assert!(message.contains(" a second time"), "{again}: {message}");
    }
}

#[test]
fn a_scheme_word_is_the_table_it_stands_for() {
    let pairs = [
        (
            "mean-field:schedule=parallel,sweeps=5,start=half",
            "{ mean_field = { schedule = \"parallel\", sweeps = 5, start = \"half\" } }",
        ),
        ("mean_field:damping=0", "{ mean_field = {} }"),
        ("network+2", "{ network = { refine = 2 } }"),
        ("gibbs:start=bottom_up", "{ gibbs = { start = \"bottom_up\" } }"),
    ];
    for (word, table) in pairs {
        let read = |text: &str| read(&with("\"network+1\"", text), &[]).unwrap();
        assert_eq!(read(&format!("\"{word}\"")), read(table));
    }
    let default = MeanField { sweeps: None, tolerance: None, max_sweeps: 500, ..MeanField::default() };
    assert_eq!(default.start, Start::Half);
    assert_eq!("mean-field".parse::<Scheme>().unwrap(), Scheme::MeanField(default));
}

#[test]
fn an_experiment_made_in_code_is_one_read_from_its_file() {
    let mut experiment = Experiment::new("x", Source::Digits {}, vec![3]);
    experiment.train = Some(Default::default());
    let text = "name = \"x\"\ndata.source = \"digits\"\nmodel.hidden = [3]\n[train]\n";
    assert_eq!(read(text, &[]).unwrap(), experiment);
}

#[test]
fn a_learning_rate_goes_from_its_start_to_its_end() {
    let text = with("= 0.01", "= { start = 0.1, end = 0.001, decay = \"exponential\" }");
    let exponential = read(&text, &[]).unwrap().train.unwrap().learning_rate;
    let linear = LearningRate { decay: Default::default(), ..exponential };
    assert!((exponential.at(0.5) - 0.01).abs() < 1e-12 && (linear.at(0.5) - 0.0505).abs() < 1e-12);
    for rate in [exponential, linear, LearningRate::constant(0.0)] {
        assert!((rate.at(0.0) - rate.start).abs() < 1e-15 && (rate.at(1.0) - rate.end).abs() < 1e-15);
    }
}

#[test]
fn no_damaged_file_or_override_makes_the_program_panic() {
    let mut random = StdRng::seed_from_u64(1);
    let base = resolved(&variety()[2]);
    let pieces = [
        "=",
        "[",
        "]",
        "\"",
        "{",
        "}",
        ".",
        ",",
        "\n",
        "-",
        "9",
        "é",
        "nan",
        "1e999",
        "[[x]]",
        "'''",
        "#",
        "\0",
        "99999999999999999999",
    ];
    for _ in 0..600 {
        let mut text: Vec<char> = base.chars().collect();
        for _ in 0..random.random_range(1..4) {
            let at = random.random_range(0..text.len());
            let until = (at + random.random_range(0..12)).min(text.len());
            let piece = pieces[random.random_range(0..pieces.len())];
            text.splice(at..until, piece.chars());
        }
        let text: String = text.into_iter().collect();
        if let Ok(experiment) = read(&text, &[]) {
            assert_eq!(read(&resolved(&experiment), &[]).as_ref(), Ok(&experiment), "{text}");
        }
        let line = text.lines().nth(random.random_range(0..text.lines().count())).unwrap_or_default();
        let _ = read(GOOD, &[line, &format!("train.{line}"), &format!("evaluate.{line}")]);
        let _ = line.parse::<Scheme>();
    }
}
