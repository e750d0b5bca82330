//! Laws of criteria: what a number says of a statement.

use dbm::studies::{Criterion, Findings, Verdict, verdict};

fn criterion(text: &str) -> Criterion {
    toml::from_str(&format!("quantity = \"x\"\n{text}")).unwrap()
}

/// The verdict on a number and, where it is an estimate, its standard error.
fn judged(text: &str, value: f64, error: Option<f64>) -> Verdict {
    let mut findings = Findings::default();
    match error {
        Some(error) => findings.estimate("x", value, error),
        None => findings.quantity("x", value),
    }
    criterion(text).judge(&findings).verdict
}

#[test]
fn an_exact_number_holds_on_the_ends_of_its_interval_and_is_refuted_outside() {
    for (text, value, expected) in [
        ("at_least = 2.0", 2.0, Verdict::Holds),
        ("at_least = 2.0", f64::INFINITY, Verdict::Holds),
        ("at_least = 2.0", 2.0 - 1e-12, Verdict::Refuted),
        ("at_most = 2.0", 2.0, Verdict::Holds),
        ("at_most = 2.0", 2.0 + 1e-12, Verdict::Refuted),
        ("at_least = 1.0\nat_most = 2.0", 1.5, Verdict::Holds),
        ("at_least = 1.0\nat_most = 2.0", 2.5, Verdict::Refuted),
        ("at_least = 1.0\nat_most = 2.0", 0.5, Verdict::Refuted),
        ("equals = 0.0", 0.0, Verdict::Holds),
        ("equals = 0.0", f64::MIN_POSITIVE, Verdict::Refuted),
        ("equals = 1.0\nwithin = 0.25", 1.25, Verdict::Holds),
        ("equals = 1.0\nwithin = 0.25", 0.7, Verdict::Refuted),
        // Every condition given must hold.
        ("equals = 1.0\nwithin = 0.25\nat_most = 1.0", 1.1, Verdict::Refuted),
    ] {
        assert_eq!(judged(text, value, None), expected, "{text}: {value}");
    }
}

#[test]
fn an_estimate_within_two_standard_errors_of_an_end_is_undecided_on_either_side() {
    for text in ["at_least = 2.0", "at_most = 2.0"] {
        for value in [2.0, 2.15, 1.85] {
            assert_eq!(judged(text, value, Some(0.1)), Verdict::Undecided, "{text}: {value}");
        }
    }
    assert_eq!(judged("at_least = 2.0", 2.25, Some(0.1)), Verdict::Holds);
    assert_eq!(judged("at_least = 2.0", 1.75, Some(0.1)), Verdict::Refuted);
    assert_eq!(judged("at_most = 2.0", 1.75, Some(0.1)), Verdict::Holds);
    assert_eq!(judged("at_most = 2.0", 2.25, Some(0.1)), Verdict::Refuted);
    // An estimate without an error to speak of is as good as exact.
    assert_eq!(judged("at_least = 2.0", 2.0, Some(0.0)), Verdict::Holds);
}

#[test]
fn a_number_that_is_none_meets_nothing() {
    for text in ["at_least = 0.0", "at_most = 0.0", "equals = 0.0", "equals = 0.0\nwithin = 1e300"] {
        assert_eq!(judged(text, f64::NAN, None), Verdict::Refuted, "{text}");
        assert_eq!(judged(text, f64::NAN, Some(1.0)), Verdict::Refuted, "{text}");
    }
}

#[test]
fn an_error_that_is_none_leaves_everything_open() {
    assert_eq!(judged("at_least = 0.0", 5.0, Some(f64::NAN)), Verdict::Undecided);
    assert_eq!(judged("at_least = 0.0", 5.0, Some(f64::INFINITY)), Verdict::Undecided);
}

#[test]
fn a_quantity_that_was_not_found_refutes_and_says_so() {
    let judgement = criterion("at_least = 0.0").judge(&Findings::default());
    assert_eq!((judgement.verdict, judgement.obtained), (Verdict::Refuted, None));
}

#[test]
fn the_worst_judgement_decides_and_none_decide_nothing() {
    let mut findings = Findings::default();
    findings.estimate("x", 1.0, 0.1);
    let judge = |text: &str| criterion(text).judge(&findings);
    let (holds, open, missed) = (judge("at_least = 0.0"), judge("at_least = 0.9"), judge("at_least = 3.0"));
    assert_eq!(verdict(&[holds.clone(), holds.clone()]), Verdict::Holds);
    assert_eq!(verdict(&[holds.clone(), open.clone()]), Verdict::Undecided);
    assert_eq!(verdict(&[open, missed, holds]), Verdict::Refuted);
    assert_eq!(verdict(&[]), Verdict::Undecided);
}

#[test]
fn a_criterion_is_read_as_it_is_meant() {
    for (text, shown) in [
        ("at_least = 15.0", "≥ 15"),
        ("at_most = 1e-9", "≤ 1e-9"),
        ("at_least = 0.15\nat_most = 0.45", "0.15 to 0.45"),
        ("equals = 0.2518\nwithin = 0.001", "0.2518 ± 0.001"),
        ("equals = 0.0", "0"),
        ("equals = 0.6931\nwithin = 1e-4", "0.6931 ± 1e-4"),
    ] {
        assert_eq!(criterion(text).to_string(), shown);
    }
}
