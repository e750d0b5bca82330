//! Machines with Gaussian visible units: mixtures of normal distributions, one component for each hidden state, in plain loops.

use crate::gradients::{differences, flat, with};
use crate::learning::{PLAIN, begin, train};
use crate::support::{
    all_states, assert_all_close, assert_close, converted, log_sum_exp, matrices, random_dbm, rows, tensor,
};
use dbm::evaluate::{Annealing, Half, Spacing, ais, exact};
use dbm::inference::{Exact, Inference, MeanField, Refined, Stop, Uninformed};
use dbm::learning::{
    Chains, MaximumLikelihood, NegativePhase, NegativeStart, Parameters, Pretraining, SchemeAlone, Statistics,
    exact_gradient,
};
use dbm::math::{DType, Device, Stream, Tensor, host, mean_of};
use dbm::models::{Dbm, Evidence, GaussianComponents, Heated, Known, LatentModel, Mixture, Reconstruct};
use dbm::units::{Binary, Gaussian, Kind, Units};
use std::f64::consts::TAU;
use std::sync::Arc;

fn vector(values: &[f64]) -> Tensor {
    Tensor::from_slice(values, values.len(), &Device::Cpu).unwrap()
}

/// Normal weights and biases; variances from 0.4 to 1.6.
fn machine(sizes: &[usize], learned: bool, seed: u64) -> Dbm {
    let like = random_dbm(sizes, 0.8, 0.5, seed);
    let log_variances: Vec<f64> = (0..sizes[0]).map(|i| 0.5 - 0.45 * (i % 4) as f64).collect();
    let visible: Kind = Arc::new(Gaussian::new(&vector(&log_variances), learned).unwrap());
    let hidden = sizes[1..].iter().map(|_| Arc::new(Binary) as Kind);
    let units = std::iter::once(visible).chain(hidden).collect();
    Dbm::new(units, matrices(like.weights()), like.biases().to_vec()).unwrap()
}

const SIZES: [&[usize]; 4] = [&[3, 2], &[2, 3, 2], &[1, 4], &[2, 2, 2, 3]];

/// Each hidden state: ln of its weight in Σ_h ∫ p̃ dv, and the mean of v given it.
fn components(dbm: &Dbm) -> Vec<(f64, Vec<f64>)> {
    let weights: Vec<Vec<Vec<f64>>> = matrices(dbm.weights()).iter().map(rows).collect();
    let biases: Vec<Vec<f64>> = dbm.biases().iter().map(|bias| host(bias).unwrap()).collect();
    let (sizes, log_variances) = (dbm.sizes(), host(dbm.units()[0].log_variance().unwrap()).unwrap());
    let of = |state: Vec<f64>| {
        let mut starts = vec![0];
        sizes[1..].iter().for_each(|n| starts.push(starts.last().unwrap() + n));
        let layer = |l: usize| &state[starts[l - 1]..starts[l]];
        let mut nats: f64 = 0.0;
        for l in 1..sizes.len() {
            nats += layer(l).iter().zip(&biases[l]).map(|(h, b)| h * b).sum::<f64>();
            if l > 1 {
                for (i, low) in layer(l - 1).iter().enumerate() {
                    nats += layer(l).iter().enumerate().map(|(j, high)| low * weights[l - 1][i][j] * high).sum::<f64>();
                }
            }
        }
        let mean: Vec<f64> = (0..sizes[0])
            .map(|i| biases[0][i] + layer(1).iter().zip(&weights[0][i]).map(|(h, w)| h * w).sum::<f64>())
            .collect();
        for (m, z) in mean.iter().zip(&log_variances) {
            nats += 0.5 * (TAU.ln() + z) + m * m / (2.0 * z.exp());
        }
        (nats, mean)
    };
    all_states(sizes[1..].iter().sum()).into_iter().map(of).collect()
}

fn log_z(dbm: &Dbm) -> f64 {
    log_sum_exp(&components(dbm).iter().map(|(nats, _)| *nats).collect::<Vec<_>>())
}

/// ln p(v) of the mixture that the machine is.
fn log_density(dbm: &Dbm, v: &[f64]) -> f64 {
    let log_variances = host(dbm.units()[0].log_variance().unwrap()).unwrap();
    let terms: Vec<f64> = components(dbm)
        .iter()
        .map(|(nats, mean)| {
            let own = (0..v.len())
                .map(|i| -0.5 * ((v[i] - mean[i]).powi(2) / log_variances[i].exp() + TAU.ln() + log_variances[i]));
            nats + own.sum::<f64>()
        })
        .collect();
    log_sum_exp(&terms) - log_z(dbm)
}

fn examples(visible: usize) -> Vec<Vec<f64>> {
    rows(&(Stream::new(8).normal(6, visible, DType::F64, &Device::Cpu).unwrap() * 1.5).unwrap())
}

#[test]
fn a_gaussian_unit_is_what_integrals_over_its_values_say() {
    let kind = Gaussian::new(&vector(&[0.7]), true).unwrap();
    for x in [-2.0, 0.0, 0.6, 3.0] {
        let input = tensor(&[vec![x]]);
        let value = |found: dbm::math::Result<Tensor>| host(&found.unwrap()).unwrap()[0];
        let step = 0.01;
        let grid: Vec<f64> = (-4000..=4000).map(|i| f64::from(i) * step).collect();
        let base = host(&kind.log_base(&tensor(std::slice::from_ref(&grid))).unwrap()).unwrap();
        let weights: Vec<f64> = grid.iter().zip(&base).map(|(v, base)| (v * x + base).exp() * step).collect();
        let total: f64 = weights.iter().sum();
        let expect = |f: &dyn Fn(usize) -> f64| (0..grid.len()).map(|i| weights[i] / total * f(i)).sum::<f64>();
        assert_close("log-normaliser", value(kind.log_normalizer(&input)), total.ln(), 1e-11);
        let mean = expect(&|i| grid[i]);
        assert_close("mean", value(kind.mean(&input)), mean, 1e-10);
        assert_close("variance", value(kind.variance(&input)), expect(&|i| (grid[i] - mean).powi(2)), 1e-9);
        assert_close("base", value(kind.expected_log_base(&input)), expect(&|i| base[i]), 1e-9);
        let entropy = total.ln() - x * mean - expect(&|i| base[i]);
        assert_close("entropy", value(kind.entropy(&input)), entropy, 1e-9);
        assert_close("back", value(kind.input_of_mean(&kind.mean(&input).unwrap())), x, 1e-13);
        let many = Tensor::full(x, (20_000, 1), &Device::Cpu).unwrap();
        let drawn = host(&kind.sample(&many, Stream::new(2)).unwrap()).unwrap();
        let (variance, found) = (0.7_f64.exp(), mean_of(&drawn));
        assert_close("mean of draws", found, mean, 4.0 * (variance / 2e4).sqrt());
        let spread = mean_of(&drawn.iter().map(|v| (v - found).powi(2)).collect::<Vec<_>>());
        assert_close("variance of draws", spread, variance, 4.0 * variance * (2.0_f64 / 2e4).sqrt());
    }
}

#[test]
fn a_machine_of_real_values_is_a_mixture_of_normal_distributions() {
    for (seed, sizes) in SIZES.into_iter().enumerate() {
        let dbm = machine(sizes, true, 70 + seed as u64);
        let found = exact(&dbm, 20.0).unwrap().value.nats;
        assert_close("ln Z", found, log_z(&dbm), 1e-11);
        let v = examples(sizes[0]);
        let evidence = dbm.clamp(&tensor(&v)).unwrap().log_partition(20.0).unwrap();
        let densities: Vec<f64> = evidence.iter().map(|nats| nats - found).collect();
        let by_hand: Vec<f64> = v.iter().map(|v| log_density(&dbm, v)).collect();
        assert_all_close("ln p(v)", &densities, &by_hand, 1e-11);

        let all = components(&dbm);
        let variances: Vec<f64> =
            host(dbm.units()[0].log_variance().unwrap()).unwrap().iter().map(|z| z.exp()).collect();
        let covariance =
            Tensor::eye(sizes[0], DType::F64, &Device::Cpu).unwrap().broadcast_mul(&vector(&variances)).unwrap();
        let means = tensor(&all.iter().map(|(_, mean)| mean.clone()).collect::<Vec<_>>());
        let mixture = GaussianComponents::new(means, vec![covariance; all.len()]).unwrap();
        let weights = vector(&all.iter().map(|(nats, _)| *nats).collect::<Vec<_>>());
        let mixture = Mixture::new(&weights, mixture).unwrap();
        assert_all_close("a mixture", &densities, &mixture.log_evidence(&tensor(&v)).unwrap(), 1e-10);
    }
}

#[test]
fn the_gradient_in_weights_biases_and_log_variances_is_that_of_the_likelihood() {
    for (seed, sizes) in SIZES.into_iter().enumerate() {
        for learned in [true, false] {
            let dbm = machine(sizes, learned, 80 + seed as u64);
            let v = examples(sizes[0]);
            let scheme = Exact { max_bits: 20.0 };
            let found = exact_gradient(&scheme, &dbm, &tensor(&v), 20.0, Stream::new(0)).unwrap().dense().unwrap();
            assert_eq!(found.biases.len(), sizes.len() + usize::from(learned));
            let likelihood = |at: &Parameters| {
                let moved = with(&dbm, at);
                mean_of(&v.iter().map(|v| log_density(&moved, v)).collect::<Vec<_>>())
            };
            let expected = differences(&Parameters::of_dbm(&dbm), likelihood);
            assert_all_close("∂ ln p(v)", &flat(&found), &expected, 1e-6);
        }
    }
}

#[test]
fn one_step_of_joint_training_and_of_an_rbm_is_the_gradient_of_the_likelihood() {
    const CHAINS: usize = 40_000;
    let (v, scheme) = (examples(3), Exact { max_bits: 20.0 });
    let by = MaximumLikelihood {
        positive: SchemeAlone(scheme),
        negative: NegativePhase { chains: CHAINS, sweeps: 40 },
        dbm: PLAIN,
        network: PLAIN,
    };
    for sizes in [&[3, 2][..], &[3, 3, 2]] {
        let dbm = machine(sizes, true, 90);
        let expected =
            flat(&exact_gradient(&scheme, &dbm, &tensor(&v), 20.0, Stream::new(0)).unwrap().dense().unwrap());
        let before = Parameters::of_dbm(&dbm);
        let moved = |after: &Dbm| flat(&Parameters::of_dbm(after).minus(&before).unwrap());
        let mut found = vec![moved(&train(&by, begin(&by, &dbm), &tensor(&v), 0..1, 0.1).dbm)];
        if sizes.len() == 2 {
            let trainer = Pretraining { negative: NegativeStart::Chains(CHAINS), sweeps: 40, sgd: PLAIN };
            found.push(moved(&train(&trainer, begin(&trainer, &dbm), &tensor(&v), 0..1, 0.1).dbm().unwrap()));
        }
        for found in found {
            for (index, (found, expected)) in found.iter().zip(&expected).enumerate() {
                // Values over variances have deviations of about 2, so means over the chains err by 0.01.
                assert_close(&format!("[{index}]"), *found * 10.0, *expected, 0.05);
            }
        }
        assert!(expected.iter().rev().take(3).any(|slope| slope.abs() > 0.15), "{expected:?}");
    }
}

#[test]
fn chains_of_real_values_have_the_moments_of_the_mixture() {
    const CHAINS: usize = 20_000;
    for (seed, sizes) in SIZES.into_iter().enumerate() {
        for dtype in [DType::F64, DType::F32] {
            let dbm = machine(sizes, true, 100 + seed as u64);
            let all = components(&dbm);
            let total = log_z(&dbm);
            let chains = Chains::from_biases(&converted(&dbm, dtype), CHAINS, Stream::new(1)).unwrap();
            let (chains, _) = chains.advance(&converted(&dbm, dtype), 60, Stream::new(2)).unwrap();
            let states = rows(&chains.states()[0]);
            let variances = host(dbm.units()[0].log_variance().unwrap()).unwrap();
            for i in 0..sizes[0] {
                let moment = |f: &dyn Fn(f64) -> f64| {
                    all.iter().map(|(nats, mean)| (nats - total).exp() * f(mean[i])).sum::<f64>()
                };
                let (first, own) = (moment(&|m| m), variances[i].exp());
                let second = moment(&|m| (m - first).powi(2)) + own;
                let values: Vec<f64> = states.iter().map(|state| state[i]).collect();
                assert_close("mean", mean_of(&values), first, 4.0 * (second / CHAINS as f64).sqrt());
                let squares: Vec<f64> = values.iter().map(|v| (v - first).powi(2)).collect();
                let fourth = mean_of(&squares.iter().map(|s| s * s).collect::<Vec<_>>());
                let error = ((fourth - second * second) / CHAINS as f64).sqrt();
                assert_close("variance", mean_of(&squares), second, 4.0 * error);
            }
        }
    }
}

#[test]
fn annealing_finds_ln_z_of_real_values_from_the_means_of_the_data() {
    for (seed, sizes) in [&[4, 3][..], &[3, 4, 2]].into_iter().enumerate() {
        let dbm = machine(sizes, true, 110 + seed as u64);
        let means =
            (dbm.reconstruct(&[Tensor::full(0.5, (1, sizes[1]), &Device::Cpu).unwrap()])).unwrap().squeeze(0).unwrap();
        for (kept, base_means) in
            [(None, vec![]), (Some(Half::Even), vec![means.clone()]), (Some(Half::Odd), vec![means])]
        {
            for dtype in [DType::F64, DType::F32] {
                let base_means = base_means.clone();
                let settings =
                    Annealing { temperatures: 200, chains: 2000, spacing: Spacing::Uniform, kept, base_means };
                let found = ais(&converted(&dbm, dtype), &settings, Stream::new(5)).unwrap();
                assert!(found.ais.unwrap().unreliable.is_none());
                let error = found.value.error.unwrap();
                assert_close(&format!("ln Z, {kept:?}, {dtype:?}"), found.value.nats, log_z(&dbm), 4.0 * error);
            }
        }
    }
}

#[test]
fn mean_field_bounds_the_density_and_reconstructions_are_in_the_units_of_the_data() {
    let dbm = machine(&[3, 3, 2], true, 120);
    let v = examples(3);
    let stop = Stop::after(20).traced();
    let refined = Refined { start: Uninformed, by: MeanField::default(), stop };
    let found = refined.infer(&dbm, &tensor(&v), Stream::new(0)).unwrap();
    let bounds = &found.trace.elbos_unnormalized;
    assert!(bounds.windows(2).all(|pair| pair[1] >= pair[0] - 1e-12), "{bounds:?}");
    let evidence: Vec<f64> = v.iter().map(|v| log_density(&dbm, v) + log_z(&dbm)).collect();
    assert!(bounds[20] <= mean_of(&evidence) + 1e-12 && bounds[20] > mean_of(&evidence) - 1.0);
    let states = tensor(&[vec![1.0, 0.0, 1.0]]);
    let (weight, bias) = (rows(&dbm.weights()[0].tensor().unwrap()), host(&dbm.biases()[0]).unwrap());
    let expected: Vec<f64> = (0..3).map(|i| bias[i] + weight[i][0] + weight[i][2]).collect();
    assert_all_close("mean", &host(&dbm.reconstruct(&[states]).unwrap()).unwrap(), &expected, 1e-14);
}

#[test]
fn variances_are_learned_only_where_asked_for_within_bounds_and_in_the_visible_layer() {
    let (learned, fixed) = (machine(&[2, 3], true, 1), machine(&[2, 3], false, 1));
    assert_eq!((learned.vectors().len(), fixed.vectors().len()), (3, 2));
    let mut vectors = learned.vectors();
    vectors[2] = vector(&[50.0, -50.0]);
    let moved = learned.with_parameters(matrices(learned.weights()), vectors).unwrap();
    assert_eq!(host(moved.units()[0].log_variance().unwrap()).unwrap(), [9.2, -9.2]);
    let kinds: Vec<Kind> = vec![Arc::new(Binary), learned.units()[0].clone()];
    assert!(Dbm::new(kinds, matrices(learned.weights()), learned.biases().to_vec()).is_err());
    assert!(Statistics::of_model(&learned, 1.0).is_err());
    let binary = random_dbm(&[2, 3], 1.0, 1.0, 1);
    let three = [binary.biases(), &[vector(&[0.0, 0.0])]].concat();
    assert!(binary.with_parameters(matrices(binary.weights()), three).is_err());
}

#[test]
fn real_values_that_are_held_have_the_density_of_the_mixture_over_the_others() {
    let dbm = machine(&[3, 2, 2], true, 130);
    let states = tensor(&examples(3));
    let whole = Some(Known { held: vec![true; 3], states: states.clone() });
    let held = dbm.given(&[whole, None, None]).unwrap().stack().log_partition(20.0).unwrap();
    let clamped = dbm.clamp(&states).unwrap().log_partition(20.0).unwrap();
    assert_all_close("ln p̃(v)", &held, &clamped, 1e-11);
    let free = dbm.given(&[None, None, None]).unwrap().stack().log_partition(20.0).unwrap();
    assert_close("ln Z", free[0], log_z(&dbm), 1e-11);
    let log_variances = host(dbm.units()[0].log_variance().unwrap()).unwrap();
    let normal = |v: f64, mean: f64, z: f64| -0.5 * ((v - mean).powi(2) / z.exp() + TAU.ln() + z);
    for which in [[true, false, false], [false, true, true], [true, false, true]] {
        let part = Some(Known { held: which.to_vec(), states: states.clone() });
        let rest = dbm.given(&[part, None, None]).unwrap();
        let found = rest.stack().log_partition(20.0).unwrap();
        let told = (0..3).filter(|&i| which[i]);
        let expected: Vec<f64> = rows(&states)
            .iter()
            .map(|v| {
                let of = |(nats, mean): &(f64, Vec<f64>)| {
                    nats + told.clone().map(|i| normal(v[i], mean[i], log_variances[i])).sum::<f64>()
                };
                log_sum_exp(&components(&dbm).iter().map(of).collect::<Vec<_>>())
            })
            .collect();
        assert_all_close("ln p̃ of what is held", &found, &expected, 1e-10);
    }
}

#[test]
fn chains_at_the_temperature_of_the_machine_have_its_mean_and_hotter_ones_that_of_the_way() {
    const CHAINS: usize = 20_000;
    let dbm = machine(&[3, 2], true, 131);
    let precision = dbm.units()[0].precision().unwrap().unsqueeze(0).unwrap();
    let base = [(precision * 0.5).unwrap(), Tensor::zeros((1, 2), DType::F64, &Device::Cpu).unwrap()];
    for share in [0.0, 0.6, 1.0] {
        for dtype in [DType::F64, DType::F32] {
            let (dbm, stack) = (converted(&dbm, dtype), converted(&dbm, dtype).free().unwrap());
            let base: Vec<Tensor> = base.iter().map(|base| base.to_dtype(dtype).unwrap()).collect();
            let heated = Heated::new(&stack, &base, share).unwrap();
            let mut states = Chains::from_biases(&dbm, CHAINS, Stream::new(1)).unwrap().states().to_vec();
            for sweep in 0..30 {
                states = heated.sweep(states, Stream::new(2).at(sweep)).unwrap();
            }
            // A machine of weights βW and biases between the two, whose variances are those of the machine.
            let mixed = |own: &Tensor, base: f64| ((own * share).unwrap() + base * (1.0 - share)).unwrap();
            let dbm = converted(&dbm, DType::F64);
            let weights = matrices(dbm.weights()).iter().map(|weight| (weight * share).unwrap()).collect::<Vec<_>>();
            let mut vectors = dbm.vectors();
            vectors[0] = mixed(&vectors[0], 0.5);
            vectors[1] = mixed(&vectors[1], 0.0);
            let way = dbm.with_parameters(weights, vectors).unwrap();
            let (all, total) = (components(&way), log_z(&way));
            let values = rows(&states[0]);
            for i in 0..3 {
                let mean: f64 = all.iter().map(|(nats, mean)| (nats - total).exp() * mean[i]).sum();
                let found: Vec<f64> = values.iter().map(|state| state[i]).collect();
                // Deviations are below 3.
                assert_close(&format!("{i} at {share}"), mean_of(&found), mean, 4.0 * 3.0 / (CHAINS as f64).sqrt());
            }
        }
    }
}
