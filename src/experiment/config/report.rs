//! Messages that point: file, line, column, the line itself with carets, what is allowed, what was probably meant.

use super::resolved::summary;
use super::{Experiment, Pretrain, Source, Train};
use std::fmt::Write;
use std::ops::Range;

/// Joins a headline and its notes where there is no line to show.
pub const NOTE: &str = "\n  = ";

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
            // A tab stays a tab, so that the carets stand under what they mean.
            let indent = content.chars().take(column - 1).map(|c| if c == '\t' { '\t' } else { ' ' });
            let carets = indent.chain(std::iter::repeat_n('^', width)).collect::<String>();
            let _ = writeln!(report, "{:margin$} | {carets}", "");
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

/// A deserialisation message in plain words: the headline, then notes: what is allowed, what was probably meant.
pub fn plain(message: &str) -> Vec<String> {
    let message = message.trim();
    if let Some(rest) = message.strip_prefix("unknown field ") {
        return unknown("unknown key", rest);
    }
    if let Some(rest) = message.strip_prefix("unknown variant ") {
        return unknown("unknown choice", rest);
    }
    if let Some(key) = message.strip_prefix("missing field ") {
        return vec![format!("{key} is missing"), format!("add {}", example(key.trim_matches('`')))];
    }
    let mismatch = message.strip_prefix("invalid type: ").or(message.strip_prefix("invalid value: "));
    if mismatch == Some("unit variant, expected newtype variant") {
        return vec!["this choice needs a value".into(), "write it as a table, such as { threshold = 0.5 }".into()];
    }
    if let Some((found, expected)) = mismatch.and_then(|rest| rest.split_once(", expected ")) {
        return vec![format!("expected {}, found {}", everyday(expected), everyday(found))];
    }
    if message == "invalid basic string, expected `\"`" {
        return vec!["the closing quote is missing".into()];
    }
    if ["string values must be quoted", "invalid float", "invalid integer"].iter().any(|bare| message.starts_with(bare))
    {
        let note = "numbers stand as they are, text in \"quotes\", lists in [ ]";
        return vec!["expected a value".into(), note.into()];
    }
    message.split(NOTE).map(String::from).collect()
}

/// The report of a word that is not among the allowed ones: ``found`, expected one of `a`, `b``.
fn unknown(headline: &str, rest: &str) -> Vec<String> {
    let mut words = rest.split('`').skip(1).step_by(2);
    let found = words.next().unwrap_or_default();
    let allowed: Vec<&str> = words.collect();
    let mut messages = vec![format!("{headline} `{found}`")];
    messages.push(match allowed.as_slice() {
        [] => "no settings are allowed here".into(),
        words => format!("allowed: {}", words.join(", ")),
    });
    match suggestion(found, &allowed) {
        Some(near) => messages.push(format!("did you mean `{near}`?")),
        None => messages.extend(elsewhere(found).map(|paths| format!("did you mean {paths}?"))),
    }
    messages
}

/// The settings of this name in other sections.
fn elsewhere(key: &str) -> Option<String> {
    let mut experiment = Experiment::new("", Source::Digits {}, Vec::new());
    experiment.pretrain = Some(Pretrain::default());
    experiment.train = Some(Train::default());
    let settings = summary(&experiment).into_iter().map(|(path, _)| path);
    let paths = settings.filter(|path| path.rsplit('.').next() == Some(key) && path != key);
    Some(paths.map(|path| format!("`{path}`")).collect::<Vec<_>>().join(" or ")).filter(|paths| !paths.is_empty())
}

/// A line that supplies a missing key.
fn example(key: &str) -> String {
    match key {
        "name" => "name = \"my-experiment\"".into(),
        "data" => "a section [data] with source = \"digits\", or another source".into(),
        "source" => "source = \"digits\", or another source".into(),
        "model" => "a section [model] with hidden = [128, 64]".into(),
        "hidden" => "hidden = [128, 64]: the units of each hidden layer, from the data upwards".into(),
        other => format!("it with its value: {other} = …"),
    }
}

/// A type of the program, or a kind of value, in everyday words.
fn everyday(kind: &str) -> String {
    let replaced = match kind {
        "usize" | "u64" | "u32" => "a whole number (0 or more)".to_string(),
        "f64" => "a number".into(),
        "a boolean" => "true or false".into(),
        "a string" | "path string" => "text in quotes".into(),
        "a sequence" => "a list in [ ]".into(),
        other => other.to_string(),
    };
    let words = [
        ("floating point `", "the number `"),
        ("integer `", "the number `"),
        ("string \"", "the text \""),
        ("boolean `", "`"),
        ("sequence", "a list"),
        ("map", "a table"),
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
