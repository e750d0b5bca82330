//! NumPy's `.npy` arrays and the `.npz` archives of them.
//!
//! candle's reader is not used because it allocates whatever a damaged header promises, and knows neither compressed archives, nor
//! big-endian or Fortran order; the `npyz` crate because it overflows, and recurses without limit, on damaged headers.

use super::array::{Array, Fault, Read, fault};
use super::elements::{self, Kind, Layout, header_bytes};
use crate::math::{DType, Tensor};
use std::io::{BufRead, BufReader, Cursor};
use zip::ZipArchive;

/// How a `.npy` file begins.
pub(super) const MAGIC: &[u8] = b"\x93NUMPY";

/// How a `.npz` file, being a zip archive, begins.
pub(super) const ARCHIVE_MAGIC: &[u8] = b"PK";

/// Reads a whole `.npy` file.
pub(super) fn read(reader: &mut dyn BufRead, declared: Option<f64>) -> Read<Array> {
    let layout = header(reader)?;
    elements::read(reader, layout, declared)
}

/// A whole `.npy` file of a tensor `[rows, columns]`, in single precision.
pub fn npy_bytes(values: &Tensor) -> candle_core::Result<Vec<u8>> {
    let (rows, columns) = values.dims2()?;
    let header = format!("{{'descr': '<f4', 'fortran_order': False, 'shape': ({rows}, {columns}), }}");
    // Version 1.0; the whole header, with its length and a line break, fills a multiple of 64 bytes.
    let length = (MAGIC.len() + 4 + header.len() + 1).next_multiple_of(64) - MAGIC.len() - 4;
    let mut bytes = [MAGIC, &[1, 0], &(length as u16).to_le_bytes()].concat();
    bytes.extend(format!("{header:<width$}\n", width = length - 1).bytes());
    values.to_dtype(DType::F32)?.write_bytes(&mut bytes)?;
    Ok(bytes)
}

/// Reads the array `name` of a `.npz` archive, or its only array.
pub(super) fn read_archive(bytes: &[u8], name: Option<&str>, declared: Option<f64>) -> Read<Array> {
    let mut archive = ZipArchive::new(Cursor::new(bytes)).map_err(broken)?;
    let members: Vec<String> =
        archive.file_names().map(|name| Ok(name.map_err(broken)?.into_owned())).collect::<Read<_>>()?;
    let mut names: Vec<&str> = members.iter().map(|member| member.strip_suffix(".npy").unwrap_or(member)).collect();
    names.sort_unstable();
    let listed = names.join(", ");
    let wanted = match (name, names.as_slice()) {
        (_, []) => return fault("the archive holds no arrays", "save arrays with numpy.savez(FILE, name=array)"),
        (None, [only]) => *only,
        (None, _) => {
            return fault(
                format!("the archive holds several arrays: {listed}"),
                "name the one with the examples as `array`, or save every array in a file of its own",
            );
        }
        (Some(name), names) if names.contains(&name) => name,
        (Some(name), _) => {
            return fault(
                format!("the archive holds no array \"{name}\""),
                format!("name one that it holds: {listed}"),
            );
        }
    };
    let member = if members.iter().any(|member| member == wanted) { wanted.into() } else { format!("{wanted}.npy") };
    let member = archive.by_name(&member).map_err(broken)?;
    read(&mut BufReader::new(member), declared)
        .map_err(|Fault { problem, remedy }| Fault { problem: format!("array \"{wanted}\": {problem}"), remedy })
}

fn broken(error: zip::result::ZipError) -> Fault {
    Fault {
        problem: format!("begins like a .npz file but is no readable zip archive ({error})"),
        remedy: "make or fetch the file again; `unzip -t` checks it".into(),
    }
}

fn header(reader: &mut dyn BufRead) -> Read<Layout> {
    let start = header_bytes(reader, 8)?;
    if !start.starts_with(MAGIC) {
        return fault("is no .npy file: it does not begin with \\x93NUMPY", "save it with numpy.save");
    }
    let width = match start.get(6) {
        Some(1) => 2,
        Some(2 | 3) => 4,
        other => {
            return fault(
                format!("is of .npy version {}, which is unknown", other.copied().unwrap_or_default()),
                "save it with numpy.save of numpy 1 or 2",
            );
        }
    };
    let length = header_bytes(reader, width)?.iter().rev().fold(0usize, |sum, &byte| sum << 8 | usize::from(byte));
    if length > 10_000 {
        return fault(
            format!("the .npy header claims a length of {length} bytes; numpy itself refuses more than 10000"),
            "the header is damaged: make or fetch the file again",
        );
    }
    let text = String::from_utf8_lossy(&header_bytes(reader, length)?).into_owned();
    let (kind, little_endian) = kind(field(&text, "descr")?)?;
    let column_major = field(&text, "fortran_order")?.starts_with("True");
    Ok(Layout { dims: dims(&text)?, kind, little_endian, column_major, start: 8 + width + length })
}

/// What follows `'key':` in the header, a Python dictionary.
fn field<'a>(header: &'a str, key: &str) -> Read<&'a str> {
    match header.split_once(&format!("'{key}':")) {
        Some((_, rest)) => Ok(rest.trim_start()),
        None => unreadable(header, key),
    }
}

fn dims(header: &str) -> Read<Vec<usize>> {
    let inside =
        field(header, "shape")?.strip_prefix('(').and_then(|rest| rest.split_once(')')).map(|(inside, _)| inside);
    let Some(inside) = inside else { return unreadable(header, "shape") };
    let words = inside.split(',').map(str::trim).filter(|word| !word.is_empty());
    match words.map(str::parse).collect() {
        Ok(dims) => Ok(dims),
        Err(_) => unreadable(header, "shape"),
    }
}

fn unreadable<T>(header: &str, key: &str) -> Read<T> {
    fault(
        format!("the .npy header has no readable '{key}': {}", header.trim_end().replace(char::is_control, "?")),
        "save the array with numpy.save",
    )
}

/// Element type and whether its least significant byte comes first.
fn kind(descr: &str) -> Read<(Kind, bool)> {
    let word = descr.trim_start_matches('\'').split('\'').next().unwrap_or_default();
    let code = word.trim_start_matches(['<', '>', '|', '=']);
    let kind = match code {
        "u1" | "b1" => Kind::U8,
        "i1" => Kind::I8,
        "u2" => Kind::U16,
        "i2" => Kind::I16,
        "u4" => Kind::U32,
        "i4" => Kind::I32,
        "u8" => Kind::U64,
        "i8" => Kind::I64,
        "f4" => Kind::F32,
        "f8" => Kind::F64,
        _ => {
            return fault(
                format!("holds numbers of type '{}', which cannot be read", word.escape_debug()),
                "save it as bool, integers, float32 or float64: numpy.save(FILE, array.astype(\"float32\"))",
            );
        }
    };
    Ok((kind, !word.starts_with('>')))
}
