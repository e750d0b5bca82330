//! Pictures for people: rows of values as tiles of a grid.

use super::Result;
use super::observe::{Image, Range, Value};
use super::setup::some_of;
use crate::math::{Tensor, host};

/// Pictures per grid.
const TILES: usize = 100;
const COLUMNS: usize = 10;
/// Examples shown beside their reconstructions.
const PAIRS: usize = 40;

/// Rows of data, each above the row of its reconstructions; both `[examples, pixels]`.
pub fn reconstructions(data: &Tensor, again: &Tensor, shape: [usize; 2], range: Range) -> Result<Value> {
    Ok(Value::Image(stacked(&[some_of(data, PAIRS)?, some_of(again, PAIRS)?], shape, COLUMNS, range)?))
}

/// Lines of pictures from several sets, `[examples, pixels]` each: one line of the first set, below it the same examples of the
/// second, and so on through the sets, then the next line of the first.
pub fn stacked(sets: &[Tensor], shape: [usize; 2], columns: usize, range: Range) -> Result<Image> {
    let sets = sets.iter().map(|set| pictures(set, usize::MAX)).collect::<Result<Vec<_>>>()?;
    let examples = sets.iter().map(Vec::len).max().unwrap_or(0);
    let blank = Vec::new();
    let mut tiles = Vec::new();
    for first in (0..examples).step_by(columns.max(1)) {
        for set in &sets {
            let line = (first..first + columns.max(1)).map(|at| set.get(at).unwrap_or(&blank).clone());
            tiles.extend(line);
        }
    }
    // The end of the last line of the last set is no line of another.
    tiles.truncate(tiles.len() - (columns.max(1) - 1 - (examples.max(1) - 1) % columns.max(1)));
    Image::grid(&tiles, shape, columns, range)
}

/// The first rows, `[rows, pixels]`, as a grid of pictures.
pub fn grid(rows: &Tensor, shape: [usize; 2], range: Range) -> Result<Value> {
    Ok(Value::Image(Image::grid(&pictures(rows, TILES)?, shape, COLUMNS, range)?))
}

/// The rows of the largest norm first, `[rows, pixels]`: of more units than a grid has room for, those that say most.
pub fn strongest(rows: &Tensor) -> Result<Tensor> {
    let norms = host(&rows.sqr()?.sum(1)?)?;
    let mut order: Vec<u32> = (0..norms.len() as u32).collect();
    order.sort_by(|&one, &other| norms[other as usize].total_cmp(&norms[one as usize]));
    let count = order.len();
    Ok(rows.contiguous()?.index_select(&Tensor::from_vec(order, count, rows.device())?, 0)?)
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
