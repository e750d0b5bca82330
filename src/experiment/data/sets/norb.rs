//! The binary matrices of small NORB (LeCun, Huang and Bottou 2004): a magic number, the dimensions, the numbers; little-endian.

use super::super::array::{Read, fault};

/// How a matrix of bytes opens.
pub const BYTES: &[u8] = &[0x55, 0x4c, 0x3d, 0x1e];
/// How a matrix of 32-bit integers opens.
pub const INTEGERS: &[u8] = &[0x54, 0x4c, 0x3d, 0x1e];

/// Dimensions that are always written, those beyond the matrix's own as 1.
pub const WRITTEN: usize = 3;

const REMEDY: &str = "the file is damaged or another one: fetch it again";

/// The body of a matrix that opens with this magic number.
fn matrix(mut file: Vec<u8>, magic: &[u8], size: usize) -> Read<Vec<u8>> {
    let word = |at: usize| file.as_chunks::<4>().0.get(at).map(|&word| u32::from_le_bytes(word) as usize);
    let rank = word(1).filter(|rank| (1..=4).contains(rank) && file.starts_with(magic));
    let Some(rank) = rank else { return fault("does not open as a matrix of small NORB does", REMEDY) };
    let dims: Vec<usize> = (0..rank).filter_map(|axis| word(2 + axis)).collect();
    let start = 4 * (2 + rank.max(WRITTEN));
    let count = dims.iter().try_fold(size, |count, &dim| count.checked_mul(dim));
    if dims.len() < rank || count.and_then(|count| count.checked_add(start)) != Some(file.len()) {
        return fault(format!("is not as large as its header says ({dims:?})"), REMEDY);
    }
    file.drain(..start);
    Ok(file)
}

/// The bytes of all pictures, one after the other.
pub fn pictures(file: Vec<u8>) -> Read<Vec<u8>> {
    matrix(file, BYTES, 1)
}

/// Classes of examples.
pub fn classes(file: Vec<u8>) -> Read<Vec<u8>> {
    let body = matrix(file, INTEGERS, 4)?;
    let class = |&word: &[u8; 4]| u8::try_from(i32::from_le_bytes(word)).ok();
    let classes: Option<Vec<u8>> = body.as_chunks::<4>().0.iter().map(class).collect();
    classes.map_or_else(|| fault("holds a class that is not between 0 and 255", REMEDY), Ok)
}
