//! Averaged parameters: the model that is judged is the mean of those that training went through.

use crate::gradients::flat;
use crate::learning::{begin, some_examples, train};
use crate::steps::{bits, by_mean_field};
use crate::support::{assert_all_close, converted, random_dbm};
use dbm::learning::{Average, Averaged, DbmWithNetwork, Parameters, State, Trainer, Update};
use dbm::math::{DType, Stream, Tensor};
use dbm::models::Dbm;

/// Machine and network after every update, by a trainer without a mean.
fn path(dbm: &Dbm, data: &Tensor, steps: u64) -> Vec<Vec<f64>> {
    let trainer = by_mean_field(8);
    let mut state = begin(&trainer, dbm);
    let mut path = Vec::new();
    for step in 0..steps {
        state = train(&trainer, state, data, step..step + 1, 0.1);
        path.push(all(&state.model().unwrap()));
    }
    path
}

fn all(DbmWithNetwork { dbm, network }: &DbmWithNetwork) -> Vec<f64> {
    [flat(&Parameters::of_dbm(dbm)), flat(&Parameters::of_network(network))].concat()
}

/// Σ weight · point / Σ weight.
fn weighted(points: &[Vec<f64>], weight: impl Fn(usize) -> f64) -> Vec<f64> {
    let total: f64 = (0..points.len()).map(&weight).sum();
    let at = |i: usize| points.iter().enumerate().map(|(n, point)| weight(n) * point[i]).sum::<f64>() / total;
    (0..points[0].len()).map(at).collect()
}

#[test]
fn the_model_is_the_mean_of_the_parameters_by_hand() {
    const STEPS: u64 = 9;
    let wide = random_dbm(&[5, 4, 3], 0.5, 0.3, 8);
    for (dtype, rounding) in [(DType::F64, 1e-14), (DType::F32, 2e-6)] {
        let dbm = converted(&wide, dtype);
        let data = some_examples().to_dtype(dtype).unwrap();
        let points = path(&dbm, &data, STEPS);
        for (average, first) in [
            (Average { decay: None, from: 0.0 }, 0),
            (Average { decay: None, from: 0.5 }, 5),
            (Average { decay: Some(0.7), from: 0.0 }, 0),
            (Average { decay: Some(0.7), from: 0.88 }, 8),
        ] {
            let by = Averaged { by: by_mean_field(8), average };
            let mut state = begin(&by, &dbm);
            for step in 0..STEPS {
                let progress = step as f64 / STEPS as f64;
                let stream = Stream::new(9).named("steps").at(step);
                let (learning_rate, network_learning_rate) = (0.1, 0.1);
                let update = Update { progress, ..Update::new(stream, [learning_rate, network_learning_rate]) };
                state = by.step(state, &data, update).unwrap().0;
                let done = step as usize + 1;
                let moving = all(&state.moving.model().unwrap());
                assert_eq!(bits(&moving), bits(&points[done - 1]), "training goes on as if there were no mean");
                let expected = match done > first {
                    true => {
                        let weight = |n: usize| average.decay.map_or(1.0, |decay| decay.powi(-(n as i32)));
                        weighted(&points[first..done], weight)
                    }
                    false => moving,
                };
                assert_all_close("mean", &all(&state.model().unwrap()), &expected, rounding);
            }
        }
    }
}
