//! Floor 5: how good is q, what is ln Z, and what each of those numbers promises.

mod annealing;
mod assess;
mod bound;
mod partition;
mod quantity;

pub use annealing::{Annealing, Chains, Half, Path, Spacing};
pub use assess::{AnyScheme, Assess, Assessment, Average, Reference, Yardstick};
pub use bound::{elbo, elbo_unnormalized, log_evidence_unnormalized, log_likelihood};
pub use partition::{AisReport, LogPartition, Method, ais, bits, exact, feasible};
pub use quantity::{Bounded, Guarantee};
