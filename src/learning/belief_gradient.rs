//! Gradients of a sigmoid belief net and of its recognition net, both of which know all states once they are sampled.
//!
//! For a unit of state x and input a, ln p(x | a) = x a - ln(1 + e^a) has the slope x - σ(a); so the gradient of a weight matrix is the
//! slope of the layer it sends to, times the states of the layer it comes from (Hinton, Dayan, Frey & Neal 1995, equations 5 and 7).

use super::Gradient;
use crate::inference::{Recognition, repeat_rows};
use crate::math::{Layers, Nats, Result, Tensor, Term, double, mean_over_examples};
use crate::models::BeliefNet;
use crate::posterior::Table;
use crate::units::{Binary, Units};

/// How much each row of states counts.
#[derive(Clone, Debug)]
pub enum RowWeights {
    /// All alike: means over rows.
    Equal,
    /// By these weights `[rows, 1]`: sums over rows.
    Given(Tensor),
}

impl RowWeights {
    /// The slopes of ln p(state | input) of each row, weighted where the weights differ, and what is left to multiply sums by.
    fn slopes(&self, states: &Tensor, input: &Tensor) -> Result<(Tensor, f64)> {
        let slopes = states.broadcast_sub(&Binary.mean(input)?)?;
        Ok(match self {
            Self::Equal => (slopes, 1.0 / states.dim(0)? as f64),
            Self::Given(weights) => (slopes.broadcast_mul(weights)?, 1.0),
        })
    }
}

/// Sum of slopes over rows, times `share`.
fn of_bias(slopes: &Tensor, share: f64) -> Result<Tensor> {
    mean_over_examples(slopes)? * (share * slopes.dim(0)? as f64)
}

/// Gradient of the weighted ln p(v, h) with respect to the parameters of `net`, from the states of all layers `[rows, n_l]`, visible
/// first, and the inputs of `net` at them.
pub fn log_joint_gradient(
    net: &BeliefNet,
    states: &[Tensor],
    inputs: &[Tensor],
    weights: &RowWeights,
) -> Result<Gradient> {
    let mut gradient = Gradient { weights: Vec::new(), biases: Vec::new() };
    for l in 0..=net.depth() {
        let (slopes, share) = weights.slopes(&states[l], &inputs[l])?;
        gradient.biases.push(of_bias(&slopes, share)?);
        if l < net.depth() {
            gradient.weights.push(vec![Term::Outer { below: slopes, above: states[l + 1].clone(), share }]);
        }
    }
    Ok(gradient)
}

/// Gradient of the weighted ln q(h | v) with respect to the parameters of a recognition net, from the states of all layers
/// `[rows, n_l]`, visible first, and the inputs of the net's hidden layers at them.
pub fn log_recognition_gradient(states: &[Tensor], inputs: &[Tensor], weights: &RowWeights) -> Result<Gradient> {
    let mut gradient = Gradient { weights: Vec::new(), biases: Vec::new() };
    for (pair, input) in states.windows(2).zip(inputs) {
        let (slopes, share) = weights.slopes(&pair[1], input)?;
        gradient.biases.push(of_bias(&slopes, share)?);
        gradient.weights.push(vec![Term::Outer { below: pair[0].clone(), above: slopes, share }]);
    }
    Ok(gradient)
}

/// Gradient of the mean over examples of ln p(v) by the exact posterior, which is that of E_p(h|v)[ln p(v, h)] with the posterior held
/// constant (Fisher's identity), and ln p(v) of each example, nats. Fails above `max_bits`.
pub fn evidence_gradient(net: &BeliefNet, visible: &Tensor, max_bits: f64) -> Result<(Gradient, Nats)> {
    let (posterior, log_evidence) = net.posterior(visible, max_bits)?;
    Ok((table_gradient(net, visible, &posterior)?, log_evidence))
}

/// Gradient of the mean over examples of E_q(h|v)[ln p(v, h)] for any table q over the states of all hidden layers.
pub fn table_gradient(net: &BeliefNet, visible: &Tensor, q: &Table) -> Result<Gradient> {
    let hidden: Layers = q.states(0)?.iter().map(|states| states.to_dtype(net.dtype())).collect::<Result<_>>()?;
    let share = 1.0 / visible.dim(0)? as f64;
    let probs = (q.log_probs().exp()?.to_dtype(net.dtype())?.t()? * share)?;
    // One row per hidden state, which counts as much as all examples give it; ln p(v, h) is linear in v, so their mean v serves.
    let counts = probs.sum_keepdim(1)?;
    let least = (counts.zeros_like()? + f64::from(f32::MIN_POSITIVE))?;
    let mean_visible = probs.matmul(visible)?.broadcast_div(&counts.maximum(&least)?)?;
    let states = [vec![mean_visible], hidden].concat();
    log_joint_gradient(net, &states, &net.inputs(&states)?, &RowWeights::Given(counts))
}

/// Gradient with respect to a recognition net of E_p(v, h)[ln q(h | v)], the sleep phase without sampling, and its value, nats: sums over
/// all states of all layers. Fails above `max_bits`.
pub fn expected_sleep_gradient(net: &BeliefNet, recognition: &Recognition, max_bits: f64) -> Result<(Gradient, f64)> {
    let states = net.joint_states(max_bits)?;
    let probs = net.log_joint(&states)?.exp()?.to_dtype(net.dtype())?;
    let value = (double(&probs)? * recognition.log_prob(&states)?)?.sum_all()?.to_scalar::<f64>()?;
    let weights = RowWeights::Given(probs.unsqueeze(1)?);
    Ok((log_recognition_gradient(&states, &recognition.inputs(&states)?, &weights)?, value))
}

/// Gradient with respect to a belief net of the mean over examples of E_q(h|v)[ln p(v, h)], the wake phase without sampling, and the
/// ELBO of each example, nats: sums over all hidden states. Fails above `max_bits`.
pub fn expected_wake_gradient(
    net: &BeliefNet,
    recognition: &Recognition,
    visible: &Tensor,
    max_bits: f64,
) -> Result<(Gradient, Nats)> {
    let hidden = net.hidden_states(max_bits)?;
    let log_q = recognition.log_prob_table(visible, &hidden)?;
    let gains = (net.log_joint_table(visible, &hidden)? - &log_q)?;
    let elbos = (gains * log_q.exp()?)?.sum(1)?.to_vec1::<f64>()?;
    let (examples, count) = log_q.dims2()?;
    let repeated = repeat_rows(visible, count)?;
    let tiled = hidden.iter().map(|states| states.to_dtype(net.dtype())?.repeat((examples, 1)));
    let states = std::iter::once(Ok(repeated)).chain(tiled).collect::<Result<Layers>>()?;
    let weights = (log_q.exp()? / examples as f64)?.to_dtype(net.dtype())?.reshape((examples * count, 1))?;
    Ok((log_joint_gradient(net, &states, &net.inputs(&states)?, &RowWeights::Given(weights))?, elbos))
}
