//! Some units of any layers held at given values: what is left is a stack again.
//!
//! With x_K held, ln p̃(x_K, x_U) is an offset, plus biases of the free units x_U to which the held ones add what they send, plus the
//! couplings among the free ones. So p(x_U | x_K) is sampled, approximated and summed as that of every other stack: the missing
//! pixels of an image are one more layer of latent units. Clamping the whole visible layer is the case that training knows.

use super::stack::Held;
use super::{Conditionals, Dbm, Stack};
use crate::math::{Layers, Result, Tensor, Weight, bail, double};
use crate::posterior::Factorial;
use crate::units::Kind;

/// The units of one layer that are held.
#[derive(Clone, Debug)]
pub struct Known {
    /// Which units are, `[units of the layer]`.
    pub held: Vec<bool>,
    /// Their states, `[1 or examples, units of the layer]`; what stands in the places of free units is not read.
    pub states: Tensor,
}

impl Known {
    /// The states with this value in the places of free units: what is told, for the eye, `[1 or examples, units of the layer]`.
    pub fn shown(&self, grey: f64) -> Result<Tensor> {
        let mask: Vec<f64> = self.held.iter().map(|&held| f64::from(u8::from(held))).collect();
        let mask = Tensor::from_vec(mask, (1, self.held.len()), self.states.device())?.to_dtype(self.states.dtype())?;
        self.states.broadcast_mul(&mask)?.broadcast_add(&mask.affine(-grey, grey)?)
    }
}

/// What is left of a machine, and how to put it together with what is held.
#[derive(Clone, Debug)]
pub struct Rest {
    stack: Stack,
    layers: Vec<Parted>,
    examples: usize,
}

/// Places of units within their layer, in ascending order.
#[derive(Clone, Debug)]
struct Part {
    places: Vec<u32>,
    whole: bool,
}

/// One layer of a machine in two parts, and the states of the held one, `[1 or examples, held]`; none where nothing is held.
#[derive(Clone, Debug)]
struct Parted {
    free: Part,
    held: Part,
    states: Option<Tensor>,
}

impl Part {
    fn of(held: &[bool], which: bool) -> Self {
        let places = (0..held.len()).filter(|&unit| held[unit] == which).map(|unit| unit as u32);
        let places: Vec<u32> = places.collect();
        Self { whole: places.len() == held.len(), places }
    }

    fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// The part of a tensor that is of these units; `axis` is that of the units.
    fn of_tensor(&self, tensor: &Tensor, axis: usize) -> Result<Tensor> {
        if self.whole { Ok(tensor.clone()) } else { tensor.index_select(&indices(&self.places, tensor)?, axis) }
    }

    /// The kind of these units: of those with noise of their own each keeps its own.
    fn of_kind(&self, kind: &Kind) -> Result<Kind> {
        match kind.log_variance() {
            Some(log_variance) if !self.whole => kind.with_log_variance(&self.of_tensor(log_variance, 0)?),
            _ => Ok(kind.clone()),
        }
    }
}

impl Parted {
    fn new(units: usize, known: Option<&Known>) -> Result<Self> {
        let none = vec![false; units];
        let held = known.map_or(&none, |known| &known.held);
        if held.len() != units || known.is_some_and(|known| known.states.dims().last() != Some(&units)) {
            bail!("a layer of {units} units is told of {} of them", held.len());
        }
        let (free, held) = (Part::of(held, false), Part::of(held, true));
        let states = known.filter(|_| !held.is_empty()).map(|known| held.of_tensor(&known.states.contiguous()?, 1));
        Ok(Self { states: states.transpose()?, free, held })
    }

    /// The whole layer, `[examples, units]`, from the states of its free part.
    fn whole(&self, free: Option<&Tensor>, examples: usize) -> Result<Tensor> {
        let held = self.states.as_ref().map(|held| held.broadcast_as((examples, held.dim(1)?))?.contiguous());
        match (free, held.transpose()?) {
            (Some(free), Some(held)) => {
                let places = [&self.free.places[..], &self.held.places[..]].concat();
                let mut order: Vec<u32> = (0..places.len() as u32).collect();
                order.sort_by_key(|&at| places[at as usize]);
                Tensor::cat(&[free, &held], 1)?.index_select(&indices(&order, free)?, 1)
            }
            (Some(layer), None) => Ok(layer.clone()),
            (None, Some(layer)) => Ok(layer),
            (None, None) => bail!("a layer is neither free nor held"),
        }
    }
}

fn indices(places: &[u32], like: &Tensor) -> Result<Tensor> {
    Tensor::from_vec(places.to_vec(), places.len(), like.device())
}

/// The couplings between parts of two neighbouring layers.
fn between(weight: &Weight, below: &Part, above: &Part) -> Result<Weight> {
    if below.whole && above.whole {
        return Ok(weight.clone());
    }
    Ok(above.of_tensor(&below.of_tensor(&weight.tensor()?, 0)?, 1)?.into())
}

impl Dbm {
    /// The machine with some units of each layer held, visible layer first; p of what is left is exactly p(free | held).
    ///
    /// Fails where nothing is left, where rows or units do not fit, and where part of a group of units is held.
    pub fn given(&self, known: &[Option<Known>]) -> Result<Rest> {
        if known.len() != self.depth() + 1 {
            bail!("a machine of {} layers is told of {}", self.depth() + 1, known.len());
        }
        let parted = known.iter().zip(self.sizes()).map(|(known, units)| Parted::new(units, known.as_ref()));
        let layers = parted.collect::<Result<Vec<Parted>>>()?;
        let rows = layers.iter().flat_map(|layer| &layer.states).map(|states| states.dim(0));
        let rows = rows.collect::<Result<Vec<usize>>>()?;
        let examples = rows.iter().copied().max().unwrap_or(1);
        if let Some(odd) = rows.iter().find(|&&rows| rows != 1 && rows != examples) {
            bail!("{odd} rows of one layer are held, and {examples} of another");
        }
        for (layer, kind) in layers.iter().zip(self.units()) {
            if !layer.free.is_empty() && !layer.held.is_empty() && kind.is_group() {
                bail!("a layer of {} units is held as a whole or not at all", kind.name());
            }
        }
        Ok(Rest { stack: left(&self.free()?, &layers, examples)?, layers, examples })
    }
}

/// What is free of `all` layers of a machine.
fn left(all: &Stack, layers: &[Parted], examples: usize) -> Result<Stack> {
    let kept: Vec<usize> = (0..layers.len()).filter(|&l| !layers[l].free.is_empty()).collect();
    if kept.is_empty() {
        bail!("every unit is held, so there is nothing left to infer");
    }
    let mut biases = kept.iter().map(|&l| received(all, l, layers)).collect::<Result<Vec<_>>>()?;
    biases[0] = biases[0].broadcast_as((examples, biases[0].dim(1)?))?.contiguous()?;
    let weights = kept.windows(2).map(|pair| match pair {
        &[below, above] if above == below + 1 => between(&all.weights[below], &layers[below].free, &layers[above].free),
        // Held units alone lie between: given them, those below and above are independent.
        pair => {
            let [below, above] = [0, 1].map(|of| layers[pair[of]].free.places.len());
            Ok(Tensor::zeros((below, above), all.dtype(), all.device())?.into())
        }
    });
    Ok(Stack {
        units: kept.iter().map(|&l| layers[l].free.of_kind(&all.units[l])).collect::<Result<_>>()?,
        weights: weights.collect::<Result<_>>()?,
        clamped: (0..layers.len()).filter_map(|l| held(all, l, layers).transpose()).collect::<Result<_>>()?,
        biases,
    })
}

/// Biases of the free units of a layer, with what the held ones of its neighbours send, `[1 or examples, free]`.
fn received(all: &Stack, l: usize, layers: &[Parted]) -> Result<Tensor> {
    let free = &layers[l].free;
    let mut bias = free.of_tensor(&all.biases[l], 1)?;
    if let Some((below, states)) = l.checked_sub(1).and_then(|l| Some((l, layers[l].states.as_ref()?))) {
        bias = between(&all.weights[below], &layers[below].held, free)?.up(states)?.broadcast_add(&bias)?;
    }
    if let Some((above, states)) = layers.get(l + 1).and_then(|above| Some((above, above.states.as_ref()?))) {
        bias = between(&all.weights[l], free, &above.held)?.down(states)?.broadcast_add(&bias)?;
    }
    Ok(bias)
}

/// The held units of a layer, whose biases take up the couplings to those held below.
fn held(all: &Stack, l: usize, layers: &[Parted]) -> Result<Option<Held>> {
    let Some(states) = &layers[l].states else { return Ok(None) };
    let mut bias = layers[l].held.of_tensor(&all.biases[l], 1)?;
    if let Some((below, sent)) = l.checked_sub(1).and_then(|l| Some((l, layers[l].states.as_ref()?))) {
        let weight = between(&all.weights[below], &layers[below].held, &layers[l].held)?;
        bias = weight.doubled()?.up(&double(sent)?)?.broadcast_add(&double(&bias)?)?;
    }
    Ok(Some(Held { kind: layers[l].held.of_kind(&all.units[l])?, states: states.clone(), bias }))
}

impl Rest {
    /// The free units in their layers; those without one are left out.
    pub fn stack(&self) -> &Stack {
        &self.stack
    }

    /// Rows that are held; 1 where all examples are told the same.
    pub fn examples(&self) -> usize {
        self.examples
    }

    /// A q to begin with: every free unit as what is held alone would have it, its own bias included.
    pub fn start(&self, examples: usize) -> Result<Factorial> {
        let rows = |bias: &Tensor| bias.broadcast_as((examples, bias.dim(1)?))?.contiguous();
        let inputs = self.stack.biases().iter().map(rows).collect::<Result<_>>()?;
        Ok(Factorial::from_inputs(self.stack.units().to_vec(), inputs))
    }

    /// The free units, `[examples, free]` per layer of the stack, out of all `layers` of the machine, visible first.
    pub fn free(&self, layers: &[Tensor]) -> Result<Layers> {
        let parts = self.layers.iter().zip(layers).filter(|(layer, _)| !layer.free.is_empty());
        parts.map(|(layer, states)| layer.free.of_tensor(states, 1)).collect()
    }

    /// All layers of the machine, `[examples, units]`, visible first, from states or means of the free units.
    pub fn complete(&self, free: &[Tensor]) -> Result<Layers> {
        if free.len() != self.stack.depth() {
            bail!("{} layers of free units do not complete a machine that has {}", free.len(), self.stack.depth());
        }
        let examples = free.first().map_or(Ok(1), |layer| layer.dim(0))?;
        let mut states = free.iter();
        let layers = self.layers.iter();
        layers.map(|layer| layer.whole(if layer.free.is_empty() { None } else { states.next() }, examples)).collect()
    }

    /// The visible layer, `[examples, visible]`: what is held as it is, and of the free units their means given the states or means
    /// of all `free` layers.
    pub fn visible(&self, free: &[Tensor]) -> Result<Tensor> {
        let Some(layer) = self.layers.first() else { bail!("a machine has a visible layer") };
        let examples = free.first().map_or(Ok(1), |layer| layer.dim(0))?;
        let means = (!layer.free.is_empty()).then(|| self.stack.units()[0].mean(&self.stack.input(free, 0)?));
        layer.whole(means.transpose()?.as_ref(), examples)
    }
}
