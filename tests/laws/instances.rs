//! Instances of studies: the sets hold what their names say, and machines have the stated spread.

use crate::support::{ByHand, all_states, assert_close, rows};
use dbm::math::Stream;
use dbm::studies::instances::{all_binary, bars_and_stripes, random_binary, random_dbm, shifter};
use std::collections::BTreeSet;

fn distinct(rows: &[Vec<f64>]) -> usize {
    rows.iter().map(|row| row.iter().map(|&x| x as u8).collect::<Vec<_>>()).collect::<BTreeSet<_>>().len()
}

#[test]
fn all_binary_rows_are_every_state_once() {
    assert_eq!(rows(&all_binary(5).unwrap()), all_states(5));
}

#[test]
fn bars_and_stripes_are_distinct_images_of_equal_rows_or_equal_columns() {
    for side in 2..5 {
        let images = rows(&bars_and_stripes(side).unwrap());
        assert_eq!((images.len(), distinct(&images)), ((1 << (side + 1)) - 2, (1 << (side + 1)) - 2));
        for image in images {
            let same = |step: usize, line: usize| (0..side).all(|i| image[line + i * step] == image[line]);
            assert!(
                (0..side).all(|row| same(1, row * side)) || (0..side).all(|column| same(side, column)),
                "{image:?}"
            );
        }
    }
}

#[test]
fn the_second_half_of_a_shifter_is_the_first_moved_by_at_most_one() {
    for bits in [3, 4, 5] {
        let examples = rows(&shifter(bits).unwrap());
        let repeated = if bits % 2 == 0 { 6 } else { 4 };
        assert_eq!((examples.len(), distinct(&examples)), (3 << bits, (3 << bits) - repeated));
        for example in examples {
            let (first, second) = example.split_at(bits);
            let moved = |by: usize| (0..bits).all(|place| second[place] == first[(place + by) % bits]);
            assert!(moved(0) || moved(1) || moved(bits - 1), "{example:?}");
        }
    }
}

#[test]
fn random_machines_and_rows_have_the_stated_spread() {
    let by_hand = ByHand::of(&random_dbm(&[60, 50], 2.0, 0.5, Stream::new(1)).unwrap());
    let spread = |values: &[f64]| values.iter().map(|x| x * x).sum::<f64>() / values.len() as f64;
    let weights = by_hand.weights[0].concat();
    assert_close("weights", spread(&weights), 4.0, 4.0 * 4.0 * (2.0 / weights.len() as f64).sqrt());
    let biases = by_hand.biases.concat();
    assert_close("biases", spread(&biases), 0.25, 4.0 * 0.25 * (2.0 / biases.len() as f64).sqrt());
    let flips = rows(&random_binary(40, 50, Stream::new(2)).unwrap()).concat();
    assert!(flips.iter().all(|&x| x == 0.0 || x == 1.0));
    assert_close("share that is on", flips.iter().sum::<f64>() / 2000.0, 0.5, 4.0 * 0.5 / 2000_f64.sqrt());
}
