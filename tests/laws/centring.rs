//! Centred gradients, and gradients whose model side is enumerated.

use crate::gradients::{differences, examples, flat, machines, model_statistics, with};
use crate::learning::PLAIN;
use crate::support::{ByHand, all_states, assert_all_close, assert_close, matrices, random_dbm, rows};
use dbm::inference::{BottomUp, Exact, MeanField, Refined, Stop, Uninformed};
use dbm::learning::{
    Centred, DbmWithNetwork, Joint, MaximumLikelihood, NegativePhase, Parameters, SchemeAlone, State, Statistics,
    Trainer, Update, exact_gradient,
};
use dbm::math::{Layers, Stream, Tensor, host, mean_of};
use dbm::models::Dbm;

const TOLERANCE: f64 = 1e-7;
const EXACT: Exact = Exact { max_bits: 20.0 };

/// An offset between 0 and 1 for each unit, different in each layer.
fn some_offsets(dbm: &Dbm) -> Layers {
    let draw = |(l, &n): (usize, &usize)| {
        Stream::new(31).at(l as u64).uniform(1, n, dbm.dtype(), dbm.device()).unwrap().squeeze(0).unwrap()
    };
    dbm.sizes().iter().enumerate().map(draw).collect()
}

/// biases + sign (W_l o_{l+1} + o_{l-1} W_{l-1}) of every layer.
fn shifted(weights: &[Tensor], biases: &[Tensor], offsets: &[Tensor], sign: f64) -> Vec<Tensor> {
    let mut shifted = biases.to_vec();
    for (l, weight) in weights.iter().enumerate() {
        let down = weight.matmul(&offsets[l + 1].unsqueeze(1).unwrap()).unwrap().squeeze(1).unwrap();
        let up = offsets[l].unsqueeze(0).unwrap().matmul(weight).unwrap().squeeze(0).unwrap();
        shifted[l] = (&shifted[l] + (down * sign).unwrap()).unwrap();
        shifted[l + 1] = (&shifted[l + 1] + (up * sign).unwrap()).unwrap();
    }
    shifted
}

/// Mean ln p(v) by sums over all states.
fn log_likelihood(dbm: &Dbm, visible: &Tensor) -> f64 {
    let hand = ByHand::of(dbm);
    mean_of(&rows(visible).iter().map(|v| hand.log_evidence(v)).collect::<Vec<_>>()) - hand.log_z()
}

#[test]
fn centring_a_machine_leaves_every_probability_as_it_is() {
    for dbm in machines() {
        let (offsets, weights) = (some_offsets(&dbm), matrices(dbm.weights()));
        // The centred machine with the same numbers for parameters, written as an ordinary one.
        let ordinary = dbm.with_parameters(weights.clone(), shifted(&weights, dbm.biases(), &offsets, -1.0)).unwrap();
        let centred = ByHand::of(&dbm);
        let flat_offsets: Vec<f64> = offsets.iter().flat_map(|offset| host(offset).unwrap()).collect();
        let constant = |state: &[f64]| {
            let moved: Vec<f64> = state.iter().zip(&flat_offsets).map(|(x, o)| x - o).collect();
            centred.log_joint(&moved) - ByHand::of(&ordinary).log_joint(state)
        };
        let states = all_states(flat_offsets.len());
        let first = constant(&states[0]);
        assert!(first.abs() > 1e-3, "the two differ by a constant that is not nought");
        states.iter().for_each(|state| assert_close("constant of ln p̃", constant(state), first, 1e-10));
    }
}

#[test]
fn centred_gradient_is_the_gradient_in_the_parameters_of_the_centred_machine() {
    for dbm in machines() {
        let (visible, offsets) = (examples(dbm.sizes()[0]), some_offsets(&dbm));
        let ordinary = |centred: &Parameters| {
            let weights = matrices(&centred.weights);
            let biases = shifted(&weights, &centred.biases, &offsets, -1.0);
            with(&dbm, &Parameters { weights: weights.into_iter().map(Into::into).collect(), biases })
        };
        let weights = matrices(dbm.weights());
        let at = Parameters { weights: dbm.weights().to_vec(), biases: shifted(&weights, dbm.biases(), &offsets, 1.0) };
        let slope = differences(&at, |parameters| log_likelihood(&ordinary(parameters), &visible));
        // The direction in the centred parameters, told in the ordinary ones.
        let uphill = exact_gradient(&EXACT, &dbm, &visible, 20.0, Stream::new(0)).unwrap();
        let found = uphill.centred(&offsets).unwrap().dense().unwrap();
        let moves = matrices(&found.weights);
        let back = Parameters { biases: shifted(&moves, &found.biases, &offsets, 1.0), ..found };
        assert_all_close("centred gradient", &flat(&back), &slope, TOLERANCE);
    }
}

#[test]
fn offsets_of_nought_change_no_gradient() {
    for dbm in machines() {
        let zeros: Layers = dbm.biases().iter().map(|bias| bias.zeros_like().unwrap()).collect();
        let uphill = exact_gradient(&EXACT, &dbm, &examples(dbm.sizes()[0]), 20.0, Stream::new(0)).unwrap();
        let centred = uphill.centred(&zeros).unwrap().dense().unwrap();
        assert_all_close("gradient", &flat(&centred), &flat(&uphill.dense().unwrap()), 1e-15);
    }
}

#[test]
fn exact_statistics_of_the_model_are_sums_over_all_states() {
    for dbm in machines() {
        let found = Statistics::of_model(&dbm, 20.0).unwrap().dense().unwrap();
        assert_all_close("model statistics", &flat(&found), &model_statistics(&dbm).0, 1e-12);
    }
    let refused = Statistics::of_model(&machines()[0], 2.0).unwrap_err();
    assert!(refused.to_string().contains("2^3"), "{refused}");
}

#[test]
fn exact_gradient_is_the_slope_of_the_likelihood() {
    for dbm in machines() {
        let visible = examples(dbm.sizes()[0]);
        let slope = differences(&Parameters::of_dbm(&dbm), |at| log_likelihood(&with(&dbm, at), &visible));
        let found = exact_gradient(&EXACT, &dbm, &visible, 20.0, Stream::new(0)).unwrap().dense().unwrap();
        assert_all_close("exact gradient", &flat(&found), &slope, TOLERANCE);
    }
}

fn centred(rate: f64) -> Centred<MaximumLikelihood<SchemeAlone<Refined<Uninformed, MeanField>>>> {
    let by = MeanField::default();
    let positive = SchemeAlone(Refined { start: Uninformed, by, stop: Stop::after(3) });
    let negative = NegativePhase { chains: 10, sweeps: 2 };
    Centred { by: MaximumLikelihood { positive, negative, dbm: PLAIN, network: PLAIN }, rate }
}

fn step(trainer: &impl Trainer<State = Joint>, state: Joint, visible: &Tensor, step: u64) -> Joint {
    let update = Update::new(Stream::new(4).at(step), [0.1, 0.0]);
    trainer.step(state, visible, update).unwrap().0
}

#[test]
fn offsets_follow_the_means_of_the_data_phase() {
    let (dbm, trainer) = (random_dbm(&[4, 3, 2], 0.5, 0.5, 3), centred(0.25));
    let visible = examples(4);
    let start = trainer.init(DbmWithNetwork::from_dbm(dbm.clone()).unwrap(), Stream::new(1)).unwrap();
    let before = host(&start.offsets.as_ref().unwrap().layers[0]).unwrap();
    let means = host(&visible.mean(0).unwrap()).unwrap();
    let after = step(&trainer, start, &visible, 0).offsets.unwrap();
    let expected: Vec<f64> = before.iter().zip(means).map(|(old, mean)| 0.75 * old + 0.25 * mean).collect();
    assert_all_close("visible offsets", &host(&after.layers[0]).unwrap(), &expected, 1e-15);
}

#[test]
fn centred_training_goes_on_to_the_bit_where_it_was_saved() {
    let (dbm, trainer) = (random_dbm(&[4, 3, 2], 0.5, 0.5, 3), centred(0.1));
    let visible = examples(4);
    let start = trainer.init(DbmWithNetwork::from_dbm(dbm.clone()).unwrap(), Stream::new(1)).unwrap();
    let half = (0..3).fold(start, |state, index| step(&trainer, state, &visible, index));
    let saved = half.tensors().unwrap().into_iter().collect();
    let restored = Joint::restore(half.model().unwrap(), &saved).unwrap();
    let [whole, resumed] = [half, restored].map(|state| {
        let end = (3..6).fold(state, |state, index| step(&trainer, state, &visible, index));
        flat(&Parameters::of_dbm(&end.dbm)).into_iter().map(f64::to_bits).collect::<Vec<_>>()
    });
    assert_eq!(whole, resumed);
}

#[test]
fn a_restricted_q_has_the_gradient_of_its_own_bound() {
    for dbm in machines() {
        let visible = examples(dbm.sizes()[0]);
        let found = exact_gradient(&BottomUp, &dbm, &visible, 20.0, Stream::new(0)).unwrap().dense().unwrap();
        let q = dbm::inference::Inference::infer(&BottomUp, &dbm, &visible, Stream::new(0)).unwrap().q;
        let bound = |at: &Parameters| {
            let moved = with(&dbm, at);
            mean_of(&dbm::evaluate::elbo(&moved, &visible, &q, ByHand::of(&moved).log_z()).unwrap())
        };
        let slope = differences(&Parameters::of_dbm(&dbm), bound);
        assert_all_close("gradient at a fixed q", &flat(&found), &slope, TOLERANCE);
    }
}
