//! Functions of a register, written once for every width out of operations that round alike everywhere.
//!
//! Loops and calls are plain here and in the kernels: a closure that the compiler does not take in is compiled without the
//! instructions of the level, and then calls each of them as a function.

use super::WIDTH;
use pulp::Simd;

/// Values in the widest register.
const MOST_LANES: usize = 16;

/// x = n ln 2 + r, as r, p of e^r = 1 + r + p r², and what adds n to the exponent of a float.
#[inline(always)]
fn reduced<S: Simd>(simd: S, x: S::f32s) -> (S::f32s, S::f32s, S::u32s) {
    // Adding 1.5 2^23 rounds to the integer n and leaves it in the low bits.
    let shifted = simd.mul_add_f32s(x, simd.splat_f32s(std::f32::consts::LOG2_E), simd.splat_f32s(12_582_912.0));
    let n = simd.sub_f32s(shifted, simd.splat_f32s(12_582_912.0));
    let r = simd.mul_add_f32s(n, simd.splat_f32s(-0.693_359_4), x);
    let r = simd.mul_add_f32s(n, simd.splat_f32s(2.121_944_4e-4), r);
    let p = simd.mul_add_f32s(simd.splat_f32s(1.987_569_1e-4), r, simd.splat_f32s(1.398_199_9e-3));
    let p = simd.mul_add_f32s(p, r, simd.splat_f32s(8.333_452e-3));
    let p = simd.mul_add_f32s(p, r, simd.splat_f32s(4.166_579_6e-2));
    let p = simd.mul_add_f32s(p, r, simd.splat_f32s(1.666_666_5e-1));
    let p = simd.mul_add_f32s(p, r, simd.splat_f32s(0.5));
    (r, p, simd.wrapping_dyn_shl_u32s(simd.transmute_u32s_f32s(shifted), simd.splat_u32s(23)))
}

/// e^x with a relative error below 2e-7; infinite above 88, and no smaller than at -87.
#[inline(always)]
fn exp<S: Simd>(simd: S, x: S::f32s) -> S::f32s {
    let above = simd.greater_than_f32s(x, simd.splat_f32s(88.0));
    let x = simd.min_f32s(simd.max_f32s(x, simd.splat_f32s(-87.0)), simd.splat_f32s(88.0));
    let (r, p, scale) = reduced(simd, x);
    let value = simd.mul_add_f32s(p, simd.mul_f32s(r, r), simd.add_f32s(r, simd.splat_f32s(1.0)));
    let value = simd.transmute_f32s_u32s(simd.add_u32s(simd.transmute_u32s_f32s(value), scale));
    simd.select_f32s(above, simd.splat_f32s(f32::INFINITY), value)
}

/// e^x - 1 for x up to 0, accurate where x is small.
#[inline(always)]
fn exp_less_one<S: Simd>(simd: S, x: S::f32s) -> S::f32s {
    let (r, p, scale) = reduced(simd, simd.max_f32s(x, simd.splat_f32s(-87.0)));
    let one = simd.splat_f32s(1.0);
    let rest = simd.mul_add_f32s(p, simd.mul_f32s(r, r), r);
    let scale = simd.transmute_f32s_u32s(simd.add_u32s(simd.transmute_u32s_f32s(one), scale));
    simd.mul_add_f32s(rest, scale, simd.sub_f32s(scale, one))
}

/// 1 + e^-x.
#[inline(always)]
fn one_plus_exp_of_minus<S: Simd>(simd: S, x: S::f32s) -> S::f32s {
    simd.add_f32s(exp(simd, simd.neg_f32s(x)), simd.splat_f32s(1.0))
}

/// `value`, but what is not a number stays so.
#[inline(always)]
fn keep_nan<S: Simd>(simd: S, x: S::f32s, value: S::f32s) -> S::f32s {
    simd.select_f32s(simd.equal_f32s(x, x), value, x)
}

/// σ(x) = 1 / (1 + e^-x).
#[inline(always)]
pub fn sigmoid<S: Simd>(simd: S, x: S::f32s) -> S::f32s {
    keep_nan(simd, x, simd.div_f32s(simd.splat_f32s(1.0), one_plus_exp_of_minus(simd, x)))
}

/// ln(1 + e^x).
#[inline(always)]
pub fn ln_one_plus_exp<S: Simd>(simd: S, x: S::f32s) -> S::f32s {
    let (size, one) = (simd.abs_f32s(x), simd.splat_f32s(1.0));
    // What e^-87 adds to a number above 87 is lost; below -87 it would be all there is.
    let seen = simd.less_than_f32s(size, simd.splat_f32s(87.0));
    let e = simd.select_f32s(seen, exp(simd, simd.neg_f32s(size)), simd.splat_f32s(0.0));
    // ln(1 + e) = 2 artanh s = 2 s (1 + s²/3 + s⁴/5 + …) with s = e / (2 + e), which is 1/3 at most.
    let s = simd.div_f32s(e, simd.add_f32s(e, simd.splat_f32s(2.0)));
    let square = simd.mul_f32s(s, s);
    let sum = simd.mul_add_f32s(square, simd.splat_f32s(1.0 / 13.0), simd.splat_f32s(1.0 / 11.0));
    let sum = simd.mul_add_f32s(square, sum, simd.splat_f32s(1.0 / 9.0));
    let sum = simd.mul_add_f32s(square, sum, simd.splat_f32s(1.0 / 7.0));
    let sum = simd.mul_add_f32s(square, sum, simd.splat_f32s(1.0 / 5.0));
    let sum = simd.mul_add_f32s(square, sum, simd.splat_f32s(1.0 / 3.0));
    let sum = simd.mul_add_f32s(square, sum, one);
    simd.mul_add_f32s(simd.add_f32s(s, s), sum, positive(simd, x))
}

/// tanh x = (1 - e^-2|x|) / (1 + e^-2|x|), with the sign of x.
#[inline(always)]
pub fn tanh<S: Simd>(simd: S, x: S::f32s) -> S::f32s {
    let size = simd.abs_f32s(x);
    let less = exp_less_one(simd, simd.mul_f32s(size, simd.splat_f32s(-2.0)));
    let value = simd.div_f32s(simd.neg_f32s(less), simd.add_f32s(less, simd.splat_f32s(2.0)));
    let below = simd.less_than_f32s(x, simd.splat_f32s(0.0));
    keep_nan(simd, x, simd.select_f32s(below, simd.neg_f32s(value), value))
}

/// Philox4x32-10 on every lane.
#[inline(always)]
fn philox<S: Simd>(simd: S, counter: [S::u32s; 4], key: [u32; 2]) -> [S::u32s; 4] {
    let [mut c0, mut c1, mut c2, mut c3] = counter;
    let [mut k0, mut k1] = key;
    for _ in 0..10 {
        let (low0, high0) = simd.widening_mul_u32s(c0, simd.splat_u32s(0xD251_1F53));
        let (low1, high1) = simd.widening_mul_u32s(c2, simd.splat_u32s(0xCD9E_8D57));
        c0 = simd.xor_u32s(simd.xor_u32s(high1, c1), simd.splat_u32s(k0));
        c1 = low1;
        c2 = simd.xor_u32s(simd.xor_u32s(high0, c3), simd.splat_u32s(k1));
        c3 = low0;
        k0 = k0.wrapping_add(0x9E37_79B9);
        k1 = k1.wrapping_add(0xBB67_AE85);
    }
    [c0, c1, c2, c3]
}

/// The midpoints of 2^23 cells of (0, 1).
#[inline(always)]
fn unit_interval<S: Simd>(simd: S, words: S::u32s) -> S::f32s {
    let mantissa = simd.wrapping_dyn_shr_u32s(words, simd.splat_u32s(9));
    let from_one = simd.transmute_f32s_u32s(simd.or_u32s(mantissa, simd.splat_u32s(0x3f80_0000)));
    // 1 + k 2^-23 - (1 - 2^-24) is exact.
    simd.sub_f32s(from_one, simd.splat_f32s(1.0 - f32::EPSILON / 2.0))
}

/// max(after, 0) - max(before, 0) and (1 + e^-|after|) / (1 + e^-|before|), the parts of a gain of ln(1 + e^x); not a number
/// where an input is none.
#[inline(always)]
pub fn softplus_gain<S: Simd>(simd: S, before: S::f32s, after: S::f32s) -> (S::f32s, S::f32s) {
    let linear = simd.sub_f32s(positive(simd, after), positive(simd, before));
    let rest = one_plus_exp_of_minus(simd, simd.abs_f32s(after));
    (linear, simd.div_f32s(rest, one_plus_exp_of_minus(simd, simd.abs_f32s(before))))
}

/// max(x, 0).
#[inline(always)]
fn positive<S: Simd>(simd: S, x: S::f32s) -> S::f32s {
    keep_nan(simd, x, simd.max_f32s(x, simd.splat_f32s(0.0)))
}

/// 1 where u < σ(x), else 0; not a number where x is none.
#[inline(always)]
pub fn sample<S: Simd>(simd: S, x: S::f32s, u: S::f32s) -> S::f32s {
    // u < 1 / (1 + e^-x) without a division.
    let on = simd.less_than_f32s(simd.mul_f32s(u, one_plus_exp_of_minus(simd, x)), simd.splat_f32s(1.0));
    keep_nan(simd, x, simd.select_f32s(on, simd.splat_f32s(1.0), simd.splat_f32s(0.0)))
}

/// 1 where x > 0, else 0; not a number where x is none.
#[inline(always)]
pub fn step<S: Simd>(simd: S, x: S::f32s) -> S::f32s {
    let on = simd.greater_than_f32s(x, simd.splat_f32s(0.0));
    keep_nan(simd, x, simd.select_f32s(on, simd.splat_f32s(1.0), simd.splat_f32s(0.0)))
}

/// The draws of a stream for the lines of one panel, in groups of four registers, a register of counters each.
pub struct Draws<S: Simd> {
    key: [u32; 2],
    first_row: u64,
    first_block: u32,
    /// Row of each lane's counter within a group.
    rows: S::u32s,
    /// Counter of four columns of each lane, within a group.
    blocks: S::u32s,
}

impl<S: Simd> Draws<S> {
    #[inline(always)]
    pub fn new(simd: S, key: [u32; 2], first_row: u64, panel: usize) -> Self {
        // Interleaving four registers of words puts each lane's four words side by side; where, the inverse tells.
        let (mut rows, mut blocks) = ([0; 4 * MOST_LANES], [0; 4 * MOST_LANES]);
        for at in 0..4 * MOST_LANES {
            rows[at] = (at / WIDTH) as u32;
            blocks[at] = (at % WIDTH / 4) as u32;
        }
        let first_block = (panel * WIDTH / 4) as u32;
        Self { key, first_row, first_block, rows: first_of_four(simd, &rows), blocks: first_of_four(simd, &blocks) }
    }

    /// Draws in (0, 1) for the values of one group, in their order.
    #[inline(always)]
    pub fn uniform(&self, simd: S, group: usize) -> [S::f32s; 4] {
        let at = group * 4 * S::F32_LANES;
        let row = self.first_row + (at / WIDTH) as u64;
        let block = simd.splat_u32s(self.first_block + (at % WIDTH / 4) as u32);
        let low = simd.add_u32s(self.rows, simd.splat_u32s(row as u32));
        // A group of more than one row may step over the end of the low half.
        let carry = simd.less_than_u32s(low, self.rows);
        let high = simd.splat_u32s((row >> 32) as u32);
        let high = simd.select_u32s(carry, simd.add_u32s(high, simd.splat_u32s(1)), high);
        let counter = [simd.add_u32s(self.blocks, block), low, high, simd.splat_u32s(0)];
        let [a, b, c, d] = philox(simd, counter, self.key);
        let words = [floats(simd, a), floats(simd, b), floats(simd, c), floats(simd, d)];
        let [a, b, c, d] = simd.interleave_shfl_f32s(words);
        [uniform(simd, a), uniform(simd, b), uniform(simd, c), uniform(simd, d)]
    }
}

/// The first of the registers of which four interleaved hold these values in order.
#[inline(always)]
fn first_of_four<S: Simd>(simd: S, values: &[u32; 4 * MOST_LANES]) -> S::u32s {
    let values = S::as_simd_u32s(values).0;
    let registers =
        [floats(simd, values[0]), floats(simd, values[1]), floats(simd, values[2]), floats(simd, values[3])];
    simd.transmute_u32s_f32s(simd.deinterleave_shfl_f32s(registers)[0])
}

#[inline(always)]
fn floats<S: Simd>(simd: S, words: S::u32s) -> S::f32s {
    simd.transmute_f32s_u32s(words)
}

#[inline(always)]
fn uniform<S: Simd>(simd: S, words: S::f32s) -> S::f32s {
    unit_interval(simd, simd.transmute_u32s_f32s(words))
}
