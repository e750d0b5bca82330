//! Numbers in JSON that may be infinite or none at all: written by their names.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Number {
    Finite(f64),
    Named(String),
}

/// Writes a number, or its name where JSON has none.
pub fn serialize<S: Serializer>(value: &f64, serializer: S) -> std::result::Result<S::Ok, S::Error> {
    // Rust's own words for them: NaN, inf, -inf.
    if value.is_finite() { Number::Finite(*value) } else { Number::Named(value.to_string()) }.serialize(serializer)
}

/// Reads a number or its name.
pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> std::result::Result<f64, D::Error> {
    match Number::deserialize(deserializer)? {
        Number::Finite(value) => Ok(value),
        Number::Named(word) => match word.as_str() {
            "NaN" => Ok(f64::NAN),
            "inf" => Ok(f64::INFINITY),
            "-inf" => Ok(f64::NEG_INFINITY),
            _ => Err(serde::de::Error::custom(format!("expected a number, NaN, inf or -inf, found {word:?}"))),
        },
    }
}
