//! Sampling: Gibbs sweeps leave the exact distribution alone, reach it, and err as Monte Carlo does.

use crate::support::{
    ByHand, all_states, assert_all_close, assert_close, converted, layers, log_sum_exp, random_dbm, rows, tensor,
};
use dbm::inference::{Gibbs, Inference, Refined, Stop, Uninformed};
use dbm::math::{DType, Device, Stream, Tensor, host};
use dbm::models::{Conditionals, Dbm, LatentModel, Reading, Schedule, Swept};
use dbm::posterior::Posterior;

/// Probabilities of all joint states, or of the hidden ones given `visible`.
fn exact(machine: &ByHand, visible: Option<&[f64]>) -> (Vec<Vec<f64>>, Vec<f64>) {
    if let Some(visible) = visible {
        return (all_states(machine.hidden()), machine.posterior(visible));
    }
    let states = all_states(machine.visible() + machine.hidden());
    let log_joints: Vec<f64> = states.iter().map(|state| machine.log_joint(state)).collect();
    let log_z = log_sum_exp(&log_joints);
    let probabilities = log_joints.iter().map(|joint| (joint - log_z).exp()).collect();
    (states, probabilities)
}

/// `chains` independent draws from the listed states.
pub fn draw(states: &[Vec<f64>], probabilities: &[f64], chains: usize, seed: u64) -> Vec<Vec<f64>> {
    let uniform = Stream::new(seed).uniform(chains, 1, DType::F64, &Device::Cpu).unwrap();
    let cumulative: Vec<f64> =
        probabilities.iter().scan(0.0, |sum, p| Some(std::mem::replace(sum, *sum + p) + p)).collect();
    let pick = |u: f64| cumulative.partition_point(|&c| c < u).min(states.len() - 1);
    host(&uniform).unwrap().into_iter().map(|u| states[pick(u)].clone()).collect()
}

/// Distance of the frequencies of `samples` from `probabilities`, in standard deviations of a χ² that measures it; states
/// expected fewer than five times are one.
pub fn misfit(samples: &[Vec<f64>], probabilities: &[f64]) -> f64 {
    let mut counts = vec![0.0; probabilities.len()];
    for sample in samples {
        let index: usize = sample.iter().enumerate().map(|(unit, &on)| (on as usize) << unit).sum();
        counts[index] += 1.0;
    }
    let n = samples.len() as f64;
    let (mut chi_squared, mut cells, mut rare) = (0.0, 0.0, (0.0, 0.0));
    for (count, p) in counts.into_iter().zip(probabilities) {
        if n * p < 5.0 {
            rare = (rare.0 + count, rare.1 + n * p);
        } else {
            chi_squared += (count - n * p).powi(2) / (n * p);
            cells += 1.0;
        }
    }
    if rare.1 > 0.0 {
        chi_squared += (rare.0 - rare.1).powi(2) / rare.1.max(1.0);
        cells += 1.0;
    }
    (chi_squared - (cells - 1.0)) / (2.0 * (cells - 1.0_f64)).sqrt()
}

/// Misfit of the states after `sweeps` sweeps from exact samples, free or clamped.
fn misfit_after(dbm: &Dbm, visible: Option<&[f64]>, schedule: Schedule, sweeps: usize, seed: u64) -> f64 {
    let machine = ByHand::of(dbm);
    let (states, probabilities) = exact(&machine, visible);
    let stack = match visible {
        Some(visible) => dbm.clamp(&tensor(&[visible.to_vec()])).unwrap(),
        None => dbm.free().unwrap(),
    };
    let start = layers(&draw(&states, &probabilities, 60_000, seed), &stack.sizes());
    let reading = Reading::Sample(Stream::new(seed).named("law"));
    let swept = stack.sweeps(Swept::from_states(start), schedule, reading, sweeps).unwrap();
    misfit(&rows(&Tensor::cat(&swept.states, 1).unwrap()), &probabilities)
}

const SIZES: [&[usize]; 4] = [&[3, 4], &[2, 3, 2], &[2, 2, 2, 2], &[2, 1, 2, 1, 2]];

#[test]
fn gibbs_sampling_from_the_joint_stays_at_the_joint() {
    for (seed, sizes) in SIZES.into_iter().enumerate() {
        let dbm = random_dbm(sizes, 1.0, 0.5, seed as u64);
        for schedule in [Schedule::OddEven, Schedule::Ascending] {
            for sweeps in [0, 1, 3] {
                let misfit = misfit_after(&dbm, None, schedule, sweeps, 10 + seed as u64);
                assert!(misfit < 4.0, "{sizes:?}, {schedule:?}, {sweeps} sweeps: off by {misfit:.1} deviations");
            }
        }
    }
}

#[test]
fn gibbs_sampling_from_the_posterior_stays_at_the_posterior() {
    for (seed, sizes) in [&[3, 4, 3][..], &[3, 3, 2, 2], &[2, 2, 2, 2, 2], &[4, 5]].into_iter().enumerate() {
        let dbm = random_dbm(sizes, 1.5, 0.5, seed as u64);
        let visible: Vec<f64> = (0..sizes[0]).map(|i| ((i + seed) % 2) as f64).collect();
        for schedule in [Schedule::OddEven, Schedule::Ascending] {
            for sweeps in [1, 3] {
                let misfit = misfit_after(&dbm, Some(&visible), schedule, sweeps, 20 + seed as u64);
                assert!(misfit < 4.0, "{sizes:?}, {schedule:?}, {sweeps} sweeps: off by {misfit:.1} deviations");
            }
        }
    }
}

#[test]
fn sampling_all_layers_at_once_leaves_the_joint() {
    // What the two laws above would see if a schedule were wrong.
    let dbm = random_dbm(&[2, 3, 2], 1.0, 0.5, 1);
    let misfit = misfit_after(&dbm, None, Schedule::Parallel, 3, 11);
    assert!(misfit > 20.0, "off by {misfit:.1} deviations only");
}

#[test]
fn long_chains_have_the_exact_marginals() {
    let chains = 400;
    for (seed, sizes) in SIZES.into_iter().enumerate() {
        let dbm = random_dbm(sizes, 1.0, 0.5, seed as u64);
        let (states, probabilities) = exact(&ByHand::of(&dbm), None);
        let free = dbm.free().unwrap();
        let zeros = layers(&vec![vec![0.0; states[0].len()]; chains], sizes);
        let reading = Reading::Sample(Stream::new(seed as u64));
        let mut swept = free.sweeps(Swept::from_states(zeros), Schedule::OddEven, reading, 100).unwrap();
        let mut sums = vec![vec![0.0; states[0].len()]; chains];
        let sweeps = 150;
        for sweep in 0..sweeps {
            swept = free.sweep(swept, Schedule::OddEven, reading.at(100 + sweep)).unwrap();
            for (sum, state) in sums.iter_mut().zip(rows(&Tensor::cat(&swept.states, 1).unwrap())) {
                sum.iter_mut().zip(state).for_each(|(sum, state)| *sum += state / sweeps as f64);
            }
        }
        for unit in 0..states[0].len() {
            let expected: f64 = states.iter().zip(&probabilities).map(|(state, p)| state[unit] * p).sum();
            // Chains are independent, so the spread of their averages gives the standard error.
            let n = chains as f64;
            let mean = sums.iter().map(|chain| chain[unit]).sum::<f64>() / n;
            let variance = sums.iter().map(|chain| (chain[unit] - mean).powi(2)).sum::<f64>() / (n - 1.0);
            assert_close(&format!("{sizes:?}, unit {unit}"), mean, expected, 4.0 * (variance / n).sqrt());
        }
    }
}

#[test]
fn iterated_conditional_modes_never_lower_the_joint_and_stop_at_a_local_maximum() {
    for (seed, sizes) in [&[4, 5, 4][..], &[3, 4, 3, 3], &[3, 3, 2, 3, 2], &[6, 5]].into_iter().enumerate() {
        for std in [0.5, 2.0, 5.0] {
            let dbm = random_dbm(sizes, std, 1.0, seed as u64);
            let machine = ByHand::of(&dbm);
            let images = tensor(&all_states(sizes[0]));
            let clamped = dbm.clamp(&images).unwrap();
            let start = Uninformed.infer(&dbm, &images, Stream::new(0)).unwrap().q;
            let kinds = clamped.units();
            let first = start.inputs().iter().zip(kinds).enumerate();
            let states = first.map(|(l, (x, kind))| kind.sample(x, Stream::new(7).at(l as u64)).unwrap()).collect();
            let mut swept = Swept::from_states(states);
            let mut before = host(&clamped.log_joint(&swept.states).unwrap()).unwrap();
            for sweep in 0..40 {
                let schedule = [Schedule::Ascending, Schedule::OddEven][sweep % 2];
                swept = clamped.sweep(swept, schedule, Reading::Mode).unwrap();
                let after = host(&clamped.log_joint(&swept.states).unwrap()).unwrap();
                for (before, after) in before.iter().zip(&after) {
                    assert!(*after >= before - 1e-12, "{sizes:?}, std {std}: from {before} to {after}");
                }
                before = after;
            }
            let modes = rows(&Tensor::cat(&swept.states, 1).unwrap());
            for (v, mode) in rows(&images).iter().zip(&modes) {
                let at = |h: &[f64]| machine.log_joint(&[v, h].concat());
                let best = machine.log_joints(v).into_iter().fold(f64::MIN, f64::max);
                assert!(at(mode) <= best + 1e-12);
                for unit in 0..mode.len() {
                    let mut flipped = mode.clone();
                    flipped[unit] = 1.0 - flipped[unit];
                    assert!(at(&flipped) <= at(mode) + 1e-12, "{sizes:?}, std {std}: flipping unit {unit} helps");
                }
            }
        }
    }
}

/// Gibbs from one half.
fn gibbs(burn_in: usize, sweeps: usize) -> Refined<Uninformed, Gibbs> {
    Refined { start: Uninformed, by: Gibbs { schedule: Schedule::OddEven, burn_in }, stop: Stop::after(sweeps) }
}

/// Estimated means of all hidden units, a row per example.
fn means(scheme: &Refined<Uninformed, Gibbs>, dbm: &Dbm, images: &Tensor, stream: Stream) -> Vec<Vec<f64>> {
    let found = scheme.infer(dbm, images, stream).unwrap();
    rows(&Tensor::cat(&found.q.means().unwrap(), 1).unwrap())
}

#[test]
fn marginal_errors_of_the_gibbs_scheme_shrink_with_the_square_root_of_the_sweeps() {
    let dbm = random_dbm(&[4, 4, 3], 1.0, 0.5, 2);
    let machine = ByHand::of(&dbm);
    let v = vec![1.0, 0.0, 1.0, 1.0];
    let (states, probabilities) = exact(&machine, Some(&v));
    let expected: Vec<f64> =
        (0..7).map(|unit| states.iter().zip(&probabilities).map(|(state, p)| state[unit] * p).sum()).collect();
    let images = tensor(&vec![v; 500]);
    let error = |sweeps: usize| {
        let found = means(&gibbs(50, sweeps), &dbm, &images, Stream::new(sweeps as u64));
        let squares = found.iter().flat_map(|row| row.iter().zip(&expected).map(|(a, b)| (a - b).powi(2)));
        (squares.sum::<f64>() / (500.0 * 7.0)).sqrt()
    };
    let errors = [25, 100, 400].map(error);
    for pair in errors.windows(2) {
        // Four times the sweeps: half the error. 3500 squares, correlated in groups of seven, fix each to about 4 %.
        assert_close(&format!("ratio of {errors:?}"), pair[0] / pair[1], 2.0, 0.3);
    }
}

#[test]
fn gibbs_scheme_averages_conditional_means_so_that_one_sweep_of_an_rbm_is_exact() {
    let dbm = random_dbm(&[4, 5], 1.5, 1.0, 3);
    let images = tensor(&all_states(4));
    let found = gibbs(0, 3).infer(&dbm, &images, Stream::new(0)).unwrap();
    let (table, _) = dbm.clamp(&images).unwrap().tabulate(0.0).unwrap();
    let expected = host(&table.means().unwrap()[0]).unwrap();
    assert_all_close("means", &host(&found.q.means().unwrap()[0]).unwrap(), &expected, 1e-12);
    assert_eq!((&found.trace.sweeps[..], found.trace.converged), (&[3; 16][..], None));
    assert_eq!(gibbs(4, 3).infer(&dbm, &images, Stream::new(0)).unwrap().trace.sweeps, [7; 16]);
}

#[test]
fn chains_split_over_two_calls_are_the_same_bits() {
    let dbm = random_dbm(&[5, 6, 4, 3], 1.0, 0.5, 4);
    let images = tensor(&all_states(5));
    let stream = Stream::new(5).named("posterior");
    for sweeps in [1, 20] {
        let whole = means(&gibbs(3, sweeps), &dbm, &images, stream);
        for cut in [1, 13, 31] {
            let (first, rest) = (images.narrow(0, 0, cut).unwrap(), images.narrow(0, cut, 32 - cut).unwrap());
            let scheme = gibbs(3, sweeps);
            let parts =
                [means(&scheme, &dbm, &first, stream), means(&scheme, &dbm, &rest, stream.from_row(cut as u64))];
            assert!(parts.concat() == whole, "{sweeps} sweeps, cut at {cut}");
        }
    }
    // Free chains in single precision.
    let free = converted(&dbm, DType::F32).free().unwrap();
    let run = |chains: usize, stream: Stream| {
        let start =
            free.sizes().iter().map(|&n| Tensor::zeros((chains, n), DType::F32, &Device::Cpu).unwrap()).collect();
        let swept = free.sweeps(Swept::from_states(start), Schedule::OddEven, Reading::Sample(stream), 50).unwrap();
        rows(&Tensor::cat(&swept.states, 1).unwrap())
    };
    let whole = run(64, stream);
    assert!([run(23, stream), run(41, stream.from_row(23))].concat() == whole, "free chains");
    assert!(whole[0] != whole[1] && run(64, stream.at(1)) != whole, "rows and steps differ");
}

#[test]
fn sweeps_in_one_call_are_the_sweeps_one_by_one() {
    let dbm = random_dbm(&[3, 4, 2], 1.0, 0.5, 6);
    let free = dbm.free().unwrap();
    let start = || Swept::from_states(layers(&vec![vec![0.0; 9]; 20], &[3, 4, 2]));
    let reading = Reading::Sample(Stream::new(8));
    let whole = free.sweeps(start(), Schedule::OddEven, reading, 5).unwrap();
    let one_by_one =
        (0..5).fold(start(), |swept, sweep| free.sweep(swept, Schedule::OddEven, reading.at(sweep)).unwrap());
    for layer in 0..3 {
        assert_eq!(rows(&whole.states[layer]), rows(&one_by_one.states[layer]), "layer {layer}");
    }
    // Layers and sweeps draw apart: with no weights each repeats its distribution, not its draws.
    let flat = random_dbm(&[4, 4, 4], 0.0, 0.0, 0).free().unwrap();
    let once = |sweeps| {
        let start = Swept::from_states(layers(&vec![vec![0.0; 12]; 50], &[4, 4, 4]));
        flat.sweeps(start, Schedule::Ascending, reading, sweeps).unwrap().states.iter().map(rows).collect::<Vec<_>>()
    };
    let (one, two) = (once(1), once(2));
    assert!(one[0] != one[1] && one[1] != one[2] && one[0] != two[0], "draws repeat");
}
