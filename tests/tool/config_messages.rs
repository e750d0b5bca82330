//! What users read when an experiment file, an override or a scheme word is wrong.

use crate::config::{GOOD, read, with};
use dbm::experiment::config::{Experiment, Scheme};
use std::fmt::Write;

/// The messages of bad inputs under their titles.
fn messages(cases: impl IntoIterator<Item = (&'static str, Result<Experiment, String>)>) -> String {
    cases.into_iter().fold(String::new(), |mut all, (title, outcome)| {
        let message = outcome.map_or_else(|message| message, |_| panic!("{title}: accepted"));
        write!(all, "## {title}\n{message}\n\n").unwrap();
        all
    })
}

#[test]
fn a_bad_file_gets_a_message_that_points_at_the_line() {
    let cases = [
        ("syntax: a quote is missing", with("\"small\"", "\"small")),
        ("syntax: no value", with("epochs = 20", "epochs =")),
        ("syntax: a key twice", with("epochs = 20", "epochs = 20\nepochs = 30")),
        ("syntax: a bare word", with("\"network+1\"", "network+1")),
        ("empty file", String::new()),
        ("a misspelt key", with("learning_rate", "learnign_rate")),
        ("half a key", with("learning_rate", "rate")),
        ("a key in the wrong section", with("[train]", "[train]\nhidden = [5]")),
        ("a key of several sections at the top", with("[data]", "epochs = 3\n[data]")),
        ("a misspelt section", with("[train]", "[trian]")),
        ("an unknown section", format!("{GOOD}\n[colour]\nred = 1\n")),
        ("a misspelt choice", with("bars_and_stripes", "bars_and_strips")),
        ("a misspelt choice as a word", with("{ bars_and_stripes = { height = 4, width = 4 } }", "\"digit\"")),
        (
            "a choice that needs settings, as a word",
            with("{ bars_and_stripes = { height = 4, width = 4 } }", "\"shifter\""),
        ),
        ("two choices", with("{ bars_and_stripes =", "{ digits = {}, bars_and_stripes =")),
        ("no choice", with("{ bars_and_stripes = { height = 4, width = 4 } }", "{}")),
        ("a number for a choice", with("{ bars_and_stripes = { height = 4, width = 4 } }", "4")),
        ("an unknown key in a choice", with("chains = 50", "chain = 50")),
        (
            "an unknown key in a choice without settings",
            with("{ bars_and_stripes = { height = 4, width = 4 } }", "{ digits = { size = 8 } }"),
        ),
        ("a missing setting of a choice", with(", width = 4", "")),
        ("a missing section", with("[model]\nhidden = [8, 4]\n", "")),
        ("a missing name", with("name = \"small\"", "")),
        ("a missing setting", with("hidden = [8, 4]", "")),
        ("text for a number", with("epochs = 20", "epochs = \"20\"")),
        ("a fraction for a whole number", with("epochs = 20", "epochs = 2.5")),
        ("a negative count", with("epochs = 20", "epochs = -3")),
        ("a number for a list", with("[8, 4]", "8")),
        ("text in a list of numbers", with("[8, 4]", "[8, \"4\"]")),
        ("text for a learning rate", with("= 0.01", "= \"small\"")),
        ("a learning rate without an end", with("= 0.01", "= { start = 0.01 }")),
        ("an unknown decay", with("= 0.01", "= { start = 0.01, end = 0.001, decay = \"exponental\" }")),
        ("an unknown type of numbers", with("name =", "dtype = \"float32\"\nname =")),
        ("a number for the kernels", with("name =", "kernels = 3\nname =")),
        ("true for the kernels", with("name =", "kernels = true\nname =")),
        ("a list for the kernels", with("name =", "kernels = [\"avx2\"]\nname =")),
        ("a number for a type of numbers", with("name =", "dtype = 32\nname =")),
        ("an unknown binarisation", with("[model]", "binarize = \"stochastic\"\n[model]")),
        ("a threshold without a value", with("[model]", "binarize = \"threshold\"\n[model]")),
        ("a tab before the key", with("chains = 50", "\tchain = 50")),
        ("a threshold as text", with("[model]", "binarize = { threshold = \"half\" }\n[model]")),
        ("text for an amount", with("[model]", "split = { validation = \"10%\" }\n[model]")),
        ("a negative amount", with("[model]", "split = { validation = -10 }\n[model]")),
        (
            "three numbers for a shape",
            with(
                "{ bars_and_stripes = { height = 4, width = 4 } }",
                "{ files = { train = \"x.npy\", shape = [1, 2, 3] } }",
            ),
        ),
        ("text for a switch", format!("{GOOD}\n[log]\ntensorboard = \"yes\"\n")),
        ("a misspelt scheme", with("\"exact\"", "\"mean-fild\"")),
        ("a misspelt option of a scheme", with("\"exact\"", "\"mean-field:sweep=5\"")),
        ("a misspelt word in an option", with("\"exact\"", "\"mean-field:schedule=paralel\"")),
        ("text for a number of sweeps", with("\"exact\"", "\"gibbs:sweeps=many\"")),
        ("an option without a value", with("\"exact\"", "\"mean-field:sweeps\"")),
        ("an option twice", with("\"exact\"", "\"mean-field:sweeps=1,sweeps=2\"")),
        ("network plus a word", with("\"exact\"", "\"network+one\"")),
        ("a misspelt scheme as a table", with("mean_field", "mean_feild")),
        ("a misspelt option of a scheme as a table", with("{ sweeps = 5 }", "{ sweep = 5 }")),
        ("two schemes in one table", with("{ sweeps = 5 }", "{ sweeps = 5 }, gibbs = {}")),
        ("a number for a scheme", with("\"exact\"", "3")),
    ];
    insta::assert_snapshot!(messages(cases.map(|(title, text)| (title, read(&text, &[])))));
}

#[test]
fn every_problem_of_meaning_is_reported_together() {
    let many = r#"name = "a/b"
seed = 18446744073709551615
device = "cuda"

[data]
source = { shifting_bar = { pixels = 4, bar = 5 } }
binarize = { threshold = 1.5 }
split = { validation = 0.6, test = 0.5, train = 0 }

[model]
hidden = [8, 0, 30]
weight_std = -1

[pretrain]
epochs = 0
learning_rate = { start = 0.1, end = 0, decay = "exponential" }
momentum = 1

[train]
batch_size = 0
learning_rate = nan
weight_decay = -0.1

[train.network]
learning_rate = -0.1

[train.algorithm.wake_sleep]
chains = 0

[evaluate]
schemes = ["exact", "mean-field:damping=1,tolerance=1e-9", "network+1", "network:refine=1", "mean-field:sweeps=1,tolerance=0.1"]
log_partition = { exact = { max_bits = 40 } }
final_log_partition = { ais = { chains = 1 } }

[log]
every_steps = 0
"#;
    let all = messages([("many", read(many, &[]))]);
    let all = if cfg!(feature = "cuda") { return } else { all };
    insta::assert_snapshot!(all);
}

#[test]
fn a_problem_of_meaning_points_at_its_line() {
    let source = "{ bars_and_stripes = { height = 4, width = 4 } }";
    let cases = [
        ("nothing to learn", "name = \"x\"\ndata = { source = \"digits\" }\nmodel = { hidden = [2] }\n".to_string()),
        ("no layers", with("[8, 4]", "[]")),
        ("too many patterns", with("height = 4", "height = 40")),
        ("a shape without pixels", with(source, "{ files = { train = \"x.npy\", shape = [8, 0] } }")),
        ("too many examples", with(source, "{ shifting_bar = { pixels = 1000, bar = 2, examples = 1000000 } }")),
        ("no full intensity", with(source, "{ files = { train = \"x.npy\", maximum = 0 } }")),
        ("labels of no test", with(source, "{ files = { train = \"x.npy\", test_labels = \"y.npy\" } }")),
        ("no schemes", with("[\"exact\", \"network+1\", { mean_field = { sweeps = 5 } }]", "[]")),
        ("the same scheme twice", with("\"exact\"", "\"mean-field:sweeps=5\"")),
        ("too many states", with("[8, 4]", "[80, 40]")),
        ("log Z over too many states", format!("{GOOD}log_partition.exact.max_bits = 5\n")),
        ("a path with a line break", with(source, "{ files = { train = \"x\\ny\" } }")),
    ];
    insta::assert_snapshot!(messages(cases.map(|(title, text)| (title, read(&text, &[])))));
}

#[test]
fn a_bad_override_is_named_as_typed() {
    let cases: [(&str, &[&str]); 20] = [
        ("no value", &["train.epochs"]),
        ("an empty key", &["train..epochs=3"]),
        ("a misspelt key", &["train.learnign_rate=0.1"]),
        ("a misspelt section", &["trian.epochs=3"]),
        ("a key without its section", &["learning_rate=0.1"]),
        ("a wrong type", &["train.epochs=many"]),
        ("a decimal comma", &["train.learning_rate=0,01"]),
        ("an unfinished list", &["model.hidden=[8, 4"]),
        ("a key inside a number", &["train.epochs.first=3"]),
        ("a key inside a list", &["model.hidden.0=3"]),
        ("a misspelt scheme", &["train.algorithm.maximum_likelihood.positive=mean-fild"]),
        ("a misspelt choice", &["train.algorithm=wake_sleap"]),
        ("one of two is wrong", &["train.epochs=3", "train.batch_size=x"]),
        ("a choice that needs another setting", &["data.source.bars_and_stripes.heigth=3"]),
        ("a missing setting of a new choice", &["data.source.shifting_bar.pixels=3"]),
        ("a problem of meaning", &["train.momentum=2", "name=a b"]),
        ("two that cannot be read", &["epochs", "x"]),
        ("two that are wrong", &["train.learnig_rate=3", "train.epochs=-1"]),
        ("each wrong in a way of its own", &["x", "model.hidden.0=3", "train.momentum=2", "name=3"]),
        ("one that another needs", &["data.source.shifting_bar.pixels=x", "data.source.shifting_bar.bar=1", "seed=x"]),
    ];
    insta::assert_snapshot!(messages(cases.map(|(title, overrides)| (title, read(GOOD, overrides)))));
}

#[test]
fn a_bad_scheme_word_is_refused_on_its_own_too() {
    let words =
        ["", "mean", "mean-fild", "network+", "network+1:refine=2", "exact:bits=3", "gibbs:start=up", "mean-field:"];
    let message =
        |word: &str| word.parse::<Scheme>().map(|scheme| panic!("{scheme}")).unwrap_or_else(|e| e.to_string());
    insta::assert_snapshot!(words.map(message).join("\n\n"));
}
