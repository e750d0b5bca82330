//! Annealing forwards, backwards and with every state at once; states drawn from the exact distribution.

use crate::support::{
    ByHand, all_states, assert_all_close, assert_close, converted, log_sum_exp, random_dbm, rows, tensor,
};
use dbm::evaluate::{Annealing, Half, Path, Samples, Spacing, ais, exact, raise, reverse, sandwich};
use dbm::inference::{BottomUp, Exact, Inference};
use dbm::math::{DType, Device, Layers, Nats, Stream, Tensor, log_mean_exp, mean_of};
use dbm::models::Dbm;

const HALVES: [Half; 2] = [Half::Even, Half::Odd];

fn annealing(temperatures: usize, chains: usize, kept: Half) -> Annealing {
    Annealing { temperatures, spacing: Spacing::Uniform, chains, kept: Some(kept), base_means: Vec::new() }
}

fn samples(dbm: &Dbm, count: usize, stream: Stream) -> Layers {
    dbm.free().unwrap().tabulate(20.0).unwrap().0.draw(0, count, stream).unwrap()
}

/// The same without a table of all states.
fn samples_in_passing(dbm: &Dbm, count: usize, stream: Stream) -> Layers {
    dbm.free().unwrap().draw(count, 20.0, stream).unwrap()
}

/// Standard error of the mean.
fn error(values: &[f64]) -> f64 {
    let (mean, count) = (mean_of(values), values.len() as f64);
    (values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / (count - 1.0) / count).sqrt()
}

#[test]
fn states_drawn_by_enumeration_have_the_exact_distribution() {
    const COUNT: usize = 40_000;
    for sizes in [&[3, 2][..], &[2, 3, 2], &[2, 1, 2, 1]] {
        let dbm = random_dbm(sizes, 1.5, 1.0, 4);
        for draw in [samples, samples_in_passing] {
            has_the_exact_distribution(&dbm, &draw(&dbm, COUNT, Stream::new(3)));
        }
    }
    assert!(random_dbm(&[5, 5], 1.0, 1.0, 1).free().unwrap().draw(1, 4.0, Stream::new(1)).is_err());
}

fn has_the_exact_distribution(dbm: &Dbm, states: &Layers) {
    let (hand, sizes) = (ByHand::of(dbm), dbm.sizes());
    let drawn: Vec<Vec<Vec<f64>>> = states.iter().map(rows).collect();
    let (units, count) = (sizes.iter().sum(), drawn[0].len());
    let mut counts = vec![0.0; 1_usize << units];
    for row in 0..count {
        let bits = drawn.iter().flat_map(|layer| layer[row].iter());
        let index: usize = bits.enumerate().map(|(unit, &bit)| (bit as usize) << unit).sum();
        counts[index] += 1.0;
    }
    let log_z = hand.log_z();
    // Pearson's statistic has as many degrees of freedom as states less one; five deviations above its mean.
    let expected: Vec<f64> =
        all_states(units).iter().map(|state| count as f64 * (hand.log_joint(state) - log_z).exp()).collect();
    let pearson: f64 =
        counts.iter().zip(&expected).map(|(count, expected)| (count - expected).powi(2) / expected).sum();
    let freedom = (counts.len() - 1) as f64;
    assert!(
        (pearson - freedom).abs() < 5.0 * (2.0 * freedom).sqrt(),
        "{sizes:?}: {pearson} for {freedom} degrees of freedom"
    );
}

#[test]
fn posterior_states_follow_their_own_example() {
    let dbm = random_dbm(&[3, 3, 2], 2.0, 1.0, 8);
    let visible = tensor(&[vec![0.0, 1.0, 1.0], vec![1.0, 0.0, 0.0]]);
    let q = Exact { max_bits: 20.0 }.infer(&dbm, &visible, Stream::new(0)).unwrap().q;
    for (example, visible) in rows(&visible).iter().enumerate() {
        let drawn = q.draw(example, 20_000, Stream::new(9)).unwrap();
        let (states, probs) = (all_states(5), ByHand::of(&dbm).posterior(visible));
        for (unit, mean) in drawn
            .iter()
            .flat_map(|layer| {
                let rows = rows(layer);
                (0..rows[0].len()).map(move |unit| mean_of(&rows.iter().map(|row| row[unit]).collect::<Vec<_>>()))
            })
            .enumerate()
        {
            let expected: f64 = states.iter().zip(&probs).map(|(state, prob)| state[unit] * prob).sum();
            assert_close("posterior mean", mean, expected, 4.5 * (0.25_f64 / 20_000.0).sqrt());
        }
    }
}

/// Moments by a plain loop over every path of states, for paths of two steps.
fn moments_by_hand(dbm: &Dbm, even_kept: bool) -> [f64; 4] {
    let hand = ByHand::of(dbm);
    let units: usize = hand.sizes.iter().sum();
    let kept: Vec<usize> = hand
        .sizes
        .iter()
        .enumerate()
        .flat_map(|(l, &n)| vec![(l % 2 == 0) == even_kept; n])
        .enumerate()
        .filter(|(_, kept)| *kept)
        .map(|(unit, _)| unit)
        .collect();
    let place =
        |state: &[f64]| -> usize { kept.iter().enumerate().map(|(at, &unit)| (state[unit] as usize) << at).sum() };
    let other = |state: &[f64]| -> usize {
        (0..units).filter(|unit| !kept.contains(unit)).enumerate().map(|(at, unit)| (state[unit] as usize) << at).sum()
    };
    let count = 1 << kept.len();
    // β p̃: the base has no biases, so ln p̃_β = β ln p̃.
    let log_joint = |share: f64| {
        let mut table = vec![vec![0.0; 1 << (units - kept.len())]; count];
        all_states(units).iter().for_each(|state| table[place(state)][other(state)] = share * hand.log_joint(state));
        table
    };
    let log_f = |share: f64| log_joint(share).iter().map(|row| log_sum_exp(row)).collect::<Vec<_>>();
    let (half, f) = (log_joint(0.5), [log_f(0.0), log_f(0.5), log_f(1.0)]);
    let columns: Vec<f64> =
        (0..half[0].len()).map(|y| log_sum_exp(&half.iter().map(|row| row[y]).collect::<Vec<_>>())).collect();
    let [mut first, mut second, mut log, mut square] = [0.0; 4];
    for (x, half_x) in half.iter().enumerate() {
        for (to, half_to) in half.iter().enumerate() {
            let moved: f64 = (0..columns.len()).map(|y| (half_x[y] - f[1][x] + half_to[y] - columns[y]).exp()).sum();
            let (prob, w) = (moved / count as f64, f[1][x] - f[0][x] + f[2][to] - f[1][to]);
            first += prob * w.exp();
            second += prob * (2.0 * w).exp();
            log += prob * w;
            square += prob * w * w;
        }
    }
    [first.ln(), second / (first * first) - 1.0, log, square - log * log]
}

#[test]
fn moments_of_weights_are_sums_over_all_paths() {
    for sizes in [&[3, 2][..], &[2, 3, 2], &[2, 2, 1, 2]] {
        let dbm = random_dbm(sizes, 1.5, 1.0, 2);
        for (kept, even_kept) in HALVES.into_iter().zip([true, false]) {
            let found = Path::new(&dbm, &annealing(2, 1, kept)).unwrap().moments(20.0).unwrap();
            let found = [found.log_mean, found.relative_variance, found.mean_log, found.variance_log];
            assert_all_close("moments", &found, &moments_by_hand(&dbm, even_kept), 1e-10);
        }
    }
}

#[test]
fn every_state_at_once_gives_ln_z_and_the_spread_of_chains() {
    const CHAINS: usize = 20_000;
    let dbm = random_dbm(&[4, 3, 3], 1.5, 1.0, 6);
    let log_z = exact(&dbm, 20.0).unwrap().value.nats;
    for kept in HALVES {
        for spacing in [Spacing::Uniform, Spacing::Ladder] {
            let means = Tensor::new(&[0.1, 0.4, 0.5, 0.9], &Device::Cpu).unwrap();
            let settings = Annealing { spacing, base_means: vec![means], ..annealing(20, CHAINS, kept) };
            let path = Path::new(&dbm, &settings).unwrap();
            let moments = path.moments(20.0).unwrap();
            assert_close("ln Z", path.log_base_partition().unwrap() + moments.log_mean, log_z, 1e-10);
            let found = ais(&dbm, &settings, Stream::new(7)).unwrap().ais.unwrap().log_weights;
            assert_close(
                "mean ln w",
                mean_of(&found),
                moments.mean_log,
                4.0 * (moments.variance_log / CHAINS as f64).sqrt(),
            );
            let spread = error(&found).powi(2) * CHAINS as f64;
            // Of a normal distribution the variance has a relative error of √(2 / M); these have heavier tails.
            assert_close("variance of ln w", spread / moments.variance_log, 1.0, 8.0 * (2.0 / CHAINS as f64).sqrt());
        }
    }
}

#[test]
fn too_many_pairs_of_states_are_refused() {
    let path = Path::new(&random_dbm(&[4, 3, 3], 1.0, 1.0, 1), &annealing(3, 1, Half::Odd)).unwrap();
    assert!(path.moments(9.0).unwrap_err().to_string().contains("2^10"));
}

#[test]
fn forward_and_reverse_chains_sandwich_ln_z() {
    for (sizes, seed) in [&[6, 5][..], &[5, 4, 3], &[4, 3, 2, 3]].into_iter().zip(20..) {
        let dbm = random_dbm(sizes, 1.5, 1.0, seed);
        let log_z = exact(&dbm, 20.0).unwrap().value.nats;
        for kept in HALVES {
            let mut widths = Vec::new();
            for temperatures in [10, 100] {
                let settings = annealing(temperatures, 4000, kept);
                let states = samples(&dbm, 4000, Stream::new(1));
                let found = sandwich(&dbm, &settings, states, Samples::Exact, 1e9, Stream::new(2)).unwrap();
                let [lower, upper] = found.ends().unwrap();
                assert!(lower.nats - 3.0 * lower.error.unwrap() <= log_z, "{lower} above {log_z}");
                assert!(upper.nats + 3.0 * upper.error.unwrap() >= log_z, "{upper} below {log_z}");
                widths.push(upper.nats - lower.nats);
            }
            assert!(widths[0] > 4.0 * widths[1] && widths[1] > 0.0, "widths {widths:?} for 10 and 100 temperatures");
        }
    }
}

#[test]
fn inverted_weights_of_reverse_chains_average_to_the_inverse_ratio() {
    let dbm = random_dbm(&[5, 4, 3], 1.0, 1.0, 3);
    for kept in HALVES {
        let settings = annealing(50, 1, kept);
        let base = Path::new(&dbm, &settings).unwrap().log_base_partition().unwrap();
        let weights = reverse(&dbm, &settings, samples(&dbm, 5000, Stream::new(4)), Stream::new(5)).unwrap();
        let inverse: Nats = weights.iter().map(|w| -w).collect();
        let log_z = exact(&dbm, 20.0).unwrap().value.nats;
        let relative = error(&inverse.iter().map(|w| (w - log_mean_exp(&inverse)).exp()).collect::<Vec<_>>());
        assert_close("ln Z_0 / Z", log_mean_exp(&inverse), base - log_z, 4.0 * relative);
    }
}

#[test]
fn reverse_chains_agree_in_both_precisions() {
    let dbm = random_dbm(&[8, 6, 4], 1.0, 1.0, 5);
    let settings = annealing(100, 1, Half::Odd);
    let states = samples(&dbm, 500, Stream::new(1));
    let single = reverse(&converted(&dbm, DType::F32), &settings, states.clone(), Stream::new(2)).unwrap();
    let double = reverse(&dbm, &settings, states, Stream::new(2)).unwrap();
    assert_close("mean ln w in f32", mean_of(&single), mean_of(&double), 2e-3);
}

#[test]
fn raise_has_its_exact_expectation_at_every_v() {
    const CHAINS: usize = 4000;
    let dbm = random_dbm(&[4, 3], 1.5, 1.0, 2);
    let visible = tensor(&all_states(4));
    let q = BottomUp.infer(&dbm, &visible, Stream::new(0)).unwrap().q;
    let log_z = exact(&dbm, 20.0).unwrap().value.nats;
    let mut apart = Vec::new();
    for temperatures in [3, 30, 300] {
        let settings = annealing(temperatures, CHAINS, Half::Even);
        let expected = Path::new(&dbm, &settings).unwrap().raise_moments(20.0).unwrap();
        assert_close("p_raise sums to one", log_sum_exp(&expected.log_probs), 0.0, 1e-10);
        let true_logs: Nats = all_states(4).iter().map(|v| ByHand::of(&dbm).log_evidence(v) - log_z).collect();
        let far = expected.log_probs.iter().zip(&true_logs).map(|(raise, p)| (raise - p).abs()).fold(0.0, f64::max);
        apart.push(far);
        assert!(expected.mean_logs.iter().zip(&expected.log_probs).all(|(mean, log)| mean <= log));
        if temperatures == 300 {
            continue;
        }
        for (v, found) in raise(&dbm, &visible, &q, &settings, Stream::new(8)).unwrap().iter().enumerate() {
            assert_close("E[ln w]", mean_of(found), expected.mean_logs[v], 4.5 * error(found));
            let relative = error(&found.iter().map(|w| (w - log_mean_exp(found)).exp()).collect::<Vec<_>>());
            assert_close("ln p_raise", log_mean_exp(found), expected.log_probs[v], 4.5 * relative);
        }
    }
    assert!(apart[0] > 2.0 * apart[1] && apart[1] > 2.0 * apart[2], "p_raise comes no closer to p: {apart:?}");
}

#[test]
fn raise_of_a_deep_machine_averages_to_the_marginal_of_the_even_layers() {
    let dbm = random_dbm(&[3, 2, 2], 1.0, 1.0, 12);
    let settings = annealing(5, 20_000, Half::Even);
    let visible = tensor(&[vec![1.0, 0.0, 1.0]]);
    let q = BottomUp.infer(&dbm, &visible, Stream::new(0)).unwrap().q;
    let exact = Path::new(&dbm, &settings).unwrap().raise_moments(20.0).unwrap();
    // The kept states of v = (1, 0, 1): the first units change fastest, so v is 5 and each state of the top layer adds 8.
    let expected = log_sum_exp(&(0..4).map(|top| exact.log_probs[5 + 8 * top]).collect::<Vec<_>>());
    let found = &raise(&dbm, &visible, &q, &settings, Stream::new(6)).unwrap()[0];
    let relative = error(&found.iter().map(|w| (w - log_mean_exp(found)).exp()).collect::<Vec<_>>());
    assert_close("ln p_raise(v)", log_mean_exp(found), expected, 4.0 * relative);
    assert!(raise(&dbm, &visible, &q, &annealing(5, 2, Half::Odd), Stream::new(6)).is_err());
}
