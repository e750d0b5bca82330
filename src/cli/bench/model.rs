//! Models and data of the workloads, and those of the check, which any language can rebuild bit for bit.

use crate::experiment::config::{Experiment, Source, Train, memory};
use crate::math::{DType, Device, Result, Stream, Tensor};
use crate::models::Dbm;
use std::str::FromStr;

/// Units per layer, visible first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sizes(pub Vec<usize>);

/// Training examples that batches walk through.
pub const EXAMPLES: usize = 10_000;

impl Sizes {
    /// Refuses sizes that do not fit into memory.
    pub fn affordable(&self, batch: usize) -> crate::experiment::Result<()> {
        let mut experiment = Experiment::new("bench", Source::Digits {}, self.0[1..].to_vec());
        experiment.train = Some(Train { batch_size: batch, ..Train::default() });
        // Draws and what they decide, on the way to states.
        let bytes = EXAMPLES.saturating_mul(self.0[0]).saturating_mul(9);
        let extent = memory::Extent { visible: self.0[0], train: EXAMPLES, held_out: 1, bytes };
        let found = memory::too_large(&experiment, Some(extent)).map(|(setting, message, _)| match setting.as_str() {
            "train.batch_size" => ("--batch".into(), message, "use smaller batches, or fewer units in --sizes"),
            _ => ("--sizes".into(), message, "use fewer units"),
        });
        memory::refuse(found)
    }
}

impl FromStr for Sizes {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Self, String> {
        let sizes = text.split(',').map(|size| size.trim().parse().ok().filter(|size| (1..=100_000).contains(size)));
        match sizes.collect::<Option<Vec<usize>>>() {
            Some(sizes) if sizes.len() > 1 => Ok(Self(sizes)),
            _ => Err("expected the units of two or more layers, as in 784,500,1000".into()),
        }
    }
}

/// Small random weights, visible biases at the rates of the data.
pub fn model(sizes: &Sizes, device: &Device) -> Result<Dbm> {
    let dbm = Dbm::random(&sizes.0, 0.05, Stream::new(1).named("model"), DType::F32, device)?;
    let log_odds: Vec<f32> = rates(sizes.0[0]).iter().map(|rate| (rate / (1.0 - rate)).ln() as f32).collect();
    let mut biases = dbm.biases().to_vec();
    biases[0] = Tensor::new(log_odds, device)?;
    dbm.with_parameters(dbm.weights().to_vec(), biases)
}

/// Binary images of which about 18 % of the pixels are on, most in the middle, `[examples, visible]`.
pub fn data(examples: usize, visible: usize) -> Result<Tensor> {
    let uniform = Stream::new(1).named("data").uniform(examples, visible, DType::F32, &Device::Cpu)?;
    let rates = Tensor::new(rates(visible), &Device::Cpu)?.to_dtype(DType::F32)?.unsqueeze(0)?;
    uniform.broadcast_lt(&rates)?.to_dtype(DType::F32)
}

/// Share of the examples in which each pixel is on.
fn rates(visible: usize) -> Vec<f64> {
    let place = |at: usize| 2.0 * at as f64 / 27.0 - 1.0;
    (0..visible)
        .map(|pixel| {
            let (y, x) = (place(pixel % 784 / 28), place(pixel % 28));
            0.75 * (-3.0 * (x * x + y * y)).exp()
        })
        .map(|rate| rate.clamp(1e-3, 1.0 - 1e-3))
        .collect()
}

/// The machine of the check.
pub fn check_model(sizes: &Sizes, device: &Device) -> Result<Dbm> {
    let tensor = |rows: usize, columns: usize, salt: u64, shape: fn(f64) -> f64| {
        Tensor::from_vec(
            grid(rows, columns, salt).into_iter().map(|u| shape(u) as f32).collect(),
            (rows, columns),
            device,
        )
    };
    let weights = sizes.0.windows(2).zip(1..);
    let weights =
        weights.map(|(pair, salt)| tensor(pair[0], pair[1], salt, |u| (u - 0.5) * 0.4)).collect::<Result<_>>()?;
    let biases = sizes.0.iter().enumerate().map(|(layer, &units)| {
        let shape: fn(f64) -> f64 = if layer == 0 { |u| (u - 0.5) * 2.0 - 1.0 } else { |u| u - 0.5 };
        tensor(1, units, 3 + layer as u64, shape)?.squeeze(0)
    });
    Dbm::binary(weights, biases.collect::<Result<_>>()?)
}

/// The examples of the check, `[examples, visible]`.
pub fn check_data(examples: usize, visible: usize, device: &Device) -> Result<Tensor> {
    let values = grid(examples, visible, 6).into_iter().map(|u| f32::from(u8::from(u < 0.2))).collect();
    Tensor::from_vec(values, (examples, visible), device)
}

/// Numbers in [0, 1) by an integer hash of row, column and salt.
fn grid(rows: usize, columns: usize, salt: u64) -> Vec<f64> {
    let hash = |row: usize, column: usize| {
        let mixed = (row as u64 * 73_856_093) ^ (column as u64 * 19_349_663) ^ salt;
        let mut word = mixed.wrapping_mul(2_654_435_761) & 0xFFFF_FFFF;
        word ^= word >> 15;
        word = word.wrapping_mul(2_246_822_519) & 0xFFFF_FFFF;
        word ^= word >> 13;
        word as f64 / 4_294_967_296.0
    };
    (0..rows).flat_map(|row| (0..columns).map(move |column| hash(row, column))).collect()
}
