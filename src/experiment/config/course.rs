//! Numbers that may move over a stage of training: learning rates and momentum.

use super::choice;
use serde::de::value::MapAccessDeserializer;
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A number that may move from a start to an end over a stage; a plain number stays.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Course {
    /// Value at the first update.
    pub start: f64,
    /// Value at the last update.
    pub end: f64,
    /// The way from one to the other.
    pub decay: Decay,
    /// Epochs that the way takes, after which the value stays at its end; none = the whole stage.
    pub epochs: Option<usize>,
}

/// A step size.
pub type LearningRate = Course;

/// The way from the first value to the last.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Decay {
    /// By the same difference at every update.
    #[default]
    Linear,
    /// By the same factor at every update.
    Exponential,
    /// As 1 / (1 + t / τ): the reciprocal moves by the same difference at every update.
    Inverse,
    /// Not before the epochs are over, then all at once.
    Step,
}

impl Course {
    /// The same at every update.
    pub fn constant(value: f64) -> Self {
        Self { start: value, end: value, decay: Decay::Linear, epochs: None }
    }

    /// Value after the share `progress` of the way, from 0 (first update) to 1 (last).
    pub fn at(self, progress: f64) -> f64 {
        let progress = progress.clamp(0.0, 1.0);
        match self.decay {
            _ if self.start == self.end => self.start,
            Decay::Linear => self.start + (self.end - self.start) * progress,
            Decay::Exponential => self.start * (self.end / self.start).powf(progress),
            Decay::Inverse => self.start / (1.0 + (self.start / self.end - 1.0) * progress),
            Decay::Step => {
                if progress < 1.0 {
                    self.start
                } else {
                    self.end
                }
            }
        }
    }

    /// Value after the share `progress` of the stage's updates, which are so many epochs.
    pub fn after(self, progress: f64, epochs: f64) -> f64 {
        self.at(self.epochs.map_or(progress, |of| epochs / of as f64))
    }
}

/// The table a course can be written as.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    start: f64,
    end: f64,
    #[serde(default, deserialize_with = "some_decay")]
    decay: Option<Decay>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    epochs: Option<usize>,
}

fn some_decay<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Decay>, D::Error> {
    choice::word(deserializer).map(Some)
}

impl Serialize for Course {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self { start, end, decay, epochs } = *self;
        if self == &Self::constant(start) {
            start.serialize(serializer)
        } else {
            Written { start, end, decay: Some(decay), epochs }.serialize(serializer)
        }
    }
}

impl<'de> Deserialize<'de> for Course {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Read(Decay::Linear))
    }
}

/// Reads a course that changes at once unless another way is named.
pub fn stepping<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Course, D::Error> {
    deserializer.deserialize_any(Read(Decay::Step))
}

/// Reads a course; holds the way of one that names none.
struct Read(Decay);

impl<'de> Visitor<'de> for Read {
    type Value = Course;

    fn expecting(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        match self.0 {
            Decay::Step => write!(f, "a number such as 0.9, or {{ start = 0.5, end = 0.9, epochs = 5 }}"),
            _ => write!(f, "a number such as 0.01, or {{ start = 0.01, end = 0.001, decay = \"linear\" }}"),
        }
    }

    fn visit_f64<E>(self, value: f64) -> Result<Course, E> {
        Ok(Course::constant(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Course, E> {
        Ok(Course::constant(value as f64))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Course, E> {
        Ok(Course::constant(value as f64))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Course, A::Error> {
        let Written { start, end, decay, epochs } = Written::deserialize(MapAccessDeserializer::new(map))?;
        Ok(Course { start, end, decay: decay.unwrap_or(self.0), epochs })
    }
}
