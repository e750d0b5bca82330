//! What a machine in single precision is judged by: its own numbers, summed in double.

use crate::support::{assert_all_close, assert_close, converted, random_dbm, random_q};
use dbm::evaluate::{Annealing, Half, LogPartition, Path, Spacing, elbo_unnormalized, exact};
use dbm::inference::{Exact, Inference};
use dbm::math::{DType, Device, Momentum, Stream, Tensor, Term, Weight, double, host};
use dbm::models::{Conditionals, Dbm, LatentModel};
use dbm::posterior::Posterior;

/// A machine in single precision, and the same numbers in double.
fn pair(sizes: &[usize], scale: f64, seed: u64) -> (Dbm, Dbm) {
    let single = converted(&random_dbm(sizes, scale, scale, seed), DType::F32);
    let double = converted(&single, DType::F64);
    (single, double)
}

/// Random states, `[3, units]` per layer.
fn states(sizes: &[usize]) -> Vec<Tensor> {
    let uniform =
        |(l, &n): (usize, &usize)| Stream::new(9).at(l as u64).uniform(3, n, DType::F64, &Device::Cpu).unwrap();
    sizes.iter().enumerate().map(|layer| uniform(layer).gt(0.5).unwrap().to_dtype(DType::F64).unwrap()).collect()
}

fn single(layers: &[Tensor]) -> Vec<Tensor> {
    layers.iter().map(|layer| layer.to_dtype(DType::F32).unwrap()).collect()
}

#[test]
fn log_joints_are_those_of_double_precision() {
    let sizes = [300, 200, 100];
    let (small, large) = pair(&sizes, 1.0, 1);
    let states = states(&sizes);
    let expected = host(&large.free().unwrap().log_joint(&states).unwrap()).unwrap();
    let found = small.free().unwrap().log_joint(&single(&states)).unwrap();
    assert_eq!(found.dtype(), DType::F64);
    // Thousands of terms of order one: nothing is left to differ but the order of adding.
    assert_all_close("ln p̃", &host(&found).unwrap(), &expected, 1e-9);
}

#[test]
fn entropies_are_sums_in_double_precision() {
    let (dbm, _) = pair(&[4, 3000, 2000], 1.0, 2);
    let visible = Tensor::zeros((2, 4), DType::F32, &Device::Cpu).unwrap();
    let q = random_q(&dbm, &visible, 1.0, Stream::new(1));
    let units = |example: usize| -> f64 {
        let layers = q.units().iter().zip(q.inputs());
        let wide = |x: &Tensor| double(&x.narrow(0, example, 1).unwrap()).unwrap();
        layers.flat_map(|(kind, x)| host(&kind.entropy(&wide(x)).unwrap()).unwrap()).sum()
    };
    let found = host(&q.entropy().unwrap()).unwrap();
    // Exponentials are rounded unit by unit, this way and that; a sum in single precision would be off a thousand times as much.
    let rounding = f64::from(f32::EPSILON) * 5000_f64.sqrt();
    assert_all_close("entropy", &found, &[units(0), units(1)], rounding);
}

#[test]
fn weights_are_widened_once_and_anew_when_they_have_moved() {
    let matrix = |seed, rows, columns| Stream::new(seed).normal(rows, columns, DType::F32, &Device::Cpu).unwrap();
    let wide = |weight: &Weight| weight.doubled().unwrap().tensor().unwrap();
    let values = |tensor: &Tensor| host(tensor).unwrap();
    let mut at = Weight::from(matrix(1, 40, 33));
    let mut last = Weight::from(matrix(2, 40, 33));
    for step in 0..2 {
        assert_eq!(wide(&at).dtype(), DType::F64);
        assert_eq!(wide(&at).id(), wide(&at).id(), "one tensor for all who ask");
        assert_eq!(values(&wide(&at)), values(&at.tensor().unwrap()));
        let uphill = Term::Outer { below: matrix(3 + step, 5, 40), above: matrix(5 + step, 5, 33), share: 1.0 };
        let (before, by) = (wide(&at), Momentum { momentum: 0.5, rate: 0.1, decay: 0.01 });
        (at, last) = by.step_along(at, last, &[uphill]).unwrap();
        assert_ne!(values(&wide(&at)), values(&before));
    }
    assert_eq!(values(&wide(&at)), values(&at.tensor().unwrap()));
}

#[test]
fn exact_inference_has_no_divergence_left_in_single_precision() {
    let (dbm, large) = pair(&[11, 40, 9], 1.5, 3);
    let visible = single(&states(&[11])).remove(0);
    let clamped = dbm.clamp(&visible).unwrap();
    let q = Exact { max_bits: 20.0 }.infer(&dbm, &visible, Stream::new(0)).unwrap().q;
    assert_eq!(q.means().unwrap()[0].dtype(), DType::F32, "means are for the machine to use");
    let evidence = clamped.log_partition(20.0).unwrap();
    assert_all_close("ELBO", &elbo_unnormalized(&dbm, &visible, &q).unwrap(), &evidence, 1e-10);
    let log_z = |dbm: &Dbm| exact(dbm, 20.0).unwrap().value.nats;
    assert_close("ln Z", log_z(&dbm), log_z(&large), 1e-10);
}

/// Units without couplings: every gain along the path is known to the last bit.
fn independent(visible_bias: f64) -> Dbm {
    let vector = |value: f64, n: usize| Tensor::full(value, n, &Device::Cpu).unwrap();
    let dbm = Dbm::binary(
        vec![Tensor::zeros((5000, 1), DType::F64, &Device::Cpu).unwrap()],
        vec![vector(visible_bias, 5000), vector(0.0, 1)],
    );
    converted(&dbm.unwrap(), DType::F32)
}

fn log_weights(dbm: &Dbm, kept: Half) -> Vec<f64> {
    let settings =
        Annealing { temperatures: 1, spacing: Spacing::Uniform, chains: 4, kept: Some(kept), base_means: Vec::new() };
    let path = Path::new(dbm, &settings).unwrap();
    path.advance(path.start(4, Stream::new(1)).unwrap(), 1).unwrap().log_weights
}

#[test]
fn annealing_adds_the_gains_of_units_in_double_precision() {
    let bias = f64::from(0.1_f32);
    let dbm = independent(bias);
    for log_weight in log_weights(&dbm, Half::Even) {
        // So many visible units are on, each of which gains its bias.
        let on = log_weight / bias;
        assert!(on > 1000.0, "{on} units are on");
        assert_close("units that are on", on, on.round(), 1e-9);
    }
    // Each gain is rounded once or twice, their sum is not.
    let gain = bias.exp().ln_1p() - 2f64.ln();
    assert_all_close("ln w", &log_weights(&dbm, Half::Odd), &[5000.0 * gain; 4], 5000.0 * f64::from(f32::EPSILON));
}

#[test]
fn rounding_of_a_thousand_temperatures_is_below_a_thousandth_of_a_nat() {
    // Without couplings, and without biases in the layer that is kept, every chain finds log Z: what is off is rounding.
    let biases: Vec<f64> = (0..784).map(|i| 4.0 * (f64::from(i * 37 % 101) / 50.0 - 1.0)).collect();
    let visible = Tensor::from_vec(biases, 784, &Device::Cpu).unwrap();
    let weights = Tensor::zeros((784, 20), DType::F64, &Device::Cpu).unwrap();
    let hidden = Tensor::zeros(20, DType::F64, &Device::Cpu).unwrap();
    let dbm = converted(&Dbm::binary(vec![weights], vec![visible, hidden]).unwrap(), DType::F32);
    let settings = Annealing {
        temperatures: 1000,
        spacing: Spacing::Uniform,
        chains: 2,
        kept: Some(Half::Odd),
        base_means: Vec::new(),
    };
    let path = Path::new(&dbm, &settings).unwrap();
    let arrived = path.advance(path.start(2, Stream::new(2)).unwrap(), 1000).unwrap();
    let found = LogPartition::from_log_weights(&path, arrived.log_weights).unwrap().value.nats;
    // Gains are rounded unit by unit: 784 000 of them, by about 1e-7 each and in no one direction, are 1e-4 together.
    assert_close("log Z", found, dbm.free().unwrap().log_partition(24.0).unwrap()[0], 1e-3);
}
