//! Numeric matrices of MATLAB's files of level 5 (MathWorks, MAT-File Format): a header of 128 bytes, then tagged elements, most of
//! them compressed one by one.

use super::super::array::{Read, fault};
use super::super::elements::{Kind, damaged};
use flate2::read::ZlibDecoder;
use std::io::Read as _;

/// Types of elements.
const INT8: u32 = 1;
const INT32: u32 = 5;
const UINT32: u32 = 6;
const MATRIX: u32 = 14;
const COMPRESSED: u32 = 15;

const HEADER: usize = 128;

/// A matrix of real numbers, down its columns.
#[derive(Debug)]
pub struct Matrix {
    pub dims: Vec<usize>,
    pub kind: Kind,
    /// Little-endian numbers.
    pub body: Vec<u8>,
}

impl Matrix {
    /// All values, down the columns.
    pub fn values(&self) -> Vec<f64> {
        let size = self.kind.size();
        let value = |bytes: &[u8]| {
            let mut number = [0; 8];
            number.iter_mut().zip(bytes.iter().rev()).for_each(|(to, &from)| *to = from);
            self.kind.value(number)
        };
        self.body.chunks_exact(size).map(value).collect()
    }
}

/// The matrix called `name` in a file; other elements are passed over.
pub fn matrix(file: &[u8], name: &str) -> Read<Matrix> {
    if file.get(126..HEADER) != Some(b"IM") {
        return fault("is no MATLAB file of level 5 in little-endian order", REMEDY);
    }
    let mut at = HEADER;
    while at < file.len() {
        let (kind, body, next) = element(file, at)?;
        let found = match kind {
            COMPRESSED => {
                let mut inner = Vec::new();
                let inflated = ZlibDecoder::new(body).read_to_end(&mut inner);
                inflated.map_err(|error| damaged(error, &format!("in the element at byte {at}")))?;
                let (kind, body, _) = element(&inner, 0)?;
                named(kind, body, name)?
            }
            kind => named(kind, body, name)?,
        };
        if let Some(matrix) = found {
            return Ok(matrix);
        }
        // Only what is not compressed is filled up to whole words.
        at = if kind == COMPRESSED { next } else { next.next_multiple_of(8) };
    }
    fault(format!("holds no matrix \"{name}\""), REMEDY)
}

const REMEDY: &str = "the file is damaged or another one: fetch it again";

/// Type and body of the element at a place, and where the body ends.
fn element(bytes: &[u8], at: usize) -> Read<(u32, &[u8], usize)> {
    let word = |at: usize| Some(u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?));
    let tag = word(at).and_then(|kind| match kind >> 16 {
        // Up to four bytes are kept in the tag itself.
        0 => Some((kind, at + 8, word(at + 4)? as usize, None)),
        size => Some((kind & 0xffff, at + 4, size as usize, Some(at + 8))),
    });
    let found = tag.and_then(|(kind, start, size, next)| {
        let end = start.checked_add(size)?;
        Some((kind, bytes.get(start..end)?, next.unwrap_or(end)))
    });
    found.map_or_else(|| fault(format!("the element at byte {at} is cut off"), REMEDY), Ok)
}

/// The matrix, if it is one of real numbers and of this name.
fn named(kind: u32, body: &[u8], name: &str) -> Read<Option<Matrix>> {
    if kind != MATRIX {
        return Ok(None);
    }
    let (mut parts, mut at) = (Vec::new(), 0);
    while at < body.len() && parts.len() < 4 {
        let (kind, part, next) = element(body, at)?;
        parts.push((kind, part));
        at = next.next_multiple_of(8);
    }
    let [(UINT32, flags), (INT32, dims), (INT8, called), (kind, numbers)] = parts[..] else { return Ok(None) };
    // Classes 6 to 15 are of numbers; bit 3 of the next byte says that they are complex.
    let is_real = matches!(flags, [6..=15, flags, ..] if flags & 8 == 0);
    let Some(kind) = number(kind).filter(|_| is_real && called == name.as_bytes()) else { return Ok(None) };
    let dims: Vec<usize> = dims.as_chunks::<4>().0.iter().map(|&dim| u32::from_le_bytes(dim) as usize).collect();
    let count = dims.iter().try_fold(kind.size(), |count, &dim| count.checked_mul(dim));
    if count != Some(numbers.len()) {
        return fault(format!("the matrix \"{name}\" is not as large as it says"), REMEDY);
    }
    Ok(Some(Matrix { dims, kind, body: numbers.to_vec() }))
}

fn number(kind: u32) -> Option<Kind> {
    Some(match kind {
        INT8 => Kind::I8,
        2 => Kind::U8,
        3 => Kind::I16,
        4 => Kind::U16,
        INT32 => Kind::I32,
        UINT32 => Kind::U32,
        7 => Kind::F32,
        9 => Kind::F64,
        12 => Kind::I64,
        13 => Kind::U64,
        _ => return None,
    })
}
