//! Greedy pre-training: what each RBM climbs, and how they are composed.

use crate::gradients::flat;
use crate::learning::{PLAIN, begin, some_examples, train, values};
use crate::support::{ByHand, all_states, assert_all_close, assert_close, layers, matrices, random_dbm, tensor};
use dbm::learning::{NegativeStart, Parameters, Pretraining, RbmStack, Statistics};
use dbm::math::{Stream, Tensor};
use dbm::models::{Conditionals, Dbm};

/// A stack of RBMs with random parameters, all of them begun.
fn arbitrary_rbms(sizes: &[usize]) -> RbmStack {
    let trainer = Pretraining { negative: NegativeStart::Data, sweeps: 1, sgd: PLAIN };
    let dbm = random_dbm(sizes, 0.5, 0.3, 31);
    let batch = some_examples();
    let mut state = train(&trainer, begin(&trainer, &dbm), &batch, 0..3, 0.2);
    for layer in 1..dbm.depth() as u64 {
        state = trainer.next_layer(state, Stream::new(6)).unwrap();
        state = train(&trainer, state, &batch, 10 * layer..10 * layer + 3, 0.2);
    }
    state
}

#[test]
fn one_rbm_is_composed_as_it_is() {
    let state = arbitrary_rbms(&[5, 3]);
    let (dbm, rbm) = (state.dbm().unwrap(), &state.rbms()[0]);
    assert_eq!(values(&matrices(dbm.weights())), values(&matrices(&rbm.weights)));
    assert_eq!(values(dbm.biases()), values(&rbm.biases));
    let (visible, hidden) = (some_examples(), tensor(&[vec![1.0, 0.0, 1.0]]));
    let input = dbm.free().unwrap().input(&[visible.clone(), hidden], 1).unwrap();
    let plain = visible.matmul(&rbm.weights[0].tensor().unwrap()).unwrap().broadcast_add(&rbm.biases[1]).unwrap();
    assert_all_close("input", &values(&[input]), &values(&[plain]), 1e-14);
}

#[test]
fn composed_conditionals_are_the_geometric_mean_of_those_of_two_rbms() {
    let state = arbitrary_rbms(&[5, 4, 3, 2]);
    let (dbm, rbms) = (state.dbm().unwrap(), state.rbms());
    let states = layers(&all_states(14)[9000..9050], &dbm.sizes());
    // Input of one side of an RBM: `copies` of the other side, its weight and its bias.
    let up = |l: usize, copies: f64| {
        (states[l].matmul(&rbms[l].weights[0].tensor().unwrap()).unwrap() * copies)
            .unwrap()
            .broadcast_add(&rbms[l].biases[1])
            .unwrap()
    };
    let down = |l: usize, copies: f64| {
        let sent = states[l + 1].matmul(&rbms[l].weights[0].tensor().unwrap().t().unwrap()).unwrap();
        (sent * copies).unwrap().broadcast_add(&rbms[l].biases[0]).unwrap()
    };
    let half = |a: Tensor, b: Tensor| ((a + b).unwrap() / 2.0).unwrap();
    let expected = [down(0, 1.0), half(up(0, 2.0), down(1, 1.0)), half(up(1, 1.0), down(2, 2.0)), up(2, 1.0)];
    for (layer, expected) in expected.iter().enumerate() {
        let input = dbm.free().unwrap().input(&states, layer).unwrap();
        assert_all_close(&format!("layer {layer}"), &values(&[input]), &values(std::slice::from_ref(expected)), 1e-13);
    }
}

#[test]
fn layers_not_yet_trained_are_composed_as_they_began() {
    let dbm = random_dbm(&[5, 4, 3, 2], 0.5, 0.3, 32);
    let trainer = Pretraining { negative: NegativeStart::Data, sweeps: 1, sgd: PLAIN };
    let state = begin(&trainer, &dbm);
    let composed = state.dbm().unwrap();
    assert_eq!(values(&matrices(composed.weights())), values(&matrices(dbm.weights())));
    assert_eq!(values(composed.biases()), values(dbm.biases()));

    let state = train(&trainer, state, &some_examples(), 0..3, 0.2);
    let (composed, bottom) = (state.dbm().unwrap(), &state.rbms()[0]);
    assert_eq!(values(&matrices(&composed.weights()[..1])), values(&matrices(&bottom.weights)));
    assert_eq!(values(&composed.biases()[..2]), values(&bottom.biases));
    assert_eq!(values(&matrices(&composed.weights()[1..])), values(&matrices(&dbm.weights()[1..])));
    assert_eq!(values(&composed.biases()[2..]), values(&dbm.biases()[2..]));
}

/// Statistics of an RBM with tied copies, per copy, by summing over all its states.
fn copied_rbm_statistics(rbm: &Parameters, copies: [usize; 2]) -> Vec<f64> {
    let [visible, hidden] = [0, 1].map(|side| rbm.biases[side].elem_count());
    let tile = |t: &Tensor, axis: usize, n: usize| Tensor::cat(&vec![t; n], axis).unwrap();
    let weight = tile(&tile(&rbm.weights[0].tensor().unwrap(), 0, copies[0]), 1, copies[1]);
    let biases = vec![tile(&rbm.biases[0], 0, copies[0]), tile(&rbm.biases[1], 0, copies[1])];
    let hand = ByHand::of(&Dbm::binary(vec![weight], biases).unwrap());
    let log_z = hand.log_z();
    let mut total = vec![0.0; visible * hidden + visible + hidden];
    for state in all_states(hand.sizes.iter().sum()) {
        let prob = (hand.log_joint(&state) - log_z).exp();
        // By symmetry the statistics of the first copies are those of any.
        let first = hand.sizes[0];
        let copy = [&state[..visible], &state[first..first + hidden]].map(|side| tensor(&[side.to_vec()]));
        let one = flat(&Statistics::of(&copy).unwrap().dense().unwrap());
        total.iter_mut().zip(one).for_each(|(total, value)| *total += prob * value);
    }
    total
}

#[test]
fn each_rbm_climbs_the_likelihood_of_its_doubled_model() {
    const CHAINS: usize = 10_000;
    // Many sweeps forget the data, so contrastive divergence from as many examples has the same expectation.
    let examples = all_states(3)[2..6].to_vec();
    let many = tensor(&vec![examples.clone(); CHAINS / 4].concat());
    for (negative, batch) in [(NegativeStart::Chains(CHAINS), tensor(&examples)), (NegativeStart::Data, many)] {
        let trainer = Pretraining { negative, sweeps: 40, sgd: PLAIN };
        let mut state = begin(&trainer, &random_dbm(&[3, 2, 3, 2], 0.6, 0.4, 33));
        for (layer, copies) in [[2, 1], [1, 1], [1, 2]].into_iter().enumerate() {
            if layer > 0 {
                state = trainer.next_layer(state, Stream::new(6)).unwrap();
            }
            let rbm = state.rbms()[layer].clone();
            let inputs = state.inputs(&batch).unwrap();
            let sent = (inputs.matmul(&rbm.weights[0].tensor().unwrap()).unwrap() * copies[0] as f64).unwrap();
            let means = dbm::math::sigmoid(&sent.broadcast_add(&rbm.biases[1]).unwrap()).unwrap();
            let positive = flat(&Statistics::of(&[inputs, means]).unwrap().dense().unwrap());

            // A step of length one is the gradient.
            state = train(&trainer, state, &batch, 0..1, 1.0);
            let found = flat(&state.rbms()[layer].minus(&rbm).unwrap());
            for (index, negative) in copied_rbm_statistics(&rbm, copies).into_iter().enumerate() {
                let error = (negative * (1.0 - negative) / CHAINS as f64).sqrt();
                assert_close(&format!("RBM {layer} [{index}]"), found[index], positive[index] - negative, 4.0 * error);
            }
        }
    }
}
