//! Parallel tempering: exchanges are in detailed balance, the joint over all replicas stays as it is, and one temperature is none.

use crate::labels::labelled;
use crate::learning::{PLAIN, begin, some_examples, train, values};
use crate::sampling::{draw, misfit};
use crate::support::{ByHand, all_states, assert_all_close, assert_close, converted, layers, log_sum_exp, random_dbm};
use crate::support::{matrices, rows};
use dbm::inference::{BottomUp, MeanField, Refined, Stop};
use dbm::learning::{
    Carried, Chains, Joint, MaximumLikelihood, NegativePhase, Rungs, SchemeAlone, Temperatures, Tempered, TemperedBase,
    Tempering, log_exchange_ratio,
};
use dbm::math::{DType, Device, Layers, Stream, Tensor, host, mean_of};
use dbm::models::{Dbm, Heated};

/// Inputs of independent units, different in each layer.
fn some_base(dbm: &Dbm) -> Layers {
    let draw = |(l, &n): (usize, &usize)| Stream::new(71).at(l as u64).normal(1, n, dbm.dtype(), dbm.device()).unwrap();
    dbm.sizes().iter().enumerate().map(draw).collect()
}

/// The machine at an inverse temperature, by hand.
fn at(dbm: &Dbm, base: &[Tensor], share: f64) -> Dbm {
    let weights: Vec<Tensor> = matrices(dbm.weights()).iter().map(|weight| (weight * share).unwrap()).collect();
    let mixed = |(bias, base): (&Tensor, &Tensor)| {
        ((bias * share).unwrap() + (base.squeeze(0).unwrap() * (1.0 - share)).unwrap()).unwrap()
    };
    dbm.with_parameters(weights, dbm.biases().iter().zip(base).map(mixed).collect()).unwrap()
}

/// Probability of every state of all units.
fn probabilities(dbm: &Dbm) -> Vec<f64> {
    let hand = ByHand::of(dbm);
    let joints: Vec<f64> = all_states(dbm.sizes().iter().sum()).iter().map(|state| hand.log_joint(state)).collect();
    let log_z = log_sum_exp(&joints);
    joints.iter().map(|joint| (joint - log_z).exp()).collect()
}

#[test]
fn the_log_ratio_of_a_state_is_the_difference_of_its_log_joints() {
    for sizes in [&[3, 4][..], &[3, 2, 2], &[2, 2, 3, 1]] {
        let dbm = random_dbm(sizes, 1.5, 1.0, 72);
        let (base, states) = (some_base(&dbm), all_states(sizes.iter().sum()));
        let found = dbm.free().unwrap().log_ratio_to(&base, &layers(&states, sizes)).unwrap();
        let [machine, units] = [1.0, 0.0].map(|share| ByHand::of(&at(&dbm, &base, share)));
        let expected: Vec<f64> = states.iter().map(|x| machine.log_joint(x) - units.log_joint(x)).collect();
        assert_all_close("log ratio", &found, &expected, 1e-12);
    }
}

#[test]
fn exchanges_are_in_detailed_balance_with_the_joint_on_every_pair_of_states() {
    let sizes = [2, 2, 1];
    let dbm = random_dbm(&sizes, 2.0, 1.0, 73);
    let base = some_base(&dbm);
    let log_ratios = dbm.free().unwrap().log_ratio_to(&base, &layers(&all_states(5), &sizes)).unwrap();
    for shares in [[1.0, 0.7], [0.7, 0.2], [0.2, 0.0]] {
        let [cold, hot] = shares.map(|share| probabilities(&at(&dbm, &base, share)));
        for x in 0..log_ratios.len() {
            for y in 0..log_ratios.len() {
                let accepted =
                    |a: usize, b: usize| log_exchange_ratio(shares, [log_ratios[a], log_ratios[b]]).exp().min(1.0);
                let (there, back) = (cold[x] * hot[y] * accepted(x, y), cold[y] * hot[x] * accepted(y, x));
                assert_close(&format!("{x} and {y} at {shares:?}"), there, back, 1e-15 + 1e-11 * there);
            }
        }
    }
}

#[test]
fn tempering_leaves_the_joint_over_all_replicas_as_it_is() {
    const CHAINS: usize = 20_000;
    for (sizes, shares, seed) in [(&[2, 1][..], &[1.0, 0.4][..], 1), (&[1, 1, 1], &[1.0, 0.5, 0.0], 2)] {
        let dbm = random_dbm(sizes, 1.5, 0.7, 74 + seed);
        let (base, units) = (some_base(&dbm), sizes.iter().sum::<usize>());
        let each: Vec<Vec<f64>> = shares.iter().map(|&share| probabilities(&at(&dbm, &base, share))).collect();
        // States of all replicas side by side, the coldest first.
        let all = all_states(units * shares.len());
        let joint: Vec<f64> = (0..all.len())
            .map(|state| each.iter().enumerate().map(|(r, p)| p[state >> (r * units) & (p.len() - 1)]).product())
            .collect();
        let start = draw(&all, &joint, CHAINS, 75 + seed);
        let replica = |r: usize| {
            let own: Vec<Vec<f64>> = start.iter().map(|row| row[r * units..(r + 1) * units].to_vec()).collect();
            Chains::from_states(layers(&own, sizes))
        };
        let tempering = Tempering::new(&dbm, base, shares).unwrap();
        let replicas: Vec<Chains> = (0..shares.len()).map(replica).collect();
        for sweeps in [1, 3] {
            let (moved, swaps) = tempering.advance(replicas.clone(), sweeps, Stream::new(76 + seed)).unwrap();
            assert!(swaps.iter().all(|&share| share > 0.2 && share < 0.999), "{swaps:?}");
            let columns: Vec<Vec<Vec<f64>>> = moved.iter().flat_map(|r| r.states().iter().map(rows)).collect();
            let joined: Vec<Vec<f64>> =
                (0..CHAINS).map(|row| columns.iter().flat_map(|layer| layer[row].clone()).collect()).collect();
            let misfit = misfit(&joined, &joint);
            assert!(misfit.abs() < 4.5, "sizes {sizes:?}, {sweeps} sweeps: {misfit} standard deviations");
        }
    }
}

#[test]
fn exchanges_carry_chains_between_modes_that_gibbs_sampling_does_not_leave() {
    // Two units that agree or pay 12 nats: all on or all off, as probable.
    let weight = Tensor::new(&[[12.0]], &Device::Cpu).unwrap();
    let bias = Tensor::new(&[-6.0], &Device::Cpu).unwrap();
    let dbm = Dbm::binary(vec![weight], vec![bias.clone(), bias]).unwrap();
    let off = || Chains::from_states(vec![Tensor::zeros((2000, 1), DType::F64, &Device::Cpu).unwrap(); 2]);
    let mean = |chains: &Chains| mean_of(&host(&chains.states()[0]).unwrap());
    let (plain, _) = off().advance(&dbm, 30, Stream::new(1)).unwrap();
    assert!(mean(&plain) < 0.2, "{}", mean(&plain));
    let shares = Temperatures { count: 5, lowest: 0.0, spacing: Rungs::Even }.shares();
    let base = vec![Tensor::zeros((1, 1), DType::F64, &Device::Cpu).unwrap(); 2];
    let tempering = Tempering::new(&dbm, base, &shares).unwrap();
    let (moved, _) = tempering.advance(vec![off(); 5], 30, Stream::new(1)).unwrap();
    // Half by symmetry; four standard errors of 2000 independent chains.
    assert_close("share of chains that are on", mean(&moved[0]), 0.5, 4.0 * 0.5 / 2000.0_f64.sqrt());
}

#[test]
fn a_heated_machine_samples_alike_by_kernels_and_by_tensor_operations() {
    for dbm in [random_dbm(&[40, 33, 18], 0.7, 0.5, 77), labelled(&[40, 33, 18], 0.7, 77)] {
        let base = some_base(&dbm);
        for share in [0.0, 0.3, 1.0] {
            let sampled = |dtype: DType| {
                let dbm = converted(&dbm, dtype);
                let base: Layers = base.iter().map(|base| base.to_dtype(dtype).unwrap()).collect();
                let start = Chains::from_biases(&dbm, 50, Stream::new(1)).unwrap().states().to_vec();
                let heated = Heated::new(&dbm.free().unwrap(), &base, share).unwrap();
                values(&heated.sweep(start, Stream::new(2)).unwrap())
            };
            // The draws are the same numbers; a state differs only where one falls between two roundings of its probability.
            assert_eq!(sampled(DType::F32), sampled(DType::F64), "at {share}");
        }
    }
}

#[test]
fn temperatures_go_from_one_to_the_lowest() {
    let shares = |count, lowest, spacing| Temperatures { count, lowest, spacing }.shares();
    assert_all_close("even", &shares(5, 0.0, Rungs::Even), &[1.0, 0.75, 0.5, 0.25, 0.0], 1e-15);
    assert_all_close("geometric", &shares(4, 0.001, Rungs::Geometric), &[1.0, 0.1, 0.01, 0.001], 1e-15);
    assert_eq!(shares(1, 0.3, Rungs::Even), [1.0]);
}

fn tempered(count: usize, base: TemperedBase) -> Tempered {
    let temperatures = Temperatures { count, lowest: 0.0, spacing: Rungs::Even };
    Tempered { by: NegativePhase { chains: 7, sweeps: 2 }, temperatures, base }
}

fn likelihood<N>(negative: N) -> MaximumLikelihood<SchemeAlone<Refined<BottomUp, MeanField>>, N> {
    let positive = SchemeAlone(Refined { start: BottomUp, by: MeanField::default(), stop: Stop::after(5) });
    MaximumLikelihood { positive, negative, dbm: PLAIN, network: PLAIN }
}

#[test]
fn chains_at_one_temperature_are_plain_persistent_chains_to_the_bit() {
    let dbm = random_dbm(&[5, 4, 3], 0.8, 0.4, 78);
    let numbers = |state: &Joint| [values(&matrices(state.dbm.weights())), values(state.chains.states())];
    let plain = likelihood(NegativePhase { chains: 7, sweeps: 2 });
    let plain = train(&plain, begin(&plain, &dbm), &some_examples(), 0..5, 0.1);
    let one = likelihood(tempered(1, TemperedBase::Data));
    assert_eq!(numbers(&train(&one, begin(&one, &dbm), &some_examples(), 0..5, 0.1)), numbers(&plain));
    let three = likelihood(tempered(3, TemperedBase::Data));
    assert_ne!(numbers(&train(&three, begin(&three, &dbm), &some_examples(), 0..5, 0.1)), numbers(&plain));
}

#[test]
fn the_base_is_the_mean_of_the_data_shown_so_far() {
    let trainer = likelihood(tempered(2, TemperedBase::Data));
    let mut state: Joint = begin(&trainer, &random_dbm(&[5, 4], 0.8, 0.4, 79));
    let batches = [some_examples().narrow(0, 0, 4).unwrap(), some_examples().narrow(0, 9, 4).unwrap()];
    for (step, batch) in batches.iter().enumerate() {
        state = train(&trainer, state, batch, step as u64..step as u64 + 1, 0.1);
    }
    let Carried::Replicas(replicas) = &state.carried else { panic!("no replicas") };
    let mean = values(&[Tensor::cat(&batches, 0).unwrap().mean(0).unwrap()]);
    assert_all_close("mean of the data", &values(std::slice::from_ref(&replicas.visible_mean)), &mean, 1e-15);
}
