//! Overrides from the command line: `train.learning_rate=0.01` changes one setting of the file.

use super::Scheme;
use super::choice;
use super::report::plain;
use super::word;
use serde::de::DeserializeOwned;
use toml::{Table, Value};

/// Settings where a table has one key, the name of a choice; setting another choice replaces it.
const CHOICES: [&str; 7] = [
    "study",
    "data.source",
    "data.binarize",
    "train.algorithm",
    "train.algorithm.maximum_likelihood.positive",
    "evaluate.log_partition",
    "evaluate.final_log_partition",
];

/// One override.
pub struct Override {
    /// As the user wrote it.
    pub typed: String,
    /// The keys from the outside in.
    pub path: Vec<String>,
    value: Value,
}

impl Override {
    /// Reads `a.b=value`: the value in TOML syntax, or else a plain word.
    pub fn parse(typed: &str) -> Result<Self, Vec<String>> {
        let refuse = |problem: &str| {
            vec![format!("override `{typed}`: {problem}"), "write section.key=value, such as train.epochs=20".into()]
        };
        let (path, value) = typed.split_once('=').ok_or_else(|| refuse("there is no `=`"))?;
        let path: Vec<String> = path.split('.').map(choice::key).collect();
        if path.iter().any(String::is_empty) {
            return Err(refuse("a key is empty"));
        }
        Ok(Self { typed: typed.into(), path, value: value_of(value) })
    }

    /// One for each setting in a table of sections.
    pub fn of(table: &Table) -> Vec<Self> {
        let nested = table.iter().flat_map(|(key, value)| match value {
            Value::Table(inner) if !inner.is_empty() => {
                let inside = |change: Self| Self { path: [vec![key.clone()], change.path].concat(), ..change };
                Self::of(inner).into_iter().map(inside).collect()
            }
            _ => vec![Self { typed: String::new(), path: vec![key.clone()], value: value.clone() }],
        });
        let typed = |change: Self| Self { typed: format!("{}={}", change.path.join("."), change.value), ..change };
        nested.map(typed).collect()
    }

    /// Whether it touches the setting at this dotted path: the same, above it or below it.
    pub fn touches(&self, path: &str) -> bool {
        let path: Vec<&str> = path.split('.').filter(|key| !key.is_empty()).collect();
        !path.is_empty() && self.path.iter().zip(path).all(|(mine, other)| mine == other)
    }

    /// Sets the value in the file's table, making the sections on the way.
    fn apply(&self, table: &mut Table) -> Result<(), String> {
        let Some((last, sections)) = self.path.split_last() else { return Ok(()) };
        let mut table = table;
        for (depth, section) in sections.iter().enumerate() {
            let path = self.path[..=depth].join(".");
            let next = self.path[depth + 1].as_str();
            let entry = table.entry(section.clone()).or_insert_with(|| Value::Table(Table::new()));
            expand(entry, &path);
            let Value::Table(inner) = entry else {
                return Err(match entry {
                    Value::Array(_) => format!("{path} is a list, which is set as a whole"),
                    other => format!("{path} is {}, which has no `{next}` inside", kind(other)),
                });
            };
            if CHOICES.contains(&path.as_str()) {
                inner.retain(|choice, _| choice == next);
            }
            table = inner;
        }
        table.insert(last.clone(), self.value.clone());
        Ok(())
    }
}

/// A value in TOML syntax, or else the text itself.
fn value_of(text: &str) -> Value {
    let table: Result<Table, _> = toml::from_str(&format!("value = {text}"));
    match table {
        Ok(mut table) if table.len() == 1 => table.remove("value").unwrap_or_else(|| Value::String(text.into())),
        _ => Value::String(text.into()),
    }
}

/// Writes a short form out as the table it stands for, so that a setting inside it can be changed.
fn expand(value: &mut Value, path: &str) {
    let table = match value {
        Value::String(word) if path.ends_with(".positive") => {
            word.parse::<Scheme>().ok().and_then(|_| word::table(word).ok())
        }
        Value::String(word) if CHOICES.contains(&path) => {
            Some(Table::from_iter([(choice::key(word), Value::Table(Table::new()))]))
        }
        Value::Float(_) | Value::Integer(_) if path.ends_with(".learning_rate") || path.ends_with(".momentum") => {
            Some(Table::from_iter([("start".to_string(), value.clone()), ("end".to_string(), value.clone())]))
        }
        _ => None,
    };
    if let Some(table) = table {
        *value = Value::Table(table);
    }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::String(_) => "text",
        Value::Boolean(_) => "true or false",
        _ => "a number",
    }
}

/// The file with every override applied, or one message (headline and notes) per problem.
pub fn merge<E: DeserializeOwned>(file: &Table, overrides: &[Override]) -> Result<E, Vec<Vec<String>>> {
    let mut left: Vec<&Override> = overrides.iter().collect();
    let mut problems = Vec::new();
    loop {
        match together(file, &left) {
            Ok(experiment) if problems.is_empty() => return Ok(experiment),
            Ok(_) => return Err(problems),
            Err(fault) => {
                left.retain(|change| !fault.guilty.contains(&change.typed));
                // What is missing may have been in an override that was set aside.
                if !fault.missing || problems.is_empty() {
                    problems.push(fault.messages);
                }
            }
        }
        if left.is_empty() {
            return Err(problems);
        }
    }
}

/// The first thing wrong with a file and its overrides.
struct Fault {
    messages: Vec<String>,
    /// The overrides that can have caused it, as typed; never none of them.
    guilty: Vec<String>,
    /// Whether it is that something is not there.
    missing: bool,
}

fn together<E: DeserializeOwned>(file: &Table, overrides: &[&Override]) -> Result<E, Fault> {
    let mut table = file.clone();
    for change in overrides {
        change.apply(&mut table).map_err(|problem| Fault {
            messages: vec![format!("override `{}`: {problem}", change.typed)],
            guilty: vec![change.typed.clone()],
            missing: false,
        })?;
    }
    let mut track = serde_path_to_error::Track::new();
    let deserializer = serde_path_to_error::Deserializer::new(Value::Table(table), &mut track);
    E::deserialize(deserializer).map_err(|error| blame(error.message(), &track.path().to_string(), overrides))
}

/// Names the overrides that can have caused the error at a path.
fn blame(message: &str, path: &str, overrides: &[&Override]) -> Fault {
    let path = if path == "." { "" } else { path };
    let typed = |touching: &dyn Fn(&Override) -> bool| -> Vec<String> {
        overrides.iter().filter(|o| touching(o)).map(|o| o.typed.clone()).collect()
    };
    let mut guilty = typed(&|o| o.touches(path));
    if guilty.is_empty() {
        guilty = typed(&|_| true);
    }
    let mut messages = plain(message);
    let known = path.is_empty() || overrides.iter().any(|o| guilty == [o.typed.as_str()] && o.path.join(".") == path);
    let place = if known { String::new() } else { format!(" (at {path})") };
    if let Some(headline) = messages.first_mut() {
        *headline = format!("override `{}`: {headline}{place}", guilty.join("` `"));
    }
    Fault { messages, guilty, missing: message.trim().starts_with("missing field") }
}
