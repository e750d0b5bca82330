//! Annealed importance sampling against exact sums, down to the moments of its weights.

use crate::support::{ByHand, all_states, assert_all_close, assert_close, converted, log_sum_exp, random_dbm};
use dbm::evaluate::{
    Annealing, Guarantee, Half, LogPartition, Method, Path, Spacing, ais, bits, exact, posterior_bits,
};
use dbm::math::{DType, Device, Stream, Tensor, mean_of};
use dbm::models::Dbm;

const TWENTY_UNITS: [&[usize]; 4] = [&[12, 8], &[8, 7, 5], &[6, 5, 5, 4], &[5, 4, 4, 4, 3]];
const HALVES: [Half; 2] = [Half::Even, Half::Odd];

fn annealing(temperatures: usize, chains: usize) -> Annealing {
    Annealing { temperatures, spacing: Spacing::Uniform, chains, kept: None, base_means: Vec::new() }
}

fn vector(values: &[f64]) -> Tensor {
    Tensor::from_slice(values, values.len(), &Device::Cpu).unwrap()
}

/// Any means will do as base rates; these differ from unit to unit and include a pixel that is never on.
fn some_means(units: usize) -> Tensor {
    vector(&(0..units).map(|i| i as f64 / units as f64).collect::<Vec<_>>())
}

fn log_weights(dbm: &Dbm, settings: &Annealing, stream: Stream) -> Vec<f64> {
    ais(dbm, settings, stream).unwrap().ais.unwrap().log_weights
}

#[test]
fn exact_log_z_agrees_with_the_sum_over_all_states() {
    for sizes in [&[3, 4][..], &[4, 3, 2], &[2, 3, 3, 2], &[2, 2, 1, 2, 3]] {
        let dbm = random_dbm(sizes, 2.0, 1.0, 1);
        let found = exact(&dbm, 20.0).unwrap();
        assert_close("ln Z", found.value.nats, ByHand::of(&dbm).log_z(), 1e-10);
        assert_eq!((found.method, found.value.guarantee), (Method::Exact, Guarantee::Exact));
    }
}

#[test]
fn exact_log_z_is_refused_above_the_cap() {
    let dbm = random_dbm(&[8, 7, 5], 1.0, 1.0, 1);
    assert_eq!(bits(&dbm).unwrap(), 7.0);
    assert_eq!(posterior_bits(&dbm).unwrap(), 5.0);
    assert_eq!(exact(&dbm, 7.0).unwrap().value.guarantee, Guarantee::Exact);
    assert!(exact(&dbm, 6.0).unwrap_err().to_string().contains("2^7"));
}

/// (estimate - exact) / stated standard error on every depth, half and base rate.
#[test]
fn ais_is_within_its_error_of_exact() {
    let mut scores = Vec::new();
    for (sizes, seed) in TWENTY_UNITS.iter().zip(10..) {
        for run in 0..3 {
            let dbm = random_dbm(sizes, 1.0, 1.0, seed + 100 * run);
            let log_z = exact(&dbm, 20.0).unwrap().value.nats;
            for kept in HALVES {
                for layers in [0, 1, sizes.len()] {
                    let base_means = sizes.iter().take(layers).map(|&units| some_means(units)).collect();
                    let settings = Annealing { kept: Some(kept), base_means, ..annealing(100, 200) };
                    let found = ais(&dbm, &settings, Stream::new(run)).unwrap();
                    assert_eq!(found.ais.unwrap().unreliable, None);
                    scores.push((found.value.nats - log_z) / found.value.error.unwrap());
                }
            }
        }
    }
    let within = scores.iter().filter(|score| score.abs() <= 3.0).count();
    assert!(within * 100 >= 95 * scores.len(), "{within} of {} runs within 3 standard errors", scores.len());
    let rms = mean_of(&scores.iter().map(|score| score * score).collect::<Vec<_>>()).sqrt();
    assert!((0.5..=1.7).contains(&rms), "errors are {rms} times the stated ones");
}

/// E[w], E[w²], E[w⁴] and E[ln w] of the forward chain, by pushing vectors over all states through the exact kernels.
struct Moments {
    powers: [f64; 3],
    log: f64,
    base: f64,
}

/// A machine part of the way along the path, as sums over all states of the kept (x) and the other (y) half.
struct Annealed {
    /// ln p̃(x, y).
    log_joint: Vec<Vec<f64>>,
    /// ln f(x).
    log_f: Vec<f64>,
}

impl Annealed {
    fn at(share: f64, dbm: &ByHand, base: &[Vec<f64>], even_kept: bool) -> Self {
        let blend = |to: &f64, from: &f64| share * to + (1.0 - share) * from;
        let scaled = ByHand {
            sizes: dbm.sizes.clone(),
            weights: dbm
                .weights
                .iter()
                .map(|w| w.iter().map(|r| r.iter().map(|w| share * w).collect()).collect())
                .collect(),
            biases: dbm
                .biases
                .iter()
                .zip(base)
                .map(|(to, from)| to.iter().zip(from).map(|(t, f)| blend(t, f)).collect())
                .collect(),
        };
        let units = |kept: bool| -> usize {
            scaled.sizes.iter().enumerate().filter(|(l, _)| (l % 2 == 0) == (even_kept == kept)).map(|(_, n)| n).sum()
        };
        let join = |x: &[f64], y: &[f64]| {
            let (mut x, mut y) = (x.iter(), y.iter());
            let kept = scaled.sizes.iter().enumerate().flat_map(|(l, &n)| vec![(l % 2 == 0) == even_kept; n]);
            kept.map(|kept| if kept { x.next() } else { y.next() }.copied().unwrap()).collect::<Vec<f64>>()
        };
        let (xs, ys) = (all_states(units(true)), all_states(units(false)));
        let log_joint: Vec<Vec<f64>> =
            xs.iter().map(|x| ys.iter().map(|y| scaled.log_joint(&join(x, y))).collect()).collect();
        let log_f = log_joint.iter().map(|row| log_sum_exp(row)).collect();
        Self { log_joint, log_f }
    }

    /// One block Gibbs step x → y → x' applied to values over x.
    fn step(&self, values: &[f64]) -> Vec<f64> {
        let (xs, ys) = (self.log_f.len(), self.log_joint[0].len());
        let mut next = vec![0.0; xs];
        for y in 0..ys {
            let column: Vec<f64> = (0..xs).map(|x| self.log_joint[x][y]).collect();
            let total = log_sum_exp(&column);
            let sent: f64 = (0..xs).map(|x| values[x] * (self.log_joint[x][y] - self.log_f[x]).exp()).sum();
            (0..xs).for_each(|x| next[x] += sent * (column[x] - total).exp());
        }
        next
    }
}

fn exact_moments(dbm: &Dbm, base: &[Vec<f64>], even_kept: bool, shares: &[f64]) -> Moments {
    let by_hand = ByHand::of(dbm);
    let path: Vec<Annealed> = shares.iter().map(|&b| Annealed::at(b, &by_hand, base, even_kept)).collect();
    let base = log_sum_exp(&path[0].log_f);
    let start: Vec<f64> = path[0].log_f.iter().map(|f| (f - base).exp()).collect();
    let mut moments = [start.clone(), start.clone(), start.clone()];
    // `logs` holds the expectation of ln w together with the place of the chain.
    let (mut mass, mut logs) = (start.clone(), vec![0.0; start.len()]);
    for k in 1..path.len() {
        for x in 0..mass.len() {
            let gain = path[k].log_f[x] - path[k - 1].log_f[x];
            moments.iter_mut().zip([1.0, 2.0, 4.0]).for_each(|(moment, power)| moment[x] *= (power * gain).exp());
            logs[x] += mass[x] * gain;
        }
        moments.iter_mut().for_each(|moment| *moment = path[k].step(moment));
        (mass, logs) = (path[k].step(&mass), path[k].step(&logs));
    }
    Moments { powers: moments.map(|moment| moment.iter().sum()), log: logs.iter().sum(), base }
}

#[test]
fn weights_have_the_moments_of_the_exact_chain() {
    const CHAINS: usize = 20_000;
    for (seed, sizes) in [&[3, 2][..], &[2, 3, 2], &[2, 2, 2, 1]].into_iter().enumerate() {
        let dbm = random_dbm(sizes, 1.5, 1.0, seed as u64);
        let log_z = ByHand::of(&dbm).log_z();
        for (kept, even_kept) in HALVES.into_iter().zip([true, false]) {
            for spacing in [Spacing::Uniform, Spacing::Ladder] {
                let means = vec![0.2; sizes[0]];
                let settings =
                    Annealing { kept: Some(kept), base_means: vec![vector(&means)], spacing, ..annealing(5, CHAINS) };
                let base: Vec<Vec<f64>> =
                    (0..sizes.len()).map(|l| vec![if l == 0 { (0.2_f64 / 0.8).ln() } else { 0.0 }; sizes[l]]).collect();
                let expected = exact_moments(&dbm, &base, even_kept, &spacing.shares(5));
                assert_close("E[w] Z_0 = Z by the kernels", expected.powers[0].ln() + expected.base, log_z, 1e-9);
                assert!(expected.log + expected.base < log_z, "E[ln w] lies below ln Z");

                let found = ais(&dbm, &settings, Stream::new(77)).unwrap().ais.unwrap();
                assert_close("ln Z_0", found.log_base_partition, expected.base, 1e-10);
                let weights: Vec<f64> = found.log_weights.iter().map(|w| w.exp()).collect();
                let squares: Vec<f64> = weights.iter().map(|w| w * w).collect();
                let [first, second, fourth] = expected.powers;
                let floor = |variance: f64| 4.0 * (variance / CHAINS as f64).sqrt();
                assert_close("mean weight", mean_of(&weights), first, floor(second - first * first));
                assert_close("mean square", mean_of(&squares), second, floor(fourth - second * second));
                let spread = mean_of(&found.log_weights.iter().map(|w| (w - expected.log).powi(2)).collect::<Vec<_>>());
                assert_close("mean log weight", mean_of(&found.log_weights), expected.log, floor(spread));
            }
        }
    }
}

#[test]
fn mean_log_weight_falls_below_log_z() {
    for (sizes, seed) in TWENTY_UNITS.iter().zip(50..) {
        let dbm = random_dbm(sizes, 2.0, 1.0, seed);
        let found = ais(&dbm, &annealing(20, 400), Stream::new(1)).unwrap().ais.unwrap();
        let log_z = exact(&dbm, 20.0).unwrap().value.nats;
        assert!(found.stochastic_lower_bound < log_z, "{} against {log_z}", found.stochastic_lower_bound);
        assert!(found.stochastic_lower_bound > log_z - 10.0, "{} is far below {log_z}", found.stochastic_lower_bound);
    }
}

#[test]
fn zero_weights_need_no_annealing() {
    let means = [0.1, 0.3, 0.5, 0.8];
    for sizes in [&[4, 3][..], &[4, 3, 2], &[4, 3, 2, 5]] {
        let independent = random_dbm(sizes, 0.0, 0.0, 1);
        let biases = [&[vector(&means.map(|m: f64| (m / (1.0 - m)).ln()))], &independent.biases()[1..]].concat();
        let dbm = independent.with_parameters(independent.weights().to_vec(), biases).unwrap();
        for kept in HALVES {
            let settings = Annealing { kept: Some(kept), base_means: vec![vector(&means)], ..annealing(7, 10) };
            let found = ais(&dbm, &settings, Stream::new(2)).unwrap();
            let report = found.ais.unwrap();
            assert_all_close("ln w", &report.log_weights, &[0.0; 10], 1e-10);
            assert_close("ln Z", found.value.nats, ByHand::of(&dbm).log_z(), 1e-10);
            assert_close("effective sample size", report.effective_sample_size, 10.0, 1e-8);
            assert_eq!((found.value.error.map(|error| error < 1e-10), report.unreliable), (Some(true), None));
        }
    }
}

#[test]
fn summed_out_units_count_in_the_base() {
    let dbm = random_dbm(&[8, 7, 5], 0.5, 0.0, 3);
    for (kept, summed_out) in HALVES.into_iter().zip([7.0, 13.0]) {
        let found = ais(&dbm, &Annealing { kept: Some(kept), ..annealing(200, 100) }, Stream::new(4)).unwrap();
        assert_close("ln Z_0", found.ais.unwrap().log_base_partition, 20.0 * 2_f64.ln(), 1e-10);
        let off = found.value.nats - exact(&dbm, 20.0).unwrap().value.nats;
        let forgotten = summed_out * 2_f64.ln();
        assert!(off.abs() < 0.1 && (off - forgotten).abs() > 4.0, "off by {off}, one half weighs {forgotten}");
    }
}

#[test]
fn too_few_temperatures_are_called_unreliable() {
    let dbm = random_dbm(&[8, 7, 5], 6.0, 1.0, 5);
    let hasty = ais(&dbm, &annealing(10, 100), Stream::new(6)).unwrap().ais.unwrap();
    let warning = hasty.unreliable.unwrap();
    assert!(warning.contains("more temperatures (now 10)") && warning.contains("chains (now 100)"), "{warning}");
    let single = ais(&dbm, &annealing(10, 1), Stream::new(6)).unwrap();
    assert_eq!((single.value.error, single.ais.unwrap().unreliable.is_some()), (None, true));
    let calm = random_dbm(&[8, 7, 5], 0.5, 1.0, 5);
    assert_eq!(ais(&calm, &annealing(100, 100), Stream::new(6)).unwrap().ais.unwrap().unreliable, None);
}

#[test]
fn interval_has_no_lower_end_where_the_error_is_as_large_as_z() {
    let dbm = random_dbm(&[4, 3], 0.0, 0.0, 1);
    let path = Path::new(&dbm, &annealing(3, 2)).unwrap();
    let base = path.log_base_partition().unwrap();
    let wide = LogPartition::from_log_weights(&path, vec![0.0, 5.0]).unwrap();
    let report = wide.ais.unwrap();
    assert!(report.lower.is_none() && report.unreliable.is_some() && report.upper.is_finite());
    let narrow = LogPartition::from_log_weights(&path, vec![0.0, 0.1]).unwrap();
    // The mean of 1 and e^0.1 and the standard error of that mean, by hand.
    let (mean, error) = ((1.0 + 0.1_f64.exp()) / 2.0, (0.1_f64.exp() - 1.0) / 2.0);
    assert_close("value", narrow.value.nats, base + mean.ln(), 1e-12);
    assert_close("error", narrow.value.error.unwrap(), error / mean, 1e-12);
    let report = narrow.ais.unwrap();
    assert_close("lower", report.lower.unwrap(), base + (mean - 3.0 * error).ln(), 1e-12);
    assert_close("upper", report.upper, base + (mean + 3.0 * error).ln(), 1e-12);
}

#[test]
fn weights_that_are_no_numbers_are_called_meaningless() {
    let dbm = random_dbm(&[4, 3], 1.0, 1.0, 1);
    let biases = vec![vector(&[f64::NAN; 4]), dbm.biases()[1].clone()];
    let broken = dbm.with_parameters(dbm.weights().to_vec(), biases).unwrap();
    let report = ais(&broken, &annealing(5, 5), Stream::new(1)).unwrap().ais.unwrap();
    assert!(report.unreliable.unwrap().contains("meaningless"));
}

#[test]
fn more_temperatures_shrink_the_error() {
    let dbm = random_dbm(&[8, 7, 5], 1.5, 1.0, 9);
    let errors = [10, 100, 1000].map(|n| ais(&dbm, &annealing(n, 200), Stream::new(1)).unwrap().value.error.unwrap());
    assert!(errors[1] < errors[0] / 1.5 && errors[2] < errors[1] / 1.5, "{errors:?}");
}

#[test]
fn splitting_chains_or_steps_changes_no_bit() {
    for (sizes, dtype) in [(&[12, 8][..], DType::F64), (&[70, 33, 18], DType::F32)] {
        let dbm = converted(&random_dbm(sizes, 0.5, 1.0, 2), dtype);
        let settings = annealing(50, 100);
        let whole = log_weights(&dbm, &settings, Stream::new(3));
        let path = Path::new(&dbm, &settings).unwrap();
        let parts: Vec<f64> = [0, 50]
            .into_iter()
            .flat_map(|first| {
                let mut chains = path.start(50, Stream::new(3).from_row(first)).unwrap();
                while chains.steps < path.temperatures() {
                    chains = path.advance(chains, 7).unwrap();
                }
                chains.log_weights
            })
            .collect();
        assert_eq!(parts, whole);
    }
}

#[test]
fn single_and_double_precision_agree() {
    for sizes in TWENTY_UNITS {
        let dbm = random_dbm(sizes, 1.0, 1.0, 8);
        let settings = annealing(300, 100);
        let double = ais(&dbm, &settings, Stream::new(5)).unwrap().value.nats;
        let single = ais(&converted(&dbm, DType::F32), &settings, Stream::new(5)).unwrap().value.nats;
        // The draws are the same; only one that falls within round-off of its threshold sets a chain on another way.
        assert_close("ln Z in f32", single, double, 2e-3);
    }
}

#[test]
fn both_spacings_run_from_zero_to_one() {
    for spacing in [Spacing::Uniform, Spacing::Ladder] {
        for temperatures in [1, 2, 29, 1000] {
            let shares = spacing.shares(temperatures);
            assert_eq!((shares.len(), shares[0], shares[temperatures]), (temperatures + 1, 0.0, 1.0));
            assert!(shares.windows(2).all(|pair| pair[0] < pair[1]), "{spacing:?} {temperatures}");
        }
    }
    let shares = Spacing::Ladder.shares(14_500);
    assert_all_close("ladder", &[shares[500], shares[4500]], &[0.5, 0.9], 1e-12);
}

#[test]
fn annealing_refuses_what_it_cannot_do() {
    let dbm = random_dbm(&[4, 3], 1.0, 1.0, 1);
    assert!(ais(&dbm, &annealing(0, 5), Stream::new(1)).is_err());
    assert!(ais(&dbm, &annealing(5, 0), Stream::new(1)).is_err());
    let wrong = Annealing { base_means: vec![vector(&[0.5; 3])], ..annealing(5, 5) };
    assert!(
        ais(&dbm, &wrong, Stream::new(1)).unwrap_err().to_string().contains("3 base rates were given for a layer of 4")
    );
    let more = Annealing { base_means: [4, 3, 2].map(some_means).to_vec(), ..annealing(5, 5) };
    assert!(ais(&dbm, &more, Stream::new(1)).unwrap_err().to_string().contains("base rates of 3 layers"));
}
