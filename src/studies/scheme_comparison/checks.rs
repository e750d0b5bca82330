//! What must hold between the schemes: orders, the rate of Gibbs sampling, and identities with exact twins.

use super::SchemeComparison;
use super::contest::{Contest, Entry};
use crate::evaluate::elbo_unnormalized;
use crate::inference::{Inference, Tables};
use crate::math::{Nats, Result, Tensor, host, larger, ln_one_plus_exp, sum_units};
use crate::posterior::{Partition, Posterior};
use crate::studies::Findings;

fn find<'a>(entries: &'a [Entry], name: &str) -> Option<&'a Entry> {
    entries.iter().find(|entry| entry.name == name)
}

/// KL of the first less KL of the second, nats.
fn less(entries: &[Entry], first: &str, second: &str) -> f64 {
    let kl = |name: &str| find(entries, name).and_then(Entry::kl_mean).unwrap_or(f64::NAN);
    kl(first) - kl(second)
}

/// Largest difference of the same, input by input.
fn worst(entries: &[Entry], first: &str, second: &str) -> f64 {
    let kl = |name: &str| find(entries, name).and_then(|entry| entry.kl.clone()).unwrap_or_default();
    kl(first).iter().zip(kl(second)).map(|(first, second)| first - second).fold(f64::NEG_INFINITY, larger)
}

/// Orders of the schemes, and how the error of Gibbs sampling falls.
pub(super) fn orderings(findings: &mut Findings, word: &str, entries: &[Entry], settings: &SchemeComparison) {
    let machine = word.replace('-', "_");
    let mut add = |name: String, value: f64| findings.quantity(format!("{name}_{machine}"), value);
    for (name, first, second) in [
        ("map_less_bottom_up", "MAP", "bottom-up"),
        ("bottom_up_less_one_sweep", "bottom-up", "mean field 1"),
        ("one_sweep_less_converged", "mean field 1", "mean field converged"),
        ("converged_less_structured", "mean field converged", "structured"),
        ("structured_less_exact", "structured", "exact"),
        ("marginals_less_converged", "exact marginals", "mean field converged"),
        ("network_less_converged", "network", "mean field converged"),
        ("network_1_less_converged", "network+1", "mean field converged"),
    ] {
        add(format!("{name}_kl_nats"), less(entries, first, second));
    }
    add("structured_above_mean_field_kl_nats_max".into(), worst(entries, "structured", "mean field converged"));
    let errors = settings.gibbs_sweeps.iter().map(|sweeps| {
        let entry = find(entries, &format!("Gibbs {sweeps}"));
        entry.map_or(f64::NAN, |entry| entry.marginal_error)
    });
    let errors: Nats = errors.collect();
    for (pair, sweeps) in errors.windows(2).zip(settings.gibbs_sweeps.windows(2)) {
        add(format!("gibbs_error_ratio_{}_to_{}", sweeps[0], sweeps[1]), pair[0] / pair[1]);
    }
}

/// Schemes that must give the same answer on different ways.
pub(super) fn identities(findings: &mut Findings, word: &str, contest: &Contest, entries: &[Entry]) -> Result<()> {
    let machine = word.replace('-', "_");
    let evidence = &contest.reference.log_evidence_unnormalized;
    let exact = find(entries, "exact").and_then(|entry| entry.kl.clone()).unwrap_or_default();
    findings.quantity(format!("exact_kl_nats_max_{machine}"), largest(&exact));
    let whole = contest.structured(Tables::OfSize(usize::MAX));
    let whole = whole.infer(contest.dbm, contest.visible, contest.stream)?.q;
    let bounds = elbo_unnormalized(contest.dbm, contest.visible, &whole)?;
    findings.quantity(format!("one_table_kl_nats_max_{machine}"), largest(&differences(evidence, &bounds)));
    let mean_field = contest.mean_field().infer(contest.dbm, contest.visible, contest.stream)?.q;
    let sizes = &contest.dbm.sizes()[1..];
    let singles = Partition::new(sizes, (0..sizes.iter().sum()).map(|unit| vec![unit]).collect())?;
    let singles = contest.structured(Tables::Of(singles)).infer(contest.dbm, contest.visible, contest.stream)?.q;
    let first_order = contest.tap(1).estimate(contest.dbm, contest.visible, contest.stream)?;
    let means = mean_field.means()?;
    findings.quantity(format!("tables_of_one_mean_error_max_{machine}"), apart(&means, &singles.means()?)?);
    findings.quantity(format!("tap_1_mean_error_max_{machine}"), apart(&means, &first_order.means)?);
    findings.quantity(format!("mean_field_kl_by_summation_error_nats_max_{machine}"), by_summation(contest, entries)?);
    Ok(())
}

/// KL(q‖p) of mean field summed over every hidden state, with ln p(h | v) from the one table over all of them, against the KL
/// found as a difference of bounds.
fn by_summation(contest: &Contest, entries: &[Entry]) -> Result<f64> {
    let q = contest.structured(Tables::OfSize(usize::MAX)).infer(contest.dbm, contest.visible, contest.stream)?.q;
    let [block] = q.blocks() else { return Ok(f64::NAN) };
    let inputs = contest.mean_field().infer(contest.dbm, contest.visible, contest.stream)?.q.inputs().to_vec();
    let order: Vec<u32> = q.partition().blocks()[0].iter().map(|&unit| unit as u32).collect();
    let order = Tensor::from_vec(order, q.partition().largest(), block.states.device())?;
    let inputs = Tensor::cat(&inputs, 1)?.index_select(&order, 1)?;
    // ln q(h) = Σ_i (h_i x_i - ln(1 + e^x_i)).
    let normalizers = sum_units(&ln_one_plus_exp(&inputs)?)?.unsqueeze(1)?;
    let log_q = inputs.matmul(&block.states.t()?)?.broadcast_sub(&normalizers)?;
    let kl = host(&(log_q.exp()? * (log_q - &block.log_probs)?)?.sum(1)?)?;
    let found = find(entries, "mean field converged").and_then(|entry| entry.kl.clone()).unwrap_or_default();
    Ok(largest(&differences(&kl, &found)))
}

fn differences(left: &[f64], right: &[f64]) -> Nats {
    left.iter().zip(right).map(|(left, right)| left - right).collect()
}

fn largest(values: &[f64]) -> f64 {
    values.iter().map(|value| value.abs()).fold(0.0, larger)
}

/// Largest difference of any mean.
fn apart(left: &[Tensor], right: &[Tensor]) -> Result<f64> {
    Ok(largest(&host(&(Tensor::cat(left, 1)? - Tensor::cat(right, 1)?)?)?))
}
