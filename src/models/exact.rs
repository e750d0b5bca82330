//! Exact sums over a stack: enumerate the smaller half of alternate layers, sum the others out unit by unit.
//!
//! Z = Σ_{x_G} exp(b_G · x_G) Π_{l ∉ G} Π_i Z_i(input_i(x_G)), where G is every other layer: 2^min(|even|, |odd|) terms.

use super::{Conditionals, Enumeration, Stack};
use crate::math::{DType, Layers, Nats, Result, Tensor, bail, log_sum_exp, sum_units};
use crate::posterior::{FreeLayer, Table};
use crate::units::Kind;

/// States summed in one go.
const CHUNK: u64 = 4096;

impl Stack {
    /// The alternate layers with fewer joint states, and the log2 of their number.
    fn smaller_half(&self) -> Result<(Vec<usize>, Enumeration)> {
        let half = |first: usize| {
            let layers: Vec<usize> = (first..self.depth()).step_by(2).collect();
            let sizes = self.sizes();
            let kinds: Vec<(&Kind, usize)> = layers.iter().map(|&l| (&self.units[l], sizes[l])).collect();
            Ok::<_, candle_core::Error>((layers, Enumeration::new(&kinds)?))
        };
        let (first, second) = (half(0)?, half(1)?);
        Ok(if first.1.bits() <= second.1.bits() { first } else { second })
    }

    /// log2 of the number of states an exact sum over this stack runs through.
    pub fn enumeration_bits(&self) -> Result<f64> {
        Ok(self.smaller_half()?.1.bits())
    }

    /// ln Σ_x p̃(x) of each example, nats: ln Z of a free stack, ln p̃(v) of a clamped one. Fails above `max_bits`.
    pub fn log_partition(&self, max_bits: f64) -> Result<Nats> {
        let (layers, states) = self.smaller_half_within(max_bits)?;
        let count = states.count()?;
        let mut totals = vec![Vec::new(); self.examples()?.max(self.offset.dim(0)?)];
        for from in (0..count).step_by(CHUNK as usize) {
            let chunk = states.chunk(from, CHUNK.min(count - from) as usize, self.dtype(), self.device())?;
            let tabulated = self.split(&layers, &chunk)?;
            let log_weights = self.log_weights(&tabulated, &self.free_layers(&tabulated)?)?.to_vec2::<f64>()?;
            for (example, total) in totals.iter_mut().enumerate() {
                total.push(log_sum_exp(&log_weights[if log_weights.len() == 1 { 0 } else { example }]));
            }
        }
        Ok(totals.iter().map(|chunks| log_sum_exp(chunks)).collect())
    }

    /// The exact distribution of each example and its log normaliser, nats. Fails above `max_bits`.
    pub fn tabulate(&self, max_bits: f64) -> Result<(Table, Nats)> {
        let (layers, states) = self.smaller_half_within(max_bits)?;
        let all = states.chunk(0, states.count()? as usize, self.dtype(), self.device())?;
        let tabulated = self.split(&layers, &all)?;
        let free = self.free_layers(&tabulated)?;
        let log_weights = self.log_weights(&tabulated, &free)?;
        Table::normalize(self.units.clone(), tabulated, free, &log_weights)
    }

    fn smaller_half_within(&self, max_bits: f64) -> Result<(Vec<usize>, Enumeration)> {
        let (layers, states) = self.smaller_half()?;
        if states.bits() > max_bits {
            bail!("an exact sum over 2^{:.0} states was asked for; the limit is 2^{max_bits:.0}", states.bits());
        }
        Ok((layers, states))
    }

    /// Joint states `[states, units]` cut into layers.
    fn split(&self, layers: &[usize], states: &Tensor) -> Result<Vec<(usize, Tensor)>> {
        let sizes = self.sizes();
        let mut from = 0;
        layers
            .iter()
            .map(|&layer| {
                let part = states.narrow(1, from, sizes[layer])?.contiguous()?;
                from += sizes[layer];
                Ok((layer, part))
            })
            .collect()
    }

    fn free_layers(&self, tabulated: &[(usize, Tensor)]) -> Result<Vec<FreeLayer>> {
        let rows = tabulated.first().map_or(Ok(1), |(_, states)| states.dim(0))?;
        let sizes = self.sizes();
        // Free layers have only tabulated neighbours, so what stands in their own place is never read.
        let mut states: Layers = sizes
            .iter()
            .map(|&units| Tensor::zeros((rows, units), self.dtype(), self.device()))
            .collect::<Result<_>>()?;
        for (layer, values) in tabulated {
            states[*layer] = values.clone();
        }
        (0..self.depth())
            .filter(|layer| tabulated.iter().all(|(other, _)| other != layer))
            .map(|layer| {
                let from_state = match self.from_neighbours(&states, layer)? {
                    Some(sent) => sent,
                    None => states[layer].clone(),
                };
                Ok(FreeLayer { layer, own: self.biases[layer].clone(), from_state })
            })
            .collect()
    }

    /// ln of the summed weight of each tabulated state, `[examples, states]`, `f64`.
    fn log_weights(&self, tabulated: &[(usize, Tensor)], free: &[FreeLayer]) -> Result<Tensor> {
        let double = |t: Tensor| t.to_dtype(DType::F64);
        let mut total = double(self.offset.clone())?.unsqueeze(1)?;
        for (layer, states) in tabulated {
            let base = double(sum_units(&self.units[*layer].log_base(states)?)?)?.unsqueeze(0)?;
            let own = double(self.biases[*layer].clone())?.matmul(&double(states.clone())?.t()?)?;
            total = total.broadcast_add(&base)?.broadcast_add(&own)?;
        }
        for layer in free {
            let kind = &self.units[layer.layer];
            let rows = (0..layer.own.dim(0)?)
                .map(|row| {
                    let input = layer.from_state.broadcast_add(&layer.own.narrow(0, row, 1)?)?;
                    double(kind.log_normalizer(&input)?)?.sum(1)
                })
                .collect::<Result<Vec<_>>>()?;
            total = total.broadcast_add(&Tensor::stack(&rows, 0)?)?;
        }
        Ok(total)
    }
}
