//! One page for all claims: a table of them first, then each with its pictures and numbers. It needs nothing but itself.

use super::axis::short;
use super::draw::svg;
use super::equation::mathml;
use super::svg::escaped;
use crate::experiment::reproduce::{Outcome, Reproduction, Tried};
use crate::experiment::{ProgramCommit, Result};
use crate::studies::{Judgement, Sheet};
use std::fmt::Write;

const STYLE: &str = include_str!("style.css");

/// The whole page, as HTML that is well-formed XML too.
pub fn page(reproduction: &Reproduction) -> Result<String> {
    let mut html = String::new();
    let title = "Approximate inference: the claims of the chapter, computed";
    let _ = write!(
        html,
        "<!DOCTYPE html>\n<html lang=\"en\" xmlns=\"http://www.w3.org/1999/xhtml\">\n<head>\n<meta charset=\"utf-8\"/>\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>\n<title>{title}</title>\n\
         <style>\n{STYLE}</style>\n</head>\n<body>\n<header>\n<h1>{title}</h1>\n{}</header>\n",
        lead(reproduction)
    );
    html += &summary(&reproduction.claims);
    let mut section = "";
    for claim in &reproduction.claims {
        if claim.section != section {
            section = claim.section;
            let _ = writeln!(html, "<h2 id=\"{}\">{}</h2>", anchor(section), escaped(section));
        }
        html += &article(claim)?;
    }
    html += &footer(reproduction);
    html += "</body>\n</html>\n";
    Ok(html)
}

fn anchor(section: &str) -> String {
    section.to_lowercase().split_whitespace().collect::<Vec<_>>().join("-").replace(',', "")
}

/// What was done, how it came out in all, and where the sections are.
fn lead(reproduction: &Reproduction) -> String {
    let Reproduction { asked, claims, quick, seconds, .. } = reproduction;
    let size = if *quick { ", at reduced sizes" } else { "" };
    let mut html = format!(
        "<p class=\"lead\">Statements of the chapter “Approximate Inference” (Goodfellow, Bengio and Courville 2016, chapter 19), \
         each held against a computation of its own{size}: {} of {asked} computed in {} seconds.</p>\n<ul class=\"totals\">\n",
        claims.len(),
        seconds.round()
    );
    for outcome in [Outcome::Holds, Outcome::Undecided, Outcome::Refuted, Outcome::Failed] {
        let count = reproduction.count(outcome);
        if count > 0 {
            let _ = writeln!(html, "<li>{count} {}</li>", badge(outcome));
        }
    }
    html += "</ul>\n";
    for contradiction in reproduction.contradictions() {
        let _ = writeln!(html, "<p class=\"error\">Not as its file says: {}.</p>", escaped(&contradiction));
    }
    let mut sections: Vec<&str> = claims.iter().map(|claim| claim.section).collect();
    sections.dedup();
    let links = sections.iter().map(|section| format!("<a href=\"#{}\">{}</a>", anchor(section), escaped(section)));
    let _ = writeln!(html, "<nav>{}</nav>", links.collect::<Vec<_>>().join(" · "));
    html
}

/// The verdict in words, with a sign and a colour of its own.
fn badge(outcome: Outcome) -> String {
    let sign = match outcome {
        Outcome::Holds => "✓",
        Outcome::Undecided => "?",
        Outcome::Refuted => "✗",
        Outcome::Failed => "!",
    };
    format!("<span class=\"verdict {outcome}\">{sign} {outcome}</span>")
}

/// The table of all claims, each with the criterion that decided.
fn summary(claims: &[Tried]) -> String {
    let mut html = String::from(
        "<div class=\"scroll\"><table class=\"summary\">\n<thead><tr><th>claim</th><th>statement</th><th>measured</th>\
         <th class=\"n\">expected</th><th class=\"n\">obtained</th><th>verdict</th><th class=\"n\">seconds</th></tr></thead>\n<tbody>\n",
    );
    for claim in claims {
        let worst = claim.judgements.iter().map(|judgement| judgement.verdict).max();
        let decisive = claim.judgements.iter().find(|judgement| Some(judgement.verdict) == worst);
        let more = claim.judgements.len().saturating_sub(1);
        let more = if more > 0 { format!(" <span class=\"source\">(+{more})</span>") } else { String::new() };
        let cell =
            |text: fn(&Judgement) -> String| decisive.map_or("–".into(), |judgement| escaped(&text(judgement)));
        let _ = writeln!(
            html,
            "<tr><td><a href=\"#{id}\">{id}</a></td><td>{}</td><td>{}{more}</td><td class=\"n\">{}</td><td class=\"n\">{}</td>\
             <td>{}</td><td class=\"n\">{:.1}</td></tr>",
            escaped(&claim.statement),
            cell(|judgement| words(&judgement.criterion.quantity)),
            cell(|judgement| judgement.criterion.to_string()),
            cell(obtained),
            badge(claim.outcome),
            claim.seconds,
            id = escaped(&claim.id),
        );
    }
    html + "</tbody>\n</table></div>\n"
}

/// A name in snake case as words.
fn words(name: &str) -> String {
    name.replace('_', " ")
}

/// What was obtained, with its error.
fn obtained(judgement: &Judgement) -> String {
    match &judgement.obtained {
        None => "not found".into(),
        Some(quantity) => match quantity.error {
            Some(error) => format!("{} ± {}", short(quantity.value, 5), short(error, 2)),
            None => short(quantity.value, 5),
        },
    }
}

/// Everything about one claim.
fn article(claim: &Tried) -> Result<String> {
    let id = escaped(&claim.id);
    let mut html = format!(
        "<article id=\"{id}\">\n<h3><span class=\"id\">{id}</span> {} {}</h3>\n",
        escaped(&claim.statement),
        badge(claim.outcome)
    );
    if !claim.equation.is_empty() {
        let _ = writeln!(html, "<div class=\"equation\">{}</div>", mathml(&claim.equation));
    }
    if !claim.source.is_empty() {
        let _ = writeln!(html, "<p class=\"source\">{}</p>", escaped(&claim.source));
    }
    if let Some(error) = &claim.error {
        let _ = writeln!(html, "<p class=\"error\">It could not be computed: {}</p>", escaped(error));
    }
    if let Some(reason) = &claim.refuted_because {
        let _ =
            writeln!(html, "<p class=\"because\"><strong>Why it does not hold here.</strong> {}</p>", escaped(reason));
    }
    let findings = claim.results.as_ref().map(|results| &results.findings);
    for figure in findings.iter().flat_map(|findings| &findings.figures) {
        let _ = writeln!(
            html,
            "<figure>\n{}<figcaption>{}</figcaption>\n</figure>",
            svg(figure)?,
            escaped(&figure.caption)
        );
    }
    html += &criteria(&claim.judgements);
    for sheet in findings.iter().flat_map(|findings| &findings.sheets) {
        html += &table(sheet);
    }
    let remarks: Vec<String> = findings
        .iter()
        .flat_map(|findings| &findings.remarks)
        .map(|remark| format!("<li>{}</li>", escaped(remark)))
        .collect();
    if !remarks.is_empty() {
        let _ = writeln!(html, "<ul class=\"remarks\">\n{}\n</ul>", remarks.join("\n"));
    }
    html += &made(claim);
    Ok(html + "</article>\n")
}

/// What was expected and obtained, one criterion a row.
fn criteria(judgements: &[Judgement]) -> String {
    if judgements.is_empty() {
        return String::new();
    }
    let row = |judgement: &Judgement| {
        format!(
            "<tr><td>{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td><td>{}</td></tr>\n",
            escaped(&words(&judgement.criterion.quantity)),
            escaped(&judgement.criterion.to_string()),
            escaped(&obtained(judgement)),
            badge(judgement.verdict.into())
        )
    };
    let rows: String = judgements.iter().map(row).collect();
    format!(
        "<div class=\"scroll\"><table>\n<thead><tr><th>measured</th><th class=\"n\">expected</th><th class=\"n\">obtained</th>\
         <th>verdict</th></tr></thead>\n<tbody>\n{rows}</tbody>\n</table></div>\n"
    )
}

/// A table that the study found.
fn table(sheet: &Sheet) -> String {
    let class = |column: usize| if column == 0 { "" } else { " class=\"n\"" };
    let cells = |tag: &str, cells: &[String]| -> String {
        let cell = |(column, text): (usize, &String)| format!("<{tag}{}>{}</{tag}>", class(column), escaped(text));
        cells.iter().enumerate().map(cell).collect()
    };
    let rows: String = sheet.rows.iter().map(|row| format!("<tr>{}</tr>\n", cells("td", row))).collect();
    format!(
        "<div class=\"scroll\"><table>\n<caption>{}</caption>\n<thead><tr>{}</tr></thead>\n<tbody>\n{rows}</tbody>\n</table></div>\n",
        escaped(&sheet.caption),
        cells("th", &sheet.head)
    )
}

/// How it was made, and how to make it again.
fn made(claim: &Tried) -> String {
    let shared = claim.computed_with.as_ref();
    let shared = shared
        .map_or(String::new(), |id| format!(", computed together with <a href=\"#{id}\">{id}</a>", id = escaped(id)));
    format!(
        "<p class=\"made\"><code>{}</code> · seed {} · {:.1} s{shared} · <a href=\"{run}/\">run folder</a></p>\n\
         <details><summary>experiment file</summary><pre>{}</pre></details>\n",
        escaped(&claim.command),
        claim.seed,
        claim.seconds,
        escaped(claim.text.trim_end()),
        run = escaped(&claim.run.display().to_string()),
    )
}

/// The program, the machine and the moment.
fn footer(reproduction: &Reproduction) -> String {
    let origin = &reproduction.origin;
    let commit = match &origin.program_commit {
        Some(ProgramCommit { hash, changed }) => format!("{hash}{}", if *changed { ", with changes" } else { "" }),
        None => "built outside its repository".into(),
    };
    let rows = [
        ("command", reproduction.command.clone()),
        ("program", format!("dbm-workbench {}", origin.version)),
        ("commit", commit),
        ("experiments", reproduction.experiments.clone()),
        ("begun", reproduction.started.clone()),
        ("took", format!("{:.0} s", reproduction.seconds)),
        ("machine", format!("{}, {}", origin.platform, origin.cpu_features.join(" "))),
        ("threads", format!("{}; results do not depend on them", origin.threads)),
    ];
    let row = |(what, is): &(&str, String)| format!("<tr><td>{what}</td><td>{}</td></tr>\n", escaped(is));
    let rows: String = rows.iter().map(row).collect();
    format!("<footer>\n<table><tbody>\n{rows}</tbody></table>\n</footer>\n")
}
