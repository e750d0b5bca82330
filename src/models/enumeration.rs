//! All joint states of a few units, in chunks.

use crate::math::{DType, Device, Result, Tensor, bail};
use crate::units::Kind;

/// Every joint state of the units of some layers; the first unit changes fastest.
#[derive(Clone, Debug)]
pub struct Enumeration {
    states_of_unit: Vec<&'static [f64]>,
}

impl Enumeration {
    /// Of layers given as (kind, units); fails for units with infinitely many states.
    pub fn new(layers: &[(&Kind, usize)]) -> Result<Self> {
        let mut states_of_unit = Vec::new();
        for (kind, units) in layers {
            let Some(states) = kind.states() else { bail!("{} units have infinitely many states", kind.name()) };
            states_of_unit.extend(std::iter::repeat_n(states, *units));
        }
        Ok(Self { states_of_unit })
    }

    /// log2 of the number of joint states.
    pub fn bits(&self) -> f64 {
        self.states_of_unit.iter().map(|states| (states.len() as f64).log2()).sum()
    }

    /// Number of joint states; fails above 2^62.
    pub fn count(&self) -> Result<u64> {
        if self.bits() > 62.0 {
            bail!("2^{:.0} states are too many to count", self.bits());
        }
        Ok(self.states_of_unit.iter().map(|states| states.len() as u64).product())
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
            for states in &self.states_of_unit {
                let radix = states.len() as u64;
                values.push(states[(rest % radix) as usize]);
                rest /= radix;
            }
            count += 1;
        }
        Tensor::from_vec(values, (count, self.states_of_unit.len()), &Device::Cpu)?.to_dtype(dtype)?.to_device(device)
    }
}
