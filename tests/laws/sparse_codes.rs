//! Sparse codes: the objective in both its forms, certificates of the optimum, and what each solver promises on its way.

use crate::algebra::normal;
use crate::support::{assert_all_close, assert_close, rows};
use dbm::evaluate::{Guarantee, elbo_of_point};
use dbm::inference::{CoordinateDescent, Fista, Ista, SolveCodes, Until, soft_threshold};
use dbm::math::{Tensor, host};
use dbm::models::{SparseCoding, unit_columns};

/// Dictionaries with fewer, as many and more atoms than visible units, of lengths other than 1; cheap and dear codes; three precisions.
pub fn models() -> Vec<(SparseCoding, Tensor)> {
    let shapes = [(6, 4), (6, 6), (6, 11), (1, 3), (4, 1)];
    let mut models = Vec::new();
    for (seed, (visible, atoms)) in shapes.into_iter().enumerate() {
        for (lambda, precision) in [(0.2, 1.0), (0.9, 2.0), (1.5, 5.0)] {
            let weight = (normal(visible, atoms, 100 + seed as u64) * 0.7).unwrap();
            models.push((SparseCoding::new(weight, lambda, precision).unwrap(), normal(5, visible, 200 + seed as u64)));
        }
    }
    models
}

/// Codes by the most exact solver.
pub fn best(model: &SparseCoding, visible: &Tensor) -> Tensor {
    CoordinateDescent.infer(model, visible, Until::after(3000)).unwrap().codes
}

/// λ ‖h‖₁ + scale ‖v - W h‖² of one example, in plain loops.
fn cost(weight: &[Vec<f64>], visible: &[f64], code: &[f64], lambda: f64, scale: f64) -> f64 {
    let size: f64 = code.iter().map(|entry| entry.abs()).sum();
    let explained = |row: &[f64]| row.iter().zip(code).map(|(entry, code)| entry * code).sum::<f64>();
    let error: f64 = visible.iter().zip(weight).map(|(value, row)| (value - explained(row)).powi(2)).sum();
    lambda * size + scale * error
}

fn worst(values: Vec<f64>) -> f64 {
    values.into_iter().fold(0.0, f64::max)
}

fn solvers() -> Vec<(&'static str, Box<dyn SolveCodes>)> {
    vec![("ista", Box::new(Ista)), ("fista", Box::new(Fista)), ("coordinate descent", Box::new(CoordinateDescent))]
}

#[test]
fn the_chapters_objective_is_twice_the_half_form_with_half_the_lambda() {
    let (weight, visible, codes) = (normal(5, 7, 1), normal(4, 5, 2), normal(4, 7, 3));
    let (chapter, half) =
        (SparseCoding::chapter(weight.clone(), 0.8).unwrap(), SparseCoding::half(weight.clone(), 0.4).unwrap());
    let (found, halves) = (chapter.objective(&visible, &codes).unwrap(), half.objective(&visible, &codes).unwrap());
    let weight = rows(&weight);
    for (example, (visible, code)) in rows(&visible).iter().zip(rows(&codes)).enumerate() {
        assert_close("chapter", found[example], cost(&weight, visible, &code, 0.8, 1.0), 1e-12);
        assert_close("half", halves[example], cost(&weight, visible, &code, 0.4, 0.5), 1e-12);
        assert_close("factor", found[example], 2.0 * halves[example], 1e-12);
    }
    let same = [chapter, half].map(|model| host(&best(&model, &visible)).unwrap());
    assert_all_close("codes", &same[0], &same[1], 1e-9);
}

#[test]
fn the_log_joint_is_that_of_laplace_codes_and_gaussian_noise() {
    for (model, visible) in models() {
        let atoms = model.weight().dim(1).unwrap();
        let codes = normal(5, atoms, 4);
        let (lambda, precision) = (model.lambda(), model.precision());
        let found = model.log_joint(&visible, &codes).unwrap();
        let means = rows(&model.reconstruct(&codes).unwrap());
        for (example, (visible, code)) in rows(&visible).iter().zip(rows(&codes)).enumerate() {
            let prior: f64 = code.iter().map(|h| (0.5 * lambda * (-lambda * h.abs()).exp()).ln()).sum();
            let density = |(v, m): (&f64, &f64)| {
                ((precision / std::f64::consts::TAU).sqrt() * (-0.5 * precision * (v - m) * (v - m)).exp()).ln()
            };
            let likelihood: f64 = visible.iter().zip(&means[example]).map(density).sum();
            assert_close("log joint", found[example], prior + likelihood, 1e-10);
        }
    }
}

#[test]
fn every_solver_ends_where_the_conditions_of_optimality_hold() {
    for (model, visible) in models() {
        let lasso = model.clamp(&visible).unwrap();
        let least = lasso.objective(&best(&model, &visible)).unwrap();
        for (name, solver) in solvers() {
            let coded = solver.infer(&model, &visible, Until::gap_within(1e-13, 60_000)).unwrap();
            let what = format!("{name}, weight {:?}, lambda {}", model.weight().dims(), model.lambda());
            assert!(worst(lasso.gap(&coded.codes).unwrap()) <= 1e-12, "{what}: gap");
            assert!(worst(lasso.kkt_residual(&coded.codes).unwrap()) <= 1e-5, "{what}: conditions");
            assert_all_close(&what, &lasso.objective(&coded.codes).unwrap(), &least, 1e-11);
        }
        assert!(worst(lasso.kkt_residual(&best(&model, &visible)).unwrap()) <= 1e-10, "conditions after many sweeps");
    }
}

#[test]
fn the_duality_gap_is_never_less_than_the_distance_to_the_minimum() {
    for (model, visible) in models() {
        let lasso = model.clamp(&visible).unwrap();
        let best = best(&model, &visible);
        let least = lasso.objective(&best).unwrap();
        assert!(worst(lasso.gap(&best).unwrap()) < 1e-12, "nothing is left at the optimum");
        for scale in [0.0, 1e-3, 0.3, 3.0, 100.0] {
            let codes = (&best + (normal(5, best.dim(1).unwrap(), 6) * scale).unwrap()).unwrap();
            let (gaps, found) = (lasso.gap(&codes).unwrap(), lasso.objective(&codes).unwrap());
            for ((gap, found), least) in gaps.iter().zip(&found).zip(&least) {
                assert!(*gap >= found - least - 1e-11 * found.max(1.0), "gap {gap}, above by {}", found - least);
            }
        }
    }
}

#[test]
fn the_objective_from_sums_is_that_from_the_residual() {
    for (model, visible) in models() {
        let codes = normal(5, model.weight().dim(1).unwrap(), 7);
        let found = model.clamp(&visible).unwrap().objective(&codes).unwrap();
        assert_all_close("objective", &found, &model.objective(&visible, &codes).unwrap(), 1e-10);
    }
}

#[test]
fn iterative_soft_thresholding_and_coordinate_descent_never_raise_the_objective() {
    for (model, visible) in models() {
        let lasso = model.clamp(&visible).unwrap();
        let start = normal(5, model.weight().dim(1).unwrap(), 8);
        for solver in [&Ista as &dyn SolveCodes, &CoordinateDescent] {
            let trace = solver.solve(&lasso, Some(&start), Until::after(200).traced()).unwrap().trace;
            assert_eq!(trace.objectives.len(), 201);
            for pair in trace.objectives.windows(2) {
                assert!(pair[1] <= pair[0] + 1e-12 * pair[0], "from {} to {}", pair[0], pair[1]);
            }
            assert!(trace.objectives[200] < trace.objectives[0]);
        }
    }
}

#[test]
fn fast_iterative_soft_thresholding_keeps_the_bound_of_its_proof() {
    for (model, visible) in models() {
        let lasso = model.clamp(&visible).unwrap();
        let (best, start) = (best(&model, &visible), normal(5, model.weight().dim(1).unwrap(), 9));
        let least = lasso.objective(&best).unwrap().iter().sum::<f64>() / 5.0;
        let far = host(&(&start - &best).unwrap()).unwrap().iter().map(|x| x * x).sum::<f64>() / 5.0;
        let trace = Fista.solve(&lasso, Some(&start), Until::after(150).traced()).unwrap().trace;
        for (k, objective) in trace.objectives.iter().enumerate().skip(1) {
            let bound = 2.0 * lasso.lipschitz().unwrap() * far / (k as f64 + 1.0).powi(2);
            let above = (objective - least) / model.precision();
            assert!(above <= bound + 1e-12, "iteration {k}: {above} above the minimum, bound {bound}");
        }
    }
}

#[test]
fn for_an_orthonormal_dictionary_the_codes_are_soft_thresholded_projections() {
    let (_, weight) = dbm::math::eigen_symmetric(&{
        let noise = normal(6, 6, 10);
        (&noise + noise.t().unwrap()).unwrap()
    })
    .unwrap();
    let (model, visible) = (SparseCoding::chapter(weight.clone(), 0.9).unwrap(), normal(5, 6, 11));
    let expected = host(&soft_threshold(&visible.matmul(&weight).unwrap(), 0.45).unwrap()).unwrap();
    assert!(expected.contains(&0.0) && expected.iter().any(|code| *code != 0.0));
    for (name, solver) in solvers() {
        let codes = solver.infer(&model, &visible, Until::after(50)).unwrap().codes;
        assert_all_close(name, &host(&codes).unwrap(), &expected, 1e-12);
    }
}

#[test]
fn codes_that_cost_more_than_they_explain_are_zero() {
    let visible = normal(5, 6, 12);
    let weight = unit_columns(&normal(6, 9, 13)).unwrap();
    let steepest = worst(host(&visible.matmul(&weight).unwrap().abs().unwrap()).unwrap());
    let model = SparseCoding::half(weight.clone(), steepest).unwrap();
    for (name, solver) in solvers() {
        let coded = solver.infer(&model, &visible, Until::gap_within(1e-12, 50)).unwrap();
        assert!(host(&coded.codes).unwrap().iter().all(|code| *code == 0.0), "{name}");
        assert!(coded.trace.converged.unwrap().iter().all(|converged| *converged), "{name}");
        assert_eq!(coded.trace.iterations, 0, "{name} looks before it moves");
    }
    let less = SparseCoding::half(weight, 0.99 * steepest).unwrap();
    assert!(host(&best(&less, &visible)).unwrap().iter().any(|code| *code != 0.0));
}

#[test]
fn a_solver_that_is_cut_short_says_so() {
    let (model, visible) = &models()[6];
    for (name, solver) in solvers() {
        let coded = solver.infer(model, visible, Until::gap_within(1e-12, 2)).unwrap();
        let worst = worst(coded.trace.gaps.clone());
        assert!(worst > 1e-12 && coded.trace.converged.unwrap().contains(&false), "{name}: {worst}");
        assert_eq!(coded.trace.iterations, 2, "{name}");
    }
}

#[test]
fn a_point_on_a_continuum_bounds_the_evidence_by_minus_infinity() {
    let (model, visible) = &models()[0];
    for codes in [best(model, visible), normal(5, 4, 14)] {
        let bounds = elbo_of_point(model, visible, &codes).unwrap();
        assert_eq!(bounds.len(), 5);
        for bound in bounds {
            assert!(bound.nats == f64::NEG_INFINITY && bound.guarantee == Guarantee::LowerBound);
        }
        assert!(model.log_joint(visible, &codes).unwrap().iter().all(|joint| joint.is_finite()));
    }
}

#[test]
fn no_dictionary_has_codes_without_a_price_or_noise() {
    for (lambda, precision) in [(0.0, 1.0), (-1.0, 1.0), (1.0, 0.0), (f64::NAN, 1.0), (1.0, f64::INFINITY)] {
        assert!(SparseCoding::new(normal(2, 3, 15), lambda, precision).is_err(), "{lambda}, {precision}");
    }
}
