//! Steps with momentum along sums of outer products.

use super::kernels::{self, Level, Outer, Panels, outer};
use super::weight::{panels, served, with_values};
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
    /// The same with the other sign.
    pub fn negated(&self) -> Result<Self> {
        Ok(match self {
            Self::Outer { below, above, share } => {
                Self::Outer { below: below.clone(), above: above.clone(), share: -share }
            }
            Self::Dense(tensor) => Self::Dense(tensor.neg()?),
        })
    }

    /// The sum of terms of one parameter, multiplied out.
    pub fn sum(terms: &[Self]) -> Result<Tensor> {
        if let Some(products) = Products::of(terms)? {
            return Tensor::from_vec(outer(Level::best(), &products.outers()), products.shape(), &Device::Cpu);
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

/// Δ ← momentum Δ + rate (uphill - decay at), at ← at + Δ; the new `at` and the new Δ. `uphill` is a sum of terms.
pub fn momentum_step(at: &Tensor, last: &Tensor, uphill: &[Term], by: Momentum) -> Result<(Tensor, Tensor)> {
    if let (true, true, Some(products)) = (served(at), served(last), Products::of(uphill)?) {
        let step =
            kernels::Step { momentum: by.momentum as f32, rate: by.rate as f32, pull: (by.rate * by.decay) as f32 };
        let outers = products.outers();
        let ascend = |at: &[f32], last: &[f32]| kernels::ascend(Level::best(), &outers, step, at, last);
        let (to, moves) = with_values(at, |at| with_values(last, |last| ascend(at, last)))??;
        let tensor = |values| Tensor::from_vec(values, at.shape(), &Device::Cpu);
        return Ok((tensor(to)?, tensor(moves)?));
    }
    let mut moves = ((last * by.momentum)? + (Term::sum(uphill)? * by.rate)?)?;
    if by.decay != 0.0 {
        moves = (moves - (at * (by.rate * by.decay))?)?;
    }
    Ok(((at + &moves)?, moves))
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
        Ok((rows_agree && !products.is_empty()).then_some(Self(products)))
    }

    fn outers(&self) -> Vec<Outer<'_>> {
        self.0.iter().map(|(below, above, share)| Outer { below, above, share: *share }).collect()
    }

    fn shape(&self) -> (usize, usize) {
        self.0.first().map_or((0, 0), |(below, above, _)| (below.columns(), above.columns()))
    }
}
