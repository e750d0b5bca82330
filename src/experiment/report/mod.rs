//! Reports of studies: figures as SVG, one self-contained page for all claims.

mod axis;
mod draw;
mod marks;
mod style;
mod svg;

pub use axis::short;
pub use draw::{picture, svg};
pub use svg::escaped;
