//! Judging block by block: how many examples at once, and a word between the blocks.

use super::Result;
use super::config::Scheme;
use super::judge::{Portion, Watch};
use super::schemes::{sweeps, table_bits};
use crate::math::Tensor;
use crate::models::Dbm;

/// Multiplications of one block, as far as it holds more than one example: a fraction of a second on two cores.
const WORK: f64 = (1_u64 << 32) as f64;
/// What the mean, sample or entropy of one unit costs, in multiplications.
const UNIT: f64 = 256.0;
/// Passes over a table of exact answers: weights, means, entropies, log joints.
const PASSES: f64 = 4.0;
/// More examples at once save no time.
const MOST: f64 = 1000.0;

/// Does `work` on the examples block by block, given where each begins and its rows; tells `watch` before each and after the last.
pub fn in_blocks(
    what: &str,
    visible: &Tensor,
    block: usize,
    watch: &mut Watch,
    mut work: impl FnMut(usize, &Tensor) -> Result<()>,
) -> Result<()> {
    let of = visible.dim(0)?;
    for done in (0..of).step_by(block) {
        watch(Portion { what, done, of })?;
        work(done, &visible.narrow(0, done, block.min(of - done))?)?;
    }
    watch(Portion { what, done: of, of })
}

/// Examples that a scheme infers at once. It follows from the scheme and the machine alone, so that equal runs are cut alike.
pub fn scheme_block(scheme: &Scheme, dbm: &Dbm) -> Result<usize> {
    let sizes = dbm.sizes();
    let pass = |sizes: &[usize]| {
        let products: usize = sizes.windows(2).map(|pair| pair[0] * pair[1]).sum();
        products as f64 + UNIT * sizes.iter().sum::<usize>() as f64
    };
    match sweeps(scheme) {
        // A start, the bound and the reconstruction on top; every sweep sends both ways between the hidden layers.
        Some(sweeps) => Ok(fitting(3.0 * pass(&sizes) + 2.0 * sweeps as f64 * pass(&sizes[1..]))),
        None => Ok(exact_block(dbm, table_bits(scheme, dbm)?)),
    }
}

/// Examples whose posteriors are tabulated at once, 2^`bits` states each.
pub fn exact_block(dbm: &Dbm, bits: f64) -> usize {
    let hidden: usize = dbm.sizes().iter().skip(1).sum();
    fitting(PASSES * UNIT * bits.exp2() * hidden as f64)
}

/// Examples of this much work that make a block.
fn fitting(work: f64) -> usize {
    (WORK / work).clamp(1.0, MOST) as usize
}
