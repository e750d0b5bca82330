//! Pictures for people: rows of values as tiles of a grid.

use super::Result;
use super::observe::{Image, Range, Value};
use crate::math::{Tensor, host};

/// Pictures per grid.
const TILES: usize = 100;
const COLUMNS: usize = 10;
/// Examples shown beside their reconstructions.
const PAIRS: usize = 40;

/// Rows of data, each above the row of its reconstructions; both `[examples, pixels]`.
pub fn reconstructions(data: &Tensor, again: &Tensor, shape: [usize; 2], range: Range) -> Result<Value> {
    let (data, again) = (pictures(data, PAIRS)?, pictures(again, PAIRS)?);
    let blank = vec![1.0; shape[0] * shape[1]];
    let mut tiles = Vec::new();
    for (data, again) in data.chunks(COLUMNS).zip(again.chunks(COLUMNS)) {
        tiles.extend_from_slice(data);
        tiles.extend(std::iter::repeat_n(blank.clone(), COLUMNS - data.len()));
        tiles.extend_from_slice(again);
        tiles.extend(std::iter::repeat_n(blank.clone(), COLUMNS - again.len()));
    }
    Ok(Value::Image(Image::grid(&tiles, shape, COLUMNS, range)?))
}

/// The first rows, `[rows, pixels]`, as a grid of pictures.
pub fn grid(rows: &Tensor, shape: [usize; 2], range: Range) -> Result<Value> {
    Ok(Value::Image(Image::grid(&pictures(rows, TILES)?, shape, COLUMNS, range)?))
}

/// The first rows as pictures.
fn pictures(rows: &Tensor, most: usize) -> Result<Vec<Vec<f64>>> {
    let (count, pixels) = rows.dims2()?;
    let values = host(&rows.narrow(0, 0, count.min(most))?)?;
    Ok(values.chunks(pixels.max(1)).map(<[f64]>::to_vec).collect())
}

/// The most square height and width with this product.
pub fn rectangle(units: usize) -> [usize; 2] {
    let height = (1..=units).take_while(|h| h * h <= units).filter(|h| units.is_multiple_of(*h)).last().unwrap_or(1);
    [height, units / height]
}
