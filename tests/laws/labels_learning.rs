//! Training machines with label units: what pre-training and joint training climb, and what they learn.

use crate::gradients::flat;
use crate::labels::{CLASSES, labelled, labels, pairs, side_by_side};
use crate::learning::{PLAIN, begin, train};
use crate::support::{ByHand, all_states, assert_all_close, assert_close, layers, log_sum_exp, matrices, rows, tensor};
use dbm::evaluate::exact_labels;
use dbm::inference::{BottomUp, MeanField, Refined, Stop};
use dbm::learning::{
    Centred, MaximumLikelihood, NegativePhase, NegativeStart, Parameters, Pretraining, SchemeAlone, Statistics, Trainer,
};
use dbm::math::{Stream, host};

/// Statistics of the top RBM with tied copies of its hidden layer and labels beside its visible one, by all its states, per copy.
fn copied_statistics(rbm: &Parameters, copies: usize) -> Vec<f64> {
    let [visible, hidden] = [0, 1].map(|side| rbm.biases[side].elem_count());
    let by_hand = ByHand {
        sizes: vec![visible, hidden, CLASSES],
        weights: matrices(&rbm.weights).iter().map(rows).collect(),
        biases: rbm.biases.iter().map(|bias| host(bias).unwrap()).collect(),
    };
    let (mut log_weights, mut statistics) = (Vec::new(), Vec::new());
    for state in all_states(visible + copies * hidden) {
        for label in labels() {
            let (v, h) = state.split_at(visible);
            let own = |values: &[f64], bias: &[f64]| values.iter().zip(bias).map(|(x, b)| x * b).sum::<f64>();
            let alone = own(v, &by_hand.biases[0]) + own(&label, &by_hand.biases[2]);
            // Every copy meets the visible units and the labels; what these have alone counts once.
            let each = h.chunks(hidden).map(|h| by_hand.log_joint(&[v, h, &label].concat()) - alone);
            log_weights.push(alone + each.sum::<f64>());
            let first = layers(&[[v, &h[..hidden], &label].concat()], &by_hand.sizes);
            statistics.push(flat(&Statistics::of(&first).unwrap().dense().unwrap()));
        }
    }
    let log_z = log_sum_exp(&log_weights);
    let mut total = vec![0.0; statistics[0].len()];
    for (weight, one) in log_weights.iter().zip(statistics) {
        total.iter_mut().zip(one).for_each(|(total, value)| *total += (weight - log_z).exp() * value);
    }
    total
}

#[test]
fn pretraining_climbs_the_joint_likelihood_of_the_top_rbm_and_its_labels() {
    const CHAINS: usize = 10_000;
    for sizes in [&[3, 2][..], &[2, 3, 2]] {
        let trainer = Pretraining { negative: NegativeStart::Chains(CHAINS), sweeps: 40, sgd: PLAIN };
        let dbm = labelled(sizes, 0.6, 33);
        let some: Vec<_> = pairs(&dbm).into_iter().skip(1).step_by(3).collect();
        let batch = side_by_side(&some);
        let (top, mut state) = (sizes.len() - 2, begin(&trainer, &dbm));
        for _ in 0..top {
            state = trainer.next_layer(state, Stream::new(6)).unwrap();
        }
        let rbm = state.rbms()[top].clone();
        let copies = if top > 0 { 2 } else { 1 };
        let inputs = state.inputs(&batch).unwrap();
        let given = tensor(&some.iter().map(|(_, label)| label.clone()).collect::<Vec<_>>());
        let [weight, towards] = [0, 1].map(|l| rbm.weights[l].tensor().unwrap());
        let sent = (inputs.matmul(&weight).unwrap() + given.matmul(&towards.t().unwrap()).unwrap()).unwrap();
        let means = dbm::math::sigmoid(&sent.broadcast_add(&rbm.biases[1]).unwrap()).unwrap();
        let positive = flat(&Statistics::of(&[inputs, means, given]).unwrap().dense().unwrap());
        // A step of length one is the gradient.
        state = train(&trainer, state, &batch, 0..1, 1.0);
        let found = flat(&state.rbms()[top].minus(&rbm).unwrap());
        for (index, negative) in copied_statistics(&rbm, copies).into_iter().enumerate() {
            let error = (negative * (1.0 - negative) / CHAINS as f64).sqrt();
            assert_close(&format!("[{index}]"), found[index], positive[index] - negative, 4.0 * error);
        }
        let (composed, rbms) = (state.dbm().unwrap(), state.rbms());
        let found = composed.weights().last().unwrap().tensor().unwrap();
        assert_all_close(
            "composed",
            &host(&found).unwrap(),
            &host(&rbms[top].weights[1].tensor().unwrap()).unwrap(),
            0.0,
        );
        assert_eq!(composed.classes(), Some(CLASSES));
        let bare = tensor(&some.iter().map(|(v, _)| v.clone()).collect::<Vec<_>>());
        let update = dbm::learning::Update::new(Stream::new(0), [0.1, 0.0]);
        let error = trainer.step(state, &bare, update).err().unwrap().to_string();
        assert!(error.contains("labels beside them"), "{error}");
    }
}

#[test]
fn joint_training_with_known_labels_learns_to_tell_them_centred_or_not() {
    // Three classes of five pixels, each with two shapes.
    let examples: Vec<(Vec<f64>, Vec<f64>)> =
        [[1, 0, 0, 0, 1], [1, 1, 0, 0, 1], [0, 0, 1, 0, 0], [0, 1, 1, 0, 0], [0, 0, 0, 1, 1], [0, 0, 0, 1, 0]]
            .iter()
            .enumerate()
            .map(|(index, v)| (v.iter().map(|&x| f64::from(x)).collect(), labels()[index / 2].clone()))
            .collect();
    let by = MaximumLikelihood {
        positive: SchemeAlone(Refined { start: BottomUp, by: MeanField::default(), stop: Stop::after(3) }),
        negative: NegativePhase { chains: 100, sweeps: 1 },
        dbm: PLAIN,
        network: PLAIN,
    };
    let dbm = labelled(&[5, 6], 0.05, 3);
    let (batch, visible) =
        (side_by_side(&examples), tensor(&examples.iter().map(|(v, _)| v.clone()).collect::<Vec<_>>()));
    let trained = [
        train(&by, begin(&by, &dbm), &batch, 0..600, 0.1).dbm,
        train(
            &Centred { by: by.clone(), rate: 0.05 },
            begin(&Centred { by: by.clone(), rate: 0.05 }, &dbm),
            &batch,
            0..600,
            0.1,
        )
        .dbm,
    ];
    for dbm in trained {
        assert_eq!(exact_labels(&dbm, &visible).unwrap().unwrap(), [0, 0, 1, 1, 2, 2]);
        let probs = rows(&dbm.label_log_probs(&visible).unwrap().exp().unwrap());
        assert!(probs.iter().enumerate().all(|(index, row)| row[index / 2] > 0.9), "{probs:?}");
    }
}
