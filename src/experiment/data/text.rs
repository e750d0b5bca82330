//! Text with one example a line, values separated by blanks: the `.amat` files of static binarised MNIST.

use super::array::{Array, Collector, Read, fault};
use super::elements::{OUT_OF_RANGE, damaged};
use std::io::BufRead;

/// Whether `start`, the first bytes of a file, can be a line of numbers.
pub(super) fn opens(start: &[u8]) -> bool {
    let line = start.split(|&byte| byte == b'\n').next().unwrap_or_default();
    !start.is_empty() && line.iter().all(|byte| byte.is_ascii_graphic() || byte.is_ascii_whitespace())
}

/// Reads a whole text; every line must have as many values as the first.
pub(super) fn read(reader: &mut dyn BufRead, declared: Option<f64>) -> Read<Array> {
    let mut collector = Collector::new(declared, false);
    let (mut rows, mut units, mut line) = (0, None, Vec::new());
    for number in 1.. {
        line.clear();
        if reader.read_until(b'\n', &mut line).map_err(|error| damaged(error, &format!("in line {number}")))? == 0 {
            break;
        }
        let count = values(&line, number, &mut collector)?;
        if count == 0 {
            continue;
        }
        let expected = *units.get_or_insert(count);
        if count != expected {
            return fault(
                format!("line {number} has {count} values, the lines before it {expected}"),
                "give every example the same number of values; the file may be cut off",
            );
        }
        rows += 1;
    }
    let (pixels, note) = collector.finish()?;
    Ok(Array { dims: vec![rows, units.unwrap_or(0)], pixels, note })
}

/// Takes the values of one line and counts them.
fn values(line: &[u8], number: usize, collector: &mut Collector) -> Read<usize> {
    let mut count = 0;
    for token in line.split(u8::is_ascii_whitespace).filter(|token| !token.is_empty()) {
        count += 1;
        let value = match token {
            b"0" => 0.0,
            b"1" => 1.0,
            other => match std::str::from_utf8(other).ok().and_then(|word| word.parse().ok()) {
                Some(value) => value,
                None => {
                    let word: String = String::from_utf8_lossy(other).chars().take(20).collect();
                    return fault(
                        format!("line {number}, value {count}: \"{}\" is not a number", word.escape_debug()),
                        "write one example a line, values in 0..1 separated by blanks",
                    );
                }
            },
        };
        if let Err(problem) = collector.push(value) {
            return fault(format!("line {number}, value {count}: {problem}"), OUT_OF_RANGE);
        }
    }
    Ok(count)
}
