//! Marks on the plane of a figure.

use super::axis::{Ruler, short};
use super::style::{INK, Look, NAME, NOTHING, QUIET, Sample, VALUE};
use super::svg::{Anchor, Canvas, Type, px, width_of};
use std::fmt::Write;

/// Points in one column of pixels of which no more than the ends and the extremes are drawn.
const CROWD: usize = 4;
/// More points than this are drawn small.
const MANY: usize = 60;

/// Draws on a canvas, between two axes.
pub struct Pen<'a> {
    /// What is drawn on.
    pub canvas: &'a mut Canvas,
    /// The horizontal axis.
    pub x: Ruler,
    /// The vertical axis.
    pub y: Ruler,
}

impl Pen<'_> {
    fn place(&self, (x, y): (f64, f64)) -> Option<(f64, f64)> {
        Some((self.x.place(x)?, self.y.place(y)?))
    }

    /// A line, broken where a point cannot be shown.
    pub fn line(&mut self, points: &[(f64, f64)], look: Look) {
        let placed: Vec<Option<(f64, f64)>> = points.iter().map(|point| self.place(*point)).collect();
        let mut path = String::new();
        for stretch in placed.split(Option::is_none) {
            let stretch: Vec<(f64, f64)> = stretch.iter().flatten().copied().collect();
            for (at, (x, y)) in thinned(&stretch).into_iter().enumerate() {
                let _ = write!(path, "{}{} {}", if at == 0 { "M" } else { "L" }, px(x), px(y));
            }
        }
        let mut attributes = vec![
            ("d", &*path),
            ("fill", "none"),
            ("stroke", look.colour),
            ("stroke-width", "2"),
            ("stroke-linejoin", "round"),
        ];
        if !look.dashes.is_empty() {
            attributes.push(("stroke-dasharray", look.dashes));
        }
        self.canvas.element("path", &attributes);
        // A line of few points shows them; a lone point would not be seen otherwise.
        let shown: Vec<(f64, f64)> = placed.into_iter().flatten().collect();
        if shown.len() <= 12 {
            shown.iter().for_each(|place| self.canvas.dot(*place, 2.8, look, 1.0));
        }
    }

    /// Points, with bars of one standard error up and down where there are errors.
    pub fn dots(&mut self, points: &[(f64, f64)], errors: &[f64], look: Look) {
        let (radius, opacity) = if points.len() > MANY { (2.2, 0.55) } else { (4.0, 1.0) };
        for (at, &(x, y)) in points.iter().enumerate() {
            let Some((across, up)) = self.place((x, y)) else { continue };
            if let Some(error) = errors.get(at).filter(|error| error.is_finite()) {
                let (low, high) = (self.y.place(y - error), self.y.place(y + error));
                let (low, high) = (low.unwrap_or(self.y.foot()), high.unwrap_or(up));
                self.canvas.line((across, low), (across, high), look.colour, 1.4, "");
                for end in [low, high] {
                    self.canvas.line((across - 4.0, end), (across + 4.0, end), look.colour, 1.4, "");
                }
            }
            self.canvas.dot((across, up), radius, look, opacity);
        }
    }

    /// Bars from the foot of the axis, the `own`-th of `of` at each place; `slot` is the room of a category.
    pub fn bars(&mut self, bars: &[(f64, f64)], [own, of]: [usize; 2], slot: f64, look: Look) {
        let wide = (0.78 * slot / of as f64).min(64.0);
        for &(x, height) in bars {
            let Some((centre, top)) = self.place((x, height)) else { continue };
            let left = centre + (own as f64 - of as f64 / 2.0) * wide;
            let foot = self.y.foot();
            let size = ((wide - 1.5).max(1.0), (foot - top).abs().max(0.8));
            self.canvas.rectangle((left + 0.75, foot.min(top)), size, look.colour);
        }
    }

    /// The area between two curves.
    pub fn band(&mut self, points: &[(f64, f64, f64)], look: Look) {
        let edge = |pick: fn(&(f64, f64, f64)) -> (f64, f64)| -> Vec<(f64, f64)> {
            points.iter().filter_map(|point| self.place(pick(point))).collect()
        };
        let (low, high) = (edge(|&(x, low, _)| (x, low)), edge(|&(x, _, high)| (x, high)));
        let outline = high.iter().chain(low.iter().rev());
        let text: Vec<String> = outline.map(|(x, y)| format!("{},{}", px(*x), px(*y))).collect();
        let attributes = [("points", &*text.join(" ")), ("fill", look.colour), ("fill-opacity", "0.18")];
        self.canvas.element("polygon", &attributes);
    }

    /// A matrix as shades, the first row on top, in cells of these sides.
    pub fn heat(&mut self, rows: &[Vec<f64>], side: f64, shades: &Shades) {
        for (down, row) in rows.iter().enumerate() {
            for (across, &value) in row.iter().enumerate() {
                let Some((x, y)) = self.place((across as f64, down as f64)) else { continue };
                // A hair wider, so that no gaps show.
                let corner = (x - side / 2.0, y - side / 2.0);
                self.canvas.rectangle(corner, (side + 0.3, side + 0.3), &shades.colour(value));
                if side >= 44.0 {
                    let colour = if shades.dark(value) { "#ffffff" } else { INK };
                    let look = Type { colour, anchor: Anchor::Middle, ..NAME };
                    self.canvas.text((x, y + 4.5), &short(value, 3), look, 0.0);
                }
            }
        }
    }

    /// Points with a word beside each, where it is in nobody's way inside these bounds: left and right, top and bottom.
    pub fn labels(&mut self, points: &[(f64, f64, String)], (left, right): (f64, f64), (top, bottom): (f64, f64)) {
        let placed: Vec<_> =
            points.iter().filter_map(|(x, y, word)| Some((self.place((*x, *y))?, word.as_str()))).collect();
        let mut taken: Vec<Area> = placed.iter().map(|((x, y), _)| Area::new(x - 5.0, y - 5.0, 10.0, 10.0)).collect();
        let look = Look { colour: "#0072b2", dashes: "", number: 0 };
        for ((x, y), word) in &placed {
            let wide = width_of(word, NAME.size);
            let inside = |area: &Area| {
                area.left >= left && area.right <= right && area.top >= top - 8.0 && area.bottom <= bottom + 4.0
            };
            let candidates: Vec<Area> = around(*x, *y, wide).filter(inside).collect();
            let free = candidates.iter().find(|area| !taken.iter().any(|other| area.meets(other)));
            let area = *free.or(candidates.first()).unwrap_or(&Area::new(x + 8.0, y - 7.5, wide, 15.0));
            if let Some(edge) = area.edge_towards(*x, *y) {
                self.canvas.line((*x, *y), edge, QUIET, 0.8, "");
            }
            self.canvas.text((area.left, area.bottom - 3.5), word, NAME, 0.0);
            taken.push(area);
        }
        placed.iter().for_each(|(place, _)| self.canvas.dot(*place, 4.0, look, 1.0));
    }
}

/// The places about a point that a word may take, the nearest first.
fn around(x: f64, y: f64, wide: f64) -> impl Iterator<Item = Area> {
    let tall = 15.0;
    let sides = move |steps: i32| {
        let down = 14.0 * f64::from(steps);
        let aside = if steps.abs() > 1 { 14.0 } else { 8.0 };
        let right = Area::new(x + aside, y - tall / 2.0 + down, wide, tall);
        let left = Area::new(x - aside - wide, y - tall / 2.0 + down, wide, tall);
        let clear = if steps < 0 { -6.0 } else { 6.0 };
        let middle = Area::new(x - wide / 2.0, y - tall / 2.0 + down + clear, wide, tall);
        [right, left].into_iter().chain((steps != 0).then_some(middle))
    };
    [0, -1, 1, -2, 2, -3, 3, -4, 4, -5, 5, -6, 6].into_iter().flat_map(sides)
}

/// A rectangle on the page.
#[derive(Clone, Copy, Debug)]
struct Area {
    left: f64,
    top: f64,
    right: f64,
    bottom: f64,
}

impl Area {
    fn new(left: f64, top: f64, wide: f64, tall: f64) -> Self {
        Self { left, top, right: left + wide, bottom: top + tall }
    }

    /// Where a thread from a point that is not beside it ends.
    fn edge_towards(&self, x: f64, y: f64) -> Option<(f64, f64)> {
        let near = (x.clamp(self.left, self.right), y.clamp(self.top + 4.0, self.bottom - 4.0));
        ((near.0 - x).hypot(near.1 - y) > 15.0).then_some(near)
    }

    fn meets(&self, other: &Self) -> bool {
        self.left < other.right && other.left < self.right && self.top < other.bottom && other.top < self.bottom
    }
}

/// Points that stand in one column of pixels, less those that nobody would see.
fn thinned(points: &[(f64, f64)]) -> Vec<(f64, f64)> {
    let mut kept = Vec::new();
    for column in points.chunk_by(|a, b| a.0.round() == b.0.round()) {
        if column.len() <= CROWD {
            kept.extend_from_slice(column);
            continue;
        }
        let extreme = |high: bool| {
            let ordered = (0..column.len()).max_by(|&a, &b| {
                let order = column[a].1.total_cmp(&column[b].1);
                if high { order } else { order.reverse() }
            });
            ordered.unwrap_or(0)
        };
        let mut chosen = [0, extreme(true), extreme(false), column.len() - 1];
        chosen.sort_unstable();
        kept.extend(chosen.map(|at| column[at]));
    }
    kept
}

impl Canvas {
    /// A point whose shape tells its series, so that colour alone need not.
    pub fn dot(&mut self, (x, y): (f64, f64), radius: f64, look: Look, opacity: f64) {
        let opacity = opacity.to_string();
        let shown = [("fill", look.colour), ("fill-opacity", &*opacity)];
        let corners = |corners: &[(f64, f64)]| {
            let at = |&(right, down): &(f64, f64)| format!("{},{}", px(x + right * radius), px(y + down * radius));
            corners.iter().map(at).collect::<Vec<_>>().join(" ")
        };
        let points = match look.number % 4 {
            0 => {
                let (x, y, r) = (px(x), px(y), px(radius));
                return self.element("circle", &[("cx", &x), ("cy", &y), ("r", &r), shown[0], shown[1]]);
            }
            1 => corners(&[(-0.9, -0.9), (0.9, -0.9), (0.9, 0.9), (-0.9, 0.9)]),
            2 => corners(&[(0.0, -1.2), (1.1, 0.8), (-1.1, 0.8)]),
            _ => corners(&[(0.0, -1.25), (1.25, 0.0), (0.0, 1.25), (-1.25, 0.0)]),
        };
        self.element("polygon", &[("points", &points), shown[0], shown[1]]);
    }

    /// What a legend shows before a name, from `left` on, about the line `middle`.
    pub fn sample(&mut self, left: f64, middle: f64, length: f64, sample: Sample, look: Look) {
        match sample {
            Sample::Line(dashes) => {
                self.line((left, middle), (left + length, middle), look.colour, 2.0, dashes);
            }
            Sample::Dot => self.dot((left + length / 2.0, middle), 4.5, look, 1.0),
            Sample::Area => self.rectangle((left + 5.0, middle - 6.0), (length - 8.0, 12.0), look.colour),
            Sample::Band => {
                let (x, y, width) = (px(left), px(middle - 6.0), px(length));
                let place = [("x", &*x), ("y", &*y), ("width", &*width), ("height", "12")];
                self.element("rect", &[&place[..], &[("fill", look.colour), ("fill-opacity", "0.18")]].concat());
            }
        }
    }
}

/// From values of a matrix to colours: white to blue, or red over white to blue where there are both signs.
#[derive(Clone, Copy, Debug)]
pub struct Shades {
    /// The smallest value.
    pub low: f64,
    /// The largest value.
    pub high: f64,
}

impl Shades {
    /// Of all values that are numbers.
    pub fn of(rows: &[Vec<f64>]) -> Self {
        let finite = rows.iter().flatten().filter(|value| value.is_finite());
        let ends = finite.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), v| (low.min(*v), high.max(*v)));
        match ends {
            (low, high) if low > high => Self { low: 0.0, high: 1.0 },
            (low, high) if low < 0.0 && high > 0.0 => {
                let most = high.max(-low);
                Self { low: -most, high: most }
            }
            (low, high) if low >= 0.0 => Self { low: 0.0, high },
            (low, high) => Self { low, high },
        }
    }

    /// From 0, pale, to 1, dark; negative for the other hue.
    fn depth(&self, value: f64) -> f64 {
        let depth = if self.low < 0.0 && self.high > 0.0 {
            value / self.high
        } else {
            (value - self.low) / (self.high - self.low)
        };
        if depth.is_finite() { depth.clamp(-1.0, 1.0) } else { 0.0 }
    }

    /// Whether white letters are read on it.
    pub fn dark(&self, value: f64) -> bool {
        self.depth(value).abs() > 0.55
    }

    /// The colour of a value.
    pub fn colour(&self, value: f64) -> String {
        if !value.is_finite() {
            return NOTHING.into();
        }
        let depth = self.depth(value);
        let full = if depth < 0.0 { [178.0, 60.0, 20.0] } else { [0.0, 74.0, 128.0] };
        let [red, green, blue] = full.map(|full: f64| (255.0 + (full - 255.0) * depth.abs()).round() as u8);
        format!("#{red:02x}{green:02x}{blue:02x}")
    }

    /// A strip that tells which colour is which value.
    pub fn strip(&self, canvas: &mut Canvas, left: f64, top: f64, tall: f64) {
        const STEPS: usize = 40;
        for step in 0..STEPS {
            let share = (step as f64 + 0.5) / STEPS as f64;
            let value = self.high + (self.low - self.high) * share;
            let place = top + tall * step as f64 / STEPS as f64;
            canvas.rectangle((left, place), (12.0, tall / STEPS as f64 + 0.3), &self.colour(value));
        }
        let look = Type { anchor: Anchor::Start, colour: QUIET, ..VALUE };
        let middle = (self.high + self.low) / 2.0;
        for (value, place) in [(self.high, top + 9.0), (middle, top + tall / 2.0 + 4.0), (self.low, top + tall)] {
            canvas.text((left + 17.0, place), &short(value, 2), look, 0.0);
        }
    }
}
