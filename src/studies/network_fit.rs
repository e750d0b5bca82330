//! Fitting the inference network of a machine that stays as it is: the network's answer, refined by one sweep, is its next target.
//!
//! ν = net(v); μ ← one mean-field sweep from ν; ascend E_μ[ln q_ν(h | v)] with μ held constant (Salakhutdinov & Larochelle 2010).

use crate::inference::Network;
use crate::learning::{Adam, Ascent, Parameters, recognition_gradient};
use crate::math::{Result, Tensor};
use crate::models::{Conditionals, Dbm, LatentModel, Reading, Schedule, Swept};

/// The network after so many Adam steps on all of `visible`, from the machine's own weights.
pub fn fitted_network(dbm: &Dbm, visible: &Tensor, steps: usize, rate: f64) -> Result<Network> {
    let clamped = dbm.clamp(visible)?;
    let ascent = Ascent::Adam(Adam::default());
    let mut network = Network::from_dbm(dbm)?;
    let mut state = ascent.begin(&Parameters::of_network(&network))?;
    for _ in 0..steps {
        let inputs = network.inputs(visible)?;
        let means = network.units().iter().zip(&inputs).map(|(kind, input)| kind.mean(input)).collect::<Result<_>>()?;
        let refined =
            clamped.sweep(Swept { inputs: inputs.clone(), states: means }, Schedule::Ascending, Reading::Mean)?;
        let uphill = recognition_gradient(&network, visible, &inputs, &refined.states)?;
        let (to, next) = ascent.step(Parameters::of_network(&network), state, &uphill, rate)?;
        network = network.with_parameters(to.weights, to.biases)?;
        state = next;
    }
    Ok(network)
}
