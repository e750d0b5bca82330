//! Expectation maximisation: every half step uphill, every fixed point the maximum that other methods find.

use crate::latent_models::{bernoullis, coding, factors, gaussians, normal};
use crate::support::{assert_all_close, assert_close, random_q, rows, tensor};
use dbm::inference::{Exact, MeanField, Stop};
use dbm::learning::{
    ClosedForm, EmStop, Ended, Expect, ExpectationMaximization, ExpectedGradient, GradientSteps, InClosedForm,
    Maximize, Parametric, WarmMeanField, binary_sparse_coding_start, factor_analysis_start, gaussian_mixture_start,
    principal_components,
};
use dbm::math::{DType, Device, Stream, Tensor, eigen_symmetric, host, mean_of};
use dbm::models::{BeliefNet, BernoulliComponents, Evidence, ExpectedJoint, LatentModel, Mixture, Noise};
use dbm::posterior::{Factorial, Gaussian, Moments, Posterior, Responsibilities, Table};
use dbm::studies::em_instances::{bars, clusters, two_factors, two_kinds};

const EXACT: Exact = Exact { max_bits: 12.0 };

fn em<S>(maximize: S, stop: EmStop) -> ExpectationMaximization<Exact, S> {
    ExpectationMaximization { expect: EXACT, maximize, stop }
}

fn to_the_end() -> EmStop {
    EmStop { max_iterations: 3000, elbo: Some(1e-14), parameters: None }
}

/// ln p(θ_t) = F(q_t, θ_t) ≤ F(q_t, θ_{t+1}) ≤ ln p(θ_{t+1}), no divergence after an E step, no slope after an M step.
fn assert_coordinate_ascent<M, Q>(what: &str, mut model: M, visible: &Tensor, iterations: usize)
where
    Exact: Expect<M, Posterior = Q>,
    Q: Posterior,
    M: Parametric + Evidence + ExpectedJoint<Q> + ClosedForm<Q> + ExpectedGradient<Q>,
{
    let mut evidence = model.log_evidence(visible).unwrap();
    for t in 0..iterations {
        let q = EXACT.expect(&model, visible, None).unwrap();
        let bounds = model.free_energy(visible, &q).unwrap();
        assert_all_close(&format!("{what}, iteration {t}: F after the E step"), &bounds, &evidence, 1e-10);
        let moved = InClosedForm.maximize(&model, visible, &q).unwrap();
        let (before, after) = (mean_of(&bounds), mean_of(&moved.free_energy(visible, &q).unwrap()));
        evidence = moved.log_evidence(visible).unwrap();
        assert!(after >= before - 1e-10, "{what}, iteration {t}: the M step lowers F from {before} to {after}");
        assert!(mean_of(&evidence) >= after - 1e-10, "{what}, iteration {t}: F = {after} is above ln p(v)");
        for slope in moved.expected_gradient(visible, &q).unwrap() {
            for slope in host(&slope).unwrap() {
                assert_close(&format!("{what}, iteration {t}: slope after the M step"), slope, 0.0, 1e-8);
            }
        }
        model = moved;
    }
}

#[test]
fn each_half_step_of_em_climbs_and_ends_where_it_should() {
    for seed in 0..3 {
        let stream = Stream::new(seed);
        let data = clusters(60, stream).unwrap();
        let start = gaussian_mixture_start(&data, 3, stream.named("start")).unwrap();
        assert_coordinate_ascent("Gaussian mixture", start, &data, 12);
        let data = two_kinds(40, stream).unwrap();
        assert_coordinate_ascent("mixture of Bernoullis", bernoullis(3, 8, seed), &data, 12);
        let data = two_factors(50, stream).unwrap();
        for noise in [Noise::Diagonal, Noise::Isotropic] {
            let start = factor_analysis_start(&data, 2, noise, stream.named("start")).unwrap();
            assert_coordinate_ascent("factor analysis", start, &data, 12);
            // A mean that is not that of the data moves too.
            assert_coordinate_ascent("factor analysis from afar", factors(6, 2, noise, seed), &data, 12);
        }
        let (data, _) = bars().unwrap().sample(40, stream).unwrap();
        let start = binary_sparse_coding_start(&data, 4, stream.named("start")).unwrap();
        assert_coordinate_ascent("binary sparse coding", start, &data, 12);
    }
}

#[test]
fn em_for_probabilistic_pca_reaches_its_closed_form() {
    let data = two_factors(120, Stream::new(4)).unwrap();
    let best = principal_components(&data, 2).unwrap();
    let optimum = mean_of(&best.log_evidence(&data).unwrap());
    let start = factor_analysis_start(&data, 2, Noise::Isotropic, Stream::new(5)).unwrap();
    let fit = em(InClosedForm, to_the_end()).fit(start, &data).unwrap();
    assert_eq!(fit.ended, Ended::Elbo);
    let reached = mean_of(&fit.model.log_evidence(&data).unwrap());
    assert_close("ln p(v)", reached, optimum, 1e-6);
    // The covariance of v is the same, whatever the rotation of the factors.
    let covariances = [&fit.model, &best].map(|model| host(&model.covariance().unwrap()).unwrap());
    assert_all_close("covariance", &covariances[0], &covariances[1], 1e-5);
    // Its value by the eigenvalues (Tipping & Bishop 1999, equation 3 at the maximum).
    let centred = data.broadcast_sub(best.mean()).unwrap();
    let covariance = (centred.t().unwrap().matmul(&centred).unwrap() / 120.0).unwrap();
    let (eigenvalues, _) = eigen_symmetric(&covariance).unwrap();
    let noise = eigenvalues[..4].iter().sum::<f64>() / 4.0;
    let leading: f64 = eigenvalues[4..].iter().map(|eigenvalue| eigenvalue.ln()).sum();
    let by_hand = -0.5 * (6.0 * std::f64::consts::TAU.ln() + leading + 4.0 * noise.ln() + 6.0);
    assert_close("closed form", optimum, by_hand, 1e-12);
}

/// A q that is the posterior of nothing, and the gradient of E_q[ln p(v, h)] at it by differences.
fn assert_gradient<M, Q>(what: &str, model: &M, visible: &Tensor, q: &Q)
where
    M: Parametric + ExpectedJoint<Q> + ExpectedGradient<Q>,
{
    let (parameters, gradient) = (model.parameters().unwrap(), model.expected_gradient(visible, q).unwrap());
    assert_eq!(parameters.len(), gradient.len());
    for (place, slope) in gradient.iter().enumerate() {
        assert_eq!(parameters[place].dims(), slope.dims(), "{what}");
        for (entry, slope) in host(slope).unwrap().into_iter().enumerate() {
            let moved = |by: f64| {
                let mut values = host(&parameters[place]).unwrap();
                values[entry] += by;
                let mut all = parameters.clone();
                all[place] = Tensor::from_vec(values, parameters[place].shape(), &Device::Cpu).unwrap();
                mean_of(&model.with_parameters(&all).unwrap().expected_joint(visible, q).unwrap())
            };
            // What lies above the diagonal of a Cholesky factor is not free.
            let n = *parameters[place].dims().last().unwrap();
            let fixed = what == "Gaussian mixture" && place >= 2 && entry / n % n < entry % n;
            if !fixed {
                let difference = (moved(1e-5) - moved(-1e-5)) / 2e-5;
                assert_close(&format!("{what}, tensor {place}, entry {entry}"), slope, difference, 1e-7);
            }
        }
    }
}

#[test]
fn gradients_of_the_expected_log_joint_are_its_differences_for_any_q() {
    let (responsibilities, _) = Responsibilities::normalize(&normal("q", 7, 3, 1)).unwrap();
    assert_gradient("Gaussian mixture", &gaussians(3, 2, 1), &normal("v", 7, 2, 1), &responsibilities);
    let binary = normal("v", 7, 5, 1).gt(0.0).unwrap().to_dtype(DType::F64).unwrap();
    assert_gradient("mixture of Bernoullis", &bernoullis(3, 5, 1), &binary, &responsibilities);
    let q = Gaussian::new(normal("q", 7, 2, 1), tensor(&[vec![0.7, 0.2], vec![0.2, 0.4]])).unwrap();
    for noise in [Noise::Diagonal, Noise::Isotropic] {
        assert_gradient("factor analysis", &factors(4, 2, noise, 1), &normal("v", 7, 4, 1), &q);
    }
    let (model, visible) = (coding(4, 3, 0.7, 1), normal("v", 7, 4, 1));
    let factorial = Factorial::from_inputs(
        model.hidden().into_iter().map(|(kind, _)| kind).collect(),
        (0..3).map(|unit| normal("q", 7, 1, unit)).collect(),
    );
    assert_gradient("binary sparse coding, factorial q", &model, &visible, &factorial);
    let (table, _) = coding(4, 3, 0.7, 2).clamp(&visible).unwrap().tabulate(4.0).unwrap();
    assert_gradient("binary sparse coding, table", &model, &visible, &table);
    let net = |seed| BeliefNet::random(&[5, 3, 2], 1.0, Stream::new(seed), DType::F64, &Device::Cpu).unwrap();
    let table: Table = net(2).posterior(&binary, 8.0).unwrap().0;
    assert_gradient("belief net", &net(1), &binary, &table);
}

#[test]
fn a_component_that_collapses_is_reported() {
    let data = tensor(&[vec![0.0, 0.0], vec![1.0, 0.2], vec![0.4, 1.0], vec![9.0, 9.0], vec![0.7, 0.5]]);
    let model = gaussian_mixture_start(&data, 4, Stream::new(1)).unwrap();
    let fit = em(InClosedForm, EmStop::after(500)).fit(model, &data).unwrap();
    let Ended::Degenerate(reason) = &fit.ended else { panic!("ended by {:?}", fit.ended) };
    assert!(reason.contains("collapses"), "{reason}");
    assert!(fit.after_expect.iter().all(|bound| bound.is_finite()));
    assert!(fit.model.log_evidence(&data).unwrap().iter().all(|nats| nats.is_finite()), "the last model still works");
    // Fewer examples than factors ask for: the noise vanishes.
    let few = normal("v", 3, 4, 2);
    let start = factor_analysis_start(&few, 3, Noise::Isotropic, Stream::new(2)).unwrap();
    let fit = em(InClosedForm, EmStop::after(20_000)).fit(start, &few).unwrap();
    assert!(matches!(fit.ended, Ended::Degenerate(_)), "ended by {:?}", fit.ended);
}

#[test]
fn em_stops_by_the_change_asked_for() {
    let data = two_factors(60, Stream::new(6)).unwrap();
    let start = || factor_analysis_start(&data, 2, Noise::Diagonal, Stream::new(6)).unwrap();
    let run = |stop| em(InClosedForm, stop).fit(start(), &data).unwrap();
    let by_elbo = run(EmStop { elbo: Some(1e-6), ..EmStop::after(1000) });
    let bounds = &by_elbo.after_expect;
    assert_eq!(by_elbo.ended, Ended::Elbo);
    assert!(bounds[bounds.len() - 1] - bounds[bounds.len() - 2] < 1e-6);
    assert!(bounds[bounds.len() - 2] - bounds[bounds.len() - 3] >= 1e-6, "it could have stopped before");
    let by_parameters = run(EmStop { parameters: Some(1e-4), ..EmStop::after(1000) });
    assert_eq!(by_parameters.ended, Ended::Parameters);
    let (last, before) = by_parameters.changes.split_last().unwrap();
    assert!(*last < 1e-4 && before.iter().all(|change| *change >= 1e-4), "{:?}", by_parameters.changes);
    let in_full = run(EmStop::after(7));
    assert_eq!((in_full.ended, in_full.after_expect.len(), in_full.after_maximize.len()), (Ended::Iterations, 7, 7));
}

#[test]
fn warm_mean_field_keeps_the_bound_of_em_from_falling() {
    for seed in 0..4 {
        let (data, _) = bars().unwrap().sample(30, Stream::new(seed)).unwrap();
        let mut model = binary_sparse_coding_start(&data, 5, Stream::new(seed)).unwrap();
        let expect = WarmMeanField { by: MeanField::default(), stop: Stop::after(2), start: None, warm: true };
        let em = ExpectationMaximization { expect, maximize: InClosedForm, stop: EmStop::after(1) };
        let (mut last, mut before) = (None, f64::NEG_INFINITY);
        for t in 0..25 {
            let step = em.iterate(&model, &data, last).unwrap();
            let evidence = mean_of(&model.log_evidence(&data).unwrap());
            assert!(step.after_expect >= before - 1e-10, "seed {seed}, iteration {t}: the E step lowers the bound");
            assert!(step.after_maximize >= step.after_expect - 1e-10, "seed {seed}, {t}: the M step lowers the bound");
            assert!(step.after_expect <= evidence + 1e-10, "seed {seed}, iteration {t}: a bound above ln p(v)");
            (model, last, before) = (step.model, Some(step.q), step.after_maximize);
        }
    }
}

#[test]
fn short_gradient_steps_climb_and_lead_to_the_same_maximum() {
    let data = two_factors(60, Stream::new(7)).unwrap();
    let start = factor_analysis_start(&data, 2, Noise::Isotropic, Stream::new(7)).unwrap();
    let fit = em(GradientSteps { count: 3, rate: 0.05 }, EmStop::after(2000)).fit(start, &data).unwrap();
    let steps: Vec<f64> = fit.after_expect.iter().zip(&fit.after_maximize).flat_map(|(e, m)| [*e, *m]).collect();
    assert!(steps.windows(2).all(|pair| pair[1] >= pair[0] - 1e-10));
    let optimum = mean_of(&principal_components(&data, 2).unwrap().log_evidence(&data).unwrap());
    assert_close("the maximum", mean_of(&fit.model.log_evidence(&data).unwrap()), optimum, 1e-6);
}

#[test]
fn pixels_that_are_always_on_or_off_do_not_stop_a_mixture_of_bernoullis() {
    let data = tensor(&[vec![1.0, 0.0, 1.0], vec![1.0, 0.0, 0.0], vec![1.0, 0.0, 1.0], vec![1.0, 0.0, 0.0]]);
    assert_coordinate_ascent("constant pixels", bernoullis(2, 3, 3), &data, 30);
    let none = Mixture::new(&Tensor::zeros(2, DType::F64, &Device::Cpu).unwrap(), {
        BernoulliComponents::new(Tensor::zeros((3, 2), DType::F64, &Device::Cpu).unwrap()).unwrap()
    });
    assert!(none.is_err(), "three components have three weights");
}

#[test]
fn the_maxima_are_those_of_scikit_learn() {
    let fixture: serde_json::Value = serde_json::from_str(include_str!("../fixtures/em.json")).unwrap();
    let numbers = |value: &serde_json::Value| -> Vec<f64> {
        let flat = |value: &serde_json::Value| match value {
            serde_json::Value::Array(values) => values.iter().map(|value| value.as_f64().unwrap()).collect(),
            value => vec![value.as_f64().unwrap()],
        };
        match value {
            serde_json::Value::Array(values) => values.iter().flat_map(flat).collect(),
            value => flat(value),
        }
    };
    let stream = Stream::new(19);
    let (points, measured) =
        (clusters(100, stream.named("clusters")).unwrap(), two_factors(120, stream.named("factors")).unwrap());
    assert_all_close("clusters", &host(&points).unwrap(), &numbers(&fixture["clusters"]), 1e-12);
    assert_all_close("factors", &host(&measured).unwrap(), &numbers(&fixture["factors"]), 1e-12);

    let theirs = &fixture["gaussian_mixture"];
    let fits = (0..5).map(|start| {
        let model = gaussian_mixture_start(&points, 3, Stream::new(19).at(start)).unwrap();
        em(InClosedForm, to_the_end()).fit(model, &points).unwrap().model
    });
    let evidence = |model: &Mixture<_>| mean_of(&model.log_evidence(&points).unwrap());
    let best = fits.max_by(|a, b| evidence(a).total_cmp(&evidence(b))).unwrap();
    assert_close("mixture", evidence(&best), numbers(&theirs["log_likelihood"])[0], 1e-6);
    let means = rows(best.components().means());
    let mut order = [0, 1, 2];
    order.sort_by(|&a, &b| means[a][0].total_cmp(&means[b][0]));
    for (place, &component) in order.iter().enumerate() {
        assert_all_close("means", &means[component], &numbers(&theirs["means"][place]), 1e-5);
        let covariance = host(&best.components().covariances()[component]).unwrap();
        assert_all_close("covariances", &covariance, &numbers(&theirs["covariances"][place]), 1e-5);
    }

    for (word, noise) in [("factor_analysis", Noise::Diagonal), ("probabilistic_pca", Noise::Isotropic)] {
        let start = factor_analysis_start(&measured, 2, noise, Stream::new(19)).unwrap();
        let found = em(InClosedForm, to_the_end()).fit(start, &measured).unwrap().model;
        let evidence = mean_of(&found.log_evidence(&measured).unwrap());
        assert_close(word, evidence, numbers(&fixture[word]["log_likelihood"])[0], 1e-6);
        let covariance = host(&found.covariance().unwrap()).unwrap();
        assert_all_close(word, &covariance, &numbers(&fixture[word]["covariance"]), 1e-4);
    }
}

#[test]
fn covariances_are_divided_by_the_number_of_examples() {
    // One component fitted to four points has their mean and their covariance with 1/N.
    let data = tensor(&[vec![0.0, 0.0], vec![2.0, 0.0], vec![0.0, 2.0], vec![2.0, 2.0]]);
    let q = Responsibilities::normalize(&Tensor::zeros((4, 1), DType::F64, &Device::Cpu).unwrap()).unwrap().0;
    let fitted = gaussian_mixture_start(&data, 1, Stream::new(0)).unwrap().maximized(&data, &q).unwrap();
    assert_all_close("mean", &host(fitted.components().means()).unwrap(), &[1.0, 1.0], 1e-15);
    let covariance = host(&fitted.components().covariances()[0]).unwrap();
    assert_all_close("covariance", &covariance, &[1.0, 0.0, 0.0, 1.0], 1e-15);
}

#[test]
fn second_moments_are_refused_of_tables_that_do_not_hold_all_layers() {
    let dbm = crate::support::random_dbm(&[3, 3, 2], 1.0, 1.0, 0);
    let visible = tensor(&[vec![1.0, 0.0, 1.0]]);
    assert!(dbm.clamp(&visible).unwrap().tabulate(8.0).unwrap().0.moments().is_err());
    assert!(random_q(&dbm, &visible, 1.0, Stream::new(0)).moments().is_ok());
}
