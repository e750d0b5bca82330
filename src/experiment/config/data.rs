//! The section `[data]`: where examples come from and how they are prepared.

use super::choice;
use serde::de::{Error as _, Unexpected, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::path::PathBuf;

/// What is learned from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Data {
    /// Where the examples come from.
    #[serde(with = "choice")]
    pub source: Source,
    /// How grey values become binary.
    #[serde(default)]
    pub binarize: Binarize,
    /// Whether ink and paper change places, v → 1 - v, in every example.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub flip: bool,
    /// Which examples train, which validate, which test.
    #[serde(default)]
    pub split: Split,
}

/// Where the examples come from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Source {
    /// The bundled 8x8 handwritten digits (UCI optdigits): 3,823 to train on and 1,797 to test, with their classes.
    Digits {},
    /// Pictures whose rows, or whose columns, are on or off as a whole: 2^height + 2^width - 2 patterns
    /// (MacKay 2003, section 43).
    BarsAndStripes {
        /// Pixels from top to bottom.
        height: usize,
        /// Pixels from left to right.
        width: usize,
        /// Random examples; left out = every pattern once.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        examples: Option<usize>,
    },
    /// Two rows of bits: any pattern, and the same shifted cyclically by one left, not at all, or right: 3 · 2^bits
    /// examples (after Hinton and Sejnowski 1986).
    Shifter {
        /// Bits in a row.
        bits: usize,
        /// Random examples; left out = every pattern once.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        examples: Option<usize>,
    },
    /// A bar of lit pixels anywhere on a ring: as many patterns as pixels.
    ShiftingBar {
        /// Pixels of the ring.
        pixels: usize,
        /// Lit pixels.
        bar: usize,
        /// Random examples; left out = every pattern once.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        examples: Option<usize>,
    },
    /// Patches of the bundled natural images (eight grey pictures), less their means, whitened on the directions that are kept.
    NaturalImagePatches {
        /// Pixels of a patch from top to bottom, and from left to right.
        side: usize,
        /// How many patches.
        examples: usize,
        /// Directions of largest variance that are kept and whitened; left out = half of them; 0 = no whitening.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        kept: Option<usize>,
    },
    /// Draws from a mixture of round Gaussians of variance 1 whose centres are drawn with the standard deviation `spread`.
    GaussianClusters {
        /// Gaussians, of equal weight.
        clusters: usize,
        /// Values of an example.
        dimensions: usize,
        /// How many examples.
        examples: usize,
        /// Standard deviation of the centres.
        #[serde(default = "spread")]
        spread: f64,
    },
    /// Gibbs samples of a model, one independent chain per example.
    Samples {
        /// Run folder, checkpoint or safetensors file.
        model: PathBuf,
        /// How many.
        examples: usize,
        /// Gibbs sweeps from a random start to each sample.
        #[serde(default = "sample_sweeps")]
        sweeps: usize,
    },
    /// Your own files: IDX, .npy, .npz or .amat, gzipped or not.
    Files(Files),
    /// MNIST, grey: 60,000 digits to train on and 10,000 to test, with their classes. This and the sets below lie in the data folder
    /// (`dbm data fetch`, `dbm data import`).
    Mnist {
        /// Which test digits are held out.
        #[serde(default, deserialize_with = "choice::word")]
        held_out: HeldOut,
    },
    /// One fixed binary sample of MNIST (Salakhutdinov and Murray 2008; Larochelle and Murray 2011): 50,000, 10,000 and 10,000 digits.
    MnistStatic {},
    /// Fashion-MNIST, grey, as many as MNIST.
    FashionMnist {},
    /// Kuzushiji-MNIST, grey, as many as MNIST.
    KuzushijiMnist {},
    /// Omniglot as it was resampled for likelihoods (Burda, Grosse and Salakhutdinov 2016), grey: 24,345 characters and 8,070.
    Omniglot {},
    /// OCR letters, binary: 32,152, 10,000 and 10,000, in the order of Larochelle, Bengio and Turian (2010).
    OcrLetters {},
    /// Caltech 101 silhouettes, binary; 0 is the object.
    CaltechSilhouettes {
        /// Whether to read the file with the official split (4,100, 2,264 and 2,307), or the one of all 8,671, of which `split` sets
        /// examples aside.
        #[serde(default = "yes")]
        official_split: bool,
    },
    /// Small NORB, grey: 24,300 pairs of pictures of 96 x 96 to train on and as many to test, with 5 classes.
    SmallNorb {},
}

/// The test digits of MNIST.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HeldOut {
    /// MNIST's own, made binary as `binarize` says.
    #[default]
    Grey,
    /// The 10,000 test digits of the fixed binary sample, the scale of published likelihoods. They are in order of their classes.
    Static,
}

impl Source {
    /// Whether its examples are any real numbers; else they are intensities between 0 and 1.
    pub fn is_real(&self) -> bool {
        match self {
            Self::NaturalImagePatches { .. } | Self::GaussianClusters { .. } => true,
            Self::Files(files) => files.real,
            _ => false,
        }
    }

    /// Height and width of an example in pixels, where the experiment alone tells.
    pub fn shape(&self) -> Option<[usize; 2]> {
        match *self {
            Self::Digits {} => Some([8, 8]),
            Self::BarsAndStripes { height, width, .. } => Some([height, width]),
            Self::Shifter { bits, .. } => Some([2, bits]),
            Self::ShiftingBar { pixels, .. } => Some([1, pixels]),
            Self::NaturalImagePatches { side, .. } => Some([side, side]),
            Self::GaussianClusters { dimensions, .. } => Some([1, dimensions]),
            Self::Samples { .. } => None,
            Self::Files(Files { shape, .. }) => shape,
            Self::Mnist { .. } | Self::MnistStatic {} | Self::FashionMnist {} | Self::KuzushijiMnist {} => {
                Some([28, 28])
            }
            Self::Omniglot {} | Self::CaltechSilhouettes { .. } => Some([28, 28]),
            Self::OcrLetters {} => Some([16, 8]),
            Self::SmallNorb {} => Some([192, 96]),
        }
    }
}

/// The user's own files, one per split.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Files {
    /// Training examples.
    pub train: PathBuf,
    /// Validation examples; left out = a part of the training file, see `split.validation`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub validation: Option<PathBuf>,
    /// Test examples; left out = a part of the training file, see `split.test`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub test: Option<PathBuf>,
    /// Classes of the training examples, 0 to 255.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub labels: Option<PathBuf>,
    /// Classes of the test examples, 0 to 255.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub test_labels: Option<PathBuf>,
    /// Name of the array of examples inside every .npz file; left out = the only one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub array: Option<String>,
    /// Height and width of one picture in pixels; left out = as the file says, else a square, else one row.
    #[serde(default, deserialize_with = "height_and_width", skip_serializing_if = "Option::is_none")]
    pub shape: Option<[usize; 2]>,
    /// The value in the files that stands for full intensity; left out = 1 for fractions and for integers 0 and 1, 255
    /// for larger integers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub maximum: Option<f64>,
    /// Whether the values are any real numbers instead of intensities: they are kept as they are.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub real: bool,
}

fn yes() -> bool {
    true
}

fn spread() -> f64 {
    4.0
}

fn sample_sweeps() -> usize {
    1000
}

/// Exactly two numbers: TOML's own reader takes the first two of any longer list.
fn height_and_width<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<[usize; 2]>, D::Error> {
    let sizes = Vec::<usize>::deserialize(deserializer)?;
    let count = sizes.len();
    let wrong = |_| D::Error::custom(format!("expected a list of two numbers, [height, width], found {count} numbers"));
    sizes.try_into().map(Some).map_err(wrong)
}

/// How grey values, scaled to [0, 1], become binary.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Binarize {
    /// Left as they are, read as probabilities of the visible units.
    None,
    /// 1 where the value is at least this.
    Threshold(f64),
    /// 1 with the value as probability, drawn once before training (Salakhutdinov and Murray 2008).
    StochasticOnce,
    /// 1 with the value as probability: training examples drawn anew at every presentation, the others once.
    StochasticEachTime,
}

impl Default for Binarize {
    fn default() -> Self {
        Self::Threshold(0.5)
    }
}

/// Which examples train, which validate, which test.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Split {
    /// At most so many training examples, after the others are set aside; left out = all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub train: Option<usize>,
    /// Training examples set aside to judge while training, where the source has no validation set of its own; with
    /// neither, the test examples judge.
    pub validation: Amount,
    /// Training examples set aside for the test, where the source has no test set of its own.
    pub test: Amount,
    /// Whether the training examples are put in random order before any are set aside.
    pub shuffle: bool,
}

impl Default for Split {
    fn default() -> Self {
        Self { train: None, validation: Amount::Count(0), test: Amount::Fraction(0.2), shuffle: true }
    }
}

/// A number of examples (a whole number), or a fraction of them (a number with a point, from 0.0 up to 1.0).
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Amount {
    /// So many examples.
    Count(usize),
    /// This share of the examples.
    Fraction(f64),
}

impl Amount {
    /// Examples to take out of `total`, rounded to the nearest whole number; a count may exceed `total`.
    pub fn of(self, total: usize) -> usize {
        match self {
            Self::Count(count) => count,
            Self::Fraction(fraction) => (total as f64 * fraction).round() as usize,
        }
    }
}

impl Serialize for Amount {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match *self {
            Self::Count(count) => count.serialize(serializer),
            Self::Fraction(fraction) => fraction.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for Amount {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Read;
        impl Visitor<'_> for Read {
            type Value = Amount;
            fn expecting(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
                write!(f, "a number of examples such as 500, or a fraction such as 0.1")
            }
            fn visit_u64<E: serde::de::Error>(self, count: u64) -> Result<Amount, E> {
                let count = usize::try_from(count);
                count.map(Amount::Count).map_err(|_| E::custom("more examples than this machine can address"))
            }
            fn visit_i64<E: serde::de::Error>(self, count: i64) -> Result<Amount, E> {
                let found = Unexpected::Signed(count);
                u64::try_from(count).map_err(|_| E::invalid_value(found, &self)).and_then(|count| self.visit_u64(count))
            }
            fn visit_f64<E: serde::de::Error>(self, fraction: f64) -> Result<Amount, E> {
                Ok(Amount::Fraction(fraction))
            }
        }
        deserializer.deserialize_any(Read)
    }
}
