//! Dictionary learning: the step of the atoms against its own equations, and an objective that no half step raises.

use crate::algebra::normal;
use crate::support::{assert_all_close, assert_close};
use dbm::inference::{CoordinateDescent, Until};
use dbm::learning::{Columns, DictionaryLearning, Moments, Online};
use dbm::math::{Stream, Tensor, host};
use dbm::models::{SparseCoding, lengths};

const ALL: [Columns; 3] = [Columns::UnitBall { rounds: 5 }, Columns::Decay(0.1), Columns::Free];

fn model(visible: usize, atoms: usize) -> SparseCoding {
    let like = normal(1, 1, 0);
    SparseCoding::chapter(SparseCoding::random_atoms(visible, atoms, Stream::new(1), &like).unwrap(), 0.2).unwrap()
}

/// J with another dictionary.
fn objective(columns: Columns, model: &SparseCoding, weight: &Tensor, visible: &Tensor, codes: &Tensor) -> f64 {
    columns.objective(&model.with_weight(weight.clone()).unwrap(), visible, codes).unwrap()
}

#[test]
fn the_step_of_the_atoms_solves_the_normal_equations() {
    let (visible, codes) = (normal(40, 5, 2), normal(40, 7, 3));
    let moments = Moments::of(&visible, &codes).unwrap();
    for (columns, ridge) in [(Columns::Free, 0.0), (Columns::Decay(0.1), 0.1)] {
        let weight = columns.step(&model(5, 7), &moments).unwrap().weight().clone();
        // With β = 2: W (Σ h hᵀ + δ I) = Σ v hᵀ.
        let left = (weight.matmul(&moments.codes_by_codes).unwrap() + (&weight * ridge).unwrap()).unwrap();
        let right = codes.t().unwrap().contiguous().unwrap().matmul(&visible).unwrap().t().unwrap();
        assert_all_close("normal equations", &host(&left).unwrap(), &host(&right).unwrap(), 1e-10);
    }
}

#[test]
fn where_the_atoms_may_be_anything_the_objective_is_level_there() {
    const STEP: f64 = 1e-4;
    let (visible, codes) = (normal(30, 3, 4), normal(30, 4, 5));
    for (precision, columns) in [(2.0, Columns::Free), (2.0, Columns::Decay(0.7)), (5.0, Columns::Decay(0.7))] {
        let start = SparseCoding::new(normal(3, 4, 6), 0.3, precision).unwrap();
        let weight = columns.step(&start, &Moments::of(&visible, &codes).unwrap()).unwrap().weight().clone();
        let values = host(&weight).unwrap();
        for index in 0..values.len() {
            let at = |by: f64| {
                let mut values = values.clone();
                values[index] += by;
                let moved = Tensor::from_vec(values, (3, 4), weight.device()).unwrap();
                objective(columns, &start, &moved, &visible, &codes)
            };
            assert_close("slope", (at(STEP) - at(-STEP)) / (2.0 * STEP), 0.0, 1e-6);
        }
    }
}

#[test]
fn atoms_in_the_unit_ball_are_the_best_there() {
    let (visible, codes) = (normal(30, 4, 7), (normal(30, 6, 8) * 0.3).unwrap());
    let moments = Moments::of(&visible, &codes).unwrap();
    let columns = Columns::UnitBall { rounds: 2000 };
    let best = columns.step(&model(4, 6), &moments).unwrap().weight().clone();
    let long = host(&lengths(&best).unwrap()).unwrap();
    assert!(long.iter().all(|length| *length <= 1.0 + 1e-12), "{long:?}");
    assert!(long.iter().any(|length| *length > 1.0 - 1e-12), "the constraint is felt");
    // A convex problem is solved where a step downhill, brought back into the ball, leads nowhere.
    let slope = (best.matmul(&moments.codes_by_codes).unwrap() - &moments.visible_by_codes).unwrap();
    let moved = (&best - (slope * 0.01).unwrap()).unwrap();
    let over = lengths(&moved).unwrap().clamp(1.0, f64::INFINITY).unwrap();
    let back = moved.broadcast_div(&over.unsqueeze(0).unwrap()).unwrap();
    assert_all_close("projected step", &host(&back).unwrap(), &host(&best).unwrap(), 1e-10);
}

#[test]
fn where_the_ball_is_wide_enough_the_atoms_in_it_are_least_squares() {
    let (visible, codes) = (normal(30, 4, 9), (normal(30, 6, 10) * 10.0).unwrap());
    let moments = Moments::of(&visible, &codes).unwrap();
    let step = |columns: Columns| host(columns.step(&model(4, 6), &moments).unwrap().weight()).unwrap();
    let (ball, free) = (step(Columns::UnitBall { rounds: 500 }), step(Columns::Free));
    assert_all_close("atoms", &ball, &free, 1e-10);
}

#[test]
fn an_atom_that_no_code_uses_stays_in_the_ball_and_is_refused_by_least_squares() {
    let codes = Tensor::cat(&[normal(20, 3, 11), normal(20, 1, 12).zeros_like().unwrap()], 1).unwrap();
    let (start, moments) = (model(4, 4), Moments::of(&normal(20, 4, 13), &codes).unwrap());
    let stepped = Columns::UnitBall { rounds: 3 }.step(&start, &moments).unwrap();
    let last = |model: &SparseCoding| host(&model.weight().narrow(1, 3, 1).unwrap()).unwrap();
    assert_eq!(last(&stepped), last(&start));
    assert!(Columns::Free.step(&start, &moments).is_err());
}

#[test]
fn no_half_step_raises_the_objective() {
    let visible = normal(60, 5, 14);
    for columns in ALL {
        let learning = DictionaryLearning { solver: CoordinateDescent, until: Until::gap_within(1e-11, 2000), columns };
        let learned = learning.learn(&model(5, 7), &visible, 15).unwrap();
        assert_eq!(learned.objectives.len(), 30);
        for pair in learned.objectives.windows(2) {
            assert!(pair[1] <= pair[0] * (1.0 + 1e-10), "{columns:?}: from {} to {}", pair[0], pair[1]);
        }
        let last = columns.objective(&learned.model, &visible, &learned.codes).unwrap();
        assert_close("what is said at the end", learned.objectives[29], last, 1e-9);
        assert!(learned.objectives[29] < 0.95 * learned.objectives[0]);
    }
}

#[test]
fn without_a_constraint_larger_atoms_and_smaller_codes_cost_less() {
    let (visible, codes, weight) = (normal(20, 4, 15), normal(20, 6, 16), normal(4, 6, 17));
    let model = model(4, 6);
    let at = |scale: f64| {
        let (codes, weight) = ((&codes / scale).unwrap(), (&weight * scale).unwrap());
        objective(Columns::Free, &model, &weight, &visible, &codes)
    };
    let error = at(1e12);
    let sizes = at(1.0) - error;
    assert!(sizes > 1.0);
    for scale in [0.5, 1.0, 2.0, 4.0, 64.0] {
        assert_close("only the size of the codes is scaled", at(scale), error + sizes / scale, 1e-9);
    }
}

#[test]
fn a_first_update_online_is_a_first_round_and_later_ones_remember_as_much_as_they_are_told() {
    let (visible, start) = (normal(20, 4, 18), model(4, 6));
    let learning = DictionaryLearning {
        solver: CoordinateDescent,
        until: Until::gap_within(1e-10, 1000),
        columns: Columns::UnitBall { rounds: 3 },
    };
    let online = |share: f64| {
        let state = Online { model: start.clone(), moments: None };
        let (state, _) = learning.update(state, &visible, share).unwrap();
        (state.model.clone(), learning.update(state, &normal(20, 4, 19), share).unwrap().0)
    };
    let once = learning.learn(&start, &visible, 1).unwrap().model;
    assert_eq!(host(online(0.5).0.weight()).unwrap(), host(once.weight()).unwrap());
    let first = Moments::of(&visible, &learning.learn(&start, &visible, 1).unwrap().codes).unwrap();
    let seen = |share: f64| host(&online(share).1.moments.unwrap().codes_by_codes).unwrap();
    let difference: Vec<f64> = seen(0.5).iter().zip(seen(0.0)).map(|(some, none)| some - none).collect();
    let half: Vec<f64> = host(&first.codes_by_codes).unwrap().iter().map(|entry| 0.5 * entry).collect();
    assert_all_close("half of the first", &difference, &half, 1e-10);
}
