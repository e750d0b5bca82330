//! Figures as SVG: title and legend above, axes with units, the marks between them.

use super::axis::{Ruler, Tick};
use super::marks::{Pen, Shades};
use super::style::{AXIS, Entry, FAINT, GRID, Look, NAME, QUIET, SAMPLE, TITLE, VALUE, after_sample, looks, rows};
use super::svg::{Anchor, Canvas, Type, base64, lines, px, width_of};
use crate::experiment::Result;
use crate::experiment::observe::{Image, Range};
use crate::studies::{Figure, Mark, Scale};

/// Pixels across.
const WIDTH: f64 = 720.0;
/// Height of the plane of marks.
const PLANE: f64 = 300.0;
/// The highest that a matrix is drawn.
const TALLEST: f64 = 360.0;
const MARGIN: f64 = 16.0;
/// Degrees by which long names are turned, and the cosine of that.
const SLANT: f64 = 32.0;
const LEAN: f64 = 0.848;

/// The figure as a file of its own, which a page can also hold as it is.
pub fn svg(figure: &Figure) -> Result<String> {
    let mut canvas = Canvas::new();
    let (looks, entries) = looks(&figure.marks);
    let top = heading(&mut canvas, figure, &entries);
    let tiles = figure.marks.iter().find_map(|mark| match mark {
        Mark::Tiles { .. } => Some(picture(mark)),
        _ => None,
    });
    let height = match tiles {
        Some(image) => tiled(&mut canvas, &image?, top)?,
        None => plane(&mut canvas, figure, &looks, top),
    };
    Ok(canvas.finish(WIDTH, height, &format!("{}. {}", figure.title, figure.caption)))
}

/// Small pictures as one; none for other marks.
pub fn picture(mark: &Mark) -> Result<Image> {
    let empty = (&Vec::new(), [0, 0], 1, false);
    let (pictures, shape, columns, signed) = match mark {
        Mark::Tiles { pictures, shape, columns, signed } => (pictures, *shape, *columns, *signed),
        _ => empty,
    };
    Image::grid(pictures, shape, columns, if signed { Range::Symmetric } else { Range::Unit })
}

/// Title and legend; returns where they end.
fn heading(canvas: &mut Canvas, figure: &Figure, entries: &[Entry]) -> f64 {
    let mut bottom = MARGIN;
    for line in lines(&figure.title, TITLE.size * 1.04, WIDTH - 2.0 * MARGIN) {
        bottom += 19.0;
        canvas.text((MARGIN, bottom - 5.0), &line, TITLE, 0.0);
    }
    // A single series is named by the axis or the title; its name is kept all the same.
    for row in rows(entries, WIDTH - 2.0 * MARGIN) {
        bottom += 21.0;
        for (place, entry) in row {
            let left = MARGIN + place;
            canvas.sample(left, bottom - 8.0, SAMPLE, entry.sample, entry.look);
            canvas.text((after_sample(left), bottom - 3.5), &entry.name, NAME, 0.0);
        }
    }
    bottom + 6.0
}

/// A grid of small pictures below the heading; returns the whole height.
fn tiled(canvas: &mut Canvas, image: &Image, top: f64) -> Result<f64> {
    let (wide, tall) = (image.width() as f64, image.height() as f64);
    let shrink = ((WIDTH - 2.0 * MARGIN) / wide).min(1.0);
    let (width, height) = (px(wide * shrink), px(tall * shrink));
    let address = format!("data:image/png;base64,{}", base64(&image.png()?));
    let (x, y) = (px(MARGIN), px(top + 4.0));
    let place = [("x", &*x), ("y", &*y), ("width", &*width), ("height", &*height)];
    let rest = [("href", &*address), ("style", "image-rendering:pixelated")];
    canvas.element("image", &[&place[..], &rest[..]].concat());
    Ok(top + 4.0 + tall * shrink + MARGIN)
}

/// The categories of all bars, in order of appearance.
fn categories(marks: &[Mark]) -> Vec<&str> {
    let mut categories: Vec<&str> = Vec::new();
    for mark in marks {
        let Mark::Bars { bars, .. } = mark else { continue };
        for (category, _) in bars {
            if !categories.contains(&category.as_str()) {
                categories.push(category);
            }
        }
    }
    categories
}

/// Rows and columns of the matrix, where the figure shows one.
fn matrix(marks: &[Mark]) -> Option<&Vec<Vec<f64>>> {
    marks.iter().find_map(|mark| match mark {
        Mark::Heat { rows } if rows.first().is_some_and(|row| !row.is_empty()) => Some(rows),
        _ => None,
    })
}

/// Every value that the axes must have room for: of x, of y.
fn values(marks: &[Mark], categories: &[&str]) -> (Vec<f64>, Vec<f64>) {
    let (mut xs, mut ys) = (Vec::new(), Vec::new());
    for mark in marks {
        match mark {
            Mark::Line { points, .. } => points.iter().for_each(|(x, y)| (xs.push(*x), ys.push(*y)).0),
            Mark::Dots { points, errors, .. } => {
                for (at, (x, y)) in points.iter().enumerate() {
                    let error = errors.get(at).copied().unwrap_or(0.0);
                    xs.push(*x);
                    ys.extend([*y, y - error, y + error]);
                }
            }
            Mark::Labels { points } => points.iter().for_each(|(x, y, _)| (xs.push(*x), ys.push(*y)).0),
            Mark::Bars { bars, .. } => ys.extend(bars.iter().map(|(_, height)| *height)),
            Mark::Band { points, .. } => points.iter().for_each(|(x, l, h)| (xs.push(*x), ys.extend([*l, *h])).0),
            Mark::Level { at, .. } => ys.push(*at),
            Mark::Heat { .. } | Mark::Tiles { .. } => {}
        }
    }
    xs.extend((0..categories.len()).flat_map(|at| [at as f64 - 0.5, at as f64 + 0.5]));
    (xs, ys)
}

/// The edges of the plane of marks.
#[derive(Clone, Copy)]
struct Frame {
    left: f64,
    right: f64,
    top: f64,
    bottom: f64,
}

/// Axes and marks; returns the whole height.
fn plane(canvas: &mut Canvas, figure: &Figure, looks: &[Look], top: f64) -> f64 {
    let top = top + if figure.y.label.is_empty() { 10.0 } else { 24.0 };
    let categories = categories(&figure.marks);
    let plane = match matrix(&figure.marks) {
        Some(rows) => Plane::of_matrix(rows, top),
        None => Plane::of_values(figure, &categories, top),
    };
    let frame = plane.frame;
    plane.rows(canvas);
    canvas.text((MARGIN, frame.top - 12.0), &figure.y.label, AXIS, 0.0);
    let end = match categories.as_slice() {
        [] => plane.columns(canvas),
        categories => named(canvas, &plane.x, frame, categories),
    };
    let mut pen = Pen { canvas, x: plane.x, y: plane.y };
    match (matrix(&figure.marks), plane.cell) {
        (Some(rows), Some(cell)) => {
            let shades = Shades::of(rows);
            pen.heat(rows, cell, &shades);
            shades.strip(pen.canvas, frame.right + 24.0, frame.top, frame.bottom - frame.top);
        }
        _ => {
            let foot = plane.y.foot();
            pen.canvas.line((frame.left, foot), (frame.right, foot), QUIET, 1.2, "");
        }
    }
    draw(&mut pen, figure, looks, &categories, frame);
    if figure.x.label.is_empty() {
        return end + MARGIN;
    }
    let middle = Type { anchor: Anchor::Middle, ..AXIS };
    canvas.text(((frame.left + frame.right) / 2.0, end + 19.0), &figure.x.label, middle, 0.0);
    end + 19.0 + MARGIN
}

/// Where everything is.
struct Plane {
    frame: Frame,
    x: Ruler,
    y: Ruler,
    y_ticks: Vec<Tick>,
    /// Side of a cell of a matrix.
    cell: Option<f64>,
}

impl Plane {
    fn of_matrix(rows: &[Vec<f64>], top: f64) -> Self {
        let (down, across) = (rows.len() as f64, rows[0].len() as f64);
        let cell = (TALLEST / down).min((WIDTH - 180.0) / across).min(56.0);
        let left = MARGIN + 30.0;
        let frame = Frame { left, right: left + cell * across, top, bottom: top + cell * down };
        let x = Ruler::between(-0.5, across - 0.5, (frame.left, frame.right));
        let y = Ruler::between(-0.5, down - 0.5, (frame.top, frame.bottom));
        Self { frame, x, y, y_ticks: y.counts(frame.bottom - frame.top), cell: Some(cell) }
    }

    fn of_values(figure: &Figure, categories: &[&str], top: f64) -> Self {
        let (xs, ys) = values(&figure.marks, categories);
        let foot = (!categories.is_empty() && figure.y.scale == Scale::Linear).then_some(0.0);
        let y = Ruler::around(ys.into_iter(), foot, figure.y.scale, (top + PLANE, top));
        let y_ticks = y.ticks(6);
        let widest = y_ticks.iter().map(|tick| width_of(&tick.label, VALUE.size)).fold(0.0, f64::max);
        let right = WIDTH - MARGIN - 8.0;
        let slot = (right - MARGIN) / categories.len().max(1) as f64;
        let overhang = if slanted(categories, slot) { overhang(categories, slot) } else { 0.0 };
        let frame = Frame { left: MARGIN + overhang.max(widest + 10.0), right, top, bottom: top + PLANE };
        let across = (frame.left, frame.right);
        let x = match categories.len() {
            0 => Ruler::around(xs.into_iter(), None, figure.x.scale, across),
            count => Ruler::between(-0.5, count as f64 - 0.5, across),
        };
        Self { frame, x, y, y_ticks, cell: None }
    }

    /// Values up the side.
    fn rows(&self, canvas: &mut Canvas) {
        let Frame { left, right, .. } = self.frame;
        for tick in &self.y_ticks {
            if self.cell.is_none() {
                let colour = if tick.label.is_empty() { FAINT } else { GRID };
                canvas.line((left, tick.place), (right, tick.place), colour, 1.0, "");
            }
            let look = Type { anchor: Anchor::End, ..VALUE };
            canvas.text((left - 8.0, tick.place + 4.0), &tick.label, look, 0.0);
        }
    }

    /// Values along the bottom; returns where they end.
    fn columns(&self, canvas: &mut Canvas) -> f64 {
        let Frame { left, right, bottom, .. } = self.frame;
        let ticks = if self.cell.is_some() { self.x.counts(right - left) } else { self.x.ticks(8) };
        for tick in ticks {
            if self.cell.is_none() {
                let length = if tick.label.is_empty() { 3.0 } else { 5.0 };
                canvas.line((tick.place, bottom), (tick.place, bottom + length), QUIET, 1.0, "");
            }
            canvas.text((tick.place, bottom + 19.0), &tick.label, VALUE, 0.0);
        }
        bottom + 21.0
    }
}

/// How far slanted names reach to the left of the first category.
fn overhang(categories: &[&str], slot: f64) -> f64 {
    let reach = |(at, name): (usize, &&str)| LEAN * width_of(name, VALUE.size) - slot * (at as f64 + 0.4);
    categories.iter().enumerate().map(reach).fold(0.0, f64::max)
}

/// Whether the names of categories are too long to stand side by side.
fn slanted(categories: &[&str], slot: f64) -> bool {
    categories.iter().any(|name| {
        let lines = lines(name, VALUE.size, slot - 8.0);
        lines.len() > 3 || lines.iter().any(|line| width_of(line, VALUE.size) > slot - 4.0)
    })
}

/// Names of categories along the bottom, slanted where they are too long; returns where they end.
fn named(canvas: &mut Canvas, x: &Ruler, frame: Frame, categories: &[&str]) -> f64 {
    let slot = (frame.right - frame.left) / categories.len() as f64;
    let slanted = slanted(categories, slot);
    let mut end = frame.bottom;
    for (at, name) in categories.iter().enumerate() {
        let place = x.place(at as f64).unwrap_or(frame.left);
        if slanted {
            let look = Type { anchor: Anchor::End, ..VALUE };
            canvas.text((place + 4.0, frame.bottom + 14.0), name, look, -SLANT);
            end = end.max(frame.bottom + 16.0 + (1.0 - LEAN * LEAN).sqrt() * width_of(name, VALUE.size));
            continue;
        }
        for (line, words) in lines(name, VALUE.size, slot - 8.0).iter().enumerate() {
            let down = frame.bottom + 18.0 + 15.0 * line as f64;
            canvas.text((place, down), words, VALUE, 0.0);
            end = end.max(down + 3.0);
        }
    }
    end
}

/// All marks but a matrix, in order.
fn draw(pen: &mut Pen, figure: &Figure, looks: &[Look], categories: &[&str], frame: Frame) {
    let grouped = figure.marks.iter().filter(|mark| matches!(mark, Mark::Bars { .. })).count();
    let slot = (frame.right - frame.left) / categories.len().max(1) as f64;
    let mut own = 0;
    for (mark, look) in figure.marks.iter().zip(looks) {
        match mark {
            Mark::Line { points, .. } => pen.line(points, *look),
            Mark::Dots { points, errors, .. } => pen.dots(points, errors, *look),
            Mark::Labels { points } => pen.labels(points, (frame.left, WIDTH - 4.0), (frame.top, frame.bottom)),
            Mark::Bars { bars, .. } => {
                let index = |name: &str| categories.iter().position(|category| *category == name).unwrap_or(0) as f64;
                let bars: Vec<(f64, f64)> = bars.iter().map(|(name, height)| (index(name), *height)).collect();
                pen.bars(&bars, [own, grouped], slot, *look);
                own += 1;
            }
            Mark::Band { points, .. } => pen.band(points, *look),
            Mark::Level { at, .. } => {
                if let Some(place) = pen.y.place(*at) {
                    pen.canvas.line((frame.left, place), (frame.right, place), look.colour, 1.6, look.dashes);
                }
            }
            Mark::Heat { .. } | Mark::Tiles { .. } => {}
        }
    }
}
