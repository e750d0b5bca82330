//! Learning a dictionary by turns: the best codes for the atoms, then the best atoms for the codes.
//!
//! J(H, W) = Σ λ ‖h‖₁ + (β/2) Σ ‖v - W h‖² (Goodfellow, Bengio & Courville 2016, equation 19.16) is convex in either alone. The atoms see
//! the codes only through A = Σ h hᵀ and B = Σ v hᵀ: with no constraint W A = B; with decay δ ‖W‖² W (A + (2δ/β) I) = B; with atoms
//! in the unit ball, column by column, W_j ← Π(W_j + (B_j - W A_j) / A_jj) (Mairal, Bach, Ponce & Sapiro 2009, algorithm 2), Π shortening
//! what is longer than 1. With neither, J sinks for ever: (H/a, aW) costs less for every larger a.

use crate::inference::{Coded, SolveCodes, Until};
use crate::math::{Result, Tensor, bail, host, solve_positive};
use crate::models::SparseCoding;

/// What keeps the atoms from growing.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Columns {
    /// Atoms no longer than 1; so many rounds over all atoms in one step.
    UnitBall {
        /// Rounds over the atoms.
        rounds: usize,
    },
    /// δ ‖W‖² is added to J.
    Decay(f64),
    /// Nothing.
    Free,
}

/// What a step of the atoms needs of examples and codes.
#[derive(Clone, Debug)]
pub struct Moments {
    /// A = Σ h hᵀ, `[atoms, atoms]`.
    pub codes_by_codes: Tensor,
    /// B = Σ v hᵀ, `[visible, atoms]`.
    pub visible_by_codes: Tensor,
}

impl Moments {
    /// Of `visible` `[examples, visible]` and their `codes` `[examples, atoms]`.
    pub fn of(visible: &Tensor, codes: &Tensor) -> Result<Self> {
        let by_codes = |left: &Tensor| left.t()?.contiguous()?.matmul(codes);
        Ok(Self { codes_by_codes: by_codes(codes)?, visible_by_codes: by_codes(visible)? })
    }

    /// With this share of what was seen `before`.
    pub fn and(&self, before: &Self, share: f64) -> Result<Self> {
        Ok(Self {
            codes_by_codes: (&self.codes_by_codes + (&before.codes_by_codes * share)?)?,
            visible_by_codes: (&self.visible_by_codes + (&before.visible_by_codes * share)?)?,
        })
    }
}

impl Columns {
    /// The best atoms for given codes; for the unit ball, better ones. Without constraint or decay every atom must be in use.
    pub fn step(&self, model: &SparseCoding, moments: &Moments) -> Result<SparseCoding> {
        let weight = match *self {
            Self::UnitBall { rounds } => in_the_unit_ball(model.weight(), moments, rounds)?,
            Self::Decay(decay) => least_squares(moments, 2.0 * decay / model.precision())?,
            Self::Free => least_squares(moments, 0.0)?,
        };
        model.with_weight(weight)
    }

    /// J, summed over examples, with the decay if there is one.
    pub fn objective(&self, model: &SparseCoding, visible: &Tensor, codes: &Tensor) -> Result<f64> {
        let total: f64 = model.objective(visible, codes)?.iter().sum();
        Ok(match *self {
            Self::Decay(decay) => total + decay * host(model.weight())?.iter().map(|entry| entry * entry).sum::<f64>(),
            Self::UnitBall { .. } | Self::Free => total,
        })
    }
}

/// B (A + ridge I)⁻¹.
fn least_squares(moments: &Moments, ridge: f64) -> Result<Tensor> {
    let grams = &moments.codes_by_codes;
    let identity = Tensor::eye(grams.dim(0)?, grams.dtype(), grams.device())?;
    let right = moments.visible_by_codes.t()?.contiguous()?;
    solve_positive(&(grams + (identity * ridge)?)?, &right)?.t()?.contiguous()
}

/// `rounds` rounds over the atoms; an atom that no code uses stays.
fn in_the_unit_ball(weight: &Tensor, moments: &Moments, rounds: usize) -> Result<Tensor> {
    let (visible, atoms) = weight.dims2()?;
    let by_atom = |matrix: &Tensor| host(&matrix.t()?.contiguous()?);
    let (mut columns, right) = (by_atom(weight)?, by_atom(&moments.visible_by_codes)?);
    let grams = host(&moments.codes_by_codes)?;
    for _ in 0..rounds {
        for atom in 0..atoms {
            let (uses, own) = (&grams[atom * atoms..(atom + 1) * atoms], atom * visible..(atom + 1) * visible);
            if uses[atom] <= 0.0 {
                continue;
            }
            let mut rest = right[own.clone()].to_vec();
            for (use_, column) in uses.iter().zip(columns.chunks_exact(visible)).filter(|(use_, _)| **use_ != 0.0) {
                rest.iter_mut().zip(column).for_each(|(rest, entry)| *rest -= use_ * entry);
            }
            let column = &mut columns[own];
            column.iter_mut().zip(rest).for_each(|(entry, rest)| *entry += rest / uses[atom]);
            let length = column.iter().map(|entry| entry * entry).sum::<f64>().sqrt();
            if length > 1.0 {
                column.iter_mut().for_each(|entry| *entry /= length);
            }
        }
    }
    let rows = Tensor::from_vec(columns, (atoms, visible), weight.device())?;
    rows.t()?.contiguous()?.to_dtype(weight.dtype())
}

/// The two steps by turns.
#[derive(Clone, Copy, Debug)]
pub struct DictionaryLearning<S> {
    /// What finds codes.
    pub solver: S,
    /// For how long.
    pub until: Until,
    /// What keeps the atoms from growing.
    pub columns: Columns,
}

/// A dictionary on the way, and the codes it was last given.
#[derive(Clone, Debug)]
pub struct Learned {
    /// The dictionary so far.
    pub model: SparseCoding,
    /// Codes of all examples, `[examples, atoms]`, or of the last batch.
    pub codes: Tensor,
    /// J after each half step, codes then atoms, summed over examples.
    pub objectives: Vec<f64>,
}

/// A dictionary that is shown batches, and what it keeps of those it has seen.
#[derive(Clone, Debug)]
pub struct Online {
    /// The dictionary so far.
    pub model: SparseCoding,
    /// What older batches left.
    pub moments: Option<Moments>,
}

impl<S: SolveCodes> DictionaryLearning<S> {
    /// `rounds` rounds on all of `visible` `[examples, visible]`; codes start where the last round left them, or from zero.
    pub fn learn(&self, model: &SparseCoding, visible: &Tensor, rounds: usize) -> Result<Learned> {
        let (mut model, mut objectives, mut codes) = (model.clone(), Vec::with_capacity(2 * rounds), None::<Tensor>);
        for _ in 0..rounds {
            let found = self.solver.solve(&model.clamp(visible)?, codes.as_ref(), self.until)?.codes;
            objectives.push(self.columns.objective(&model, visible, &found)?);
            model = self.columns.step(&model, &Moments::of(visible, &found)?)?;
            objectives.push(self.columns.objective(&model, visible, &found)?);
            codes = Some(found);
        }
        match codes {
            Some(codes) => Ok(Learned { model, codes, objectives }),
            None => bail!("at least one round has to be made"),
        }
    }

    /// One update on `batch` `[examples, visible]`: older moments count `share` of what they did, batch by batch (Mairal, Bach,
    /// Ponce & Sapiro 2009, algorithm 1).
    pub fn update(&self, state: Online, batch: &Tensor, share: f64) -> Result<(Online, Coded)> {
        let coded = self.solver.infer(&state.model, batch, self.until)?;
        let fresh = Moments::of(batch, &coded.codes)?;
        let moments = match &state.moments {
            Some(before) => fresh.and(before, share)?,
            None => fresh,
        };
        let model = self.columns.step(&state.model, &moments)?;
        Ok((Online { model, moments: Some(moments) }, coded))
    }
}
