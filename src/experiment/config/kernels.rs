//! The setting `kernels`.

use crate::math::kernels::{self, Level};
use serde::{Deserialize, Serialize};

/// Which kernels compute in `f32` on the processor; results are the same bits at every level, and differ by rounding without.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kernels {
    /// The fastest that this processor has.
    #[default]
    Auto,
    /// 512-bit registers.
    Avx512,
    /// 256-bit registers.
    Avx2,
    /// None: composed tensor operations.
    Off,
}

impl Kernels {
    /// The level that is named, none = no kernels; of `auto` the one there is.
    pub fn level(self) -> Option<Level> {
        match self {
            Self::Auto => kernels::chosen(),
            Self::Avx512 => Some(Level::Avx512),
            Self::Avx2 => Some(Level::Avx2),
            Self::Off => None,
        }
    }

    /// The setting that names a level.
    pub fn of(level: Option<Level>) -> Self {
        match level {
            Some(Level::Avx512) => Self::Avx512,
            Some(Level::Avx2) => Self::Avx2,
            Some(Level::Portable) | None => Self::Off,
        }
    }

    /// The word for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Avx512 => "avx512",
            Self::Avx2 => "avx2",
            Self::Off => "off",
        }
    }

    /// What is wrong with the setting on a processor that has these levels, as the end of a sentence, if anything is.
    pub fn lacking(self, has: impl Fn(Level) -> bool) -> Option<&'static str> {
        match self {
            Self::Avx512 if !has(Level::Avx512) => Some("is avx512, which this processor does not have"),
            Self::Avx2 if !has(Level::Avx2) => Some("is avx2, which this processor does not have"),
            _ => None,
        }
    }
}
