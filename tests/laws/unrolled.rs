//! Encoders that guess sparse codes: what they are before training, their gradients, and the codes that are drawn to a guess.

use crate::algebra::normal;
use crate::sparse_codes::models;
use crate::support::{assert_all_close, assert_close};
use dbm::inference::{CoordinateDescent, CoupledLista, Encoder, Ista, Lista, SolveCodes, Unrolled, Until};
use dbm::learning::{Adam, ListaTraining, Psd, PsdState, encoder_gradient, lista_gradient};
use dbm::math::{Stream, Tensor, host};
use dbm::models::SparseCoding;

/// Central differences of `loss` with respect to every value of every tensor.
fn differences(parameters: &[Tensor], loss: impl Fn(&[Tensor]) -> f64) -> Vec<f64> {
    const STEP: f64 = 1e-5;
    let mut found = Vec::new();
    for (which, tensor) in parameters.iter().enumerate() {
        let values = host(tensor).unwrap();
        for index in 0..values.len() {
            let moved = |by: f64| {
                let (mut values, mut parameters) = (values.clone(), parameters.to_vec());
                values[index] += by;
                parameters[which] = Tensor::from_vec(values, tensor.shape(), tensor.device()).unwrap();
                loss(&parameters)
            };
            found.push((moved(STEP) - moved(-STEP)) / (2.0 * STEP));
        }
    }
    found
}

fn flat(tensors: &[Tensor]) -> Vec<f64> {
    tensors.iter().flat_map(|tensor| host(tensor).unwrap()).collect()
}

#[test]
fn an_untrained_unrolled_network_is_iterative_soft_thresholding() {
    for (model, visible) in models() {
        for layers in 0..6 {
            let found = Lista::of(&model, layers).unwrap().encode(&visible).unwrap();
            let expected = Ista.infer(&model, &visible, Until::after(layers + 1)).unwrap().codes;
            assert_all_close(&format!("{layers} layers"), &host(&found).unwrap(), &host(&expected).unwrap(), 1e-12);
        }
    }
}

#[test]
fn the_gradient_of_an_unrolled_network_matches_central_differences() {
    let (model, visible) = (SparseCoding::half(normal(4, 5, 1), 0.3).unwrap(), normal(3, 4, 2));
    let codes = normal(3, 5, 3);
    for layers in [0, 1, 3] {
        let network = Lista::of(&model, layers).unwrap();
        let (loss, gradient) = lista_gradient(&network, &visible, &codes).unwrap();
        let at = |parameters: &[Tensor]| {
            let moved = network.with_parameters(parameters.to_vec()).unwrap();
            let away = (moved.encode(&visible).unwrap() - &codes).unwrap();
            0.5 * host(&away).unwrap().iter().map(|x| x * x).sum::<f64>() / 3.0
        };
        assert_close("loss", loss, at(&network.parameters()), 1e-12);
        assert_all_close("gradient", &flat(&gradient), &differences(&network.parameters(), at), 1e-7);
    }
}

#[test]
fn an_untrained_coupled_network_is_iterative_soft_thresholding() {
    for (model, visible) in models() {
        for layers in 1..6 {
            let found = CoupledLista::of(&model, layers).unwrap().encode(&visible).unwrap();
            let expected = Ista.infer(&model, &visible, Until::after(layers)).unwrap().codes;
            assert_all_close(&format!("{layers} layers"), &host(&found).unwrap(), &host(&expected).unwrap(), 1e-12);
        }
    }
}

#[test]
fn the_gradient_of_a_coupled_network_matches_central_differences_and_trusted_codes_are_not_thresholded() {
    let (model, visible) = (SparseCoding::half(normal(4, 5, 1), 0.3).unwrap(), normal(3, 4, 2));
    let codes = normal(3, 5, 3);
    for (layers, trusted) in [(1, 0.0), (3, 0.0), (3, 0.2), (2, 1.0)] {
        let network = CoupledLista { trusted, most_trusted: 1.0, ..CoupledLista::of(&model, layers).unwrap() };
        let (loss, gradient) = lista_gradient(&network, &visible, &codes).unwrap();
        let at = |parameters: &[Tensor]| {
            let moved = network.with_parameters(parameters.to_vec()).unwrap();
            let away = (moved.encode(&visible).unwrap() - &codes).unwrap();
            0.5 * host(&away).unwrap().iter().map(|x| x * x).sum::<f64>() / 3.0
        };
        assert_close("loss", loss, at(&network.parameters()), 1e-12);
        assert_all_close("gradient", &flat(&gradient), &differences(&network.parameters(), at), 1e-7);
    }
    let all = CoupledLista { trusted: 1.0, most_trusted: 1.0, ..CoupledLista::of(&model, 1).unwrap() };
    let plain = (visible.matmul(&all.encode).unwrap().broadcast_mul(&all.steps)).unwrap();
    let found = host(&all.encode(&visible).unwrap()).unwrap();
    assert_all_close("all codes trusted", &found, &host(&plain).unwrap(), 1e-15);
}

#[test]
fn the_gradient_of_an_encoder_matches_central_differences() {
    let model = SparseCoding::half(normal(4, 5, 4), 0.3).unwrap();
    let (encoder, visible, codes) =
        (Encoder::random(&model, Stream::new(5)).unwrap(), normal(3, 4, 6), normal(3, 5, 7));
    let (loss, gradient) = encoder_gradient(&encoder, &visible, &codes, 1.4).unwrap();
    let at = |parameters: &[Tensor]| {
        let moved = Encoder::from_parameters(parameters.to_vec()).unwrap();
        let away = (moved.encode(&visible).unwrap() - &codes).unwrap();
        0.7 * host(&away).unwrap().iter().map(|x| x * x).sum::<f64>() / 3.0
    };
    assert_close("loss", loss, at(&encoder.parameters()), 1e-12);
    assert_all_close("gradient", &flat(&gradient), &differences(&encoder.parameters(), at), 1e-7);
}

#[test]
fn training_brings_an_unrolled_network_closer_and_keeps_its_thresholds_from_below_zero() {
    let (model, visible) = (SparseCoding::half(normal(4, 8, 8), 0.3).unwrap(), normal(30, 4, 9));
    let codes = CoordinateDescent.infer(&model, &visible, Until::gap_within(1e-10, 2000)).unwrap().codes;
    let mut state = ListaTraining::new(Lista::of(&model, 2).unwrap()).unwrap();
    let mut losses = Vec::new();
    for _ in 0..200 {
        let loss;
        (state, loss) = state.step(&visible, &codes, &Adam::default(), 0.02).unwrap();
        losses.push(loss);
        assert!(host(&state.network.thresholds).unwrap().iter().all(|threshold| *threshold >= 0.0));
    }
    assert!(losses[199] < 0.3 * losses[0], "from {} to {}", losses[0], losses[199]);
}

#[test]
fn codes_drawn_to_a_guess_are_those_of_the_stacked_problem() {
    for (model, visible) in models() {
        let (atoms, gamma) = (model.weight().dim(1).unwrap(), 0.6_f64);
        let target = normal(5, atoms, 10);
        let drawn = model.clamp(&visible).unwrap().drawn_to(&target, gamma).unwrap();
        let codes = CoordinateDescent.solve(&drawn, None, Until::after(2000)).unwrap().codes;
        assert!(drawn.kkt_residual(&codes).unwrap().iter().all(|residual| *residual < 1e-10));

        let identity = Tensor::eye(atoms, model.weight().dtype(), model.weight().device()).unwrap();
        let weight = Tensor::cat(&[model.weight(), &(identity * gamma.sqrt()).unwrap()], 0).unwrap();
        let beside = Tensor::cat(&[&visible, &(&target * gamma.sqrt()).unwrap()], 1).unwrap();
        let stacked = model.with_weight(weight).unwrap();
        let expected = CoordinateDescent.infer(&stacked, &beside, Until::after(2000)).unwrap().codes;
        assert_all_close("codes", &host(&codes).unwrap(), &host(&expected).unwrap(), 1e-10);
        let objectives = stacked.objective(&beside, &codes).unwrap();
        assert_all_close("objective", &drawn.objective(&codes).unwrap(), &objectives, 1e-10);
    }
}

#[test]
fn predictive_sparse_decomposition_lowers_its_loss_and_its_guess_is_never_better_than_its_codes() {
    let (model, visible) = (SparseCoding::chapter(normal(4, 6, 11), 0.3).unwrap(), normal(40, 4, 12));
    let psd = Psd {
        gamma: 1.0,
        solver: CoordinateDescent,
        until: Until::gap_within(1e-10, 1000),
        adam: Adam::default(),
        columns: None,
    };
    let encoder = Encoder::random(&model, Stream::new(13)).unwrap();
    let mut state = PsdState::new(model, encoder).unwrap();
    let mut losses = Vec::new();
    for _ in 0..150 {
        let found;
        (state, found) = psd.update(state, &visible, 0.02).unwrap();
        assert!(found.at_guess >= found.at_optimum);
        losses.push(found);
    }
    assert!(losses[149].at_optimum < losses[0].at_optimum, "{:?} to {:?}", losses[0], losses[149]);
    assert!(losses[149].at_guess < 0.8 * losses[0].at_guess, "{:?} to {:?}", losses[0], losses[149]);
}
