//! Tables for people.

use super::log_partition;
use crate::evaluate::Guarantee;
use crate::experiment::profile::Profile;
use crate::experiment::reproduce::Reproduction;
use crate::experiment::results::{JudgedFile, Results, SchemeResult};
use crate::experiment::study::StudyResults;
use crate::studies::Judgement;
use comfy_table::{Cell, CellAlignment, ContentArrangement, Table, presets};

/// A table with a head; every column but the first is aligned to the right.
pub fn table(head: &[&str], rows: Vec<Vec<String>>) -> String {
    let mut table = Table::new();
    table.load_style(presets::ASCII_MARKDOWN).set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(head.iter().map(Cell::new));
    for row in rows {
        table.add_row(row);
    }
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table.to_string()
}

/// A number with so many decimals: never minus zero, and in powers of ten where it would not fit a column.
pub fn number(value: f64, decimals: usize) -> String {
    if value.abs() >= 1e7 {
        return format!("{value:.3e}");
    }
    let text = format!("{value:.decimals$}");
    match text.strip_prefix('-') {
        Some(size) if !size.contains(|c: char| ('1'..='9').contains(&c)) => size.to_string(),
        _ => text,
    }
}

/// A number and its error, where that is known.
pub fn with_error(value: f64, decimals: usize, error: Option<f64>, error_decimals: usize) -> String {
    let error = error.map_or(String::new(), |error| format!(" ± {}", number(error, error_decimals)));
    number(value, decimals) + &error
}

/// A number that is not always known.
pub fn known(value: Option<f64>, decimals: usize) -> String {
    value.map_or("–".into(), |value| number(value, decimals))
}

/// So many of them, in words.
pub fn counted(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

/// The comparison of schemes on one model, with what its numbers promise.
pub fn results(results: &Results) -> String {
    let columns = if results.schemes.iter().any(|scheme| scheme.objective.is_some()) { codes } else { bounds };
    let layers = results.sizes.iter().map(ToString::to_string).collect::<Vec<_>>().join("-");
    let kind = results.kind.as_ref().map_or(String::new(), |kind| format!("{kind} "));
    let mut text = format!("{kind}{layers} on {} of {}\n", counted(results.examples, "example"), results.data);
    text += &results.model.as_ref().map_or(String::new(), model);
    if results.kind.is_none() {
        text += &format!(
            "log Z = {} nats, by {}\n",
            log_partition::bounded(&results.log_partition),
            log_partition::method(&results.log_partition)
        );
        text += &log_partition::details(&results.log_partition);
    }
    if let (Some(nats), Some(guarantee)) = (results.log_likelihood_nats_mean, results.log_likelihood_guarantee) {
        text += &format!("mean log p(v) = {} nats ({guarantee})\n", number(nats, 3));
    }
    if let Some(percent) = results.label_error_percent {
        text += &format!("label error by the exact p(label | v) = {} %\n", number(percent, 2));
    }
    text + &columns(results) + &classification(results) + &warnings(&results.warnings) + &cautions(&results.cautions)
}

/// How often a fine-tuned net is wrong, on a line of its own.
fn classification(results: &Results) -> String {
    results.classification.as_ref().map_or(String::new(), |named| {
        format!(
            "fine-tuned net: {} % of the test examples get a wrong class ({} of {}), {} % of the training examples\n",
            with_error(named.error_percent, 2, Some(named.error_percent_error), 2),
            named.wrong,
            named.examples,
            number(named.training_error_percent, 2)
        )
    })
}

/// The columns of schemes that find most probable codes, and what they are.
fn codes(results: &Results) -> String {
    let head = [
        "scheme",
        "objective",
        "duality gap",
        "largest gap",
        "active",
        "recon. error",
        "iterations",
        "converged",
        "µs/example",
    ];
    let rows = results.schemes.iter().filter_map(|scheme| Some((scheme, scheme.objective.as_ref()?)));
    let rows = rows.map(|(scheme, objective)| {
        vec![
            scheme.name.clone(),
            with_error(objective.mean, 4, objective.error, 4),
            format!("{:.2e}", objective.duality_gap_mean),
            format!("{:.2e}", objective.duality_gap_largest),
            format!("{:.1} %", 100.0 * objective.active_fraction_mean),
            number(scheme.reconstruction_error_mean, 4),
            number(scheme.sweeps_mean, 1),
            converged(scheme),
            number(scheme.time_us_per_example, 1),
        ]
    });
    let table = table(&head, rows.collect());
    format!(
        "{table}\nobjective: -ln p(v, h) but for a constant, mean over examples ± its standard error over them; the duality gap is the most \
         that it may be above its minimum.\nA single point has no finite bound on log p(v): its ELBO is minus infinity.\n"
    )
}

fn converged(scheme: &SchemeResult) -> String {
    scheme.converged_fraction.map_or("–".into(), |share| format!("{:.0} %", 100.0 * share))
}

/// The columns of schemes that bound log p(v), and what they promise.
fn bounds(results: &Results) -> String {
    let exact = results.schemes.iter().any(|scheme| scheme.kl_nats_mean.is_some());
    let mut head = vec!["scheme", "ELBO (nats)", "gap to best", "recon. error", "sweeps", "converged", "µs/example"];
    if exact {
        head.extend(["KL to exact", "marginal error"]);
    }
    let classes = results.schemes.iter().any(|scheme| scheme.label_error_percent.is_some());
    if classes {
        head.push("label error");
    }
    let rows = results.schemes.iter().map(|scheme| {
        let mut row = vec![
            scheme.name.clone(),
            mark(scheme.elbo_guarantee) + &elbo(scheme),
            gap(scheme),
            known(Some(scheme.reconstruction_error_mean).filter(|error| !error.is_nan()), 4),
            number(scheme.sweeps_mean, 1),
            converged(scheme),
            number(scheme.time_us_per_example, 1),
        ];
        if exact {
            row.extend([kl(scheme), known(scheme.marginal_error_mean, 5)]);
        }
        if classes {
            row.push(scheme.label_error_percent.map_or("–".into(), |percent| format!("{} %", number(percent, 2))));
        }
        row
    });
    format!("{}\n{}\n", table(&head, rows.collect()), promise(results))
}

/// The statement of a study, what was expected and obtained, and the verdict.
pub fn study(results: &StudyResults) -> String {
    let rows = results.judgements.iter().map(|judgement| judged(judgement).to_vec());
    let table = table(&["quantity", "expected", "obtained", "verdict"], rows.collect());
    let reason = results.refuted_because.as_ref().map_or(String::new(), |reason| format!("because: {reason}\n"));
    let (statement, verdict, seconds) = (&results.statement, results.verdict, number(results.seconds, 1));
    format!("{statement}\n{table}\nverdict: {verdict} ({seconds} s)\n{reason}")
}

/// Quantity, expected, obtained, verdict.
fn judged(judgement: &Judgement) -> [String; 4] {
    let obtained = judgement.obtained.as_ref();
    let digits =
        |value: f64| if value != 0.0 && value.abs() < 1e-3 { format!("{value:.2e}") } else { number(value, 5) };
    let error = obtained.and_then(|quantity| quantity.error).map_or(String::new(), |e| format!(" ± {}", digits(e)));
    [
        judgement.criterion.quantity.clone(),
        judgement.criterion.to_string(),
        obtained.map_or("not found".into(), |quantity| digits(quantity.value)) + &error,
        judgement.verdict.to_string(),
    ]
}

/// Every claim with every criterion, and the totals.
pub fn reproduction(reproduction: &Reproduction) -> String {
    let mut rows = Vec::new();
    for claim in &reproduction.claims {
        let own = [claim.id.clone(), number(claim.seconds, 1)];
        if claim.judgements.is_empty() {
            let missing = ["–".into(), "–".into(), "–".into(), claim.outcome.to_string()];
            rows.push([&own[..1], &missing[..], &own[1..]].concat());
        }
        for (at, judgement) in claim.judgements.iter().enumerate() {
            let own = if at == 0 { own.clone() } else { Default::default() };
            rows.push([&own[..1], &judged(judgement)[..], &own[1..]].concat());
        }
    }
    let table = table(&["claim", "quantity", "expected", "obtained", "verdict", "seconds"], rows);
    let known = reproduction.claims.iter().filter_map(|claim| {
        let reason = claim.refuted_because.as_ref()?;
        Some(format!("{} is refuted because: {reason}\n", claim.id))
    });
    let known: String = known.collect();
    let (totals, seconds) = (reproduction.totals(), number(reproduction.seconds, 0));
    format!("{table}\n{known}{totals} ({seconds} s)\nreport: {}", reproduction.report.display())
}

/// What the wall time of a run was spent on, and the whole of it.
pub fn profile(profile: &Profile) -> String {
    let row = |phase: &str, seconds, share| vec![phase.to_string(), number(seconds, 2), number(100.0 * share, 1)];
    let mut rows: Vec<_> = profile.phases.iter().map(|spent| row(&spent.phase, spent.seconds, spent.share)).collect();
    rows.push(row("whole run", profile.seconds, 1.0));
    table(&["phase", "seconds", "% of wall time"], rows)
}

/// Which file a model was read from, on a line of its own.
pub fn model(JudgedFile { file, step }: &JudgedFile) -> String {
    let step = step.map_or(String::new(), |step| format!(" (step {step})"));
    format!("model: {}{step}\n", file.display())
}

/// One line each.
pub fn warnings(warnings: &[String]) -> String {
    warnings.iter().map(|warning| format!("warning: {warning}\n")).collect()
}

fn cautions(cautions: &[String]) -> String {
    cautions.iter().map(|caution| format!("caution: {caution}\n")).collect()
}

/// The mean ELBO and its error, without what it promises.
pub fn elbo(scheme: &SchemeResult) -> String {
    with_error(scheme.elbo_nats_mean, 3, scheme.elbo_nats_error, 2)
}

/// The gap to the best scheme and its error, marked where it promises nothing.
pub fn gap(scheme: &SchemeResult) -> String {
    mark(scheme.gap_guarantee) + &with_error(scheme.gap_nats_mean, 4, scheme.gap_nats_error, 4)
}

/// The divergence from the exact posterior, where it is known, marked where it promises nothing.
pub fn kl(scheme: &SchemeResult) -> String {
    scheme.kl_guarantee.map_or(String::new(), mark) + &known(scheme.kl_nats_mean, 5)
}

/// Stands before a number that promises nothing.
fn mark(guarantee: Guarantee) -> String {
    if guarantee == Guarantee::Approximation { "≈ ".into() } else { String::new() }
}

/// What the numbers of the table are, in a sentence.
fn promise(results: &Results) -> String {
    let promises = || results.schemes.iter().map(|scheme| scheme.elbo_guarantee);
    let tight = promises().any(|guarantee| guarantee == Guarantee::Exact);
    // An approximation among bounds is marked where it stands.
    let named = promises().filter(|guarantee| *guarantee != Guarantee::Exact);
    let what = match named.min_by_key(|guarantee| *guarantee == Guarantee::Approximation) {
        None => "log p(v) itself".into(),
        Some(guarantee) if tight => format!("{guarantee} of log p(v), by exact inference log p(v) itself"),
        Some(guarantee) => format!("{guarantee} of log p(v)"),
    };
    let on_top = if results.log_partition.error.is_some() { "; the error of log Z comes on top" } else { "" };
    let loose = promises().any(|guarantee| guarantee == Guarantee::Approximation);
    let loose = if loose { "\n≈ marks numbers that promise nothing about log p(v): see the warning." } else { "" };
    format!("ELBO: {what}; mean over examples ± its standard error over them{on_top}.{loose}")
}
