//! Reductions over terms and over units.

use crate::support::{assert_all_close, assert_close, tensor};
use dbm::math::{
    DType, Device, Stream, Tensor, differing, host, inner, larger, largest_change, log_mean_exp, log_sum_exp, mean_of,
    mean_square_differences, norm, smaller, sum_units, total_entropy_of_binary,
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
fn sums_in_one_pass_are_those_of_tensor_operations() {
    let draw = |seed, rows, units| Stream::new(seed).uniform(rows, units, DType::F64, &Device::Cpu).unwrap();
    // Units that do and do not fill a register, few and many rows, one row for all, and parts that do not lie in one piece.
    for (rows, others, units) in [(3, 3, 5), (1, 4, 8), (4, 1, 17), (200, 200, 203)] {
        let (left, right) =
            (draw(1, rows, units + 2).narrow(1, 1, units), draw(2, others, units + 1).narrow(1, 1, units));
        for dtype in [DType::F32, DType::F64] {
            let [left, right] = [&left, &right].map(|half| half.as_ref().unwrap().to_dtype(dtype).unwrap());
            let [wide_left, wide_right] = [&left, &right].map(|half| half.to_dtype(DType::F64).unwrap());
            let by_operations = |tensor: Tensor| host(&tensor.sum(1).unwrap()).unwrap();
            let products = by_operations(wide_left.broadcast_mul(&wide_right).unwrap());
            assert_all_close("inner", &host(&inner(&left, &right).unwrap()).unwrap(), &products, 1e-12);
            let sums = by_operations(wide_left.clone());
            assert_all_close("sum", &host(&sum_units(&left).unwrap()).unwrap(), &sums, 1e-12);
            if rows == others {
                let difference = (wide_left - wide_right).unwrap();
                let squares: Vec<f64> =
                    by_operations(difference.sqr().unwrap()).iter().map(|s| s / units as f64).collect();
                let found = mean_square_differences(&left, &right).unwrap();
                assert_all_close("mean square difference", &found, &squares, 1e-13);
                let far = by_operations(difference.abs().unwrap().ge(0.5).unwrap().to_dtype(DType::F64).unwrap());
                assert_eq!(differing(&left, &right, 0.5).unwrap(), far.iter().sum::<f64>());
                let changes = (&right - &left).unwrap().abs().unwrap().max(1).unwrap();
                assert_eq!(largest_change(&left, &right).unwrap(), host(&changes).unwrap());
            }
        }
    }
}

#[test]
fn sums_over_units_are_the_same_bits_for_any_number_of_threads() {
    let [left, right] = [3, 4].map(|seed| Stream::new(seed).uniform(300, 301, DType::F32, &Device::Cpu).unwrap());
    let of = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            let sums = [inner(&left, &right), total_entropy_of_binary(&left)].map(|sums| host(&sums.unwrap()).unwrap());
            let all = [norm(&left).unwrap(), differing(&left, &right, 0.5).unwrap()];
            [sums.concat(), mean_square_differences(&left, &right).unwrap(), all.to_vec()].concat()
        })
    };
    let alone = of(1);
    assert!([2, 3, 7].iter().all(|&threads| of(threads) == alone));
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

#[test]
fn the_larger_and_the_smaller_never_pass_over_a_number_that_is_none() {
    for (a, b) in [(1.0, f64::NAN), (f64::NAN, 1.0), (f64::NAN, f64::NEG_INFINITY)] {
        assert!(larger(a, b).is_nan() && smaller(a, b).is_nan());
    }
    assert_eq!([larger(-1.0, 2.0), smaller(-1.0, 2.0)], [2.0, -1.0]);
    assert!([1.0, f64::NAN, 3.0].into_iter().fold(0.0, larger).is_nan());
}
