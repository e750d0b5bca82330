//! Values as read from a file or a generator, kept as compactly as they allow, and the checks every value passes.

/// What a reader found wrong, before the file's name is known to the error.
#[derive(Debug, PartialEq, Eq)]
pub struct Fault {
    /// What is wrong.
    pub problem: String,
    /// What to do about it.
    pub remedy: String,
}

/// Results of the readers.
pub type Read<T> = Result<T, Fault>;

/// A fault in words.
pub(super) fn fault<T>(problem: impl Into<String>, remedy: impl Into<String>) -> Read<T> {
    Err(Fault { problem: problem.into(), remedy: remedy.into() })
}

/// An array as a file holds it, examples first.
#[derive(Debug)]
pub(super) struct Array {
    pub dims: Vec<usize>,
    pub pixels: Pixels,
    /// How the values were scaled, if they were.
    pub note: Option<String>,
}

/// Intensities in [0, 1], row by row: a byte each where they are whole multiples of `1 / full`, else `f32`.
#[derive(Clone, Debug)]
pub(super) enum Pixels {
    Bytes { values: Vec<u8>, full: f64 },
    Floats(Vec<f32>),
}

impl Pixels {
    /// States 0 and 1.
    pub fn binary(values: Vec<u8>) -> Self {
        Self::Bytes { values, full: 1.0 }
    }

    /// Values in [0, 1]; nothing if one is not.
    pub fn from_unit_values(values: &[f64]) -> Option<Self> {
        let mut collector = Collector::new(None, false);
        values.iter().try_for_each(|&value| collector.push(value)).ok()?;
        collector.finish().ok().map(|(pixels, _)| pixels)
    }

    /// Any real numbers, in the same precision.
    pub fn real(values: Vec<f64>) -> Self {
        Self::Floats(values.into_iter().map(|value| value as f32).collect())
    }

    pub fn len(&self) -> usize {
        match self {
            Self::Bytes { values, .. } => values.len(),
            Self::Floats(values) => values.len(),
        }
    }

    pub fn bytes(&self) -> usize {
        match self {
            Self::Bytes { values, .. } => values.len(),
            Self::Floats(values) => size_of_val(values.as_slice()),
        }
    }

    /// The values at whole rows of `units`, in the order of `rows`.
    pub fn select(&self, rows: &[usize], units: usize) -> Self {
        match self {
            Self::Bytes { values, full } => Self::Bytes { values: gather(values, rows, units), full: *full },
            Self::Floats(values) => Self::Floats(gather(values, rows, units)),
        }
    }

    /// Pictures of `height` x `width` from values that go down their columns.
    pub fn turned_upright(&self, [height, width]: [usize; 2]) -> Self {
        match self {
            Self::Bytes { values, full } => Self::Bytes { values: upright(values, height, width), full: *full },
            Self::Floats(values) => Self::Floats(upright(values, height, width)),
        }
    }

    /// 1 where the intensity is at least `threshold`, else 0.
    pub fn threshold(&self, threshold: f64) -> Self {
        Self::binary(match self {
            Self::Bytes { values, full } => {
                values.iter().map(|&v| u8::from(f64::from(v) / full >= threshold)).collect()
            }
            // Compared in the precision the values are kept in, so that 0.3 in the file reaches a threshold of 0.3.
            Self::Floats(values) => values.iter().map(|&v| u8::from(v >= threshold as f32)).collect(),
        })
    }

    /// 1 - v of every value v.
    pub fn flipped(self) -> Self {
        match self {
            // No byte is above full intensity, so the difference is a byte too.
            Self::Bytes { values, full } if full <= 255.0 && full.fract() == 0.0 => {
                Self::Bytes { values: values.iter().map(|&v| (full - f64::from(v)) as u8).collect(), full }
            }
            Self::Bytes { values, full } => {
                Self::Floats(values.iter().map(|&v| (1.0 - f64::from(v) / full) as f32).collect())
            }
            Self::Floats(values) => Self::Floats(values.iter().map(|v| 1.0 - v).collect()),
        }
    }

    /// Whether every value is 0 or 1.
    pub fn is_binary(&self) -> bool {
        match self {
            Self::Bytes { values, full } => values.iter().all(|&v| v == 0 || f64::from(v) == *full),
            Self::Floats(values) => values.iter().all(|&v| v == 0.0 || v == 1.0),
        }
    }
}

fn gather<T: Copy>(values: &[T], rows: &[usize], units: usize) -> Vec<T> {
    rows.iter().flat_map(|&row| values.iter().skip(row * units).take(units)).copied().collect()
}

fn upright<T: Copy>(values: &[T], height: usize, width: usize) -> Vec<T> {
    let picture = |columns: &[T]| -> Vec<T> {
        let places = (0..height).flat_map(|row| (0..width).map(move |column| column * height + row));
        places.filter_map(|place| columns.get(place).copied()).collect()
    };
    values.chunks_exact((height * width).max(1)).flat_map(picture).collect()
}

/// The value of full intensity of values that are no intensities: any real numbers, kept as they are.
pub(super) const UNBOUNDED: f64 = f64::INFINITY;

/// Takes raw values one by one, refuses what cannot be an intensity, and keeps bytes as long as bytes suffice.
pub(super) struct Collector {
    /// The raw value of full intensity, if the user named it.
    declared: Option<f64>,
    integers: bool,
    largest: f64,
    bytes: Vec<u8>,
    floats: Option<Vec<f32>>,
}

impl Collector {
    /// For raw values of an integer type, or of a float type.
    pub fn new(declared: Option<f64>, integers: bool) -> Self {
        Self { declared, integers, largest: 0.0, bytes: Vec::new(), floats: None }
    }

    /// Takes one raw value, or says what is wrong with it.
    pub fn push(&mut self, value: f64) -> Result<(), String> {
        if value.is_nan() || value.is_infinite() {
            return Err(format!("the value is {value}, not a finite number"));
        }
        if value < 0.0 && self.declared != Some(UNBOUNDED) {
            return Err(format!("the value {value} is below 0"));
        }
        let limit = self.declared.unwrap_or(if self.integers { f64::INFINITY } else { 1.0 });
        if value > limit {
            return Err(format!("the value {value} is above {limit}"));
        }
        self.largest = self.largest.max(value);
        match &mut self.floats {
            Some(floats) => floats.push(value as f32),
            None if value.fract() == 0.0 && (0.0..=255.0).contains(&value) => self.bytes.push(value as u8),
            None => {
                let mut floats: Vec<f32> = std::mem::take(&mut self.bytes).into_iter().map(f32::from).collect();
                floats.push(value as f32);
                self.floats = Some(floats);
            }
        }
        Ok(())
    }

    /// Takes bytes whole, without a copy; the position of the first that is above the declared maximum, if one is.
    pub fn take_bytes(&mut self, bytes: Vec<u8>) -> Result<(), (usize, String)> {
        let largest = bytes.iter().copied().max().unwrap_or(0);
        self.largest = f64::from(largest);
        if let Some(limit) = self.declared
            && let Some((position, value)) = bytes.iter().enumerate().find(|&(_, &v)| f64::from(v) > limit)
        {
            return Err((position, format!("the value {value} is above {limit}")));
        }
        self.bytes = bytes;
        Ok(())
    }

    /// The intensities, and a sentence about their scaling.
    pub fn finish(self) -> Read<(Pixels, Option<String>)> {
        let (full, note) = self.full_intensity()?;
        let pixels = match self.floats {
            None => {
                let mut values = self.bytes;
                values.shrink_to_fit();
                Pixels::Bytes { values, full }
            }
            Some(mut values) => {
                values.iter_mut().for_each(|value| *value = (f64::from(*value) / full) as f32);
                values.shrink_to_fit();
                Pixels::Floats(values)
            }
        };
        Ok((pixels, note))
    }

    /// The raw value that becomes 1. Where it is not declared, integers up to 1 are states and up to 255 are bytes.
    fn full_intensity(&self) -> Read<(f64, Option<String>)> {
        let largest = self.largest;
        let divided = |full: f64| Some(format!("values were divided by {full} (the largest found is {largest})"));
        match self.declared {
            Some(UNBOUNDED) => Ok((1.0, None)),
            Some(full) => Ok((full, divided(full))),
            None if !self.integers => Ok((1.0, None)),
            None if largest <= 1.0 => Ok((1.0, Some("integers 0 and 1 were taken as they are".into()))),
            None if largest <= 255.0 => Ok((255.0, divided(255.0))),
            None => fault(
                format!("holds integers up to {largest}, and nothing says which value is full intensity"),
                "set `maximum` to that value, such as 65535",
            ),
        }
    }
}
