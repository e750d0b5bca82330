//! Binary sparse coding, factor analysis and mixtures: every closed form against a plain sum or integral.

use crate::support::{all_states, assert_all_close, assert_close, log_sum_exp, rows, tensor};
use dbm::evaluate::elbo;
use dbm::inference::{Exact, Inference, MeanField, Random, Refine, Stop};
use dbm::math::{DType, Device, Stream, Tensor, host, log_normal_density};
use dbm::models::{
    BernoulliComponents, BinarySparseCoding, Conditionals, Evidence, ExpectedJoint, FactorAnalysis, GaussianComponents,
    LatentModel, Mixture, Noise, Schedule,
};
use dbm::posterior::{Factorial, Gaussian, Moments, Posterior, Responsibilities};
use std::f64::consts::TAU;

pub fn normal(name: &str, rows: usize, columns: usize, seed: u64) -> Tensor {
    Stream::new(seed).named(name).normal(rows, columns, DType::F64, &Device::Cpu).unwrap()
}

pub fn vector(name: &str, units: usize, seed: u64) -> Tensor {
    normal(name, 1, units, seed).squeeze(0).unwrap()
}

/// Weights of standard deviation `scale`, precisions about one.
pub fn coding(visible: usize, hidden: usize, scale: f64, seed: u64) -> BinarySparseCoding {
    let weight = (normal("weight", visible, hidden, seed) * scale).unwrap();
    let beta = (vector("beta", visible, seed) * 0.5).unwrap().exp().unwrap();
    BinarySparseCoding::new(weight, vector("bias", hidden, seed), beta).unwrap()
}

pub fn factors(visible: usize, factors: usize, noise: Noise, seed: u64) -> FactorAnalysis {
    let variances = match noise {
        Noise::Diagonal => (vector("variances", visible, seed) * 0.5).unwrap().exp().unwrap(),
        Noise::Isotropic => Tensor::full(0.6, visible, &Device::Cpu).unwrap(),
    };
    FactorAnalysis::new(&vector("mean", visible, seed), &normal("weight", visible, factors, seed), &variances, noise)
        .unwrap()
}

pub fn gaussians(count: usize, visible: usize, seed: u64) -> Mixture<GaussianComponents> {
    let covariances = (0..count)
        .map(|component| {
            let root = normal("covariance", visible, visible, seed + 100 * component as u64);
            let own = (Tensor::eye(visible, DType::F64, &Device::Cpu).unwrap() * 0.3).unwrap();
            (root.matmul(&root.t().unwrap()).unwrap() + own).unwrap()
        })
        .collect();
    let means = (normal("means", count, visible, seed) * 2.0).unwrap();
    Mixture::new(&vector("weights", count, seed), GaussianComponents::new(means, covariances).unwrap()).unwrap()
}

pub fn bernoullis(count: usize, visible: usize, seed: u64) -> Mixture<BernoulliComponents> {
    let inputs = (normal("inputs", count, visible, seed) * 1.5).unwrap();
    Mixture::new(&vector("weights", count, seed), BernoulliComponents::new(inputs).unwrap()).unwrap()
}

/// ln p(v, h) of binary sparse coding as it is defined.
fn log_joint(model: &BinarySparseCoding, visible: &[f64], hidden: &[f64]) -> f64 {
    let (weight, bias, beta) = (rows(model.weight()), host(model.bias()).unwrap(), host(model.beta()).unwrap());
    let prior: f64 = bias.iter().zip(hidden).map(|(b, h)| h * b - (1.0 + b.exp()).ln()).sum();
    let given: f64 = (0..visible.len())
        .map(|i| {
            let mean: f64 = weight[i].iter().zip(hidden).map(|(w, h)| w * h).sum();
            0.5 * ((beta[i] / TAU).ln() - beta[i] * (visible[i] - mean).powi(2))
        })
        .sum();
    prior + given
}

fn random_factorial(model: &BinarySparseCoding, visible: &Tensor, seed: u64) -> Factorial {
    Random.infer(model, visible, Stream::new(seed)).unwrap().q
}

fn free_energy(model: &BinarySparseCoding, visible: &Tensor, q: &Factorial) -> Vec<f64> {
    model.free_energy(visible, q).unwrap()
}

#[test]
fn the_evidence_and_the_posterior_of_binary_sparse_coding_are_sums_over_all_causes() {
    for (seed, (visible, hidden)) in [(4, 3), (1, 5), (5, 1), (3, 6)].into_iter().enumerate() {
        let model = coding(visible, hidden, 1.5, seed as u64);
        let examples = (normal("v", 5, visible, seed as u64) * 2.0).unwrap();
        let (table, evidence) = model.clamp(&examples).unwrap().tabulate(20.0).unwrap();
        assert_all_close("two ways", &model.log_evidence(&examples).unwrap(), &evidence, 1e-12);
        let (probs, means) = (rows(&table.log_probs().exp().unwrap()), rows(&cat(&table.means().unwrap())));
        for (example, v) in rows(&examples).iter().enumerate() {
            let joints: Vec<f64> = all_states(hidden).iter().map(|h| log_joint(&model, v, h)).collect();
            assert_close("ln p(v)", evidence[example], log_sum_exp(&joints), 1e-11);
            let posterior: Vec<f64> = joints.iter().map(|joint| (joint - log_sum_exp(&joints)).exp()).collect();
            assert_all_close("p(h | v)", &probs[example], &posterior, 1e-11);
            for (unit, mean) in means[example].iter().enumerate() {
                let by_hand = all_states(hidden).iter().zip(&posterior).map(|(h, p)| h[unit] * p).sum();
                assert_close("E[h]", *mean, by_hand, 1e-11);
            }
        }
        assert_all_close(
            "the exact q closes the gap",
            &elbo(&model, &examples, &table, 0.0).unwrap(),
            &evidence,
            1e-10,
        );
    }
}

fn cat(layers: &[Tensor]) -> Tensor {
    Tensor::cat(layers, 1).unwrap()
}

#[test]
fn the_bound_of_binary_sparse_coding_is_its_sum_over_all_causes() {
    for seed in 0..6 {
        let (visible, hidden) = (4, 5);
        let model = coding(visible, hidden, 1.0, seed);
        let examples = normal("v", 4, visible, seed);
        let q = random_factorial(&model, &examples, seed);
        let means = rows(&cat(&q.means().unwrap()));
        let evidence = model.log_evidence(&examples).unwrap();
        for (example, bound) in free_energy(&model, &examples, &q).into_iter().enumerate() {
            let v = &rows(&examples)[example];
            let by_hand: f64 = all_states(hidden)
                .iter()
                .map(|h| {
                    let q: f64 =
                        h.iter().zip(&means[example]).map(|(h, m)| if *h == 1.0 { *m } else { 1.0 - m }).product();
                    q * (log_joint(&model, v, h) - q.ln())
                })
                .sum();
            assert_close("equation 19.36", bound, by_hand, 1e-10);
            assert!(bound <= evidence[example] + 1e-10, "{bound} is above ln p(v) = {}", evidence[example]);
        }
    }
}

#[test]
fn the_input_of_a_cause_is_where_the_gradient_of_the_bound_vanishes() {
    let model = coding(6, 5, 0.8, 3);
    let examples = normal("v", 3, 6, 3);
    let conditionals = model.clamp(&examples).unwrap();
    let start = random_factorial(&model, &examples, 4);
    let stop = Stop::when_within(1e-13, 500);
    let found = MeanField::default().refine(&conditionals, start, stop, Stream::new(0)).unwrap();
    assert!(found.trace.converged.unwrap().iter().all(|converged| *converged));
    let (inputs, means) = (found.q.inputs().to_vec(), found.q.means().unwrap());
    for unit in 0..5 {
        let at = conditionals.input(&means, unit).unwrap();
        assert_all_close("a fixed point", &host(&at).unwrap(), &host(&inputs[unit]).unwrap(), 1e-11);
        let moved = |by: f64| {
            let mut inputs = inputs.clone();
            inputs[unit] = (&inputs[unit] + by).unwrap();
            free_energy(&model, &examples, &Factorial::from_inputs(found.q.units().to_vec(), inputs))
        };
        for (up, down) in moved(1e-4).into_iter().zip(moved(-1e-4)) {
            assert_close("slope of the bound", (up - down) / 2e-4, 0.0, 1e-7);
        }
    }
    // Away from the fixed point the slope in a mean is input minus log-odds (equation 19.43).
    let q = random_factorial(&model, &examples, 9);
    let means = q.means().unwrap();
    for unit in 0..5 {
        let input = host(&conditionals.input(&means, unit).unwrap()).unwrap();
        let own = host(&q.inputs()[unit]).unwrap();
        let moved = |by: f64| {
            let mut means = means.clone();
            means[unit] = (&means[unit] + by).unwrap();
            let inputs =
                means.iter().map(|m| (m.log().unwrap() - (1.0 - m).unwrap().log().unwrap()).unwrap()).collect();
            free_energy(&model, &examples, &Factorial::from_inputs(q.units().to_vec(), inputs))
        };
        for (example, (up, down)) in moved(1e-5).into_iter().zip(moved(-1e-5)).enumerate() {
            assert_close("equation 19.43", (up - down) / 2e-5, input[example] - own[example], 1e-5);
        }
    }
}

#[test]
fn causes_move_one_by_one_uphill_and_all_at_once_not_always() {
    let mut falls = 0;
    for seed in 0..40 {
        let model = coding(5, 6, 1.5, seed);
        let examples = (normal("v", 4, 5, seed) * 2.0).unwrap();
        let start = random_factorial(&model, &examples, seed);
        let traced = |schedule| {
            let by = MeanField { schedule, damping: 0.0 };
            let stop = Stop::after(15).traced();
            by.refine(&model.clamp(&examples).unwrap(), start.clone(), stop, Stream::new(0)).unwrap().trace
        };
        for schedule in [Schedule::Ascending, Schedule::OddEven] {
            let bounds = traced(schedule).elbos_unnormalized;
            assert!(bounds.windows(2).all(|pair| pair[1] >= pair[0] - 1e-10), "seed {seed}, {schedule:?}: {bounds:?}");
        }
        let bounds = traced(Schedule::Parallel).elbos_unnormalized;
        falls += usize::from(bounds.windows(2).any(|pair| pair[1] < pair[0] - 1e-6));
    }
    assert!(falls > 10, "all causes at once lower the bound in {falls} of 40 runs: the schedule is not what it says");
}

/// Trapezoid sums over one or two factors; spectrally accurate.
fn integrate(model: &FactorAnalysis, v: &[f64], of: impl Fn(&[f64]) -> f64) -> f64 {
    let (weight, mean) = (rows(model.weight()), host(model.mean()).unwrap());
    let variances = host(model.variances()).unwrap();
    let (step, half) = (0.05, 200_i64);
    let mut total = 0.0;
    for first in -half..=half {
        for second in -half..=half {
            let h = [first as f64 * step, second as f64 * step];
            let prior = -0.5 * (h[0] * h[0] + h[1] * h[1]) - TAU.ln();
            let given: f64 = (0..v.len())
                .map(|i| {
                    let error = v[i] - mean[i] - weight[i][0] * h[0] - weight[i][1] * h[1];
                    -0.5 * (error * error / variances[i] + (TAU * variances[i]).ln())
                })
                .sum();
            total += (prior + given).exp() * of(&h) * step * step;
        }
    }
    total
}

#[test]
fn factor_analysis_is_what_integrals_over_its_factors_say() {
    for noise in [Noise::Diagonal, Noise::Isotropic] {
        let model = factors(3, 2, noise, 5);
        let examples = normal("v", 2, 3, 5);
        let (evidence, q) = (model.log_evidence(&examples).unwrap(), model.posterior(&examples).unwrap());
        for (example, v) in rows(&examples).iter().enumerate() {
            let total = integrate(&model, v, |_| 1.0);
            assert_close("ln p(v)", evidence[example], total.ln(), 1e-10);
            for unit in 0..2 {
                let mean = integrate(&model, v, |h| h[unit]) / total;
                assert_close("E[h]", rows(q.mean())[example][unit], mean, 1e-10);
                for other in 0..2 {
                    let pair = integrate(&model, v, |h| h[unit] * h[other]) / total;
                    let own = rows(q.mean())[example][other];
                    assert_close("covariance", rows(q.covariance())[unit][other], pair - mean * own, 1e-10);
                }
            }
        }
        assert_all_close("the exact q closes the gap", &elbo(&model, &examples, &q, 0.0).unwrap(), &evidence, 1e-11);
    }
}

#[test]
fn the_gap_of_any_gaussian_is_its_divergence_from_the_posterior() {
    let model = factors(4, 2, Noise::Diagonal, 8);
    let examples = normal("v", 3, 4, 8);
    let p = model.posterior(&examples).unwrap();
    let covariance = tensor(&[vec![0.5, 0.1], vec![0.1, 0.3]]);
    let q = Gaussian::new(normal("q", 3, 2, 8), covariance.clone()).unwrap();
    let (inverse, c) = (inverse_2(&rows(p.covariance())), rows(&covariance));
    let determinant = |m: &[Vec<f64>]| m[0][0] * m[1][1] - m[0][1] * m[1][0];
    let trace: f64 = (0..2).map(|i| (0..2).map(|j| inverse[i][j] * c[j][i]).sum::<f64>()).sum();
    let (bounds, evidence) = (model.free_energy(&examples, &q).unwrap(), model.log_evidence(&examples).unwrap());
    for example in 0..3 {
        let d: Vec<f64> = (0..2).map(|i| rows(p.mean())[example][i] - rows(q.mean())[example][i]).collect();
        let distance: f64 = (0..2).map(|i| (0..2).map(|j| d[i] * inverse[i][j] * d[j]).sum::<f64>()).sum();
        let ratio = determinant(&rows(p.covariance())) / determinant(&c);
        let divergence = 0.5 * (trace + distance - 2.0 + ratio.ln());
        assert_close("KL(q ‖ p)", evidence[example] - bounds[example], divergence, 1e-11);
    }
}

fn inverse_2(m: &[Vec<f64>]) -> Vec<Vec<f64>> {
    let determinant = m[0][0] * m[1][1] - m[0][1] * m[1][0];
    vec![vec![m[1][1] / determinant, -m[0][1] / determinant], vec![-m[1][0] / determinant, m[0][0] / determinant]]
}

#[test]
fn a_normal_density_integrates_to_one_and_refuses_what_is_no_covariance() {
    let covariance = tensor(&[vec![1.0, 0.6], vec![0.6, 0.8]]);
    let mean = Tensor::new(&[0.3, -0.2], &Device::Cpu).unwrap();
    let grid: Vec<Vec<f64>> =
        (0..241).flat_map(|i| (0..241).map(move |j| vec![-6.0 + 0.05 * i as f64, -6.0 + 0.05 * j as f64])).collect();
    let densities = log_normal_density(&tensor(&grid), &mean, &covariance).unwrap();
    assert_close("total", densities.iter().map(|nats| nats.exp()).sum::<f64>() * 0.05 * 0.05, 1.0, 1e-8);
    let singular = tensor(&[vec![1.0, 1.0], vec![1.0, 1.0]]);
    assert!(log_normal_density(&tensor(&grid[..1]), &mean, &singular).is_err());
}

#[test]
fn mixtures_are_weighted_sums_of_their_components() {
    let model = bernoullis(3, 4, 2);
    let all = tensor(&all_states(4));
    let total: f64 = model.log_evidence(&all).unwrap().iter().map(|nats| nats.exp()).sum();
    assert_close("Σ_v p(v)", total, 1.0, 1e-12);
    let (weights, inputs) = (host(model.log_weights()).unwrap(), rows(model.components().inputs()));
    let v = [1.0, 0.0, 1.0, 1.0];
    let joints: Vec<f64> = (0..3)
        .map(|k| {
            let each = |i: usize| v[i] * inputs[k][i] - (1.0 + inputs[k][i].exp()).ln();
            weights[k] + (0..4).map(each).sum::<f64>()
        })
        .collect();
    let (q, evidence) = model.posterior(&tensor(&[v.to_vec()])).unwrap();
    assert_close("ln p(v)", evidence[0], log_sum_exp(&joints), 1e-12);
    let by_hand: Vec<f64> = joints.iter().map(|joint| joint - evidence[0]).collect();
    assert_all_close("p(k | v)", &host(q.log_probs()).unwrap(), &by_hand, 1e-12);
    let model = gaussians(3, 2, 2);
    let examples = normal("v", 4, 2, 2);
    let exact = Exact { max_bits: 2.0 }.infer(&model, &examples, Stream::new(0)).unwrap().q;
    let evidence = model.log_evidence(&examples).unwrap();
    assert_all_close("the exact q closes the gap", &elbo(&model, &examples, &exact, 0.0).unwrap(), &evidence, 1e-12);
    let (other, _) = Responsibilities::normalize(&normal("q", 4, 3, 3)).unwrap();
    let divergences: Vec<f64> = rows(other.log_probs())
        .iter()
        .zip(rows(exact.log_probs()))
        .map(|(q, p)| q.iter().zip(p).map(|(q, p)| q.exp() * (q - p)).sum())
        .collect();
    let gaps: Vec<f64> =
        evidence.iter().zip(model.free_energy(&examples, &other).unwrap()).map(|(e, bound)| e - bound).collect();
    assert_all_close("KL(q ‖ p)", &gaps, &divergences, 1e-12);
}

#[test]
fn draws_of_a_model_have_its_moments() {
    let model = gaussians(2, 2, 7);
    let (examples, seed) = (40_000, Stream::new(1));
    let draws = model.sample(examples, seed).unwrap();
    let weights: Vec<f64> = host(model.log_weights()).unwrap().iter().map(|weight| weight.exp()).collect();
    let means = rows(model.components().means());
    let expected: f64 = (0..2).map(|k| weights[k] * means[k][0]).sum();
    let found = rows(&draws).iter().map(|row| row[0]).sum::<f64>() / examples as f64;
    let square = rows(&draws).iter().map(|row| (row[0] - found).powi(2)).sum::<f64>() / examples as f64;
    assert_close("mean of a mixture", found, expected, 4.0 * (square / examples as f64).sqrt());
    let model = factors(3, 2, Noise::Diagonal, 7);
    let (draws, covariance) = (rows(&model.sample(examples, seed).unwrap()), rows(&model.covariance().unwrap()));
    let mean = host(model.mean()).unwrap();
    for (i, j) in [(0, 0), (0, 2), (1, 2)] {
        let found: f64 = draws.iter().map(|v| (v[i] - mean[i]) * (v[j] - mean[j])).sum::<f64>() / examples as f64;
        let variance = covariance[i][i] * covariance[j][j] + covariance[i][j].powi(2);
        assert_close("covariance", found, covariance[i][j], 4.0 * (variance / examples as f64).sqrt());
    }
    let model = coding(3, 2, 1.0, 7);
    let (visible, hidden) = model.sample(examples, seed).unwrap();
    let on = rows(&hidden).iter().map(|h| h[1]).sum::<f64>() / examples as f64;
    let prior = 1.0 / (1.0 + (-host(model.bias()).unwrap()[1]).exp());
    assert_close("p(h = 1)", on, prior, 4.0 * (prior * (1.0 - prior) / examples as f64).sqrt());
    let errors = (visible - hidden.matmul(&model.weight().t().unwrap()).unwrap()).unwrap();
    let variance = 1.0 / host(model.beta()).unwrap()[0];
    let found = rows(&errors).iter().map(|row| row[0].powi(2)).sum::<f64>() / examples as f64;
    assert_close("noise", found, variance, 4.0 * variance * (2.0 / examples as f64).sqrt());
}

#[test]
fn moments_of_a_q_are_its_sums() {
    let model = coding(4, 3, 1.0, 5);
    let examples = normal("v", 6, 4, 5);
    let (table, _) = model.clamp(&examples).unwrap().tabulate(10.0).unwrap();
    let factorial = random_factorial(&model, &examples, 5);
    let means = rows(&cat(&factorial.means().unwrap()));
    let independent = |example: usize, h: &[f64]| -> f64 {
        h.iter().zip(&means[example]).map(|(h, m)| if *h == 1.0 { *m } else { 1.0 - m }).product()
    };
    let probs = rows(&table.log_probs().exp().unwrap());
    let tabulated = |example: usize, h: &[f64]| probs[example][(h[0] + 2.0 * h[1] + 4.0 * h[2]) as usize];
    check_moments(&factorial.moments().unwrap(), independent);
    check_moments(&table.moments().unwrap(), tabulated);
}

fn check_moments((first, second): &(Tensor, Tensor), q: impl Fn(usize, &[f64]) -> f64) {
    for i in 0..3 {
        for example in 0..6 {
            let mean = all_states(3).iter().map(|h| q(example, h) * h[i]).sum();
            assert_close("E[h]", rows(first)[example][i], mean, 1e-12);
        }
        for j in 0..3 {
            let each = |example| all_states(3).iter().map(|h| q(example, h) * h[i] * h[j]).sum::<f64>();
            assert_close("E[h hᵀ]", rows(second)[i][j], (0..6).map(each).sum::<f64>() / 6.0, 1e-12);
        }
    }
}

#[test]
fn at_the_edges_nothing_is_lost() {
    // Without weights the posterior is the prior, whatever v is, and mean field is exact.
    let silent = BinarySparseCoding::new(
        Tensor::zeros((2, 3), DType::F64, &Device::Cpu).unwrap(),
        Tensor::new(&[-30.0, 0.0, 30.0], &Device::Cpu).unwrap(),
        Tensor::ones(2, DType::F64, &Device::Cpu).unwrap(),
    )
    .unwrap();
    let example = tensor(&[vec![3.0, -1.0]]);
    let evidence = silent.log_evidence(&example).unwrap()[0];
    assert_close("ln p(v)", evidence, -0.5 * 10.0 - TAU.ln(), 1e-12);
    let start = random_factorial(&silent, &example, 0);
    let stop = Stop::when_within(1e-12, 10);
    let q = MeanField::default().refine(&silent.clamp(&example).unwrap(), start, stop, Stream::new(0)).unwrap().q;
    assert_close("mean field", free_energy(&silent, &example, &q)[0], evidence, 1e-12);
    // What does not fit is refused, not computed.
    let model = coding(3, 2, 1.0, 0);
    assert!(model.clamp(&normal("v", 2, 4, 0)).is_err());
    assert!(model.clamp(&normal("v", 2, 3, 0)).unwrap().tabulate(1.0).is_err(), "two bits are more than one");
    let negative = Tensor::new(&[1.0, -1.0, 1.0], &Device::Cpu).unwrap();
    assert!(BinarySparseCoding::new(model.weight().clone(), model.bias().clone(), negative.clone()).is_err());
    assert!(FactorAnalysis::new(&negative, model.weight(), &negative, Noise::Diagonal).is_err());
}
