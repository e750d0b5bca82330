//! The bundled 8x8 handwritten digits (Alpaydin and Kaynak 1998, UCI optdigits, CC BY 4.0).

use super::super::{Error, Result};
use super::array::Pixels;
use super::prepare::Parts;
use super::{Examples, FileSum};
use flate2::read::GzDecoder;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};

const UNITS: usize = 64;
/// Values are counts of ink 0..16.
const FULL: f64 = 16.0;

struct Bundled {
    name: &'static str,
    bytes: &'static [u8],
    sha256: &'static str,
}

const TRAIN: Bundled = Bundled {
    name: "digits-8x8/optdigits.tra.gz",
    bytes: include_bytes!("../../../experiments/data/digits-8x8/optdigits.tra.gz"),
    sha256: "3273a01fdf5de3baade88e85bc0057491dd425404ac58f87879824e19fd06502",
};

const TEST: Bundled = Bundled {
    name: "digits-8x8/optdigits.tes.gz",
    bytes: include_bytes!("../../../experiments/data/digits-8x8/optdigits.tes.gz"),
    sha256: "e31b7ccbf8cc2b158de948b1bb7a67bf39a856fb064b3aa8ef489f12a2dc4b63",
};

/// Training and test digits with their classes.
pub(super) fn digits() -> Result<Parts> {
    let (train, train_sum) = read(&TRAIN)?;
    let (test, test_sum) = read(&TEST)?;
    Ok(Parts {
        name: "digits".into(),
        judged: "digits".into(),
        shape: [8, 8],
        train,
        validation: None,
        test: Some(test),
        files: vec![train_sum, test_sum],
        notes: vec!["bundled digits (UCI optdigits, CC BY 4.0): ink 0..16 was divided by 16".into()],
    })
}

fn read(bundled: &Bundled) -> Result<(Examples, FileSum)> {
    let broken = |problem: &str| Error::Data {
        file: PathBuf::from(bundled.name),
        problem: format!("the digits inside the program are damaged: {problem}"),
        remedy: "build the program again from a clean checkout".into(),
    };
    let sum = FileSum::of(Path::new(bundled.name), bundled.bytes);
    if sum.sha256 != bundled.sha256 {
        return Err(broken(&format!("SHA-256 is {}, not {}", sum.sha256, bundled.sha256)));
    }
    let (mut values, mut labels) = (Vec::new(), Vec::new());
    for line in BufReader::new(GzDecoder::new(bundled.bytes)).lines() {
        let line = line.map_err(|error| broken(&error.to_string()))?;
        let numbers: Option<Vec<u8>> = line.split(',').map(|word| word.trim().parse().ok()).collect();
        match numbers.as_deref() {
            Some([pixels @ .., label]) if pixels.len() == UNITS && pixels.iter().all(|&ink| ink <= 16) => {
                values.extend_from_slice(pixels);
                labels.push(*label);
            }
            _ => return Err(broken(&format!("row {} is not 64 numbers 0..16 and a class", labels.len() + 1))),
        }
    }
    Ok((Examples::new(Pixels::Bytes { values, full: FULL }, UNITS).with_labels(Some(labels)), sum))
}
