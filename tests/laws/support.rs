//! Small machines and their sums over all states in plain loops over `f64`, without the library's mathematics.

use dbm::inference::{Inference, Random};
use dbm::math::{DType, Device, Stream, Tensor, Weight, host};
use dbm::models::Dbm;
use dbm::posterior::Factorial;

/// A binary machine with normal weights and biases of these standard deviations, `f64`.
pub fn random_dbm(sizes: &[usize], weight_std: f64, bias_std: f64, seed: u64) -> Dbm {
    let normal = |name: &str, l: usize, rows: usize, columns: usize, std: f64| {
        let stream = Stream::new(seed).named(name).at(l as u64);
        (stream.normal(rows, columns, DType::F64, &Device::Cpu).unwrap() * std).unwrap()
    };
    let weights: Vec<Tensor> =
        sizes.windows(2).enumerate().map(|(l, n)| normal("weights", l, n[0], n[1], weight_std)).collect();
    let biases =
        sizes.iter().enumerate().map(|(l, &n)| normal("biases", l, 1, n, bias_std).squeeze(0).unwrap()).collect();
    Dbm::binary(weights, biases).unwrap()
}

/// The same numbers in another precision.
pub fn converted(dbm: &Dbm, dtype: DType) -> Dbm {
    let convert = |tensors: &[Tensor]| tensors.iter().map(|t| t.to_dtype(dtype).unwrap()).collect::<Vec<_>>();
    dbm.with_parameters(convert(&matrices(dbm.weights())), convert(&dbm.vectors())).unwrap()
}

/// Weights as tensors.
pub fn matrices(weights: &[Weight]) -> Vec<Tensor> {
    weights.iter().map(|weight| weight.tensor().unwrap()).collect()
}

/// A random q for each example, its inputs stretched by `scale`: 0 leaves means of one half, 20 saturates them.
pub fn random_q(dbm: &Dbm, visible: &Tensor, scale: f64, stream: Stream) -> Factorial {
    let q = Random.infer(dbm, visible, stream).unwrap().q;
    Factorial::from_inputs(q.units().to_vec(), q.inputs().iter().map(|input| (input * scale).unwrap()).collect())
}

/// Every vector of `n` zeros and ones; the first unit changes fastest.
pub fn all_states(n: usize) -> Vec<Vec<f64>> {
    (0..1_u64 << n).map(|index| (0..n).map(|unit| (index >> unit & 1) as f64).collect()).collect()
}

/// Rows as a tensor `[rows, columns]`, `f64`.
pub fn tensor(rows: &[Vec<f64>]) -> Tensor {
    Tensor::from_vec(rows.concat(), (rows.len(), rows[0].len()), &Device::Cpu).unwrap()
}

/// A tensor `[rows, columns]` as rows.
pub fn rows(tensor: &Tensor) -> Vec<Vec<f64>> {
    let (_, columns) = tensor.dims2().unwrap();
    host(tensor).unwrap().chunks(columns).map(<[f64]>::to_vec).collect()
}

/// Rows of all layers side by side, cut into one tensor per layer.
pub fn layers(rows: &[Vec<f64>], sizes: &[usize]) -> Vec<Tensor> {
    let starts = sizes.iter().scan(0, |next, n| Some(std::mem::replace(next, *next + n)));
    let cut = |from: usize, n: usize| tensor(&rows.iter().map(|row| row[from..from + n].to_vec()).collect::<Vec<_>>());
    starts.zip(sizes).map(|(from, &n)| cut(from, n)).collect()
}

/// The parameters of a machine as plain numbers, and the sums they define.
pub struct ByHand {
    pub sizes: Vec<usize>,
    /// `weights[l][i][j]` joins unit i of layer l and unit j of layer l + 1.
    pub weights: Vec<Vec<Vec<f64>>>,
    pub biases: Vec<Vec<f64>>,
}

impl ByHand {
    pub fn of(dbm: &Dbm) -> Self {
        Self {
            sizes: dbm.sizes(),
            weights: matrices(dbm.weights()).iter().map(rows).collect(),
            biases: dbm.biases().iter().map(|bias| host(bias).unwrap()).collect(),
        }
    }

    pub fn visible(&self) -> usize {
        self.sizes[0]
    }

    pub fn hidden(&self) -> usize {
        self.sizes[1..].iter().sum()
    }

    /// ln p̃ of values (states or probabilities) of all units, visible first.
    pub fn log_joint(&self, values: &[f64]) -> f64 {
        let (mut total, mut from) = (0.0, 0);
        for (l, &n) in self.sizes.iter().enumerate() {
            for i in 0..n {
                total += self.biases[l][i] * values[from + i];
                for j in 0..self.weights.get(l).map_or(0, |_| self.sizes[l + 1]) {
                    total += values[from + i] * self.weights[l][i][j] * values[from + n + j];
                }
            }
            from += n;
        }
        total
    }

    /// ln p̃(v, h) for every h in the order of [`all_states`].
    pub fn log_joints(&self, visible: &[f64]) -> Vec<f64> {
        all_states(self.hidden()).iter().map(|h| self.log_joint(&[visible, h].concat())).collect()
    }

    /// ln Σ over all states of all units.
    pub fn log_z(&self) -> f64 {
        let all = all_states(self.visible() + self.hidden());
        log_sum_exp(&all.iter().map(|state| self.log_joint(state)).collect::<Vec<_>>())
    }

    /// ln p̃(v).
    pub fn log_evidence(&self, visible: &[f64]) -> f64 {
        log_sum_exp(&self.log_joints(visible))
    }

    /// p(h | v) for every h in the order of [`all_states`].
    pub fn posterior(&self, visible: &[f64]) -> Vec<f64> {
        let (joints, evidence) = (self.log_joints(visible), self.log_evidence(visible));
        joints.iter().map(|joint| (joint - evidence).exp()).collect()
    }
}

/// Depths one to four, with layers of size one at the bottom, in the middle and at the top.
pub const SIZES: [&[usize]; 11] = [
    &[3, 4],
    &[1, 1],
    &[1, 5],
    &[5, 1],
    &[3, 4, 2],
    &[4, 1, 3],
    &[1, 1, 1],
    &[3, 2, 3, 2],
    &[2, 3, 1, 4],
    &[3, 2, 2, 3, 2],
    &[1, 1, 1, 1, 1],
];

/// Each size with small, ordinary and large weights.
pub fn machines() -> impl Iterator<Item = (String, Dbm, ByHand)> {
    SIZES.iter().enumerate().flat_map(|(index, sizes)| {
        [0.1, 1.0, 3.0].into_iter().map(move |std| {
            let dbm = random_dbm(sizes, std, std, index as u64);
            let by_hand = ByHand::of(&dbm);
            (format!("sizes {sizes:?}, weight std {std}"), dbm, by_hand)
        })
    })
}

/// ln Σ exp(x).
pub fn log_sum_exp(values: &[f64]) -> f64 {
    let largest = values.iter().copied().fold(f64::MIN, f64::max);
    largest + values.iter().map(|x| (x - largest).exp()).sum::<f64>().ln()
}

/// Fails unless the two differ by at most `tolerance`; a NaN always fails.
#[track_caller]
pub fn assert_close(what: &str, found: f64, expected: f64, tolerance: f64) {
    let difference = (found - expected).abs();
    assert!(
        difference <= tolerance || found == expected,
        "{what}: found {found:e}, expected {expected:e}; they differ by {difference:e}, more than {tolerance:e}"
    );
}

/// [`assert_close`] of each pair.
#[track_caller]
pub fn assert_all_close(what: &str, found: &[f64], expected: &[f64], tolerance: f64) {
    assert_eq!(found.len(), expected.len(), "{what}: number of values");
    for (index, (&found, &expected)) in found.iter().zip(expected).enumerate() {
        assert_close(&format!("{what} [{index}]"), found, expected, tolerance);
    }
}
