//! The identity of the examples that were judged on.

use super::{Error, Result};
use crate::math::{DType, Tensor};
use sha2::{Digest, Sha256};

/// Rows read at once.
const ROWS: usize = 1000;

/// What can be said of examples without knowing where they come from.
pub struct Presented {
    /// How many there are.
    pub examples: usize,
    /// Whether every value is 0 or 1.
    pub binary: bool,
    /// SHA-256 of the shape (two little-endian 64-bit integers: examples, visible units) and then, row by row, every value as a
    /// little-endian 32-bit float, in hexadecimal. Grey values are kept in 32 bits and widened, so the precision of the model changes nothing.
    pub sha256: String,
}

impl Presented {
    /// Of `visible` `[examples, visible]`; fails for no examples.
    pub fn of(visible: &Tensor) -> Result<Self> {
        let (examples, units) = visible.dims2()?;
        if examples == 0 {
            return Err(Error::Refused {
                problem: "there are no examples to judge on".into(),
                remedy: "give at least one".into(),
            });
        }
        let mut sum = Sha256::new();
        sum.update((examples as u64).to_le_bytes());
        sum.update((units as u64).to_le_bytes());
        let mut binary = true;
        for first in (0..examples).step_by(ROWS) {
            let rows = visible.narrow(0, first, ROWS.min(examples - first))?.to_dtype(DType::F32)?;
            let values = rows.flatten_all()?.to_vec1::<f32>()?;
            binary &= values.iter().all(|&value| value == 0.0 || value == 1.0);
            sum.update(values.into_iter().flat_map(f32::to_le_bytes).collect::<Vec<u8>>());
        }
        let sha256 = sum.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
        Ok(Self { examples, binary, sha256 })
    }
}
