//! Tables for people.

use crate::evaluate::Bounded;
use crate::experiment::results::{LogPartitionResult, Results};
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

/// The comparison of schemes on one model, with what its numbers promise.
pub fn results(results: &Results) -> String {
    let exact = results.schemes.iter().any(|scheme| scheme.kl_nats_mean.is_some());
    let mut head = vec!["scheme", "ELBO (nats)", "gap to best", "recon. error", "sweeps", "converged", "µs/example"];
    if exact {
        head.extend(["KL to exact", "marginal error"]);
    }
    let rows = results.schemes.iter().map(|scheme| {
        let error = scheme.elbo_nats_error.map_or(String::new(), |error| format!(" ± {error:.2}"));
        let mut row = vec![
            scheme.name.clone(),
            format!("{:.3}{error}", scheme.elbo_nats_mean),
            format!("{:.4}", scheme.gap_nats_mean),
            format!("{:.4}", scheme.reconstruction_error_mean),
            format!("{:.1}", scheme.sweeps_mean),
            format!("{:.0} %", 100.0 * scheme.converged_fraction),
            format!("{:.1}", scheme.time_us_per_example),
        ];
        if exact {
            let text = |value: Option<f64>| value.map_or("–".into(), |value| format!("{value:.5}"));
            row.extend([text(scheme.kl_nats_mean), text(scheme.marginal_error_mean)]);
        }
        row
    });
    let layers = results.sizes.iter().map(ToString::to_string).collect::<Vec<_>>().join("-");
    let mut text = format!("{layers} on {} examples of {}\n", results.examples, results.data);
    text += &format!("log Z = {} nats, by {}\n", bounded(&results.log_partition), method(&results.log_partition));
    if let (Some(nats), Some(guarantee)) = (results.log_likelihood_nats_mean, results.log_likelihood_guarantee) {
        text += &format!("mean log p(v) = {nats:.3} nats ({guarantee})\n");
    }
    text += &table(&head, rows.collect());
    text += &format!(
        "\nELBO: {} of log p(v), mean over examples ± its standard error over them{}.\n",
        results.elbo_guarantee(),
        if results.log_partition.error.is_some() { "; the error of log Z comes on top" } else { "" }
    );
    for warning in &results.warnings {
        text += &format!("warning: {warning}\n");
    }
    text
}

fn bounded(value: &LogPartitionResult) -> Bounded {
    Bounded { nats: value.nats, error: value.error, guarantee: value.guarantee }
}

fn method(value: &LogPartitionResult) -> String {
    match value.effective_chains {
        Some(chains) => format!("{} (worth {chains:.0} independent chains)", value.method.to_uppercase()),
        None => "enumeration of alternate layers".into(),
    }
}
