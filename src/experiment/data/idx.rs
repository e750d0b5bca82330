//! The IDX format of MNIST: 00 00, type, number of dimensions, the dimensions, then the values; all big-endian.

use super::array::{Array, Read, fault};
use super::elements::{self, Kind, Layout, header_bytes};
use std::io::BufRead;

/// Whether `start`, the first bytes of a file, open an IDX file (of a known type or not).
pub(super) fn opens(start: &[u8]) -> bool {
    matches!(start, [0, 0, _, dims, ..] if (1..=4).contains(dims))
}

/// Reads a whole IDX file.
pub(super) fn read(reader: &mut dyn BufRead, declared: Option<f64>) -> Read<Array> {
    let magic = header_bytes(reader, 4)?;
    let (code, rank) = match magic.as_slice() {
        &[_, _, code, rank] => (code, usize::from(rank)),
        _ => (0, 0),
    };
    let kind = match code {
        0x08 => Kind::U8,
        0x09 => Kind::I8,
        0x0b => Kind::I16,
        0x0c => Kind::I32,
        0x0d => Kind::F32,
        0x0e => Kind::F64,
        other => {
            return fault(
                format!("an IDX header with the unknown type code 0x{other:02x} at offset 2"),
                "known types: 08 (u8), 09 (i8), 0b (i16), 0c (i32), 0d (f32), 0e (f64)",
            );
        }
    };
    let dims = header_bytes(reader, 4 * rank)?
        .as_chunks::<4>()
        .0
        .iter()
        .map(|&dim| u32::from_be_bytes(dim) as usize)
        .collect();
    let layout = Layout { dims, kind, little_endian: false, column_major: false, start: 4 + 4 * rank };
    elements::read(reader, layout, declared)
}
