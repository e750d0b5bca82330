//! Floor 5: how good is q, what is ln Z, and what each of those numbers promises.

mod annealing;
mod assess;
mod bound;
mod exhaustive;
mod fused;
mod partition;
mod quantity;
mod reverse;

pub use annealing::{Annealed, Annealing, Half, Path, Spacing};
pub use assess::{AnyScheme, Assess, Assessment, Average, Reference, Yardstick};
pub use bound::{elbo, elbo_unnormalized};
pub use exhaustive::{RaiseMoments, WeightMoments};
pub use partition::{AisReport, ExactSum, LogPartition, Method, ais, bits, exact, posterior_bits};
pub use quantity::{Bounded, Guarantee};
pub use reverse::{Sandwich, raise, reverse};
