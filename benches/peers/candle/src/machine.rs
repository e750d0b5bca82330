//! A deep Boltzmann machine as one would first write it with candle's tensors: nothing hoisted, nothing fused.

use candle_core::{DType, Device, Result, Tensor};
use candle_nn::ops::sigmoid;

pub const CHAINS: usize = 100;
const TEMPERATURES: usize = 1000;
const LEARNING_RATE: f64 = 1e-3;
const MOMENTUM: f64 = 0.9;
const WEIGHT_DECAY: f64 = 2e-4;

/// Weights `[lower, upper]`, biases, their momenta, and the states of persistent chains, visible layer first.
pub struct Machine {
    pub weights: Vec<Tensor>,
    pub biases: Vec<Tensor>,
    momenta: [Vec<Tensor>; 2],
    pub chains: Vec<Tensor>,
}

fn zeros_like(tensors: &[Tensor]) -> Result<Vec<Tensor>> {
    tensors.iter().map(Tensor::zeros_like).collect()
}

/// 1 with these probabilities, else 0.
fn bernoulli(probabilities: &Tensor) -> Result<Tensor> {
    probabilities.rand_like(0.0, 1.0)?.lt(probabilities)?.to_dtype(DType::F32)
}

/// ln(1 + e^x); the inputs of these machines are far from where it overflows.
fn softplus(x: &Tensor) -> Result<Tensor> {
    (x.exp()? + 1.0)?.log()
}

/// Mean of belowᵀ above over rows.
pub fn statistics(below: &Tensor, above: &Tensor) -> Result<Tensor> {
    below.t()?.matmul(above)? / below.dim(0)? as f64
}

impl Machine {
    pub fn new(weights: Vec<Tensor>, biases: Vec<Tensor>) -> Result<Self> {
        let momenta = [zeros_like(&weights)?, zeros_like(&biases)?];
        let chains = |bias: &Tensor| Tensor::zeros((CHAINS, bias.elem_count()), DType::F32, &Device::Cpu);
        let chains = biases.iter().map(chains).collect::<Result<_>>()?;
        Ok(Self { weights, biases, momenta, chains })
    }

    /// What the neighbours send to a layer, and its bias.
    fn input(&self, layers: &[Tensor], layer: usize) -> Result<Tensor> {
        let below = layer.checked_sub(1).map(|below| layers[below].matmul(&self.weights[below]));
        let above = layers.get(layer + 1).map(|above| above.matmul(&self.weights[layer].t()?));
        let sent = match (below, above) {
            (Some(below), Some(above)) => (below? + above?)?,
            (Some(sent), None) | (None, Some(sent)) => sent?,
            (None, None) => candle_core::bail!("a machine of one layer"),
        };
        sent.broadcast_add(&self.biases[layer])
    }

    /// The examples and the means of the hidden layers after sweeps from one half.
    pub fn mean_field(&self, examples: &Tensor, sweeps: usize) -> Result<Vec<Tensor>> {
        let mut layers = vec![examples.clone()];
        for bias in &self.biases[1..] {
            layers.push(Tensor::full(0.5_f32, (examples.dim(0)?, bias.elem_count()), &Device::Cpu)?);
        }
        for _ in 0..sweeps {
            for layer in 1..layers.len() {
                layers[layer] = sigmoid(&self.input(&layers, layer)?)?;
            }
        }
        Ok(layers)
    }

    /// Gibbs sweeps: even layers, then odd ones.
    pub fn sweep(&mut self, sweeps: usize) -> Result<()> {
        for _ in 0..sweeps {
            for layer in (0..self.chains.len()).step_by(2).chain((1..self.chains.len()).step_by(2)) {
                self.chains[layer] = bernoulli(&sigmoid(&self.input(&self.chains, layer)?)?)?;
            }
        }
        Ok(())
    }

    /// A training step.
    pub fn step(&mut self, examples: &Tensor, mean_field: usize, gibbs: usize) -> Result<()> {
        let data = self.mean_field(examples, mean_field)?;
        self.sweep(gibbs)?;
        for pair in 0..self.weights.len() {
            let [data, chains] = [&data, &self.chains].map(|layers| statistics(&layers[pair], &layers[pair + 1]));
            let gradient = ((data? - chains?)? - (&self.weights[pair] * WEIGHT_DECAY)?)?;
            climb(&mut self.weights[pair], &mut self.momenta[0][pair], &gradient)?;
        }
        for layer in 0..self.biases.len() {
            let gradient = (data[layer].mean(0)? - self.chains[layer].mean(0)?)?;
            climb(&mut self.biases[layer], &mut self.momenta[1][layer], &gradient)?;
        }
        Ok(())
    }

    /// Log weights of annealed importance sampling, `[chains]`, nats; the odd layers are kept, the even ones summed out.
    pub fn anneal(&self) -> Result<Tensor> {
        let half = |layer: &Tensor| bernoulli(&Tensor::full(0.5_f32, layer.shape(), &Device::Cpu)?);
        let mut layers = self.chains.iter().map(half).collect::<Result<Vec<_>>>()?;
        let units: usize = self.biases.iter().map(Tensor::elem_count).sum();
        let mut weights = Tensor::full(units as f32 * 2_f32.ln(), CHAINS, &Device::Cpu)?;
        for temperature in 0..TEMPERATURES {
            let [before, beta] = [temperature, temperature + 1].map(|at| at as f64 / TEMPERATURES as f64);
            for layer in (1..layers.len()).step_by(2) {
                let gain = layers[layer].broadcast_mul(&self.biases[layer])?.sum(1)?;
                weights = (weights + (gain * (beta - before))?)?;
            }
            for layer in (0..layers.len()).step_by(2) {
                let input = self.input(&layers, layer)?;
                let gain = (softplus(&(&input * beta)?)? - softplus(&(&input * before)?)?)?;
                weights = (weights + gain.sum(1)?)?;
                layers[layer] = bernoulli(&sigmoid(&(input * beta)?)?)?;
            }
            for layer in (1..layers.len()).step_by(2) {
                layers[layer] = bernoulli(&sigmoid(&(self.input(&layers, layer)? * beta)?)?)?;
            }
        }
        Ok(weights)
    }
}

/// A step with momentum.
fn climb(parameter: &mut Tensor, momentum: &mut Tensor, gradient: &Tensor) -> Result<()> {
    *momentum = ((&*momentum * MOMENTUM)? + (gradient * LEARNING_RATE)?)?;
    *parameter = (&*parameter + &*momentum)?;
    Ok(())
}
