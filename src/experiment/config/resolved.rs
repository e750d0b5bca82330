//! An experiment written back: as a complete file, as a flat list of settings.

use serde::Serialize;
use serde::de::DeserializeOwned;
use std::collections::BTreeMap;
use toml::{Table, Value};

/// The experiment as a file with every default filled in; reading it gives an equal experiment.
pub fn resolved<E: Serialize>(experiment: &E) -> String {
    // Cannot fail for an experiment that passed `check`, which bounds every number to what TOML can hold.
    let text = toml::to_string_pretty(experiment);
    let text = text.unwrap_or_else(|error| format!("# cannot be written as TOML: {error}\n"));
    let mut written = String::new();
    let mut lines = text.lines().peekable();
    while let Some(line) = lines.next() {
        written.push_str(line);
        let is_item = |line: &&str| line.starts_with("    ") && !line.contains('"');
        // A list of numbers fits on its line.
        if line.ends_with(" = [") && lines.peek().is_some_and(is_item) {
            let items: Vec<&str> = std::iter::from_fn(|| lines.next_if(is_item)).map(str::trim).collect();
            written.push_str(items.join(" ").trim_end_matches(','));
            written.push_str(lines.next().unwrap_or_default());
        }
        written.push('\n');
    }
    written
}

/// The resolved file, with a comment at every setting that is not at its default.
pub fn marked<E: Serialize + DeserializeOwned>(experiment: &E) -> String {
    let mut defaults = differing_from_defaults(experiment);
    let mut section = String::new();
    let mut text = String::new();
    for line in resolved(experiment).lines() {
        let header = line.strip_prefix('[').map(|rest| rest.trim_matches(['[', ']']));
        if let Some(header) = header {
            section = format!("{header}.");
        }
        let key = line.split_once(" = ").map(|(key, _)| format!("{section}{key}."));
        let place = key.or(header.map(|_| section.clone()));
        text.push_str(line);
        let mark = place.and_then(|place| defaults.keys().find(|path| place.starts_with(&format!("{path}."))).cloned());
        if let Some(default) = mark.and_then(|path| defaults.remove(&path)) {
            text.push_str(&format!("  # default: {}", short(&default)));
        }
        text.push('\n');
    }
    text
}

/// A value on one line; of a choice with many settings only its word.
fn short(value: &Value) -> String {
    match value.as_table().and_then(|table| table.iter().next()) {
        Some((word, Value::Table(_))) => word.clone(),
        _ => value.to_string(),
    }
}

/// Path and default of every setting that has a default and is not at it.
fn differing_from_defaults<E: Serialize + DeserializeOwned>(experiment: &E) -> BTreeMap<String, Value> {
    let root = table(experiment);
    let mut differing = BTreeMap::new();
    let mut pending: Vec<(String, Value, Option<Value>)> = children("", &root, None);
    while let Some((path, value, default)) = pending.pop() {
        match (value, default.or_else(|| without::<E>(&root, &path))) {
            (value, Some(default)) if value == default => {}
            (Value::Table(settings), Some(Value::Table(defaults)))
                if settings.keys().any(|k| defaults.contains_key(k)) =>
            {
                pending.extend(children(&path, &settings, Some(&defaults)));
            }
            (_, Some(default)) => {
                differing.insert(path, default);
            }
            (Value::Table(settings), None) => pending.extend(children(&path, &settings, None)),
            (_, None) => {}
        }
    }
    differing
}

fn children(path: &str, settings: &Table, defaults: Option<&Table>) -> Vec<(String, Value, Option<Value>)> {
    let join = |key: &String| if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
    let default = |key: &String| defaults.and_then(|defaults| defaults.get(key)).cloned();
    settings.iter().map(|(key, value)| (join(key), value.clone(), default(key))).collect()
}

/// The value a setting takes when the file does not name it; none if it must.
fn without<E: Serialize + DeserializeOwned>(root: &Table, path: &str) -> Option<Value> {
    let mut reduced = root.clone();
    let (section, key) = path.rsplit_once('.').unwrap_or(("", path));
    let keys = || section.split('.').filter(|key| !key.is_empty());
    keys().try_fold(&mut reduced, |table, key| table.get_mut(key)?.as_table_mut())?.remove(key)?;
    let default = table(&E::deserialize(Value::Table(reduced)).ok()?);
    keys().try_fold(&default, |table, key| table.get(key)?.as_table())?.get(key).cloned()
}

fn table<E: Serialize>(experiment: &E) -> Table {
    Table::try_from(experiment).unwrap_or_default()
}

/// Every setting by its dotted path, defaults filled in; lists are one value.
pub fn summary<E: Serialize>(experiment: &E) -> Vec<(String, Value)> {
    let mut settings = Vec::new();
    flatten("", Value::Table(table(experiment)), &mut settings);
    settings
}

fn flatten(path: &str, value: Value, settings: &mut Vec<(String, Value)>) {
    match value {
        Value::Table(table) => {
            for (key, value) in table {
                let path = if path.is_empty() { key } else { format!("{path}.{key}") };
                flatten(&path, value, settings);
            }
        }
        leaf => settings.push((path.into(), leaf)),
    }
}
