//! `dbm sample`.

use super::compute::Compute;
use super::{print, print_json, table};
use crate::experiment::checkpoint::{self, write_whole};
use crate::experiment::config::memory;
use crate::experiment::data::{npy_bytes, sample, shape_of};
use crate::experiment::observe::{Image, Range};
use crate::experiment::results::JudgedFile;
use crate::experiment::{Error, Result, model_file};
use crate::math::{Stream, Tensor, host};
use serde::Serialize;
use std::path::{Path, PathBuf};

/// Draw samples from a model: independent Gibbs chains from starts drawn from the biases.
#[derive(Debug, clap::Args)]
pub struct Sample {
    /// Run folder, checkpoint or safetensors file.
    model: PathBuf,
    /// How many samples, one chain each.
    #[arg(long, default_value_t = 100)]
    count: usize,
    /// Gibbs sweeps of each chain.
    #[arg(long, default_value_t = 1000)]
    sweeps: usize,
    /// Where to: a picture of all samples (.png) or their values [count, visible] (.npy).
    #[arg(long, default_value = "samples.png")]
    out: PathBuf,
    /// Write the states (0 and 1) instead of the probabilities of the visible units.
    #[arg(long)]
    states: bool,
    /// Height and width of one sample in the picture, such as 8x8; the default is that of the run's data, or a square.
    #[arg(long, value_name = "HxW", value_parser = shape)]
    shape: Option<[usize; 2]>,
    #[command(flatten)]
    compute: Compute,
    /// Seed of all random draws.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Print what was written as JSON.
    #[arg(long)]
    json: bool,
}

/// Bytes of the smallest sample in a picture: its tile of at most 65 x 65 pixels, and that again in the file.
const PICTURED: usize = 2 * 65 * 65;

#[derive(Serialize)]
struct Written {
    out: PathBuf,
    count: usize,
    sweeps: usize,
    mean: f64,
    /// Which model they are of.
    model: JudgedFile,
    warnings: Vec<String>,
}

impl Written {
    fn text(&self) -> String {
        let Self { out, count, sweeps, .. } = self;
        let text = format!("{count} samples after {sweeps} sweeps: {}\n{}", out.display(), table::model(&self.model));
        text + &table::warnings(&self.warnings)
    }
}

fn shape(text: &str) -> std::result::Result<[usize; 2], String> {
    let sides = text.split_once('x').and_then(|(h, w)| Some([h.parse().ok()?, w.parse().ok()?]));
    sides
        .filter(|[h, w]: &[usize; 2]| *h > 0 && *w > 0)
        .ok_or_else(|| "expected height x width in pixels, such as 8x8".to_string())
}

impl Sample {
    pub fn execute(self) -> Result<()> {
        if self.count == 0 {
            return Err(Error::Refused {
                problem: "--count 0 asks for nothing".into(),
                remedy: "give 1 or more".into(),
            });
        }
        let ending = self.out.extension().and_then(|ending| ending.to_str()).unwrap_or_default().to_lowercase();
        if !["npy", "png"].contains(&ending.as_str()) {
            return Err(Error::Refused {
                problem: format!("--out {} is neither a .png nor a .npy file", self.out.display()),
                remedy: "end the name in .png or .npy".into(),
            });
        }
        let device = self.compute.chosen()?;
        let (file, warnings) = checkpoint::locate(&self.model)?;
        let model = model_file::read(&file, None, &device)?;
        let step = checkpoint::step(&model);
        let dbm = &model.machine(&file)?.dbm;
        let shape = self.shape(&file, dbm.sizes()[0])?;
        let asked = format!("--count {}", self.count);
        if ending == "png" {
            memory::samples(self.count, PICTURED, &asked)?;
        }
        let (states, probabilities) = sample(dbm, self.count, self.sweeps, Stream::new(self.seed), &asked)?;
        let values = if self.states { states } else { probabilities };
        let range = if dbm.units()[0].precision().is_some() { Range::Symmetric } else { Range::Unit };
        let bytes = if ending == "npy" { npy_bytes(&values)? } else { self.picture(&values, shape, range)? };
        write_whole(&self.out, &bytes)?;
        let values = host(&values)?;
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        let model = JudgedFile { file, step };
        let written = Written { out: self.out, count: self.count, sweeps: self.sweeps, mean, model, warnings };
        if self.json { print_json(&written) } else { print(&written.text()) }
    }

    fn picture(&self, values: &Tensor, shape: [usize; 2], range: Range) -> Result<Vec<u8>> {
        let pictures: Vec<Vec<f64>> = host(values)?.chunks(shape[0] * shape[1]).map(<[f64]>::to_vec).collect();
        let columns = (self.count as f64).sqrt().ceil() as usize;
        Image::grid(&pictures, shape, columns, range)?.png()
    }

    /// Height and width of one sample.
    fn shape(&self, file: &Path, units: usize) -> Result<[usize; 2]> {
        let shape = self.shape.unwrap_or_else(|| shape_of(file, units));
        if shape[0].checked_mul(shape[1]) == Some(units) {
            return Ok(shape);
        }
        Err(Error::Refused {
            problem: format!("{} x {} pixels do not show {units} visible units", shape[0], shape[1]),
            remedy: "give another --shape HxW".into(),
        })
    }
}
