//! The joint of a machine, its sums and its exact posterior, against loops over all states.

use crate::support::{
    ByHand, all_states, assert_all_close, assert_close, layers, log_sum_exp, random_dbm, rows, tensor,
};
use dbm::math::{DType, Device, Stream, Tensor, host, log_mean_exp, mean_of, sigmoid};
use dbm::models::{Conditionals, Dbm, Enumeration, ExpectedLogJoint, LatentModel};
use dbm::posterior::{Factorial, Posterior};

/// Depths one to four, with layers of size one at the bottom, in the middle and at the top.
const SIZES: [&[usize]; 11] = [
    &[3, 4],
    &[1, 1],
    &[1, 5],
    &[5, 1],
    &[3, 4, 2],
    &[4, 1, 3],
    &[1, 1, 1],
    &[3, 2, 3, 2],
    &[2, 3, 1, 4],
    &[3, 2, 2, 3, 2],
    &[1, 1, 1, 1, 1],
];

/// Each size with small, ordinary and large weights.
fn machines() -> impl Iterator<Item = (String, Dbm, ByHand)> {
    SIZES.iter().enumerate().flat_map(|(index, sizes)| {
        [0.1, 1.0, 3.0].into_iter().map(move |std| {
            let dbm = random_dbm(sizes, std, std, index as u64);
            let by_hand = ByHand::of(&dbm);
            (format!("sizes {sizes:?}, weight std {std}"), dbm, by_hand)
        })
    })
}

/// ln Z by the transfer recursion: m_{l+1}(x') = ln Σ_x exp(m_l(x) + xᵀ W_l x') + b_{l+1} · x'.
fn log_z_by_transfer(machine: &ByHand) -> f64 {
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    let mut messages: Vec<f64> = all_states(machine.visible()).iter().map(|x| dot(x, &machine.biases[0])).collect();
    for (l, weight) in machine.weights.iter().enumerate() {
        let below = all_states(machine.sizes[l]);
        let message = |above: &Vec<f64>| {
            let sent: Vec<f64> = weight.iter().map(|row| dot(row, above)).collect();
            let terms: Vec<f64> = below.iter().zip(&messages).map(|(x, m)| m + dot(x, &sent)).collect();
            log_sum_exp(&terms) + dot(above, &machine.biases[l + 1])
        };
        messages = all_states(machine.sizes[l + 1]).iter().map(message).collect();
    }
    log_sum_exp(&messages)
}

#[test]
fn log_joint_is_the_sum_of_biases_and_couplings() {
    for (name, dbm, machine) in machines() {
        let states = all_states(dbm.sizes().iter().sum());
        let found = host(&dbm.free().unwrap().log_joint(&layers(&states, &machine.sizes)).unwrap()).unwrap();
        let expected: Vec<f64> = states.iter().map(|state| machine.log_joint(state)).collect();
        assert_all_close(&name, &found, &expected, 1e-12);
    }
}

#[test]
fn input_of_a_unit_is_the_log_odds_of_its_conditional() {
    for (name, dbm, machine) in machines() {
        let states = all_states(dbm.sizes().iter().sum());
        let free = dbm.free().unwrap();
        let mut unit = 0;
        for (layer, &units) in machine.sizes.iter().enumerate() {
            let inputs = rows(&free.input(&layers(&states, &machine.sizes), layer).unwrap());
            for i in 0..units {
                for (state, input) in states.iter().zip(&inputs) {
                    let with = |value: f64| {
                        let mut state = state.clone();
                        state[unit] = value;
                        machine.log_joint(&state)
                    };
                    assert_close(&format!("{name}, layer {layer}, unit {i}"), input[i], with(1.0) - with(0.0), 1e-12);
                }
                unit += 1;
            }
        }
    }
}

#[test]
fn clamping_the_visible_units_leaves_the_joint_unchanged() {
    for (name, dbm, machine) in machines() {
        let states = all_states(dbm.sizes().iter().sum());
        let all = layers(&states, &machine.sizes);
        let free = host(&dbm.free().unwrap().log_joint(&all).unwrap()).unwrap();
        let clamped = host(&dbm.clamp(&all[0]).unwrap().log_joint(&all[1..]).unwrap()).unwrap();
        assert_all_close(&name, &clamped, &free, 1e-12);
    }
}

#[test]
fn log_partition_agrees_by_three_routes() {
    for (name, dbm, machine) in machines() {
        let alternate = dbm.free().unwrap().log_partition(20.0).unwrap();
        assert_eq!(alternate.len(), 1, "{name}: one value for a free machine");
        assert_close(&format!("{name}, all states"), alternate[0], machine.log_z(), 1e-10);
        assert_close(&format!("{name}, transfer recursion"), alternate[0], log_z_by_transfer(&machine), 1e-10);
    }
}

#[test]
fn log_partition_of_many_states_agrees_with_the_transfer_recursion() {
    // 2^13 states come in two chunks, 2^14 in four.
    for (seed, sizes) in [&[13, 14][..], &[3, 14, 4, 11, 2], &[6, 8, 7]].into_iter().enumerate() {
        let dbm = random_dbm(sizes, 0.5, 0.5, seed as u64);
        let found = dbm.free().unwrap().log_partition(20.0).unwrap()[0];
        // The recursion over a pair of layers of 13 and 14 units is too long; there the hidden units are summed by hand.
        let expected =
            if sizes.len() > 2 { log_z_by_transfer(&ByHand::of(&dbm)) } else { log_z_of_rbm(&ByHand::of(&dbm)) };
        assert_close(&format!("{sizes:?}"), found, expected, 1e-10);
    }
}

/// ln Z of a machine of depth one: Σ_h exp(c · h) Π_i (1 + exp(b_i + W_i · h)).
fn log_z_of_rbm(machine: &ByHand) -> f64 {
    let terms: Vec<f64> = all_states(machine.hidden())
        .iter()
        .map(|h| {
            let dot = |row: &[f64]| row.iter().zip(h).map(|(w, h)| w * h).sum::<f64>();
            let visible = machine.weights[0].iter().zip(&machine.biases[0]);
            dot(&machine.biases[1]) + visible.map(|(row, bias)| (bias + dot(row)).exp().ln_1p()).sum::<f64>()
        })
        .collect();
    log_sum_exp(&terms)
}

#[test]
fn evidence_sums_over_all_images_to_the_partition_function() {
    for (name, dbm, machine) in machines() {
        let images = all_states(machine.visible());
        let evidence = dbm.clamp(&tensor(&images)).unwrap().log_partition(20.0).unwrap();
        let expected: Vec<f64> = images.iter().map(|v| machine.log_evidence(v)).collect();
        assert_all_close(&format!("{name}, evidence"), &evidence, &expected, 1e-10);
        assert_close(&name, log_sum_exp(&evidence), dbm.free().unwrap().log_partition(20.0).unwrap()[0], 1e-10);
    }
}

#[test]
fn zero_weights_give_independent_units() {
    for (index, sizes) in SIZES.iter().enumerate() {
        let dbm = random_dbm(sizes, 0.0, 2.0, index as u64);
        let biases = ByHand::of(&dbm).biases.concat();
        let softplus: f64 = biases.iter().map(|b| b.exp().ln_1p()).sum();
        let (table, log_z) = dbm.free().unwrap().tabulate(20.0).unwrap();
        assert_close(&format!("{sizes:?}, log Z"), log_z[0], softplus, 1e-12);
        let means: Vec<f64> = table.means().unwrap().iter().flat_map(|mean| host(mean).unwrap()).collect();
        let expected: Vec<f64> = biases.iter().map(|b| 1.0 / (1.0 + (-b).exp())).collect();
        assert_all_close(&format!("{sizes:?}, means"), &means, &expected, 1e-12);
    }
}

#[test]
fn sum_over_too_many_states_is_refused_and_names_the_bits() {
    let dbm = random_dbm(&[30, 26, 40, 25], 0.1, 0.1, 0);
    let free = dbm.free().unwrap();
    assert_close("bits of the smaller half", free.enumeration_bits().unwrap(), 51.0, 1e-12);
    for message in
        [free.log_partition(20.0).unwrap_err().to_string(), free.tabulate(20.0).map(|_| ()).unwrap_err().to_string()]
    {
        assert!(message.contains("2^51") && message.contains("2^20"), "{message}");
    }
    // With v clamped only the hidden layers count: 40 of one half, 26 + 25 of the other.
    let clamped = dbm.clamp(&tensor(&[vec![1.0; 30]])).unwrap();
    assert_close("bits with v clamped", clamped.enumeration_bits().unwrap(), 40.0, 1e-12);
    assert!(clamped.log_partition(39.9).unwrap_err().to_string().contains("2^40"));
    // Exactly at the limit is allowed.
    assert!(random_dbm(&[9, 8], 0.1, 0.1, 0).free().unwrap().log_partition(8.0).is_ok());
}

#[test]
fn machine_of_depth_one_has_the_free_energy_of_an_rbm() {
    let dbm = random_dbm(&[5, 4], 1.5, 1.0, 3);
    let machine = ByHand::of(&dbm);
    let images = all_states(5);
    let found = dbm.clamp(&tensor(&images)).unwrap().log_partition(0.0).unwrap();
    for (v, found) in images.iter().zip(found) {
        let visible: f64 = v.iter().zip(&machine.biases[0]).map(|(v, b)| v * b).sum();
        let hidden = (0..4).map(|j| {
            let input: f64 = machine.biases[1][j] + (0..5).map(|i| v[i] * machine.weights[0][i][j]).sum::<f64>();
            input.exp().ln_1p()
        });
        assert_close("minus the free energy", found, visible + hidden.sum::<f64>(), 1e-12);
    }
}

#[test]
fn saturating_biases_give_finite_exact_sums() {
    for bias in [30.0, -30.0, 800.0, -800.0] {
        let weights = random_dbm(&[3, 4, 2], 1.0, 0.0, 7).weights().to_vec();
        let biases = [3, 4, 2].map(|n| Tensor::full(bias, n, &Device::Cpu).unwrap()).to_vec();
        let dbm = Dbm::binary(weights, biases).unwrap();
        let machine = ByHand::of(&dbm);
        let found = dbm.free().unwrap().log_partition(20.0).unwrap()[0];
        assert_close(&format!("bias {bias}"), found, machine.log_z(), 1e-10 * f64::abs(bias));
        let images = all_states(3);
        let clamped = dbm.clamp(&tensor(&images)).unwrap();
        let (table, evidence) = clamped.tabulate(20.0).unwrap();
        let entropy = host(&table.entropy().unwrap()).unwrap();
        for (index, v) in images.iter().enumerate() {
            assert_close("evidence", evidence[index], machine.log_evidence(v), 1e-10 * f64::abs(bias));
            let expected: f64 = machine.posterior(v).iter().filter(|p| **p > 0.0).map(|p| -p * p.ln()).sum();
            assert_close("entropy", entropy[index], expected, 1e-9);
        }
    }
}

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

#[test]
fn single_precision_agrees_with_double() {
    for (name, dbm, _) in machines() {
        let single = |tensors: &[Tensor]| tensors.iter().map(|t| t.to_dtype(DType::F32).unwrap()).collect::<Vec<_>>();
        let narrow = Dbm::binary(single(dbm.weights()), single(dbm.biases())).unwrap();
        let (wide_z, narrow_z) = (
            dbm.free().unwrap().log_partition(20.0).unwrap()[0],
            narrow.free().unwrap().log_partition(20.0).unwrap()[0],
        );
        // A few dozen terms of up to about ten nats, each rounded to 6e-8 of itself.
        assert_close(&name, narrow_z, wide_z, 1e-5 * (1.0 + wide_z.abs()));
        let images = tensor(&all_states(dbm.sizes()[0]));
        let (wide, _) = dbm.clamp(&images).unwrap().tabulate(20.0).unwrap();
        let (narrow, _) = narrow.clamp(&images.to_dtype(DType::F32).unwrap()).unwrap().tabulate(20.0).unwrap();
        for (wide, narrow) in wide.means().unwrap().iter().zip(narrow.means().unwrap()) {
            assert_eq!(narrow.dtype(), DType::F32, "{name}");
            assert_all_close(&name, &host(&narrow).unwrap(), &host(wide).unwrap(), 2e-5);
        }
    }
}

#[test]
fn examples_of_another_width_are_refused_and_both_widths_named() {
    let message = random_dbm(&[3, 4], 1.0, 1.0, 0).clamp(&tensor(&[vec![0.0; 5]])).unwrap_err().to_string();
    assert!(message.contains('5') && message.contains('3'), "{message}");
}

#[test]
fn parameters_that_do_not_chain_are_refused_by_name() {
    let (weights, biases) = {
        let dbm = random_dbm(&[3, 4, 2], 1.0, 1.0, 0);
        (dbm.weights().to_vec(), dbm.biases().to_vec())
    };
    let message = Dbm::binary(weights.clone(), biases[..2].to_vec()).unwrap_err().to_string();
    assert!(message.contains("2 weight") && message.contains("2 bias"), "{message}");
    let swapped = vec![weights[0].clone(), weights[0].clone()];
    let message = Dbm::binary(swapped, biases).unwrap_err().to_string();
    assert!(message.contains("layers.1.weight") && message.contains("[4, 2]"), "{message}");
}

#[test]
fn enumeration_visits_every_state_once_in_the_stated_order() {
    let dbm = random_dbm(&[3, 2], 1.0, 1.0, 0);
    let states = Enumeration::new(&[(&dbm.units()[0], 3), (&dbm.units()[1], 2)]).unwrap();
    assert_close("bits", states.bits(), 5.0, 0.0);
    assert_eq!(states.count().unwrap(), 32);
    let all = rows(&states.chunk(0, 32, DType::F64, &Device::Cpu).unwrap());
    assert_eq!(all, all_states(5), "the first unit changes fastest");
    assert_eq!(rows(&states.chunk(7, 9, DType::F64, &Device::Cpu).unwrap()), all[7..16]);
    assert!(Enumeration::new(&[(&dbm.units()[0], 63)]).unwrap().count().unwrap_err().to_string().contains("2^63"));
}

#[test]
fn log_sums_keep_infinities_and_never_hide_a_number_that_is_none() {
    use dbm::math::{largest_change, log_sum_exp};
    assert_close("two", log_sum_exp(&[1.0, 2.0]), (1_f64.exp() + 2_f64.exp()).ln(), 1e-15);
    assert_close("large", log_sum_exp(&[1e4, 1e4]), 1e4 + 2_f64.ln(), 1e-11);
    assert_close("one", log_mean_exp(&[-3.0]), -3.0, 0.0);
    assert_close("mean", log_mean_exp(&[2_f64.ln(), 4_f64.ln()]), 3_f64.ln(), 1e-15);
    assert_close("impossible states do not count", log_sum_exp(&[f64::NEG_INFINITY, 1.5]), 1.5, 0.0);
    for (values, expected) in [
        (&[][..], f64::NEG_INFINITY),
        (&[f64::NEG_INFINITY; 2], f64::NEG_INFINITY),
        (&[f64::NEG_INFINITY, f64::INFINITY, 0.0], f64::INFINITY),
    ] {
        assert_close(&format!("{values:?}"), log_sum_exp(values), expected, 0.0);
    }
    for values in
        [&[f64::NAN][..], &[1.0, f64::NAN], &[f64::NAN, 1.0], &[f64::NAN, f64::INFINITY], &[f64::INFINITY, f64::NAN]]
    {
        assert!(log_sum_exp(values).is_nan(), "{values:?} gives {}", log_sum_exp(values));
    }
    for (before, after) in
        [([0.1, 0.2, f64::NAN], [0.1; 3]), ([f64::NAN, 0.2, 0.3], [0.1; 3]), ([0.1; 3], [0.1, f64::NAN, 0.9])]
    {
        let change = largest_change(&tensor(&[before.to_vec()]), &tensor(&[after.to_vec()])).unwrap();
        assert!(change[0].is_nan(), "from {before:?} to {after:?}: {change:?}");
    }
    let change =
        largest_change(&tensor(&[vec![0.5, 0.25], vec![0.0, 1.0]]), &tensor(&[vec![0.75, 0.25], vec![0.0, 0.0]]));
    assert_eq!(change.unwrap(), [0.25, 1.0]);
    assert_close("mean of three", mean_of(&[1.0, 2.0, 6.0]), 3.0, 1e-15);
}
