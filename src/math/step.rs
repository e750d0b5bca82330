//! Steps: with momentum along sums of outer products, and Adam's.

use super::kernels::{self, Level, Outer, Panels, Step, adam, ascend, outer};
use super::weight::{Weight, panels, served, with_values};
use super::{Device, Result, Tensor, bail};

/// One term of a gradient or of expected statistics.
#[derive(Clone, Debug)]
pub enum Term {
    /// share · belowᵀ above, `[units below, units above]`, not multiplied out before someone asks; from `[rows, units]` each.
    Outer {
        /// The lower layer.
        below: Tensor,
        /// The upper layer.
        above: Tensor,
        /// What the product counts.
        share: f64,
    },
    /// A tensor of the parameter's shape.
    Dense(Tensor),
}

impl Term {
    /// The same, counted `factor` times.
    pub fn times(&self, factor: f64) -> Result<Self> {
        Ok(match self {
            Self::Outer { below, above, share } => {
                Self::Outer { below: below.clone(), above: above.clone(), share: share * factor }
            }
            Self::Dense(tensor) => Self::Dense((tensor * factor)?),
        })
    }

    /// The sum of terms of one parameter, multiplied out.
    pub fn sum(terms: &[Self]) -> Result<Tensor> {
        if let Some(products) = Products::of(terms)? {
            return Tensor::from_vec(outer(Level::best(), &products.outers()), &products.shape()[..], &Device::Cpu);
        }
        let mut tensors = terms.iter().map(|term| match term {
            Self::Outer { below, above, share } => below.t()?.matmul(above)? * *share,
            Self::Dense(tensor) => Ok(tensor.clone()),
        });
        let Some(first) = tensors.next() else { bail!("a sum of no terms has no shape") };
        tensors.try_fold(first?, |sum, term| sum + term?)
    }
}

/// How a step is made.
#[derive(Clone, Copy, Debug)]
pub struct Momentum {
    /// Share of the last Δ that is repeated.
    pub momentum: f64,
    /// Step size.
    pub rate: f64,
    /// Pull towards zero.
    pub decay: f64,
}

impl Momentum {
    /// Δ ← momentum Δ + rate (uphill - decay at), at ← at + Δ; the new `at` and the new Δ.
    pub fn step(self, at: &Tensor, last: &Tensor, uphill: &Tensor) -> Result<(Tensor, Tensor)> {
        let mut moves = ((last * self.momentum)? + (uphill * self.rate)?)?;
        if self.decay != 0.0 {
            moves = (moves - (at * (self.rate * self.decay))?)?;
        }
        Ok(((at + &moves)?, moves))
    }

    /// The same for a matrix, uphill along a sum of terms; in place where the kernels serve and nobody shares it.
    pub fn step_along(self, at: Weight, last: Weight, uphill: &[Term]) -> Result<(Weight, Weight)> {
        if at.blocks().is_some()
            && last.blocks().is_some()
            && let Some(products) = Products::of(uphill)?
            && at.dims() == products.shape()
            && last.dims() == products.shape()
        {
            return self.fused(at, last, &products);
        }
        let (at, moves) = self.step(&at.tensor()?, &last.tensor()?, &Term::sum(uphill)?)?;
        Ok((at.into(), moves.into()))
    }

    fn fused(self, at: Weight, last: Weight, products: &Products) -> Result<(Weight, Weight)> {
        let (Some(mut at), Some(mut last)) = (at.into_blocks(), last.into_blocks()) else {
            bail!("the kernels do not serve these weights")
        };
        let pull = (self.rate * self.decay) as f32;
        let by = Step { momentum: self.momentum as f32, rate: self.rate as f32, pull };
        ascend(Level::best(), &products.outers(), by, &mut at, &mut last);
        Ok((at.into(), last.into()))
    }
}

/// A step of Adam: m ← β₁ m + (1 - β₁) g, v ← β₂ v + (1 - β₂) g², θ ← θ + rate m / (√(unbias v) + ε).
#[derive(Clone, Copy, Debug)]
pub struct AdamStep {
    /// β₁ and β₂.
    pub kept: [f64; 2],
    /// Step size, with the correction of m for its start at zero.
    pub rate: f64,
    /// The correction of v for its start at zero.
    pub unbias: f64,
    /// ε.
    pub epsilon: f64,
}

impl AdamStep {
    /// The new θ, m and v.
    pub fn ascend(self, [at, first, second]: [&Tensor; 3], uphill: &Tensor) -> Result<[Tensor; 3]> {
        let [kept_first, kept_second] = self.kept;
        let all = [at, first, second, uphill];
        if all.iter().all(|tensor| served(tensor) && tensor.dims() == at.dims()) {
            return self.fused([at, first, second], uphill);
        }
        let first = ((first * kept_first)? + (uphill * (1.0 - kept_first))?)?;
        let second = ((second * kept_second)? + (uphill.sqr()? * (1.0 - kept_second))?)?;
        let scale = ((&second * self.unbias)?.sqrt()? + self.epsilon)?;
        Ok([(at + ((&first * self.rate)? / scale)?)?, first, second])
    }

    fn fused(self, state: [&Tensor; 3], uphill: &Tensor) -> Result<[Tensor; 3]> {
        let values = |tensor| with_values(tensor, <[f32]>::to_vec);
        let (mut at, mut first, mut second) = (values(state[0])?, values(state[1])?, values(state[2])?);
        let by = kernels::AdamStep {
            kept: self.kept.map(|kept| kept as f32),
            new: self.kept.map(|kept| (1.0 - kept) as f32),
            rate: self.rate as f32,
            unbias: self.unbias as f32,
            epsilon: self.epsilon as f32,
        };
        with_values(uphill, |uphill| adam(Level::best(), by, uphill, &mut at, &mut first, &mut second))?;
        let tensor = |values| Tensor::from_vec(values, state[0].shape(), &Device::Cpu);
        Ok([tensor(at)?, tensor(first)?, tensor(second)?])
    }
}

/// Outer products in the layout of the kernels.
struct Products(Vec<(Panels, Panels, f32)>);

impl Products {
    /// None where the kernels do not serve.
    fn of(terms: &[Term]) -> Result<Option<Self>> {
        let mut products = Vec::with_capacity(terms.len());
        for term in terms {
            match term {
                Term::Outer { below, above, share } if served(below) && served(above) => {
                    products.push((panels(below)?, panels(above)?, *share as f32));
                }
                _ => return Ok(None),
            }
        }
        let rows_agree = products.iter().all(|(below, above, _)| below.rows() == above.rows());
        let found = Self(products);
        let shape = found.shape();
        let shapes_agree = found.0.iter().all(|(below, above, _)| [below.columns(), above.columns()] == shape);
        Ok((rows_agree && shapes_agree && !found.0.is_empty()).then_some(found))
    }

    fn outers(&self) -> Vec<Outer<'_>> {
        self.0.iter().map(|(below, above, share)| Outer { below, above, share: *share }).collect()
    }

    fn shape(&self) -> [usize; 2] {
        self.0.first().map_or([0, 0], |(below, above, _)| [below.columns(), above.columns()])
    }
}
