//! Expectations under exact and factorial posteriors against sums over all states.

use crate::support::{all_states, assert_all_close, assert_close, machines, random_dbm, rows, tensor};
use dbm::math::{DType, Device, Stream, host, sigmoid};
use dbm::models::{Conditionals, ExpectedLogJoint, LatentModel};
use dbm::posterior::{Factorial, Posterior};

/// Probabilities, means, entropy and expected log joint of `q` over all states of `sizes`, by direct summation.
struct Summed {
    means: Vec<f64>,
    entropy: f64,
    expected_log_joint: f64,
}

fn summed(probabilities: &[f64], log_joints: &[f64], units: usize) -> Summed {
    let states = all_states(units);
    let expectation = |value: &dyn Fn(usize) -> f64| (0..states.len()).map(|s| probabilities[s] * value(s)).sum();
    Summed {
        means: (0..units).map(|unit| expectation(&|s| states[s][unit])).collect(),
        entropy: probabilities.iter().filter(|p| **p > 0.0).map(|p| -p * p.ln()).sum(),
        expected_log_joint: expectation(&|s| log_joints[s]),
    }
}

#[test]
fn table_of_a_clamped_machine_is_the_exact_posterior() {
    for (name, dbm, machine) in machines() {
        let images = all_states(machine.visible());
        let clamped = dbm.clamp(&tensor(&images)).unwrap();
        let (table, evidence) = clamped.tabulate(20.0).unwrap();
        let (means, entropy) = (table.means().unwrap(), host(&table.entropy().unwrap()).unwrap());
        let expected_log_joint = clamped.expected_log_joint(&table).unwrap();
        for (index, v) in images.iter().enumerate() {
            let name = format!("{name}, v = {v:?}");
            let by_hand = summed(&machine.posterior(v), &machine.log_joints(v), machine.hidden());
            let means: Vec<f64> = means.iter().flat_map(|layer| rows(layer)[index].clone()).collect();
            assert_all_close(&format!("{name}, means"), &means, &by_hand.means, 1e-11);
            assert_close(&format!("{name}, entropy"), entropy[index], by_hand.entropy, 1e-10);
            assert_close(
                &format!("{name}, expected log joint"),
                expected_log_joint[index],
                by_hand.expected_log_joint,
                1e-10,
            );
            let elbo = expected_log_joint[index] + entropy[index];
            assert_close(&format!("{name}, the bound is tight"), elbo, evidence[index], 1e-10);
            assert_close(&format!("{name}, evidence"), evidence[index], machine.log_evidence(v), 1e-10);
        }
    }
}

#[test]
fn table_of_a_free_machine_is_the_joint() {
    for (name, dbm, machine) in machines() {
        let units = machine.visible() + machine.hidden();
        let free = dbm.free().unwrap();
        let (table, log_z) = free.tabulate(20.0).unwrap();
        let log_joints: Vec<f64> = all_states(units).iter().map(|state| machine.log_joint(state)).collect();
        let expected_log_z = machine.log_z();
        let probabilities: Vec<f64> = log_joints.iter().map(|joint| (joint - expected_log_z).exp()).collect();
        let by_hand = summed(&probabilities, &log_joints, units);
        let means: Vec<f64> = table.means().unwrap().iter().flat_map(|mean| host(mean).unwrap()).collect();
        assert_close(&format!("{name}, log Z"), log_z[0], expected_log_z, 1e-10);
        assert_all_close(&format!("{name}, means"), &means, &by_hand.means, 1e-11);
        let total: f64 = host(table.log_probs()).unwrap().iter().map(|l| l.exp()).sum();
        assert_close(&format!("{name}, probabilities"), total, 1.0, 1e-12);
        assert_close(&format!("{name}, entropy"), host(&table.entropy().unwrap()).unwrap()[0], by_hand.entropy, 1e-10);
        let found = free.expected_log_joint(&table).unwrap()[0];
        assert_close(&format!("{name}, expected log joint"), found, by_hand.expected_log_joint, 1e-10);
    }
}

#[test]
fn expected_log_joint_of_a_factorial_q_is_the_sum_over_all_states() {
    for (name, dbm, machine) in machines() {
        let images = all_states(machine.visible());
        let inputs = random_dbm(&machine.sizes, 1.0, 3.0, 77).biases()[1..]
            .iter()
            .map(|row| row.unsqueeze(0).unwrap().broadcast_as((images.len(), row.elem_count())).unwrap())
            .map(|row| row.contiguous().unwrap())
            .collect();
        let clamped = dbm.clamp(&tensor(&images)).unwrap();
        let q = Factorial::from_inputs(clamped.units().to_vec(), inputs);
        let mean: Vec<f64> = q.means().unwrap().iter().flat_map(|layer| rows(layer)[0].clone()).collect();
        let probabilities: Vec<f64> = all_states(machine.hidden())
            .iter()
            .map(|h| h.iter().zip(&mean).map(|(h, m)| if *h == 1.0 { *m } else { 1.0 - m }).product())
            .collect();
        let (found, entropy) = (clamped.expected_log_joint(&q).unwrap(), host(&q.entropy().unwrap()).unwrap());
        for (index, v) in images.iter().enumerate() {
            let by_hand = summed(&probabilities, &machine.log_joints(v), machine.hidden());
            assert_close(&format!("{name}, v = {v:?}"), found[index], by_hand.expected_log_joint, 1e-10);
            assert_close(&format!("{name}, entropy"), entropy[index], by_hand.entropy, 1e-10);
        }
    }
}

#[test]
fn visible_probabilities_are_accepted_and_follow_the_formula() {
    for (name, dbm, machine) in machines() {
        let visible = sigmoid(&Stream::new(5).normal(6, machine.visible(), DType::F64, &Device::Cpu).unwrap()).unwrap();
        let (table, evidence) = dbm.clamp(&visible).unwrap().tabulate(20.0).unwrap();
        let means = table.means().unwrap();
        for (index, v) in rows(&visible).iter().enumerate() {
            assert_close(&format!("{name}, evidence"), evidence[index], machine.log_evidence(v), 1e-10);
            let expected = summed(&machine.posterior(v), &machine.log_joints(v), machine.hidden()).means;
            let means: Vec<f64> = means.iter().flat_map(|layer| rows(layer)[index].clone()).collect();
            assert_all_close(&format!("{name}, means"), &means, &expected, 1e-11);
        }
    }
}
