//! Rates of the kernels one by one, at every level this processor has: `cargo bench --bench kernels [-- FILTER]`.
//!
//! Names are kernel/rows x below x above/level. Criterion's elements are floating-point operations of a product, else values.

use criterion::{BenchmarkId, Criterion, SamplingMode, Throughput};
use dbm::math::kernels::{
    Blocks, Heat, Level, Outer, Own, Panels, Read, Source, Step, Towards, along, ascend, heat, inputs, means, outer,
    read, read_off,
};
use dbm::math::{DType, Device, Stream, host};
use std::hint::black_box;
use std::time::Duration;

/// Rows, units of the lower layer, units of the upper layer.
const SIZES: [[usize; 3]; 3] = [[64, 64, 64], [100, 784, 500], [100, 500, 1000]];

const SAMPLE: Read = Read::Sample { key: [1, 2], first_row: 0 };

/// What is counted, and one call.
type Kernel = (&'static str, fn(&Pair) -> usize, fn(Level, &mut Pair));

const AT_EVERY_LEVEL: [Kernel; 12] = [
    ("read mean", Pair::operations, |level, pair| pair.read(level, Read::Mean)),
    ("read sample", Pair::operations, |level, pair| pair.read(level, SAMPLE)),
    ("read mode", Pair::operations, |level, pair| pair.read(level, Read::Mode)),
    ("inputs", Pair::operations, |level, pair| {
        let source = Source { states: &pair.below, weights: &pair.blocks, towards: Towards::Above };
        inputs(level, Own::Same(&pair.bias), 1.0, &[source], &mut pair.inputs);
    }),
    ("inputs downwards", Pair::operations, |level, pair| {
        let source = Source { states: &pair.above, weights: &pair.blocks, towards: Towards::Below };
        inputs(level, Own::Same(&pair.bias_below), 1.0, &[source], &mut pair.inputs_below);
    }),
    ("read off sample", Pair::upper, |level, pair| read_off(level, SAMPLE, &pair.inputs, &mut pair.states)),
    ("means", Pair::upper, |level, pair| means(level, &mut pair.values)),
    ("inputs, a fifth on", Pair::operations, |level, pair| {
        let source = Source { states: &pair.lit, weights: &pair.blocks, towards: Towards::Above };
        inputs(level, Own::Same(&pair.bias), 1.0, &[source], &mut pair.inputs);
    }),
    ("outer, a fifth on", Pair::operations, |level, pair| {
        let product = Outer { below: &pair.lit, above: &pair.above, share: 1.0 };
        black_box(outer(level, &[product]));
    }),
    ("outer", Pair::operations, |level, pair| drop(black_box(outer(level, &[pair.product()])))),
    ("ascend", Pair::operations, |level, pair| {
        let by = Step { momentum: 0.9, rate: 1e-3, pull: 2e-7 };
        let product = Outer { below: &pair.below, above: &pair.above, share: 0.01 };
        ascend(level, &[product], by, &mut pair.blocks, &mut pair.last);
    }),
    ("heat", Pair::upper, |level, pair| {
        // Inputs of one half and the bias settle, however often it is called.
        let gain = Heat { shares: [0.4, 0.5], own: [&pair.bias, &pair.bias] };
        black_box(heat(level, gain, &mut pair.inputs));
    }),
];

const AT_ONE_LEVEL: [Kernel; 4] = [
    ("along", Pair::upper, |_, pair| drop(black_box(along(&pair.above, &pair.bias)))),
    ("pack", Pair::weights, |_, pair| {
        black_box(Blocks::pack(&pair.weights, pair.below.columns(), pair.above.columns()));
    }),
    ("panels from rows", Pair::upper, |_, pair| {
        black_box(Panels::from_rows(&pair.values, pair.above.rows(), pair.above.columns()));
    }),
    ("panels to rows", Pair::upper, |_, pair| drop(black_box(pair.above.to_rows()))),
];

/// Two layers and what lies between them.
struct Pair {
    below: Panels,
    /// States of the lower layer, a fifth of them 1.
    lit: Panels,
    above: Panels,
    weights: Vec<f32>,
    blocks: Blocks,
    last: Blocks,
    bias: Panels,
    bias_below: Panels,
    inputs: Panels,
    inputs_below: Panels,
    states: Panels,
    values: Vec<f32>,
}

impl Pair {
    fn new([rows, below, above]: [usize; 3]) -> Self {
        let weights = values("weights", below, above);
        let panels = |name, rows, columns| Panels::from_rows(&values(name, rows, columns), rows, columns);
        Self {
            below: panels("below", rows, below),
            lit: {
                let draws = values("lit", rows, below);
                let states: Vec<f32> = draws.iter().map(|&draw| f32::from(u8::from(draw < 0.2))).collect();
                Panels::from_rows(&states, rows, below)
            },
            above: panels("above", rows, above),
            blocks: Blocks::pack(&weights, below, above),
            last: Blocks::pack(&values("last", below, above), below, above),
            bias: panels("bias", 1, above),
            bias_below: panels("bias below", 1, below),
            inputs: panels("inputs", rows, above),
            inputs_below: Panels::zeros(rows, below),
            states: Panels::zeros(rows, above),
            values: values("values", rows, above),
            weights,
        }
    }

    fn read(&mut self, level: Level, what: Read) {
        let source = Source { states: &self.below, weights: &self.blocks, towards: Towards::Above };
        read(level, Own::Same(&self.bias), 1.0, &[source], what, &mut self.inputs, &mut self.states);
    }

    fn product(&self) -> Outer<'_> {
        Outer { below: &self.below, above: &self.above, share: 1.0 }
    }

    /// Floating-point operations of a product.
    fn operations(&self) -> usize {
        2 * self.below.rows() * self.weights()
    }

    fn weights(&self) -> usize {
        self.weights.len()
    }

    /// Values of the upper layer.
    fn upper(&self) -> usize {
        self.values.len()
    }
}

/// Numbers in (0, 1) row by row.
fn values(name: &str, rows: usize, columns: usize) -> Vec<f32> {
    let uniform = Stream::new(1).named(name).uniform(rows, columns, DType::F32, &Device::Cpu);
    uniform.and_then(|uniform| host(&uniform)).expect("draws").into_iter().map(|value| value as f32).collect()
}

fn kernels(criterion: &mut Criterion) {
    let levels: Vec<Level> = Level::ALL.into_iter().filter(|level| level.is_available()).collect();
    let leveled = AT_EVERY_LEVEL.map(|kernel| (kernel, levels.clone()));
    let others = AT_ONE_LEVEL.map(|kernel| (kernel, vec![Level::best()]));
    for ((name, count, run), levels) in leveled.into_iter().chain(others) {
        let mut group = criterion.benchmark_group(name);
        group.sampling_mode(SamplingMode::Flat).sample_size(10);
        group.warm_up_time(Duration::from_millis(100)).measurement_time(Duration::from_millis(500));
        for size in SIZES {
            let mut pair = Pair::new(size);
            group.throughput(Throughput::Elements(count(&pair) as u64));
            for level in &levels {
                let id = BenchmarkId::new(size.map(|units| units.to_string()).join("x"), format!("{level:?}"));
                group.bench_function(id, |bencher| bencher.iter(|| run(*level, black_box(&mut pair))));
            }
        }
    }
}

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    kernels(&mut criterion);
    criterion.final_summary();
}
