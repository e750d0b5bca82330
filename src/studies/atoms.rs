//! What atoms look like, in numbers: which planted ones they are, how localised and how oriented.

use crate::math::{Result, Tensor, host};
use crate::models::unit_columns;

/// |cos| of the angle between each planted atom (rows) and each learned one (columns), the learned ones in the order in which they
/// match: the closest pair first, no atom twice.
pub fn matched_cosines(planted: &Tensor, learned: &Tensor) -> Result<Vec<Vec<f64>>> {
    let cosines = unit_columns(planted)?.t()?.contiguous()?.matmul(&unit_columns(learned)?)?.abs()?.to_vec2::<f64>()?;
    let columns = cosines.first().map_or(0, Vec::len);
    let mut pairs: Vec<(usize, usize)> =
        (0..cosines.len()).flat_map(|row| (0..columns).map(move |column| (row, column))).collect();
    pairs.sort_by(|a, b| cosines[b.0][b.1].total_cmp(&cosines[a.0][a.1]));
    let mut partner = vec![None; cosines.len()];
    let mut taken = vec![false; columns];
    for (row, column) in pairs {
        if partner[row].is_none() && !taken[column] {
            (partner[row], taken[column]) = (Some(column), true);
        }
    }
    let order: Vec<usize> = partner.into_iter().flatten().collect();
    Ok(cosines.iter().map(|row| order.iter().map(|&column| row[column]).collect()).collect())
}

/// The shape of an atom that is a picture.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    /// Root mean square distance of its energy from the centre of its energy, pixels.
    pub spread: f64,
    /// How much its spatial frequencies, weighted by power, point one way: 0 all ways alike, 1 a grating. With the second moments M of
    /// the gradient (by Parseval those of the Fourier power) it is (λ₁ - λ₂) / (λ₁ + λ₂).
    pub coherence: f64,
}

/// The shape of each column of `atoms` `[side · side, atoms]`.
pub fn shapes(atoms: &Tensor, side: usize) -> Result<Vec<Shape>> {
    pictures(atoms)?
        .iter()
        .map(|picture| Ok(Shape { spread: spread(picture, side), coherence: coherence(picture, side) }))
        .collect()
}

/// Each column as a picture.
pub fn pictures(atoms: &Tensor) -> Result<Vec<Vec<f64>>> {
    let pixels = atoms.dim(0)?;
    Ok(host(&atoms.t()?.contiguous()?)?.chunks(pixels).map(<[f64]>::to_vec).collect())
}

/// Root mean square distance of a picture's energy from the centre of its energy, pixels; `side · side` values.
pub fn spread(picture: &[f64], side: usize) -> f64 {
    let energy = |at: usize| picture[at] * picture[at];
    let total: f64 = (0..picture.len()).map(energy).sum();
    let place = |at: usize| [(at / side) as f64, (at % side) as f64];
    let variance = |axis: usize| {
        let mean = (0..picture.len()).map(|at| energy(at) * place(at)[axis]).sum::<f64>() / total;
        (0..picture.len()).map(|at| energy(at) * (place(at)[axis] - mean).powi(2)).sum::<f64>() / total
    };
    (variance(0) + variance(1)).sqrt()
}

/// How much a picture's spatial frequencies point one way, as in [`Shape`].
pub fn coherence(picture: &[f64], side: usize) -> f64 {
    let [mut down, mut across, mut both] = [0.0; 3];
    for row in 0..side - 1 {
        for column in 0..side - 1 {
            let [here, below, beside, beyond] = [0, side, 1, side + 1].map(|by| picture[row * side + column + by]);
            // The gradient at the middle of four pixels.
            let (y, x) = (0.5 * (below + beyond - here - beside), 0.5 * (beside + beyond - here - below));
            (down, across, both) = (down + y * y, across + x * x, both + x * y);
        }
    }
    let total = down + across;
    if total > 0.0 { (down - across).hypot(2.0 * both) / total } else { 0.0 }
}
