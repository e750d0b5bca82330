//! Reductions over terms and over units.

use crate::support::{assert_close, tensor};
use dbm::math::{
    DType, Device, Tensor, differing, host, inner, largest_change, log_mean_exp, log_sum_exp, mean_of,
    mean_square_differences, norm, sum_units,
};

#[test]
fn log_sums_keep_infinities_and_never_hide_a_number_that_is_none() {
    assert_close("two", log_sum_exp(&[1.0, 2.0]), (1_f64.exp() + 2_f64.exp()).ln(), 1e-15);
    assert_close("large", log_sum_exp(&[1e4, 1e4]), 1e4 + 2_f64.ln(), 1e-11);
    assert_close("one", log_mean_exp(&[-3.0]), -3.0, 0.0);
    assert_close("mean", log_mean_exp(&[2_f64.ln(), 4_f64.ln()]), 3_f64.ln(), 1e-15);
    assert_close("impossible states do not count", log_sum_exp(&[f64::NEG_INFINITY, 1.5]), 1.5, 0.0);
    for (values, expected) in [
        (&[][..], f64::NEG_INFINITY),
        (&[f64::NEG_INFINITY; 2], f64::NEG_INFINITY),
        (&[f64::NEG_INFINITY, f64::INFINITY, 0.0], f64::INFINITY),
    ] {
        assert_close(&format!("{values:?}"), log_sum_exp(values), expected, 0.0);
    }
    for values in
        [&[f64::NAN][..], &[1.0, f64::NAN], &[f64::NAN, 1.0], &[f64::NAN, f64::INFINITY], &[f64::INFINITY, f64::NAN]]
    {
        assert!(log_sum_exp(values).is_nan(), "{values:?} gives {}", log_sum_exp(values));
    }
    assert_close("mean of three", mean_of(&[1.0, 2.0, 6.0]), 3.0, 1e-15);
}

#[test]
fn largest_change_is_taken_per_example_and_never_hides_a_number_that_is_none() {
    for (before, after) in
        [([0.1, 0.2, f64::NAN], [0.1; 3]), ([f64::NAN, 0.2, 0.3], [0.1; 3]), ([0.1; 3], [0.1, f64::NAN, 0.9])]
    {
        let change = largest_change(&tensor(&[before.to_vec()]), &tensor(&[after.to_vec()])).unwrap();
        assert!(change[0].is_nan(), "from {before:?} to {after:?}: {change:?}");
    }
    let change =
        largest_change(&tensor(&[vec![0.5, 0.25], vec![0.0, 1.0]]), &tensor(&[vec![0.75, 0.25], vec![0.0, 0.0]]));
    assert_eq!(change.unwrap(), [0.25, 1.0]);
}

#[test]
fn sums_and_inner_products_run_over_the_units_of_each_example() {
    let (left, right) = (tensor(&[vec![1.0, 2.0], vec![3.0, 4.0]]), tensor(&[vec![10.0, 1.0], vec![0.0, 5.0]]));
    assert_eq!(host(&sum_units(&left).unwrap()).unwrap(), [3.0, 7.0]);
    assert_eq!(host(&inner(&left, &right).unwrap()).unwrap(), [12.0, 20.0]);
    let one_row = tensor(&[vec![10.0, 1.0]]);
    assert_eq!(host(&inner(&left, &one_row).unwrap()).unwrap(), [12.0, 34.0], "one row for all examples");
    assert_eq!(mean_square_differences(&left, &right).unwrap(), [41.0, 5.0]);
    assert_eq!(differing(&left, &right, 3.0).unwrap(), 2.0);
}

#[test]
fn sums_over_units_lose_no_digit_of_terms_in_single_precision() {
    // A million and ten thousand hundredths: in single precision no hundredth changes a million by what it is.
    let terms = tensor(&[[vec![1e6], vec![0.01; 10_000]].concat()]).to_dtype(DType::F32).unwrap();
    let ones = terms.ones_like().unwrap();
    // The terms as single precision has them, added in double.
    let expected = 1e6 + 10_000.0 * f64::from(0.01_f32);
    for sum in [sum_units(&terms), inner(&terms, &ones), inner(&ones, &terms)] {
        let sum = sum.unwrap();
        assert_eq!(sum.dtype(), DType::F64);
        assert_close("sum", host(&sum).unwrap()[0], expected, 1e-7);
    }
    let terms = tensor(&[[vec![1e3], vec![0.01; 10_000]].concat()]).to_dtype(DType::F32).unwrap();
    let squares = 1e6 + 10_000.0 * f64::from(0.01_f32).powi(2);
    let zeros = terms.zeros_like().unwrap();
    assert_close("mean square", mean_square_differences(&terms, &zeros).unwrap()[0], squares / 10_001.0, 1e-9);
}

#[test]
fn a_norm_is_the_root_of_the_sum_of_squares_in_both_precisions() {
    for dtype in [DType::F32, DType::F64] {
        // More values than one thread sums, of one sign and the other; squares and sums of small integers are exact.
        let values: Vec<f64> = (0..10_000).map(|k| if k % 2 == 0 { 3.0 } else { -4.0 }).collect();
        let matrix = Tensor::from_vec(values, (100, 100), &Device::Cpu).unwrap().to_dtype(dtype).unwrap();
        assert_eq!(norm(&matrix).unwrap(), 125_000.0_f64.sqrt());
        let columns = matrix.narrow(1, 1, 2).unwrap();
        assert_eq!(norm(&columns).unwrap(), 2_500.0_f64.sqrt(), "a part that does not lie in one piece");
        assert!(norm(&(matrix * f64::NAN).unwrap()).unwrap().is_nan());
    }
}
