//! One number out of the results of a run, with its error and what it promises.

use super::outcome::Obtained;
use crate::experiment::config::Scheme;
use serde_json::Value;

/// The number at `path` in a `results.json`: keys from the outside in, parted by slashes; names in lists of things with names. None
/// where there is no number.
pub fn obtained(results: &Value, path: &str) -> Option<Obtained> {
    let keys: Vec<&str> = path.split('/').collect();
    let (last, outer) = keys.split_last()?;
    let parent = outer.iter().try_fold(results, |value, key| inside(value, key))?;
    let found = inside(parent, last)?;
    match found {
        // A finding of a study holds its error itself.
        Value::Object(finding) => {
            let number = |key: &str| finding.get(key).and_then(Value::as_f64);
            Some(Obtained { value: number("value")?, error: number("error"), guarantee: None })
        }
        value => Some(Obtained {
            value: value.as_f64()?,
            error: error(results, parent, last),
            guarantee: guarantee(parent, last),
        }),
    }
}

fn inside<'a>(value: &'a Value, key: &str) -> Option<&'a Value> {
    match value {
        Value::Object(object) => object.get(key),
        Value::Array(items) => {
            let named = |name: &str| items.iter().find(|item| item.get("name").and_then(Value::as_str) == Some(name));
            // A scheme may be written in several ways.
            named(key).or_else(|| named(&key.parse::<Scheme>().ok()?.to_string()))
        }
        _ => None,
    }
}

/// The error that a number has beside one that was measured on the same examples.
///
/// Of bounds and likelihoods that is the error of ln Z alone: published figures are means over the same test examples, and how much
/// these differ from one another says nothing about the difference between two models.
fn error(results: &Value, parent: &Value, key: &str) -> Option<f64> {
    if ["elbo_nats_mean", "log_likelihood_nats_mean"].contains(&key) {
        return results.get("log_partition")?.get("error")?.as_f64();
    }
    let own = format!("{}_error", key.strip_suffix("_mean").unwrap_or(key));
    // ln Z and its error stand by themselves.
    parent.get(if key == "nats" { "error" } else { own.as_str() })?.as_f64()
}

/// What the number promises, in the word of the results.
fn guarantee(parent: &Value, key: &str) -> Option<String> {
    let stem = key.split_once("_nats").map(|(stem, _)| format!("{stem}_guarantee"));
    parent.get(stem.as_deref().unwrap_or("guarantee"))?.as_str().map(String::from)
}
