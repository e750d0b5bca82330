//! A machine between independent units and itself: at β it has weights β W and biases (1 - β) a + β b, as on the path of annealing.
//!
//! ln p̃_β = (1 - β) ln p̃_0 + β ln p̃_1, so two temperatures differ by how much more likely a state is under the machine than under the
//! independent units (`log_ratio_to`), times the difference of their β.

use super::fused::Fused;
use super::{Conditionals, Reading, Schedule, Stack, Swept, composed_sweep};
use crate::math::{Layers, Nats, Result, Stream, Tensor, bail, host, inner};

/// A stack at one inverse temperature.
#[derive(Clone, Debug)]
pub struct Heated {
    /// The inverse temperature β, from 0 (independent units) to 1 (the machine).
    pub share: f64,
    /// The biases at β, and the weights at 1: kernels scale what the neighbours send.
    stack: Stack,
}

impl Heated {
    /// `stack` at β = `share`, on the way from units of inputs `base` `[1, units]` each.
    pub fn new(stack: &Stack, base: &[Tensor], share: f64) -> Result<Self> {
        let fits = |(bias, base): (&Tensor, &Tensor)| bias.dims() == base.dims();
        if base.len() != stack.depth() || !stack.biases.iter().zip(base).all(fits) {
            bail!("base inputs of {} layers do not fit a machine of {} layers", base.len(), stack.depth());
        }
        let biases = stack.biases.iter().zip(base).map(|(bias, base)| (base * (1.0 - share))? + (bias * share)?);
        Ok(Self { share, stack: Stack { biases: biases.collect::<Result<_>>()?, ..stack.clone() } })
    }

    /// One sweep of block Gibbs over states `[chains, units]`: even layers given odd, then odd given even.
    pub fn sweep(&self, states: Layers, stream: Stream) -> Result<Layers> {
        let (schedule, reading) = (Schedule::OddEven, Reading::Sample(stream));
        let start = Swept::from_states(states);
        Ok(match Fused::new(&self.stack, &start, schedule, reading)? {
            Some(fused) => fused.heated(self.share).run(schedule, std::iter::once(reading))?.states,
            None => composed_sweep(&self.scaled()?, start, schedule, reading)?.states,
        })
    }

    /// With the weights at β, for what the kernels do not serve.
    fn scaled(&self) -> Result<Stack> {
        let weights = self.stack.weights.iter().map(|weight| Ok((weight.tensor()? * self.share)?.into()));
        Ok(Stack { weights: weights.collect::<Result<_>>()?, ..self.stack.clone() })
    }
}

impl Stack {
    /// ln p̃_1 - ln p̃_0 of states `[chains, units]`, where p̃_0 are independent units of inputs `base` `[1, units]`: nats, summed in `f64`
    /// over inputs in the machine's own precision.
    pub fn log_ratio_to(&self, base: &[Tensor], states: &[Tensor]) -> Result<Nats> {
        let mut total = vec![0.0; states.first().map_or(Ok(0), |states| states.dim(0))?];
        let mut add = |nats: &Tensor| -> Result<()> {
            total.iter_mut().zip(host(nats)?).for_each(|(total, nats)| *total += nats);
            Ok(())
        };
        for (layer, state) in states.iter().enumerate() {
            add(&inner(state, &(&self.biases[layer] - &base[layer])?)?)?;
            // Every coupling has one end in an odd layer.
            if layer % 2 == 1
                && let Some(sent) = self.from_neighbours(states, layer)?
            {
                add(&inner(state, &sent)?)?;
            }
        }
        Ok(total)
    }

    /// States `[chains, units]` read as expectations: odd layers by their means given the even ones, which have the same expectation
    /// as the states and less noise.
    pub fn expectations(&self, states: &[Tensor]) -> Result<Layers> {
        let mut layers = states.to_vec();
        for layer in (1..layers.len()).step_by(2) {
            layers[layer] = self.units[layer].mean(&self.input(states, layer)?)?;
        }
        Ok(layers)
    }
}
