//! Networks that learn the refinement of their own answers.

use crate::support::{all_states, assert_all_close, assert_close, random_dbm, tensor};
use dbm::inference::{MeanField, Network, Refine, Stop};
use dbm::learning::{Adam, Amortization, Amortized, ExpectedStatistics, NetworkTaught, Parameters, PositivePhase};
use dbm::math::{Stream, Tensor, host, mean_of};
use dbm::models::{Dbm, LatentModel};
use dbm::posterior::Posterior;

fn by() -> Amortization<MeanField> {
    Amortization { by: MeanField::default(), stop: Stop::after(1), adam: Adam::default() }
}

fn machine() -> (Dbm, Tensor) {
    (random_dbm(&[4, 3, 2], 0.9, 0.5, 7), tensor(&all_states(4)))
}

fn values(tensors: &[Tensor]) -> Vec<f64> {
    tensors.iter().flat_map(|tensor| host(tensor).unwrap()).collect()
}

/// Means of the network and of one sweep from them, example by example.
fn answers(dbm: &Dbm, network: &Network, visible: &Tensor) -> [Vec<Tensor>; 2] {
    let q = network.posterior(visible).unwrap();
    let clamped = dbm.clamp(visible).unwrap();
    let refined = MeanField::default().refine(&clamped, q.clone(), Stop::after(1), Stream::new(0)).unwrap().q;
    [q.means().unwrap(), refined.means().unwrap()]
}

#[test]
fn the_loss_of_a_network_is_the_kl_from_its_refined_answer_and_falls() {
    let (dbm, visible) = machine();
    let clamped = dbm.clamp(&visible).unwrap();
    let mut state = Amortized::new(Network::from_dbm(&dbm).unwrap()).unwrap();
    let [own, refined] = answers(&dbm, &state.network, &visible);
    let mut expected = vec![0.0; 16];
    for (own, refined) in own.iter().zip(&refined) {
        let (own, refined) = (own.to_vec2::<f64>().unwrap(), refined.to_vec2::<f64>().unwrap());
        for (example, (own, refined)) in own.iter().zip(&refined).enumerate() {
            for (nu, mu) in own.iter().zip(refined) {
                expected[example] += mu * (mu / nu).ln() + (1.0 - mu) * ((1.0 - mu) / (1.0 - nu)).ln();
            }
        }
    }
    let mut losses = Vec::new();
    for _ in 0..400 {
        let (next, kls) = by().step(&clamped, state, &visible, 0.02, Stream::new(0)).unwrap();
        if losses.is_empty() {
            assert_all_close("KL of each example", &kls, &expected, 1e-12);
        }
        losses.push(mean_of(&kls));
        state = next;
    }
    assert!(losses[399] < losses[0] / 50.0, "{} to {}", losses[0], losses[399]);
}

#[test]
fn the_machine_sees_the_networks_own_answer_while_the_network_is_taught_the_refined_one() {
    let (dbm, visible) = machine();
    let network = Network::from_dbm(&dbm).unwrap();
    let taught = NetworkTaught { by: MeanField::default(), stop: Stop::after(1) };
    let positive = taught.infer(&dbm, &network, &visible, Stream::new(0)).unwrap();
    let [own, refined] = answers(&dbm, &network, &visible);
    assert_eq!(values(&positive.means), values(&refined));
    let q = network.posterior(&visible).unwrap();
    let expected = q.statistics(&visible, &own).unwrap().dense().unwrap();
    let found = positive.statistics.dense().unwrap();
    let flat = |parameters: &Parameters| values(&parameters.tensors().unwrap());
    assert_eq!(flat(&found), flat(&expected));
    let apart =
        values(&own).iter().zip(values(&refined)).map(|(own, refined)| (own - refined).abs()).fold(0.0, f64::max);
    assert!(apart > 1e-3, "the two answers differ, so each can be told from the other: {apart}");
    assert_close(
        "mean entropy",
        mean_of(&host(&positive.q.entropy().unwrap()).unwrap()),
        {
            let of = |mu: f64| if mu == 0.0 || mu == 1.0 { 0.0 } else { -mu * mu.ln() - (1.0 - mu) * (1.0 - mu).ln() };
            values(&refined).into_iter().map(of).sum::<f64>() / 16.0
        },
        1e-12,
    );
}
