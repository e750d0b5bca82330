//! The pictures: divergence and error of the marginals against cost, one point per scheme.

use super::contest::Entry;
use crate::math::smaller;
use crate::studies::{Axis, Figure, Mark};

/// Smaller divergences are rounding, and have no place on a scale of logarithms.
const ROUNDING: f64 = 1e-9;

/// KL(q‖p) against cost.
pub(super) fn divergence(word: &str, entries: &[Entry]) -> Figure {
    let points = entries.iter().filter_map(|entry| Some((entry, entry.kl_mean()?)));
    let found: Vec<(f64, f64, &str)> = points.map(|(entry, kl)| (entry.cost, kl, &entry.name[..])).collect();
    let least = found.iter().map(|(_, kl, _)| *kl).filter(|kl| *kl > ROUNDING).fold(f64::INFINITY, smaller);
    // Zero is drawn a factor of four below the least that is not zero.
    let shown = |kl: f64| if kl > ROUNDING { kl } else { least / 4.0 };
    let of = |name: &str| found.iter().find(|(_, _, other)| *other == name).map_or(f64::NAN, |(_, kl, _)| *kl);
    let caption = format!(
        "{word}: from {:.2} nats of the best point to {:.3} of mean field and {:.3} of tables over columns; a fitted network comes within \
         {:.4} nats of mean field for the price of one pass. Exact inference (0 nats) is drawn at the lower edge: cheap on so small a \
         machine, it doubles with every unit of the smaller half of alternate layers.",
        of("MAP"),
        of("mean field converged"),
        of("structured"),
        of("network") - of("mean field converged")
    );
    let axes = (Axis::log("multiply-adds for one input"), Axis::log("KL(q‖p), nats, mean over inputs"));
    let title = format!("All schemes on {word}: distance from the posterior");
    let labelled = found.iter().map(|(cost, kl, name)| (*cost, shown(*kl), (*name).to_string())).collect();
    Figure::new(title, caption, axes.0, axes.1)
        .dots("", found.iter().map(|(cost, kl, _)| (*cost, shown(*kl))))
        .with(Mark::Labels { points: labelled })
}

/// The error of the marginals against cost, where there is one.
pub(super) fn marginals(word: &str, entries: &[Entry]) -> Figure {
    let erring: Vec<&Entry> = entries.iter().filter(|entry| entry.marginal_error > ROUNDING).collect();
    let of = |name: &str| erring.iter().find(|entry| entry.name == name).map_or(f64::NAN, |entry| entry.marginal_error);
    let gibbs = erring.iter().filter(|entry| entry.name.starts_with("Gibbs"));
    let gibbs: Vec<(f64, f64)> = gibbs.map(|entry| (entry.cost, entry.marginal_error)).collect();
    let caption = format!(
        "{word}: the second order of TAP errs by {:.4} a unit where mean field errs by {:.4}; the error of Gibbs sampling falls with \
         the root of its sweeps. Exact answers err by nothing and are not drawn.",
        of("TAP 2"),
        of("mean field converged")
    );
    let axes = (Axis::log("multiply-adds for one input"), Axis::log("error of a hidden unit's mean, mean over inputs"));
    let points = erring.iter().map(|entry| (entry.cost, entry.marginal_error, entry.name.clone()));
    let title = format!("All schemes on {word}: error of the marginals");
    Figure::new(title, caption, axes.0, axes.1)
        .dashed("Gibbs sampling", gibbs)
        .dots("", erring.iter().map(|entry| (entry.cost, entry.marginal_error)))
        .with(Mark::Labels { points: points.collect() })
}
