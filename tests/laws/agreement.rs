//! Codes and dictionaries against those of an independent program; `tests/fixtures/sparse_coding.py` says how they were made.

use crate::support::{assert_all_close, assert_close, tensor};
use dbm::inference::{CoordinateDescent, Fista, SolveCodes, Until};
use dbm::learning::{Columns, DictionaryLearning};
use dbm::math::{Tensor, host};
use dbm::models::SparseCoding;
use serde_json::Value;

fn fixture() -> Value {
    serde_json::from_str(include_str!("../fixtures/sparse_coding.json")).unwrap()
}

fn matrix(value: &Value) -> Tensor {
    tensor(&serde_json::from_value::<Vec<Vec<f64>>>(value.clone()).unwrap())
}

#[test]
fn codes_agree_with_scikit_learn() {
    let fixture = fixture();
    let (weight, visible) = (matrix(&fixture["weight"]), matrix(&fixture["visible"]));
    for (index, alpha) in fixture["alphas"].as_array().unwrap().iter().enumerate() {
        let alpha = alpha.as_f64().unwrap();
        let (codes, cost) = (matrix(&fixture["codes"][index]), fixture["costs"][index].as_f64().unwrap());
        // The same codes from the half form and, with twice the lambda, from the chapter's.
        for (model, factor) in [
            (SparseCoding::half(weight.clone(), alpha).unwrap(), 1.0),
            (SparseCoding::chapter(weight.clone(), 2.0 * alpha).unwrap(), 2.0),
        ] {
            for solver in [&CoordinateDescent as &dyn SolveCodes, &Fista] {
                let found = solver.infer(&model, &visible, Until::gap_within(1e-13, 100_000)).unwrap().codes;
                assert_all_close("codes", &host(&found).unwrap(), &host(&codes).unwrap(), 1e-5);
                let total: f64 = model.objective(&visible, &found).unwrap().iter().sum();
                assert_close("cost", total, factor * cost, 1e-9);
            }
        }
    }
}

#[test]
fn dictionaries_agree_with_scikit_learn() {
    let fixture = &fixture()["dictionary"];
    let (examples, alpha) = (matrix(&fixture["examples"]), fixture["alpha"].as_f64().unwrap());
    let cost = fixture["cost"].as_f64().unwrap();
    let learning = DictionaryLearning {
        solver: CoordinateDescent,
        until: Until::gap_within(1e-11, 5000),
        columns: Columns::UnitBall { rounds: 10 },
    };
    let model = |what: &str| SparseCoding::half(matrix(&fixture[what]), alpha).unwrap();
    // Where the other program ended there is next to nothing to gain; from where it began ours ends as low.
    let further = learning.learn(&model("atoms"), &examples, 20).unwrap();
    assert_close("codes for its dictionary", further.objectives[0], cost, 1e-8);
    assert_close("twenty rounds further", further.objectives[39], cost, 1e-3 * cost);
    let own = learning.learn(&model("start"), &examples, 300).unwrap();
    let last = own.objectives[599];
    assert!(last <= 1.02 * cost && last >= 0.9 * cost, "ours {last}, theirs {cost}");
}
