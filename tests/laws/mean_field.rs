//! Mean field: coordinate ascent on the bound, its fixed points, and where updating all layers at once goes wrong.

use crate::support::{ByHand, all_states, assert_all_close, assert_close, random_dbm, random_q, rows, tensor};
use dbm::inference::{Inference, Inferred, MeanField, Refine, Refined, Stop, Trace, Uninformed};
use dbm::math::{DType, Device, Layers, Stream, Tensor, host, sigmoid};
use dbm::models::{Conditionals, Dbm, ExpectedLogJoint, LatentModel, Reading, Schedule, Stack, Swept};
use dbm::posterior::{Factorial, Posterior};

const SEQUENTIAL: [Schedule; 2] = [Schedule::Ascending, Schedule::OddEven];

/// E_q[ln p̃] + H(q) of each example.
fn elbos(conditionals: &Stack, inputs: &[Tensor]) -> Vec<f64> {
    let q = Factorial::from_inputs(conditionals.units().to_vec(), inputs.to_vec());
    let entropy = host(&q.entropy().unwrap()).unwrap();
    conditionals.expected_log_joint(&q).unwrap().iter().zip(entropy).map(|(joint, entropy)| joint + entropy).collect()
}

/// Random images and a random q for each.
fn random_pairs(dbm: &Dbm, examples: usize, input_scale: f64, seed: u64) -> (Tensor, Factorial) {
    let stream = Stream::new(seed);
    let uniform = stream.named("images").uniform(examples, dbm.sizes()[0], DType::F64, &Device::Cpu).unwrap();
    let images = uniform.ge(0.5).unwrap().to_dtype(DType::F64).unwrap();
    let q = random_q(dbm, &images, input_scale, stream);
    (images, q)
}

fn refine(dbm: &Dbm, images: &Tensor, by: MeanField, start: &Factorial, stop: Stop) -> Inferred<Factorial> {
    by.refine(&dbm.clamp(images).unwrap(), start.clone(), stop, Stream::new(0)).unwrap()
}

fn scheduled(schedule: Schedule) -> MeanField {
    MeanField { schedule, damping: 0.0 }
}

#[test]
fn no_update_of_a_single_layer_lowers_the_bound() {
    let mut pairs = 0;
    for sizes in [&[6, 5][..], &[6, 4, 3], &[5, 1, 4], &[4, 4, 4, 3], &[1, 1, 1, 1], &[5, 4, 3, 4, 2]] {
        for (step, std) in [0.25, 0.5, 1.0, 2.0, 4.0].into_iter().enumerate() {
            for model in 0..3 {
                let seed = 10 * model + step as u64;
                let dbm = random_dbm(sizes, std, 1.0, seed);
                let (images, start) = random_pairs(&dbm, 12, 3.0, seed);
                pairs += 12;
                assert_ascent(&format!("sizes {sizes:?}, weight std {std}, seed {seed}"), &dbm, &images, &start);
            }
        }
    }
    assert!(pairs >= 1000, "{pairs} pairs of a model and a start");
}

/// Layers one at a time in the order of each schedule, the bound looked at after each; a whole sweep is the same.
fn assert_ascent(what: &str, dbm: &Dbm, images: &Tensor, start: &Factorial) {
    let conditionals = dbm.clamp(images).unwrap();
    let depth = dbm.depth();
    let odd_even = (0..depth).step_by(2).chain((1..depth).step_by(2)).collect();
    for (schedule, order) in SEQUENTIAL.into_iter().zip([(0..depth).collect::<Vec<_>>(), odd_even]) {
        let mut swept = Swept::from_posterior(start).unwrap();
        let mut before = elbos(&conditionals, &swept.inputs);
        for sweep in 0..6 {
            let whole = conditionals.sweep(swept.clone(), schedule, Reading::Mean).unwrap();
            for &layer in &order {
                swept.inputs[layer] = conditionals.input(&swept.states, layer).unwrap();
                swept.states[layer] = sigmoid(&swept.inputs[layer]).unwrap();
                let after = elbos(&conditionals, &swept.inputs);
                for (example, (before, after)) in before.iter().zip(&after).enumerate() {
                    let place = format!("{what}, {schedule:?}, example {example}, sweep {sweep}, layer {layer}");
                    assert!(*after >= before - 1e-10, "{place}: the bound falls from {before} to {after}");
                }
                before = after;
            }
            for (layer, (one_by_one, whole)) in swept.inputs.iter().zip(&whole.inputs).enumerate() {
                let what = format!("{what}, {schedule:?}, input of layer {layer} after a sweep");
                assert_all_close(&what, &host(whole).unwrap(), &host(one_by_one).unwrap(), 1e-12);
            }
        }
    }
}

#[test]
fn traced_bounds_never_fall_and_end_at_the_bound_of_the_answer() {
    for (seed, sizes) in [&[5, 4, 3][..], &[4, 4, 3, 3], &[3, 3, 3, 2, 2], &[5, 5]].into_iter().enumerate() {
        for schedule in SEQUENTIAL {
            let dbm = random_dbm(sizes, 1.5, 1.0, seed as u64);
            let (images, start) = random_pairs(&dbm, 17, 2.0, seed as u64);
            let stops = [Stop::after(7), Stop::when_within(1e-8, 400), Stop::when_within(1e-8, 3), Stop::after(0)];
            for stop in stops.map(Stop::traced) {
                let found = refine(&dbm, &images, scheduled(schedule), &start, stop);
                let bounds = &found.trace.elbos_unnormalized;
                let sweeps = *found.trace.sweeps.iter().max().unwrap() as usize;
                assert_eq!(bounds.len(), sweeps + 1, "one before the first sweep and one after each");
                assert!(bounds.windows(2).all(|pair| pair[1] >= pair[0] - 1e-10), "{sizes:?}, {stop:?}: {bounds:?}");
                let conditionals = dbm.clamp(&images).unwrap();
                for (bound, inputs) in [(bounds[0], start.inputs()), (bounds[sweeps], found.q.inputs())] {
                    let mean = elbos(&conditionals, inputs).iter().sum::<f64>() / 17.0;
                    assert_close(&format!("{sizes:?}, {stop:?}"), bound, mean, 1e-12);
                }
            }
        }
    }
}

#[test]
fn tracing_does_not_change_the_answer() {
    let dbm = random_dbm(&[5, 4, 3], 1.0, 1.0, 3);
    let (images, start) = random_pairs(&dbm, 9, 2.0, 3);
    for by in [scheduled(Schedule::OddEven), MeanField { schedule: Schedule::Parallel, damping: 0.3 }] {
        for stop in [Stop::after(4), Stop::when_within(1e-6, 300)] {
            let (plain, traced) =
                (refine(&dbm, &images, by, &start, stop), refine(&dbm, &images, by, &start, stop.traced()));
            for (plain, traced) in plain.q.inputs().iter().zip(traced.q.inputs()) {
                assert_all_close(&format!("{by:?}, {stop:?}"), &host(plain).unwrap(), &host(traced).unwrap(), 1e-12);
            }
            assert_eq!(traced.trace.converged.is_some(), stop.tolerance.is_some(), "without a tolerance nobody looks");
            assert_eq!((plain.trace.sweeps, plain.trace.converged), (traced.trace.sweeps, traced.trace.converged));
        }
    }
}

/// E_q[ln p̃] + H(q) of one example in plain loops.
fn elbo_by_hand(machine: &ByHand, visible: &[f64], inputs: &[f64]) -> f64 {
    let means: Vec<f64> = inputs.iter().map(|x| 1.0 / (1.0 + (-x).exp())).collect();
    let entropy: f64 = means.iter().map(|m| -m * m.ln() - (1.0 - m) * (1.0 - m).ln()).sum();
    machine.log_joint(&[visible, &means].concat()) + entropy
}

/// Slopes of the bound in every hidden input by central differences.
fn slopes(machine: &ByHand, visible: &[f64], inputs: &[f64]) -> Vec<f64> {
    let moved = |unit: usize, by: f64| {
        let mut inputs = inputs.to_vec();
        inputs[unit] += by;
        elbo_by_hand(machine, visible, &inputs)
    };
    (0..inputs.len()).map(|unit| (moved(unit, 1e-4) - moved(unit, -1e-4)) / 2e-4).collect()
}

#[test]
fn a_fixed_point_is_stationary_and_a_start_is_not() {
    for (seed, sizes) in [&[4, 3][..], &[4, 3, 3], &[3, 3, 2, 3], &[3, 1, 3, 2, 2]].into_iter().enumerate() {
        let dbm = random_dbm(sizes, 1.0, 0.5, seed as u64);
        let machine = ByHand::of(&dbm);
        let (images, start) = random_pairs(&dbm, 8, 1.0, seed as u64);
        let all_layers = |q: &Factorial, example: usize| -> Vec<f64> {
            q.inputs().iter().flat_map(|layer| rows(layer)[example].clone()).collect()
        };
        for by in [scheduled(Schedule::Ascending), MeanField { schedule: Schedule::Parallel, damping: 0.5 }] {
            let found = refine(&dbm, &images, by, &start, Stop::when_within(1e-13, 2000));
            for (example, v) in rows(&images).iter().enumerate() {
                assert!(found.trace.converged.as_ref().unwrap()[example], "{sizes:?}, {by:?}, example {example}");
                let what = format!("{sizes:?}, {by:?}, example {example}: slope of the bound");
                let flat = slopes(&machine, v, &all_layers(&found.q, example));
                // Third derivatives of order one times the squared step of 1e-4.
                assert_all_close(&what, &flat, &vec![0.0; flat.len()], 1e-7);
                let steep = slopes(&machine, v, &all_layers(&start, example));
                assert!(steep.iter().any(|slope| slope.abs() > 1e-3), "{what} at the start: {steep:?}");
            }
        }
    }
}

/// Two hidden layers of two units that forbid each other: either is on alone. v is left out of it.
fn rivals() -> (Dbm, Tensor, Factorial) {
    let full = |value: f64, rows: usize, columns: usize| Tensor::full(value, (rows, columns), &Device::Cpu).unwrap();
    let biases = [(0.0, 1), (4.0, 2), (4.0, 2)].map(|(value, n)| full(value, 1, n).squeeze(0).unwrap()).to_vec();
    let dbm = Dbm::binary(vec![full(0.0, 1, 2), full(-8.0, 2, 2)], biases).unwrap();
    let start = Factorial::from_means(dbm.units()[1..].to_vec(), &[full(0.1, 1, 2), full(0.12, 1, 2)]).unwrap();
    (dbm, full(0.0, 1, 1), start)
}

#[test]
fn parallel_updates_can_circle_for_ever_and_lower_the_bound() {
    let (dbm, image, start) = rivals();
    let found = refine(&dbm, &image, scheduled(Schedule::Parallel), &start, Stop::when_within(1e-6, 200).traced());
    assert_eq!((&found.trace.sweeps[..], found.trace.converged), (&[200][..], Some(vec![false])));
    assert!(found.trace.changes[150..].iter().all(|&change| change > 0.9), "both layers flip in every sweep");
    let bounds = &found.trace.elbos_unnormalized;
    assert!(bounds.windows(2).any(|pair| pair[1] < pair[0] - 1.0), "the bound falls: {:?}", &bounds[..6]);
    // Both layers off, both layers on, …: a cycle of two.
    let later = refine(&dbm, &image, scheduled(Schedule::Parallel), &found.q, Stop::after(2));
    let once = refine(&dbm, &image, scheduled(Schedule::Parallel), &found.q, Stop::after(1));
    for layer in 0..2 {
        let means = |q: &Factorial| host(&q.means().unwrap()[layer]).unwrap();
        assert_all_close("two sweeps later", &means(&later.q), &means(&found.q), 1e-12);
        assert!((means(&once.q)[0] - means(&found.q)[0]).abs() > 0.9, "one sweep later");
    }
}

#[test]
fn damping_or_sequential_updates_end_the_circle() {
    let (dbm, image, start) = rivals();
    let stop = Stop::when_within(1e-10, 500).traced();
    for by in [
        scheduled(Schedule::Ascending),
        scheduled(Schedule::OddEven),
        MeanField { schedule: Schedule::Parallel, damping: 0.75 },
    ] {
        let found = refine(&dbm, &image, by, &start, stop);
        assert!(found.trace.converged.unwrap()[0] && found.trace.sweeps[0] < 500, "{by:?}: {:?}", found.trace.sweeps);
        let means = found.q.means().unwrap();
        let (first, second) = (host(&means[0]).unwrap()[0], host(&means[1]).unwrap()[0]);
        assert!((first - second).abs() > 0.9, "{by:?}: one layer on, the other off: {first}, {second}");
    }
}

#[test]
fn damping_keeps_its_share_of_the_old_mean() {
    let dbm = random_dbm(&[4, 3, 2], 1.0, 1.0, 8);
    let (images, start) = random_pairs(&dbm, 5, 2.0, 8);
    for schedule in [Schedule::Parallel, Schedule::Ascending] {
        let damped = refine(&dbm, &images, MeanField { schedule, damping: 0.3 }, &start, Stop::after(1)).q;
        let (old, new) = (start.means().unwrap(), damped.means().unwrap());
        let conditionals = dbm.clamp(&images).unwrap();
        for layer in 0..2 {
            let mut read = old.clone();
            if schedule == Schedule::Ascending {
                read[..layer].clone_from_slice(&new[..layer]);
            }
            let plain = sigmoid(&conditionals.input(&read, layer).unwrap()).unwrap();
            let expected = ((&old[layer] * 0.3).unwrap() + (plain * 0.7).unwrap()).unwrap();
            let what = format!("{schedule:?}, layer {layer}");
            assert_all_close(&what, &host(&new[layer]).unwrap(), &host(&expected).unwrap(), 1e-14);
        }
    }
}

#[test]
fn sweeps_and_convergence_are_told_for_each_example() {
    let dbm = random_dbm(&[5, 4, 3], 2.0, 1.0, 5);
    let (images, start) = random_pairs(&dbm, 24, 3.0, 5);
    let conditionals = dbm.clamp(&images).unwrap();
    let (tolerance, cap) = (1e-6, 9);
    let found = refine(&dbm, &images, MeanField::default(), &start, Stop::when_within(tolerance, cap)).trace;
    // By hand: the first sweep that changes no mean by the tolerance or more.
    let (mut sweeps, mut converged) = (vec![cap as u32; 24], vec![false; 24]);
    let mut swept = Swept::from_posterior(&start).unwrap();
    for sweep in 1..=cap as u32 {
        let before = swept.states.clone();
        swept = conditionals.sweep(swept, Schedule::Ascending, Reading::Mean).unwrap();
        for example in 0..24 {
            let change = |(a, b): (&Tensor, &Tensor)| {
                let pairs = rows(a)[example].clone().into_iter().zip(rows(b)[example].clone());
                pairs.map(|(a, b)| (a - b).abs()).fold(0.0, f64::max)
            };
            let largest = before.iter().zip(&swept.states).map(change).fold(0.0, f64::max);
            if largest < tolerance && !converged[example] {
                (sweeps[example], converged[example]) = (sweep, true);
            }
        }
    }
    assert!(converged.contains(&true) && converged.contains(&false), "the cap leaves some of both: {converged:?}");
    assert_eq!((found.sweeps, found.converged), (sweeps, Some(converged)));
    assert_eq!(found.changes.len(), cap);
}

#[test]
fn answers_do_not_depend_on_the_rest_of_the_batch() {
    for (seed, sizes) in [&[6, 5, 4][..], &[5, 4, 3, 3], &[5, 1, 4], &[4, 6]].into_iter().enumerate() {
        let dbm = random_dbm(sizes, 1.5, 1.0, seed as u64);
        let (images, start) = random_pairs(&dbm, 33, 2.0, seed as u64);
        for by in [MeanField::default(), MeanField { schedule: Schedule::Parallel, damping: 0.5 }] {
            for stop in [Stop::when_within(1e-10, 300), Stop::after(5), Stop::when_within(1e-10, 4).traced()] {
                let whole = refine(&dbm, &images, by, &start, stop);
                for example in 0..33 {
                    let row = Tensor::new(&[example as u32], &Device::Cpu).unwrap();
                    let image = images.index_select(&row, 0).unwrap();
                    let alone = refine(&dbm, &image, by, &start.select(&row).unwrap(), stop);
                    let what = format!("{sizes:?}, {by:?}, {stop:?}, example {example}");
                    for (whole, alone) in whole.q.inputs().iter().zip(alone.q.inputs()) {
                        assert_all_close(&what, &rows(alone)[0], &rows(whole)[example], 1e-12);
                    }
                    assert_eq!(alone.trace.sweeps[0], whole.trace.sweeps[example], "{what}");
                    let converged = |trace: &Trace, at: usize| trace.converged.as_ref().map(|converged| converged[at]);
                    assert_eq!(converged(&alone.trace, 0), converged(&whole.trace, example), "{what}");
                }
            }
        }
    }
}

#[test]
fn mean_field_of_an_rbm_is_exact_after_one_sweep() {
    for (seed, std) in [0.1, 1.0, 5.0].into_iter().enumerate() {
        let dbm = random_dbm(&[6, 7], std, std, seed as u64);
        let images = tensor(&all_states(6));
        let (start, by) = (Uninformed, MeanField::default());
        let found = Refined { start, by, stop: Stop::after(1) }.infer(&dbm, &images, Stream::new(0)).unwrap();
        let clamped = dbm.clamp(&images).unwrap();
        let evidence = clamped.log_partition(0.0).unwrap();
        // The gap to the evidence is the divergence from the posterior; both are sums of values of up to 80.
        let scale = evidence.iter().fold(1.0, |a: f64, b| a.max(b.abs()));
        assert_all_close(
            &format!("std {std}"),
            &elbos(&clamped, found.q.inputs()),
            &evidence,
            1e-14 * scale.max(100.0),
        );
    }
}

#[test]
fn a_mean_that_is_no_number_never_counts_as_converged() {
    let sound = random_dbm(&[4, 3, 3], 1.0, 1.0, 9);
    let mut images = vec![vec![0.0; 4]; 5];
    images[2][1] = f64::NAN;
    let found = Refined { start: Uninformed, by: MeanField::default(), stop: Stop::when_within(1e-6, 100) };
    let trace = found.infer(&sound, &tensor(&images), Stream::new(0)).unwrap().trace;
    assert_eq!(trace.converged, Some(vec![true, true, false, true, true]));
    // One unit of three, not the first, that no other unit hears of.
    let mut biases: Layers = random_dbm(&[4, 3], 1.0, 1.0, 9).biases().to_vec();
    biases[1] = Tensor::new(&[0.0, f64::NAN, 0.0], &Device::Cpu).unwrap();
    let broken = Dbm::binary(sound.weights()[..1].to_vec(), biases).unwrap();
    let trace = found.infer(&broken, &tensor(&[vec![0.0; 4]]), Stream::new(0)).unwrap().trace;
    assert_eq!(trace.converged, Some(vec![false]));
}
