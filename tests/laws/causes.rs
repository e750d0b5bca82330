//! The schemes for pairs of units on binary sparse coding, where every pair of causes interacts: modes, tables over blocks, TAP.

use crate::latent_models::{coding, normal};
use crate::support::{all_states, assert_all_close, assert_close, rows, tensor};
use dbm::evaluate::elbo_unnormalized;
use dbm::inference::{
    Inference, IteratedModes, Map, MeanField, Random, Refined, Stop, Structured, Tables, Tap, Uninformed,
};
use dbm::math::{Stream, Tensor, host};
use dbm::models::{BinarySparseCoding, Conditionals, LatentModel};
use dbm::posterior::Posterior;

fn instances() -> impl Iterator<Item = (BinarySparseCoding, Tensor)> {
    [(4, 3), (1, 4), (5, 1), (6, 5)].into_iter().enumerate().map(|(seed, (visible, hidden))| {
        (coding(visible, hidden, 0.9, seed as u64), normal("v", 6, visible, seed as u64))
    })
}

fn side_by_side(layers: &[Tensor]) -> Vec<f64> {
    rows(&Tensor::cat(layers, 1).unwrap()).concat()
}

/// ln p(v, h) of every state of the causes of one example.
fn log_joints(model: &BinarySparseCoding, visible: &Tensor, example: usize) -> Vec<f64> {
    let hidden = model.bias().elem_count();
    let states = tensor(&all_states(hidden));
    let columns: Vec<Tensor> =
        (0..hidden).map(|unit| states.narrow(1, unit, 1).unwrap().contiguous().unwrap()).collect();
    host(&model.clamp(&visible.narrow(0, example, 1).unwrap()).unwrap().log_joint(&columns).unwrap()).unwrap()
}

#[test]
fn the_mode_of_the_causes_is_the_argmax_and_no_search_exceeds_it() {
    for (model, visible) in instances() {
        let best = Map { max_bits: 20.0 }.infer(&model, &visible, Stream::new(0)).unwrap().q;
        let nats = elbo_unnormalized(&model, &visible, &best).unwrap();
        let search = IteratedModes { starts: 30, max_sweeps: 50 }.infer(&model, &visible, Stream::new(1)).unwrap();
        assert!(search.trace.converged.unwrap().iter().all(|&converged| converged));
        let searched = elbo_unnormalized(&model, &visible, &search.q).unwrap();
        for example in 0..6 {
            let expected = log_joints(&model, &visible, example).into_iter().fold(f64::NEG_INFINITY, f64::max);
            assert_close("the mode", nats[example], expected, 1e-10);
            assert_close("30 starts over at most 32 states", searched[example], expected, 1e-10);
        }
    }
}

#[test]
fn one_table_over_all_causes_is_exact_and_tables_of_one_are_mean_field() {
    for (model, visible) in instances() {
        let hidden = model.bias().elem_count();
        let structured = |size: usize, stop: Stop| {
            let scheme = Structured { start: Random, tables: Tables::OfSize(size), max_bits: 10.0, stop };
            scheme.infer(&model, &visible, Stream::new(4)).unwrap()
        };
        let whole = structured(hidden, Stop::after(1)).q;
        let evidence = model.log_evidence_within(&visible, 10.0).unwrap();
        assert_all_close("evidence", &elbo_unnormalized(&model, &visible, &whole).unwrap(), &evidence, 1e-9);
        let singles = structured(1, Stop::after(3)).q.means().unwrap();
        let mean_field = Refined { start: Random, by: MeanField::default(), stop: Stop::after(3) };
        let twin = mean_field.infer(&model, &visible, Stream::new(4)).unwrap().q.means().unwrap();
        assert_all_close("means", &side_by_side(&singles), &side_by_side(&twin), 1e-12);
        let elbos = structured(2, Stop::after(10).traced()).trace.elbos_unnormalized;
        assert!(elbos.windows(2).all(|pair| pair[1] >= pair[0] - 1e-10), "{elbos:?}");
    }
}

#[test]
fn the_first_order_of_tap_is_mean_field_here_too() {
    for (model, visible) in instances() {
        let stop = Stop::after(4);
        let found = Tap { start: Uninformed, order: 1, damping: 0.0, stop };
        let found = found.estimate(&model, &visible, Stream::new(0)).unwrap();
        let twin = Refined { start: Uninformed, by: MeanField::default(), stop };
        let twin = twin.infer(&model, &visible, Stream::new(0)).unwrap().q;
        assert_all_close("means", &side_by_side(&found.means), &side_by_side(&twin.means().unwrap()), 1e-12);
        let bounds = elbo_unnormalized(&model, &visible, &twin).unwrap();
        assert_all_close("free energy", &found.free_energies, &bounds, 1e-10);
    }
}
