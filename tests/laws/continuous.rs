//! Continuous latents: factors on a grid against their closed form, Gaussian fits, quadrature, largest entropy.

use crate::support::{assert_all_close, assert_close};
use dbm::inference::{
    GaussianFactors, GaussianPosterior, OnGridAscent, OnLine, best_gaussian, differential_entropy,
    elbo_slope_in_log_deviation, gaussian_elbo, maximum_entropy,
};
use dbm::math::{Device, Grid, Quadrature, Tensor, host};
use dbm::models::{GaussianExpectation, LinearLatents, LogJoint, Observed, Prior};
use dbm::posterior::{OnGrid, Posterior};
use std::f64::consts::{E, PI, TAU};

fn observed(weight: [f64; 2], visible: f64, precision: f64, prior: Prior) -> Observed {
    let weight = Tensor::new(&[weight], &Device::Cpu).unwrap();
    LinearLatents { weight, precision, prior }.observe(&Tensor::new(&[visible], &Device::Cpu).unwrap()).unwrap()
}

fn axis(reach: f64, points: usize) -> Quadrature {
    Quadrature::trapezoid(-reach, reach, points).unwrap()
}

fn normal(x: f64, mean: f64, variance: f64) -> f64 {
    (-0.5 * (x - mean).powi(2) / variance).exp() / (TAU * variance).sqrt()
}

const WEIGHTS: [[f64; 2]; 3] = [[1.0, 1.0], [2.0, 1.5], [0.5, -2.0]];

#[test]
fn trapezoids_integrate_lines_exactly_and_gaussians_to_rounding() {
    let rule = Quadrature::trapezoid(-1.0, 3.0, 7).unwrap();
    assert_close("∫ 2x + 1", rule.integrate(|x| 2.0 * x + 1.0), 12.0, 1e-13);
    let moment = axis(9.0, 61).integrate(|x| x.powi(4) * normal(x, 0.0, 1.0));
    assert_close("fourth moment", moment, 3.0, 1e-12);
    let rules = [axis(9.0, 61), Quadrature::trapezoid(-8.0, 10.0, 71).unwrap()];
    let grid = Grid::product(&rules, &Device::Cpu).unwrap();
    let joint = host(&grid.points).unwrap();
    let logs: Vec<f64> = joint.chunks(2).map(|at| (normal(at[0], 0.0, 1.0) * normal(at[1], 1.0, 1.0)).ln()).collect();
    assert_close("mass in the plane", grid.log_integral(&logs), 0.0, 1e-12);
    assert!(Quadrature::trapezoid(0.0, 1.0, 1).is_err() && Quadrature::trapezoid(1.0, 1.0, 9).is_err());
}

#[test]
fn the_joint_is_prior_times_likelihood() {
    for prior in [Prior::Gaussian, Prior::Laplace { rate: 1.7 }] {
        let (w, v, precision) = ([0.8, -1.3], 0.9, 2.5);
        let at = [0.4, -0.7];
        let density = |h: f64| match prior {
            Prior::Gaussian => normal(h, 0.0, 1.0),
            Prior::Laplace { rate } => rate / 2.0 * (-rate * h.abs()).exp(),
        };
        let expected = density(at[0]) * density(at[1]) * normal(v, w[0] * at[0] + w[1] * at[1], 1.0 / precision);
        let model = observed(w, v, precision, prior);
        assert_close("ln p(v, h)", model.log_joint_at(&at), expected.ln(), 1e-12);
        let points = Tensor::new(&[at], &Device::Cpu).unwrap();
        assert_close("the same of a tensor", model.log_joint(&points).unwrap()[0], expected.ln(), 1e-12);
    }
}

#[test]
fn factors_on_a_grid_are_the_closed_gaussians() {
    for w in WEIGHTS {
        let model = observed(w, 1.5, 1.0, Prior::Gaussian);
        let ascent = OnGridAscent::new(&model, vec![axis(8.0, 401), axis(8.0, 301)]).unwrap();
        let (mut q, mut closed) = (ascent.flat().unwrap(), GaussianFactors::new(&model, vec![0.0; 2]).unwrap());
        for _ in 0..3 {
            q = ascent.sweep(&q).unwrap();
            closed = closed.sweep(&model);
            for i in 0..2 {
                let twin = |x: &f64| normal(*x, closed.means[i], closed.variances[i]);
                let expected: Vec<f64> = q.axes()[i].points().iter().map(twin).collect();
                assert_all_close("density", q.density(i), &expected, 1e-10);
                assert_close("excess kurtosis", q.excess_kurtosis(i), 0.0, 1e-9);
            }
        }
    }
}

#[test]
fn means_reach_the_exact_posterior_at_the_rate_of_the_theory() {
    for w in WEIGHTS {
        let model = observed(w, 1.5, 1.0, Prior::Gaussian);
        let exact = GaussianPosterior::of(&model).unwrap();
        let scale = 1.0 + w[0] * w[0] + w[1] * w[1];
        assert_all_close("exact means", &exact.means, &w.map(|w| w * 1.5 / scale), 1e-12);
        let rate = (w[0] * w[1]).powi(2) / ((1.0 + w[0] * w[0]) * (1.0 + w[1] * w[1]));
        let mut q = GaussianFactors::new(&model, vec![0.0; 2]).unwrap().sweep(&model);
        for _ in 0..6 {
            let next = q.clone().sweep(&model);
            let error = |q: &GaussianFactors| q.means[0] - exact.means[0];
            assert_close("rate", error(&next) / error(&q), rate, 1e-6);
            q = next;
        }
        let q = (0..80).fold(q, |q, _| q.sweep(&model));
        assert_all_close("means", &q.means, &exact.means, 1e-12);
    }
}

#[test]
fn the_gap_of_continuous_mean_field_is_its_kl() {
    for w in WEIGHTS {
        let model = observed(w, 1.5, 1.0, Prior::Gaussian);
        let ascent = OnGridAscent::new(&model, vec![axis(8.0, 401); 2]).unwrap();
        let q = (0..80).fold(ascent.flat().unwrap(), |q, _| ascent.sweep(&q).unwrap());
        let (evidence, scale) = (ascent.log_evidence(), 1.0 + w[0] * w[0] + w[1] * w[1]);
        assert_close("ln p(v)", evidence, normal(1.5, 0.0, scale).ln(), 1e-9);
        let kl = 0.5 * ((1.0 + w[0] * w[0]) * (1.0 + w[1] * w[1]) / scale).ln();
        assert_close("KL", evidence - ascent.elbo(&q).unwrap(), kl, 1e-9);
        assert_close("KL in closed form", GaussianPosterior::of(&model).unwrap().mean_field_kl, kl, 1e-12);
        assert_all_close("means by quadrature", &ascent.exact_means().unwrap(), &w.map(|w| w * 1.5 / scale), 1e-9);
    }
}

#[test]
fn sweeps_on_a_grid_never_lower_the_bound() {
    for prior in [Prior::Gaussian, Prior::Laplace { rate: 1.5 }] {
        let model = observed([2.0, 1.5], -0.7, 1.3, prior);
        let ascent = OnGridAscent::new(&model, vec![axis(8.0, 161), axis(8.0, 201)]).unwrap();
        let mut q = ascent.flat().unwrap();
        for _ in 0..20 {
            let next = ascent.sweep(&q).unwrap();
            let (before, after) = (ascent.elbo(&q).unwrap(), ascent.elbo(&next).unwrap());
            assert!(after >= before - 1e-10 && after <= ascent.log_evidence() + 1e-10, "{before} then {after}");
            q = next;
        }
        let entropy = host(&q.entropy().unwrap()).unwrap()[0];
        assert_close("entropy", entropy, q.total_entropy(), 0.0);
        assert_all_close("means", &host(&q.means().unwrap()[0]).unwrap(), &[q.mean(0), q.mean(1)], 0.0);
    }
}

#[test]
fn expected_joints_under_gaussians_agree_with_quadrature() {
    for prior in [Prior::Gaussian, Prior::Laplace { rate: 1.7 }] {
        let model = observed([0.8, -1.3], 0.9, 2.5, prior);
        let (mean, deviation) = ([0.3_f64, -0.2], [0.6_f64, 1.1]);
        let grid = Grid::product(&[axis(12.0, 1601), axis(12.0, 1601)], &Device::Cpu).unwrap();
        let points = host(&grid.points).unwrap();
        let joints = model.log_joint(&grid.points).unwrap();
        let terms = points.chunks(2).zip(&grid.log_weights).zip(joints).map(|((at, weight), joint)| {
            let q = (0..2).map(|i| normal(at[i], mean[i], deviation[i].powi(2))).product::<f64>();
            weight.exp() * q * joint
        });
        let expected: f64 = terms.sum();
        // The kink of a Laplace prior costs the rule of spacing Δ = 0.015 up to rate Δ²/6 for each latent.
        assert_close("E_q[ln p]", model.expected(&mean, &deviation).value, expected, 2e-4);
        let at = |i: usize, t: f64| {
            let (mut mean, mut deviation) = (mean, deviation);
            if i < 2 {
                mean[i] += t
            } else {
                deviation[i - 2] += t
            }
            model.expected(&mean, &deviation).value
        };
        let found = model.expected(&mean, &deviation);
        for (i, slope) in found.by_mean.iter().chain(&found.by_deviation).enumerate() {
            assert_close("slope", *slope, (at(i, 1e-5) - at(i, -1e-5)) / 2e-5, 1e-8);
        }
    }
}

#[test]
fn the_best_gaussian_is_exact_on_a_gaussian_and_mean_field_on_two() {
    let model = observed([2.0, 1.5], 1.5, 1.0, Prior::Gaussian);
    let fit = best_gaussian(&model, &[3.0, -3.0], &[0.1, 5.0], 10_000).unwrap();
    let exact = GaussianPosterior::of(&model).unwrap();
    assert!(fit.converged);
    assert_all_close("means", &fit.mean, &exact.means, 1e-5);
    assert_all_close("deviations", &fit.deviation, &[1.0 / 5.0_f64.sqrt(), 1.0 / 3.25_f64.sqrt()], 1e-6);
    let evidence = normal(1.5, 0.0, 7.25).ln();
    assert_close("gap", evidence - fit.elbo, exact.mean_field_kl, 1e-10);
    let target = OnLine { log_density: |x: f64| (normal(x, 2.0, 0.49).ln(), (2.0 - x) / 0.49), rule: axis(9.0, 121) };
    let fit = best_gaussian(&target, &[-1.0], &[3.0], 1000).unwrap();
    assert_all_close("fit on a line", &[fit.mean[0], fit.deviation[0], fit.elbo], &[2.0, 0.7, 0.0], 1e-6);
    assert!(best_gaussian(&target, &[0.0], &[0.0], 5).is_err());
}

#[test]
fn the_bound_of_a_shrinking_gaussian_falls_by_a_nat_per_latent() {
    let model = observed([2.0, 1.5], 1.5, 1.0, Prior::Laplace { rate: 1.0 });
    let (mode, tiny) = (model.mode(), 1e-7);
    assert_close("slope", elbo_slope_in_log_deviation(&model, &mode, &[tiny; 2]), 2.0, 1e-5);
    let fall = gaussian_elbo(&model, &mode, &[tiny; 2]) - gaussian_elbo(&model, &mode, &[tiny / E; 2]);
    assert_close("fall by a factor e", fall, 2.0, 1e-5);
    let dirac = model.log_joint_at(&mode) + (TAU * E * tiny * tiny).ln();
    assert_close("L near a point", gaussian_elbo(&model, &mode, &[tiny; 2]), dirac, 1e-5);
}

#[test]
fn the_mode_of_a_laplace_posterior_meets_its_optimality_conditions() {
    for (w, v, rate) in [([2.0, 1.5], 1.5, 1.0), ([1.0, 0.3], 0.8, 0.5), ([0.5, -2.0], 0.1, 4.0)] {
        let model = observed(w, v, 3.0, Prior::Laplace { rate });
        let mode = model.mode();
        for i in 0..2 {
            let slope = model.pull_on(i, &mode) - model.curvature()[i][i] * mode[i];
            if mode[i] == 0.0 {
                assert!(slope.abs() <= rate + 1e-9);
            } else {
                assert_close("slope at the mode", slope, rate * mode[i].signum(), 1e-9);
            }
        }
    }
    let ridge = observed([2.0, 1.5], 1.5, 1.0, Prior::Gaussian);
    assert_all_close("mode is the mean", &ridge.mode(), &GaussianPosterior::of(&ridge).unwrap().means, 1e-10);
}

#[test]
fn entropies_at_unit_variance_are_in_order() {
    let rule = axis(40.0, 40_001);
    let scale = 3.0_f64.sqrt() / PI;
    let of = |density: &dyn Fn(f64) -> f64| {
        differential_entropy(&rule, &rule.points().iter().map(|&x| density(x)).collect::<Vec<_>>())
    };
    let gaussian = of(&|x| normal(x, 0.0, 1.0));
    let logistic = of(&|x| (-x.abs() / scale).exp() / (scale * (1.0 + (-x.abs() / scale).exp()).powi(2)));
    let laplace = of(&|x| 0.5_f64.sqrt() * (-2.0_f64.sqrt() * x.abs()).exp());
    let uniform = (2.0 * 3.0_f64.sqrt()).ln();
    let expected = [1.418939, 1.404576, 1.346574, 1.242453];
    assert_all_close("entropies", &[gaussian, logistic, laplace, uniform], &expected, 1e-6);
}

#[test]
fn the_ascent_of_entropy_keeps_moments_and_ends_at_the_gaussian() {
    let rule = axis(10.0, 401);
    let start: Vec<f64> = rule.points().iter().map(|x| 0.1 + normal(*x, 1.5, 0.3)).collect();
    let found = maximum_entropy(&rule, &start, [0.5, 2.0], (400, 0.1), &Device::Cpu).unwrap();
    assert!(found.trace.windows(2).all(|pair| pair[1] >= pair[0] - 1e-10), "entropy fell");
    let q =
        OnGrid::normalize(vec![rule.clone()], &[found.density.iter().map(|p| p.ln()).collect()], &Device::Cpu).unwrap();
    assert_close("mass", rule.integral(&found.density), 1.0, 1e-9);
    assert_close("mean", q.mean(0), 0.5, 1e-9);
    assert_close("variance", q.variance(0), 2.0, 1e-9);
    let expected: Vec<f64> = rule.points().iter().map(|x| normal(*x, 0.5, 2.0)).collect();
    assert_all_close("density", &found.density, &expected, 1e-6);
    assert_close("entropy", found.trace[400], 0.5 * (TAU * E * 2.0).ln(), 1e-6);
    assert!(maximum_entropy(&rule, &vec![0.0; 401], [0.0, 1.0], (1, 0.1), &Device::Cpu).is_err());
}
