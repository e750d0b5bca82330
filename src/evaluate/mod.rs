//! Floor 5: how good is q, what is ln Z, and what each of those numbers promises.

mod annealing;
mod assess;
mod bound;
mod clamped;
mod doubt;
mod ends;
mod exhaustive;
mod fused;
mod importance;
mod labels;
mod partition;
mod point;
mod quantity;
mod reverse;
mod vae;

pub use annealing::{Annealed, Annealing, Half, Path, Spacing};
pub use assess::{AnyScheme, Assess, Assessment, Average, Reference, Yardstick};
pub use bound::{elbo, elbo_unnormalized};
pub use clamped::{Sampled, Weighing};
pub use doubt::{Doubt, base_distance, contradicted, effective_sample_size, far_base, normal_distance};
pub use ends::{RaiseReport, ReverseReport, Samples};
pub use exhaustive::{RaiseMoments, WeightMoments};
pub use importance::{ImportanceBound, log_weights};
pub use labels::{error_percent, exact_labels, likeliest};
pub use partition::{AisReport, ExactSum, LogPartition, Method, ais, bits, exact, posterior_bits};
pub use point::{ENTROPY_OF_A_POINT, elbo_of_point};
pub use quantity::{Bounded, Guarantee};
pub use reverse::{Raising, importance, raise, reverse, sandwich};
pub use vae::{elbo_by_quadrature, importance_weighted, log_evidence_by_quadrature, sampled_elbo};
