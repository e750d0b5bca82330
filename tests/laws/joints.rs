//! The joint of a machine, its sums and its exact posterior, against loops over all states.

use crate::support::{
    ByHand, SIZES, all_states, assert_all_close, assert_close, converted, layers, log_sum_exp, machines, random_dbm,
    rows, tensor,
};
use dbm::math::{DType, Device, Tensor, host};
use dbm::models::{Conditionals, Dbm, Enumeration, LatentModel};
use dbm::posterior::Posterior;

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

#[test]
fn single_precision_agrees_with_double() {
    for (name, dbm, _) in machines() {
        let narrow = converted(&dbm, DType::F32);
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
