//! On what the commands compute that read no experiment file.

use crate::experiment::config::{self, Kernels};
use crate::experiment::{Result, setup};
use crate::math::Device;
use serde::de::value::{Error, StrDeserializer};
use serde::de::{DeserializeOwned, IntoDeserializer};

/// Device and kernels.
#[derive(Clone, Copy, Debug, clap::Args)]
pub struct Compute {
    /// Where the arithmetic happens: cpu, or cuda for an NVIDIA GPU.
    #[arg(long, value_name = "WHERE", default_value = "cpu", value_parser = word::<config::Device>)]
    pub device: config::Device,
    /// Kernels that compute in f32 on the processor: auto, avx512, avx2 or off; results are the same bits at every level, and
    /// differ by rounding where they are off.
    #[arg(long, value_name = "LEVEL", default_value = "auto", value_parser = word::<Kernels>)]
    pub kernels: Kernels,
}

impl Compute {
    /// Chooses the kernels of this process; the device to compute on.
    pub fn chosen(self) -> Result<Device> {
        setup::kernels(self.kernels)?;
        setup::device(self.device)
    }
}

/// Device and kernels that are not those a run was started with.
#[derive(Clone, Copy, Debug, clap::Args)]
pub struct Elsewhere {
    /// Go on with another device: cpu or cuda; the last bits become others.
    #[arg(long, value_name = "WHERE", value_parser = word::<config::Device>)]
    device: Option<config::Device>,
    /// Go on with other kernels: auto, avx512, avx2 or off.
    #[arg(long, value_name = "LEVEL", value_parser = word::<Kernels>)]
    kernels: Option<Kernels>,
}

impl Elsewhere {
    /// As settings that replace those of the run.
    pub fn changes(self) -> Vec<String> {
        let device = self.device.map(|device| format!("device={}", device.word()));
        device.into_iter().chain(self.kernels.map(|kernels| format!("kernels={}", kernels.word()))).collect()
    }
}

/// A word of a setting, with the refusal that lists the others.
fn word<T: DeserializeOwned>(text: &str) -> std::result::Result<T, String> {
    let text: StrDeserializer<Error> = text.into_deserializer();
    T::deserialize(text).map_err(|error| error.to_string().replace('`', ""))
}
