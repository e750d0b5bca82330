//! Products that leave out units that are off, against the dense ones in the same order, bit for bit.

use crate::kernels::{levels, values};
use dbm::math::kernels::{Blocks, Level, Outer, Own, Panels, Source, Step, Towards, ascend, inputs, outer};

/// Rows in two parts, an odd number of panels below, padding on every side; long enough for units that are off to be looked for.
const ROWS: usize = 131;
const BELOW: usize = 150;
const UNITS: usize = 70;
const ABOVE: usize = 131;

fn states(name: &str, units: usize, share_on: f32) -> Vec<f32> {
    let draws = values(name, ROWS, units);
    draws.iter().map(|u| f32::from(u8::from((u + 1.0) / 2.0 < share_on))).collect()
}

fn sent(level: Level, sides: &[(&Panels, &Blocks, Towards)]) -> Vec<f32> {
    let source = |&(states, weights, towards)| Source { states, weights, towards };
    let sources: Vec<Source> = sides.iter().map(source).collect();
    let mut found = Panels::zeros(sides[0].0.rows(), UNITS);
    inputs(level, Own::Same(&Panels::zeros(1, UNITS)), 1.0, &sources, &mut found);
    found.to_rows()
}

#[test]
fn leaving_out_units_that_are_off_changes_no_bit() {
    let (below, above) = (values("up", BELOW, UNITS), values("down", UNITS, ABOVE));
    let (up, down) = (Blocks::pack(&below, BELOW, UNITS), Blocks::pack(&above, UNITS, ABOVE));
    for shares in [[0.1, 0.1], [0.1, 0.6], [0.6, 0.1], [0.6, 0.6], [0.3, 0.0]] {
        let (lower, upper) = (states("lower", BELOW, shares[0]), states("upper", ABOVE, shares[1]));
        let input = |row: usize, unit: usize| {
            let lower = (0..BELOW).map(|k| (lower[row * BELOW + k], below[k * UNITS + unit]));
            let upper = (0..ABOVE).map(|k| (upper[row * ABOVE + k], above[unit * ABOVE + k]));
            lower.chain(upper).fold(0.0_f32, |sum, (state, weight)| state.mul_add(weight, sum))
        };
        let expected: Vec<f32> = (0..ROWS * UNITS).map(|at| input(at / UNITS, at % UNITS)).collect();
        let (lower, upper) = (Panels::from_rows(&lower, ROWS, BELOW), Panels::from_rows(&upper, ROWS, ABOVE));
        for threads in 1..4 {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            for level in levels() {
                let sides = [(&lower, &up, Towards::Above), (&upper, &down, Towards::Below)];
                assert_eq!(
                    pool.install(|| sent(level, &sides)),
                    expected,
                    "{level:?}, {threads} threads, {shares:?} on"
                );
            }
        }
    }
}

#[test]
fn statistics_of_few_units_on_are_those_of_all_rows_in_their_order() {
    let above = values("above", ROWS, UNITS);
    for share_on in [0.0, 0.1, 0.3, 0.6] {
        let lower = states("lower", BELOW, share_on);
        let product = |unit: usize, column: usize| {
            let rows = (0..ROWS).map(|row| (lower[row * BELOW + unit], above[row * UNITS + column]));
            rows.fold(0.0_f32, |sum, (state, mean)| state.mul_add(mean, sum))
        };
        let expected: Vec<f32> = (0..BELOW * UNITS).map(|at| product(at / UNITS, at % UNITS)).collect();
        let (below, above) = (Panels::from_rows(&lower, ROWS, BELOW), Panels::from_rows(&above, ROWS, UNITS));
        for level in levels() {
            let found = outer(level, &[Outer { below: &below, above: &above, share: 1.0 }]);
            assert_eq!(found, expected, "{level:?}, {share_on} on");
        }
    }
}

#[test]
fn what_is_no_number_is_seen_through_units_that_are_off() {
    for broken in [f32::INFINITY, f32::NAN] {
        let mut weights = values("up", BELOW, UNITS);
        weights[7 * UNITS + 3] = broken;
        let off = Panels::zeros(ROWS, BELOW);
        let mut means = values("above", ROWS, UNITS);
        means[5 * UNITS + 3] = broken;
        let above = Panels::from_rows(&means, ROWS, UNITS);
        for level in levels() {
            let found = sent(level, &[(&off, &Blocks::pack(&weights, BELOW, UNITS), Towards::Above)]);
            assert!(found[3].is_nan() && found[ROWS * UNITS - 1] == 0.0, "{level:?}: {}", found[3]);
            let found = outer(level, &[Outer { below: &off, above: &above, share: 1.0 }]);
            assert!(found[3].is_nan() && found[4] == 0.0, "{level:?}: {}", found[3]);
        }
    }
}

#[test]
fn a_step_to_infinity_is_seen_through_units_that_are_off() {
    let off = Panels::zeros(ROWS, BELOW);
    let lower = Panels::from_rows(&states("lower", BELOW, 0.5), ROWS, BELOW);
    let mut means = values("above", ROWS, UNITS);
    (0..ROWS).for_each(|row| means[row * UNITS + 3] = f32::MAX);
    let above = Panels::from_rows(&means, ROWS, UNITS);
    for level in levels() {
        let mut weights = Blocks::pack(&values("up", BELOW, UNITS), BELOW, UNITS);
        let mut last = Blocks::pack(&vec![0.0; BELOW * UNITS], BELOW, UNITS);
        let by = Step { momentum: 0.0, rate: 1.0, pull: 0.0 };
        ascend(level, &[Outer { below: &lower, above: &above, share: 1.0 }], by, &mut weights, &mut last);
        let found = sent(level, &[(&off, &weights, Towards::Above)]);
        assert!(found[3].is_nan() && found[4] == 0.0, "{level:?}: {}", found[3]);
    }
}
