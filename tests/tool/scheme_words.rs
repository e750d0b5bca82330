//! Laws of the words for points, tables over blocks and TAP: what they mean, what is refused, and what their numbers promise.

use crate::bench::Bench;
use crate::by_hand::Machine;
use crate::config::{GOOD, read};
use candle_core::{DType, Device, Tensor};
use dbm::evaluate::Guarantee;
use dbm::experiment::config::{ExactPartition, LogPartition, Scheme};
use dbm::experiment::judge::{Request, judge};
use dbm::experiment::results::{Results, SchemeResult};
use dbm::math::Stream;
use dbm::models::Dbm;

fn judged(words: &[&str]) -> Results {
    let dbm = Dbm::random(&[6, 5, 4, 2], 1.0, Stream::new(5), DType::F64, &Device::Cpu).unwrap();
    let uniform = Stream::new(6).uniform(40, 6, DType::F64, &Device::Cpu).unwrap();
    let visible: Tensor = uniform.gt(0.5).unwrap().to_dtype(DType::F64).unwrap();
    let request = Request {
        data: "noise",
        schemes: words.iter().map(|word| (word.to_string(), word.parse().unwrap())).collect(),
        log_partition: LogPartition::Exact(ExactPartition::default()),
        visible_means: None,
        per_example: true,
    };
    judge(&dbm, None, &visible, &request, Stream::new(1), &mut |_| Ok(())).unwrap()
}

fn row<'a>(results: &'a Results, name: &str) -> &'a SchemeResult {
    results.schemes.iter().find(|scheme| scheme.name == name).unwrap()
}

#[test]
fn a_scheme_is_shown_by_its_shortest_word_and_read_back_from_it() {
    for (word, shortest) in [
        ("map", "map"),
        ("map:max-bits=16", "map"),
        ("icm:starts=20", "icm"),
        ("icm:starts=3,max_sweeps=9", "icm:max-sweeps=9,starts=3"),
        ("structured:blocks=columns", "structured"),
        ("structured:blocks=3", "structured:blocks=3"),
        ("structured:blocks=all,start=bottom-up", "structured:blocks=all,start=bottom-up"),
        ("tap:order=2", "tap"),
        ("tap:order=3,damping=0.25", "tap:damping=0.25,order=3"),
    ] {
        let scheme: Scheme = word.parse().unwrap();
        assert_eq!(scheme.to_string(), shortest);
        assert_eq!(shortest.parse::<Scheme>().unwrap(), scheme);
    }
    for (word, hint) in [
        ("structured:blocks=rows", "columns, all, or a number of units"),
        ("structured:blocks=-1", "columns, all, or a number of units"),
        ("icm:start=3", "starts"),
        ("tap:order=two", "whole number"),
    ] {
        let message = word.parse::<Scheme>().unwrap_err().to_string();
        assert!(message.contains(hint), "{word}: {message}");
    }
}

#[test]
fn settings_that_make_no_sense_are_refused_where_they_stand() {
    for (word, hint) in [
        ("icm:starts=0", "icm.starts"),
        ("structured:blocks=0", "structured.blocks"),
        ("structured:max-sweeps=0", "structured.max_sweeps"),
        ("tap:order=4", "1, 2 or 3"),
        ("tap:damping=1", "tap.damping"),
        ("tap:tolerance=1e-9", "finer than f32"),
        ("map:max-bits=3", "max_bits = 4"),
    ] {
        let message = read(&GOOD.replace("\"exact\"", &format!("\"{word}\"")), &[]).unwrap_err();
        assert!(message.contains(hint), "{word}: {message}");
    }
    for word in ["map", "icm", "structured", "tap"] {
        assert!(read(&GOOD.replace("\"exact\"", &format!("\"{word}\"")), &[]).is_ok(), "{word} judges");
        let positive = format!("train.algorithm.maximum_likelihood.positive={word}");
        let message = read(GOOD, &[&positive]).unwrap_err();
        assert!(message.contains("judged but not learned from"), "{word}: {message}");
    }
}

#[test]
fn points_and_tables_are_judged_by_their_bounds() {
    let words =
        ["map", "icm:starts=30", "mean-field", "structured", "structured:blocks=1", "structured:blocks=all", "exact"];
    let results = judged(&words);
    let kl = |name: &str| row(&results, name).kl_nats_mean.unwrap();
    assert!(kl("map") > kl("mean-field") && kl("mean-field") > kl("structured") && kl("structured") > 1e-6);
    assert!(kl("icm:starts=30") >= kl("map") - 1e-9);
    assert!((kl("structured:blocks=1") - kl("mean-field")).abs() < 1e-8);
    assert!(kl("structured:blocks=all").abs() < 1e-9 && kl("exact").abs() < 1e-9);
    for name in &words[..6] {
        assert_eq!(row(&results, name).elbo_guarantee, Guarantee::LowerBound, "{name}");
    }
    assert_eq!(row(&results, "map").converged_fraction, None);
    assert_eq!(row(&results, "structured").converged_fraction, Some(1.0));
    assert!(results.warnings.is_empty(), "{:?}", results.warnings);
}

#[test]
fn the_free_energy_of_tap_is_never_called_a_bound_nor_the_best() {
    let results = judged(&["mean-field", "tap:order=2", "tap:order=3"]);
    for name in ["tap:order=2", "tap:order=3"] {
        let tap = row(&results, name);
        assert_eq!((tap.elbo_guarantee, tap.gap_guarantee), (Guarantee::Approximation, Guarantee::Approximation));
        assert_eq!((tap.kl_nats_mean, tap.kl_guarantee), (None, None));
        assert!(tap.marginal_error_mean < row(&results, "mean-field").marginal_error_mean);
    }
    assert_eq!(row(&results, "mean-field").gap_nats_mean, 0.0, "the best of the bounds, whatever TAP says");
    assert_eq!(row(&results, "mean-field").elbo_guarantee, Guarantee::LowerBound);
    assert!(results.warnings.iter().any(|warning| warning.contains("it is no bound")), "{:?}", results.warnings);
}

#[test]
fn the_table_marks_tap_and_still_names_the_bounds() {
    let bench = Bench::new();
    bench.write("model.safetensors", Machine::random(&[4, 3, 2], 0.9, 5).file());
    bench.write("data.amat", "0 1 1 0\n1 1 0 0\n0 0 0 1\n");
    let words =
        "--scheme mean-field --scheme tap:order=2 --scheme map --scheme icm:starts=20 --scheme structured:blocks=2";
    let table = bench.ok(&format!("eval model.safetensors --data data.amat --log-partition exact {words}"));
    let marked = |word: &str| table.lines().any(|line| line.contains(word) && line.contains('≈'));
    assert!(marked("| tap:order=2") && !marked("| map") && !marked("| structured"), "{table}");
    assert!(table.contains("ELBO: lower bound of log p(v)") && table.contains("≈ marks"), "{table}");
}
