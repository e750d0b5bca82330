//! Exact sums over a stack: enumerate the smaller half of alternate layers, sum the others out unit by unit.
//!
//! Z = Σ_{x_G} exp(b_G · x_G) Π_{l ∉ G} Π_i Z_i(input_i(x_G)), where G is every other layer: 2^min(|even|, |odd|) terms. All of it
//! is worked out in `f64`, whatever the precision of the machine.

use super::{Conditionals, Enumeration, Stack};
use crate::math::{DType, Device, Layers, Nats, Result, Stream, Tensor, bail, host, log_sum_exp, sum_units};
use crate::posterior::{FreeLayer, Table};
use crate::units::Kind;

/// States summed in one go.
const CHUNK: u64 = 4096;

/// Σ over units of ln Σ_state exp(state · input + log base), `[states]`.
fn summed_out(kind: &Kind, input: &Tensor) -> Result<Tensor> {
    kind.total_log_normalizer(input)
}

impl Stack {
    /// The alternate layers with fewer joint states, and the log2 of their number.
    pub(super) fn smaller_half(&self) -> Result<(Vec<usize>, Enumeration)> {
        let half = |first: usize| -> Result<_> {
            let layers: Vec<usize> = (first..self.depth()).step_by(2).collect();
            let sizes = self.sizes();
            let kinds: Vec<(&Kind, usize)> = layers.iter().map(|&l| (&self.units[l], sizes[l])).collect();
            Ok((layers, Enumeration::new(&kinds)?))
        };
        // A half with real-valued units can only be summed out.
        let (first, second) = match (half(0), half(1)) {
            (Ok(first), Ok(second)) => (first, second),
            (Ok(only), Err(_)) | (Err(_), Ok(only)) => return Ok(only),
            (Err(error), Err(_)) => return Err(error),
        };
        Ok(if first.1.bits() <= second.1.bits() { first } else { second })
    }

    /// log2 of the number of states an exact sum over this stack runs through.
    pub fn enumeration_bits(&self) -> Result<f64> {
        Ok(self.smaller_half()?.1.bits())
    }

    /// ln Σ_x p̃(x) of each example, nats: ln Z of a free stack, ln p̃(v) of a clamped one. Fails above `max_bits`.
    pub fn log_partition(&self, max_bits: f64) -> Result<Nats> {
        let mut chunks = vec![Vec::new(); self.examples()?.max(self.offset()?.dim(0)?)];
        for chunk in 0..self.enumeration_chunks(max_bits)? {
            let of_chunk = self.log_partition_of_chunk(chunk)?;
            chunks.iter_mut().zip(of_chunk).for_each(|(chunks, nats)| chunks.push(nats));
        }
        Ok(chunks.iter().map(|chunks| log_sum_exp(chunks)).collect())
    }

    /// Chunks of states that an exact sum runs through. Fails above `max_bits`.
    pub fn enumeration_chunks(&self, max_bits: f64) -> Result<u64> {
        Ok(self.smaller_half_within(max_bits)?.1.count()?.div_ceil(CHUNK))
    }

    /// ln of what one chunk of the states adds to the sum of each example, nats.
    pub fn log_partition_of_chunk(&self, chunk: u64) -> Result<Nats> {
        let log_weights = self.log_weights_of_chunk(chunk)?.to_vec2::<f64>()?;
        Ok(log_weights.iter().map(|row| log_sum_exp(row)).collect())
    }

    /// ln of the weight of each state of a chunk, `[examples, states]`, nats.
    fn log_weights_of_chunk(&self, chunk: u64) -> Result<Tensor> {
        let (layers, states) = self.smaller_half()?;
        let from = chunk * CHUNK;
        let count = CHUNK.min(states.count()?.saturating_sub(from));
        let exact = self.doubled()?;
        let tabulated = exact.states_of(&layers, &states, from, count as usize)?;
        exact.log_weights(&tabulated, &exact.free_layers(&tabulated)?, summed_out)
    }

    /// `count` independent states of all layers of a stack that sees one example, `[count, units]` each, by a pass over all states of
    /// the smaller half; no more than that is held. Fails above `max_bits`.
    pub fn draw(&self, count: usize, max_bits: f64, stream: Stream) -> Result<Layers> {
        let mut log_weights = Nats::new();
        for chunk in 0..self.enumeration_chunks(max_bits)? {
            log_weights.extend(host(&self.log_weights_of_chunk(chunk)?.narrow(0, 0, 1)?)?);
        }
        let largest = log_weights.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let weights: Nats = log_weights.iter().map(|weight| (weight - largest).exp()).collect();
        let picked = stream.named("states").pick(&weights, count)?;
        let (layers, states) = self.smaller_half()?;
        let exact = self.doubled()?;
        let states = states.rows(picked.into_iter().map(|state| state as u64), DType::F64, &Device::Cpu)?;
        let mut drawn = exact.by_layer(&layers, &states)?;
        for FreeLayer { layer, own, from_state } in exact.free_layers(&drawn)? {
            let input = from_state.broadcast_add(&own)?.broadcast_as((count, own.dim(1)?))?.contiguous()?;
            drawn.push((layer, self.units[layer].sample(&input, stream.at(layer as u64))?));
        }
        drawn.sort_by_key(|(layer, _)| *layer);
        drawn.into_iter().map(|(_, states)| states.to_dtype(self.dtype())).collect()
    }

    /// The exact distribution of each example, its means in the precision of the machine, and its log normaliser, nats. Fails above
    /// `max_bits`.
    pub fn tabulate(&self, max_bits: f64) -> Result<(Table, Nats)> {
        let (layers, states) = self.smaller_half_within(max_bits)?;
        let exact = self.doubled()?;
        let tabulated = exact.states_of(&layers, &states, 0, states.count()? as usize)?;
        let free = exact.free_layers(&tabulated)?;
        let log_weights = exact.log_weights(&tabulated, &free, summed_out)?;
        Table::normalize(self.units.clone(), tabulated, free, &log_weights, self.dtype())
    }

    fn smaller_half_within(&self, max_bits: f64) -> Result<(Vec<usize>, Enumeration)> {
        let (layers, states) = self.smaller_half()?;
        if states.bits() > max_bits {
            bail!("an exact sum over 2^{:.0} states was asked for; the limit is 2^{max_bits:.0}", states.bits());
        }
        Ok((layers, states))
    }

    /// Joint states `from` to `from + count` of some layers, made on the host and cut into layers; there may be none, and then nothing
    /// is moved: other devices have no tensors without values.
    pub(super) fn states_of(
        &self,
        layers: &[usize],
        states: &Enumeration,
        from: u64,
        count: usize,
    ) -> Result<Vec<(usize, Tensor)>> {
        self.by_layer(layers, &states.chunk(from, count, self.dtype(), &Device::Cpu)?)
    }

    /// Joint states of some layers, side by side, as one tensor a layer, where the stack is.
    fn by_layer(&self, layers: &[usize], states: &Tensor) -> Result<Vec<(usize, Tensor)>> {
        let sizes = self.sizes();
        let mut from = 0;
        layers
            .iter()
            .map(|&layer| {
                let part = states.narrow(1, from, sizes[layer])?.contiguous()?.to_device(self.device())?;
                from += sizes[layer];
                Ok((layer, part))
            })
            .collect()
    }

    pub(super) fn free_layers(&self, tabulated: &[(usize, Tensor)]) -> Result<Vec<FreeLayer>> {
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

    /// ln of the weight of each tabulated state, `[examples, states]`; `of_free` says what free units of a kind add at an input,
    /// `[states, units]` to `[states]`: their log-normaliser where they are summed out.
    pub(super) fn log_weights(
        &self,
        tabulated: &[(usize, Tensor)],
        free: &[FreeLayer],
        of_free: impl Fn(&Kind, &Tensor) -> Result<Tensor>,
    ) -> Result<Tensor> {
        let mut total = self.offset()?.unsqueeze(1)?;
        for (layer, states) in tabulated {
            let base = sum_units(&self.units[*layer].log_base(states)?)?.unsqueeze(0)?;
            total = total.broadcast_add(&base)?.broadcast_add(&self.biases[*layer].matmul(&states.t()?)?)?;
        }
        for layer in free {
            let kind = &self.units[layer.layer];
            let rows = (0..layer.own.dim(0)?)
                .map(|row| {
                    let input = layer.from_state.broadcast_add(&layer.own.narrow(0, row, 1)?)?;
                    of_free(kind, &input)
                })
                .collect::<Result<Vec<_>>>()?;
            total = total.broadcast_add(&Tensor::stack(&rows, 0)?)?;
        }
        Ok(total)
    }
}
