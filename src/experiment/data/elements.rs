//! Numbers in binary files: element types, the promised number of bytes, and their values in order of examples.

use super::array::{Array, Collector, Fault, Read, fault};
use std::io::{self, BufRead, Read as _};

/// The type of one number in a binary file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    U8,
    I8,
    U16,
    I16,
    U32,
    I32,
    U64,
    I64,
    F32,
    F64,
}

impl Kind {
    pub fn size(self) -> usize {
        match self {
            Self::U8 | Self::I8 => 1,
            Self::U16 | Self::I16 => 2,
            Self::U32 | Self::I32 | Self::F32 => 4,
            Self::U64 | Self::I64 | Self::F64 => 8,
        }
    }

    fn is_integer(self) -> bool {
        !matches!(self, Self::F32 | Self::F64)
    }

    /// The value of `bytes`, the first `size` of which are the number with its most significant byte first.
    pub fn value(self, bytes: [u8; 8]) -> f64 {
        let [a, b, c, d, ..] = bytes;
        match self {
            Self::U8 => f64::from(a),
            Self::I8 => f64::from(a as i8),
            Self::U16 => f64::from(u16::from_be_bytes([a, b])),
            Self::I16 => f64::from(i16::from_be_bytes([a, b])),
            Self::U32 => f64::from(u32::from_be_bytes([a, b, c, d])),
            Self::I32 => f64::from(i32::from_be_bytes([a, b, c, d])),
            Self::F32 => f64::from(f32::from_be_bytes([a, b, c, d])),
            Self::U64 => u64::from_be_bytes(bytes) as f64,
            Self::I64 => i64::from_be_bytes(bytes) as f64,
            Self::F64 => f64::from_be_bytes(bytes),
        }
    }
}

/// What a header says about the numbers that follow it.
#[derive(Debug)]
pub(super) struct Layout {
    pub dims: Vec<usize>,
    pub kind: Kind,
    pub little_endian: bool,
    /// Fortran's order: the first index varies fastest.
    pub column_major: bool,
    /// Offset of the first number in the uncompressed file.
    pub start: usize,
}

impl Layout {
    /// Number of values, if they can be addressed.
    fn count(&self) -> Read<usize> {
        let count = self.dims.iter().try_fold(1usize, |count, &dim| count.checked_mul(dim));
        match count.filter(|count| count.checked_mul(self.kind.size()).is_some()) {
            Some(count) => Ok(count),
            None => fault(
                format!("the header promises {} values, more than a computer can address", times(&self.dims)),
                "the header is damaged: make or fetch the file again",
            ),
        }
    }

    /// Distance in the file between neighbours along each dimension, if that is not the order of examples.
    fn strides(&self) -> Option<Vec<usize>> {
        let grow = |stride: &mut usize, &dim: &usize| Some(std::mem::replace(stride, *stride * dim));
        self.column_major.then(|| self.dims.iter().scan(1, grow).collect())
    }

    /// Where the value of position `index` in order of examples lies in the file.
    fn place(&self, strides: Option<&[usize]>, mut index: usize) -> usize {
        let Some(strides) = strides else { return index };
        let mut place = 0;
        for (&dim, &stride) in self.dims.iter().zip(strides).rev() {
            place += index % dim * stride;
            index /= dim;
        }
        place
    }
}

/// Reads exactly the numbers that `layout` promises; memory grows with what is there, not with what is promised.
pub(super) fn read(reader: &mut dyn BufRead, layout: Layout, declared: Option<f64>) -> Read<Array> {
    let count = layout.count()?;
    let promised = count * layout.kind.size();
    let mut body = Vec::new();
    if let Err(error) = reader.take(promised as u64).read_to_end(&mut body) {
        return Err(damaged(error, &format!("at byte {} of the uncompressed data", layout.start + body.len())));
    }
    if body.len() < promised {
        return fault(
            format!(
                "the header promises {promised} bytes of values ({}) from offset {}, but the file has only {} of them and ends at offset {}",
                times(&layout.dims),
                layout.start,
                body.len(),
                layout.start + body.len()
            ),
            "the file is cut off: make or fetch it again",
        );
    }
    let extra = io::copy(reader, &mut io::sink()).map_err(|error| damaged(error, "after the last value"))?;
    if extra > 0 {
        return fault(
            format!(
                "{extra} extra bytes from offset {}, after the {promised} bytes of values ({}) the header promises",
                layout.start + promised,
                times(&layout.dims)
            ),
            "the header or the file is damaged: make or fetch it again",
        );
    }
    values(body, layout, declared)
}

fn values(body: Vec<u8>, layout: Layout, declared: Option<f64>) -> Read<Array> {
    let size = layout.kind.size();
    let strides = layout.strides();
    let start_of = |index: usize| layout.place(strides.as_deref(), index) * size;
    let misplaced = |index: usize, problem: String| {
        let row = index / layout.dims.iter().skip(1).product::<usize>().max(1);
        let offset = layout.start + start_of(index);
        Fault { problem: format!("{problem} (example {}, byte offset {offset})", row + 1), remedy: OUT_OF_RANGE.into() }
    };
    let mut collector = Collector::new(declared, layout.kind.is_integer());
    if layout.kind == Kind::U8 && !layout.column_major {
        collector.take_bytes(body).map_err(|(index, problem)| misplaced(index, problem))?;
    } else {
        for index in 0..body.len() / size {
            let mut bytes = [0; 8];
            for (to, from) in bytes.iter_mut().zip(body.iter().skip(start_of(index)).take(size)) {
                *to = *from;
            }
            if layout.little_endian {
                bytes[..size].reverse();
            }
            collector.push(layout.kind.value(bytes)).map_err(|problem| misplaced(index, problem))?;
        }
    }
    let (pixels, note) = collector.finish()?;
    Ok(Array { dims: layout.dims, pixels, note })
}

/// What to do about a value that is no intensity.
pub(super) const OUT_OF_RANGE: &str =
    "intensities run from 0 to 1: scale the values, or set `maximum` to the value of full intensity";

/// A failure to read on in an already opened file: always its compression. `place` says where.
pub(super) fn damaged(error: io::Error, place: &str) -> Fault {
    let problem = match error.kind() {
        io::ErrorKind::UnexpectedEof => format!("the compressed data end early, {place}"),
        _ => format!("the compressed data are damaged {place} ({error})"),
    };
    Fault { problem, remedy: "make or fetch the file again; `gzip -t` and `unzip -t` check files".into() }
}

/// Exactly `count` bytes of a header.
pub(super) fn header_bytes(reader: &mut dyn BufRead, count: usize) -> Read<Vec<u8>> {
    let mut bytes = Vec::new();
    reader.take(count as u64).read_to_end(&mut bytes).map_err(|error| damaged(error, "in the header"))?;
    if bytes.len() < count {
        return fault(
            format!("the header is cut off: {count} more bytes expected, {} found", bytes.len()),
            "make or fetch the file again",
        );
    }
    Ok(bytes)
}

/// Dimensions in words: `10 x 3 x 5`.
pub(super) fn times(dims: &[usize]) -> String {
    let words: Vec<String> = dims.iter().map(usize::to_string).collect();
    words.join(" x ")
}
