//! What the numbers of atoms say of atoms whose look is known.

use dbm::math::{Device, Tensor};
use dbm::studies::atoms::{coherence, matched_cosines, spread};

#[test]
fn a_grating_points_one_way_and_a_round_blob_does_not() {
    const SIDE: usize = 9;
    let picture = |of: fn(f64, f64) -> f64| -> Vec<f64> {
        (0..SIDE * SIDE).map(|at| of((at / SIDE) as f64 - 4.0, (at % SIDE) as f64 - 4.0)).collect()
    };
    assert!(coherence(&picture(|y, x| (0.7 * y + 0.4 * x).sin()), SIDE) > 0.99);
    let blob = picture(|y, x| (-0.5 * (x * x + y * y)).exp());
    assert!(coherence(&blob, SIDE) < 1e-10);
    // Its energy has variance 1/2 along each axis, but for the pixels being few.
    assert!((spread(&blob, SIDE) - 1.0).abs() < 5e-3);
    let even = picture(|_, _| 1.0);
    assert!((spread(&even, SIDE) - ((SIDE * SIDE - 1) as f64 / 6.0).sqrt()).abs() < 1e-12);
}

#[test]
fn no_learned_atom_matches_two_planted_ones() {
    let planted = Tensor::new(&[[1.0, 0.8], [0.0, 0.6]], &Device::Cpu).unwrap();
    // One atom near both, of either sign, and one that is near neither.
    let learned = Tensor::new(&[[0.0, -2.0], [3.0, -0.2]], &Device::Cpu).unwrap();
    let cosines = matched_cosines(&planted, &learned).unwrap();
    assert!(cosines[0][0] > 0.99 && cosines[1][1] > 0.59 && cosines[1][1] < 0.61);
    assert!(cosines[1][0] > 0.85, "the first learned atom is near the second planted one too");
}
