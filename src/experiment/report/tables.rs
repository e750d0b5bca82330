//! One page for a collection of published tables.

use super::axis::short;
use super::svg::escaped;
use crate::experiment::Status;
use crate::experiment::collection::{Obtained, Reproduced, RowResult, RunRecord, TableResult};
use crate::studies::Verdict;
use std::fmt::Write;

const STYLE: &str = include_str!("style.css");

/// The whole page, as HTML that is well-formed XML too.
pub fn tables(reproduced: &Reproduced) -> String {
    let Reproduced { title, source, note, quick, command, .. } = reproduced;
    let size = if *quick {
        "<p class=\"because\">At the quick size: other data and smaller models, nothing to hold against what was published.</p>\n"
    } else {
        ""
    };
    let mut html = format!(
        "<!DOCTYPE html>\n<html lang=\"en\" xmlns=\"http://www.w3.org/1999/xhtml\">\n<head>\n<meta charset=\"utf-8\"/>\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>\n<title>{0}</title>\n<style>\n{STYLE}</style>\n</head>\n\
         <body>\n<header>\n<h1>{0}</h1>\n<p class=\"source\">{1}</p>\n<p class=\"lead\">{2}</p>\n{size}</header>\n",
        escaped(title),
        escaped(source),
        escaped(note)
    );
    for contradiction in reproduced.contradictions() {
        let _ = writeln!(html, "<p class=\"error\">Not as the files say: {}.</p>", escaped(&contradiction));
    }
    reproduced.tables.iter().for_each(|one| html += &table(one));
    html += &runs(&reproduced.runs);
    let _ = write!(html, "<footer><p>{}</p></footer>\n</body>\n</html>\n", escaped(command));
    html
}

fn table(table: &TableResult) -> String {
    let mut html = format!(
        "<h2>{}</h2>\n<div class=\"scroll\"><table class=\"summary\">\n<thead><tr><th>row</th><th class=\"n\">published, {1}</th>\
         <th class=\"n\">obtained, {1}</th><th class=\"n\">expected</th><th>verdict</th></tr></thead>\n<tbody>\n",
        escaped(&table.title),
        escaped(&table.unit)
    );
    for row in &table.rows {
        let RowResult { label, published, expected, .. } = row;
        let published = published.map_or("–".into(), |figure| format!("{figure:.*}", table.decimals));
        let _ = writeln!(
            html,
            "<tr><td>{}</td><td class=\"n\">{published}</td><td class=\"n\">{}</td><td class=\"n\">{}</td><td>{}</td></tr>",
            escaped(label),
            obtained(row.obtained.as_ref(), table.decimals),
            escaped(expected.as_deref().unwrap_or("–")),
            row.verdict.map_or("–".into(), badge),
        );
    }
    html += "</tbody>\n</table></div>\n";
    for order in &table.orders {
        let verdict = order.verdict.map_or("not yet known".into(), badge);
        let _ =
            writeln!(html, "<p>In this order, the worst first: {}: {verdict}</p>", escaped(&order.rows.join(" < ")));
    }
    for (label, words) in table.shortfalls() {
        let _ = writeln!(html, "<p class=\"because\"><strong>{}.</strong> {}</p>", escaped(label), escaped(&words));
    }
    if !table.note.is_empty() {
        let _ = writeln!(html, "<p class=\"source\">{}</p>", escaped(&table.note));
    }
    html
}

fn obtained(obtained: Option<&Obtained>, decimals: usize) -> String {
    let Some(Obtained { value, error, .. }) = obtained else { return "not yet run".into() };
    let error = error.map_or(String::new(), |error| format!(" ± {}", short(error, 2)));
    format!("{value:.decimals$}{error}")
}

fn badge(verdict: Verdict) -> String {
    let sign = match verdict {
        Verdict::Holds => "✓",
        Verdict::Undecided => "?",
        Verdict::Refuted => "✗",
    };
    format!("<span class=\"verdict {verdict}\">{sign} {verdict}</span>")
}

/// Every run: how it stands, how long it took, what it was made by.
fn runs(runs: &[RunRecord]) -> String {
    let mut html = String::from(
        "<h2>Runs</h2>\n<div class=\"scroll\"><table class=\"summary\">\n<thead><tr><th>run</th><th>status</th><th class=\"n\">hours</th>\
         <th class=\"n\">seed</th><th>version</th><th class=\"n\">threads</th><th>settings</th></tr></thead>\n<tbody>\n",
    );
    for run in runs {
        let status = match (&run.error, run.status) {
            (Some(_), _) | (_, Some(Status::Failed)) => "failed",
            (_, None) => "not yet run",
            (_, Some(Status::Finished)) => "finished",
            (_, Some(Status::Running | Status::Interrupted)) => "stopped on the way",
        };
        let version = run.origin.as_ref().map_or("–".into(), |origin| origin.version.clone());
        let threads = run.origin.as_ref().map_or("–".into(), |origin| origin.threads.to_string());
        let (name, settings) = (escaped(&run.name), run.settings_sha256.get(..12).unwrap_or_default());
        let _ = writeln!(
            html,
            "<tr><td>{name}</td><td>{status}</td><td class=\"n\">{:.2}</td><td class=\"n\">{}</td><td>{}</td><td class=\"n\">{threads}</td>\
             <td>{settings}</td></tr>",
            run.hours,
            run.seed,
            escaped(&version),
        );
    }
    html += "</tbody>\n</table></div>\n";
    for run in runs {
        for warning in run.warnings.iter().chain(&run.error) {
            let _ = writeln!(html, "<p class=\"error\">{}: {}</p>", escaped(&run.name), escaped(warning));
        }
    }
    html
}
