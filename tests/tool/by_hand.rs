//! Small machines computed by hand: plain sums over all states, with no code of the program's own.

use candle_core::{Device, Tensor};
use dbm::experiment::model_file::to_bytes;

pub type Matrix = Vec<Vec<f64>>;
/// One vector per hidden layer, bottom first.
pub type Means = Vec<Vec<f64>>;

/// A machine and its inference network; `weights[l][i][j]` couples unit i of layer l with unit j of layer l + 1.
#[derive(Clone)]
pub struct Machine {
    pub weights: Vec<Matrix>,
    pub biases: Vec<Vec<f64>>,
    pub recognition_weights: Vec<Matrix>,
    pub recognition_biases: Vec<Vec<f64>>,
}

/// Numbers in [-1, 1) without pattern (a linear congruence, high bits).
pub fn scatter(seed: u64) -> impl FnMut() -> f64 {
    let mut state = seed.wrapping_mul(2) | 1;
    move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 11) as f64 / (1u64 << 52) as f64 - 1.0
    }
}

impl Machine {
    pub fn random(sizes: &[usize], scale: f64, seed: u64) -> Self {
        let mut draw = scatter(seed);
        let mut vector = |n: usize| (0..n).map(|_| scale * draw()).collect::<Vec<f64>>();
        let biases = sizes.iter().map(|&n| vector(n)).collect();
        let recognition_biases = sizes[1..].iter().map(|&n| vector(n)).collect();
        let mut matrices =
            || sizes.windows(2).map(|pair| (0..pair[0]).map(|_| vector(pair[1])).collect()).collect::<Vec<Matrix>>();
        Self { weights: matrices(), recognition_weights: matrices(), biases, recognition_biases }
    }

    /// The tensors of a model file.
    pub fn tensors(&self) -> Vec<(String, Tensor)> {
        let cpu = Device::Cpu;
        let mut tensors = Vec::new();
        for l in 0..self.weights.len() {
            let matrix = |rows: &Matrix| Tensor::new(rows.clone(), &cpu).unwrap();
            tensors.push((format!("layers.{l}.weight"), matrix(&self.weights[l])));
            tensors.push((format!("recognition.{l}.weight"), matrix(&self.recognition_weights[l])));
            let bias = Tensor::new(self.recognition_biases[l].clone(), &cpu).unwrap();
            tensors.push((format!("recognition.{l}.bias"), bias));
        }
        for (l, bias) in self.biases.iter().enumerate() {
            tensors.push((format!("bias.{l}"), Tensor::new(bias.clone(), &cpu).unwrap()));
        }
        tensors
    }

    pub fn file(&self) -> Vec<u8> {
        to_bytes(&self.tensors(), None).unwrap()
    }

    /// ln p̃ of one state of all layers, or its mean under a factorial q with these means.
    fn log_joint(&self, layers: &[&[f64]]) -> f64 {
        let biases: f64 = layers.iter().zip(&self.biases).map(|(layer, bias)| dot(layer, bias)).sum();
        let pairs = self.weights.iter().zip(layers.windows(2));
        biases + pairs.map(|(weight, pair)| dot(pair[0], &times(weight, pair[1]))).sum::<f64>()
    }

    fn with<'a>(visible: &'a [f64], hidden: &'a [Vec<f64>]) -> Vec<&'a [f64]> {
        std::iter::once(visible).chain(hidden.iter().map(Vec::as_slice)).collect()
    }

    /// Every state of the hidden layers.
    fn hidden_states(&self) -> Vec<Means> {
        let sizes: Vec<usize> = self.biases[1..].iter().map(Vec::len).collect();
        states(sizes.iter().sum()).into_iter().map(|state| cut(&state, &sizes)).collect()
    }

    /// ln p̃(v): the sum over hidden states.
    pub fn log_evidence(&self, visible: &[f64]) -> f64 {
        log_sum(self.hidden_states().iter().map(|hidden| self.log_joint(&Self::with(visible, hidden))))
    }

    /// ln Z: the sum over visible states too.
    pub fn log_partition(&self) -> f64 {
        log_sum(states(self.biases[0].len()).iter().map(|visible| self.log_evidence(visible)))
    }

    /// E[h | v].
    pub fn posterior_means(&self, visible: &[f64]) -> Means {
        let evidence = self.log_evidence(visible);
        let mut means: Means = self.biases[1..].iter().map(|bias| vec![0.0; bias.len()]).collect();
        for hidden in self.hidden_states() {
            let p = (self.log_joint(&Self::with(visible, &hidden)) - evidence).exp();
            means.iter_mut().flatten().zip(hidden.iter().flatten()).for_each(|(mean, state)| *mean += p * state);
        }
        means
    }

    /// E_q[ln p̃(v, h)] + H(q) of a factorial q.
    pub fn elbo_unnormalized(&self, visible: &[f64], means: &Means) -> f64 {
        self.log_joint(&Self::with(visible, means)) + means.iter().flatten().map(|&mean| entropy(mean)).sum::<f64>()
    }

    /// One pass upwards: weights into every layer but the top one count twice.
    pub fn network(&self, visible: &[f64]) -> Means {
        let (mut below, mut means, top) = (visible.to_vec(), Means::new(), self.weights.len() - 1);
        for (l, (weight, bias)) in self.recognition_weights.iter().zip(&self.recognition_biases).enumerate() {
            let gain = if l == top { 1.0 } else { 2.0 };
            below = bias.iter().enumerate().map(|(j, b)| sigmoid(gain * column(&below, weight, j) + b)).collect();
            means.push(below.clone());
        }
        means
    }

    /// Mean-field sweeps, layer after layer from the bottom.
    pub fn mean_field(&self, visible: &[f64], mut means: Means, sweeps: usize) -> Means {
        for _ in 0..sweeps {
            for l in 0..means.len() {
                let below = if l == 0 { visible } else { &means[l - 1] };
                let above = means.get(l + 1).map(|above| times(&self.weights[l + 1], above));
                let input = |j: usize| {
                    column(below, &self.weights[l], j) + above.as_ref().map_or(0.0, |a| a[j]) + self.biases[l + 1][j]
                };
                means[l] = (0..means[l].len()).map(|j| sigmoid(input(j))).collect();
            }
        }
        means
    }

    pub fn half(&self) -> Means {
        self.biases[1..].iter().map(|bias| vec![0.5; bias.len()]).collect()
    }

    /// Mean absolute difference to E[h | v] over all hidden units.
    pub fn marginal_error(&self, visible: &[f64], means: &Means) -> f64 {
        let exact = self.posterior_means(visible);
        let errors: Vec<f64> =
            exact.iter().flatten().zip(means.iter().flatten()).map(|(exact, mean)| (exact - mean).abs()).collect();
        errors.iter().sum::<f64>() / errors.len() as f64
    }
}

fn states(units: usize) -> Vec<Vec<f64>> {
    (0..1u32 << units).map(|state| (0..units).map(|unit| f64::from(state >> unit & 1)).collect()).collect()
}

fn cut(state: &[f64], sizes: &[usize]) -> Means {
    let mut rest = state;
    sizes.iter().map(|&size| rest.split_off(..size).unwrap().to_vec()).collect()
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn times(matrix: &Matrix, vector: &[f64]) -> Vec<f64> {
    matrix.iter().map(|row| dot(row, vector)).collect()
}

fn column(vector: &[f64], matrix: &Matrix, j: usize) -> f64 {
    vector.iter().zip(matrix).map(|(value, row)| value * row[j]).sum()
}

fn sigmoid(input: f64) -> f64 {
    1.0 / (1.0 + (-input).exp())
}

fn entropy(mean: f64) -> f64 {
    let term = |p: f64| if p > 0.0 { -p * p.ln() } else { 0.0 };
    term(mean) + term(1.0 - mean)
}

fn log_sum(logs: impl Iterator<Item = f64>) -> f64 {
    let logs: Vec<f64> = logs.collect();
    let largest = logs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    largest + logs.iter().map(|log| (log - largest).exp()).sum::<f64>().ln()
}
