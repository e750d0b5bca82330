//! Any subset of units held at given values: what is left has exactly the conditional distribution, and every scheme infers in it.

use crate::support::{
    ByHand, all_states, assert_all_close, assert_close, converted, log_sum_exp, machines, random_dbm, rows, tensor,
};
use dbm::inference::{MeanField, Refine, Stop};
use dbm::math::{DType, Device, Stream, Tensor, host};
use dbm::models::{Conditionals, Dbm, ExpectedLogJoint, Known, LatentModel, Reading, Rest, Schedule, Swept};
use dbm::posterior::{Factorial, Posterior};

/// Which units of all layers, one after the other, are held, and at what in each example.
struct Told {
    held: Vec<bool>,
    values: Vec<Vec<f64>>,
}

impl Told {
    /// About half of all units, at states 0 and 1; never all of them.
    fn random(units: usize, examples: usize, seed: u64) -> Self {
        let stream = Stream::new(seed).named("told");
        let coins = |name: &str, count: usize| -> Vec<Vec<f64>> {
            let uniform = stream.named(name).uniform(count, units, DType::F64, &Device::Cpu).unwrap();
            rows(&uniform.ge(0.5).unwrap().to_dtype(DType::F64).unwrap())
        };
        let mut held: Vec<bool> = coins("which", 1)[0].iter().map(|&coin| coin == 1.0).collect();
        if held.iter().all(|&held| held) {
            held[0] = false;
        }
        Self { held, values: coins("values", examples) }
    }

    fn known(&self, sizes: &[usize]) -> Vec<Option<Known>> {
        let starts = sizes.iter().scan(0, |next, n| Some(std::mem::replace(next, *next + n)));
        let of_layer = starts.zip(sizes).map(|(from, &n)| {
            let states = self.values.iter().map(|values| values[from..from + n].to_vec()).collect::<Vec<_>>();
            Some(Known { held: self.held[from..from + n].to_vec(), states: tensor(&states) })
        });
        of_layer.collect()
    }

    /// Every state of all units that agrees with what one example is told.
    fn allowed(&self, example: usize) -> Vec<Vec<f64>> {
        let agrees = |state: &Vec<f64>| {
            let mut units = state.iter().zip(&self.values[example]).zip(&self.held);
            units.all(|((state, value), held)| !held || state == value)
        };
        all_states(self.held.len()).into_iter().filter(agrees).collect()
    }
}

/// p of each allowed state, and ln Σ p̃ of them all.
fn conditional(machine: &ByHand, told: &Told, example: usize) -> (Vec<Vec<f64>>, Vec<f64>, f64) {
    let states = told.allowed(example);
    let joints: Vec<f64> = states.iter().map(|state| machine.log_joint(state)).collect();
    let total = log_sum_exp(&joints);
    let probabilities = joints.iter().map(|joint| (joint - total).exp()).collect();
    (states, probabilities, total)
}

/// Rows of all units, visible layer first.
fn together(rest: &Rest, free: &[Tensor]) -> Vec<Vec<f64>> {
    rows(&Tensor::cat(&rest.complete(free).unwrap(), 1).unwrap())
}

#[test]
fn exact_sums_over_what_is_left_are_the_conditional_distribution() {
    for (seed, (what, dbm, machine)) in machines().enumerate() {
        let units = machine.visible() + machine.hidden();
        let told = Told::random(units, 3, seed as u64);
        let rest = dbm.given(&told.known(&machine.sizes)).unwrap();
        let found = rest.stack().log_partition(30.0).unwrap();
        let (table, _) = rest.stack().tabulate(30.0).unwrap();
        let means = together(&rest, &table.means().unwrap());
        for example in 0..3.min(means.len()) {
            let (states, probabilities, total) = conditional(&machine, &told, example);
            let what = format!("{what}, example {example}");
            assert_close(&format!("{what}: ln p̃ of what is held"), found[example], total, 1e-10);
            let mean = |unit: usize| states.iter().zip(&probabilities).map(|(state, p)| p * state[unit]).sum::<f64>();
            let expected: Vec<f64> = (0..units).map(mean).collect();
            assert_all_close(&format!("{what}: marginals"), &means[example], &expected, 1e-10);
        }
    }
}

#[test]
fn log_joints_of_what_is_left_are_those_of_the_whole_state() {
    for (seed, (what, dbm, machine)) in machines().enumerate() {
        let mut told = Told::random(machine.visible() + machine.hidden(), 4, 50 + seed as u64);
        // Values between the states too, as grey pixels have them.
        told.values[0].iter_mut().for_each(|value| *value = 0.2 + 0.6 * *value);
        let rest = dbm.given(&told.known(&machine.sizes)).unwrap();
        let free: Vec<Tensor> = rest
            .stack()
            .sizes()
            .iter()
            .map(|&n| Stream::new(n as u64).uniform(4, n, DType::F64, &Device::Cpu).unwrap())
            .collect();
        let found = host(&rest.stack().log_joint(&free).unwrap()).unwrap();
        let expected: Vec<f64> = together(&rest, &free).iter().map(|state| machine.log_joint(state)).collect();
        assert_all_close(&what, &found, &expected, 1e-11 * expected.iter().fold(1.0, |m: f64, x| m.max(x.abs())));
    }
}

#[test]
fn holding_the_visible_layer_is_clamping_it() {
    let dbm = random_dbm(&[4, 3, 2], 1.0, 0.5, 3);
    let visible = tensor(&all_states(4));
    let known = [Some(Known { held: vec![true; 4], states: visible.clone() }), None, None];
    let (rest, clamped) = (dbm.given(&known).unwrap(), dbm.clamp(&visible).unwrap());
    let found = rest.stack().log_partition(30.0).unwrap();
    assert_all_close("ln p̃(v)", &found, &clamped.log_partition(30.0).unwrap(), 1e-12);
    let nothing = dbm.given(&[None, None, None]).unwrap();
    let free = dbm.free().unwrap().log_partition(30.0).unwrap();
    assert_all_close("ln Z", &nothing.stack().log_partition(30.0).unwrap(), &free, 1e-12);
}

/// Distance of frequencies from probabilities, in standard deviations of the χ² that measures it.
fn misfit(samples: &[Vec<f64>], states: &[Vec<f64>], probabilities: &[f64]) -> f64 {
    let n = samples.len() as f64;
    let (mut squares, mut cells, mut rare) = (0.0, 0.0, (0.0, 0.0));
    for (state, p) in states.iter().zip(probabilities) {
        let count = samples.iter().filter(|sample| *sample == state).count() as f64;
        if n * p < 5.0 {
            rare = (rare.0 + count, rare.1 + n * p);
        } else {
            (squares, cells) = (squares + (count - n * p).powi(2) / (n * p), cells + 1.0);
        }
    }
    if rare.1 > 0.0 {
        (squares, cells) = (squares + (rare.0 - rare.1).powi(2) / rare.1.max(1.0), cells + 1.0);
    }
    (squares - (cells - 1.0)) / (2.0 * f64::max(cells - 1.0, 1.0)).sqrt()
}

#[test]
fn gibbs_sampling_of_what_is_left_reaches_the_conditional_distribution() {
    const CHAINS: usize = 10_000;
    let mut judged = 0;
    for (seed, sizes) in [&[4, 3][..], &[4, 3, 2], &[3, 2, 2, 2], &[3, 1, 3]].into_iter().enumerate() {
        let dbm = random_dbm(sizes, 1.0, 0.5, seed as u64);
        let machine = ByHand::of(&dbm);
        for kept in 0..2 {
            let told = Told::random(sizes.iter().sum(), 1, 7 + 10 * seed as u64 + kept);
            let (states, probabilities, _) = conditional(&machine, &told, 0);
            for (dtype, schedule) in [(DType::F64, Schedule::OddEven), (DType::F32, Schedule::Ascending)] {
                let dbm = converted(&dbm, dtype);
                let known = told
                    .known(sizes)
                    .into_iter()
                    .map(|known| known.map(|known| Known { states: known.states.to_dtype(dtype).unwrap(), ..known }));
                let there = dbm.given(&known.collect::<Vec<_>>()).unwrap();
                let zeros = there.stack().sizes().into_iter();
                let zeros = zeros.map(|n| Tensor::zeros((CHAINS, n), dtype, &Device::Cpu).unwrap()).collect();
                let reading = Reading::Sample(Stream::new(seed as u64).at(kept));
                let start = Swept::from_states(zeros);
                let swept = there.stack().sweeps(start, schedule, reading, 60).unwrap();
                let found = misfit(&together(&there, &swept.states), &states, &probabilities);
                assert!(found < 4.0, "{sizes:?}, {schedule:?}, {dtype:?}: off by {found:.1} deviations");
                judged += usize::from(states.len() > 1);
            }
        }
    }
    assert!(judged > 8, "{judged} cases with something left to sample");
}

/// Mean field to its end on what is left.
fn settled(rest: &Rest, examples: usize) -> Factorial {
    let by = MeanField::default();
    let start = rest.start(examples).unwrap();
    let found = by.refine(rest.stack(), start, Stop::when_within(1e-12, 5000), Stream::new(0)).unwrap();
    assert!(found.trace.converged.unwrap().iter().all(|&converged| converged), "mean field did not settle");
    found.q
}

#[test]
fn mean_field_of_what_is_left_is_a_fixed_point_below_the_evidence() {
    for (seed, sizes) in [&[6, 4, 3][..], &[5, 3], &[4, 3, 3, 2]].into_iter().enumerate() {
        let dbm = random_dbm(sizes, 1.0, 0.5, seed as u64);
        let machine = ByHand::of(&dbm);
        let told = Told::random(sizes.iter().sum(), 5, 90 + seed as u64);
        let rest = dbm.given(&told.known(sizes)).unwrap();
        let q = settled(&rest, 5);
        let entropies = host(&q.entropy().unwrap()).unwrap();
        let joints = rest.stack().expected_log_joint(&q).unwrap();
        let bounds: Vec<f64> = joints.iter().zip(entropies).map(|(joint, entropy)| joint + entropy).collect();
        let means = together(&rest, &q.means().unwrap());
        for example in 0..5 {
            let (_, _, evidence) = conditional(&machine, &told, example);
            assert!(bounds[example] <= evidence + 1e-10, "{sizes:?}: {} above {evidence}", bounds[example]);
            // Every free unit's mean is σ of its input, which is the slope of ln p̃ at the means; every held one is as told.
            for unit in 0..told.held.len() {
                let at = |value: f64| {
                    let mut state = means[example].clone();
                    state[unit] = value;
                    machine.log_joint(&state)
                };
                let expected = match told.held[unit] {
                    true => told.values[example][unit],
                    false => 1.0 / (1.0 + (at(0.0) - at(1.0)).exp()),
                };
                assert_close(
                    &format!("{sizes:?}, example {example}, unit {unit}"),
                    means[example][unit],
                    expected,
                    1e-10,
                );
            }
        }
    }
}

#[test]
fn single_precision_fills_in_the_pixels_that_double_precision_does() {
    let (dbm, mut held) = (random_dbm(&[70, 40, 33], 0.2, 0.5, 5), vec![true; 70]);
    held.iter_mut().skip(1).step_by(2).for_each(|held| *held = false);
    let images = Stream::new(8).uniform(9, 70, DType::F64, &Device::Cpu).unwrap().ge(0.5).unwrap();
    let filled = |dbm: &Dbm| {
        let states = images.to_dtype(dbm.dtype()).unwrap();
        let rest = dbm.given(&[Some(Known { held: held.clone(), states }), None, None]).unwrap();
        let start = rest.start(9).unwrap();
        let q = MeanField::default().refine(rest.stack(), start, Stop::after(20), Stream::new(0)).unwrap().q;
        rows(&rest.visible(&q.means().unwrap()).unwrap())
    };
    let (double, single) = (filled(&dbm), filled(&converted(&dbm, DType::F32)));
    assert_all_close("filled in", &single.concat(), &double.concat(), 1e-5);
    let images = rows(&images.to_dtype(DType::F64).unwrap());
    for (filled, image) in double.iter().zip(&images) {
        assert!((0..70).step_by(2).all(|pixel| filled[pixel] == image[pixel]), "a pixel that is held has moved");
    }
}

#[test]
fn what_cannot_be_held_is_refused() {
    let dbm: Dbm = random_dbm(&[3, 2], 1.0, 1.0, 1);
    let known = |units: usize, rows: usize| {
        Some(Known { held: vec![true; units], states: tensor(&vec![vec![1.0; units]; rows]) })
    };
    let message = |told: &[Option<Known>]| dbm.given(told).unwrap_err().to_string();
    assert!(message(&[known(3, 1), known(2, 1)]).contains("every unit is held"));
    assert!(message(&[known(3, 1)]).contains("a machine of 2 layers is told of 1"));
    assert!(message(&[known(4, 1), None]).contains("a layer of 3 units is told of 4"));
    let part = Some(Known { held: vec![true, false], states: tensor(&vec![vec![1.0; 2]; 3]) });
    assert!(message(&[known(3, 2), part]).contains("2 rows of one layer are held, and 3 of another"));
}
