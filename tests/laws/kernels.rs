//! The kernels against their twins in `f64`, at every level this processor has.

use crate::support::converted;
use dbm::evaluate::{Annealing, Half, Path, Spacing};
use dbm::math::kernels::{
    Blocks, Heat, Level, Outer, Own, Panels, Read, Source, Step, Towards, along, ascend, heat, inputs, outer, read,
};
use dbm::math::{DType, Device, Stream, Tensor, host, sample_binary, sigmoid};
use dbm::models::{Conditionals, Dbm, LatentModel, Reading, Schedule, Stack, Swept, composed_sweep};

/// Shapes that fill no tile, panel or block, just fill one, or are a unit over.
const SHAPES: [[usize; 3]; 8] =
    [[1, 1, 1], [2, 3, 5], [13, 31, 33], [14, 32, 64], [15, 33, 31], [100, 61, 97], [129, 7, 2], [3, 130, 257]];

pub fn levels() -> Vec<Level> {
    let (there, lacking): (Vec<_>, Vec<_>) = Level::ALL.into_iter().partition(|level| level.is_available());
    lacking.iter().for_each(|level| println!("skipped: this processor lacks {level:?}"));
    there
}

pub fn values(name: &str, rows: usize, columns: usize) -> Vec<f32> {
    let uniform = Stream::new(11).named(name).uniform(rows, columns, DType::F32, &Device::Cpu).unwrap();
    uniform.flatten_all().unwrap().to_vec1::<f32>().unwrap().iter().map(|u| 2.0 * u - 1.0).collect()
}

/// States, weights and biases of a layer that is read from below.
struct Layer {
    rows: usize,
    from: usize,
    to: usize,
    states: Vec<f32>,
    weights: Vec<f32>,
    bias: Vec<f32>,
}

impl Layer {
    fn new([rows, from, to]: [usize; 3]) -> Self {
        let (states, weights) = (values("states", rows, from), values("weights", from, to));
        Self { rows, from, to, states, weights, bias: values("bias", 1, to) }
    }

    fn read(&self, level: Level, what: Read, scale: f32) -> (Vec<f32>, Vec<f32>) {
        let blocks = Blocks::pack(&self.weights, self.from, self.to);
        let states = Panels::from_rows(&self.states, self.rows, self.from);
        let own = Panels::from_rows(&self.bias, 1, self.to);
        let source = Source { states: &states, weights: &blocks, towards: Towards::Above };
        let (mut found, mut out) = (Panels::zeros(self.rows, self.to), Panels::zeros(self.rows, self.to));
        read(level, Own::Same(&own), scale, &[source], what, &mut found, &mut out);
        let mut alone = Panels::zeros(self.rows, self.to);
        inputs(level, Own::Same(&own), scale, &[source], &mut alone);
        assert_eq!(alone, found, "inputs do not depend on what is read off them");
        (found.to_rows(), out.to_rows())
    }

    fn expected(&self, scale: f64) -> Vec<f64> {
        let input = |row: usize, to: usize| {
            let sent: f64 = (0..self.from)
                .map(|k| f64::from(self.states[row * self.from + k]) * f64::from(self.weights[k * self.to + to]))
                .sum();
            scale * sent + f64::from(self.bias[to])
        };
        (0..self.rows).flat_map(|row| (0..self.to).map(move |to| input(row, to))).collect()
    }
}

/// Rounding of a sum of `terms` products of numbers up to one.
fn rounding(terms: usize) -> f64 {
    f64::from(f32::EPSILON) * (terms as f64 + 2.0)
}

#[test]
fn inputs_are_the_sums_over_neighbours_on_every_shape_and_level() {
    for shape in SHAPES {
        let layer = Layer::new(shape);
        for (level, scale) in levels().into_iter().flat_map(|level| [(level, 1.0), (level, 2.0)]) {
            let (inputs, _) = layer.read(level, Read::Mean, scale);
            for (found, expected) in inputs.iter().zip(layer.expected(f64::from(scale))) {
                let error = (f64::from(*found) - expected).abs();
                assert!(error <= 2.0 * rounding(shape[1]), "{shape:?} {level:?}: {found} for {expected}");
            }
        }
    }
}

#[test]
fn a_product_downwards_is_the_product_with_the_transpose() {
    for [rows, from, to] in SHAPES {
        let (states, weights) = (values("states", rows, from), values("weights", to, from));
        let transposed: Vec<f32> = (0..from * to).map(|at| weights[at % to * from + at / to]).collect();
        let panels = Panels::from_rows(&states, rows, from);
        let blocks = [Blocks::pack(&weights, to, from), Blocks::pack(&transposed, from, to)];
        for level in levels() {
            let sent = |weights: &Blocks, towards| {
                let (mut found, source) = (Panels::zeros(rows, to), Source { states: &panels, weights, towards });
                inputs(level, Own::Same(&Panels::zeros(1, to)), 1.0, &[source], &mut found);
                found.to_rows()
            };
            assert_eq!(sent(&blocks[0], Towards::Below), sent(&blocks[1], Towards::Above));
        }
    }
}

#[test]
fn every_level_gives_the_same_bits() {
    let sample = Read::Sample { key: [5, 9], first_row: u64::from(u32::MAX) - 1 };
    for shape in SHAPES {
        let layer = Layer::new(shape);
        for what in [Read::Mean, sample, Read::Mode] {
            let first = layer.read(Level::Portable, what, 3.0);
            for level in levels() {
                assert_eq!(layer.read(level, what, 3.0), first, "{shape:?} {level:?} {what:?}");
            }
        }
        let (below, above) = (values("below", shape[0], shape[1]), values("above", shape[0], shape[2]));
        let below = Panels::from_rows(&below, shape[0], shape[1]);
        let above = Panels::from_rows(&above, shape[0], shape[2]);
        let products = [0.3, -0.2].map(|share| Outer { below: &below, above: &above, share });
        for level in levels() {
            assert_eq!(outer(level, &products), outer(Level::Portable, &products));
        }
    }
}

#[test]
fn no_row_depends_on_the_others_nor_on_threads() {
    let layer = Layer::new([129, 300, 170]);
    let what = Read::Sample { key: [1, 2], first_row: 0 };
    let level = Level::best();
    let all = layer.read(level, what, 1.0);
    for threads in [1, 2, 3, 4] {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        assert_eq!(pool.install(|| layer.read(level, what, 1.0)), all);
    }
    for rows in [0..1, 1..40, 40..129] {
        let part = Layer {
            rows: rows.len(),
            states: layer.states[rows.start * 300..rows.end * 300].to_vec(),
            weights: layer.weights.clone(),
            bias: layer.bias.clone(),
            ..layer
        };
        let (inputs, states) = part.read(level, Read::Sample { key: [1, 2], first_row: rows.start as u64 }, 1.0);
        assert_eq!(inputs, all.0[rows.start * 170..rows.end * 170]);
        assert_eq!(states, all.1[rows.start * 170..rows.end * 170]);
    }
}

/// A layer whose inputs are given: one neighbour of one unit that sends nothing.
fn read_off(level: Level, inputs: &[f32], what: Read) -> Vec<f32> {
    let blocks = Blocks::pack(&vec![0.0; inputs.len()], 1, inputs.len());
    let (own, states) = (Panels::from_rows(inputs, 1, inputs.len()), Panels::zeros(1, 1));
    let source = Source { states: &states, weights: &blocks, towards: Towards::Above };
    let (mut found, mut out) = (Panels::zeros(1, inputs.len()), Panels::zeros(1, inputs.len()));
    read(level, Own::Same(&own), 1.0, &[source], what, &mut found, &mut out);
    out.to_rows()
}

#[test]
fn means_are_those_of_double_precision_saturated_or_not() {
    let mut inputs: Vec<f32> = (-2000..=2000).map(|i| i as f32 * 0.05).collect();
    inputs.extend([0.0, -0.0, 1e-40, -1e-40, f32::MIN_POSITIVE, f32::MAX, f32::MIN, f32::INFINITY, f32::NEG_INFINITY]);
    for level in levels() {
        for (x, mean) in inputs.iter().zip(read_off(level, &inputs, Read::Mean)) {
            let expected = 1.0 / (1.0 + (-f64::from(*x)).exp());
            // Means too small for single precision come out as the smallest the exponential gives.
            let error = (f64::from(mean) - expected).abs();
            assert!(error <= 4.0 * f64::from(f32::EPSILON) * expected + 1e-38, "{level:?} σ({x}) = {mean}");
        }
    }
}

#[test]
fn what_is_no_number_stays_none() {
    for level in levels() {
        for what in [Read::Mean, Read::Mode, Read::Sample { key: [0, 0], first_row: 0 }] {
            let found = read_off(level, &[1.0, f32::NAN, -1.0, f32::NAN], what);
            assert!(found[1].is_nan() && found[3].is_nan(), "{level:?} {what:?}");
            assert!(found[0].is_finite() && found[2].is_finite(), "{level:?} {what:?}");
        }
    }
}

#[test]
fn samples_are_drawn_by_the_words_of_the_stream() {
    let stream = Stream::new(3).named("kernels").from_row(70_000);
    let (rows, columns) = (37, 75);
    let inputs: Vec<f32> = values("inputs", rows, columns).iter().map(|x| 4.0 * x).collect();
    let tensor = Tensor::from_vec(inputs.clone(), (rows, columns), &Device::Cpu).unwrap();
    let expected = host(&sample_binary(&tensor.to_dtype(DType::F64).unwrap(), stream).unwrap()).unwrap();
    let uniform = host(&stream.uniform(rows, columns, DType::F64, &Device::Cpu).unwrap()).unwrap();
    let means = host(&sigmoid(&tensor.to_dtype(DType::F64).unwrap()).unwrap()).unwrap();
    let (key, first_row) = stream.counter();
    for level in levels() {
        let blocks = Blocks::pack(&vec![0.0; columns], 1, columns);
        let (own, states) = (Panels::from_rows(&inputs, rows, columns), Panels::zeros(rows, 1));
        let source = Source { states: &states, weights: &blocks, towards: Towards::Above };
        let (mut found, mut out) = (Panels::zeros(rows, columns), Panels::zeros(rows, columns));
        read(level, Own::Each(&own), 1.0, &[source], Read::Sample { key, first_row }, &mut found, &mut out);
        for (at, state) in out.to_rows().into_iter().enumerate() {
            // Where u lies within rounding of the mean, either state is right.
            let close = (uniform[at] - means[at]).abs() < 1e-6;
            assert!(close || f64::from(state) == expected[at], "{level:?} value {at}");
        }
    }
}

/// A lower and an upper layer, as panels and row by row.
type Side = (Panels, Panels, [Vec<f32>; 2]);

#[test]
fn steps_follow_sums_of_outer_products() {
    for [rows, below, above] in SHAPES {
        let sides = ["first", "second"].map(|name| {
            let (left, right) = (values(name, rows, below), values(&format!("{name} above"), rows, above));
            (Panels::from_rows(&left, rows, below), Panels::from_rows(&right, rows, above), [left, right])
        });
        let shares = [0.5, -0.25];
        let product = |at: usize| -> f64 {
            let term = |(share, side): (f32, &Side)| {
                let [left, right] = &side.2;
                let pair =
                    |row: usize| f64::from(left[row * below + at / above]) * f64::from(right[row * above + at % above]);
                f64::from(share) * (0..rows).map(pair).sum::<f64>()
            };
            shares.into_iter().zip(&sides).map(term).sum()
        };
        let (at, last) = (values("at", below, above), values("last", below, above));
        let by = Step { momentum: 0.9, rate: 0.1, pull: 0.02 };
        for level in levels() {
            let mut outers =
                shares.into_iter().zip(&sides).map(|(share, (below, above, ..))| Outer { below, above, share });
            let outers: [Outer; 2] = std::array::from_fn(|_| outers.next().unwrap());
            let sum = outer(level, &outers);
            let [(to, moves), (both, _)] =
                [false, true].map(|downwards| moved(level, &outers, by, [&at, &last], downwards));
            assert_eq!(to, both, "both orders move together");
            for index in 0..below * above {
                let uphill = product(index);
                let (at, last) = (f64::from(at[index]), f64::from(last[index]));
                let delta = f64::from(by.momentum) * last + f64::from(by.rate) * uphill - f64::from(by.pull) * at;
                let close = |found: f32, expected: f64| (f64::from(found) - expected).abs() <= 2.0 * rounding(rows);
                assert!(close(sum[index], uphill), "{level:?} {} for {uphill}", sum[index]);
                assert!(close(moves[index], delta), "{level:?} {} for {delta}", moves[index]);
                assert!(close(to[index], at + delta), "{level:?} {} for {}", to[index], at + delta);
            }
        }
    }
}

/// What a step leaves, the values as products downwards see them where these are wanted.
fn moved(level: Level, outers: &[Outer], by: Step, from: [&[f32]; 2], downwards: bool) -> (Vec<f32>, Vec<f32>) {
    let (below, above) = (outers[0].below.columns(), outers[0].above.columns());
    let [mut at, mut last] = from.map(|values| Blocks::pack(values, below, above));
    let identity = Panels::from_rows(&diagonal(above), above, above);
    let seen = |at: &Blocks| {
        let source = Source { states: &identity, weights: at, towards: Towards::Below };
        let mut found = Panels::zeros(above, below);
        inputs(level, Own::Same(&Panels::zeros(1, below)), 1.0, &[source], &mut found);
        transposed(&found.to_rows(), above, below)
    };
    if downwards {
        // From here on both orders are there, and have to be moved together.
        seen(&at);
    }
    ascend(level, outers, by, &mut at, &mut last);
    (if downwards { seen(&at) } else { at.unpack() }, last.unpack())
}

fn diagonal(units: usize) -> Vec<f32> {
    (0..units * units).map(|at| f32::from(u8::from(at / units == at % units))).collect()
}

fn transposed(values: &[f32], rows: usize, columns: usize) -> Vec<f32> {
    (0..rows * columns).map(|at| values[at % rows * columns + at / rows]).collect()
}

#[test]
fn panels_give_back_what_they_were_made_of() {
    for [rows, columns, _] in SHAPES {
        let values = values("panels", rows, columns);
        assert_eq!(Panels::from_rows(&values, rows, columns).to_rows(), values);
    }
    assert!(Panels::from_rows(&[], 0, 5).to_rows().is_empty());
}

#[test]
fn fused_sweeps_are_composed_sweeps_at_any_depth() {
    for sizes in [vec![6, 4], vec![40, 33, 35], vec![9, 70, 5, 34]] {
        let dbm = Dbm::random(&sizes, 0.4, Stream::new(21), DType::F32, &Device::Cpu).unwrap();
        let visible = Stream::new(22).uniform(17, sizes[0], DType::F32, &Device::Cpu).unwrap();
        let stacks = [dbm.free().unwrap(), dbm.clamp(&visible).unwrap()];
        for stack in &stacks {
            let start = |layer: usize, units: usize| {
                sample_binary(
                    &Tensor::zeros((17, units), DType::F32, &Device::Cpu).unwrap(),
                    Stream::new(23).at(layer as u64),
                )
            };
            let states: Vec<Tensor> =
                stack.sizes().iter().enumerate().map(|(layer, &units)| start(layer, units).unwrap()).collect();
            for schedule in [Schedule::Ascending, Schedule::OddEven] {
                for reading in [Reading::Mean, Reading::Mode, Reading::Sample(Stream::new(24))] {
                    let fused = stack.sweeps(Swept::from_states(states.clone()), schedule, reading, 3).unwrap();
                    let composed = (0..3).fold(Swept::from_states(states.clone()), |swept, sweep| {
                        composed_sweep(stack, swept, schedule, reading.at(sweep)).unwrap()
                    });
                    for (fused, composed) in fused.inputs.iter().zip(&composed.inputs) {
                        let change = host(&(fused - composed).unwrap()).unwrap();
                        assert!(change.iter().all(|change| change.abs() < 1e-4), "{sizes:?} {schedule:?} {reading:?}");
                    }
                    for (fused, composed) in fused.states.iter().zip(&composed.states) {
                        let change = host(&(fused - composed).unwrap()).unwrap();
                        assert!(change.iter().all(|change| change.abs() < 1e-5), "{sizes:?} {schedule:?} {reading:?}");
                    }
                }
            }
        }
    }
}

#[test]
fn growing_inputs_gain_what_their_log_normalizers_gain() {
    for [rows, columns, _] in SHAPES {
        let (sent, own) = (values("sent", rows, columns), [values("before", 1, columns), values("after", 1, columns)]);
        let panels = own.each_ref().map(|own| Panels::from_rows(own, 1, columns));
        for (level, scale) in levels().into_iter().flat_map(|level| [(level, 1.0), (level, 60.0)]) {
            let shares = [0.25 * scale, 0.5 * scale];
            let mut inputs = Panels::from_rows(&sent, rows, columns);
            let found = heat(level, Heat { shares, own: [&panels[0], &panels[1]] }, &mut inputs);
            let softplus = |x: f64| x.max(0.0) + (-x.abs()).exp().ln_1p();
            for (row, found) in found.into_iter().enumerate() {
                let input = |at: usize, side: usize| {
                    f64::from(sent[row * columns + at]) * f64::from(shares[side]) + f64::from(own[side][at])
                };
                let gain = |at: usize| softplus(input(at, 1)) - softplus(input(at, 0));
                let expected: f64 = (0..columns).map(gain).sum();
                let rounding = 4.0 * f64::from(f32::EPSILON) * f64::from(scale) * (columns as f64).sqrt().max(2.0);
                assert!((found - expected).abs() < rounding.max(1e-6), "{level:?} {found} for {expected}");
            }
            let last = inputs.to_rows();
            for (at, x) in last.iter().enumerate() {
                let expected = f64::from(sent[at]) * f64::from(shares[1]) + f64::from(own[1][at % columns]);
                assert!((f64::from(*x) - expected).abs() <= f64::from(f32::EPSILON) * (f64::from(scale) + 1.0));
            }
        }
    }
}

#[test]
fn a_direction_is_followed_in_double_precision() {
    for [rows, columns, _] in SHAPES {
        let (states, direction) = (values("states", rows, columns), values("direction", 1, columns));
        let found = along(&Panels::from_rows(&states, rows, columns), &Panels::from_rows(&direction, 1, columns));
        for (row, found) in found.into_iter().enumerate() {
            let product = |at: usize| f64::from(states[row * columns + at]) * f64::from(direction[at]);
            let expected: f64 = (0..columns).map(product).sum();
            assert!((found - expected).abs() < 1e-12 * columns as f64);
        }
    }
}

#[test]
fn annealing_by_the_kernels_is_annealing_by_tensors() {
    for sizes in [vec![20, 9], vec![40, 33, 35], vec![9, 40, 5, 34]] {
        let dbm = Dbm::random(&sizes, 0.3, Stream::new(31), DType::F32, &Device::Cpu).unwrap();
        let twin = converted(&dbm, DType::F64);
        let means = Stream::new(32).uniform(1, sizes[0], DType::F32, &Device::Cpu).unwrap().squeeze(0).unwrap();
        for kept in [Half::Even, Half::Odd] {
            let settings = |means: Tensor| Annealing {
                temperatures: 20,
                spacing: Spacing::Uniform,
                chains: 33,
                kept: Some(kept),
                base_means: vec![means],
            };
            let weights = |dbm: &Dbm, means| {
                let path = Path::new(dbm, &settings(means)).unwrap();
                let chains = path.advance(path.start(33, Stream::new(33)).unwrap(), 20).unwrap();
                chains.log_weights
            };
            let (found, expected) = (weights(&dbm, means.clone()), weights(&twin, means.to_dtype(DType::F64).unwrap()));
            for (found, expected) in found.into_iter().zip(expected) {
                assert!((found - expected).abs() < 1e-4, "{sizes:?} {kept:?}: {found} for {expected}");
            }
        }
    }
}

#[test]
fn one_row_of_conditionals_serves_any_number_of_examples() {
    let dbm = Dbm::random(&[6, 5, 4], 0.4, Stream::new(51), DType::F64, &Device::Cpu).unwrap();
    let visible = Stream::new(52).uniform(1, 6, DType::F64, &Device::Cpu).unwrap();
    let one = dbm.clamp(&visible).unwrap();
    let rows = Tensor::new(&[2u32, 0, 1], &Device::Cpu).unwrap();
    let state = |units| Tensor::ones((3, units), DType::F64, &Device::Cpu).unwrap();
    let of = |stack: &Stack| host(&stack.log_joint(&[state(5), state(4)]).unwrap()).unwrap();
    assert_eq!(of(&one.select(&rows).unwrap()), of(&one));
}
