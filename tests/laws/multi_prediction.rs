//! Multi-prediction training: the gradient through every sweep, the prediction as mean field of what is left, and a task whose
//! ceiling is known.

use crate::support::{all_states, assert_all_close, assert_close, converted, random_dbm, rows, tensor};
use dbm::inference::{MeanField, Refine, Stop};
use dbm::learning::{
    Adam, Ascent, DbmWithNetwork, MultiPrediction, Parameters, Predicting, Sgd, State, Trainer, Update,
    multi_prediction_gradient, predict,
};
use dbm::math::{DType, Device, Stream, Tensor, host, mean_of};
use dbm::models::{Dbm, Known};
use dbm::posterior::Posterior;

fn coins(count: usize, units: usize, seed: u64) -> Tensor {
    let uniform = Stream::new(seed).uniform(count, units, DType::F64, &Device::Cpu).unwrap();
    uniform.ge(0.5).unwrap().to_dtype(DType::F64).unwrap()
}

fn loss(dbm: &Dbm, visible: &Tensor, mask: &Tensor, sweeps: usize) -> f64 {
    mean_of(&predict(dbm, visible, mask, sweeps).unwrap().losses)
}

#[test]
fn the_gradient_through_all_sweeps_is_that_of_differences() {
    for (seed, sizes) in [&[5, 4][..], &[5, 4, 3], &[4, 3, 3, 2]].into_iter().enumerate() {
        for sweeps in [0, 1, 2, 7] {
            let dbm = random_dbm(sizes, 0.8, 0.5, seed as u64);
            let (visible, mask) = (coins(6, sizes[0], 1), coins(6, sizes[0], 2));
            let (predicted, uphill) = multi_prediction_gradient(&dbm, &visible, &mask, sweeps).unwrap();
            assert_close("loss", mean_of(&predicted.losses), loss(&dbm, &visible, &mask, sweeps), 1e-13);
            let (at, uphill) =
                (Parameters::of_dbm(&dbm).tensors().unwrap(), uphill.dense().unwrap().tensors().unwrap());
            for (index, slopes) in uphill.iter().enumerate() {
                let along = Stream::new(index as u64).normal(1, slopes.elem_count(), DType::F64, &Device::Cpu).unwrap();
                let along = along.reshape(slopes.shape()).unwrap();
                let moved = |t: f64| {
                    let mut to = at.clone();
                    to[index] = (&at[index] + (&along * t).unwrap()).unwrap();
                    let biases = to.split_off(dbm.depth());
                    loss(&dbm.with_parameters(to, biases).unwrap(), &visible, &mask, sweeps)
                };
                let expected = -(moved(1e-5) - moved(-1e-5)) / 2e-5;
                let found = host(&(slopes * &along).unwrap().sum_all().unwrap()).unwrap()[0];
                let what = format!("{sizes:?}, {sweeps} sweeps, tensor {index}");
                assert_close(&what, found, expected, 1e-8 * expected.abs().max(1.0));
            }
        }
    }
}

#[test]
fn a_prediction_is_mean_field_of_what_is_left() {
    let dbm = random_dbm(&[6, 4, 3], 1.0, 0.5, 4);
    let (visible, mask) = (coins(5, 6, 3), coins(5, 6, 4));
    for sweeps in [0, 1, 4] {
        let found = predict(&dbm, &visible, &mask, sweeps).unwrap();
        for (example, inputs) in rows(&found.inputs).iter().enumerate() {
            let pick = |of: &Tensor| of.narrow(0, example, 1).unwrap();
            let held: Vec<bool> = host(&pick(&mask)).unwrap().iter().map(|&seen| seen == 1.0).collect();
            let known = Some(Known { held: held.clone(), states: pick(&visible) });
            let rest = dbm.given(&[known, None, None]).unwrap();
            let by = MeanField::default();
            let q = by.refine(rest.stack(), rest.start(1).unwrap(), Stop::after(sweeps), Stream::new(0)).unwrap().q;
            let expected = rows(&rest.visible(&q.means().unwrap()).unwrap());
            for unit in (0..6).filter(|&unit| !held[unit]) {
                let mean = 1.0 / (1.0 + (-inputs[unit]).exp());
                assert_close(&format!("{sweeps} sweeps, unit {unit}"), mean, expected[0][unit], 1e-12);
            }
        }
    }
}

#[test]
fn without_weights_the_loss_is_that_of_base_rates() {
    let rates = [0.1, 0.5, 0.8, 0.3];
    let biases = rates.map(|rate: f64| (rate / (1.0 - rate)).ln());
    let zeros = Tensor::zeros((4, 3), DType::F64, &Device::Cpu).unwrap();
    let bias = Tensor::new(&biases, &Device::Cpu).unwrap();
    let hidden = Tensor::new(&[0.3, -0.2, 0.9], &Device::Cpu).unwrap();
    let dbm = Dbm::binary(vec![zeros], vec![bias, hidden]).unwrap();
    let (visible, mask) = (tensor(&all_states(4)), coins(16, 4, 6));
    let found = predict(&dbm, &visible, &mask, 5).unwrap().losses;
    let expected: Vec<f64> = rows(&visible)
        .iter()
        .zip(rows(&mask))
        .map(|(states, seen)| {
            let surprise = |unit: usize| -(if states[unit] == 1.0 { rates[unit] } else { 1.0 - rates[unit] }).ln();
            (0..4).filter(|&unit| seen[unit] == 0.0).map(surprise).sum()
        })
        .collect();
    assert_all_close("cross-entropy", &found, &expected, 1e-12);
}

#[test]
fn single_precision_has_the_gradient_of_double_precision() {
    let dbm = random_dbm(&[70, 40, 33], 0.2, 0.5, 5);
    let (visible, mask) = (coins(9, 70, 1), coins(9, 70, 2));
    let slopes = |dtype: DType| {
        let [visible, mask] = [&visible, &mask].map(|tensor| tensor.to_dtype(dtype).unwrap());
        let (_, uphill) = multi_prediction_gradient(&converted(&dbm, dtype), &visible, &mask, 6).unwrap();
        uphill.dense().unwrap().tensors().unwrap().iter().flat_map(|slopes| host(slopes).unwrap()).collect::<Vec<_>>()
    };
    let (double, single) = (slopes(DType::F64), slopes(DType::F32));
    assert!(double.iter().any(|slope| slope.abs() > 0.01));
    assert_all_close("uphill", &single, &double, 2e-5);
}

/// Every bar and every stripe of a 3 x 3 picture once: eight bars and eight stripes, the two full and the two empty ones among them.
fn bars_and_stripes() -> Tensor {
    let pictures = all_states(3).into_iter().flat_map(|lines| {
        let bars = (0..9).map(|pixel| lines[pixel / 3]).collect::<Vec<_>>();
        [bars, (0..9).map(|pixel| lines[pixel % 3]).collect()]
    });
    tensor(&pictures.collect::<Vec<_>>())
}

/// Σ over missing pixels of -ln p(v_i | seen), mean over pictures: no prediction pixel by pixel can have a smaller loss.
fn ceiling(data: &[Vec<f64>], masks: &[Vec<f64>]) -> f64 {
    let of = |picture: &Vec<f64>, seen: &Vec<f64>| -> f64 {
        let agrees = |other: &&Vec<f64>| (0..9).all(|i| seen[i] == 0.0 || other[i] == picture[i]);
        let alike: Vec<&Vec<f64>> = data.iter().filter(agrees).collect();
        let share = |i: usize| alike.iter().filter(|other| other[i] == picture[i]).count() as f64 / alike.len() as f64;
        (0..9).filter(|&i| seen[i] == 0.0).map(|i| -share(i).ln()).sum()
    };
    data.iter().zip(masks).map(|(picture, seen)| of(picture, seen)).sum::<f64>() / data.len() as f64
}

fn update(step: u64, rate: f64) -> Update<'static> {
    Update::new(Stream::new(3).at(step), [rate, 0.0])
}

#[test]
fn bars_and_stripes_are_predicted_most_of_the_way_from_base_rates_to_what_can_be() {
    let data = bars_and_stripes();
    // One mask for all pictures, so that the conditional entropies of the data are a bound.
    let masks: Vec<Tensor> = (0..40).map(|round| tensor(&vec![rows(&coins(1, 9, 100 + round)).concat(); 16])).collect();
    let judged = |dbm: &Dbm| mean_of(&masks.iter().map(|mask| loss(dbm, &data, mask, 6)).collect::<Vec<_>>());
    let best = mean_of(&masks.iter().map(|mask| ceiling(&rows(&data), &rows(mask))).collect::<Vec<_>>());
    let by = MultiPrediction { sweeps: 6, drop: 0.5, ascent: Ascent::Adam(Adam::default()) };
    let machine = random_dbm(&[9, 24, 12], 0.3, 0.0, 1);
    let mut state = by.init(DbmWithNetwork::from_dbm(machine).unwrap(), Stream::new(0)).unwrap();
    for step in 0..3000 {
        state = by.step(state, &data, update(step, 0.01)).unwrap().0;
    }
    let trained = judged(&state.model.dbm);
    // Every pixel is on in half of the pictures: that is what base rates know.
    let missing: Vec<f64> = masks.iter().flat_map(rows).map(|row| 9.0 - row.iter().sum::<f64>()).collect();
    let base = mean_of(&missing) * 2f64.ln();
    assert!(trained >= best - 1e-9, "{trained} is better than can be, {best}");
    let share = (base - trained) / (base - best);
    assert!(share > 0.6, "from {base} to {trained}, and {best} is possible: {share} of the way");
}

#[test]
fn training_goes_on_alike_from_what_is_saved() {
    let data = bars_and_stripes();
    for ascent in [Ascent::Adam(Adam::default()), Ascent::Sgd(Sgd { momentum: 0.8, weight_decay: 0.01 })] {
        let by = MultiPrediction { sweeps: 3, drop: 0.4, ascent };
        let machine = DbmWithNetwork::from_dbm(random_dbm(&[9, 5, 4], 0.1, 0.1, 1)).unwrap();
        let run = |mut state: Predicting, steps: std::ops::Range<u64>| {
            for step in steps {
                state = by.step(state, &data, update(step, 0.05)).unwrap().0;
            }
            state
        };
        let half = run(by.init(machine, Stream::new(0)).unwrap(), 0..4);
        let saved = half.tensors().unwrap().into_iter().collect();
        let restored = Predicting::restore(half.model().unwrap(), &saved).unwrap();
        let bits = |state: Predicting| {
            let tensors = Parameters::of_dbm(&state.model.dbm).tensors().unwrap();
            tensors.iter().flat_map(|tensor| host(tensor).unwrap()).map(f64::to_bits).collect::<Vec<_>>()
        };
        assert_eq!(bits(run(half, 4..9)), bits(run(restored, 4..9)));
    }
}
