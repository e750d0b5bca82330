//! Centring: every unit is read as its distance from an offset, which conditions the likelihood better (Montavon & Müller 2012;
//! Melchior, Fischer & Wiskott 2016).
//!
//! ln p̃ = Σ_l b_l · (x_l - o_l) + Σ_l (x_l - o_l)ᵀ W_l (x_{l+1} - o_{l+1}) is the ordinary machine with other biases and another
//! constant, so p(v) is the same. Its gradient, told in the ordinary parameters: dW_l is the difference of the covariances about
//! the offsets, db_l = ⟨x_l⟩_data - ⟨x_l⟩_model - dW_l o_{l+1} - dW_{l-1}ᵀ o_{l-1}. The parameters stay the ordinary ones, so nothing has to be
//! told anew when offsets move.

use super::{DbmWithNetwork, Gradient, Joint, Measurements, SavedTensors, Trainer, Update};
use crate::math::{Layers, Result, Stream, Tensor, Term, bail};
use crate::models::Dbm;

/// A joint trainer with centred gradients.
#[derive(Clone, Copy, Debug)]
pub struct Centred<T> {
    /// What is centred.
    pub by: T,
    /// Share of a new mean of the data phase that the offsets take up at each update.
    pub rate: f64,
}

/// Where each unit is measured from. They follow the data phase; offsets that follow the model's means diverge.
#[derive(Clone, Debug)]
pub struct Offsets {
    /// `[n_l]` of every layer, visible first.
    pub layers: Layers,
    /// Share of a new mean that they take up.
    pub rate: f64,
}

impl Offsets {
    /// The means that the biases alone give: of the data, where the visible biases hold their base rates.
    pub fn from_biases(dbm: &Dbm, rate: f64) -> Result<Self> {
        let layers = dbm.units().iter().zip(dbm.biases()).map(|(kind, bias)| kind.mean(bias)).collect::<Result<_>>()?;
        Ok(Self { layers, rate })
    }

    /// Moved towards the means of the data phase, `[n_l]` each.
    pub fn follow(&self, means: &[Tensor]) -> Result<Self> {
        let step = |(old, mean): (&Tensor, &Tensor)| (old * (1.0 - self.rate))? + (mean * self.rate)?;
        Ok(Self { layers: self.layers.iter().zip(means).map(step).collect::<Result<_>>()?, rate: self.rate })
    }

    /// Every tensor under a stable name: `centring.rate` (one number), `centring.offset.{l}`.
    pub(super) fn named(&self) -> Result<Vec<(String, Tensor)>> {
        let offsets = self.layers.iter().enumerate().map(|(l, layer)| (format!("centring.offset.{l}"), layer.clone()));
        let mut named: Vec<_> = offsets.collect();
        if let Some(like) = self.layers.first() {
            named.push(("centring.rate".into(), Tensor::new(&[self.rate], like.device())?));
        }
        Ok(named)
    }

    /// The inverse of `named`; none where nothing was centred.
    pub(super) fn restore(dbm: &Dbm, tensors: &SavedTensors) -> Result<Option<Self>> {
        let Some(rate) = tensors.get("centring.rate") else { return Ok(None) };
        let pick = |(l, units)| super::parameters::saved(tensors, &format!("centring.offset.{l}"), &[units]);
        let layers = dbm.sizes().into_iter().enumerate().map(pick).collect::<Result<_>>()?;
        Ok(Some(Self { layers, rate: rate.to_vec1::<f64>()?[0] }))
    }
}

impl Gradient {
    /// The gradient of the machine centred at `offsets`, `[n_l]` each, from the ordinary one; both in ordinary parameters.
    pub fn centred(&self, offsets: &[Tensor]) -> Result<Self> {
        let product = |below: &Tensor, above: &Tensor| {
            Ok::<_, candle_core::Error>(Term::Outer {
                below: below.unsqueeze(0)?,
                above: above.unsqueeze(0)?,
                share: -1.0,
            })
        };
        let mut centred = self.clone();
        for (l, terms) in centred.weights.iter_mut().enumerate() {
            terms.push(product(&offsets[l], &self.biases[l + 1])?);
            terms.push(product(&self.biases[l], &offsets[l + 1])?);
            let matrix = Term::sum(terms)?;
            let downwards = matrix.matmul(&offsets[l + 1].unsqueeze(1)?)?.squeeze(1)?;
            let upwards = offsets[l].unsqueeze(0)?.matmul(&matrix)?.squeeze(0)?;
            centred.biases[l] = (&centred.biases[l] - downwards)?;
            centred.biases[l + 1] = (&centred.biases[l + 1] - upwards)?;
        }
        Ok(centred)
    }
}

impl<T: Trainer<State = Joint>> Trainer for Centred<T> {
    type State = Joint;

    fn init(&self, model: DbmWithNetwork, stream: Stream) -> Result<Joint> {
        if model.dbm.units()[0].precision().is_some() {
            bail!("centring is of units without noise of their own; centre Gaussian data beforehand");
        }
        let offsets = Some(Offsets::from_biases(&model.dbm, self.rate)?);
        Ok(Joint { offsets, ..self.by.init(model, stream)? })
    }

    fn step(&self, state: Joint, batch: &Tensor, update: Update) -> Result<(Joint, Measurements)> {
        self.by.step(state, batch, update)
    }
}
