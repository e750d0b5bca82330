//! Data that come with the program, as studies see them.

use super::super::{Error, Result};
use super::{Examples, FileSum, digits, idx};
use crate::math::{DType, Device, Stream};
use crate::studies::Bundled;
use flate2::read::GzDecoder;
use std::io::BufReader;
use std::path::{Path, PathBuf};

const IMAGES: &[u8] = include_bytes!("../../../experiments/data/natural-images/free-gray-300x400.idx3-ubyte.gz");
const IMAGES_NAME: &str = "natural-images/free-gray-300x400.idx3-ubyte.gz";
const IMAGES_SHA256: &str = "80a2c42d3fb597ab41efc53222238fb583711a1fa5c612361a707dd02e6fb9ca";

/// A pixel of the digits is on where its ink is at least half.
const THRESHOLD: f64 = 0.5;

/// Bundled examples by name.
pub fn bundled(name: &str) -> Result<Bundled> {
    match name {
        "digits" => {
            let parts = digits::digits()?;
            let test = parts.test.as_ref().unwrap_or(&parts.train);
            let [train, test] = [&parts.train, test].map(|examples| tensor(&binary(examples)));
            Ok(Bundled { train: train?, test: test?, shape: parts.shape })
        }
        "natural-images" => natural_images(),
        other => Err(Error::Refused {
            problem: format!("no data called {other} come with the program"),
            remedy: "ask for digits or natural-images".into(),
        }),
    }
}

fn binary(examples: &Examples) -> Examples {
    Examples::new(examples.pixels().threshold(THRESHOLD), examples.units())
}

fn tensor(examples: &Examples) -> Result<crate::math::Tensor> {
    // None of them is drawn at its presentation, so the stream is not read.
    examples.clone().presented_in(DType::F64, Device::Cpu).all(Stream::new(0))
}

/// Eight grey pictures of 300 x 400.
fn natural_images() -> Result<Bundled> {
    let broken = |problem: String| Error::Data {
        file: PathBuf::from(IMAGES_NAME),
        problem: format!("the pictures inside the program are damaged: {problem}"),
        remedy: "build the program again from a clean checkout".into(),
    };
    let sum = FileSum::of(Path::new(IMAGES_NAME), IMAGES);
    if sum.sha256 != IMAGES_SHA256 {
        return Err(broken(format!("SHA-256 is {}, not {IMAGES_SHA256}", sum.sha256)));
    }
    let array = idx::read(&mut BufReader::new(GzDecoder::new(IMAGES)), None).map_err(|fault| broken(fault.problem))?;
    let &[_, height, width] = array.dims.as_slice() else {
        return Err(broken(format!("{} dimensions instead of 3", array.dims.len())));
    };
    let train = tensor(&Examples::new(array.pixels, height * width))?;
    let test = train.narrow(0, 0, 0)?;
    Ok(Bundled { train, test, shape: [height, width] })
}
