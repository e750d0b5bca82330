//! The words for inference schemes: parsing, and the shortest word for a scheme.

use super::choice;
use super::report::{self, plain, suggestion};
use super::sampled::{AnnealedPosterior, Importance};
use super::scheme::{Exact, Gibbs, Icm, Map, MeanField, NetworkScheme, Scheme, Structured, Tap};
use super::thresholding::Thresholding;
use crate::experiment::Error;
use serde::Serialize;
use std::fmt;
use std::str::FromStr;
use toml::{Table, Value};

/// The words that name a scheme.
pub const WORDS: [&str; 13] = [
    "exact",
    "map",
    "icm",
    "mean-field",
    "structured",
    "tap",
    "gibbs",
    "network",
    "network+K",
    "importance",
    "ista",
    "fista",
    "ais",
];

impl FromStr for Scheme {
    type Err = Error;

    fn from_str(word: &str) -> Result<Self, Error> {
        let word = word.trim();
        let refuse = |messages: Vec<String>| Error::Experiment {
            report: format!("scheme `{word}`: {}", messages.join(report::NOTE)),
        };
        let table = table(word).map_err(refuse)?;
        // The function the derive makes, which knows tables only.
        Scheme::deserialize(table)
            .map_err(|error| refuse(plain(error.message()).iter().map(|line| hyphens(line)).collect()))
    }
}

/// The table a word stands for, not yet checked for unknown options; or messages, headline first.
pub fn table(word: &str) -> Result<Table, Vec<String>> {
    let (head, options) = word.split_once(':').map_or((word, None), |(head, options)| (head, Some(options)));
    let mut settings = Table::new();
    let kind = match head.split_once('+') {
        Some((network, refine)) if choice::key(network) == "network" => {
            let wrong =
                |_| vec!["expected network+K with a whole number K of mean-field sweeps, such as network+1".into()];
            let refine: u32 = refine.trim().parse().map_err(wrong)?;
            settings.insert("refine".into(), Value::Integer(refine.into()));
            "network".to_string()
        }
        _ => choice::key(head),
    };
    if !WORDS.iter().any(|word| choice::key(word) == kind) {
        let mut messages = vec!["unknown scheme".into(), format!("allowed: {}", WORDS.join(", "))];
        messages.extend(suggestion(head, &WORDS).map(|near| format!("did you mean `{near}`?")));
        return Err(messages);
    }
    for option in options.into_iter().flat_map(|options| options.split(',')) {
        let Some((name, value)) = option.split_once('=') else {
            let after = if option.trim().is_empty() { "nothing".into() } else { format!("`{option}`") };
            return Err(vec![format!("expected an option name=value, such as sweeps=5, found {after}")]);
        };
        if settings.insert(choice::key(name), option_value(value)).is_some() {
            return Err(vec![format!("option `{}` is set twice", name.trim())]);
        }
    }
    Ok(Table::from_iter([(kind, Value::Table(settings))]))
}

/// A number where it is one, else a word.
fn option_value(text: &str) -> Value {
    let text = text.trim();
    let number = text.parse().map(Value::Integer).or_else(|_| text.parse().map(Value::Float));
    number.unwrap_or_else(|_| Value::String(choice::key(text)))
}

fn hyphens(message: &str) -> String {
    message.replace("unknown key", "unknown option").replace('_', "-")
}

impl fmt::Display for Scheme {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Self::Exact(exact) => write!(f, "exact{}", options(exact, &Exact::default())),
            Self::MeanField(mean_field) => write!(f, "mean-field{}", options(mean_field, &MeanField::default())),
            Self::Gibbs(gibbs) => write!(f, "gibbs{}", options(gibbs, &Gibbs::default())),
            Self::Ista(settings) => write!(f, "ista{}", options(settings, &Thresholding::default())),
            Self::Fista(settings) => write!(f, "fista{}", options(settings, &Thresholding::default())),
            Self::Map(map) => write!(f, "map{}", options(map, &Map::default())),
            Self::Icm(icm) => write!(f, "icm{}", options(icm, &Icm::default())),
            Self::Structured(structured) => write!(f, "structured{}", options(structured, &Structured::default())),
            Self::Tap(tap) => write!(f, "tap{}", options(tap, &Tap::default())),
            Self::Importance(importance) => write!(f, "importance{}", options(importance, &Importance::default())),
            Self::Ais(settings) => write!(f, "ais{}", options(settings, &AnnealedPosterior::default())),
            Self::Network(NetworkScheme { refine: 0 }) => write!(f, "network"),
            Self::Network(NetworkScheme { refine }) => write!(f, "network+{refine}"),
        }
    }
}

/// `:name=value,…` for every setting that is not at its default.
fn options<T: Serialize>(settings: &T, defaults: &T) -> String {
    let fields = |settings: &T| Table::try_from(settings).unwrap_or_default();
    let defaults = fields(defaults);
    let changed: Vec<String> = fields(settings)
        .into_iter()
        .filter(|(name, value)| defaults.get(name) != Some(value))
        .map(|(name, value)| match value {
            Value::String(word) => format!("{name}={word}").replace('_', "-"),
            Value::Float(number) => format!("{}={number:?}", name.replace('_', "-")),
            other => format!("{}={other}", name.replace('_', "-")),
        })
        .collect();
    if changed.is_empty() { String::new() } else { format!(":{}", changed.join(",")) }
}
