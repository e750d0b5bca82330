//! Grey pictures of any shape: grids of filters, samples and reconstructions, and their PNG bytes.

use crate::experiment::{Error, Result};

/// The longer side of a picture in a grid is magnified, by a whole factor, to at least this many pixels.
const READABLE: usize = 32;

/// How values become shades of grey.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Range {
    /// 0 is black, 1 is white; values outside are clipped: pixels, means, samples.
    Unit,
    /// 0 is mid grey, the largest absolute value of the whole grid is black or white: filters.
    Symmetric,
    /// 0 is mid grey, and black or white begin at the absolute value that one in 200 of the whole grid exceeds: filters of which a few
    /// have single large weights.
    Clipped,
}

impl Range {
    /// The value that is mid grey.
    pub fn grey(self) -> f64 {
        match self {
            Self::Unit => 0.5,
            Self::Symmetric | Self::Clipped => 0.0,
        }
    }
}

/// A grey picture, 8 bits per pixel, row by row from the top left.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Image {
    width: usize,
    height: usize,
    pixels: Vec<u8>,
}

impl Image {
    /// A picture from its pixels `[height · width]`.
    pub fn new(width: usize, height: usize, pixels: Vec<u8>) -> Result<Self> {
        if width.checked_mul(height) != Some(pixels.len()) || pixels.is_empty() {
            return Err(unfit(format!("{} pixels do not make a picture of {height} x {width}", pixels.len())));
        }
        Ok(Self { width, height, pixels })
    }

    /// Lays out pictures, each `[height · width]` row by row, from left to right and top to bottom in `columns` columns,
    /// magnified until they are readable, with gutters of one pixel between and around them; an empty one leaves its place free.
    pub fn grid(pictures: &[Vec<f64>], shape: [usize; 2], columns: usize, range: Range) -> Result<Self> {
        let [height, width] = shape;
        if let Some(odd) = pictures.iter().find(|picture| !picture.is_empty() && picture.len() != height * width) {
            return Err(unfit(format!("{} values do not make a picture of {height} x {width}", odd.len())));
        }
        if pictures.is_empty() || height * width == 0 {
            return Err(unfit(format!("a grid of {} pictures of {height} x {width} is empty", pictures.len())));
        }
        let scale = READABLE.div_ceil(height.max(width));
        let (tile_height, tile_width) = (height * scale + 1, width * scale + 1);
        let columns = columns.clamp(1, pictures.len());
        let (grid_height, grid_width) = (pictures.len().div_ceil(columns) * tile_height + 1, columns * tile_width + 1);
        let shade = Shade::of(pictures, range);
        let mut pixels = vec![shade.gutter(); grid_height * grid_width];
        for (y, line) in pixels.chunks_exact_mut(grid_width).enumerate() {
            for (x, pixel) in line.iter_mut().enumerate() {
                // A gutter lies before each tile and after the last one.
                let (Some(inner_y), Some(inner_x)) =
                    ((y % tile_height).checked_sub(1), (x % tile_width).checked_sub(1))
                else {
                    continue;
                };
                let picture = pictures.get(y / tile_height * columns + x / tile_width);
                if let Some(value) = picture.and_then(|picture| picture.get(inner_y / scale * width + inner_x / scale))
                {
                    *pixel = shade.grey(*value);
                }
            }
        }
        Self::new(grid_width, grid_height, pixels)
    }

    /// Pixels per line.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Lines.
    pub fn height(&self) -> usize {
        self.height
    }

    /// All pixels, row by row, `[height · width]`.
    pub fn pixels(&self) -> &[u8] {
        &self.pixels
    }

    /// The picture as a PNG file.
    pub fn png(&self) -> Result<Vec<u8>> {
        let mut file = Vec::new();
        let mut encoder = png::Encoder::new(&mut file, side(self.width)?, side(self.height)?);
        encoder.set_color(png::ColorType::Grayscale);
        encoder.set_depth(png::BitDepth::Eight);
        let mut writer = encoder.write_header().map_err(|error| unfit(error.to_string()))?;
        writer.write_image_data(&self.pixels).map_err(|error| unfit(error.to_string()))?;
        writer.finish().map_err(|error| unfit(error.to_string()))?;
        Ok(file)
    }
}

/// From values to grey.
struct Shade {
    range: Range,
    largest: f64,
}

impl Shade {
    fn of(pictures: &[Vec<f64>], range: Range) -> Self {
        let sizes = pictures.iter().flatten().filter(|value| value.is_finite()).map(|value| value.abs());
        let mut sizes: Vec<f64> = sizes.collect();
        let exceeding = if range == Range::Clipped { sizes.len() / 200 } else { 0 };
        sizes.sort_unstable_by(|one, other| other.total_cmp(one));
        Self { range, largest: sizes.get(exceeding).copied().unwrap_or(0.0) }
    }

    fn grey(&self, value: f64) -> u8 {
        let level = match self.range {
            Range::Unit => 255.0 * value,
            Range::Symmetric | Range::Clipped if self.largest == 0.0 => 128.0,
            Range::Symmetric | Range::Clipped => 128.0 + 127.0 * (value / self.largest),
        };
        // The conversion clips, and NaN becomes black.
        level.round() as u8
    }

    /// A grey that neither an off pixel nor a zero weight has.
    fn gutter(&self) -> u8 {
        match self.range {
            Range::Unit => 96,
            Range::Symmetric | Range::Clipped => 0,
        }
    }
}

fn side(pixels: usize) -> Result<u32> {
    u32::try_from(pixels).map_err(|_| unfit(format!("{pixels} pixels are too many for one side of a picture")))
}

fn unfit(problem: String) -> Error {
    Error::Compute { problem }
}
