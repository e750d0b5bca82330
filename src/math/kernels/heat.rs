//! What annealing reads off a layer when its inputs grow: the gain of the log-normaliser of its units.

use super::panels::columns_of;
use super::{Level, Line, Panelled, Panels, UNIT, WIDTH, lanes, spread};
use pulp::{Simd, WithSimd};

/// Inputs share · sent + own at two shares, of which `own` is `[1, units]`.
#[derive(Clone, Copy, Debug)]
pub struct Heat<'a> {
    /// Shares of what the neighbours send, before and after.
    pub shares: [f32; 2],
    /// The layer's own inputs, before and after.
    pub own: [&'a Panels; 2],
}

/// Turns what the neighbours send, `[rows, units]`, into the inputs afterwards, and returns for each row the sum over units of
/// ln(1 + e^after) - ln(1 + e^before), nats.
pub fn heat(level: Level, heat: Heat, sent: &mut Panels) -> Vec<f64> {
    let (rows, panels) = (sent.rows(), sent.count());
    let mut gains = vec![0.0; rows * panels];
    let work = rows * sent.columns() * UNIT;
    spread(level, work, Kernel { heat, rows, first: 0, inputs: sent.lines_mut(), gains: &mut gains });
    (0..rows).map(|row| gains.iter().skip(row).step_by(rows).sum()).collect()
}

/// For each row the inner product with `[1, units]`.
pub fn along(states: &Panels, direction: &Panels) -> Vec<f64> {
    let mut sums = vec![0.0; states.rows()];
    for panel in 0..states.count() {
        let direction = &direction.panel(panel)[0].0;
        let width = columns_of(panel, states.columns()).len();
        for (sum, line) in sums.iter_mut().zip(states.panel(panel)) {
            let products = line.0[..width].iter().zip(direction).map(|(a, b)| f64::from(*a) * f64::from(*b));
            *sum += products.sum::<f64>();
        }
    }
    sums
}

/// Some panels of a layer.
struct Kernel<'a> {
    heat: Heat<'a>,
    rows: usize,
    first: usize,
    inputs: &'a mut [Line],
    gains: &'a mut [f64],
}

impl Panelled for Kernel<'_> {
    fn panels(&self) -> usize {
        self.inputs.len() / self.rows.max(1)
    }

    fn cut(self, panels: usize) -> (Self, Self) {
        let (inputs, more_inputs) = self.inputs.split_at_mut(panels * self.rows);
        let (gains, more_gains) = self.gains.split_at_mut(panels * self.rows);
        let upper = Self { inputs: more_inputs, gains: more_gains, first: self.first + panels, ..self };
        (Self { inputs, gains, ..self }, upper)
    }
}

impl WithSimd for Kernel<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Heat { shares, own } = self.heat;
        let shares = [simd.splat_f32s(shares[0]), simd.splat_f32s(shares[1])];
        let panels = self.inputs.chunks_mut(self.rows.max(1)).zip(self.gains.chunks_mut(self.rows.max(1)));
        for (panel, (inputs, gains)) in panels.enumerate() {
            let before = S::as_simd_f32s(&own[0].panel(self.first + panel)[0].0).0;
            let after = S::as_simd_f32s(&own[1].panel(self.first + panel)[0].0).0;
            for (line, gain) in inputs.iter_mut().zip(gains) {
                let (mut linear, mut ratios) = (Line::ZERO, Line::ZERO);
                let linears = S::as_mut_simd_f32s(&mut linear.0).0;
                let ratio = S::as_mut_simd_f32s(&mut ratios.0).0;
                let inputs = S::as_mut_simd_f32s(&mut line.0).0;
                for v in 0..WIDTH / S::F32_LANES {
                    let from = simd.mul_add_f32s(inputs[v], shares[0], before[v]);
                    let to = simd.mul_add_f32s(inputs[v], shares[1], after[v]);
                    (linears[v], ratio[v]) = lanes::softplus_gain(simd, from, to);
                    inputs[v] = to;
                }
                // ln(1 + e^x) = max(x, 0) + ln(1 + e^-|x|); each ratio lies in [1/2, 2], so their product fits.
                *gain = sum(&linear) + product(ratios).ln();
            }
        }
    }
}

/// Sum in double precision.
#[inline(always)]
fn sum(line: &Line) -> f64 {
    let mut sum = 0.0;
    for value in line.0 {
        sum += f64::from(value);
    }
    sum
}

/// The product of all values, halving the line at every step.
#[inline(always)]
fn product(Line(mut values): Line) -> f64 {
    let mut half = WIDTH / 2;
    while half > 0 {
        for i in 0..half {
            values[i] *= values[i + half];
        }
        half /= 2;
    }
    f64::from(values[0])
}
