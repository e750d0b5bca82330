//! Multi-prediction training of a deep Boltzmann machine (Goodfellow, Mirza, Courville & Bengio 2013): mean field, unrolled for a few
//! sweeps, is taught to predict any part of an example from the rest.
//!
//! Of each example a random share of the visible units is hidden. Mean field infers them jointly with the hidden layers from those
//! that are seen; the loss is the cross-entropy of what it says of them, -Σ_{i missing} ln q(v_i), and its gradient is taken through
//! every sweep by reverse accumulation. It needs no chains, no log Z and no pre-training, and climbs no bound on ln p(v).
//!
//! Missing units and hidden layers start where what is seen alone would have them ([`Rest::start`]); a sweep reads the visible units
//! and then every hidden layer, bottom first; the prediction is one more reading of the visible units.
//!
//! [`Rest::start`]: crate::models::Rest::start

use super::{
    Ascent, AscentState, DbmWithNetwork, Gradient, Measurements, Parameters, Part, SavedTensors, State, Trainer, Update,
};
use crate::math::{
    Layers, Nats, Result, Stream, Tensor, Term, bail, host, ln_one_plus_exp, mean_of, sigmoid, sum_units,
};
use crate::models::Dbm;

/// Predicts what is missing from what is seen.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MultiPrediction {
    /// Mean-field sweeps that are unrolled.
    pub sweeps: usize,
    /// Probability that a visible unit is missing.
    pub drop: f64,
    /// How the machine follows the gradient.
    pub ascent: Ascent,
}

/// The machine so far, its network, which rests, and what the way up remembers.
#[derive(Clone, Debug)]
pub struct Predicting {
    /// What is trained.
    pub model: DbmWithNetwork,
    /// Last moves, or running means.
    pub ascent: AscentState,
}

/// What mean field says of missing units.
pub struct Predicted {
    /// Inputs of all visible units at the last reading, `[examples, visible]`; those of units that are seen are of no account.
    pub inputs: Tensor,
    /// Sum over the missing units of -ln q(v_i), `[examples]`, nats.
    pub losses: Nats,
    first: Layers,
    tape: Vec<Read>,
    states: Layers,
}

/// One reading of a layer: what it read, and what it read off.
struct Read {
    layer: usize,
    below: Option<Tensor>,
    above: Option<Tensor>,
    state: Tensor,
}

/// Examples, and 1 where a unit is seen; both `[examples, visible]`.
struct Seen<'a> {
    visible: &'a Tensor,
    mask: &'a Tensor,
}

impl Seen<'_> {
    /// What is seen, and zero elsewhere.
    fn part(&self) -> Result<Tensor> {
        self.visible * self.mask
    }

    /// The visible layer: what is seen as it is, and of the rest these means.
    fn completed(&self, means: &Tensor) -> Result<Tensor> {
        self.part()? + (means * (1.0 - self.mask)?)?
    }
}

/// The prediction after so many sweeps of the units of `visible` that `mask` (1 = seen, 0 = missing) does not show; both
/// `[examples, visible]`. Fails for units that are not binary.
pub fn predict(dbm: &Dbm, visible: &Tensor, mask: &Tensor, sweeps: usize) -> Result<Predicted> {
    if !dbm.units().iter().all(|kind| kind.is_logistic()) {
        bail!("multi-prediction is of machines of binary units");
    }
    let seen = Seen { visible, mask };
    let first = start(dbm, &seen)?;
    let (mut states, mut tape) = (first.clone(), Vec::new());
    for _ in 0..sweeps {
        for layer in 0..=dbm.depth() {
            let mean = sigmoid(&input(dbm, &states, layer)?)?;
            let state = if layer == 0 { seen.completed(&mean)? } else { mean };
            let below = layer.checked_sub(1).map(|below| states[below].clone());
            tape.push(Read { layer, below, above: states.get(layer + 1).cloned(), state: state.clone() });
            states[layer] = state;
        }
    }
    let inputs = input(dbm, &states, 0)?;
    let missing = (1.0 - mask)?;
    let losses = sum_units(&((ln_one_plus_exp(&inputs)? - (&inputs * visible)?)? * missing)?)?;
    Ok(Predicted { inputs, losses: host(&losses)?, first, tape, states })
}

/// Bias and what the neighbours send, `[examples, units]`.
fn input(dbm: &Dbm, states: &[Tensor], layer: usize) -> Result<Tensor> {
    let (weights, bias) = (dbm.weights(), &dbm.biases()[layer]);
    let above = states.get(layer + 1).map(|above| weights[layer].inputs_below(above, 1.0, bias)).transpose()?;
    match (layer.checked_sub(1), above) {
        (Some(below), Some(above)) => weights[below].up(&states[below])? + above,
        (Some(below), None) => weights[below].inputs_above(&states[below], 1.0, bias),
        (None, Some(above)) => Ok(above),
        (None, None) => bail!("a machine has at least one hidden layer"),
    }
}

/// Every unit as what is seen alone would have it.
fn start(dbm: &Dbm, seen: &Seen) -> Result<Layers> {
    let examples = seen.visible.dim(0)?;
    let rows = |bias: &Tensor| bias.unsqueeze(0)?.broadcast_as((examples, bias.elem_count()))?.contiguous();
    let mut states = dbm.biases().iter().map(|bias| sigmoid(&rows(bias)?)).collect::<Result<Layers>>()?;
    states[0] = seen.completed(&states[0])?;
    states[1] = sigmoid(&dbm.weights()[0].inputs_above(&seen.part()?, 1.0, &dbm.biases()[1])?)?;
    Ok(states)
}

/// What the gradient has of every parameter, and what the loss wants of every state.
struct Backwards<'a> {
    dbm: &'a Dbm,
    share: f64,
    weights: Vec<Vec<Term>>,
    biases: Vec<Tensor>,
    wanted: Vec<Option<Tensor>>,
}

impl Backwards<'_> {
    /// Passes on what a reading's input is wanted to do, `[examples, units]`, to its parameters and to what was read.
    fn pass(&mut self, layer: usize, slope: &Tensor, below: Option<&Tensor>, above: Option<&Tensor>) -> Result<()> {
        self.biases[layer] = (&self.biases[layer] + (slope.sum(0)? * self.share)?)?;
        if let (Some(lower), Some(below)) = (layer.checked_sub(1), below) {
            let (below, above, share) = (below.clone(), slope.clone(), self.share);
            self.weights[lower].push(Term::Outer { below, above, share });
            self.want(lower, self.dbm.weights()[lower].down(slope)?)?;
        }
        if let Some(above) = above {
            let (below, above, share) = (slope.clone(), above.clone(), self.share);
            self.weights[layer].push(Term::Outer { below, above, share });
            self.want(layer + 1, self.dbm.weights()[layer].up(slope)?)?;
        }
        Ok(())
    }

    fn want(&mut self, layer: usize, more: Tensor) -> Result<()> {
        self.wanted[layer] = Some(match self.wanted[layer].take() {
            Some(wanted) => (wanted + more)?,
            None => more,
        });
        Ok(())
    }

    /// What the input of a layer is wanted to do, whose state does not count before this reading; none if nobody read it.
    fn slope(&mut self, layer: usize, state: &Tensor, free: Option<&Tensor>) -> Result<Option<Tensor>> {
        let Some(wanted) = self.wanted[layer].take() else { return Ok(None) };
        let slope = ((wanted * state)? * (1.0 - state)?)?;
        free.map_or(Ok(slope.clone()), |free| slope * free).map(Some)
    }
}

/// The prediction, and the slope of minus its mean loss in every parameter: the way up.
pub fn multi_prediction_gradient(
    dbm: &Dbm,
    visible: &Tensor,
    mask: &Tensor,
    sweeps: usize,
) -> Result<(Predicted, Gradient)> {
    let predicted = predict(dbm, visible, mask, sweeps)?;
    let (seen, free) = (Seen { visible, mask }, (1.0 - mask)?);
    let mut back = Backwards {
        dbm,
        share: 1.0 / visible.dim(0)? as f64,
        weights: vec![Vec::new(); dbm.depth()],
        biases: dbm.biases().iter().map(Tensor::zeros_like).collect::<Result<_>>()?,
        wanted: vec![None; dbm.depth() + 1],
    };
    let slope = ((visible - sigmoid(&predicted.inputs)?)? * &free)?;
    back.pass(0, &slope, None, predicted.states.get(1))?;
    for Read { layer, below, above, state } in predicted.tape.iter().rev() {
        if let Some(slope) = back.slope(*layer, state, (*layer == 0).then_some(&free))? {
            back.pass(*layer, &slope, below.as_ref(), above.as_ref())?;
        }
    }
    // The start reads biases, and its first hidden layer what is seen.
    for (layer, state) in predicted.first.iter().enumerate() {
        let Some(slope) = back.slope(layer, state, (layer == 0).then_some(&free))? else { continue };
        back.biases[layer] = (&back.biases[layer] + (slope.sum(0)? * back.share)?)?;
        if layer == 1 {
            back.weights[0].push(Term::Outer { below: seen.part()?, above: slope, share: back.share });
        }
    }
    for (terms, weight) in back.weights.iter_mut().zip(dbm.weights()).filter(|(terms, _)| terms.is_empty()) {
        terms.push(Term::Dense(weight.tensor()?.zeros_like()?));
    }
    Ok((predicted, Gradient { weights: back.weights, biases: back.biases }))
}

impl Trainer for MultiPrediction {
    type State = Predicting;

    fn init(&self, model: DbmWithNetwork, _: Stream) -> Result<Predicting> {
        let ascent = self.ascent.begin(&Parameters::of_dbm(&model.dbm))?;
        Ok(Predicting { model, ascent })
    }

    fn step(&self, state: Predicting, batch: &Tensor, update: Update) -> Result<(Predicting, Measurements)> {
        update.begins(Part::Gradient);
        let Predicting { model: DbmWithNetwork { dbm, network }, ascent } = state;
        let (examples, units) = batch.dims2()?;
        let draws = update.stream.named("missing").uniform(examples, units, batch.dtype(), batch.device())?;
        let mask = draws.ge(self.drop)?.to_dtype(batch.dtype())?;
        let (predicted, uphill) = multi_prediction_gradient(&dbm, batch, &mask, self.sweeps)?;
        let mut measurements = Measurements::default();
        if update.measured {
            update.begins(Part::Measurements);
            let missing = host(&(1.0 - &mask)?)?.iter().sum::<f64>().max(1.0);
            measurements.add_reconstruction(
                batch,
                &Seen { visible: batch, mask: &mask }.completed(&sigmoid(&predicted.inputs)?)?,
            )?;
            measurements.add("prediction_loss_nats_mean", mean_of(&predicted.losses));
            measurements.add("prediction_loss_of_unit_nats_mean", predicted.losses.iter().sum::<f64>() / missing);
            measurements.add_norms("", &Parameters::of_dbm(&dbm), &uphill, 0)?;
        }
        // What the tape shares with the parameters would have to be copied before they can move.
        drop(predicted);
        update.begins(Part::Gradient);
        let (units, weights, biases) = dbm.into_parts();
        let (to, ascent) = self.ascent.step(Parameters { weights, biases }, ascent, &uphill, update.learning_rate)?;
        let dbm = Dbm::new(units, to.weights, to.biases)?;
        Ok((Predicting { model: DbmWithNetwork { dbm, network }, ascent }, measurements))
    }
}

impl State for Predicting {
    type Model = DbmWithNetwork;

    fn model(&self) -> Result<DbmWithNetwork> {
        Ok(self.model.clone())
    }

    /// `multi_prediction.*`: the last moves, or the running means of Adam.
    fn tensors(&self) -> Result<Vec<(String, Tensor)>> {
        self.ascent.named("multi_prediction")
    }

    fn restore(model: DbmWithNetwork, tensors: &SavedTensors) -> Result<Self> {
        let ascent = AscentState::restore(&Parameters::of_dbm(&model.dbm), "multi_prediction", tensors)?;
        Ok(Self { model, ascent })
    }
}
