//! Whitening and patches: covariance I where directions are kept, and pieces of pictures as they are.

use crate::algebra::normal;
use crate::support::{assert_all_close, assert_close};
use dbm::math::{DType, Device, Stream, Tensor, Whitening, host, patches, without_row_means};

/// Correlated examples with a mean of their own.
fn examples() -> Tensor {
    let mixed = normal(300, 6, 1).matmul(&normal(6, 6, 2)).unwrap();
    mixed.broadcast_add(&(normal(1, 6, 3) * 3.0).unwrap()).unwrap()
}

/// Covariance about the mean, row by row.
fn covariance(examples: &Tensor) -> Vec<f64> {
    let (count, units) = examples.dims2().unwrap();
    let rows = crate::support::rows(examples);
    let mean: Vec<f64> = (0..units).map(|unit| rows.iter().map(|row| row[unit]).sum::<f64>() / count as f64).collect();
    let entry = |i: usize, j: usize| rows.iter().map(|row| (row[i] - mean[i]) * (row[j] - mean[j])).sum::<f64>();
    (0..units * units).map(|at| entry(at / units, at % units) / count as f64).collect()
}

fn identity(n: usize) -> Vec<f64> {
    host(&Tensor::eye(n, DType::F64, &Device::Cpu).unwrap()).unwrap()
}

#[test]
fn whitened_examples_have_covariance_one_on_what_is_kept() {
    for kept in [1, 4, 6] {
        let whitening = Whitening::to_components(&examples(), kept).unwrap();
        let whitened = whitening.apply(&examples()).unwrap();
        assert_eq!(whitened.dims(), [300, kept]);
        assert_all_close("components", &covariance(&whitened), &identity(kept), 1e-10);

        let whitened = Whitening::in_place(&examples(), kept).unwrap().apply(&examples()).unwrap();
        let found = covariance(&whitened);
        let matrix = Tensor::from_slice(&found, (6, 6), &Device::Cpu).unwrap();
        let square = host(&matrix.matmul(&matrix).unwrap()).unwrap();
        assert_all_close("a projection", &square, &found, 1e-10);
        assert_close("onto so many directions", (0..6).map(|unit| found[7 * unit]).sum(), kept as f64, 1e-10);
    }
}

#[test]
fn undoing_gives_the_examples_back_but_for_what_was_left_out() {
    for make in [Whitening::to_components, Whitening::in_place] {
        let whitening = make(&examples(), 6).unwrap();
        let back = whitening.undo(&whitening.apply(&examples()).unwrap()).unwrap();
        assert_all_close("all kept", &host(&back).unwrap(), &host(&examples()).unwrap(), 1e-9);

        let whitening = make(&examples(), 3).unwrap();
        let whitened = whitening.apply(&examples()).unwrap();
        let back = whitening.undo(&whitened).unwrap();
        let again = whitening.apply(&back).unwrap();
        assert_all_close("what is kept stays", &host(&again).unwrap(), &host(&whitened).unwrap(), 1e-9);
        let lost = host(&(back - examples()).unwrap()).unwrap();
        assert!(lost.iter().any(|lost| lost.abs() > 0.01), "three directions are gone");
    }
}

#[test]
fn directions_in_which_examples_do_not_vary_cannot_be_kept() {
    let flat = Tensor::cat(&[examples(), Tensor::ones((300, 1), DType::F64, &Device::Cpu).unwrap()], 1).unwrap();
    assert!(Whitening::to_components(&flat, 6).is_ok());
    assert!(Whitening::to_components(&flat, 8).is_err() && Whitening::to_components(&flat, 0).is_err());
}

#[test]
fn a_patch_is_a_square_of_a_picture_as_it_is() {
    // Every pixel tells where it is from.
    let values: Vec<f64> = (0..2 * 5 * 7).map(f64::from).collect();
    let pictures = Tensor::from_vec(values, (2, 35), &Device::Cpu).unwrap();
    let cut = patches(&pictures, [5, 7], 3, 400, Stream::new(4)).unwrap();
    let mut corners = std::collections::BTreeMap::new();
    for patch in crate::support::rows(&cut) {
        for (index, value) in patch.iter().enumerate() {
            assert_close("pixel", *value, patch[0] + (7 * (index / 3) + index % 3) as f64, 0.0);
        }
        *corners.entry(patch[0] as usize).or_insert(0) += 1;
    }
    // 2 pictures, 3 rows and 5 columns to begin in, each about 13 times.
    assert_eq!(corners.len(), 30);
    assert!(corners.keys().all(|corner| corner % 35 / 7 < 3 && corner % 7 < 5));
    assert!(patches(&pictures, [5, 7], 6, 1, Stream::new(4)).is_err());
}

#[test]
fn rows_without_their_means_sum_to_zero() {
    let rows = without_row_means(&examples()).unwrap();
    assert_all_close("sums", &host(&rows.sum(1).unwrap()).unwrap(), &[0.0; 300], 1e-12);
}
