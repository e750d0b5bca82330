//! How the inference network learns: it ascends E_target[ln q_network(h | v)], so it descends KL(target ‖ network).
//!
//! The target is held constant. For an input a of a unit with log-normaliser A and target mean μ the objective is μ a - A(a),
//! its slope μ - ν; a layer below collects the slopes of the layer above through its own mean ν (Salakhutdinov & Larochelle
//! 2010).

use super::Gradient;
use crate::inference::Network;
use crate::math::{Layers, Nats, Result, Tensor, Term, host, inner, mean_over_examples};

/// -E_target[ln q_network(h | v)] of each example, nats, from the network's inputs and the target's means `[examples, n_l]`
/// of all hidden layers; less the target's entropy it is KL(target ‖ network).
pub fn cross_entropy(network: &Network, inputs: &[Tensor], targets: &[Tensor]) -> Result<Nats> {
    let mut total = vec![0.0; targets.first().map_or(Ok(0), |target| target.dim(0))?];
    for (kind, (input, target)) in network.units().iter().zip(inputs.iter().zip(targets)) {
        let nats = (kind.total_log_normalizer(input)? - inner(input, target)?)?;
        total.iter_mut().zip(host(&nats)?).for_each(|(total, nats)| *total += nats);
    }
    Ok(total)
}

/// Gradient of the mean over examples of E_target[ln q_network(h | v)] with respect to the network's parameters.
///
/// `inputs` are those of the network on `visible`; `targets` are means or states of every hidden layer.
pub fn recognition_gradient(
    network: &Network,
    visible: &Tensor,
    inputs: &[Tensor],
    targets: &[Tensor],
) -> Result<Gradient> {
    let share = 1.0 / visible.dim(0)? as f64;
    let means: Layers =
        network.units().iter().zip(inputs).map(|(kind, input)| kind.mean(input)).collect::<Result<_>>()?;
    let mut gradient = Gradient { weights: Vec::new(), biases: Vec::new() };
    let mut slope_above: Option<Tensor> = None;
    for l in (0..inputs.len()).rev() {
        let mut slope = (&targets[l] - &means[l])?;
        if let Some(above) = slope_above {
            let sent = (network.weights()[l + 1].down(&above)? * network.gain(l + 1))?;
            slope = (slope + (sent * network.units()[l].variance(&inputs[l])?)?)?;
        }
        let below = if l == 0 { visible } else { &means[l - 1] };
        let share = network.gain(l) * share;
        gradient.weights.push(vec![Term::Outer { below: below.clone(), above: slope.clone(), share }]);
        gradient.biases.push(mean_over_examples(&slope)?);
        slope_above = Some(slope);
    }
    gradient.weights.reverse();
    gradient.biases.reverse();
    Ok(gradient)
}
