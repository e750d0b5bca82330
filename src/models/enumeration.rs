//! All joint states of a few units, in chunks.

use crate::math::{DType, Device, Result, Tensor, bail};
use crate::units::Kind;

/// Every joint state of the units of some layers; the first unit changes fastest.
#[derive(Clone, Debug)]
pub struct Enumeration {
    parts: Vec<Part>,
    units: usize,
}

/// What has states of its own, whatever the others do.
#[derive(Clone, Copy, Debug)]
enum Part {
    /// A unit with these.
    Unit(&'static [f64]),
    /// So many units, of which one is 1.
    Group(usize),
}

impl Part {
    fn states(self) -> usize {
        match self {
            Self::Unit(states) => states.len(),
            Self::Group(units) => units,
        }
    }
}

impl Enumeration {
    /// Of layers given as (kind, units); fails for units with infinitely many states.
    pub fn new(layers: &[(&Kind, usize)]) -> Result<Self> {
        let mut parts = Vec::new();
        for &(kind, units) in layers {
            let Some(states) = kind.states() else { bail!("{} units have infinitely many states", kind.name()) };
            match kind.is_group() {
                true => parts.push(Part::Group(units)),
                false => parts.extend(std::iter::repeat_n(Part::Unit(states), units)),
            }
        }
        Ok(Self { parts, units: layers.iter().map(|(_, units)| units).sum() })
    }

    /// log2 of the number of joint states.
    pub fn bits(&self) -> f64 {
        self.parts.iter().map(|part| (part.states() as f64).log2()).sum()
    }

    /// Number of joint states; fails above 2^62.
    pub fn count(&self) -> Result<u64> {
        if self.bits() > 62.0 {
            bail!("2^{:.0} states are too many to count", self.bits());
        }
        Ok(self.parts.iter().map(|part| part.states() as u64).product())
    }

    /// States `from` to `from + count`, `[count, units]`.
    pub fn chunk(&self, from: u64, count: usize, dtype: DType, device: &Device) -> Result<Tensor> {
        self.rows(from..from + count as u64, dtype, device)
    }

    /// The states of these numbers, `[numbers, units]`.
    pub fn rows(&self, numbers: impl Iterator<Item = u64>, dtype: DType, device: &Device) -> Result<Tensor> {
        let (mut values, mut count) = (Vec::new(), 0);
        for number in numbers {
            let mut rest = number;
            for &part in &self.parts {
                let radix = part.states() as u64;
                let state = (rest % radix) as usize;
                match part {
                    Part::Unit(states) => values.push(states[state]),
                    Part::Group(units) => values.extend((0..units).map(|unit| f64::from(u8::from(unit == state)))),
                }
                rest /= radix;
            }
            count += 1;
        }
        Tensor::from_vec(values, (count, self.units), &Device::Cpu)?.to_dtype(dtype)?.to_device(device)
    }
}
