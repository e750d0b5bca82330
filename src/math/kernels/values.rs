//! Functions of single values, wherever they lie.

use super::{Level, PARALLEL_FROM, UNIT, lanes};
use pulp::{Simd, WithSimd};
use rayon::prelude::*;
use std::marker::PhantomData;

/// Values that one thread takes at a time: whole registers of every width.
const AT_ONCE: usize = PARALLEL_FROM / UNIT;

/// Replaces every x by σ(x).
pub fn means(level: Level, values: &mut [f32]) {
    apply::<Mean>(level, values);
}

/// Replaces every x by ln(1 + e^x).
pub fn soft_pluses(level: Level, values: &mut [f32]) {
    apply::<SoftPlus>(level, values);
}

/// Replaces every x by tanh x.
pub fn hyperbolic_tangents(level: Level, values: &mut [f32]) {
    apply::<Tanh>(level, values);
}

fn apply<F: Function>(level: Level, values: &mut [f32]) {
    values.par_chunks_mut(AT_ONCE).for_each(|values| level.run(Apply::<F>(values, PhantomData)));
}

trait Function: Send {
    fn of<S: Simd>(simd: S, x: S::f32s) -> S::f32s;
}

struct Mean;
struct SoftPlus;
struct Tanh;

impl Function for Mean {
    #[inline(always)]
    fn of<S: Simd>(simd: S, x: S::f32s) -> S::f32s {
        lanes::sigmoid(simd, x)
    }
}

impl Function for SoftPlus {
    #[inline(always)]
    fn of<S: Simd>(simd: S, x: S::f32s) -> S::f32s {
        lanes::ln_one_plus_exp(simd, x)
    }
}

impl Function for Tanh {
    #[inline(always)]
    fn of<S: Simd>(simd: S, x: S::f32s) -> S::f32s {
        lanes::tanh(simd, x)
    }
}

struct Apply<'a, F>(&'a mut [f32], PhantomData<F>);

impl<F: Function> WithSimd for Apply<'_, F> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let (registers, rest) = S::as_mut_simd_f32s(self.0);
        for x in registers {
            *x = F::of(simd, *x);
        }
        let last = F::of(simd, simd.partial_load_f32s(rest));
        simd.partial_store_f32s(rest, last);
    }
}

/// What a step of Adam does to each parameter: m ← β₁ m + (1 - β₁) g, v ← β₂ v + (1 - β₂) g², θ ← θ + rate m / (√(unbias v) + ε).
#[derive(Clone, Copy, Debug)]
pub struct AdamStep {
    /// β₁ and β₂.
    pub kept: [f32; 2],
    /// 1 - β₁ and 1 - β₂.
    pub new: [f32; 2],
    /// Of m, the correction of its bias taken in.
    pub rate: f32,
    /// What corrects the bias of v.
    pub unbias: f32,
    /// ε.
    pub epsilon: f32,
}

/// Moves parameters and both running means in place; all have as many values.
pub fn adam(level: Level, by: AdamStep, uphill: &[f32], at: &mut [f32], first: &mut [f32], second: &mut [f32]) {
    debug_assert!([at.len(), first.len(), second.len()] == [uphill.len(); 3]);
    let moved = at.par_chunks_mut(AT_ONCE).zip(first.par_chunks_mut(AT_ONCE)).zip(second.par_chunks_mut(AT_ONCE));
    moved
        .zip(uphill.par_chunks(AT_ONCE))
        .for_each(|(((at, first), second), uphill)| level.run(Adam { by, uphill, at, first, second }));
}

struct Adam<'a> {
    by: AdamStep,
    uphill: &'a [f32],
    at: &'a mut [f32],
    first: &'a mut [f32],
    second: &'a mut [f32],
}

impl WithSimd for Adam<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let (uphill, uphill_rest) = S::as_simd_f32s(self.uphill);
        let (at, at_rest) = S::as_mut_simd_f32s(self.at);
        let (first, first_rest) = S::as_mut_simd_f32s(self.first);
        let (second, second_rest) = S::as_mut_simd_f32s(self.second);
        for (((g, at), m), v) in uphill.iter().zip(at).zip(first).zip(second) {
            [*at, *m, *v] = adam_step(simd, self.by, *g, [*at, *m, *v]);
        }
        let state = [&*at_rest, &*first_rest, &*second_rest].map(|rest| simd.partial_load_f32s(rest));
        let [at, m, v] = adam_step(simd, self.by, simd.partial_load_f32s(uphill_rest), state);
        simd.partial_store_f32s(at_rest, at);
        simd.partial_store_f32s(first_rest, m);
        simd.partial_store_f32s(second_rest, v);
    }
}

#[inline(always)]
fn adam_step<S: Simd>(simd: S, by: AdamStep, g: S::f32s, [at, m, v]: [S::f32s; 3]) -> [S::f32s; 3] {
    let (first, second) = (simd.splat_f32s(by.new[0]), simd.splat_f32s(by.new[1]));
    let m = simd.mul_add_f32s(m, simd.splat_f32s(by.kept[0]), simd.mul_f32s(g, first));
    let v = simd.mul_add_f32s(v, simd.splat_f32s(by.kept[1]), simd.mul_f32s(simd.mul_f32s(g, g), second));
    let root = simd.sqrt_f32s(simd.mul_f32s(v, simd.splat_f32s(by.unbias)));
    let scale = simd.add_f32s(root, simd.splat_f32s(by.epsilon));
    [simd.add_f32s(at, simd.div_f32s(simd.mul_f32s(m, simd.splat_f32s(by.rate)), scale)), m, v]
}
