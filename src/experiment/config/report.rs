//! Messages that point: file, line, column, the line itself with carets, what is allowed, what was probably meant.

use std::fmt::Write;
use std::ops::Range;

/// `file:line:column: headline`, the line with carets under the span, then the notes.
pub fn point(file: &str, text: &str, span: Option<Range<usize>>, messages: &[String]) -> String {
    let (headline, notes) = messages.split_first().map_or(("", &[][..]), |(first, rest)| (first.as_str(), rest));
    let mut report = String::new();
    let mut margin = 1;
    match span.and_then(|span| Place::of(text, span)) {
        Some(Place { line, column, content, width }) => {
            let number = line.to_string();
            margin = number.len();
            let _ = writeln!(report, "{file}:{line}:{column}: {headline}");
            let _ = writeln!(report, "{:margin$} |\n{number} | {content}", "");
            let _ = writeln!(report, "{:margin$} | {:indent$}{}", "", "", "^".repeat(width), indent = column - 1);
        }
        None => {
            let _ = writeln!(report, "{file}: {headline}");
        }
    }
    for note in notes {
        let _ = writeln!(report, "{:margin$} = {note}", "");
    }
    report.trim_end().to_string()
}

/// Where a span begins, counted from 1, and how much of its first line it covers.
struct Place<'t> {
    line: usize,
    column: usize,
    content: &'t str,
    width: usize,
}

impl<'t> Place<'t> {
    fn of(text: &'t str, span: Range<usize>) -> Option<Self> {
        let before = text.get(..span.start)?;
        let start = before.rfind('\n').map_or(0, |newline| newline + 1);
        let content = text.get(start..)?.lines().next().unwrap_or_default();
        let inside = text.get(span.start..span.end.min(start + content.len()).max(span.start))?;
        Some(Self {
            line: before.matches('\n').count() + 1,
            column: text.get(start..span.start)?.chars().count() + 1,
            content,
            width: inside.chars().count().max(1),
        })
    }
}

/// A deserialisation message in plain words: the headline, the allowed words, what was probably meant.
pub fn plain(message: &str) -> Vec<String> {
    let message = message.trim();
    let unknown = [("unknown field ", "unknown key "), ("unknown variant ", "unknown choice ")];
    for (technical, headline) in unknown {
        if let Some((found, expected)) = message
            .strip_prefix(technical)
            .and_then(|rest| rest.split_once(", expected ").or(rest.split_once(", there")))
        {
            let allowed: Vec<&str> = expected.split('`').skip(1).step_by(2).collect();
            let mut messages = vec![format!("{headline}{found}")];
            match allowed.as_slice() {
                [] => messages.push("no settings are allowed here".into()),
                words => messages.push(format!("allowed: {}", words.join(", "))),
            }
            messages
                .extend(suggestion(found.trim_matches('`'), &allowed).map(|near| format!("did you mean `{near}`?")));
            return messages;
        }
    }
    if let Some(key) = message.strip_prefix("missing field ") {
        return vec![format!("{key} is missing here"), format!("add: {} = …", key.trim_matches('`'))];
    }
    if let Some((found, expected)) = message
        .strip_prefix("invalid type: ")
        .or(message.strip_prefix("invalid value: "))
        .and_then(|rest| rest.split_once(", expected "))
    {
        return vec![format!("expected {}, found {}", everyday(expected), everyday(found))];
    }
    let mut lines = message.lines().map(String::from);
    lines.next().into_iter().chain(lines).collect()
}

/// A type of the program, or a kind of value, in everyday words.
fn everyday(kind: &str) -> String {
    let replaced = match kind {
        "usize" | "u64" | "u32" => "a whole number (0 or more)".to_string(),
        "f64" => "a number".into(),
        "a boolean" => "true or false".into(),
        "a string" | "path string" => "text in quotes".into(),
        "a sequence" => "a list in [ ]".into(),
        "unit variant" => "a word without settings".into(),
        other => other.to_string(),
    };
    let words = [
        ("floating point `", "the number `"),
        ("integer `", "the number `"),
        ("string \"", "the text \""),
        ("boolean `", "`"),
        ("sequence", "a list"),
        ("map", "a table"),
        ("an array of length 2", "a list of two numbers"),
    ];
    let mut text = replaced;
    for (technical, plain) in words {
        if let Some(rest) = text.strip_prefix(technical) {
            text = format!("{plain}{rest}");
            break;
        }
    }
    let text = text.trim_end_matches(" as i128").trim_end_matches(" as u128").to_string();
    match text.strip_prefix("struct ").or(text.strip_prefix("struct variant ")) {
        Some(_) => "a table of settings".into(),
        None => text,
    }
}

/// The allowed word nearest to what was written, if any is near.
pub fn suggestion<'a>(found: &str, allowed: &[&'a str]) -> Option<&'a str> {
    let score = |word: &str| strsim::normalized_damerau_levenshtein(found, word).max(inside(found, word));
    let best = allowed.iter().map(|word| (score(word), *word)).max_by(|a, b| a.0.total_cmp(&b.0));
    best.filter(|(score, _)| *score >= 0.5).map(|(_, word)| word)
}

/// A half-remembered name: `rate` for `learning_rate`.
fn inside(found: &str, word: &str) -> f64 {
    let is_inside = found.len() >= 3 && (word.contains(found) || found.contains(word));
    if is_inside { 0.5 } else { 0.0 }
}
