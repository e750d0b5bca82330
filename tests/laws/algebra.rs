//! Linear systems, eigenvalues and determinants: what comes back is put into its own equation.

use crate::support::{assert_all_close, assert_close};
use dbm::math::{
    DType, Device, Stream, Tensor, eigen_symmetric, host, log_determinant_positive, solve_positive,
    spectral_norm_squared,
};

/// Normal draws `[rows, columns]`.
pub fn normal(rows: usize, columns: usize, seed: u64) -> Tensor {
    Stream::new(seed).normal(rows, columns, DType::F64, &Device::Cpu).unwrap()
}

fn product(left: &Tensor, right: &Tensor) -> Tensor {
    left.matmul(right).unwrap()
}

fn transposed(matrix: &Tensor) -> Tensor {
    matrix.t().unwrap().contiguous().unwrap()
}

/// A positive definite matrix `[n, n]`.
fn positive(n: usize, seed: u64) -> Tensor {
    let root = normal(n, n + 2, seed);
    product(&root, &transposed(&root))
}

#[test]
fn the_solution_of_a_system_satisfies_it() {
    for (n, k) in [(1, 1), (3, 1), (7, 4), (40, 9)] {
        let (matrix, right) = (positive(n, 1), normal(n, k, 2));
        let solution = solve_positive(&matrix, &right).unwrap();
        assert_eq!(solution.dims(), [n, k]);
        let back = host(&product(&matrix, &solution)).unwrap();
        assert_all_close(&format!("{n} x {k}"), &back, &host(&right).unwrap(), 1e-9);
    }
}

#[test]
fn eigenvectors_are_stretched_by_their_eigenvalues_and_orthonormal() {
    for n in [1, 2, 5, 30] {
        let noise = normal(n, n, 3);
        let matrix = (&noise + transposed(&noise)).unwrap();
        let (values, vectors) = eigen_symmetric(&matrix).unwrap();
        assert!(values.windows(2).all(|pair| pair[0] <= pair[1]), "not ascending: {values:?}");
        let row = Tensor::new(values.as_slice(), &Device::Cpu).unwrap();
        let stretched = host(&vectors.broadcast_mul(&row).unwrap()).unwrap();
        assert_all_close("A U", &host(&product(&matrix, &vectors)).unwrap(), &stretched, 1e-11);
        let gram = host(&product(&transposed(&vectors), &vectors)).unwrap();
        let identity = host(&Tensor::eye(n, DType::F64, &Device::Cpu).unwrap()).unwrap();
        assert_all_close("U'U", &gram, &identity, 1e-12);
    }
}

#[test]
fn the_spectral_norm_is_reached_and_not_passed() {
    for (rows, columns) in [(1, 1), (3, 8), (8, 3), (20, 20)] {
        let matrix = normal(rows, columns, 4);
        let norm = spectral_norm_squared(&matrix).unwrap();
        let (values, vectors) = eigen_symmetric(&product(&transposed(&matrix), &matrix)).unwrap();
        assert_close("largest eigenvalue", norm, values[columns - 1], 1e-11 * norm);
        let stretched = product(&matrix, &vectors.narrow(1, columns - 1, 1).unwrap());
        let reached: f64 = host(&stretched).unwrap().iter().map(|x| x * x).sum();
        assert_close("reached", reached, norm, 1e-11 * norm);
        let anywhere = normal(columns, 1, 5);
        let square = |t: &Tensor| host(t).unwrap().iter().map(|x| x * x).sum::<f64>();
        assert!(square(&product(&matrix, &anywhere)) <= norm * square(&anywhere) * (1.0 + 1e-12));
    }
}

#[test]
fn the_log_determinant_is_the_sum_of_the_logarithms_of_the_eigenvalues() {
    for n in [1, 2, 6, 25] {
        let matrix = positive(n, 6);
        let (values, _) = eigen_symmetric(&matrix).unwrap();
        let expected: f64 = values.iter().map(|value| value.ln()).sum();
        assert_close(&format!("{n}"), log_determinant_positive(&matrix).unwrap(), expected, 1e-9);
    }
}

#[test]
fn matrices_that_are_not_positive_definite_or_no_numbers_are_refused() {
    let singular = Tensor::new(&[[1.0, 1.0], [1.0, 1.0]], &Device::Cpu).unwrap();
    let oblong = normal(2, 3, 7);
    let none = Tensor::new(&[[1.0, f64::NAN], [0.0, 1.0]], &Device::Cpu).unwrap();
    for (matrix, reason) in [(&singular, "not positive definite"), (&oblong, "square"), (&none, "finite")] {
        let error = solve_positive(matrix, &normal(2, 1, 8)).unwrap_err().to_string();
        assert!(error.contains(reason), "{error}");
        assert!(log_determinant_positive(matrix).is_err());
    }
    assert!(eigen_symmetric(&oblong).is_err() && eigen_symmetric(&none).is_err());
    assert!(solve_positive(&positive(3, 9), &normal(2, 1, 8)).is_err(), "3 equations, 2 right sides");
}
