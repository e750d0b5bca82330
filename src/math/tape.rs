//! Functions as one node of a tape each, with their slopes.

use super::elementwise::{Function, LN_ONE_PLUS_EXP, TANH};
use super::{Result, Tensor, bail, composed, ln_one_plus_exp, sigmoid};
use candle_core::{CpuStorage, CustomOp1, Layout, Shape};

/// ln(1 + e^x), to be differentiated by back-propagation; one node on a processor, composed of several on other devices.
pub fn soft_plus(input: &Tensor) -> Result<Tensor> {
    match (input.device().is_cpu(), input.track_op()) {
        (true, true) => {
            input.contiguous()?.apply_op1(Node { function: &LN_ONE_PLUS_EXP, slope: |input, _| sigmoid(input) })
        }
        (true, false) => ln_one_plus_exp(input),
        (false, _) => composed::ln_one_plus_exp(input),
    }
}

/// tanh x, to be differentiated by back-propagation.
pub fn tanh(input: &Tensor) -> Result<Tensor> {
    if !input.device().is_cpu() {
        return input.tanh();
    }
    input.contiguous()?.apply_op1(Node { function: &TANH, slope: |_, value| value.sqr()?.affine(-1.0, 1.0) })
}

struct Node {
    function: &'static Function,
    /// At these inputs and the function's values of them.
    slope: fn(&Tensor, &Tensor) -> Result<Tensor>,
}

impl CustomOp1 for Node {
    fn name(&self) -> &'static str {
        "element-wise"
    }

    fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let Some((from, to)) = layout.contiguous_offsets() else { bail!("a node takes contiguous values") };
        let found = match storage {
            CpuStorage::F32(values) => CpuStorage::F32(self.function.single(&values[from..to])),
            CpuStorage::F64(values) => CpuStorage::F64(self.function.double(&values[from..to])),
            _ => bail!("a node takes f32 or f64"),
        };
        Ok((found, layout.shape().clone()))
    }

    fn bwd(&self, input: &Tensor, value: &Tensor, uphill: &Tensor) -> Result<Option<Tensor>> {
        Ok(Some(((self.slope)(&input.detach(), &value.detach())? * uphill)?))
    }
}
