//! The equations of Thouless, Anderson & Palmer (1977): mean field with the next orders of Plefka's (1982) expansion.
//!
//! G(m) = Σ_i [a_i m_i + H(m_i)] + Σ_{i<j} [W m_i m_j + ½ W² v_i v_j + ⅔ W³ u_i u_j], v = m - m², u = v (½ - m), up to the order
//! asked for; without triangles, as in a DBM, the third order is complete. Stationary where
//! m_i = σ(a_i + Σ_j [W_ij m_j - W_ij² (m_i - ½) v_j + ⅔ W_ij³ (½ - 3 m_i + 3 m_i²) u_j]). Order 1 is mean field.
//!
//! G approximates ln p̃(v) from either side: it is no bound, the means belong to no q, and at strong coupling the iteration may
//! settle nowhere.

use super::ascent::{Sweeping, until};
use super::{Inference, Stop, Trace};
use crate::math::{Layers, Nats, Result, Stream, Tensor, bail, double, host, inner, sigmoid};
use crate::models::{Couplings, LatentModel, Pairwise};
use crate::posterior::Factorial;
use crate::units::Kind;

/// Damped sweeps of the TAP equations, layer by layer.
#[derive(Clone, Debug)]
pub struct Tap<S> {
    /// Where the first means come from.
    pub start: S,
    /// 1, 2 or 3.
    pub order: usize,
    /// Share of the old mean that is kept, in [0, 1).
    pub damping: f64,
    /// For how long.
    pub stop: Stop,
}

/// What the equations say of each example. There is no q that has these means and this free energy.
#[derive(Clone, Debug)]
pub struct TapEstimate {
    /// Means of the hidden layers, `[examples, units]`, bottom first.
    pub means: Layers,
    /// G, an approximation of ln p̃(v) from either side, nats.
    pub free_energies: Nats,
    /// How it was reached; a traced run records G.
    pub trace: Trace,
}

impl<S> Tap<S> {
    /// The means and free energies of `visible` `[examples, visible]`; fails for units other than binary ones.
    pub fn estimate<M>(&self, model: &M, visible: &Tensor, stream: Stream) -> Result<TapEstimate>
    where
        M: LatentModel,
        M::Clamped: Pairwise,
        S: Inference<M, Posterior = Factorial>,
    {
        if !(1..=3).contains(&self.order) {
            bail!("TAP has order 1, 2 or 3, not {}", self.order);
        }
        let start = self.start.infer(model, visible, stream.named("start"))?.q;
        if !start.units().iter().all(|kind| kind.is_logistic()) {
            bail!("the TAP equations here are those of binary units");
        }
        let clamped = model.clamp(visible)?;
        let plan = Plan::new(&clamped.couplings(&start.inputs()[0])?, self.order, self.damping)?;
        let inputs = start.inputs().iter().map(double).collect::<Result<Layers>>()?;
        let means = inputs.iter().map(sigmoid).collect::<Result<_>>()?;
        let batch = Batch { plan: &plan, conditionals: clamped, own: plan.own.clone(), inputs, means };
        let settled = until(batch, self.stop)?;
        let layers = 0..plan.towards.len();
        let means = layers.map(|layer| settled.gather(|part| part.means[layer].to_dtype(visible.dtype())));
        Ok(TapEstimate {
            means: means.collect::<Result<_>>()?,
            free_energies: host(&settled.gather(Batch::free_energy)?)?,
            trace: settled.trace,
        })
    }
}

/// What a sweep needs, which is the same for all examples but for `own`.
struct Plan {
    units: Vec<Kind>,
    /// W, W², W³ as far as the order goes, from all units towards each layer, `[units, units of the layer]`.
    towards: Vec<Vec<Tensor>>,
    /// a, `[examples, units]`.
    own: Tensor,
    /// Where each layer begins, and its number of units.
    places: Vec<(usize, usize)>,
    damping: f64,
}

impl Plan {
    fn new(couplings: &Couplings, order: usize, damping: f64) -> Result<Self> {
        let Couplings { units, sizes, own, weights } = couplings;
        let powers = (1..=order).map(|power| weights.powf(power as f64)).collect::<Result<Vec<_>>>()?;
        let starts = sizes.iter().scan(0, |next, n| Some(std::mem::replace(next, *next + n)));
        let places: Vec<(usize, usize)> = starts.zip(sizes.iter().copied()).collect();
        let towards = |&(start, n): &(usize, usize)| {
            powers.iter().map(|power| power.narrow(1, start, n)?.contiguous()).collect::<Result<Vec<_>>>()
        };
        let towards = places.iter().map(towards).collect::<Result<_>>()?;
        Ok(Self { units: units.clone(), towards, own: own.clone(), places, damping })
    }
}

/// Examples on their way.
struct Batch<'a, C> {
    plan: &'a Plan,
    conditionals: C,
    own: Tensor,
    inputs: Layers,
    means: Layers,
}

/// v = m (1 - m).
fn variance(mean: &Tensor) -> Result<Tensor> {
    mean * (1.0 - mean)?
}

/// u = v (½ - m).
fn skew(mean: &Tensor) -> Result<Tensor> {
    variance(mean)? * (0.5 - mean)?
}

impl<C: Pairwise> Batch<'_, C> {
    /// What a layer receives at the newest means, `[examples, units]`.
    fn input(&self, layer: usize) -> Result<Tensor> {
        let (start, units) = self.plan.places[layer];
        let (all, mean) = (Tensor::cat(&self.means, 1)?, &self.means[layer]);
        let towards = &self.plan.towards[layer];
        let mut input = (self.own.narrow(1, start, units)? + all.matmul(&towards[0])?)?;
        if let Some(squares) = towards.get(1) {
            input = (input - (variance(&all)?.matmul(squares)? * (mean - 0.5)?)?)?;
        }
        if let Some(cubes) = towards.get(2) {
            let slope = ((variance(mean)? * -3.0)? + 0.5)?;
            input = (input + ((skew(&all)?.matmul(cubes)? * slope)? * (2.0 / 3.0))?)?;
        }
        Ok(input)
    }

    /// G of each example, `[examples]`, `f64`.
    fn free_energy(&self) -> Result<Tensor> {
        let all = Tensor::cat(&self.means, 1)?;
        let (variances, skews) = (variance(&all)?, skew(&all)?);
        let mut total = self.conditionals.log_joint(&self.means)?;
        for (layer, kind) in self.plan.units.iter().enumerate() {
            let (start, units) = self.plan.places[layer];
            total = (total + kind.total_entropy(&self.inputs[layer])?)?;
            // Every pair is met from both of its ends: half of ½ and half of ⅔.
            let corrections = self.plan.towards[layer].iter().skip(1).zip([(&variances, 0.25), (&skews, 1.0 / 3.0)]);
            for (power, (of_units, share)) in corrections {
                let own = of_units.narrow(1, start, units)?.contiguous()?;
                total = (total + (inner(&of_units.matmul(power)?, &own)? * share)?)?;
            }
        }
        Ok(total)
    }
}

impl<C: Pairwise> Sweeping for Batch<'_, C> {
    fn means(&self) -> &[Tensor] {
        &self.means
    }

    fn swept(mut self) -> Result<Self> {
        for (layer, kind) in self.plan.units.iter().enumerate() {
            let input = self.input(layer)?;
            self.inputs[layer] = match self.plan.damping {
                0.0 => input,
                share => kind.mix(&self.inputs[layer], &input, share)?,
            };
            self.means[layer] = kind.mean(&self.inputs[layer])?;
        }
        Ok(self)
    }

    fn select(&self, rows: &Tensor) -> Result<Self> {
        let pick = |layers: &[Tensor]| layers.iter().map(|layer| layer.index_select(rows, 0)).collect::<Result<_>>();
        Ok(Self {
            conditionals: self.conditionals.select(rows)?,
            own: self.own.index_select(rows, 0)?,
            inputs: pick(&self.inputs)?,
            means: pick(&self.means)?,
            ..*self
        })
    }

    fn objective(&self) -> Result<Nats> {
        host(&self.free_energy()?)
    }
}
