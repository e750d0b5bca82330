//! From values to places along an axis, and the round values that are marked on it.

use crate::studies::Scale;

/// Most decades that get their tenths marked too.
const TENTHS: f64 = 4.0;

/// One axis: the values at its two ends, and where these are.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ruler {
    scale: Scale,
    /// Values at the ends, as they are on paper: logarithms to base 10 where the scale is that.
    ends: (f64, f64),
    /// Places of the ends.
    places: (f64, f64),
}

/// A marked value.
#[derive(Clone, Debug, PartialEq)]
pub struct Tick {
    /// Where it is.
    pub place: f64,
    /// The value as text; empty for a mark without one.
    pub label: String,
}

impl Ruler {
    /// An axis that has room for these values; those that cannot be shown are passed over. `must` are shown as they are,
    /// with no room around them: the foot of bars.
    pub fn around(values: impl Iterator<Item = f64>, must: Option<f64>, scale: Scale, places: (f64, f64)) -> Self {
        let flat = Self { scale, ends: (0.0, 1.0), places };
        let shown = values.filter_map(|value| flat.on_paper(value));
        let (low, high) = shown.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), v| (low.min(v), high.max(v)));
        let foot = must.and_then(|value| flat.on_paper(value));
        let (low, high) = foot.map_or((low, high), |foot| (low.min(foot), high.max(foot)));
        if low > high {
            return flat;
        }
        let spread = high - low;
        // A single value stands in the middle of something.
        let room = if spread > 1e-12 * high.abs().max(1e-300) { 0.05 * spread } else { (0.1 * high.abs()).max(0.5) };
        let keeps = |end: f64| foot == Some(end);
        let ends = (if keeps(low) { low } else { low - room }, if keeps(high) { high } else { high + room });
        Self { scale, ends, places }
    }

    /// From `low` to `high` and no further.
    pub fn between(low: f64, high: f64, places: (f64, f64)) -> Self {
        Self { scale: Scale::Linear, ends: (low, high), places }
    }

    fn on_paper(&self, value: f64) -> Option<f64> {
        let paper = match self.scale {
            Scale::Linear => value,
            Scale::Log if value > 0.0 => value.log10(),
            Scale::Log => return None,
        };
        paper.is_finite().then_some(paper)
    }

    fn place_of(&self, paper: f64) -> f64 {
        let ((low, high), (from, to)) = (self.ends, self.places);
        from + (paper - low) / (high - low) * (to - from)
    }

    /// Where a value is; none where the axis cannot show it.
    pub fn place(&self, value: f64) -> Option<f64> {
        self.on_paper(value).map(|paper| self.place_of(paper))
    }

    /// The place of the lower end.
    pub fn foot(&self) -> f64 {
        match self.place(0.0) {
            Some(zero) if self.ends.0 <= 0.0 && self.ends.1 >= 0.0 => zero,
            _ => self.places.0,
        }
    }

    /// Round values, about so many of them.
    pub fn ticks(&self, about: usize) -> Vec<Tick> {
        let decades = self.ends.1 - self.ends.0;
        match self.scale {
            Scale::Log if decades >= 0.7 => self.decades(about),
            Scale::Log => {
                let (low, high) = (10f64.powf(self.ends.0), 10f64.powf(self.ends.1));
                self.even(low, high, about, f64::log10)
            }
            Scale::Linear => self.even(self.ends.0, self.ends.1, about, |value| value),
        }
    }

    /// Whole numbers for the rows or columns of a matrix that is `length` long, counted from 1.
    pub fn counts(&self, length: f64) -> Vec<Tick> {
        let count = (self.ends.1 - self.ends.0).round() as usize;
        let stride = (1..).find(|stride| length / count as f64 * *stride as f64 >= 24.0).unwrap_or(count.max(1));
        let named = (0..count).filter(|at| at % stride == 0);
        named.map(|at| Tick { place: self.place_of(at as f64), label: (at + 1).to_string() }).collect()
    }

    fn even(&self, low: f64, high: f64, about: usize, paper: fn(f64) -> f64) -> Vec<Tick> {
        let step = round_step((high - low) / about as f64);
        let (first, last) = ((low / step).ceil() as i64, (high / step).floor() as i64);
        let values = (first..=last).map(|count| count as f64 * step);
        let most = low.abs().max(high.abs());
        values.map(|value| Tick { place: self.place_of(paper(value)), label: label(value, step, most) }).collect()
    }

    fn decades(&self, about: usize) -> Vec<Tick> {
        let (low, high) = (self.ends.0.ceil() as i64, self.ends.1.floor() as i64);
        let stride = ((high - low + 1) as f64 / about as f64).ceil().max(1.0) as i64;
        let few = self.ends.1 - self.ends.0 <= TENTHS;
        let tight = self.ends.1 - self.ends.0 <= 2.0;
        let plain = low >= -3 && high <= 3;
        let mut ticks = Vec::new();
        for decade in low - 1..=high {
            for digit in 1..10 {
                let paper = decade as f64 + f64::from(digit).log10();
                let named = (digit == 1 && decade.rem_euclid(stride) == 0) || (tight && matches!(digit, 2 | 5));
                let marked = named || digit == 1 || few;
                if marked && (self.ends.0..=self.ends.1).contains(&paper) {
                    let label = if named { power(decade, digit, plain) } else { String::new() };
                    ticks.push(Tick { place: self.place_of(paper), label });
                }
            }
        }
        ticks
    }
}

/// The next of 1, 2, 2.5, 5, 10 … from here up.
fn round_step(least: f64) -> f64 {
    let decade = 10f64.powf(least.log10().floor());
    let steps = [1.0, 2.0, 2.5, 5.0];
    steps.map(|step| step * decade).into_iter().find(|step| *step >= 0.999 * least).unwrap_or(10.0 * decade)
}

/// A value with as many digits as the step between two needs; `most` is the largest on the axis.
fn label(value: f64, step: f64, most: f64) -> String {
    let value = if value.abs() < 1e-9 * step { 0.0 } else { value };
    if !(1e-3..1e6).contains(&most) {
        let digits = (value.abs() / step).log10().floor().max(0.0) as usize;
        return short(value, digits + 2);
    }
    let decimals = (0..12).find(|&digits| {
        let scaled = step * 10f64.powi(digits);
        (scaled - scaled.round()).abs() < 1e-6 * scaled
    });
    let decimals = decimals.unwrap_or(12) as usize;
    format!("{value:.decimals$}").replace('-', "−")
}

/// `digit` times a power of ten, or the number itself.
fn power(decade: i64, digit: i32, plain: bool) -> String {
    if plain {
        let decimals = (-decade).max(0) as usize;
        return format!("{:.decimals$}", f64::from(digit) * 10f64.powi(decade as i32));
    }
    let power = match decade {
        0 => return digit.to_string(),
        1 => "10".into(),
        decade => format!("10{}", superscript(decade)),
    };
    if digit == 1 { power } else { format!("{digit}·{power}") }
}

fn superscript(number: i64) -> String {
    const DIGITS: [char; 10] = ['⁰', '¹', '²', '³', '⁴', '⁵', '⁶', '⁷', '⁸', '⁹'];
    let digits = number.to_string();
    digits.chars().map(|c| c.to_digit(10).map_or('⁻', |digit| DIGITS[digit as usize])).collect()
}

/// A number for people, with so many significant digits.
pub fn short(value: f64, digits: usize) -> String {
    if value == 0.0 || !value.is_finite() {
        return if value == 0.0 { "0".into() } else { value.to_string().replace('-', "−").replace("inf", "∞") };
    }
    let decade = value.abs().log10().floor() as i64;
    let text = if (-3..6).contains(&decade) {
        let decimals = (digits as i64 - 1 - decade).max(0) as usize;
        let text = format!("{value:.decimals$}");
        if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_string() } else { text }
    } else {
        let shown = format!("{value:.*e}", digits.saturating_sub(1));
        let (mantissa, exponent) = shown.split_once('e').unwrap_or((&shown, "0"));
        let mantissa =
            if mantissa.contains('.') { mantissa.trim_end_matches('0').trim_end_matches('.') } else { mantissa };
        let exponent = superscript(exponent.parse().unwrap_or(0));
        if mantissa == "1" { format!("10{exponent}") } else { format!("{mantissa}·10{exponent}") }
    };
    text.replace('-', "−")
}
