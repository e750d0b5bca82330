//! Linear systems, eigenvalues and determinants of small dense matrices, in `f64` on the host.
//!
//! A positive definite A = L Lᵀ (Cholesky) gives A⁻¹ B by two triangular systems and ln det A = 2 Σ ln L_ii. A symmetric
//! A = U diag(λ) Uᵀ. Answers have the type and the device of the tensor they are made of.

use super::{DType, Nats, Result, Tensor, bail, host};
use nalgebra::{Cholesky, DMatrix, Dyn, SymmetricEigen};

/// X with A X = B, for a symmetric positive definite A `[n, n]` and B `[n, k]`. An error if A is not positive definite.
pub fn solve_positive(matrix: &Tensor, right: &Tensor) -> Result<Tensor> {
    let factor = cholesky(matrix)?;
    let (rows, columns) = right.dims2()?;
    if rows != matrix.dim(0)? {
        bail!("a system of {} equations has {rows} right sides", matrix.dim(0)?);
    }
    let right_side = DMatrix::from_row_slice(rows, columns, &host(right)?);
    tensor(&factor.solve(&right_side), right)
}

/// Eigenvalues in ascending order and eigenvectors, the columns `[n, n]`, of a symmetric matrix `[n, n]`. Each vector's
/// largest component is positive, so that the answer is unique where the eigenvalues differ.
pub fn eigen_symmetric(matrix: &Tensor) -> Result<(Nats, Tensor)> {
    let SymmetricEigen { eigenvalues, eigenvectors } = SymmetricEigen::new(square(matrix)?);
    let mut order: Vec<usize> = (0..eigenvalues.len()).collect();
    order.sort_by(|&a, &b| eigenvalues[a].total_cmp(&eigenvalues[b]));
    let mut vectors = eigenvectors.select_columns(&order);
    for mut column in vectors.column_iter_mut() {
        if column[column.icamax()] < 0.0 {
            column.neg_mut();
        }
    }
    Ok((order.iter().map(|&index| eigenvalues[index]).collect(), tensor(&vectors, matrix)?))
}

/// Largest eigenvalue of WᵀW, the square of the largest singular value of W `[rows, columns]`.
pub fn spectral_norm_squared(matrix: &Tensor) -> Result<f64> {
    let (rows, columns) = matrix.dims2()?;
    let matrix = matrix.to_dtype(DType::F64)?;
    // The smaller of the two products has the same largest eigenvalue.
    let gram = if rows < columns { matrix.matmul(&matrix.t()?)? } else { matrix.t()?.matmul(&matrix)? };
    Ok(square(&gram)?.symmetric_eigenvalues().max())
}

/// ln det A of a symmetric positive definite A `[n, n]`. An error if A is not positive definite.
pub fn log_determinant_positive(matrix: &Tensor) -> Result<f64> {
    Ok(2.0 * cholesky(matrix)?.l_dirty().diagonal().iter().map(|entry| entry.ln()).sum::<f64>())
}

/// L `[n, n]`, lower triangular with a positive diagonal, where A = L Lᵀ. An error if A is not positive definite.
pub fn cholesky_factor(matrix: &Tensor) -> Result<Tensor> {
    tensor(&cholesky(matrix)?.l(), matrix)
}

fn cholesky(matrix: &Tensor) -> Result<Cholesky<f64, Dyn>> {
    match Cholesky::new(square(matrix)?) {
        Some(factor) => Ok(factor),
        None => bail!("a matrix of {0} x {0} is not positive definite", matrix.dim(0)?),
    }
}

/// A matrix of as many rows as columns whose values are numbers: decompositions of others need not end.
fn square(matrix: &Tensor) -> Result<DMatrix<f64>> {
    let (rows, columns) = matrix.dims2()?;
    let values = host(matrix)?;
    if rows != columns || values.iter().any(|value| !value.is_finite()) {
        bail!("a square matrix of finite values is asked for; this one is {rows} x {columns}");
    }
    Ok(DMatrix::from_row_slice(rows, columns, &values))
}

/// A matrix as a tensor of the type and on the device of `like`.
fn tensor(matrix: &DMatrix<f64>, like: &Tensor) -> Result<Tensor> {
    // Columns of the matrix lie together in memory; rows of the tensor do.
    let values = matrix.transpose().as_slice().to_vec();
    Tensor::from_vec(values, matrix.shape(), like.device())?.to_dtype(like.dtype())
}
