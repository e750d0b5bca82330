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

fn spread(picture: &[f64], side: usize) -> f64 {
    let energy = |at: usize| picture[at] * picture[at];
    let total: f64 = (0..picture.len()).map(energy).sum();
    let place = |at: usize| [(at / side) as f64, (at % side) as f64];
    let variance = |axis: usize| {
        let mean = (0..picture.len()).map(|at| energy(at) * place(at)[axis]).sum::<f64>() / total;
        (0..picture.len()).map(|at| energy(at) * (place(at)[axis] - mean).powi(2)).sum::<f64>() / total
    };
    (variance(0) + variance(1)).sqrt()
}

fn coherence(picture: &[f64], side: usize) -> f64 {
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

#[cfg(test)]
mod tests {
    use super::{coherence, matched_cosines, spread};
    use crate::math::{Device, Tensor};

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
}
