//! ln(1 + e^x) as one node of a tape, with σ(x) as its slope.

use super::{Result, Tensor, bail, composed, ln_one_plus_exp, sigmoid};
use candle_core::{CpuStorage, CustomOp1, Layout, Shape};

/// ln(1 + e^x), to be differentiated by back-propagation; one node on a processor, composed of several on other devices.
pub fn soft_plus(input: &Tensor) -> Result<Tensor> {
    match (input.device().is_cpu(), input.track_op()) {
        (true, true) => input.contiguous()?.apply_op1(SoftPlus),
        (true, false) => ln_one_plus_exp(input),
        (false, _) => composed::ln_one_plus_exp(input),
    }
}

struct SoftPlus;

impl CustomOp1 for SoftPlus {
    fn name(&self) -> &'static str {
        "soft_plus"
    }

    fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let Some((from, to)) = layout.contiguous_offsets() else { bail!("soft_plus takes contiguous values") };
        let found = match storage {
            CpuStorage::F32(values) => {
                let of = |&x: &f32| x.max(0.0) + (-x.abs()).exp().ln_1p();
                CpuStorage::F32(values[from..to].iter().map(of).collect())
            }
            CpuStorage::F64(values) => {
                let of = |&x: &f64| x.max(0.0) + (-x.abs()).exp().ln_1p();
                CpuStorage::F64(values[from..to].iter().map(of).collect())
            }
            _ => bail!("soft_plus takes f32 or f64"),
        };
        Ok((found, layout.shape().clone()))
    }

    fn bwd(&self, input: &Tensor, _: &Tensor, uphill: &Tensor) -> Result<Option<Tensor>> {
        Ok(Some((sigmoid(&input.detach())? * uphill)?))
    }
}
