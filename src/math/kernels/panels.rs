//! States in panels of 32 columns, the layout the kernels read and write.

use bytemuck::{Pod, Zeroable};
use rayon::prelude::*;

/// Columns of a panel, and rows and columns of a block.
pub const WIDTH: usize = 32;

/// Lines below which a second thread costs more than it saves to copy them.
const LINES: usize = 512;

/// One row of a panel, or of a block: two cache lines.
#[derive(Clone, Copy, Debug, PartialEq, Pod, Zeroable)]
#[repr(C, align(128))]
pub struct Line(pub [f32; WIDTH]);

impl Line {
    /// Zero everywhere.
    pub const ZERO: Self = Self([0.0; WIDTH]);

    /// Up to 32 values, then zeros.
    #[inline(always)]
    fn of(values: &[f32]) -> Self {
        match values.try_into() {
            Ok(values) => Self(values),
            Err(_) => {
                let mut line = Self::ZERO;
                line.0[..values.len()].copy_from_slice(values);
                line
            }
        }
    }
}

/// A matrix `[rows, columns]`: panel after panel, each of `rows` lines. What pads the last panel is never read as a state.
#[derive(Clone, Debug, PartialEq)]
pub struct Panels {
    rows: usize,
    columns: usize,
    lines: Vec<Line>,
}

impl Panels {
    /// Zero everywhere.
    pub fn zeros(rows: usize, columns: usize) -> Self {
        Self { rows, columns, lines: vec![Line::ZERO; rows * columns.div_ceil(WIDTH)] }
    }

    /// From values row by row.
    pub fn from_rows(values: &[f32], rows: usize, columns: usize) -> Self {
        let line = |at: usize| {
            let (panel, row) = (at / rows, at % rows);
            Line::of(&values[row * columns..(row + 1) * columns][columns_of(panel, columns)])
        };
        let count = rows * columns.div_ceil(WIDTH);
        Self { rows, columns, lines: (0..count).into_par_iter().with_min_len(LINES).map(line).collect() }
    }

    /// Values row by row.
    pub fn to_rows(&self) -> Vec<f32> {
        let mut values = Vec::with_capacity(self.rows * self.columns);
        for row in 0..self.rows {
            for panel in 0..self.count() {
                let line = &self.lines[panel * self.rows + row].0;
                let width = columns_of(panel, self.columns).len();
                if width == WIDTH { values.extend_from_slice(line) } else { values.extend_from_slice(&line[..width]) }
            }
        }
        values
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Number of columns, without padding.
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// Number of panels.
    pub fn count(&self) -> usize {
        self.columns.div_ceil(WIDTH)
    }

    /// The lines of one panel, a row each.
    pub fn panel(&self, panel: usize) -> &[Line] {
        &self.lines[panel * self.rows..(panel + 1) * self.rows]
    }

    /// The lines of all panels, for a kernel to write.
    pub(super) fn lines_mut(&mut self) -> &mut [Line] {
        &mut self.lines
    }
}

/// Copies as many values, a whole line without a call.
#[inline(always)]
pub(super) fn copy(from: &[f32], to: &mut [f32]) {
    match (<&[f32; WIDTH]>::try_from(from), <&mut [f32; WIDTH]>::try_from(&mut *to)) {
        (Ok(from), Ok(to)) => *to = *from,
        _ => to.copy_from_slice(from),
    }
}

/// The columns of a matrix that one panel holds.
pub(super) fn columns_of(panel: usize, columns: usize) -> std::ops::Range<usize> {
    panel * WIDTH..(panel * WIDTH + WIDTH).min(columns)
}
