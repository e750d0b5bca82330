//! `dbm sample`.

mod picture;

use super::compute::Compute;
use super::{examples, print, print_json, table};
use crate::experiment::checkpoint::{self, write_whole};
use crate::experiment::clamping::{self, Clamp};
use crate::experiment::config::memory;
use crate::experiment::data::{FileOptions, npy_bytes, shape_of};
use crate::experiment::kinds::{Kind, Machine};
use crate::experiment::observe::Range;
use crate::experiment::results::JudgedFile;
use crate::experiment::sampling::Sampling;
use crate::experiment::{Error, Result, model_file, setup};
use crate::math::{Stream, Tensor, host};
use crate::models::{Dbm, Known};
use picture::Drawn;
use serde::Serialize;
use std::path::{Path, PathBuf};

/// Draw samples from a model by Gibbs sampling, free or with some units held: the missing half of a picture, a hidden unit switched on.
#[derive(Debug, clap::Args)]
pub struct Sample {
    /// Run folder, checkpoint or safetensors file.
    model: PathBuf,
    /// How many samples, one chain each; the default is 100, or as many as there are examples to hold or to start from, which are
    /// taken from all over.
    #[arg(long)]
    count: Option<usize>,
    /// Gibbs sweeps of each chain; with --grid, between one row and the next.
    #[arg(long, default_value_t = 1000)]
    sweeps: usize,
    /// Where to: a picture of all samples (.png) or their values [count, visible] (.npy).
    #[arg(long, default_value = "samples.png")]
    out: PathBuf,
    /// Write the states (0 and 1) instead of the probabilities of the visible units.
    #[arg(long)]
    states: bool,
    /// Hold units, and sample the rest given them: left, right, top, bottom, rows=0..13, columns=5 or pixels=FILE (a mask) at the
    /// values of examples; label=7 for a class of label units; hidden.2:17=1 or visible:3=0 for one unit at a value. Repeat for more.
    #[arg(long = "clamp", value_name = "SPEC")]
    clamps: Vec<Clamp>,
    /// Examples to hold or to start from: IDX, .npy, .npz or .amat; without it, the test examples of the run the model belongs to.
    #[arg(long, value_name = "FILE")]
    data: Option<PathBuf>,
    /// Where chains set out from: random (every unit by itself) or data (examples).
    #[arg(long, value_name = "WHERE", default_value = "random", value_parser = ["random", "data"])]
    start: String,
    /// So many looks at so many chains, such as 10x20: each column is a chain, each row --sweeps sweeps after the one above; the
    /// first row of chains that start from data is the data.
    #[arg(long, value_name = "ROWSxCHAINS", value_parser = looks, conflicts_with = "count")]
    grid: Option<[usize; 2]>,
    /// Fill in by mean field instead of sampling: the means, settled, of what is not held; at most --sweeps sweeps.
    #[arg(long, requires = "clamps", conflicts_with_all = ["states", "grid"])]
    mean_field: bool,
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

/// Samples where nobody says how many.
const USUAL: usize = 100;

#[derive(Serialize)]
struct Written {
    out: PathBuf,
    count: usize,
    sweeps: usize,
    mean: f64,
    /// Whether they are means of mean field in the place of samples.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    mean_field: bool,
    /// Units that were held, over all layers.
    #[serde(skip_serializing_if = "Option::is_none")]
    held: Option<usize>,
    /// Mean squared difference between examples and probabilities over the pixels that were filled in.
    #[serde(skip_serializing_if = "Option::is_none")]
    missing_error_mean: Option<f64>,
    /// Which model they are of.
    model: JudgedFile,
    warnings: Vec<String>,
}

impl Written {
    fn text(&self) -> String {
        let Self { out, count, sweeps, .. } = self;
        let mut text = match self.mean_field {
            true => format!("{count} samples filled in by mean field: {}\n", out.display()),
            false => format!("{count} samples after {sweeps} sweeps: {}\n", out.display()),
        };
        if let Some(held) = self.held {
            text += &format!("{} held", table::counted(held, "unit"));
            if let Some(error) = self.missing_error_mean {
                text += &format!("; mean squared error of the pixels filled in: {error:.4}");
            }
            text += "\n";
        }
        text + &table::model(&self.model) + &table::warnings(&self.warnings)
    }
}

fn shape(text: &str) -> std::result::Result<[usize; 2], String> {
    sides(text).ok_or_else(|| "expected height x width in pixels, such as 8x8".to_string())
}

fn looks(text: &str) -> std::result::Result<[usize; 2], String> {
    sides(text).ok_or_else(|| "expected rows x chains, such as 10x20".to_string())
}

fn sides(text: &str) -> Option<[usize; 2]> {
    let sides = text.split_once('x').and_then(|(h, w)| Some([h.parse().ok()?, w.parse().ok()?]));
    sides.filter(|[h, w]: &[usize; 2]| *h > 0 && *w > 0)
}

/// So many looks at so many chains.
#[derive(Clone, Copy)]
struct Extent {
    looks: usize,
    chains: usize,
}

/// Refuses to hold all pixels.
fn can_be_held(held: &[Option<Known>]) -> Result<()> {
    let Some(known) = held.first().and_then(Option::as_ref) else { return Ok(()) };
    if known.held.contains(&false) {
        return Ok(());
    }
    Err(Error::Refused {
        problem: "--clamp holds the whole picture and leaves no pixel to fill in".into(),
        remedy: "hold less of it".into(),
    })
}

impl Sample {
    pub fn execute(self) -> Result<()> {
        let ending = self.ending()?;
        let device = self.compute.chosen()?;
        let (file, warnings) = checkpoint::locate(&self.model)?;
        let model = model_file::read(&file, None, &device)?;
        let step = checkpoint::step(&model);
        let machine = model.machine(&file)?;
        let (dbm, sizes) = (&machine.dbm, machine.dbm.sizes());
        let shape = self.shape(&file, sizes[0])?;
        let data = self.examples(&machine, &file)?;
        let extent = self.extent(data.as_ref(), sizes[0], ending == "png")?;
        let data = data.map(|data| setup::some_of(&data, extent.chains)).transpose()?;
        let held = clamping::held(&self.clamps, dbm, shape, data.as_ref())?;
        can_be_held(&held)?;
        let drawn = self.draw(dbm, &held, data, extent)?;
        let values = drawn.values()?;
        let bytes = if ending == "npy" { npy_bytes(&values)? } else { drawn.picture(shape)?.png()? };
        write_whole(&self.out, &bytes)?;
        let values = host(&values)?;
        let units = held.iter().flatten().flat_map(|known| &known.held).filter(|held| **held).count();
        let written = Written {
            out: self.out,
            count: extent.chains,
            sweeps: self.sweeps,
            mean: values.iter().sum::<f64>() / values.len() as f64,
            mean_field: self.mean_field,
            held: (!self.clamps.is_empty()).then_some(units),
            missing_error_mean: drawn.missing_error()?,
            model: JudgedFile { file, step },
            warnings,
        };
        if self.json { print_json(&written) } else { print(&written.text()) }
    }

    /// The kind of file asked for.
    fn ending(&self) -> Result<String> {
        if self.count == Some(0) {
            return Err(Error::Refused {
                problem: "--count 0 asks for nothing".into(),
                remedy: "give 1 or more".into(),
            });
        }
        let ending = self.out.extension().and_then(|ending| ending.to_str()).unwrap_or_default().to_lowercase();
        if ["npy", "png"].contains(&ending.as_str()) {
            return Ok(ending);
        }
        Err(Error::Refused {
            problem: format!("--out {} is neither a .png nor a .npy file", self.out.display()),
            remedy: "end the name in .png or .npy".into(),
        })
    }

    /// The examples that are held or started from, `[examples, visible]`; none where neither is asked for.
    fn examples(&self, machine: &Machine, file: &Path) -> Result<Option<Tensor>> {
        if self.start != "data" && !self.clamps.iter().any(Clamp::asks_for_data) {
            return match &self.data {
                None => Ok(None),
                Some(data) => Err(Error::Refused {
                    problem: format!("--data {} is not looked at", data.display()),
                    remedy: "add --start data, or --clamp with pixels of the examples; or leave it out".into(),
                }),
            };
        }
        let (_, visible, _) = match &self.data {
            Some(path) => {
                let options = FileOptions { dtype: machine.dtype(), ..FileOptions::default() };
                examples::of_file(path, &options, machine, Stream::new(self.seed).named("data"))?
            }
            None => examples::of_run(&self.model, file, machine, None, self.compute.device)?,
        };
        examples::must_fit(&visible, machine, self.data.as_deref().unwrap_or(file))?;
        Ok(Some(visible))
    }

    /// How much is drawn; refuses more than there are examples for, or than fits into memory.
    fn extent(&self, data: Option<&Tensor>, units: usize, pictured: bool) -> Result<Extent> {
        let there = data.map(|data| data.dim(0)).transpose()?;
        let asked = self.grid.map(|[_, chains]| chains).or(self.count);
        let chains = asked.unwrap_or(there.map_or(USUAL, |there| there.min(USUAL)));
        if let Some(there) = there.filter(|&there| there < chains) {
            return Err(Error::Refused {
                problem: format!("{chains} samples are asked for, and there are {there} examples"),
                remedy: format!("ask for {there} at most"),
            });
        }
        let looks = self.grid.map_or(1, |[rows, _]| rows);
        let (all, words) = (
            looks.saturating_mul(chains),
            match self.grid {
                Some([rows, chains]) => format!("--grid {rows}x{chains}"),
                None => format!("--count {chains}"),
            },
        );
        memory::samples(all, units.saturating_mul(memory::SAMPLED_VALUE), &words)?;
        if pictured {
            memory::samples(all, PICTURED, &words)?;
        }
        Ok(Extent { looks, chains })
    }

    fn draw(&self, dbm: &Dbm, held: &[Option<Known>], data: Option<Tensor>, extent: Extent) -> Result<Drawn> {
        let from_data = data.as_ref().filter(|_| self.start == "data");
        let sampling = Sampling {
            dbm,
            held,
            start: from_data,
            sweeps: self.sweeps,
            // The first row is where they set out from.
            looks: extent.looks - usize::from(from_data.is_some() && self.grid.is_some()),
            stream: Stream::new(self.seed),
        };
        let (shown, last) = if self.mean_field {
            let means = sampling.means(extent.chains)?;
            (vec![means.clone()], Some(means))
        } else {
            let looks = sampling.run(extent.chains)?;
            let last = looks.last().map(|look| look.probabilities.clone());
            let shown = looks.into_iter().map(|look| if self.states { look.states } else { look.probabilities });
            (shown.collect(), last)
        };
        let start = from_data.filter(|_| self.grid.is_some()).cloned();
        let pixels = self.clamps.iter().any(Clamp::asks_for_data);
        let told = data.as_ref().filter(|_| pixels).cloned().zip(held.first().cloned().flatten());
        let range = if dbm.units()[0].is_logistic() { Range::Unit } else { Range::Symmetric };
        let looks = start.into_iter().chain(shown).collect();
        Ok(Drawn { looks, last, told, in_columns: self.grid.is_some(), range })
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
