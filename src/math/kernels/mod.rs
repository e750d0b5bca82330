//! Kernels for `f32` on the processor: matrix products fused with what is read off their results.
//!
//! A kernel is written once over registers of any width and compiled for every width; [`Level`] names which one runs. Sums are
//! taken in the same order with the same fused multiply-adds at every width, whatever the number of rows or threads, so results
//! are the same bits on every processor. Threads share columns, never the inner dimension.

mod blocks;
mod heat;
mod lanes;
mod lit;
mod outer;
mod panels;
mod read;
mod settle;
mod values;

pub use blocks::{Blocks, Towards};
pub use heat::{Heat, along, heat};
pub use outer::{Outer, Step, ascend, outer};
pub use panels::{Line, Panels, WIDTH};
use pulp::{Scalar, Simd, WithSimd};
pub use read::{Own, Read, Source, inputs, read, read_off};
use std::sync::OnceLock;
pub use values::{AdamStep, adam, hyperbolic_tangents, means, soft_pluses};

/// Multiply-adds below which a second thread costs more than it saves.
const PARALLEL_FROM: usize = 1 << 17;

/// What a function of one unit costs, in multiply-adds.
const UNIT: usize = 32;

/// What the kernels of this process run at: set once, by a choice or else by the first question.
static CHOSEN: OnceLock<Option<Level>> = OnceLock::new();

/// The instructions a kernel is compiled for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// Any processor; slow where there is no fused multiply-add.
    Portable,
    /// 256-bit registers with fused multiply-add.
    Avx2,
    /// 512-bit registers.
    Avx512,
}

impl Level {
    /// Every level, slowest first.
    pub const ALL: [Self; 3] = [Self::Portable, Self::Avx2, Self::Avx512];

    /// Whether this processor has it.
    pub fn is_available(self) -> bool {
        match self {
            Self::Portable => true,
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => pulp::x86::V3::try_new().is_some(),
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => pulp::x86::V4::try_new().is_some(),
            #[cfg(not(target_arch = "x86_64"))]
            _ => false,
        }
    }

    /// The fastest level of this processor; none where kernels would be slower than composed products.
    pub fn fastest() -> Option<Self> {
        Self::ALL.into_iter().rev().find(|level| level.is_available()).filter(|&level| level != Self::Portable)
    }

    /// The level of this process.
    pub fn best() -> Self {
        chosen().unwrap_or(Self::Portable)
    }

    /// Runs a kernel compiled for this level.
    fn run<K: WithSimd>(self, kernel: K) -> K::Output {
        #[cfg(target_arch = "x86_64")]
        match self {
            Self::Portable => {}
            Self::Avx2 => {
                if let Some(simd) = pulp::x86::V3::try_new() {
                    return Simd::vectorize(simd, kernel);
                }
            }
            Self::Avx512 => {
                if let Some(simd) = pulp::x86::V4::try_new() {
                    return Simd::vectorize(simd, kernel);
                }
            }
        }
        kernel.with_simd(Scalar::new())
    }
}

/// Chooses the level of this process, none = no kernels; to be called before any work. Fails with the level there is already, if
/// that is another. A level that this processor lacks computes as the portable one.
pub fn choose(level: Option<Level>) -> Result<(), Option<Level>> {
    let there = *CHOSEN.get_or_init(|| level);
    if there == level { Ok(()) } else { Err(there) }
}

/// What was chosen, or else the fastest; none where the kernels do not serve and tensor operations are composed instead.
pub fn chosen() -> Option<Level> {
    *CHOSEN.get_or_init(Level::fastest)
}

/// Whether the kernels serve this process.
pub fn serve() -> bool {
    chosen().is_some()
}

/// Work on panels, which threads can share.
trait Panelled: WithSimd<Output = ()> + Send + Sized {
    /// Panels it goes over.
    fn panels(&self) -> usize;
    /// The first `panels` of them, and the others.
    fn cut(self, panels: usize) -> (Self, Self);
}

/// Does work of so many multiply-adds on one thread or on all.
fn spread<K: Panelled>(level: Level, work: usize, kernel: K) {
    halve(level, if work < PARALLEL_FROM { 1 } else { rayon::current_num_threads() }, kernel);
}

/// Halves the panels until there is a part for each thread.
fn halve<K: Panelled>(level: Level, threads: usize, kernel: K) {
    let panels = kernel.panels();
    if threads < 2 || panels < 2 {
        return level.run(kernel);
    }
    let (lower, upper) = kernel.cut(panels * (threads / 2) / threads);
    rayon::join(|| halve(level, threads / 2, lower), || halve(level, threads - threads / 2, upper));
}
