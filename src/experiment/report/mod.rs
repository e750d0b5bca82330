//! Reports of studies: figures as SVG, one self-contained page for all claims.

mod axis;
mod draw;
mod equation;
mod marks;
mod page;
mod style;
mod svg;
mod tables;

pub use draw::{picture, svg};
pub use equation::mathml;
pub use page::page;
pub use svg::escaped;
pub use tables::tables;
