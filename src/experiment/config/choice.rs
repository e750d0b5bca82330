//! A choice is written as a table with one key, or as that key alone where it needs no settings.

use super::report::NOTE;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Error, IgnoredAny, IntoDeserializer, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::marker::PhantomData;

/// Writes `{ word = {} }` as `"word"`, and a choice with settings as a table.
pub fn serialize<S: Serializer, T: Serialize>(choice: &T, serializer: S) -> Result<S::Ok, S::Error> {
    let table = toml::Value::try_from(choice).ok().and_then(|value| value.try_into::<toml::Table>().ok());
    match table.as_ref().and_then(|table| table.iter().next()) {
        Some((word, toml::Value::Table(settings))) if settings.is_empty() => serializer.serialize_str(word),
        _ => choice.serialize(serializer),
    }
}

/// Reads `"word"` as `{ word = {} }`, and a table with one key as it stands.
pub fn deserialize<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<T, D::Error> {
    deserializer.deserialize_any(Choice(PhantomData))
}

/// Reads a choice that has no settings: a word.
pub fn word<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<T, D::Error> {
    deserializer.deserialize_any(Word(PhantomData))
}

struct Word<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for Word<T> {
    type Value = T;

    fn expecting(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        write!(f, "one of {}", words::<T>())
    }

    fn visit_str<E: Error>(self, word: &str) -> Result<T, E> {
        T::deserialize(word.into_deserializer())
    }
}

struct Choice<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for Choice<T> {
    type Value = T;

    fn expecting(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        write!(f, "one of {}, as a word or as the key of a table with its settings", words::<T>())
    }

    fn visit_str<E: Error>(self, word: &str) -> Result<T, E> {
        let table = toml::Table::from_iter([(key(word), toml::Value::Table(toml::Table::new()))]);
        T::deserialize(table.into_deserializer()).map_err(|error| E::custom(of_word(word, error.message())))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<T, A::Error> {
        only(map, |map| T::deserialize(MapAccessDeserializer::new(map)))
    }
}

/// What is wrong with a choice written as a word alone.
fn of_word(word: &str, message: &str) -> String {
    match message.trim().strip_prefix("missing field ").map(|setting| setting.trim_matches('`')) {
        Some(setting) => {
            format!("`{word}` needs its settings{NOTE}write it as a table: {{ {} = {{ {setting} = … }} }}", key(word))
        }
        None => message.to_string(),
    }
}

/// The words of a choice, as the refusal of an impossible one lists them.
fn words<'de, T: Deserialize<'de>>() -> String {
    let none = toml::Table::from_iter([(String::new(), toml::Value::Table(toml::Table::new()))]);
    let refusal = T::deserialize(none.into_deserializer()).err().map(|error| error.message().to_string());
    refusal.unwrap_or_default().split('`').skip(3).step_by(2).collect::<Vec<_>>().join(", ")
}

/// Reads a table that must have exactly one key.
pub fn only<'de, A: MapAccess<'de>, T>(
    mut map: A,
    read: impl FnOnce(&mut A) -> Result<T, A::Error>,
) -> Result<T, A::Error> {
    if map.size_hint() == Some(0) {
        return Err(A::Error::custom("expected one key that names the choice, found an empty table"));
    }
    let value = read(&mut map)?;
    match map.next_key::<String>()? {
        None => Ok(value),
        Some(second) => {
            map.next_value::<IgnoredAny>()?;
            Err(A::Error::custom(format!("expected exactly one choice, found `{second}` as well")))
        }
    }
}

/// The key a word stands for: hyphens and underscores mean the same.
pub fn key(word: &str) -> String {
    word.trim().replace('-', "_")
}
