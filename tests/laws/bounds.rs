//! Bounds stay on their side of the evidence, and numbers promise no more than they keep.

use crate::support::{
    ByHand, all_states, assert_all_close, assert_close, converted, random_dbm, random_q, rows, tensor,
};
use dbm::evaluate::Guarantee::{Approximation, Estimate, Exact as Equal, LowerBound, UpperBound};
use dbm::evaluate::{AnyScheme, Assess, Assessment, Bounded, Reference, Yardstick, elbo, elbo_unnormalized, exact};
use dbm::inference::{BottomUp, Exact, Gibbs, Inference, MeanField, Random, Refined, Stop, Uninformed};
use dbm::math::{DType, Stream, Tensor, log_sum_exp, mean_of};
use dbm::models::{Dbm, Schedule};
use dbm::posterior::{Factorial, Posterior};
use std::cell::Cell;

const SIZES: [&[usize]; 4] = [&[6, 5], &[5, 4, 3], &[4, 3, 3, 2], &[3, 3, 2, 2, 2]];
const MAX_BITS: f64 = 12.0;

fn machines() -> impl Iterator<Item = (Dbm, Tensor)> {
    SIZES.iter().zip(1..).map(|(sizes, seed)| (random_dbm(sizes, 1.5, 1.0, seed), tensor(&all_states(sizes[0]))))
}

fn evidence(dbm: &Dbm, visible: &Tensor) -> Vec<f64> {
    let by_hand = ByHand::of(dbm);
    rows(visible).iter().map(|v| by_hand.log_evidence(v)).collect()
}

fn gibbs(sweeps: usize) -> Refined<BottomUp, Gibbs> {
    Refined { start: BottomUp, by: Gibbs { schedule: Schedule::OddEven, burn_in: 2 }, stop: Stop::after(sweeps) }
}

fn mean_field() -> Refined<Uninformed, MeanField> {
    Refined { start: Uninformed, by: MeanField::default(), stop: Stop::when_within(1e-10, 500) }
}

fn assess(scheme: &dyn Assess<Dbm>, dbm: &Dbm, visible: &Tensor, by: Yardstick<'_>) -> Assessment {
    scheme.assess(dbm, visible, by, Stream::new(3), &|| 0.0).unwrap()
}

/// The same in blocks of so many examples.
fn assess_in_blocks(
    scheme: &dyn Assess<Dbm>,
    dbm: &Dbm,
    visible: &Tensor,
    reference: Option<&Reference>,
    block: usize,
) -> Assessment {
    let examples = visible.dim(0).unwrap();
    let rows = |first: usize| visible.narrow(0, first, block.min(examples - first)).unwrap();
    let part = |first: usize| assess(scheme, dbm, &rows(first), Yardstick { reference, first });
    let mut whole = part(0);
    (block..examples).step_by(block).for_each(|first| whole.append(part(first)));
    whole
}

/// ln p(v) of each example by the exact answers.
fn log_likelihoods(dbm: &Dbm, visible: &Tensor) -> Vec<f64> {
    let log_z = exact(dbm, MAX_BITS).unwrap().value.nats;
    let evidence = Reference::tabulate(dbm, visible, MAX_BITS).unwrap().log_evidence_unnormalized;
    evidence.iter().map(|nats| nats - log_z).collect()
}

#[test]
fn exact_q_makes_the_elbo_the_evidence() {
    for (dbm, visible) in machines() {
        let q = Exact { max_bits: MAX_BITS }.infer(&dbm, &visible, Stream::new(0)).unwrap().q;
        let found = elbo_unnormalized(&dbm, &visible, &q).unwrap();
        assert_all_close("unnormalised ELBO of the exact q", &found, &evidence(&dbm, &visible), 1e-10);
    }
}

#[test]
fn no_q_exceeds_the_evidence() {
    for (dbm, visible) in machines() {
        let evidence = evidence(&dbm, &visible);
        for (seed, scale) in [0.0, 0.5, 1.0, 3.0, 20.0].into_iter().enumerate() {
            let q = random_q(&dbm, &visible, scale, Stream::new(seed as u64));
            let found = elbo_unnormalized(&dbm, &visible, &q).unwrap();
            assert!(found.iter().zip(&evidence).all(|(bound, evidence)| *bound <= evidence + 1e-10));
        }
    }
}

#[test]
fn gap_is_the_kl_by_summation() {
    for (dbm, visible) in machines() {
        let q = random_q(&dbm, &visible, 1.0, Stream::new(5));
        let log_z = exact(&dbm, MAX_BITS).unwrap().value.nats;
        let bounds = elbo(&dbm, &visible, &q, log_z).unwrap();
        let likelihoods = log_likelihoods(&dbm, &visible);
        let gaps: Vec<f64> = likelihoods.iter().zip(bounds).map(|(likelihood, bound)| likelihood - bound).collect();
        assert_all_close("ln p(v) - ELBO", &gaps, &kl_by_summation(&dbm, &visible, &q), 1e-9);
    }
}

fn kl_by_summation(dbm: &Dbm, visible: &Tensor, q: &Factorial) -> Vec<f64> {
    let by_hand = ByHand::of(dbm);
    let means = rows(&Tensor::cat(&q.means().unwrap(), 1).unwrap());
    let states = all_states(by_hand.hidden());
    let divergence = |(v, means): (&Vec<f64>, &Vec<f64>)| {
        let probability = |h: &Vec<f64>| -> f64 {
            h.iter().zip(means).map(|(state, mean)| if *state == 1.0 { *mean } else { 1.0 - mean }).product()
        };
        let terms = states.iter().zip(by_hand.posterior(v)).map(|(h, p)| probability(h) * (probability(h) / p).ln());
        terms.sum::<f64>()
    };
    rows(visible).iter().zip(&means).map(divergence).collect()
}

#[test]
fn elbo_of_gibbs_marginals_is_a_bound() {
    for (dbm, visible) in machines() {
        for sweeps in [1, 3, 30] {
            let q = gibbs(sweeps).infer(&dbm, &visible, Stream::new(8)).unwrap().q;
            let found = elbo_unnormalized(&dbm, &visible, &q).unwrap();
            assert!(found.iter().zip(evidence(&dbm, &visible)).all(|(bound, evidence)| *bound <= evidence + 1e-10));
        }
    }
}

#[test]
fn likelihoods_sum_to_one() {
    for (dbm, visible) in machines() {
        let total = log_sum_exp(&log_likelihoods(&dbm, &visible));
        assert_close("ln Σ p(v)", total, 0.0, 1e-10);
    }
}

#[test]
fn single_precision_moves_the_elbo_by_less_than_a_thousandth() {
    let dbm = random_dbm(&[8, 7, 5], 1.0, 1.0, 4);
    let small = converted(&dbm, DType::F32);
    let visible = tensor(&all_states(8));
    let schemes: [AnyScheme<Dbm>; 2] = [Box::new(mean_field_to(1e-6)), Box::new(Exact { max_bits: MAX_BITS })];
    for scheme in schemes {
        let double = assess(scheme.as_ref(), &dbm, &visible, Yardstick::default());
        let found = assess(scheme.as_ref(), &small, &visible.to_dtype(DType::F32).unwrap(), Yardstick::default());
        assert_all_close("ELBO in f32", &found.elbos_unnormalized, &double.elbos_unnormalized, 1e-3);
    }
}

fn mean_field_to(tolerance: f64) -> Refined<Uninformed, MeanField> {
    Refined { stop: Stop::when_within(tolerance, 500), ..mean_field() }
}

#[test]
fn differences_promise_no_more_than_their_sides() {
    let kinds = [Equal, LowerBound, UpperBound, Estimate, Approximation];
    let expected = [
        [Equal, UpperBound, LowerBound, Estimate, Approximation],
        [LowerBound, Approximation, LowerBound, Estimate, Approximation],
        [UpperBound, UpperBound, Approximation, Estimate, Approximation],
        [Estimate, Estimate, Estimate, Estimate, Approximation],
        [Approximation; 5],
    ];
    let number = |guarantee| Bounded { nats: 1.0, error: None, guarantee };
    for (left, row) in kinds.into_iter().zip(expected) {
        for (right, expected) in kinds.into_iter().zip(row) {
            assert_eq!((number(left) - number(right)).guarantee, expected, "{left} minus {right}");
        }
    }
}

#[test]
fn differences_add_errors_in_quadrature() {
    let difference = Bounded::estimate(5.0, Some(0.3)) - Bounded::estimate(2.0, Some(0.4));
    assert_close("difference", difference.nats, 3.0, 1e-12);
    assert_close("error", difference.error.unwrap(), 0.5, 1e-12);
    assert_eq!((Bounded::lower_bound(5.0) - Bounded::estimate(2.0, Some(0.4))).error, Some(0.4));
    assert_eq!((Bounded::exact(5.0) - Bounded::exact(2.0)).error, None);
}

#[test]
fn numbers_show_their_error_and_their_promise() {
    assert_eq!(Bounded::estimate(-85.2149, Some(0.031)).to_string(), "-85.21 ± 0.03 (estimate)");
    assert_eq!(Bounded::estimate(-85.2149, Some(0.0042)).to_string(), "-85.215 ± 0.004 (estimate)");
    assert_eq!(Bounded::estimate(-85.2149, Some(f64::NAN)).to_string(), "-85.21 ± unknown (estimate)");
    assert_eq!(Bounded::lower_bound(-85.2149).to_string(), "-85.21 (lower bound)");
    assert_eq!(format!("{:.4}", Bounded::exact(-85.2149)), "-85.2149 (exact)");
    assert_eq!(Bounded::estimate(-1.25e30, Some(1e29)).to_string(), "-1.250e30 (estimate)");
    assert_eq!(serde_json::to_string(&LowerBound).unwrap(), r#""lower_bound""#);
}

#[test]
fn assessment_does_not_depend_on_the_block_size() {
    let dbm = random_dbm(&[5, 4, 3], 1.5, 1.0, 11);
    let visible = tensor(&all_states(5));
    let parts = [(0, 20), (20, 12)]
        .map(|(first, count)| Reference::tabulate(&dbm, &visible.narrow(0, first, count).unwrap(), MAX_BITS).unwrap());
    let reference = Reference::join(&parts).unwrap();
    let at_once = Reference::tabulate(&dbm, &visible, MAX_BITS).unwrap();
    let (joined, whole) = (&reference.log_evidence_unnormalized, &at_once.log_evidence_unnormalized);
    assert_all_close("exact answers", joined, whole, 1e-12);
    let schemes: [AnyScheme<Dbm>; 4] =
        [Box::new(mean_field()), Box::new(gibbs(5)), Box::new(BottomUp), Box::new(Exact { max_bits: MAX_BITS })];
    for scheme in schemes {
        let of = |block| assess_in_blocks(scheme.as_ref(), &dbm, &visible, Some(&reference), block);
        let whole = of(1000);
        for block in [1, 7, 32] {
            let found = of(block);
            assert_all_close("ELBO", &found.elbos_unnormalized, &whole.elbos_unnormalized, 1e-12);
            assert_all_close("KL", &found.kl.unwrap(), whole.kl.as_ref().unwrap(), 1e-12);
            let errors = whole.marginal_errors.as_ref().unwrap();
            assert_all_close("marginal error", &found.marginal_errors.unwrap(), errors, 1e-12);
            assert_all_close("reconstruction", &found.reconstruction_errors, &whole.reconstruction_errors, 1e-12);
            assert_eq!((found.sweeps, found.converged), (whole.sweeps.clone(), whole.converged.clone()));
        }
    }
}

#[test]
fn assessment_measures_what_summation_gives() {
    for (dbm, visible) in machines() {
        let reference = Reference::tabulate(&dbm, &visible, MAX_BITS).unwrap();
        let by = Yardstick { reference: Some(&reference), first: 0 };
        let found = assess(&Random, &dbm, &visible, by);
        let q = random_q(&dbm, &visible, 1.0, Stream::new(3));
        assert_all_close("KL", found.kl.as_ref().unwrap(), &kl_by_summation(&dbm, &visible, &q), 1e-9);
        let by_hand = ByHand::of(&dbm);
        let means = rows(&Tensor::cat(&q.means().unwrap(), 1).unwrap());
        for (example, v) in rows(&visible).iter().enumerate() {
            let states = all_states(by_hand.hidden());
            let posterior = by_hand.posterior(v);
            let exact_mean = |unit: usize| states.iter().zip(&posterior).map(|(h, p)| h[unit] * p).sum::<f64>();
            let errors: Vec<f64> = (0..by_hand.hidden()).map(|j| (means[example][j] - exact_mean(j)).abs()).collect();
            let found_error = found.marginal_errors.as_ref().unwrap()[example];
            assert_close("marginal error", found_error, mean_of(&errors), 1e-10);
            let reconstructed = |i: usize| {
                let sent: f64 = (0..by_hand.sizes[1]).map(|j| by_hand.weights[0][i][j] * means[example][j]).sum();
                1.0 / (1.0 + (-sent - by_hand.biases[0][i]).exp())
            };
            let squares: Vec<f64> = (0..v.len()).map(|i| (v[i] - reconstructed(i)).powi(2)).collect();
            assert_close("reconstruction", found.reconstruction_errors[example], mean_of(&squares), 1e-10);
        }
        let exact = assess(&Exact { max_bits: MAX_BITS }, &dbm, &visible, by);
        assert_close("largest KL of the exact q", exact.kl.unwrap().into_iter().fold(0.0, f64::max), 0.0, 1e-10);
    }
}

#[test]
fn gap_to_the_best_needs_no_log_partition() {
    let (dbm, visible) = machines().nth(1).unwrap();
    let schemes = [
        assess(&Exact { max_bits: MAX_BITS }, &dbm, &visible, Yardstick::default()),
        assess(&mean_field(), &dbm, &visible, Yardstick::default()),
    ];
    let log_z = exact(&dbm, MAX_BITS).unwrap().value;
    let gap = schemes[1].gap_to(&schemes[0]);
    let means = schemes[0].elbo(log_z).nats - schemes[1].elbo(log_z).nats;
    assert_close("mean gap", gap.mean, means, 1e-10);
    assert!(gap.mean > 0.0 && gap.standard_error.unwrap() > 0.0);
    let gaps: Vec<f64> =
        schemes[0].elbos_unnormalized.iter().zip(&schemes[1].elbos_unnormalized).map(|(a, b)| a - b).collect();
    let spread = gaps.iter().map(|gap| (gap - mean_of(&gaps)).powi(2)).sum::<f64>() / (gaps.len() - 1) as f64;
    let error = (spread / gaps.len() as f64).sqrt();
    assert_close("its paired error", gap.standard_error.unwrap(), error, 1e-12);
    assert_eq!(schemes[1].elbo(log_z).guarantee, LowerBound);
    assert_eq!(schemes[1].elbo(Bounded::estimate(log_z.nats, Some(0.1))).guarantee, Estimate);
}

#[test]
fn only_inference_is_timed() {
    let (dbm, visible) = machines().next().unwrap();
    let ticks = Cell::new(0.0);
    let clock = || {
        ticks.set(ticks.get() + 1.0);
        ticks.get()
    };
    let part = |first: usize, count: usize| {
        let rows = visible.narrow(0, first, count).unwrap();
        let by = Yardstick { reference: None, first };
        mean_field().assess(&dbm, &rows, by, Stream::new(0), &clock).unwrap()
    };
    let mut found = part(0, 10);
    (0..6).for_each(|block| found.append(part(10 + 9 * block, 9)));
    // 64 examples in 7 blocks, each with one tick between its two readings of the clock.
    assert_eq!((found.seconds, found.examples()), (7.0, 64));
    assert_close("time per example", found.time_us_per_example(), 7e6 / 64.0, 1e-6);
}

#[test]
fn exact_answers_stop_at_the_cap_and_fit_only_their_own_examples() {
    let (dbm, visible) = machines().next().unwrap();
    let beyond = Reference::tabulate(&random_dbm(&[5, 6, 6], 1.0, 1.0, 1), &visible.narrow(1, 0, 5).unwrap(), 5.0);
    assert!(beyond.unwrap_err().to_string().contains("2^6"));
    let reference = Reference::tabulate(&dbm, &visible, MAX_BITS).unwrap();
    let by = Yardstick { reference: Some(&reference), first: 60 };
    let more = visible.narrow(0, 0, 9).unwrap();
    let error = mean_field().assess(&dbm, &more, by, Stream::new(0), &|| 0.0).unwrap_err().to_string();
    assert!(error.contains("64 examples") && error.contains("not for 69"), "{error}");
}
